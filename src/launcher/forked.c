/* SPDX-License-Identifier: MIT */
/* Connections of forked runs: the launcher's part, and the process that is a broker. */
#include "forked.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/proc.h"
#include "../guards/listener.h"
#include "connections.h"
#include "notify.h"

/* Between two looks at the CPU time, in ns. */
#define LOOK_SOONEST UINT64_C(5000000)
#define LOOK_LATEST UINT64_C(3600000000000)

/* --- the broker's process -------------------------------------------------------------------- */

struct broker_job {
  const struct sbx_guard_shared *shared;
  uint64_t id;
  int sock, listener;
  uint64_t next_look_ns; /* at the CPU time; UINT64_MAX: no more */
};

/* Returns whether the launcher still listens. */
static bool tell(const struct broker_job *job, struct sbx_ctl *msg) {
  int rc;
  msg->run = job->id;
  while ((rc = sbx_ctl_send(job->sock, msg, NULL, 0)) == -EAGAIN)
    poll(&(struct pollfd){.fd = job->sock, .events = POLLOUT}, 1, -1);
  return rc == 0;
}

/* Names that the guest's stub resolver wants to know. */
static bool ask_host(const struct broker_job *job, struct sbx_connections *c) {
  struct sbx_ctl msg = {.type = SBX_CTL_ASK};
  bool listens = true;
  while (listens && sbx_connections_ask(c, &msg.u.ask))
    listens = tell(job, &msg);
  return listens;
}

static bool on_message(const struct broker_job *job, struct sbx_connections *c) {
  struct sbx_ctl msg;
  int fds[SBX_CTL_MAX_FDS], nfds;
  int rc = sbx_ctl_recv(job->sock, MSG_DONTWAIT, &msg, fds, &nfds);
  if (rc == -EAGAIN)
    return true;
  if (rc != 1 || msg.type != SBX_CTL_GRANT)
    return false;
  sbx_connections_grant(c, &msg.u.grant);
  msg.type = SBX_CTL_GRANTED;
  return tell(job, &msg) && ask_host(job, c);
}

static uint64_t guest_cpu_us(pid_t pid) {
  clockid_t clock;
  struct timespec used;
  if (pid <= 0 || clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
    return 0;
  return (uint64_t)used.tv_sec * 1000000u + (uint64_t)used.tv_nsec / 1000u;
}

/* What this process uses is its run's. The zygote looks at the guest alone; here both are counted.
 */
static void look_at_cpu(struct broker_job *job, const struct sbx_connections *c) {
  uint64_t limit = job->shared->policy->cpu_ms * 1000u, now = sbx_now_mono_ns();
  struct sbx_ctl over = {.type = SBX_CTL_KILL};
  if (limit == 0 || now < job->next_look_ns)
    return;
  uint64_t used = sbx_now_cpu_us() + guest_cpu_us(sbx_connections_guest(c));
  if (used >= limit) {
    job->next_look_ns = UINT64_MAX;
    tell(job, &over);
    return;
  }
  /* Not sooner than all processors together can use up what is left. */
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  uint64_t wait = (limit - used) * 1000u / (uint64_t)(processors > 0 ? processors : 1);
  wait = wait < LOOK_SOONEST ? LOOK_SOONEST : wait > LOOK_LATEST ? LOOK_LATEST : wait;
  job->next_look_ns = now + wait;
}

/* How long to wait, in ms. */
static int patience(const struct broker_job *job) {
  uint64_t now = sbx_now_mono_ns();
  if (job->shared->policy->cpu_ms == 0 || job->next_look_ns == UINT64_MAX)
    return -1;
  return job->next_look_ns > now ? (int)((job->next_look_ns - now) / 1000000u) + 1 : 0;
}

/* Until the launcher says, by end-of-file, that the guest is over, or is itself. */
static void __attribute__((noreturn)) broke(struct broker_job *job) {
  const struct sbx_policy *policy = job->shared->policy;
  struct sbx_connections c;
  struct sbx_ctl msg = {.type = SBX_CTL_NET};
  struct sbx_err err = {0};
  const int keep[] = {job->sock, job->listener};
  int rc = sbx_fd_close_all_but(keep, sizeof keep / sizeof *keep);
  if (rc < 0)
    sbx_err_set(&err, SBX_STAGE_FDS, -rc, "close_range: %s", strerror(-rc));
  else
    rc = sbx_connections_begin(&c, job->shared->net_rules, policy->permit,
                               policy->use & SBX_USE_SOCK_DIAG, sbx_policy_boxes_udp(policy),
                               job->listener, &err);
  if (rc < 0) {
    msg = (struct sbx_ctl){.type = SBX_CTL_FAILED, .u.err = err};
    tell(job, &msg);
    _exit(0);
  }
  bool more = true;
  while (more) {
    struct pollfd fds[] = {{.fd = job->sock, .events = POLLIN},
                           {.fd = sbx_connections_fd(&c), .events = POLLIN}};
    if (poll(fds, 2, patience(job)) < 0 && errno != EINTR)
      break;
    if (fds[1].revents) {
      sbx_connections_dispatch(&c, &err);
      more = ask_host(job, &c);
    }
    if (more && fds[0].revents)
      more = on_message(job, &c);
    look_at_cpu(job, &c);
  }
  if (sbx_connections_report(&c, &msg.u.net)) {
    msg.u.net.cpu_us = sbx_now_cpu_us();
    tell(job, &msg);
  }
  _exit(0);
}

/* --- the launcher ---------------------------------------------------------------------------- */

static int watch(struct sbx_server *s, int fd, uint64_t name) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = name};
  return epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* By hand, since others may still hold copies: the guest of its end, an init of everything. */
