/* SPDX-License-Identifier: MIT */
/* Builds the mount view: a tmpfs becomes the root, the old root is looked at under OLD while the
 * grants are cloned out of it, and then let go. */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../core/compat.h"
#include "../core/fd.h"
#include "paths.h"
#include "remount.h"

/* <sys/mount.h> and <linux/mount.h> cannot be included together. */
int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);
#define MNT_DETACH 2

#define OLD "/.old"           /* the host's root, while the view is built */
#define MASK_FILE "/.denied"  /* what a denied file looks like: empty, and for nobody */
#define MASK_DIR "/.denied.d" /* and a directory */
#define TMP "/tmp"
#define LINKS_MAX 40 /* as in the kernel, path_resolution(7) */

struct build {
  const struct sbx_view *view;
  const struct sbx_mounts_options *options;
  struct sbx_err *err;
};

static int fail(struct build *b, const char *what, const char *path) {
  return sbx_err_set(b->err, SBX_STAGE_NAMESPACES, errno, "%s %.160s: %s", what, path,
                     strerror(errno));
}

static int make_dir(struct build *b, const char *path) {
  if (mkdir(path, 0755) == 0 || errno == EEXIST)
    return 0;
  return fail(b, "mkdir", path);
}

/* The directories above `path`, which is absolute. */
static int make_parents(struct build *b, const char *path) {
  char dir[PATH_MAX];
  snprintf(dir, sizeof dir, "%s", path);
  for (char *slash = strchr(dir + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    int rc = make_dir(b, dir);
    if (rc < 0)
      return rc;
    *slash = '/';
  }
  return 0;
}

/* Something to mount on. It is there already where a grant above it brought it along. */
static int make_place(struct build *b, const char *path, bool dir) {
  struct stat st;
  if (lstat(path, &st) == 0)
    return 0;
  int rc = make_parents(b, path);
  if (rc < 0 || dir)
    return rc < 0 ? rc : make_dir(b, path);
  SBX_AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
  return fd < 0 ? fail(b, "creat", path) : 0;
}

/* Makes the symbolic links along a path as they are on the host, so that the path leads to where it
 * leads there. */
static int copy_links(struct build *b, const char *path) {
  char rest[PATH_MAX], target[PATH_MAX], at[PATH_MAX] = "", old[PATH_MAX + sizeof OLD];
  struct stat st;
  int links = 0;
  snprintf(rest, sizeof rest, "%s", path);
  while (*rest) {
    size_t skip = strspn(rest, "/"), n = strcspn(rest + skip, "/"), used = strlen(at);
    if (n == 0)
      return 0;
    if (n == 2 && strncmp(rest + skip, "..", 2) == 0) {
      char *slash = strrchr(at, '/');
      if (slash)
        *slash = '\0';
    } else if (n != 1 || rest[skip] != '.') {
      if (used + 1 + n >= sizeof at)
        return 0;
      at[used] = '/';
      memcpy(at + used + 1, rest + skip, n);
      at[used + 1 + n] = '\0';
    }
    memmove(rest, rest + skip + n, strlen(rest + skip + n) + 1);
    snprintf(old, sizeof old, OLD "%s", at);
    if (lstat(old, &st) < 0 || !S_ISLNK(st.st_mode))
      continue;
    ssize_t len = readlink(old, target, sizeof target - 1);
    if (len < 0 || ++links > LINKS_MAX || (size_t)len + strlen(rest) >= sizeof target)
      return 0; /* It leads nowhere: the view has said so already. */
    target[len] = '\0';
    int rc = make_parents(b, at);
    if (rc < 0)
      return rc;
    if (symlink(target, at) < 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
      return fail(b, "symlink", at);
    strcat(target, rest); /* NOLINT: fits, see above */
    strcpy(rest, target); /* NOLINT: of the same size */
    if (*rest == '/')
      *at = '\0';
    else
      *strrchr(at, '/') = '\0';
  }
  return 0;
}

/* The tmpfs that is the root has no /proc of processes yet; the host's shows what is mounted by
 * now. */
static const char *mountinfo(const struct build *b) {
  return b->options->all_files ? "/proc/self/mountinfo" : OLD "/proc/self/mountinfo";
}

/* Of what the view has found there, as Landlock takes it: a link on the way was none then, and -1
 * with ELOOP now. */
static int clone_tree(const char *path, bool dir) {
  SBX_AUTO_FD int at = sbx_path_open(path, dir);
  if (at < 0) {
    errno = -at;
    return -1;
  }
  return (int)syscall(SYS_open_tree, at, "",
                      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
}

/* Whether it has gone since the view was made, or is something else. */
static bool is_gone(void) {
  return errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
}

/* `tree`: something may be mounted beneath it. */
static int attach(struct build *b, int fd, const char *to, uint64_t attributes, bool tree) {
  struct mount_attr attr = {.attr_set = attributes};
  int rc =
      (int)syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr);
  bool later = rc < 0 && errno == ENOSYS;
  if (rc < 0 && !later)
    return fail(b, "mount_setattr", to);
  if (syscall(SYS_move_mount, fd, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) < 0)
    return fail(b, "move_mount", to);
  return later ? sbx_remount_tree(to, tree ? mountinfo(b) : NULL, attributes, b->err) : 0;
}

/* Clones what is at `from` and mounts it at `to`. A path that is gone by now is no error. */
static int bind(struct build *b, const char *from, const char *to, bool dir, uint64_t attributes,
                bool tree) {
  SBX_AUTO_FD int fd = clone_tree(from, dir);
  if (fd < 0)
    return is_gone() ? 0 : fail(b, "open_tree", to);
  return attach(b, fd, to, attributes, tree);
}

static uint64_t attributes_of(char access) {
  switch (access) {
  case 'w':
    return MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  case 'o':
    return MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  case 'd':
    return MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
  default:
    return MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY;
  }
}

static int add_grant(struct build *b, const struct sbx_grant *grant) {
  char old[PATH_MAX + sizeof OLD];
  if (strncmp(grant->real, "/proc/", 6) == 0)
    return 0; /* Of the /proc that is to come. */
  snprintf(old, sizeof old, OLD "%s", grant->real);
  int rc = strcmp(grant->path, grant->real) == 0 ? 0 : copy_links(b, grant->path);
  if (rc == 0)
    rc = make_place(b, grant->real, grant->dir);
  if (rc < 0 || !grant->beneath)
    return rc;
  return bind(b, old, grant->real, grant->dir, attributes_of(grant->access), true);
}

static int mount_tmpfs(struct build *b, const char *where, unsigned long flags, const char *data) {
  if (mount("tmpfs", where, "tmpfs", MS_NOSUID | MS_NODEV | flags, data) < 0)
    return fail(b, "mounting a tmpfs on", where);
  return 0;
}

/* 64 bytes are enough for the largest numbers. An inode takes no space of `size`, but memory. */
static int mount_tmp(struct build *b) {
  char data[64];
  unsigned long long bytes = b->options->tmp_bytes;
  if (bytes == 0)
    return 0;
  snprintf(data, sizeof data, "size=%llu,nr_inodes=%llu,mode=1777", bytes, bytes / 4096 + 64);
  int rc = make_dir(b, TMP);
  return rc < 0 || b->options->to_be_joined ? rc : mount_tmpfs(b, TMP, MS_NOEXEC, data);
}

/* Read-only, since a root of the host owns its entries without any capability. hidepid=2: who may
 * not trace a process does not find it (proc(5)). */
static int mount_proc(struct build *b) {
  char data[32];
  snprintf(data, sizeof data, "%s%s%s", b->options->pids_only ? "subset=pid" : "",
           b->options->pids_only && b->options->hide_others ? "," : "",
           b->options->hide_others ? "hidepid=2" : "");
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, data) < 0)
    return fail(b, "mounting a proc on", "/proc");
  return 0;
}

