/* SPDX-License-Identifier: MIT */
/* Unix sockets by path. The path is looked up once, and what was found is connected to. */
#include "local.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "../core/fd.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/* A path that ends where the address does, with or without a null byte. Returns 0 or an errno. */
static int read_path(const struct sockaddr_storage *sa, size_t len, char path[static 128]) {
  const size_t head = offsetof(struct sockaddr_un, sun_path);
  if (len <= head || len > sizeof(struct sockaddr_un))
    return EINVAL;
  size_t n = strnlen((const char *)sa + head, len - head);
  memcpy(path, (const char *)sa + head, n);
  path[n] = '\0';
  return n == 0 ? EACCES : 0;
}

/* The directory that relative paths start from. Returns a descriptor or -errno. */
static int working_directory(const struct sbx_notify_call *call) {
  char path[48];
  snprintf(path, sizeof path, "%d/cwd", call->tid);
  int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

/* Where absolute paths, and links that are absolute, lead to for the guest: its root becomes ours.
 * Returns 0 or an errno. */
static int enter_root(const struct sbx_notify_call *call, int listener) {
  char path[48];
  snprintf(path, sizeof path, "%d/root", call->tid);
  SBX_AUTO_FD int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || !sbx_notify_valid(listener, call->id))
    return EACCES;
  snprintf(path, sizeof path, "self/fd/%d", fd);
  return chroot(path) < 0 ? EACCES : 0;
}

/* Its own uid is the guest's, but this process has capabilities over files of that uid. */
static bool may_write(const struct stat *st) {
  return st->st_uid != geteuid() || (st->st_mode & S_IWUSR);
}

int sbx_local_connect(const struct sbx_notify_call *call, int listener, int sock,
                      const struct sockaddr_storage *sa, size_t len, bool apart) {
  /* Links of /proc would lead to what this process has open. */
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
  struct sockaddr_un found = {.sun_family = AF_UNIX};
  char path[128];
  struct stat st;
  int error = read_path(sa, len, path);
  if (!error && apart)
    error = enter_root(call, listener);
  if (error)
    return error;
  SBX_AUTO_FD int cwd = path[0] == '/' ? AT_FDCWD : working_directory(call);
  if (path[0] != '/' && (cwd < 0 || !sbx_notify_valid(listener, call->id)))
    return EACCES;
  SBX_AUTO_FD int fd = (int)syscall(SYS_openat2, cwd, path, &how, sizeof how);
  if (fd < 0)
    return errno == ELOOP || errno == EPERM ? EACCES : errno;
  if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode))
    return ECONNREFUSED;
  if (!may_write(&st))
    return EACCES;
  snprintf(found.sun_path, sizeof found.sun_path, "self/fd/%d", fd);
  int flags = fcntl(sock, F_GETFL);
  bool blocking = !(flags & O_NONBLOCK);
  if (blocking)
    fcntl(sock, F_SETFL, flags | O_NONBLOCK);
  error = connect(sock, (struct sockaddr *)&found, sizeof found) < 0 ? errno : 0;
  if (blocking)
    fcntl(sock, F_SETFL, flags);
  return error;
}
