/* SPDX-License-Identifier: MIT */
/* The kernel's side of a broker: notifications of a seccomp filter, and what has to be taken from
 * the thread that waits for the answer. seccomp_unotify(2). */
#ifndef SBX_NOTIFY_H
#define SBX_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../core/err.h"

/* A call that waits for its answer. */
struct sbx_notify_call {
  uint64_t id;
  pid_t tid; /* of the thread, as this process sees it; 0 when it does not */
  int nr;
  uint32_t arch;
  uint64_t args[6];
};

/* Whether the kernel's structures fit into ours. Makes /proc the working directory, by which the
 * other functions find what the kernel says of callers, whatever becomes of the root directory.
 * Returns 0, or -errno with `err` filled. */
int sbx_notify_init(struct sbx_err *err);

/* Returns 1 with a call, 0 when there is none (any more), -errno when there will be none. Only to
 * be called when poll(2) says POLLIN: it waits otherwise. */
int sbx_notify_recv(int listener, struct sbx_notify_call *call);

/* Whether the thread still waits. To be asked after anything was taken from it by its number, which
 * may have become another's, and before anything is done for it. */
bool sbx_notify_valid(int listener, uint64_t id);

/* Ends the call: `errnum` 0 lets it return `value`. Nothing happens when nobody waits any more. */
void sbx_notify_answer(int listener, uint64_t id, int errnum, int64_t value);

/* Ends the call by returning a new descriptor for what `fd` is. Returns 0 or -errno: then the call
 * has not been answered. */
int sbx_notify_answer_fd(int listener, uint64_t id, int fd, bool cloexec);

/* Copies `len` bytes out of the caller's memory, all or nothing. Returns 0 or -errno. */
int sbx_notify_memory(const struct sbx_notify_call *call, uint64_t from, void *to, size_t len);

/* A duplicate of a descriptor of the caller, closed on exec. Returns it or -errno: -EBADF when the
 * caller has none of that number, anything else when it cannot be had. */
int sbx_notify_fd(const struct sbx_notify_call *call, int fd);

/* Which process a thread is of; -1: not known any more. */
pid_t sbx_notify_process(pid_t tid);

/* Whether sbx_notify_fd() can work: container runtimes refuse pidfd_getfd(2) to processes without
 * CAP_SYS_PTRACE, even over their own children. */
bool sbx_notify_fd_works(void);

/* The inode of the socket that a descriptor of the caller is, which tells it from all others.
 * Returns 0 or -errno: -EBADF when there is no such descriptor, -ENOTSOCK when it is something
 * else. */
int sbx_notify_inode(const struct sbx_notify_call *call, int fd, ino_t *inode);

#endif