/* What all masks are mounts of: a file and a directory beneath `where`. */
static int make_masks(struct build *b, const char *where) {
  char path[sizeof "/proc" MASK_DIR];
  snprintf(path, sizeof path, "%s" MASK_FILE, where);
  SBX_AUTO_FD int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
  if (fd < 0)
    return fail(b, "creat", path);
  snprintf(path, sizeof path, "%s" MASK_DIR, where);
  return mkdir(path, 0) < 0 ? fail(b, "mkdir", path) : 0;
}

/* The usual names of a process's own descriptors. */
static int make_dev_links(struct build *b) {
  static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                         {"/proc/self/fd/0", "/dev/stdin"},
                                         {"/proc/self/fd/1", "/dev/stdout"},
                                         {"/proc/self/fd/2", "/dev/stderr"}};
  int rc = make_dir(b, "/dev");
  for (size_t i = 0; rc == 0 && i < sizeof links / sizeof *links; i++)
    if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST)
      rc = fail(b, "symlink", links[i][1]);
  return rc;
}

static int add_masks(struct build *b, const char *where) {
  char path[sizeof "/proc" MASK_DIR];
  int rc = b->view->n_masks > 0 ? make_masks(b, where) : 0;
  for (size_t i = 0; rc == 0 && i < b->view->n_masks; i++) {
    const struct sbx_mask *mask = &b->view->masks[i];
    snprintf(path, sizeof path, "%s%s", where, mask->dir ? MASK_DIR : MASK_FILE);
    rc = bind(b, path, mask->real, mask->dir, attributes_of('r') | MOUNT_ATTR_NOEXEC, false);
  }
  return rc;
}

