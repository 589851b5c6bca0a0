/* SPDX-License-Identifier: MIT */
/* Descriptors with an owner, and reads and writes that finish. */
#ifndef SBX_FD_H
#define SBX_FD_H

#include <stddef.h>
#include <sys/types.h>

/* Closes *fd if it is >= 0, keeps errno, sets it to -1. close(2) is not retried on EINTR: on Linux
 * the descriptor is gone either way. */
void sbx_fd_close(int *fd);

/* `SBX_AUTO_FD int fd = -1;` closes at the end of the scope. */
#define SBX_AUTO_FD __attribute__((cleanup(sbx_fd_close)))

/* Hands a descriptor over: returns it and leaves -1 behind. */
int sbx_fd_steal(int *fd);

/* Closes every descriptor from `first` to `last`, both included. Returns 0 or -errno. */
int sbx_fd_close_range(unsigned first, unsigned last);

#define SBX_FD_KEEP_MAX 12

/* Closes every descriptor from 3 on but the `n` of `keep`, at most SBX_FD_KEEP_MAX, of which those
 * below 0 are none. Returns 0 or -errno. */
int sbx_fd_close_all_but(const int *keep, size_t n);

/* As many descriptors as this process may have at all (RLIMIT_NOFILE). Returns 0 or -1 with errno.
 */
int sbx_fd_raise_limit(void);

/* Reads until `n` bytes or end-of-file. Returns the count, or -errno. Retries EINTR. */
ssize_t sbx_read_full(int fd, void *buf, size_t n);

/* Writes all. Returns 0 or -errno. Retries EINTR. */
int sbx_write_full(int fd, const void *buf, size_t n);

#endif
