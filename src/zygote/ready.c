/* SPDX-License-Identifier: MIT */
/* Views that are ready to be entered. To build one takes a run some six hundred system calls, and
 * runs tend to have the same working directory and grants as one before: the second such run gets
 * one that others after it can enter a copy of. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/proc.h"
#include "../guards/landlock.h"
#include "../guards/paths.h"
#include "../guards/stamps.h"
#include "zygote.h"

#define MAX_READY 8 /* each holds a descriptor for each grant, and a mount namespace */
#define MAX_HELD 96 /* descriptors of one */
#define MAX_SEEN 32
#define LATER_NS UINT64_C(10000000000)
#define PATIENCE_MS 2000
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

/* A view has a /proc of its own, whose files are not those of the same names that the zygote sees:
 * Landlock goes by the file. */
static bool lies_in_its_proc(const struct sbx_grant *grant) {
  return grant->beneath && sbx_path_within(grant->real, "/proc");
}

/* A confined zygote is in its guests' view, and holds all of it itself. */
static int hold_files(struct sbx_ready_view *ready, bool nested) {
  const struct sbx_view *view = &ready->view;
  ready->held = calloc(view->n_grants + 1, sizeof *ready->held);
  if (!ready->held)
    return -ENOMEM;
  for (size_t i = 0; i < view->n_grants; i++) {
    const struct sbx_grant *g = &view->grants[i];
    bool here = g->beneath && (nested || !lies_in_its_proc(g));
    ready->held[i] = here ? sbx_landlock_hold(g) : -1;
  }
  return 0;
}

/* The mount namespace, then what is granted of its /proc, a message each. */
static void __attribute__((noreturn)) make_and_end(const struct sbx_guard_run *run, int sock) {
  static struct sbx_ctl msg;
  const struct sbx_view *view = &run->ready->view;
  sbx_ctl_begin(&msg, SBX_CTL_FATAL, 0);
  int fd = -1;
  if (chdir(run->workdir) == 0 && sbx_guards_make_ready(run, &msg.u.err) == 0)
    fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (fd >= 0)
    msg.type = SBX_CTL_READY;
  int rc = sbx_ctl_send(sock, &msg, &fd, fd >= 0 ? 1 : 0);
  for (size_t i = 0; fd >= 0 && rc == 0 && i < view->n_grants; i++)
    if (lies_in_its_proc(&view->grants[i])) {
      int file = sbx_landlock_hold(&view->grants[i]);
      rc = sbx_ctl_send(sock, &msg, &file, file >= 0 ? 1 : 0);
      sbx_fd_close(&file);
    }
  _exit(0);
}

/* Returns whether a message came; *fd is -1 when nothing came with it. */
static bool take_file(int sock, int *fd) {
  static struct sbx_ctl msg;
  int fds[SBX_CTL_MAX_FDS], nfds = 0;
  struct pollfd p = {.fd = sock, .events = POLLIN};
  *fd = -1;
  if (poll(&p, 1, PATIENCE_MS) != 1 || sbx_ctl_recv(sock, 0, &msg, fds, &nfds) != 1)
    return false;
  if (nfds == 1)
    *fd = fds[0];
  while (nfds > 1)
    sbx_fd_close(&fds[--nfds]);
  return msg.type == SBX_CTL_READY;
}

static bool take_namespace(int sock, struct sbx_ready_view *ready) {
  bool taken = take_file(sock, &ready->ns_fd) && ready->ns_fd >= 0;
  for (size_t i = 0; taken && i < ready->view.n_grants; i++)
    if (lies_in_its_proc(&ready->view.grants[i]))
      taken = take_file(sock, &ready->held[i]);
  return taken;
}

/* A child enters the view, so that the zygote goes on to see the files of the host. */
static bool make_namespace(const struct sbx_guard_run *run, struct sbx_ready_view *ready) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return false;
  pid_t pid = fork();
  if (pid == 0)
    make_and_end(run, pair[1]);
  sbx_fd_close(&pair[1]);
  bool made = pid > 0 && take_namespace(pair[0], ready);
  sbx_fd_close(&pair[0]);
  if (pid > 0 && !made)
    kill(pid, SIGKILL);
  while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
    ;
  return made;
}

/* What may keep this loop waiting, which holds the deadlines of all guests, is each guest's own to
 * wait for: it makes its own view. Whether that is still so is asked now and then. */
static struct { uint64_t hash, until_ns; } later[MAX_SEEN];
static unsigned next_later;

static void put_off(const struct sbx_ctl_run *args) {
  later[next_later].hash = hash(args);
  later[next_later].until_ns = sbx_now_mono_ns() + LATER_NS;
  next_later = (next_later + 1) % MAX_SEEN;
}

static bool is_put_off(const struct sbx_ctl_run *args) {
  uint64_t h = hash(args), now = sbx_now_mono_ns();
  for (size_t i = 0; i < MAX_SEEN; i++)
    if (later[i].hash == h && now < later[i].until_ns)
      return true;
  return false;
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
  if (e->grants)
    e->stamps = sbx_stamps_take(run->policy->grants, e->grants, e->args->workdir);
  bool local = e->stamps && sbx_stamps_local(e->stamps);
  if (run->nested && e->stamps) {
    sbx_stamps_free(e->stamps);
    e->stamps = NULL;
  }
  struct sbx_view_request request = {run->policy->grants, e->grants, NULL, true};
  struct sbx_guard_run with = *run;
  with.ready = &e->ready;
  bool made = local && sbx_view_build(&request, &e->ready.view, &err) == 0 &&
              can_be_joined(&e->ready.view) && hold_files(&e->ready, run->nested) == 0;
  /* A zygote that is confined has its guests in its own. */
  if (made && !run->nested)
    made = make_namespace(&with, &e->ready);
  if (made) {
    changes++;
    return e;
  }
  if (!local)
    put_off(args);
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
  if (!e && !is_put_off(args))
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
