/* SPDX-License-Identifier: MIT */
/* The launcher's loop: control messages in, one init per run, reports out. It never waits for
 * anything but its epoll descriptor, and no failure here is more than one run's. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/proc.h"
#include "../guards/namespaces.h"
#include "forked.h"
#include "launcher.h"
#include "serve.h"

#define SWEEP_MS 2

static struct sbx_run **bucket(struct sbx_server *s, uint64_t id) {
  return &s->by_id[id % SBX_BUCKETS];
}

struct sbx_run *sbx_server_find(struct sbx_server *s, uint64_t id) {
  struct sbx_run *run = *bucket(s, id);
  while (run && run->id != id)
    run = run->next;
  return run;
}

static struct sbx_run *find_init(struct sbx_server *s, pid_t pid) {
  for (size_t i = 0; i < SBX_BUCKETS; i++)
    for (struct sbx_run *run = s->by_id[i]; run; run = run->next)
      if (run->init == pid && !run->lost) /* NOLINT(clang-analyzer-unix.Malloc): unlinked first */
        return run;
  return NULL;
}

static void set_control_events(struct sbx_server *s) {
  struct epoll_event event = {.data.u64 = SBX_ON_CONTROL};
  event.events = (s->host_gone ? 0 : EPOLLIN) | (s->head ? EPOLLOUT : 0);
  epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, SBX_CTL_FD, &event);
}

/* To the host, in order. Without memory to keep it, or without a host, it is lost: the host then
 * finds out by end-of-file or by its own patience. */
void sbx_server_tell(struct sbx_server *s, struct sbx_ctl *msg) {
  int rc = s->head ? -EAGAIN : sbx_ctl_send(SBX_CTL_FD, msg, NULL, 0);
  if (rc != -EAGAIN)
    return;
  size_t size = sbx_ctl_size(msg);
  struct sbx_outgoing *out = malloc(offsetof(struct sbx_outgoing, msg) + size);
  if (!out)
    return;
  memcpy(&out->msg, msg, size);
  out->next = NULL;
  *s->tail = out;
  s->tail = &out->next;
  if (s->head == out)
    set_control_events(s);
}

static void flush_host(struct sbx_server *s) {
  while (s->head) {
    struct sbx_outgoing *out = s->head;
    if (sbx_ctl_send(SBX_CTL_FD, &out->msg, NULL, 0) == -EAGAIN)
      return;
    s->head = out->next;
    free(out);
  }
  s->tail = &s->head;
  set_control_events(s);
}

void sbx_server_refuse(struct sbx_server *s, uint64_t id, int errnum, const char *what) {
  struct sbx_ctl msg;
  sbx_ctl_begin(&msg, SBX_CTL_FAILED, id);
  sbx_err_set(&msg.u.err, errnum == EPROTO ? SBX_STAGE_CONTROL : SBX_STAGE_FORK, errnum, "%s: %s",
              what, strerror(errnum));
  sbx_server_tell(s, &msg);
}

void sbx_server_drop(struct sbx_server *s, struct sbx_run *run) {
  struct sbx_run **at = bucket(s, run->id);
  while (*at != run)
    at = &(*at)->next;
  *at = run->next;
  s->runs--;
  s->lost -= run->lost ? 1 : 0;
  if (run->sock >= 0) {
    /* By hand, since an init that was just forked may still hold a copy of the descriptor. */
    epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, run->sock, NULL);
    sbx_fd_close(&run->sock);
  }
  sbx_forked_close(s, run);
  free(run);
}

void sbx_server_end(const struct sbx_run *run) {
  if (run->sock >= 0)
    shutdown(run->sock, SHUT_WR);
}

static void end_all(struct sbx_server *s) {
  s->host_gone = 1;
  set_control_events(s);
  for (size_t i = 0; i < SBX_BUCKETS; i++)
    for (struct sbx_run *run = s->by_id[i]; run; run = run->next)
      sbx_server_end(run);
}

