/* SPDX-License-Identifier: MIT */
/* Descriptors with an owner, and reads and writes that finish. */
#include "fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

void sbx_fd_close(int *fd) {
  int saved = errno;
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
  errno = saved;
}

int sbx_fd_steal(int *fd) {
  int taken = *fd;
  *fd = -1;
  return taken;
}

int sbx_fd_close_range(unsigned first, unsigned last) {
#ifdef SBX_TEST_WITHOUT_CLOSING /* test/escape/mutants: a launcher that leaves a guard out */
  return 0;
#endif
  if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
    return 0;
  if (errno != ENOSYS)
    return -errno;
  /* Kernels before 5.9. RLIMIT_NOFILE bounds every open number unless it was lowered since. */
  long max = sysconf(_SC_OPEN_MAX);
  for (unsigned fd = first; fd <= last && (long)fd < max; fd++)
    close((int)fd);
  return 0;
}

int sbx_fd_raise_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
    return -1;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit);
}

static int compare(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}

int sbx_fd_close_all_but(const int *keep, size_t n) {
  int sorted[SBX_FD_KEEP_MAX];
  unsigned next = 3;
  int rc = n > SBX_FD_KEEP_MAX ? -EINVAL : 0;
  if (rc < 0)
    return rc;
  memcpy(sorted, keep, n * sizeof *keep);
  qsort(sorted, n, sizeof *sorted, compare);
  for (size_t i = 0; rc == 0 && i < n; i++) {
    if (sorted[i] < 0)
      continue;
    if ((unsigned)sorted[i] > next)
      rc = sbx_fd_close_range(next, (unsigned)sorted[i] - 1);
    next = (unsigned)sorted[i] + 1;
  }
  return rc < 0 ? rc : sbx_fd_close_range(next, ~0U);
}

ssize_t sbx_read_full(int fd, void *buf, size_t n) {
  size_t done = 0;
  while (done < n) {
    ssize_t r = read(fd, (char *)buf + done, n - done);
    if (r < 0 && errno == EINTR)
      continue;
    if (r < 0)
      return -errno;
    if (r == 0)
      break;
    done += (size_t)r;
  }
  return (ssize_t)done;
}

int sbx_write_full(int fd, const void *buf, size_t n) {
  size_t done = 0;
  while (done < n) {
    ssize_t w = write(fd, (const char *)buf + done, n - done);
    if (w < 0 && errno == EINTR)
      continue;
    if (w < 0)
      return -errno;
    done += (size_t)w;
  }
  return 0;
}
