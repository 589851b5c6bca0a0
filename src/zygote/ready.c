/* SPDX-License-Identifier: MIT */
/* Views that are ready to be entered. To build one takes a run some six hundred system calls, and
 * runs tend to have the same working directory and grants as one before: the second such run gets
 * one that others after it can enter a copy of. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../guards/landlock.h"
#include "../guards/paths.h"
#include "../guards/stamps.h"
#include "zygote.h"

#define MAX_READY 8 /* each holds a descriptor for each grant, and a mount namespace */
#define MAX_HELD 96 /* descriptors of one */
#define MAX_SEEN 32
#define EXPECT_AFTER 4 /* runs alike in a row: others may come in turn */

struct entry {
  struct entry *next;
  struct sbx_ctl_run *args;  /* what it was made for */
  char **grants;             /* pointers into them */
  struct sbx_stamps *stamps; /* NULL: not of the host's files, so that the launcher looks */
  struct sbx_ready_view ready;
};

static struct entry *entries; /* the one used last comes first */
static uint64_t seen[MAX_SEEN];
static unsigned next_seen;
static unsigned changes;
static unsigned alike; /* runs before the last one that had the same as it */

static void drop(struct entry *e) {
  changes++;
  for (size_t i = 0; e->ready.held && i < e->ready.view.n_grants; i++)
    sbx_fd_close(&e->ready.held[i]);
  sbx_fd_close(&e->ready.ns_fd);
  sbx_view_free(&e->ready.view);
  free(e->ready.held);
  sbx_stamps_free(e->stamps);
  free(e->grants);
  free(e->args);
  free(e);
}

static bool same(const struct sbx_ctl_run *a, const struct sbx_ctl_run *b) {
  return a->grants_len == b->grants_len && strcmp(a->workdir, b->workdir) == 0 &&
         memcmp(a->grants, b->grants, a->grants_len) == 0;
}

/* FNV-1a. Two runs that have the same by chance only get a view sooner. */
static uint64_t hash(const struct sbx_ctl_run *args) {
  uint64_t h = UINT64_C(14695981039346656037);
  for (const char *at = args->workdir; *at; at++)
    h = (h ^ (unsigned char)*at) * UINT64_C(1099511628211);
  for (uint32_t i = 0; i < args->grants_len; i++)
    h = (h ^ (unsigned char)args->grants[i]) * UINT64_C(1099511628211);
  return h;
}

static bool seen_before(const struct sbx_ctl_run *args) {
  uint64_t h = hash(args);
  for (size_t i = 0; i < MAX_SEEN; i++)
    if (seen[i] == h)
      return true;
  seen[next_seen++ % MAX_SEEN] = h;
  return false;
}

/* A link beneath /tmp would be covered by the /tmp of a run's own. */
static bool can_be_joined(const struct sbx_view *view) {
  for (size_t i = 0; i < view->n_grants; i++) {
    const struct sbx_grant *g = &view->grants[i];
    if (sbx_path_within(g->path, "/tmp") && strcmp(g->path, g->real) != 0)
      return false;
  }
  return view->n_grants <= MAX_HELD;
}

static int hold_files(struct sbx_ready_view *ready) {
  const struct sbx_view *view = &ready->view;
  ready->held = calloc(view->n_grants + 1, sizeof *ready->held);
  if (!ready->held)
    return -ENOMEM;
  for (size_t i = 0; i < view->n_grants; i++)
    ready->held[i] = view->grants[i].beneath ? sbx_landlock_hold(&view->grants[i]) : -1;
  return 0;
}

static void __attribute__((noreturn)) make_and_end(const struct sbx_guard_run *run, int sock) {
  static struct sbx_ctl msg;
  sbx_ctl_begin(&msg, SBX_CTL_FATAL, 0);
  int ns_fd = -1;
  if (chdir(run->workdir) == 0 && sbx_guards_make_ready(run, &msg.u.err) == 0)
    ns_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (ns_fd >= 0)
    msg.type = SBX_CTL_READY;
  sbx_ctl_send(sock, &msg, &ns_fd, ns_fd >= 0 ? 1 : 0);
  _exit(0);
}

/* A child enters the view, so that the zygote goes on to see the files of the host. */
static int make_namespace(const struct sbx_guard_run *run) {
  static struct sbx_ctl msg;
  int pair[2], fds[SBX_CTL_MAX_FDS], nfds = 0;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return -1;
  pid_t pid = fork();
  if (pid == 0)
    make_and_end(run, pair[1]);
  sbx_fd_close(&pair[1]);
  int rc = pid < 0 ? -1 : sbx_ctl_recv(pair[0], 0, &msg, fds, &nfds);
  sbx_fd_close(&pair[0]);
  while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
    ;
  if (rc == 1 && msg.type == SBX_CTL_READY && nfds == 1)
    return fds[0];
  while (nfds > 0)
    sbx_fd_close(&fds[--nfds]);
  return -1;
}

static struct entry *make(const struct sbx_guard_run *run, const struct sbx_ctl_run *args) {
  struct entry *e = calloc(1, sizeof *e);
  struct sbx_err err;
  size_t size = offsetof(struct sbx_ctl_run, grants) + args->grants_len;
  if (!e)
    return NULL;
  e->ready.ns_fd = -1;
  e->args = malloc(size);
  if (e->args) {
    memcpy(e->args, args, size); /* NOLINT: as long as its grants, as the message was */
    e->grants = sbx_ctl_grants(e->args);
  }
  if (e->grants && !run->nested)
    e->stamps = sbx_stamps_take(run->policy->grants, e->grants, e->args->workdir);
  struct sbx_view_request request = {run->policy->grants, e->grants, NULL, true};
  struct sbx_guard_run with = *run;
  with.ready = &e->ready;
  bool made = e->grants && (e->stamps || run->nested) &&
              sbx_view_build(&request, &e->ready.view, &err) == 0 &&
              can_be_joined(&e->ready.view) && hold_files(&e->ready) == 0;
  /* A zygote that is confined has its guests in its own. */
  if (made && !run->nested) {
    e->ready.ns_fd = make_namespace(&with);
    made = e->ready.ns_fd >= 0;
  }
  if (made) {
    changes++;
    return e;
  }
  drop(e);
  return NULL;
}

static void drop_oldest(void) {
  struct entry **at = &entries;
  for (size_t n = 0; *at && n < MAX_READY; n++)
    at = &(*at)->next;
  if (!*at)
    return;
  drop(*at);
  *at = NULL;
}

void sbx_zygote_make_ready(const struct sbx_guard_run *run, const struct sbx_ctl_run *args) {
  struct entry **at = &entries;
  if (!sbx_guards_can_make_ready(run))
    return;
  while (*at && !same((*at)->args, args))
    at = &(*at)->next;
  struct entry *e = *at;
  alike = e && e == entries ? alike + 1 : 0;
  if (e) {
    *at = e->next;
    if (e->stamps && !sbx_stamps_hold(e->stamps)) {
      drop(e);
      e = NULL;
    }
  } else if (!seen_before(args)) {
    return;
  }
  if (!e)
    e = make(run, args);
  if (!e)
    return;
  e->next = entries;
  entries = e;
  drop_oldest();
}

const struct sbx_ready_view *sbx_zygote_find_ready(const struct sbx_ctl_run *args) {
  for (const struct entry *e = entries; e; e = e->next)
    if (same(e->args, args))
      return &e->ready;
  return NULL;
}

unsigned sbx_zygote_ready_count(void) {
  return changes;
}

struct sbx_ctl_run *sbx_zygote_expected(void) {
  return entries && alike >= EXPECT_AFTER ? entries->args : NULL;
}
