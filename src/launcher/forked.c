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
#include <unistd.h>

#include "../core/fd.h"
#include "../guards/listener.h"
#include "connections.h"
#include "notify.h"

/* --- the broker's process -------------------------------------------------------------------- */

struct broker_job {
  const struct sbx_guard_shared *shared;
  uint64_t id;
  int sock, listener;
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
    if (poll(fds, 2, -1) < 0 && errno != EINTR)
      break;
    if (fds[1].revents) {
      sbx_connections_dispatch(&c, &err);
      more = ask_host(job, &c);
    }
    if (more && fds[0].revents)
      more = on_message(job, &c);
  }
  if (sbx_connections_report(&c, &msg.u.net))
    tell(job, &msg);
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
  struct broker_job job = {s->shared, run->id, pair[1], run->listener_fd};
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

void sbx_forked_end(struct sbx_server *s, struct sbx_run *run, struct sbx_ctl *last) {
  struct sbx_ctl nothing = {.type = SBX_CTL_NET, .run = run->id};
  run->of = NULL;
  if (run->alone)
    mark_lost(last);
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
