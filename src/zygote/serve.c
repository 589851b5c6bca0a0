/* SPDX-License-Identifier: MIT */
/* The zygote's loop: runs in, one guest for each, reports out. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/compat.h"
#include "../core/fd.h"
#include "../core/proc.h"
#include "../supervise/guest.h"
#include "../supervise/tree.h"
#include "zygote.h"

#define MS UINT64_C(1000000) /* nanoseconds */
#define SHORT_RUN_MS 2

struct guest {
  struct guest *next, *prev;
  uint64_t id;
  int pidfd;
  bool failed; /* `err` says why it never became one */
  struct sbx_err err;
  struct sbx_guest state;
  struct sbx_stall stall; /* its cgroup */
};

struct loop {
  struct sbx_zygote *zygote;
  struct guest *guests;
  size_t running;   /* how many they are */
  uint64_t next_ns; /* not later than the first thing that is due */
  unsigned told;    /* of spares */
  struct sbx_tree tree;
};

/* Not on the stack, of which it would take ten pages. */
static struct sbx_ctl *report(enum sbx_ctl_type type, uint64_t run) {
  static struct sbx_ctl msg;
  sbx_ctl_begin(&msg, type, run);
  return &msg;
}

static void tell_with(struct sbx_ctl *msg, const int *fds, int nfds) {
  int rc;
  while ((rc = sbx_ctl_send(SBX_CTL_FD, msg, fds, nfds)) == -EAGAIN)
    poll(&(struct pollfd){.fd = SBX_CTL_FD, .events = POLLOUT}, 1, -1);
  if (rc < 0) /* Nobody is left to work for; the guests die with their parent. */
    _exit(1);
}

static void tell(struct sbx_ctl *msg) {
  tell_with(msg, NULL, 0);
}

static void refuse(uint64_t id, enum sbx_stage stage, int errnum, const char *what) {
  struct sbx_ctl *msg = report(SBX_CTL_FAILED, id);
  sbx_err_set(&msg->u.err, stage, errnum, "%s: %s", what, strerror(errnum));
  tell(msg);
}

static struct guest *find(struct loop *l, uint64_t id) {
  struct guest *g = l->guests;
  while (g && g->id != id)
    g = g->next;
  return g;
}

static void forget(struct loop *l, struct guest *g) {
  if (g->prev)
    g->prev->next = g->next;
  else
    l->guests = g->next;
  if (g->next)
    g->next->prev = g->prev;
  /* By hand, since guests that were forked meanwhile may hold copies of the descriptor. */
  epoll_ctl(l->zygote->epoll_fd, EPOLL_CTL_DEL, g->pidfd, NULL);
  sbx_fd_close(&g->pidfd);
  l->running--;
  sbx_stalls_give_back(l->zygote, &g->stall);
  free(g);
}

/* A child stays a child until it is reaped, so its number is its own. */
static void signal_guest(struct guest *g, int sig) {
  if (sig)
    kill(g->state.pid, sig);
}

static void watch_guest(struct loop *l, struct guest *g, pid_t pid, bool sampled) {
  sbx_guest_start(&g->state, &l->zygote->policy, pid, true, &l->tree, true);
  g->state.waiter_io_fd = l->zygote->io_fd;
  uint64_t next = sbx_guest_next_ns(&g->state);
  l->next_ns = next < l->next_ns ? next : l->next_ns;
  g->next = l->guests;
  if (g->next)
    g->next->prev = g;
  l->guests = g;
  l->running++;
  g->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = g};
  if (g->pidfd < 0 || epoll_ctl(l->zygote->epoll_fd, EPOLL_CTL_ADD, g->pidfd, &event) < 0) {
    /* Its end could not be seen: it is made to come at once, and waited for. */
    int errnum = errno;
    kill(pid, SIGKILL);
    while (!sbx_guest_reap(&g->state, pid))
      poll(NULL, 0, 1);
    refuse(g->id, SBX_STAGE_FORK, errnum, "pidfd_open");
    forget(l, g);
    return;
  }
  struct sbx_ctl *msg = report(SBX_CTL_STARTED, g->id);
  msg->u.started = (struct sbx_ctl_started){.pid = pid, .start_ns = g->state.exit.start_ns};
  tell_with(msg, &g->pidfd, sampled && (l->zygote->policy.use & SBX_USE_NAMESPACES) ? 1 : 0);
}