static bool own_pids(const struct sbx_server *s) {
  return s->shared->policy->use & SBX_USE_NAMESPACES;
}

static void add_run(struct sbx_server *s, struct sbx_run *run) {
  run->next = *bucket(s, run->id);
  *bucket(s, run->id) = run;
  s->runs++;
}

/* Forks an init. `job` has what the run is about, but not yet the socket. Returns 0 or -errno with
 * *what set. */
static int fork_init(struct sbx_server *s, struct sbx_run *run, struct sbx_job *job,
                     const char **what) {
  int pair[2];
  *what = "socketpair";
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return -errno;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = run->id};
  *what = "epoll_ctl";
  int rc = epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, pair[0], &event) < 0 ? -errno : 0;
  if (rc == 0) {
    *what = "fork";
    run->init = own_pids(s) ? sbx_namespaces_fork() : fork();
    if (run->init == 0) {
      job->launcher_fd = pair[1];
      sbx_init_run(job);
    }
    rc = run->init < 0 ? -errno : 0;
  }
  sbx_fd_close(&pair[1]);
  if (rc < 0)
    sbx_fd_close(&pair[0]);
  run->sock = pair[0];
  return rc;
}

int sbx_server_start_zygote(struct sbx_server *s, struct sbx_zygote *zygote, uint64_t id, int fd,
                            const struct sbx_ctl_run *key, const char **what) {
  struct sbx_run *run = calloc(1, sizeof *run);
  *what = "calloc";
  if (!run)
    return -ENOMEM;
  *run = (struct sbx_run){.id = id, .is = zygote, .sock = -1, .listener_fd = -1};
  struct sbx_job job = {.shared = s->shared,
                        .policy = s->shared->policy,
                        .id = id,
                        .zygote_fd = fd,
                        .data_fd = -1,
                        .stdout_fd = -1,
                        .stderr_fd = -1,
                        .debug_fd = -1,
                        .args = {.workdir = "/"}};
  if (key)
    memcpy(&job.args, key, offsetof(struct sbx_ctl_run, grants) + key->grants_len);
  int rc = fork_init(s, run, &job, what);
  if (rc < 0)
    free(run);
  else
    add_run(s, run);
  return rc;
}

static int start_spawned(struct sbx_server *s, struct sbx_run *run, const struct sbx_ctl *msg,
                         const int *fds, int nfds, const char **what) {
  struct sbx_job job = {.shared = s->shared,
                        .policy = s->shared->policy,
                        .id = run->id,
                        .zygote_fd = -1,
                        .data_fd = fds[0],
                        .stdout_fd = fds[1],
                        .stderr_fd = fds[2],
                        .debug_fd = nfds > SBX_CTL_RUN_FDS ? fds[SBX_CTL_RUN_FDS] : -1,
                        .args = msg->u.run_args};
  return fork_init(s, run, &job, what);
}

static int start_forked(struct sbx_server *s, struct sbx_run *run, struct sbx_ctl *msg, int *fds,
                        const char **what) {
  SBX_AUTO_FD int guest_fd = -1;
  int nfds = SBX_CTL_RUN_FDS;
  int rc = s->shared->net_rules ? sbx_forked_open(s, run, &msg->u.run_args, &guest_fd, what) : 0;
  if (guest_fd >= 0)
    fds[nfds++] = guest_fd;
  return rc < 0 ? rc : sbx_zygotes_run(s, run, msg, fds, nfds, what);
}

/* Only the system call filter keeps a forked guest from having processes of its own, which nobody
 * would look for. */
static bool may_fork(const struct sbx_policy *policy) {
  return policy->zygote_argv[0] && (policy->use & SBX_USE_SECCOMP) &&
         !(policy->permit & SBX_PERMIT_SPAWN);
}

