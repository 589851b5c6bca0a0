/* SPDX-License-Identifier: MIT */
/* Where a broker cannot take a socket from its guest (see sbx_notify_fd_works()): those that it has
 * made for it, kept until they are connected.
 *
 * Not longer: as long as we have a connection open, the guest cannot close it. So a second
 * connect(2) on the same socket, after a non-blocking one, finds it no more. */
#ifndef SBX_KEPT_H
#define SBX_KEPT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "notify.h"

#define SBX_KEPT_MAX 256

/* Sockets of a guest between its socket(2) and connect(2). When there are too many, the oldest
 * is dropped, and can be connected no more. */
struct sbx_kept {
  bool active;
  uint64_t next;
  struct {
    int fd;
    uint64_t age;
    ino_t inode;
  } at[SBX_KEPT_MAX];
};

void sbx_kept_init(struct sbx_kept *kept);

/* Keeps a duplicate of `fd`. Does nothing when that is not needed. */
void sbx_kept_add(struct sbx_kept *kept, int fd);

/* The socket behind a descriptor of the caller; the caller of this function closes it. -errno as
 * sbx_notify_fd(). */
int sbx_kept_take(struct sbx_kept *kept, const struct sbx_notify_call *call, int fd);

void sbx_kept_close(struct sbx_kept *kept);

#endif