/* Returns whether this is the guest. */
static bool start_guest(struct loop *l, struct sbx_ctl *msg, const int *fds, int nfds) {
  if (nfds != sbx_zygote_run_fds(l->zygote) || find(l, msg->run) ||
      !sbx_ctl_run_valid(&msg->u.run_args)) {
    refuse(msg->run, SBX_STAGE_CONTROL, EPROTO, "RUN");
    return false;
  }
  struct sbx_guard_run run = sbx_zygote_guard_run(l->zygote, &msg->u.run_args);
  sbx_zygote_make_ready(&run, &msg->u.run_args);
  struct guest *g = calloc(1, sizeof *g);
  pid_t self = getpid(), pid = -1;
  if (g)
    pid = sbx_spares_use(l->zygote, msg, fds, sbx_now_mono_ns(), &g->stall);
  if (pid == 0 && (pid = sbx_stalls_fork(l->zygote, &g->stall)) == 0) {
    free(g);
    sbx_zygote_become_guest(l->zygote, msg, fds, self);
    return true;
  }
  if (pid < 0) {
    refuse(msg->run, SBX_STAGE_FORK, errno, "fork");
    free(g);
    return false;
  }
  g->id = msg->run;
  watch_guest(l, g, pid, msg->u.run_args.sampled);
  return false;
}

static void on_end(struct loop *l, const struct sbx_ctl *msg) {
  struct guest *g = find(l, msg->run);
  if (!g)
    return;
  int sig = SIGKILL;
  if (msg->type == SBX_CTL_TERM)
    sig = sbx_guest_end(&g->state, SBX_REASON_TERM, sbx_now_mono_ns());
  else
    sbx_guest_blame(&g->state, SBX_REASON_KILL);
  signal_guest(g, sig);
  uint64_t next = sbx_guest_next_ns(&g->state);
  l->next_ns = next < l->next_ns ? next : l->next_ns;
}

/* One message. Returns whether this is a guest. */
static bool on_control(struct loop *l) {
  static struct sbx_ctl msg; /* It is large, and the guest's stack starts here. */
  int fds[SBX_CTL_MAX_FDS], nfds;
  int rc = sbx_ctl_recv(SBX_CTL_FD, MSG_DONTWAIT, &msg, fds, &nfds);
  if (rc == -EAGAIN)
    return false;
  if (rc != 1)
    _exit(rc == 0 ? 0 : 1); /* The guests die with their parent. */
  if (msg.type == SBX_CTL_RUN) {
    if (start_guest(l, &msg, fds, nfds))
      return true;
  } else if (msg.type == SBX_CTL_TERM || msg.type == SBX_CTL_KILL) {
    on_end(l, &msg);
  }
  while (nfds > 0)
    sbx_fd_close(&fds[--nfds]);
  return false;
}

static void read_failures(struct loop *l) {
  struct sbx_zygote_failure failure;
  while (read(l->zygote->status[0], &failure, sizeof failure) == (ssize_t)sizeof failure) {
    struct guest *g = find(l, failure.run);
    if (!g)
      continue;
    g->failed = true;
    g->err = failure.err;
    g->err.text[SBX_ERR_TEXT_MAX - 1] = '\0';
  }
}

static void on_gone(struct loop *l, struct guest *g) {
  if (!sbx_guest_reap(&g->state, g->state.pid))
    return;
  int status = g->state.exit.status;
  if (WIFEXITED(status) && WEXITSTATUS(status) == SBX_ZYGOTE_FAILED)
    read_failures(l);
  struct sbx_ctl *msg = report(g->failed ? SBX_CTL_FAILED : SBX_CTL_EXIT, g->id);
  if (g->failed)
    msg->u.err = g->err;
  else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && sbx_cgroup_ran_out(&g->stall))
    sbx_guest_blame(&g->state, SBX_REASON_MEMORY);
  if (!g->failed)
    msg->u.exit = *sbx_guest_report(&g->state);
  tell(msg);
  forget(l, g);
}

static void on_time(struct loop *l) {
  uint64_t now = sbx_now_mono_ns(), first = UINT64_MAX;
  sbx_spares_due(l->zygote, now);
  if (now < l->next_ns)
    return;
  for (struct guest *g = l->guests; g; g = g->next) {
    signal_guest(g, sbx_guest_due(&g->state, now));
    uint64_t next = sbx_guest_next_ns(&g->state);
    first = next < first ? next : first;
  }
  l->next_ns = first;
}

/* Only before it waits: one that was used and replaced is no news. */
static void tell_spares(struct loop *l) {
  unsigned n = sbx_spares_count();
  if (n == l->told)
    return;
  l->told = n;
  struct sbx_ctl *msg = report(SBX_CTL_SPARES, 0);
  msg->u.spares.n = n;
  tell(msg);
}

/* Milliseconds, rounded up, so that what is due is due then. To fork takes as long as a short run,
 * whose end nobody would see meanwhile: a spare waits for the end of one that is alone. */
