/* SPDX-License-Identifier: MIT */
/* Notifications of a seccomp filter. The numbers in them belong to a hostile process that may end
 * at any time: every one is used once, and what it led to is checked afterwards. */
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../core/fd.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* Linux 6.9 */
#endif
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1) /* Linux 5.14 */
#endif

/* The kernel writes and reads as much as its own structures have, which may have grown. */
#define ROOM 512

int sbx_notify_init(struct sbx_err *err) {
  struct seccomp_notif_sizes sizes;
  if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
    return sbx_err_set(err, SBX_STAGE_SECCOMP, errno, "SECCOMP_GET_NOTIF_SIZES: %s",
                       strerror(errno));
  if (sizes.seccomp_notif > ROOM || sizes.seccomp_notif_resp > ROOM)
    return sbx_err_set(err, SBX_STAGE_SECCOMP, EOVERFLOW,
                       "the kernel's notifications take %u bytes, at most %u are known",
                       sizes.seccomp_notif, ROOM);
  if (chdir("/proc") < 0)
    return sbx_err_set(err, SBX_STAGE_SECCOMP, errno, "chdir /proc: %s", strerror(errno));
  return 0;
}

int sbx_notify_recv(int listener, struct sbx_notify_call *call) {
  union {
    struct seccomp_notif notif;
    char room[ROOM];
  } u;
  memset(&u, 0, sizeof u); /* or it is EINVAL */
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &u) < 0)
    return errno == EINTR || errno == ENOENT ? 0 : -errno;
  call->id = u.notif.id;
  call->tid = (pid_t)u.notif.pid;
  call->nr = u.notif.data.nr;
  call->arch = u.notif.data.arch;
  memcpy(call->args, u.notif.data.args, sizeof call->args);
  return 1;
}

bool sbx_notify_valid(int listener, uint64_t id) {
  return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

void sbx_notify_answer(int listener, uint64_t id, int errnum, int64_t value) {
  union {
    struct seccomp_notif_resp resp;
    char room[ROOM];
  } u;
  memset(&u, 0, sizeof u);
  u.resp.id = id;
  u.resp.error = -errnum;
  u.resp.val = errnum ? 0 : value;
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &u);
}

int sbx_notify_answer_fd(int listener, uint64_t id, int fd, bool cloexec) {
  struct seccomp_notif_addfd add = {.id = id,
                                    .flags = SECCOMP_ADDFD_FLAG_SEND,
                                    .srcfd = (uint32_t)fd,
                                    .newfd_flags = cloexec ? O_CLOEXEC : 0};
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0)
    return 0;
  if (errno != EINVAL)
    return -errno;
  add.flags = 0;
  int number = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
  if (number < 0)
    return -errno;
  sbx_notify_answer(listener, id, 0, number);
  return 0;
}

int sbx_notify_memory(const struct sbx_notify_call *call, uint64_t from, void *to, size_t len) {
  struct iovec mine = {to, len};
  struct iovec theirs = {(void *)(uintptr_t)from, len}; /* NOLINT(performance-no-int-to-ptr) */
  ssize_t n = process_vm_readv(call->tid, &mine, 1, &theirs, 1, 0);
  if (n < 0)
    return -errno;
  return (size_t)n == len ? 0 : -EFAULT;
}

pid_t sbx_notify_process(pid_t tid) {
  char path[40], text[1024];
  snprintf(path, sizeof path, "%d/status", tid);
  SBX_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (n < 0)
    return -1;
  text[n] = '\0';
  /* At the start of a line, and a name in the lines above has its line feeds escaped. */
  const char *at = strstr(text, "\nTgid:\t");
  return at ? (pid_t)strtol(at + strlen("\nTgid:\t"), NULL, 10) : -1;
}

static int open_pidfd(pid_t tid) {
  if (tid <= 0)
    return -ESRCH;
  int fd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
  if (fd < 0 && errno == EINVAL)
    fd = (int)syscall(SYS_pidfd_open, tid, 0);
  /* ENOENT: a thread, but not the first one. It was EINVAL before Linux 6.15. Kernels before 6.9
   * have pidfds of processes only, that is of a process's first thread. */
  if (fd < 0 && (errno == EINVAL || errno == ENOENT))
    fd = (int)syscall(SYS_pidfd_open, sbx_notify_process(tid), 0);
  return fd < 0 ? -errno : fd;
}

int sbx_notify_fd(const struct sbx_notify_call *call, int fd) {
  SBX_AUTO_FD int pidfd = open_pidfd(call->tid);
  if (pidfd < 0)
    return pidfd == -EBADF ? -ESRCH : pidfd;
  int copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
  return copy < 0 ? -errno : copy;
}

bool sbx_notify_fd_works(void) {
  return syscall(SYS_pidfd_getfd, -1, 0, 0) < 0 && errno == EBADF;
}

int sbx_notify_inode(const struct sbx_notify_call *call, int fd, ino_t *inode) {
  static const char start[] = "socket:[";
  char path[48], text[64], *end;
  snprintf(path, sizeof path, "%d/fd/%d", call->tid, fd);
  ssize_t n = readlink(path, text, sizeof text - 1);
  if (n < 0)
    return errno == ENOENT ? -EBADF : -errno;
  text[n] = '\0';
  /* No path can look like this one: those begin with '/'. */
  if (strncmp(text, start, sizeof start - 1) != 0)
    return -ENOTSOCK;
  *inode = (ino_t)strtoull(text + sizeof start - 1, &end, 10);
  return strcmp(end, "]") == 0 ? 0 : -ENOTSOCK;
}
