/* SPDX-License-Identifier: MIT */
/* How many inotify instances and watches the guests of a launcher have together. The kernel counts
 * them for a user, in its user namespace and in those above (kernel/ucount.c): without a limit of
 * its own, one guest takes all that the host's user has. */
#include "namespaces.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/fd.h"

/* Of what the host's user has. Some guests that watch files, several such runners, and the host. */
#define SHARE 8u

static void limit(const char *of_user, const char *of_namespace, unsigned long least) {
  char text[32] = "";
  SBX_AUTO_FD int in = open(of_user, O_RDONLY | O_CLOEXEC);
  SBX_AUTO_FD int out = open(of_namespace, O_WRONLY | O_CLOEXEC);
  if (in < 0 || out < 0 || sbx_read_full(in, text, sizeof text - 1) <= 0)
    return;
  unsigned long most = strtoul(text, NULL, 10) / SHARE;
  snprintf(text, sizeof text, "%lu", most > least ? most : least);
  sbx_write_full(out, text, strlen(text));
}

void sbx_namespaces_limit_inotify(void) {
  limit("/proc/sys/fs/inotify/max_user_instances", "/proc/sys/user/max_inotify_instances", 8);
  limit("/proc/sys/fs/inotify/max_user_watches", "/proc/sys/user/max_inotify_watches", 512);
}