static int patience(struct loop *l) {
  uint64_t now = sbx_now_mono_ns(), next = sbx_spares_next_ns();
  next = l->next_ns < next ? l->next_ns : next;
  if (sbx_spares_wanted(&l->zygote->policy, l->running, now))
    return l->running == 1 ? SHORT_RUN_MS : 0;
  tell_spares(l);
  if (next == UINT64_MAX)
    return -1;
  uint64_t wait = next > now ? (next - now + MS - 1) / MS : 0;
  return wait > 3600000 ? 3600000 : (int)wait;
}

static int open_loop(struct sbx_zygote *z) {
  struct epoll_event control = {.events = EPOLLIN};
  sbx_fd_raise_limit(); /* Each guest that is alive takes two descriptors. */
  if (pipe2(z->status, O_CLOEXEC | O_NONBLOCK) < 0)
    return -errno;
  z->io_fd = sbx_proc_io_open(getpid()); /* Once it is not dumpable it could not. */
  z->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (z->epoll_fd < 0 || epoll_ctl(z->epoll_fd, EPOLL_CTL_ADD, SBX_CTL_FD, &control) < 0)
    return -errno;
  int rc = sbx_stalls_open(z);
  return rc < 0 ? rc : sbx_zygote_note_descriptors(z);
}

/* Reads the policy and opens what the guests' guards share. */
static int prepare(struct sbx_zygote *z, struct sbx_err *err) {
  struct sbx_proc_mem mem = {0};
  int fd = SBX_POLICY_FD;
  int rc = sbx_policy_read(fd, &z->policy, err);
  if (rc < 0)
    return rc;
  sbx_fd_close(&fd);
  z->shared =
      (struct sbx_guard_shared){.policy = &z->policy, .net_fd = -1, .pen_fd = -1, .forked = true};
  rc = sbx_guards_open(&z->shared, err);
  if (rc < 0)
    return rc;
  /* Once for all guests: it is forty system calls. One that preloads had it dropped before. */
  rc = z->policy.preload_ms > 0 ? 0 : sbx_guard_drop_bounding_set(err);
  if (rc < 0)
    return rc;
  rc = open_loop(z);
  if (rc == -EBADF && z->policy.preload_ms > 0)
    return sbx_err_set(err, SBX_STAGE_PRELOAD, EBADF,
                       "execution.preload left a file or a socket open, which guests cannot share");
  sbx_arena_settle();
  if (rc == 0)
    rc = sbx_proc_mem(getpid(), &mem);
  if (rc < 0)
    return sbx_err_set(err, SBX_STAGE_FORK, -rc, "the zygote's loop: %s", strerror(-rc));
  z->inherited_bytes = mem.data_kb * 1024;
  sbx_zygote_find_seed();
  sbx_zygote_fill_heap();
  return sbx_zygote_share_memory(err);
}

/* Until now its own memory was open to itself in /proc; no guest is there before. */
static int close_memory(struct sbx_err *err) {
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
    return 0;
  return sbx_err_set(err, SBX_STAGE_PRIVILEGES, errno, "PR_SET_DUMPABLE: %s", strerror(errno));
}

int sbx_zygote_serve(struct sbx_zygote *zygote, struct sbx_err *err) {
  static struct loop loop;
  struct loop *l = &loop;
  int rc = prepare(zygote, err);
  if (rc == 0 && zygote->policy.spares > 0 && sbx_zygote_study(zygote))
    return 1;
  if (rc == 0)
    rc = close_memory(err);
  if (rc == 0)
    rc = sbx_guards_apply_common(&zygote->shared, err);
  if (rc < 0) {
    struct sbx_ctl *fatal = report(SBX_CTL_FATAL, 0);
    fatal->u.err = *err;
    sbx_ctl_send(SBX_CTL_FD, fatal, NULL, 0);
    return rc;
  }
  *l = (struct loop){.zygote = zygote, .next_ns = UINT64_MAX};
  tell(report(SBX_CTL_READY, 0));
  for (;;) {
    struct epoll_event events[32];
    int n = epoll_wait(zygote->epoll_fd, events, 32, patience(l));
    /* Ends first: they make room, and a guest that begins now leaves this loop. */
    for (int i = 0; i < n; i++)
      if (events[i].data.ptr)
        on_gone(l, events[i].data.ptr);
    on_time(l);
    for (int i = 0; i < n; i++)
      if (!events[i].data.ptr && on_control(l))
        return 0;
    if (n == 0 && sbx_spares_wanted(&zygote->policy, l->running, sbx_now_mono_ns()) &&
        sbx_spares_fork(zygote))
      return 0;
  }
}
