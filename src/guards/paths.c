/* SPDX-License-Identifier: MIT */
#include "paths.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../core/fd.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/* As many as the kernel follows, path_resolution(7). */
#define MAX_LINKS 40

/* The root is the empty path: "/a" is then "" + "/a", as every other path is its parent + "/a". */
static const char *rootless(const char *path) {
  return path[1] ? path : "";
}

int sbx_path_compare(const char *a, const char *b) {
  const unsigned char *p = (const unsigned char *)rootless(a);
  const unsigned char *q = (const unsigned char *)rootless(b);
  while (*p && *p == *q) {
    p++;
    q++;
  }
  /* A name that goes on ("a-b") comes after all that is beneath the shorter one ("a/b"). */
  int left = *p == '/' ? 1 : *p ? *p + 1 : 0;
  int right = *q == '/' ? 1 : *q ? *q + 1 : 0;
  return left - right;
}

bool sbx_path_within(const char *path, const char *dir) {
  size_t n = strlen(rootless(dir));
  return strncmp(path, dir, n) == 0 && (!path[n] || path[n] == '/');
}

char *sbx_path_join(const char *dir, const char *name) {
  const char *head = rootless(dir);
  size_t size = strlen(head) + strlen(name) + 2;
  char *path = malloc(size);
  if (!path)
    return NULL;
  snprintf(path, size, "%s/%s", head, name);
  return path;
}

/* The walk of one path: `done` has no links and no trailing slash (the root is ""), `rest` is still
 * to be walked. */
struct walk {
  char *done;
  size_t n;
  char rest[2 * PATH_MAX];
  int links;
};

static void step_up(struct walk *w) {
  while (w->n > 0 && w->done[--w->n] != '/')
    ;
  w->done[w->n] = '\0';
}

/* Takes the next name off `rest`; NULL at the end. */
static char *next_name(struct walk *w, size_t *at) {
  char *name = w->rest + *at + strspn(w->rest + *at, "/");
  size_t n = strcspn(name, "/");
  *at = (size_t)(name - w->rest) + n;
  if (n == 0)
    return NULL;
  if (name[n])
    name[n++] = '\0';
  *at = (size_t)(name - w->rest) + n;
  return name;
}

static bool goes_up(const char *rest) {
  for (const char *at = rest; (at = strstr(at, "..")); at += 2)
    if ((at == rest || at[-1] == '/') && (at[2] == '/' || !at[2]))
      return true;
  return false;
}

/* Puts a link's target in front of what is left. */
static int enter_link(struct walk *w, size_t *at, const char *target) {
  char left[2 * PATH_MAX];
  size_t n = strlen(target), m = strlen(w->rest + *at);
  if (++w->links > MAX_LINKS)
    return -ELOOP;
  if (n + m + 2 > sizeof w->rest)
    return -ENAMETOOLONG;
  memcpy(left, w->rest + *at, m + 1);
  memcpy(w->rest, target, n);
  w->rest[n] = '/';
  memcpy(w->rest + n + 1, left, m + 1);
  *at = 0;
  if (target[0] == '/')
    w->n = 0;
  else
    step_up(w);
  w->done[w->n] = '\0';
  return 0;
}

/* One name: 0 to go on, 1 when what is behind cannot be known, or -errno. */
static int walk_name(struct walk *w, const char *name, size_t *at) {
  char target[PATH_MAX];
  size_t n = strlen(name);
  if (strcmp(name, ".") == 0)
    return 0;
  if (strcmp(name, "..") == 0) {
    step_up(w);
    return 0;
  }
  if (w->n + 1 + n >= PATH_MAX)
    return -ENAMETOOLONG;
  w->done[w->n] = '/';
  memcpy(w->done + w->n + 1, name, n + 1);
  w->n += 1 + n;
  ssize_t len = readlink(w->done, target, sizeof target);
  if (len >= (ssize_t)sizeof target)
    return -ENAMETOOLONG;
  if (len >= 0) {
    target[len] = '\0';
    return enter_link(w, at, target);
  }
  if (errno == EINVAL || errno == ENOENT || errno == ENOTDIR)
    return 0;
  if (errno != EACCES || goes_up(w->rest + *at))
    return -errno;
  step_up(w);
  return 1;
}

static int walk_path(const char *path, char *out) {
  struct walk w = {.done = out};
  size_t at = 0;
  char *name;
  if (strlen(path) >= PATH_MAX)
    return -ENAMETOOLONG;
  memcpy(w.rest, path, strlen(path) + 1);
  out[0] = '\0';
  while ((name = next_name(&w, &at))) {
    int rc = walk_name(&w, name, &at);
    if (rc < 0)
      return rc;
    if (rc > 0)
      break;
  }
  if (!out[0])
    memcpy(out, "/", 2);
  return 0;
}

int sbx_path_locate(const char *path, struct sbx_place *place) {
  struct stat st;
  if (path[0] != '/')
    return -EINVAL;
  if (!realpath(path, place->real)) {
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
      return -errno;
    int rc = walk_path(path, place->real);
    if (rc < 0)
      return rc;
  }
  place->exists = lstat(place->real, &st) == 0;
  place->dir = place->exists && S_ISDIR(st.st_mode);
  return 0;
}

/* Without openat2(2), which the seccomp profiles of older container engines refuse. */
static int open_by_steps(const char *real, bool dir) {
  SBX_AUTO_FD int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  char name[NAME_MAX + 1];
  struct stat st;
  while (fd >= 0 && *(real += strspn(real, "/"))) {
    size_t n = strcspn(real, "/");
    bool inner = real[n] || dir;
    if (n > NAME_MAX)
      return -ENAMETOOLONG;
    memcpy(name, real, n);
    name[n] = '\0';
    real += n;
    int next = openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC | (inner ? O_DIRECTORY : 0));
    sbx_fd_close(&fd);
    fd = next;
  }
  if (fd < 0)
    return -errno;
  if (fstat(fd, &st) < 0)
    return -errno;
  return S_ISLNK(st.st_mode) ? -ELOOP : sbx_fd_steal(&fd);
}

int sbx_path_open(const char *real, bool dir) {
  struct open_how how = {
      .flags = O_PATH | O_CLOEXEC | (dir ? O_DIRECTORY : 0),
      .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
  };
  long fd = syscall(SYS_openat2, AT_FDCWD, real, &how, sizeof how);
  if (fd >= 0)
    return (int)fd;
  return errno == ENOSYS || errno == EPERM ? open_by_steps(real, dir) : -errno;
}
