/* SPDX-License-Identifier: MIT */
/* Calls that were answered, for those that are made again. A signal whose handler has SA_RESTART,
 * as all of libuv's and V8's have, ends a thread's wait for its answer, and the kernel has the
 * thread make the same call again, also when the answer was given in that very moment. What the
 * first call did stands: to the second one connect(2) would say EISCONN.
 *
 * SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (Linux 5.19) is no way out: then no signal could end a
 * connect(2) that waits for its peer. */
#ifndef SBX_ANSWERED_H
#define SBX_ANSWERED_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../core/netaddr.h"
#include "notify.h"

#define SBX_ANSWERED_MAX 64u

struct sbx_answered {
  uint32_t next;
  struct {
    uint64_t until_ns; /* CLOCK_MONOTONIC; 0: free */
    pid_t tid;
    int nr, error;
    uint64_t args[3];
    ino_t inode;
    struct sbx_netaddr addr;
  } at[SBX_ANSWERED_MAX];
};

/* `call` is about to be answered with `error`, 0 or EINPROGRESS, for what was done to `sock`.
 * `addr`: where it was connected to; NULL for a path, or another call. */
void sbx_answered_add(struct sbx_answered *answered, const struct sbx_notify_call *call, int sock,
                      const struct sbx_netaddr *addr, int error);

/* Whether the same thread has made the same call a moment ago, of the same socket; *error is then
 * what it was answered. `sock` -1: it cannot be had any more, and is asked for by its number. */
bool sbx_answered_before(struct sbx_answered *answered, const struct sbx_notify_call *call,
                         int sock, const struct sbx_netaddr *addr, int *error);

#endif
