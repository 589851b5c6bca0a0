/* SPDX-License-Identifier: MIT */
/* Enumerates descendants by /proc. Launcher, init, zygote. */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../core/compat.h"
#include "../core/fd.h"
#include "../core/proc.h"

static int add(struct sbx_tree *tree, pid_t pid, pid_t parent) {
  if (tree->n == tree->room) {
    size_t room = tree->room ? tree->room * 2 : 64;
    struct sbx_tree_member *at = realloc(tree->at, room * sizeof *at);
    if (!at)
      return -ENOMEM;
    tree->at = at;
    tree->room = room;
  }
  tree->at[tree->n++] = (struct sbx_tree_member){pid, parent};
  return 0;
}

/* Adds the pids of /proc/PID/task/TID/children, a line of numbers of any length. */
static int add_of_thread(struct sbx_tree *tree, pid_t pid, const char *tid) {
  char text[4096];
  snprintf(text, sizeof text, "/proc/%d/task/%s/children", (int)pid, tid);
  SBX_AUTO_FD int fd = open(text, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  pid_t number = 0;
  for (;;) {
    ssize_t n = read(fd, text, sizeof text);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return -errno;
    if (n == 0)
      return 0;
    for (ssize_t i = 0; i < n; i++) {
      if (text[i] >= '0' && text[i] <= '9') {
        number = number * 10 + (text[i] - '0');
      } else if (number) {
        int rc = add(tree, number, pid);
        if (rc < 0)
          return rc;
        number = 0;
      }
    }
  }
}

/* The children of one process: a child belongs to the thread that forked it. */
static int add_children(struct sbx_tree *tree, pid_t pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
  DIR *dir = opendir(path);
  if (!dir)
    return errno == ENOENT ? -ESRCH : -errno;
  int rc = 0;
  for (struct dirent *e; rc == 0 && (e = readdir(dir));) {
    if (e->d_name[0] == '.')
      continue;
    if (tree->most && tree->looked_at++ == tree->most) {
      rc = -E2BIG;
      break;
    }
    rc = add_of_thread(tree, pid, e->d_name);
    if (rc == -ENOENT || rc == -ESRCH)
      rc = 0; /* The thread has ended. */
  }
  closedir(dir);
  return rc;
}

/* Kernels without CONFIG_PROC_CHILDREN: all processes with their parents. */
static int list_all(struct sbx_tree *all) {
  DIR *dir = opendir("/proc");
  if (!dir)
    return -errno;
  int rc = 0;
  for (struct dirent *e; rc == 0 && (e = readdir(dir));) {
    struct sbx_proc_stat stat;
    pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
    if (pid > 0 && sbx_proc_stat(pid, &stat) == 0)
      rc = add(all, pid, stat.ppid);
  }
  closedir(dir);
  return rc;
}

static int add_children_slowly(struct sbx_tree *tree, const struct sbx_tree *all, pid_t pid) {
  int rc = 0;
  for (size_t i = 0; rc == 0 && i < all->n; i++)
    if (all->at[i].parent == pid)
      rc = add(tree, all->at[i].pid, pid);
  return rc;
}

/* -1 until asked. */
static int has_children_file(void) {
  static int known = -1;
  char path[64];
  if (known < 0) {
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    known = access(path, R_OK) == 0;
  }
  return known;
}

static int list(struct sbx_tree *tree, pid_t root, int deep) {
  struct sbx_tree all = {0};
  int quick = has_children_file();
  int rc = quick ? 0 : list_all(&all);
  tree->n = tree->looked_at = 0;
  pid_t pid = root;
  for (size_t next = 0; rc == 0;) {
    rc = quick ? add_children(tree, pid) : add_children_slowly(tree, &all, pid);
    /* A descendant may be gone by now. */
    if (rc < 0 && rc != -ENOMEM && rc != -E2BIG && pid != root)
      rc = 0;
    if (!deep || next == tree->n)
      break;
    pid = tree->at[next++].pid;
  }
  free(all.at);
  return rc;
}

int sbx_tree_children(struct sbx_tree *tree, pid_t of) {
  return list(tree, of, 0);
}

int sbx_tree_list(struct sbx_tree *tree) {
  return list(tree, getpid(), 1);
}

int sbx_tree_one(struct sbx_tree *tree, pid_t child) {
  tree->n = 0;
  return add(tree, child, getpid());
}

void sbx_tree_signal(const struct sbx_tree_member *member, int sig) {
  pid_t self = getpid();
  if (member->parent == self) {
    kill(member->pid, sig);
    return;
  }
  /* Its parent may have waited for it by now, and the number may be another's. What the pidfd
   * stands for cannot change any more, so if the parent is still the one it was seen with (or we
   * are, to whom orphans go), it is the process that was meant. */
  SBX_AUTO_FD int fd = (int)syscall(SYS_pidfd_open, member->pid, 0);
  int unsupported = fd < 0 && errno == ENOSYS; /* Before Linux 5.3. */
  struct sbx_proc_stat stat;
  if (sbx_proc_stat(member->pid, &stat) < 0 || (stat.ppid != member->parent && stat.ppid != self))
    return;
  if (fd >= 0)
    syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
  else if (unsupported)
    kill(member->pid, sig);
}