static void start_run(struct sbx_server *s, struct sbx_ctl *msg, int *fds, int nfds) {
  const char *what = "malloc";
  const struct sbx_ctl_run *args = &msg->u.run_args;
  int most = args->fork ? SBX_CTL_RUN_FDS : SBX_CTL_MAX_FDS;
  if (nfds < SBX_CTL_RUN_FDS || nfds > most || msg->run == 0 || msg->run > SBX_RUN_ID_MAX ||
      sbx_server_find(s, msg->run) || !sbx_ctl_run_valid(args) ||
      (args->fork && (args->ahead || !may_fork(s->shared->policy)))) {
    sbx_server_refuse(s, msg->run, EPROTO, "RUN");
    return;
  }
  struct sbx_run *run = calloc(1, sizeof *run);
  int rc = -ENOMEM;
  if (run) {
    *run = (struct sbx_run){.id = msg->run, .sock = -1, .listener_fd = -1};
    rc = args->fork ? start_forked(s, run, msg, fds, &what)
                    : start_spawned(s, run, msg, fds, nfds, &what);
  }
  if (rc < 0) {
    if (run)
      sbx_forked_close(s, run);
    free(run);
    sbx_server_refuse(s, msg->run, -rc, what);
    return;
  }
  add_run(s, run);
}

/* Without room on the way to init or broker nothing is granted, but answered all the same. */
static void grant(struct sbx_server *s, struct sbx_run *run, struct sbx_ctl *msg) {
  sbx_forked_ready(s, run);
  if (sbx_ctl_send(run->sock, msg, NULL, 0) != -EAGAIN)
    return;
  msg->type = SBX_CTL_GRANTED;
  msg->u.grant.n = 0;
  sbx_server_tell(s, msg);
}

/* An init that does not take it in, stopped or too busy, is told by end-of-file, which is KILL: a
 * run that cannot be told to begin or to end must not go on. */
static void tell_init(const struct sbx_run *run, struct sbx_ctl *msg) {
  int rc = sbx_ctl_send(run->sock, msg, NULL, 0);
  if (rc == 0 || rc == -EPIPE || rc == -ECONNRESET) /* Its end is reported when it is reaped. */
    return;
  sbx_server_end(run);
}

static void on_host_message(struct sbx_server *s, struct sbx_ctl *msg, int *fds, int nfds) {
  struct sbx_run *run = sbx_server_find(s, msg->run);
  if (msg->type == SBX_CTL_RUN)
    start_run(s, msg, fds, nfds);
  else if (run && run->of && (msg->type == SBX_CTL_TERM || msg->type == SBX_CTL_KILL))
    sbx_zygotes_end(s, run, msg);
  else if (run && !run->of &&
           (msg->type == SBX_CTL_TERM || msg->type == SBX_CTL_KILL || msg->type == SBX_CTL_BEGIN))
    tell_init(run, msg);
  else if (run && msg->type == SBX_CTL_GRANT)
    grant(s, run, msg);
  while (nfds > 0)
    sbx_fd_close(&fds[--nfds]);
}

static void on_control(struct sbx_server *s, uint32_t events) {
  struct sbx_ctl msg;
  int fds[SBX_CTL_MAX_FDS], nfds;
  if (events & EPOLLOUT)
    flush_host(s);
  /* Some at a time, so that a busy host does not keep the reports waiting. */
  for (int i = 0; i < 64 && !s->host_gone; i++) {
    int rc = sbx_ctl_recv(SBX_CTL_FD, MSG_DONTWAIT, &msg, fds, &nfds);
    if (rc == -EAGAIN)
      return;
    if (rc == 1)
      on_host_message(s, &msg, fds, nfds);
    else if (rc != -EPROTO)
      end_all(s);
  }
}

/* What an init in a PID namespace of its own takes for the guest's pid is none out here, where the
 * guest is its one child. */
static void name_guest(struct sbx_server *s, const struct sbx_run *run,
                       struct sbx_ctl_started *started) {
  if (!own_pids(s))
    return;
  bool known = sbx_tree_children(&s->tree, run->init) == 0 && s->tree.n > 0;
  started->pid = known ? s->tree.at[0].pid : 0;
}

