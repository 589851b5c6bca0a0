/* SPDX-License-Identifier: MIT */
/* The guards: kernel mechanisms that confine a guest, one file each, applied in table order.
 *
 * Runs in the guest's process, between fork() and execve(): async-signal-safe, no allocation.
 * A guard that cannot be applied ends the run (fail closed). */
#ifndef SBX_GUARDS_H
#define SBX_GUARDS_H

#include "../core/err.h"
#include "../core/policy.h"

/* What a guard may look at: the policy and this run's own descriptors and paths. */
struct sbx_guard_run {
  const struct sbx_policy *policy;
  const char *workdir;
  int data_fd, stdout_fd, stderr_fd; /* of the guest, still at any number */
  int status_fd;                     /* O_CLOEXEC pipe that reports a setup failure to init */
};

struct sbx_guard {
  const char *name;
  /* Returns 0, or -errno with `err` filled. */
  int (*apply)(struct sbx_guard_run *run, struct sbx_err *err);
};

/* The ordered table; ends with a NULL name. The order is data: see the comment on each line. */
extern const struct sbx_guard sbx_guards[];

/* Applies all of them; stops at the first failure. */
int sbx_guards_apply(struct sbx_guard_run *run, struct sbx_err *err);

/* One per file. */
int sbx_guard_workdir(struct sbx_guard_run *run, struct sbx_err *err);
int sbx_guard_rlimits(struct sbx_guard_run *run, struct sbx_err *err);
int sbx_guard_fds(struct sbx_guard_run *run, struct sbx_err *err);
int sbx_guard_privileges(struct sbx_guard_run *run, struct sbx_err *err);

#endif