static void unwatch(struct sbx_server *s, int *fd) {
  if (*fd >= 0)
    epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, *fd, NULL);
  sbx_fd_close(fd);
}

static struct sbx_ctl *copy(const struct sbx_ctl *msg) {
  size_t size = sbx_ctl_size(msg);
  struct sbx_ctl *made = malloc(size);
  if (made)
    memcpy(made, msg, size);
  return made;
}

/* Whether a guest's broker, a process of the same user, finds it closed although it is not to. In
 * the launcher's user namespace a capability opens it, but not /proc/PID/fd, which is root's: that
 * is what the broker needs where it cannot have a guest's sockets, and Landlock keeps siblings out.
 */
static bool has_to_admit(const struct sbx_policy *policy) {
  if (!(policy->use & SBX_USE_NAMESPACES))
    return true;
  return (policy->use & SBX_USE_LANDLOCK) && !sbx_notify_fd_works();
}

int sbx_forked_open(struct sbx_server *s, struct sbx_run *run, struct sbx_ctl_run *args,
                    int *guest_fd, const char **what) {
  int pair[2];
  *what = "socketpair";
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return -errno;
  int rc = fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0 ? -errno
                                                   : watch(s, pair[0], SBX_ON_LISTENER | run->id);
  if (rc < 0) {
    *what = "epoll_ctl";
    sbx_fd_close(&pair[0]);
    sbx_fd_close(&pair[1]);
    return rc;
  }
  run->listener_fd = pair[0];
  *guest_fd = pair[1];
  args->readable = has_to_admit(s->shared->policy);
  return 0;
}

static void take_listener(struct sbx_server *s, struct sbx_run *run) {
  int listener = sbx_listener_take(run->listener_fd);
  if (listener == -EAGAIN)
    return;
  unwatch(s, &run->listener_fd);
  /* Without one what the guest asks for is ENOSYS. Why it has sent none it tells the zygote. */
  if (listener < 0 || watch(s, listener, SBX_ON_LISTENER | run->id) < 0) {
    sbx_fd_close(&listener);
    return;
  }
  run->listener_fd = listener;
  run->listens = true;
}

/* The guest must not go on. What `err` says is told in place of how it then ends. */
void sbx_forked_fail(struct sbx_server *s, struct sbx_run *run, const struct sbx_err *err) {
  struct sbx_ctl kill = {.type = SBX_CTL_KILL, .run = run->id};
  struct sbx_ctl failed = {.type = SBX_CTL_FAILED, .run = run->id, .u.err = *err};
  if (!run->of || run->last)
    return;
  run->last = copy(&failed);
  sbx_zygotes_end(s, run, &kill);
}