/* An empty root, with the old one at OLD. The tmpfs is mounted where a directory is sure to be;
 * once it is the root, what it covered is uncovered again. */
static int enter_empty_root(struct build *b) {
  int rc = mount_tmpfs(b, "/proc", 0, "size=1m,mode=755");
  if (rc < 0)
    return rc;
  if (mkdir("/proc" OLD, 0700) < 0 || chdir("/proc") < 0)
    return fail(b, "mkdir", OLD);
  if (syscall(SYS_pivot_root, ".", "." OLD) < 0 || chdir("/") < 0)
    return fail(b, "pivot_root", "/");
  return 0;
}

static int leave_old_root(struct build *b) {
  if (umount2(OLD, MNT_DETACH) < 0 || rmdir(OLD) < 0)
    return fail(b, "umount", OLD);
  if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
    return fail(b, "remounting read-only", "/");
  return 0;
}

static int build_view(struct build *b) {
  int rc = enter_empty_root(b);
  if (rc == 0)
    rc = make_dir(b, "/proc");
  if (rc == 0)
    rc = mount_tmp(b);
  for (size_t i = 0; rc == 0 && i < b->view->n_grants; i++)
    rc = add_grant(b, &b->view->grants[i]);
  if (rc == 0)
    rc = make_dev_links(b);
  if (rc == 0)
    rc = mount_proc(b);
  if (rc == 0)
    rc = add_masks(b, "");
  if (rc == 0)
    rc = make_place(b, b->options->workdir, true);
  return rc < 0 ? rc : leave_old_root(b);
}

/* What stays writable when all else becomes read-only: cloned before, put back after. */
static int make_read_only(struct build *b) {
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
  const struct sbx_view *view = b->view;
  int rc = 0;
  int *clones = calloc(view->n_grants + 1, sizeof *clones);
  if (!clones)
    return fail(b, "calloc", "/");
  for (size_t i = 0; rc == 0 && i < view->n_grants; i++) {
    bool writable = sbx_grant_writes(view->grants[i].access);
    clones[i] = writable ? clone_tree(view->grants[i].real, view->grants[i].dir) : -1;
    if (clones[i] < 0 && writable && !is_gone())
      rc = fail(b, "open_tree", view->grants[i].real);
  }
  if (rc == 0 && syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof attr) < 0)
    rc = errno == ENOSYS ? sbx_remount_tree("/", mountinfo(b), MOUNT_ATTR_RDONLY, b->err)
                         : fail(b, "mount_setattr", "/");
  for (size_t i = 0; i < view->n_grants; i++) {
    if (rc == 0 && clones[i] >= 0)
      rc = attach(b, clones[i], view->grants[i].real, attributes_of(view->grants[i].access), true);
    sbx_fd_close(&clones[i]);
  }
  free(clones);
  return rc;
}

