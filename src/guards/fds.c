/* SPDX-License-Identifier: MIT */
/* The guest's descriptor table: /dev/null, stdout, stderr, the data socket, and nothing else.
 * Guest's process, between fork() and execve(). */
#include "guards.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../core/control.h"

#define FIRST_FREE (SBX_GUEST_DATA_FD + 1)

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static int fail(struct sbx_err *err, const char *what) {
  return sbx_err_set(err, SBX_STAGE_FDS, errno, "%s: %s", what, strerror(errno));
}

int sbx_guard_fds(struct sbx_guard_run *run, struct sbx_err *err) {
  /* The sources may lie among the targets 0 to 3: lift all of them out of the way first. */
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0)
    return fail(err, "open /dev/null");
  int from[FIRST_FREE] = {null, run->stdout_fd, run->stderr_fd, run->data_fd};
  /* The status pipe goes to FIRST_FREE, so that everything above it can be closed in one call. */
  int high = fcntl(run->status_fd, F_DUPFD_CLOEXEC, 16);
  if (high < 0)
    return fail(err, "duplicating the status pipe");
  run->status_fd = high;
  for (int i = 0; i < FIRST_FREE; i++)
    if ((from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 16)) < 0)
      return fail(err, "duplicating a descriptor");
  for (int i = 0; i < FIRST_FREE; i++)
    if (dup2(from[i], i) < 0)
      return fail(err, "dup2");
  if (dup3(run->status_fd, FIRST_FREE, O_CLOEXEC) < 0)
    return fail(err, "dup3");
  run->status_fd = FIRST_FREE;
  run->data_fd = SBX_GUEST_DATA_FD;
  run->stdout_fd = STDOUT_FILENO;
  run->stderr_fd = STDERR_FILENO;
  if (syscall(SYS_close_range, FIRST_FREE + 1, ~0U, 0) == 0)
    return 0;
  if (errno != ENOSYS)
    return fail(err, "close_range");
  /* Kernels before 5.9. RLIMIT_NOFILE was not lowered yet, so it bounds every open number. */
  long max = sysconf(_SC_OPEN_MAX);
  for (long fd = FIRST_FREE + 1; fd < max; fd++)
    close((int)fd);
  return 0;
}