static int fork_broker(struct sbx_server *s, struct sbx_run *run) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return -errno;
  struct broker_job job = {s->shared, run->id, pair[1], run->listener_fd, 0};
  int rc = watch(s, pair[0], run->id);
  pid_t pid = rc < 0 ? -1 : fork();
  if (pid == 0)
    broke(&job);
  if (rc == 0 && pid < 0)
    rc = -errno;
  sbx_fd_close(&pair[1]);
  if (rc < 0) {
    unwatch(s, &pair[0]);
    return rc;
  }
  run->init = pid;
  run->sock = pair[0];
  return 0;
}

void sbx_forked_ready(struct sbx_server *s, struct sbx_run *run) {
  struct sbx_err err = {0};
  if (run->listener_fd < 0)
    return;
  /* It was sent before the guest could ask for anything, and may not have been looked at yet. */
  if (!run->listens)
    take_listener(s, run);
  if (!run->listens || run->listener_fd < 0)
    return;
  int rc = fork_broker(s, run);
  run->listens = false;
  unwatch(s, &run->listener_fd);
  if (rc < 0) {
    sbx_err_set(&err, SBX_STAGE_FORK, -rc, "the broker of connections: %s", strerror(-rc));
    sbx_forked_fail(s, run, &err);
  }
}

void sbx_forked_event(struct sbx_server *s, struct sbx_run *run, uint32_t events) {
  if (run->listener_fd < 0)
    return;
  if (!run->listens)
    take_listener(s, run);
  else if (events & EPOLLIN)
    sbx_forked_ready(s, run);
  else /* No thread is left that has the filter. */
    unwatch(s, &run->listener_fd);
}

/* What has killed it may be what the end of its broker made of it, see sbx_forked_done(). */
static void mark_lost(struct sbx_ctl *last) {
  struct sbx_ctl_exit *end = &last->u.exit;
  if (last->type == SBX_CTL_EXIT && WIFSIGNALED(end->status) &&
      (end->reason == SBX_REASON_NONE || end->reason == SBX_REASON_KILL))
    end->reason = SBX_REASON_LOST;
}

void sbx_forked_over(struct sbx_server *s, struct sbx_run *run) {
  struct sbx_ctl kill = {.type = SBX_CTL_KILL, .run = run->id};
  if (!run->of)
    return;
  run->over_cpu = true;
  sbx_zygotes_end(s, run, &kill);
}

void sbx_forked_net(struct sbx_server *s, struct sbx_run *run, struct sbx_ctl *net) {
  if (run->last && run->last->type == SBX_CTL_EXIT)
    run->last->u.exit.usage.system_us += net->u.net.cpu_us;
  sbx_server_tell(s, net);
}

void sbx_forked_end(struct sbx_server *s, struct sbx_run *run, struct sbx_ctl *last) {
  struct sbx_ctl nothing = {.type = SBX_CTL_NET, .run = run->id};
  run->of = NULL;
  if (run->alone)
    mark_lost(last);
  if (run->over_cpu && last->type == SBX_CTL_EXIT && last->u.exit.reason == SBX_REASON_KILL)
    last->u.exit.reason = SBX_REASON_CPU;
  if (!run->last && run->init > 0)
    run->last = copy(last);
  if (run->last && run->init > 0) {
    shutdown(run->sock, SHUT_WR);
    return;
  }
  if (run->listens && last->type == SBX_CTL_EXIT)
    sbx_server_tell(s, &nothing);
  sbx_server_tell(s, run->last ? run->last : last);
  sbx_server_drop(s, run);
}

bool sbx_forked_done(struct sbx_server *s, struct sbx_run *run, bool reported) {
  struct sbx_ctl kill = {.type = SBX_CTL_KILL, .run = run->id};
  unwatch(s, &run->sock);
  run->init = 0;
  if (run->of) {
    /* Its next call is ENOSYS, but one that was about to be given a new descriptor returns 0: the
     * kernel takes an answer that is on its way for a given one (SECCOMP_ADDFD_FLAG_SEND). */
    run->alone = true;
    sbx_zygotes_end(s, run, &kill);
    return false;
  }
  if (!reported)
    mark_lost(run->last);
  sbx_server_tell(s, run->last);
  sbx_server_drop(s, run);
  return true;
}

void sbx_forked_close(struct sbx_server *s, struct sbx_run *run) {
  unwatch(s, &run->listener_fd);
  free(run->last);
}
