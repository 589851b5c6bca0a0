/* SPDX-License-Identifier: MIT */
#include "pending.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/proc.h"
#include "notify.h"
#include "sock.h"

#define TAG_TIMER SBX_PENDING_MAX
#define EVENTS 16
#define SWEEP_NS UINT64_C(1000000000)

static int add_event(struct sbx_pending *p, int fd, uint32_t events, uint32_t tag) {
  struct epoll_event event = {.events = events, .data = {.u32 = tag}};
  return epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Tells the timer about the next SO_SNDTIMEO, and of the next look for threads that have gone. */
static void set_timer(const struct sbx_pending *p) {
  uint64_t now = sbx_now_mono_ns(), next = now + SWEEP_NS;
  struct itimerspec at = {0};
  for (uint32_t i = 0; i < SBX_PENDING_MAX; i++)
    if (p->at[i].sock >= 0 && p->at[i].until_ns < next)
      next = p->at[i].until_ns;
  if (p->n > 0) {
    at.it_value.tv_sec = (time_t)(next / 1000000000u);
    at.it_value.tv_nsec = (long)(next % 1000000000u);
  }
  timerfd_settime(p->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void forget(struct sbx_pending *p, uint32_t i) {
  /* Closing ours does not take the socket out of the set: the guest has it open, too. */
  epoll_ctl(p->epoll, EPOLL_CTL_DEL, p->at[i].sock, NULL);
  sbx_fd_close(&p->at[i].sock);
  p->n--;
}

/* Drops what nobody waits for any more, answers what its guest wanted to wait no longer for. */
static void sweep(struct sbx_pending *p) {
  uint64_t now = sbx_now_mono_ns();
  for (uint32_t i = 0; i < SBX_PENDING_MAX; i++) {
    if (p->at[i].sock < 0)
      continue;
    bool valid = sbx_notify_valid(p->listener, p->at[i].call.id);
    if (valid && now < p->at[i].until_ns)
      continue;
    if (valid)
      sbx_notify_answer(p->listener, p->at[i].call.id, EINPROGRESS, 0);
    forget(p, i);
  }
}

/* A socket has become writable or has failed. */
static void on_event(struct sbx_pending *p, uint32_t i) {
  const struct sbx_notify_call *call = &p->at[i].call;
  int sock = p->at[i].sock;
  if (sock < 0) /* dropped by an earlier event of the same round */
    return;
  bool valid = sbx_notify_valid(p->listener, call->id);
  if (!valid && p->kept->active) { /* Until the next sweep: the call may be made again. */
    epoll_ctl(p->epoll, EPOLL_CTL_DEL, sock, NULL);
    return;
  }
  if (valid) {
    /* Asking SO_ERROR would leave the socket in another state than a blocking connect(2) does. */
    int error = sbx_sock_connect(sock, fcntl(sock, F_GETFL), &p->at[i].addr);
    if (sbx_sock_is_under_way(error))
      return;
    if (error)
      sbx_kept_add(p->kept, sock);
    else
      sbx_answered_add(p->answered, call, sock, &p->at[i].asked, 0);
    sbx_notify_answer(p->listener, call->id, error, 0);
  }
  forget(p, i);
}

void sbx_pending_init(struct sbx_pending *p) {
  *p = (struct sbx_pending){.epoll = -1, .timer = -1, .listener = -1};
  for (uint32_t i = 0; i < SBX_PENDING_MAX; i++)
    p->at[i].sock = -1;
}

int sbx_pending_open(struct sbx_pending *p, int listener, struct sbx_kept *kept,
                     struct sbx_answered *answered) {
  p->listener = listener;
  p->kept = kept;
  p->answered = answered;
  p->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (p->epoll < 0)
    return -errno;
  p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  return p->timer < 0 ? -errno : add_event(p, p->timer, EPOLLIN, TAG_TIMER);
}

void sbx_pending_add(struct sbx_pending *p, const struct sbx_notify_call *call, int sock,
                     const struct sbx_netaddr *asked, const struct sbx_netaddr *addr) {
  if (p->n == SBX_PENDING_MAX)
    sweep(p);
  uint32_t i = 0;
  while (i < SBX_PENDING_MAX && p->at[i].sock >= 0)
    i++;
  if (i == SBX_PENDING_MAX || add_event(p, sock, EPOLLOUT, i) < 0) {
    sbx_notify_answer(p->listener, call->id, EAGAIN, 0);
    sbx_fd_close(&sock);
    return;
  }
  p->at[i].call = *call;
  p->at[i].sock = sock;
  p->at[i].until_ns = sbx_sock_patience(sock);
  p->at[i].asked = *asked;
  p->at[i].addr = *addr;
  p->n++;
  set_timer(p);
}

int sbx_pending_take(struct sbx_pending *p, const struct sbx_notify_call *call) {
  struct stat st;
  ino_t inode;
  if (sbx_notify_inode(call, (int)call->args[0], &inode) < 0)
    return -EPERM;
  for (uint32_t i = 0; i < SBX_PENDING_MAX; i++) {
    int sock = p->at[i].sock;
    if (sock < 0 || fstat(sock, &st) < 0 || st.st_ino != inode ||
        sbx_notify_valid(p->listener, p->at[i].call.id))
      continue;
    int copy = fcntl(sock, F_DUPFD_CLOEXEC, 0);
    forget(p, i);
    return copy < 0 ? -EPERM : copy;
  }
  return -EPERM;
}

void sbx_pending_dispatch(struct sbx_pending *p) {
  struct epoll_event events[EVENTS];
  uint64_t ticks;
  int n = epoll_wait(p->epoll, events, EVENTS, 0);
  for (int i = 0; i < n; i++) {
    if (events[i].data.u32 != TAG_TIMER)
      on_event(p, events[i].data.u32);
    else if (read(p->timer, &ticks, sizeof ticks) > 0)
      sweep(p);
  }
  if (n > 0)
    set_timer(p);
}

void sbx_pending_close(struct sbx_pending *p) {
  for (uint32_t i = 0; i < SBX_PENDING_MAX; i++)
    sbx_fd_close(&p->at[i].sock);
  sbx_fd_close(&p->timer);
  sbx_fd_close(&p->epoll);
}
