/* SPDX-License-Identifier: MIT */
/* Messages to and from the launcher. Host process, on the thread of the environment. */
#include "channel.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "../core/fd.h"
#include "lookup.h"

/* Asked for; the kernel caps it at net.core.wmem_max. */
#define SOCKET_BUFFER (1 << 20)

/* Messages handled per turn of the event loop: each may settle a run, which runs JavaScript. */
#define MESSAGES_TURN 64

static void on_control(uv_poll_t *poll, int status, int events);

static void on_closed(uv_handle_t *handle) {
  sbx_runner_unref(handle->data);
}

void sbx_channel_close(struct sbx_runner *runner) {
  if (runner->control_fd < 0)
    return;
  uv_close((uv_handle_t *)&runner->control, on_closed);
  sbx_fd_close(&runner->control_fd);
}

static bool is_busy(const struct sbx_runner *runner) {
  const struct sbx_run *run = runner->runs;
  while (run && run->waiting)
    run = run->next;
  return run;
}

/* A pending run keeps the event loop alive, a runner alone does not, nor a guest that has no run.
 */
static void update_keepalive(struct sbx_runner *runner) {
  if (runner->control_fd < 0)
    return;
  if (is_busy(runner))
    uv_ref((uv_handle_t *)&runner->control);
  else
    uv_unref((uv_handle_t *)&runner->control);
}

static int send_short(struct sbx_run *run, uint32_t type) {
  struct sbx_ctl msg = {.type = type, .run = run->id};
  return sbx_ctl_send(run->runner->control_fd, &msg, NULL, 0);
}

/* Sends what the launcher does not know yet about one run. Returns 0 or -errno. */
static int send_pending(struct sbx_run *run) {
  int rc;
  if (run->message) {
    int nfds = run->guest_fds[SBX_CTL_RUN_FDS] < 0 ? SBX_CTL_RUN_FDS : SBX_CTL_MAX_FDS;
    rc = sbx_ctl_send(run->runner->control_fd, run->message, run->guest_fds, nfds);
    if (rc != 0)
      return rc;
    free(run->message);
    run->message = NULL;
    for (int i = 0; i < SBX_CTL_MAX_FDS; i++)
      sbx_fd_close(&run->guest_fds[i]);
  }
  if (run->want_begin && (rc = send_short(run, SBX_CTL_BEGIN)) != 0)
    return rc;
  run->want_begin = false;
  if (run->want_term && (rc = send_short(run, SBX_CTL_TERM)) != 0)
    return rc;
  run->want_term = false;
  if (run->want_kill && (rc = send_short(run, SBX_CTL_KILL)) != 0)
    return rc;
  run->want_kill = false;
  return sbx_lookup_send(run);
}

static void dequeue(struct sbx_run *run) {
  struct sbx_runner *runner = run->runner;
  struct sbx_run *before = NULL;
  if (!run->queued)
    return;
  if (runner->send_head == run) {
    runner->send_head = run->send_next;
  } else {
    for (before = runner->send_head; before->send_next != run;)
      before = before->send_next;
    before->send_next = run->send_next;
  }
  if (runner->send_tail == run)
    runner->send_tail = before;
  run->send_next = NULL;
  run->queued = false;
}

static void watch(struct sbx_runner *runner, bool wants_write) {
  if (runner->control_fd < 0 || runner->wants_write == wants_write)
    return;
  runner->wants_write = wants_write;
  uv_poll_start(&runner->control, UV_READABLE | (wants_write ? UV_WRITABLE : 0), on_control);
}

/* Sends in order as far as the socket takes it. Returns 0, or what the first waiting run met. */
static int flush_queue(struct sbx_runner *runner) {
  int rc = 0;
  while (runner->send_head && rc == 0) {
    struct sbx_run *run = runner->send_head;
    if ((rc = send_pending(run)) == 0)
      dequeue(run);
  }
  /* A launcher that is gone is told by end-of-file; to wait for room would spin. */
  watch(runner, rc != 0 && rc != -EPIPE && rc != -ECONNRESET);
  return rc;
}

static void enqueue(struct sbx_run *run) {
  struct sbx_runner *runner = run->runner;
  if (runner->ending || runner->control_fd < 0)
    return;
  if (!run->queued) {
    if (runner->send_tail)
      runner->send_tail->send_next = run;
    else
      runner->send_head = run;
    runner->send_tail = run;
    run->queued = true;
  }
  /* Any other than the first in line has to wait for those before it. */
  if (runner->send_head == run)
    flush_queue(runner);
}

void sbx_channel_add(struct sbx_runner *runner, struct sbx_run *run) {
  run->id = run->message->run = ++runner->last_id;
  run->next = runner->runs;
  if (run->next)
    run->next->prev = run;
  runner->runs = run;
  update_keepalive(runner);
  enqueue(run);
}

void sbx_channel_remove(struct sbx_run *run) {
  struct sbx_runner *runner = run->runner;
  dequeue(run);
  if (run->prev)
    run->prev->next = run->next;
  else
    runner->runs = run->next;
  if (run->next)
    run->next->prev = run->prev;
  run->prev = run->next = NULL;
  run->id = 0;
  runner->env->busy -= !run->waiting;
  update_keepalive(runner);
}

void sbx_channel_begin(struct sbx_run *run) {
  run->want_begin = true;
  update_keepalive(run->runner);
  enqueue(run);
}

void sbx_channel_term(struct sbx_run *run) {
  if (run->id == 0)
    return;
  run->want_term = true;
  enqueue(run);
}

