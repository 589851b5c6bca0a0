/* SPDX-License-Identifier: MIT */
/* Forks guests into cgroups of their own. Those of guests that are gone are used again: to make one
 * takes as long as a tenth of a run. */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zygote.h"

/* What a guest has left in one (a /tmp that is being let go) is gone by the time that others were
 * used. */
#define FREE_MIN 4u

static struct sbx_stall *at_rest; /* in the order in which they came to be free */
static unsigned n_at_rest, room;

int sbx_stalls_open(const struct sbx_zygote *zygote) {
  return zygote->shared.pen_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

void sbx_stalls_give_back(const struct sbx_zygote *zygote, struct sbx_stall *stall) {
  if (stall->fd < 0)
    return;
  if (n_at_rest == room) {
    struct sbx_stall *more = realloc(at_rest, (room + 16) * sizeof *more);
    if (!more) {
      sbx_cgroup_remove(zygote->shared.pen_fd, stall);
      return;
    }
    at_rest = more;
    room += 16;
  }
  at_rest[n_at_rest++] = *stall;
  stall->fd = -1;
}

static int take(const struct sbx_zygote *zygote, struct sbx_stall *stall) {
  struct sbx_err err;
  if (n_at_rest < FREE_MIN)
    return sbx_cgroup_make(zygote->shared.pen_fd, &zygote->policy, stall, &err);
  *stall = at_rest[0];
  memmove(at_rest, at_rest + 1, --n_at_rest * sizeof *at_rest);
  return 0;
}

/* clone3(2), which returns twice on the same stack: what a function of libc would leave on it for
 * its own return, the child would have overwritten by then. */
static inline __attribute__((always_inline)) long clone_here(struct clone_args *args) {
#if defined(__x86_64__)
  long rc;
  __asm__ volatile("syscall"
                   : "=a"(rc)
                   : "a"((long)SYS_clone3), "D"(args), "S"(sizeof *args)
                   : "rcx", "r11", "memory", "cc");
  return rc;
#else
  register long rc __asm__("x0") = (long)args;
  register long size __asm__("x1") = sizeof *args;
  register long nr __asm__("x8") = SYS_clone3;
  __asm__ volatile("svc #0" : "+r"(rc) : "r"(size), "r"(nr) : "memory", "cc");
  return rc;
#endif
}

/* libc's fork() makes a copy of the process whole again (its handlers, locks and thread ids), but
 * cannot be told of a cgroup. So a process that is in the cgroup calls it: one that borrows this
 * one's memory and stack while this one waits, as with vfork(2), and costs no copy of them. When it
 * ends, the guest becomes our child, since we are a subreaper. A guest could also be moved to its
 * cgroup, but a move waits for the kernel's grace periods: 20 ms on a machine at rest. */
static __attribute__((noinline)) pid_t fork_into(int cgroup_fd) {
  volatile pid_t guest = -1;
  volatile int errnum = 0;
  struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP,
                            .cgroup = (uint64_t)cgroup_fd};
  long rc = clone_here(&args);
  if (rc == 0) {
    pid_t between = getpid();
    guest = fork();
    if (guest == 0) {
      while (getppid() == between)
        sched_yield();
      return 0;
    }
    errnum = errno;
    syscall(SYS_exit_group, 0);
  }
  if (rc < 0) {
    errno = (int)-rc;
    return -1;
  }
  while (waitpid((pid_t)rc, NULL, __WCLONE) < 0 && errno == EINTR)
    ;
  errno = errnum;
  return guest;
}

pid_t sbx_stalls_fork(const struct sbx_zygote *zygote, struct sbx_stall *stall) {
  *stall = (struct sbx_stall){.fd = -1};
  if (zygote->shared.pen_fd < 0)
    return fork();
  for (;;) {
    int rc = take(zygote, stall);
    if (rc < 0) {
      errno = -rc;
      return -1;
    }
    pid_t pid = fork_into(stall->fd);
    if (pid >= 0)
      return pid;
    /* Swept away by who took it for one of a zygote that is gone. */
    int errnum = errno;
    sbx_cgroup_remove(zygote->shared.pen_fd, stall);
    errno = errnum;
    if (errnum != ENODEV && errnum != ENOENT)
      return -1;
  }
}
