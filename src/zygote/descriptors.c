/* SPDX-License-Identifier: MIT */
/* What a guest has open. The runtime's own descriptors stay at their numbers, but an object that
 * the zygote, and so each of its guests, has open would be a way from one guest to another: each
 * guest gets new ones. What the zygote opened for itself or for other guests is closed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../core/fd.h"
#include "zygote.h"

static int add_gap(struct sbx_zygote *z, unsigned first, unsigned last) {
  struct sbx_gap *more = realloc(z->gaps, (z->n_gaps + 1) * sizeof *more);
  if (!more)
    return -ENOMEM;
  more[z->n_gaps++] = (struct sbx_gap){first, last};
  z->gaps = more;
  return 0;
}

static int compare(const void *a, const void *b) {
  return ((const struct sbx_kept *)a)->fd - ((const struct sbx_kept *)b)->fd;
}

/* Takes note of one that the runtime has open; -1 for a kind that cannot be made anew. */
static int add_kept(struct sbx_zygote *z, int fd) {
  char path[32], target[64];
  struct stat stat;
  struct sbx_kept kept = {.fd = fd, .flags = fcntl(fd, F_GETFL)};
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(path, target, sizeof target - 1);
  if (kept.flags < 0 || n < 0 || fstat(fd, &stat) < 0)
    return -errno;
  target[n] = '\0';
  if (fd == z->status[1] || strcmp(target, "/dev/null") == 0)
    kept.kind = SBX_KEPT_OURS;
  else if (strcmp(target, "anon_inode:[eventfd]") == 0)
    kept.kind = SBX_KEPT_EVENTFD;
  else if (strcmp(target, "anon_inode:[eventpoll]") == 0)
    kept.kind = SBX_KEPT_EPOLL;
  else if (S_ISFIFO(stat.st_mode))
    kept.kind = (kept.flags & O_ACCMODE) == O_WRONLY ? SBX_KEPT_PIPE_IN : SBX_KEPT_PIPE_OUT;
  else
    return -EBADF;
  kept.inode = stat.st_ino;
  struct sbx_kept *more = realloc(z->kept, (z->n_kept + 1) * sizeof *more);
  if (!more)
    return -ENOMEM;
  more[z->n_kept++] = kept;
  z->kept = more;
  return 0;
}

int sbx_zygote_note_descriptors(struct sbx_zygote *z) {
  unsigned next = SBX_GUEST_DATA_FD + 1;
  int rc = 0;
  DIR *dir = opendir("/proc/self/fd");
  if (!dir)
    return -errno;
  for (struct dirent *e; rc == 0 && (e = readdir(dir));) {
    int fd = (int)strtol(e->d_name, NULL, 10);
    bool closed = fd == dirfd(dir) || fd == z->epoll_fd || fd == z->io_fd || fd == z->status[0] ||
                  fd == z->shared.pen_fd;
    if (fd > SBX_GUEST_DATA_FD && !closed)
      rc = add_kept(z, fd);
  }
  closedir(dir);
  if (z->n_kept > 0)
    qsort(z->kept, z->n_kept, sizeof *z->kept, compare);
  for (size_t i = 0; rc == 0 && i < z->n_kept; i++) {
    unsigned fd = (unsigned)z->kept[i].fd;
    if (fd > next)
      rc = add_gap(z, next, fd - 1);
    next = fd + 1;
  }
  return rc < 0 ? rc : add_gap(z, next, ~0U);
}

/* Puts an object in the place of another. Takes `made`. */
static int replace(int made, int fd) {
  int rc = made < 0 || dup3(made, fd, O_CLOEXEC) < 0 ? -errno : 0;
  sbx_fd_close(&made);
  return rc;
}

/* A pipe, at its end to read from, and at all others that lead into the same one. One that is not
 * the zygote's any more was made by libuv when the process was forked, and has something in it. */
static int replace_pipe(const struct sbx_zygote *z, const struct sbx_kept *out) {
  int ends[2];
  struct stat stat;
  if (fstat(out->fd, &stat) < 0)
    return -errno;
  if (stat.st_ino != out->inode)
    return 0;
  if (pipe2(ends, O_CLOEXEC | (out->flags & O_NONBLOCK)) < 0)
    return -errno;
  int rc = replace(ends[0], out->fd);
  for (size_t i = 0; rc == 0 && i < z->n_kept; i++)
    if (z->kept[i].kind == SBX_KEPT_PIPE_IN && z->kept[i].inode == out->inode)
      rc = dup3(ends[1], z->kept[i].fd, O_CLOEXEC) < 0 ? -errno : 0;
  sbx_fd_close(&ends[1]);
  return rc;
}

static int make_anew(const struct sbx_zygote *z, const struct sbx_kept *kept) {
  switch (kept->kind) {
  case SBX_KEPT_EVENTFD:
    return replace(eventfd(0, EFD_CLOEXEC | (kept->flags & O_NONBLOCK)), kept->fd);
  case SBX_KEPT_EPOLL:
    return replace(epoll_create1(EPOLL_CLOEXEC), kept->fd);
  case SBX_KEPT_PIPE_OUT:
    return replace_pipe(z, kept);
  case SBX_KEPT_PIPE_IN: /* With its other end. */
  case SBX_KEPT_OURS:
    break;
  }
  return 0;
}

static int fail(int rc, struct sbx_err *err) {
  return rc < 0 ? sbx_err_set(err, SBX_STAGE_FDS, -rc, "the guest's descriptors: %s", strerror(-rc))
                : 0;
}

int sbx_zygote_renew_descriptors(const struct sbx_zygote *z, struct sbx_err *err) {
  int rc = 0;
  for (size_t i = 0; rc == 0 && i < z->n_kept; i++)
    rc = make_anew(z, &z->kept[i]);
  return fail(rc, err);
}

int sbx_zygote_take_descriptors(const int *fds, struct sbx_err *err) {
  static const int numbers[SBX_CTL_RUN_FDS] = {SBX_GUEST_DATA_FD, STDOUT_FILENO, STDERR_FILENO};
  int rc = 0;
  for (int i = 0; rc == 0 && i < SBX_CTL_RUN_FDS; i++)
    rc = dup2(fds[i], numbers[i]) < 0 ? -errno : 0;
  return fail(rc, err);
}

/* Closes a range but for those of the two that are in it. */
static int close_but(unsigned first, unsigned last, unsigned low, unsigned high) {
  const unsigned but[] = {low, high};
  int rc = 0;
  for (size_t i = 0; rc == 0 && i < 2; i++) {
    if (but[i] < first || but[i] > last)
      continue;
    rc = but[i] == first ? 0 : sbx_fd_close_range(first, but[i] - 1);
    if (but[i] == last)
      return rc;
    first = but[i] + 1;
  }
  return rc < 0 ? rc : sbx_fd_close_range(first, last);
}

int sbx_zygote_close_others(const struct sbx_zygote *z, int ruleset_fd, int listener_fd,
                            struct sbx_err *err) {
  /* As the standard descriptors, which are in no gap, those that are none. */
  unsigned a = ruleset_fd < 0 ? 0 : (unsigned)ruleset_fd;
  unsigned b = listener_fd < 0 ? 0 : (unsigned)listener_fd;
  int rc = 0;
  for (size_t i = 0; rc == 0 && i < z->n_gaps; i++)
    rc = close_but(z->gaps[i].first, z->gaps[i].last, a < b ? a : b, a < b ? b : a);
  return fail(rc, err);
}