/* With all files granted the host's root stays where it is. The tmpfs only holds the mask, for as
 * long as it is needed, where /proc comes to be. */
static int cover_root(struct build *b) {
  const struct sbx_view *view = b->view;
  bool writable = false;
  for (size_t i = 0; i < view->n_grants; i++)
    writable |= strcmp(view->grants[i].real, "/") == 0 && view->grants[i].access == 'w';
  int rc = writable ? 0 : make_read_only(b);
  if (rc == 0)
    rc = mount_tmpfs(b, "/proc", 0, "size=64k,mode=755");
  if (rc == 0)
    rc = add_masks(b, "/proc");
  if (rc == 0 && umount2("/proc", MNT_DETACH) < 0)
    rc = fail(b, "umount", "/proc");
  return rc < 0 ? rc : mount_proc(b);
}

int sbx_mounts_enter(const struct sbx_view *view, const struct sbx_mounts_options *options,
                     struct sbx_err *err) {
  struct build b = {view, options, err};
  if (unshare(CLONE_NEWNS) < 0)
    return fail(&b, "unshare", "mount namespace");
  /* In a user namespace of its own it is so by itself for what comes from outside; nothing may go
   * out either. */
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    return fail(&b, "making private", "/");
  return options->all_files ? cover_root(&b) : build_view(&b);
}

/* The private /tmp would cover what is granted beneath it: cloned before, put back after. */
static int join_tmp(struct build *b) {
  const struct sbx_view *view = b->view;
  int *clones = calloc(view->n_grants + 1, sizeof *clones);
  if (!clones)
    return fail(b, "calloc", TMP);
  int rc = 0;
  for (size_t i = 0; i < view->n_grants; i++) {
    const struct sbx_grant *g = &view->grants[i];
    bool covered = g->beneath && sbx_path_within(g->real, TMP);
    clones[i] = covered && rc == 0 ? clone_tree(g->real, g->dir) : -1;
    if (covered && rc == 0 && clones[i] < 0)
      rc = fail(b, "open_tree", g->real);
  }
  if (rc == 0)
    rc = mount_tmp(b);
  for (size_t i = 0; i < view->n_grants; i++) {
    const struct sbx_grant *g = &view->grants[i];
    if (rc == 0 && sbx_path_within(g->real, TMP))
      rc = make_place(b, g->real, g->dir);
    if (rc == 0 && clones[i] >= 0 &&
        syscall(SYS_move_mount, clones[i], "", AT_FDCWD, g->real, MOVE_MOUNT_F_EMPTY_PATH) < 0)
      rc = fail(b, "move_mount", g->real);
    sbx_fd_close(&clones[i]);
  }
  free(clones);
  return rc == 0 && sbx_path_within(b->options->workdir, TMP)
             ? make_place(b, b->options->workdir, true)
             : rc;
}

int sbx_mounts_join(int ns_fd, const struct sbx_view *view,
                    const struct sbx_mounts_options *options, struct sbx_err *err) {
  struct build b = {view, options, err};
  if (setns(ns_fd, CLONE_NEWNS) < 0)
    return fail(&b, "setns", "mount namespace");
  if (unshare(CLONE_NEWNS) < 0)
    return fail(&b, "unshare", "mount namespace");
  return options->tmp_bytes > 0 ? join_tmp(&b) : 0;
}