/* Forwards what an init has to say. Returns 0 when the run is over and was dropped. */
static int read_init(struct sbx_server *s, struct sbx_run *run) {
  struct sbx_ctl msg;
  int fds[SBX_CTL_MAX_FDS], nfds;
  while (run->sock >= 0 && sbx_ctl_recv(run->sock, MSG_DONTWAIT, &msg, fds, &nfds) == 1) {
    msg.run = run->id;
    if (run->is) {
      if (msg.type != SBX_CTL_EXIT && msg.type != SBX_CTL_FAILED)
        continue;
      sbx_zygotes_gone(s, run->is, &msg);
      sbx_server_drop(s, run);
      return 0;
    }
    if (msg.type == SBX_CTL_STARTED) {
      run->start_ns = msg.u.started.start_ns;
      name_guest(s, run, &msg.u.started);
    }
    sbx_server_tell(s, &msg);
    if (msg.type == SBX_CTL_EXIT || msg.type == SBX_CTL_FAILED) {
      sbx_server_drop(s, run);
      return 0;
    }
  }
  return 1;
}

/* The same of a broker, which has less to say. */
static int read_broker(struct sbx_server *s, struct sbx_run *run) {
  struct sbx_ctl msg;
  int fds[SBX_CTL_MAX_FDS], nfds;
  while (run->sock >= 0 && sbx_ctl_recv(run->sock, MSG_DONTWAIT, &msg, fds, &nfds) == 1) {
    msg.run = run->id;
    if (msg.type == SBX_CTL_FAILED)
      sbx_forked_fail(s, run, &msg.u.err);
    else if (msg.type == SBX_CTL_KILL)
      sbx_forked_over(s, run);
    else if (msg.type == SBX_CTL_NET)
      sbx_forked_net(s, run, &msg);
    else
      sbx_server_tell(s, &msg);
    if (msg.type == SBX_CTL_NET && sbx_forked_done(s, run, true))
      return 0;
  }
  return 1;
}

static bool is_forked(const struct sbx_run *run) {
  return run->of || run->last;
}

static int read_child(struct sbx_server *s, struct sbx_run *run) {
  return is_forked(run) ? read_broker(s, run) : read_init(s, run);
}

static void lose_run(struct sbx_server *s, struct sbx_run *run) {
  epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, run->sock, NULL);
  sbx_fd_close(&run->sock);
  run->lost = 1;
  s->lost++;
}

/* It has been reaped. */
static void lose_child(struct sbx_server *s, struct sbx_run *run) {
  if (is_forked(run))
    sbx_forked_done(s, run, false);
  else
    lose_run(s, run);
}

void sbx_server_lost(struct sbx_server *s, struct sbx_run *run) {
  struct sbx_ctl msg;
  sbx_ctl_begin(&msg, SBX_CTL_EXIT, run->id);
  msg.u.exit = (struct sbx_ctl_exit){.status = SIGKILL,
                                     .reason = SBX_REASON_LOST,
                                     .start_ns = run->start_ns,
                                     .end_ns = sbx_now_real_ns()};
  sbx_server_tell(s, &msg);
  sbx_server_drop(s, run);
}

/* A child of ours that is no init was left behind by an init that was killed. Kills them and their
 * children, which then become ours, and reports the runs as lost once none is left. */
static void sweep(struct sbx_server *s) {
  size_t left = 0;
  if (s->lost == 0 || sbx_tree_children(&s->tree, getpid()) < 0)
    return;
  for (size_t i = 0; i < s->tree.n; i++)
    if (!find_init(s, s->tree.at[i].pid)) {
      kill(s->tree.at[i].pid, SIGKILL);
      left++;
    }
  if (left > 0)
    return;
  sbx_cgroup_sweep(s->shared->pen_fd);
  for (size_t i = 0; i < SBX_BUCKETS; i++)
    for (struct sbx_run *run = s->by_id[i], *next; run; run = next) {
      next = run->next;
      if (!run->lost)
        continue;
      if (run->is) {
        /* It may take other runs of this bucket along. */
        sbx_zygotes_gone(s, run->is, NULL);
        sbx_server_drop(s, run);
        return;
      }
      sbx_server_lost(s, run);
    }
}

