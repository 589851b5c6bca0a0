/* SPDX-License-Identifier: MIT */
/* Control groups of version 2: a run's memory, tasks and share of the processors, as the kernel
 * counts them. cgroups(7), Documentation/admin-guide/cgroup-v2.rst.
 *
 * Below a cgroup that is the host's to divide (the place) each launcher has one of its own (the
 * pen), and each guest one in that (a stall). The host, the launcher, inits and zygotes stay where
 * they are. A launcher and all its inits hold a lock on the pen: one that nobody holds is left
 * over, and the next launcher in that place removes it. */
#ifndef SBX_CGROUP_H
#define SBX_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../core/err.h"
#include "../core/policy.h"
#include "report.h"

#define SBX_CGROUP_NAME_MAX 24

/* One guest's. */
struct sbx_stall {
  int fd;             /* its directory; -1: there is none */
  uint64_t oom_kills; /* as it was when last looked at */
  char name[SBX_CGROUP_NAME_MAX];
};

/* Where the cgroup of a process is in the file system, by the texts of its /proc/self/cgroup and
 * /proc/self/mountinfo. `top` is where the hierarchy begins for it. Returns 0; -ENOENT: there is
 * no version 2; -EXDEV: its cgroup is not in what is mounted; -ENAMETOOLONG. */
int sbx_cgroup_own(const char *cgroups, const char *mountinfo, size_t size, char *top, char *own);

/* What is there by 'auto', or at an absolute path. Tries it: a process goes in, and out again. */
void sbx_cgroup_probe(const char *asked, struct sbx_report *report);

/* Makes a pen at the place `asked`, and opens it. Returns its descriptor, locked, or -errno with
 * `err` filled. Removes what is left over in that place. */
int sbx_cgroup_open(const char *asked, struct sbx_err *err);

/* Removes the stalls of a pen in which nobody is, whoever has them open: who does finds out when it
 * forks. */
void sbx_cgroup_sweep(int pen_fd);

/* Ends all that is in a pen, and removes it. Closes the descriptor; -1 is nothing. */
void sbx_cgroup_close(int *pen_fd);

/* A stall with the limits of a guest. 0, or -errno with `err` filled. */
int sbx_cgroup_make(int pen_fd, const struct sbx_policy *policy, struct sbx_stall *stall,
                    struct sbx_err *err);

/* What a guest in a stall may take: memoryMb and its private /tmp, which are the guest's, and what
 * the kernel holds for it (page tables, stacks, sockets, inodes). */
uint64_t sbx_cgroup_memory(const struct sbx_policy *policy);

/* fork(2) of the system, without that of libc, into a stall, which is made, or made again where it
 * was swept away. For a process of one thread. As fork(2); -1 with `err` filled. */
pid_t sbx_cgroup_fork(int pen_fd, const struct sbx_policy *policy, struct sbx_stall *stall,
                      struct sbx_err *err);

/* Whether the kernel has ended somebody in it for its memory since this was last asked. */
bool sbx_cgroup_ran_out(struct sbx_stall *stall);

/* The CPU time of all that have been in it, also of those whom nobody has waited for. */
bool sbx_cgroup_cpu(const struct sbx_stall *stall, uint64_t *user_us, uint64_t *system_us);

/* Removes it, empty. */
void sbx_cgroup_remove(int pen_fd, struct sbx_stall *stall);

#endif
