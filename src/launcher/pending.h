/* SPDX-License-Identifier: MIT */
/* Threads of a guest that wait in a blocking connect(2): the broker must not wait with them, so
 * their sockets are connected without blocking, and the calls answered once that is over. */
#ifndef SBX_PENDING_H
#define SBX_PENDING_H

#include <stdint.h>

#include "../core/netaddr.h"
#include "answered.h"
#include "kept.h"

/* At the same time. Node.js has none. */
#define SBX_PENDING_MAX 64

struct sbx_pending {
  int epoll, timer;
  int listener; /* not its own */
  struct sbx_kept *kept;
  struct sbx_answered *answered;
  uint32_t n;
  struct {
    int sock;          /* the guest's own, -1: free */
    uint64_t until_ns; /* CLOCK_MONOTONIC: the guest's SO_SNDTIMEO */
    struct sbx_netaddr asked, addr;
    struct sbx_notify_call call;
  } at[SBX_PENDING_MAX];
};

/* For what is not open yet, sbx_pending_close() included. */
void sbx_pending_init(struct sbx_pending *pending);

/* `listener`, `kept` and `answered` must outlive it. Returns 0 or -errno. */
int sbx_pending_open(struct sbx_pending *pending, int listener, struct sbx_kept *kept,
                     struct sbx_answered *answered);

/* The thread whose `call` it is waits until `sock`, whose connection to `addr` is under way, is
 * connected or has failed; takes over `sock`. `asked`: what the thread has asked for. EAGAIN for
 * one too many. */
void sbx_pending_add(struct sbx_pending *pending, const struct sbx_notify_call *call, int sock,
                     const struct sbx_netaddr *asked, const struct sbx_netaddr *addr);

/* The socket that a call is about which was made before, and interrupted while it waited: where
 * there is no other way to it than by what is kept. Returns it, the caller's, or -EPERM. */
int sbx_pending_take(struct sbx_pending *pending, const struct sbx_notify_call *call);

/* To be called when pending->epoll can be read. Never waits. */
void sbx_pending_dispatch(struct sbx_pending *pending);

void sbx_pending_close(struct sbx_pending *pending);

#endif