void sbx_channel_kill(struct sbx_run *run) {
  if (run->id == 0)
    return;
  run->want_kill = true;
  enqueue(run);
}

void sbx_channel_grant(struct sbx_run *run) {
  if (run->id != 0)
    enqueue(run);
}

/* The socket has room, or refuses the first in line for another reason: too many descriptors in
 * flight (ETOOMANYREFS, unix(7)) or no memory. Such a run never reached the launcher. */
static void handle_room(struct sbx_runner *runner) {
  int rc = flush_queue(runner);
  if (rc == 0 || rc == -EAGAIN || rc == -EPIPE || rc == -ECONNRESET)
    return;
  struct sbx_run *run = runner->send_head;
  if (!run->message)
    return;
  run->outcome.kind = SBX_OUTCOME_SETUP;
  sbx_err_set(&run->outcome.err, SBX_STAGE_CONTROL, -rc, "The run could not be sent: %s",
              uv_strerror(rc));
  sbx_run_settle(run);
}

void sbx_channel_end(struct sbx_runner *runner) {
  if (runner->control_fd >= 0)
    shutdown(runner->control_fd, SHUT_WR);
  while (runner->send_head)
    dequeue(runner->send_head);
  watch(runner, false);
}

static struct sbx_run *find_run(struct sbx_runner *runner, uint64_t id) {
  struct sbx_run *run = runner->runs;
  while (run && run->id != id)
    run = run->next;
  return run;
}

/* One message. Returns false for one that a launcher does not send. A run that is not known has
 * been settled on this side. */
static bool handle_message(struct sbx_runner *runner, const struct sbx_ctl *msg) {
  struct sbx_run *run = find_run(runner, msg->run);
  switch ((enum sbx_ctl_type)msg->type) {
  case SBX_CTL_READY:
    return true;
  case SBX_CTL_FATAL:
    runner->has_fatal = true;
    runner->fatal = msg->u.err;
    runner->fatal.text[SBX_ERR_TEXT_MAX - 1] = '\0';
    return true;
  case SBX_CTL_STARTED:
    if (run)
      sbx_run_started(run, &msg->u.started);
    return true;
  case SBX_CTL_FAILED:
    if (run) {
      run->outcome.kind = SBX_OUTCOME_SETUP;
      run->outcome.err = msg->u.err;
      run->outcome.err.text[SBX_ERR_TEXT_MAX - 1] = '\0';
      sbx_run_settle(run);
    }
    return true;
  case SBX_CTL_EXIT:
    if (run) {
      run->outcome.kind = SBX_OUTCOME_EXIT;
      run->outcome.exit = msg->u.exit;
      sbx_run_end_read(run);
    }
    return true;
  case SBX_CTL_GRANTED:
    if (run)
      sbx_lookup_granted(run, &msg->u.grant);
    return true;
  case SBX_CTL_ASK:
    if (run)
      sbx_lookup_question(run, &msg->u.ask);
    return true;
  case SBX_CTL_NET:
    if (run) {
      run->outcome.has_net = true;
      run->outcome.net = msg->u.net;
    }
    return true;
  case SBX_CTL_SPARES:
    runner->spares = msg->u.spares.n;
    return true;
  case SBX_CTL_RUN:
  case SBX_CTL_TERM:
  case SBX_CTL_KILL:
  case SBX_CTL_GRANT:
  case SBX_CTL_BEGIN:
    return false;
  }
  return false;
}

bool sbx_channel_receive(struct sbx_runner *runner, int most) {
  struct sbx_ctl msg;
  int fds[SBX_CTL_MAX_FDS], nfds;
  for (int i = 0; i < most && runner->control_fd >= 0; i++) {
    int rc = sbx_ctl_recv(runner->control_fd, MSG_DONTWAIT, &msg, fds, &nfds);
    /* The launcher ended with messages of ours unread. The kernel reports that first and once;
     * what the launcher had sent is still there. */
    if (rc == -ECONNRESET)
      continue;
    if (rc == -EAGAIN)
      return true;
    while (rc == 1 && nfds > 0)
      sbx_fd_close(&fds[--nfds]);
    if (rc != 1 || !handle_message(runner, &msg))
      return false;
  }
  return true;
}

static void on_control(uv_poll_t *poll, int status, int events) {
  struct sbx_runner *runner = poll->data;
  if (runner->env->exiting)
    return;
  runner->refs++; /* JavaScript, called below, may release the rest. */
  if (status < 0) {
    /* EPOLLERR: the peer is gone, and libuv has stopped the handle. */
    sbx_channel_receive(runner, INT_MAX);
    sbx_runner_lost(runner);
  } else {
    if (events & UV_WRITABLE)
      handle_room(runner);
    if (events & UV_READABLE && !sbx_channel_receive(runner, MESSAGES_TURN))
      sbx_runner_lost(runner);
  }
  sbx_runner_unref(runner);
}

int sbx_channel_open(struct sbx_runner *runner, int *peer) {
  int pair[2], size = SOCKET_BUFFER;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return -errno;
  /* Best effort: with less room messages wait in the queue. */
  setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  int rc = uv_poll_init(runner->env->loop, &runner->control, pair[0]);
  if (rc != 0) {
    sbx_fd_close(&pair[0]);
    sbx_fd_close(&pair[1]);
    return rc;
  }
  runner->control.data = runner;
  runner->control_fd = pair[0];
  runner->refs++;
  uv_unref((uv_handle_t *)&runner->control);
  *peer = pair[1];
  return uv_poll_start(&runner->control, UV_READABLE, on_control);
}