static void reap(struct sbx_server *s) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
    struct sbx_run *run = find_init(s, pid);
    /* Nobody stops an init but a guest that wants to outlive its deadline. */
    if (WIFSTOPPED(status))
      kill(pid, SIGKILL);
    else if (run && read_child(s, run))
      lose_child(s, run);
  }
}

static void on_signal(struct sbx_server *s) {
  struct signalfd_siginfo info[16];
  while (read(s->signal_fd, info, sizeof info) > 0)
    ;
  reap(s);
}

static int open_loop(struct sbx_server *s, struct sbx_err *err) {
  sigset_t chld;
  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD);
  struct epoll_event control = {.events = EPOLLIN, .data.u64 = SBX_ON_CONTROL};
  struct epoll_event signal = {.events = EPOLLIN, .data.u64 = SBX_ON_SIGNAL};
  s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  s->signal_fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
  if (s->epoll_fd < 0 || s->signal_fd < 0 ||
      epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, SBX_CTL_FD, &control) < 0 ||
      epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->signal_fd, &signal) < 0)
    return sbx_err_set(err, SBX_STAGE_CONTROL, errno, "event loop: %s", strerror(errno));
  return 0;
}

static void dispatch(struct sbx_server *s, const struct epoll_event *event) {
  struct sbx_run *run;
  if (event->data.u64 == SBX_ON_CONTROL) {
    on_control(s, event->events);
    /* The host's end is closed for good: nobody is left to tell, and epoll would not stop saying
     * so. */
    if (s->host_gone && (event->events & (EPOLLHUP | EPOLLERR))) {
      flush_host(s);
      epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, SBX_CTL_FD, NULL);
    }
  } else if (event->data.u64 == SBX_ON_SIGNAL) {
    on_signal(s);
  } else if (event->data.u64 & SBX_ON_ZYGOTE) {
    sbx_zygotes_event(s, event->data.u64, event->events);
  } else if (event->data.u64 & SBX_ON_LISTENER) {
    if ((run = sbx_server_find(s, event->data.u64 & ~SBX_ON_LISTENER)))
      sbx_forked_event(s, run, event->events);
  } else if ((run = sbx_server_find(s, event->data.u64)) && read_child(s, run) &&
             (event->events & EPOLLHUP) && run->sock >= 0) {
    /* It is about to be reaped; until then there is nothing more to hear. */
    epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, run->sock, NULL);
  }
}

/* In ms, rounded up. */
static int patience(const struct sbx_server *s) {
  int wait = -1;
  if (s->wake_ns != UINT64_MAX) {
    uint64_t now = sbx_now_mono_ns();
    wait = s->wake_ns > now ? (int)((s->wake_ns - now) / 1000000u) + 1 : 0;
  }
  return s->lost && (wait < 0 || wait > SWEEP_MS) ? SWEEP_MS : wait;
}

int sbx_serve(struct sbx_guard_shared *shared, struct sbx_err *err) {
  static struct sbx_server server;
  struct sbx_server *s = &server;
  s->shared = shared;
  s->tail = &s->head;
  sbx_zygotes_open(s);
  int rc = open_loop(s, err);
  if (rc < 0)
    return rc;
  struct sbx_ctl ready;
  sbx_ctl_begin(&ready, SBX_CTL_READY, 0);
  sbx_server_tell(s, &ready);
  while (!s->host_gone || s->runs > 0 || s->head) {
    struct epoll_event events[64];
    int n = epoll_wait(s->epoll_fd, events, 64, patience(s));
    for (int i = 0; i < n; i++)
      dispatch(s, &events[i]);
    if (s->wake_ns != UINT64_MAX)
      sbx_zygotes_due(s);
    if (s->lost)
      reap(s);
    sweep(s);
  }
  return 0;
}
