/* SPDX-License-Identifier: MIT */
/* The guards: kernel mechanisms that confine a guest, in one ordered table.
 *
 * A guard works in up to three processes, one after the other:
 *   open     launcher, once: what all its runs share. May allocate.
 *   prepare  init, once per run, before the guest is forked. May allocate.
 *   apply    the guest's process, between fork() and execve(): async-signal-safe, no allocation.
 * Where guests are forked by a zygote, it opens, and each guest prepares and applies in its own
 * process, which has one thread: there all of it may allocate.
 * A guard that the policy asks for and that fails in one of them ends the run (fail closed). */
#ifndef SBX_GUARDS_H
#define SBX_GUARDS_H

#include <stdbool.h>
#include "../core/err.h"
#include "../core/netrules.h"
#include "../core/policy.h"
#include "cgroup.h"
#include "report.h"
#include "seccomp.h"
#include "view.h"

/* What the runs of a launcher share. */
struct sbx_guard_shared {
  const struct sbx_policy *policy;
  int net_fd;                       /* the empty network namespace; -1: the host's is used */
  struct sbx_seccomp filter;        /* built, not loaded; of forked guests the rest */
  struct sbx_seccomp common_filter; /* of forked guests, see sbx_guards_apply_common() */
  struct sbx_seccomp zygote_filter; /* of a zygote that is confined, see sbx_guard_run */
  int pen_fd;                       /* the cgroup of its guests' cgroups; -1: none */
  bool forked;                      /* guests are forks of the calling process, see sbx_guard_run */
  struct sbx_netrules *net_rules;   /* SBX_PERMIT_NET_RULES: what the broker goes by; or NULL */
};

/* A view that forked guests have in common. */
struct sbx_ready_view {
  int ns_fd; /* a mount namespace that holds it, to enter a copy of; -1: the zygote's own does */
  struct sbx_view view;
  int *held; /* O_PATH, one for each grant of the view; -1 for what is gone */
};

/* What a guard may look at, and what one leaves for the next: this run's descriptors and paths. */
struct sbx_guard_run {
  const struct sbx_policy *policy;
  struct sbx_guard_shared *shared;
  const char *workdir;
  char *const *grants;               /* of this run, beside the policy's; NULL-terminated */
  int data_fd, stdout_fd, stderr_fd; /* of the guest, still at any number */
  int debug_fd;                      /* the guest's way to a debugger; 0 or less: none */
  int status_fd;                     /* O_CLOEXEC pipe that reports a setup failure to init */
  struct sbx_view view;              /* which files there are; made by "namespaces" */
  int ruleset_fd;                    /* of Landlock; -1: none */
  int listener_fd;                   /* the way of the listener to its broker; -1: none is needed */
  bool change_ids;                   /* root without a user namespace becomes nobody */
  int exec_fd;                       /* the runtime, to be executed; see sbx_guard_max_files */
  /* The guest is a fork, not executed: it shares a PID namespace with others, its descriptors are
   * in place before the first guard, and what it holds in memory is its own beside its limit. */
  bool forked;
  uint64_t inherited_bytes; /* of a forked one: VmData of the zygote */
  bool readable;            /* of a forked one: sbx_listener_admit() */
  /* What is confined is a zygote that will load foreign modules: as a guest with these paths, but
   * that it may fork, supervise its children and confine them further. */
  bool zygote;
  /* Forked by such a zygote: most guards are on, and nothing can be mounted any more. */
  bool nested;
  /* Of a forked one: what it is granted, or NULL: not made yet. */
  const struct sbx_ready_view *ready;
};

struct sbx_guard {
  const char *name;
  void (*probe)(struct sbx_report *report); /* NULL: every kernel has it */
  /* Each may be NULL; returns 0, or -errno with `err` filled. */
  int (*open)(struct sbx_guard_shared *shared, struct sbx_err *err);
  int (*prepare)(struct sbx_guard_run *run, struct sbx_err *err);
  int (*apply)(struct sbx_guard_run *run, struct sbx_err *err);
};

/* The ordered table; ends with a NULL name. The order is data: see the comment on each line. */
extern const struct sbx_guard sbx_guards[];

/* Go through the table; stop at the first failure. */
int sbx_guards_open(struct sbx_guard_shared *shared, struct sbx_err *err);
int sbx_guards_prepare(struct sbx_guard_run *run, struct sbx_err *err);
int sbx_guards_apply(struct sbx_guard_run *run, struct sbx_err *err);

/* Leaves the calling process, a child of a zygote, in a mount namespace with the view of
 * run->ready, for guests with the same workdir and grants. Whether that can be: what is denied may
 * come and go on the host, which a view that is made for each run takes notice of. */
bool sbx_guards_can_make_ready(const struct sbx_guard_run *run);
int sbx_guards_make_ready(const struct sbx_guard_run *run, struct sbx_err *err);

/* In a zygote, when it has all that it needs: loads what its guests' filters have in common, for
 * them to inherit. 0, or -errno with `err` filled. */
int sbx_guards_apply_common(struct sbx_guard_shared *shared, struct sbx_err *err);

/* How many descriptors a guest may have: the policy's limit, or less where the host has less. The
 * runtime is executed from the descriptor of just that number, which is closed by execve() and can
 * never be made again, since it is over the limit: so the system call filter can tell the
 * launcher's execveat() from any of the guest's. */
uint64_t sbx_guard_max_files(const struct sbx_policy *policy);

/* How many descriptors foreign code may have at most. The kernel holds what all processes of a user
 * have on their way in sockets against the limit of who sends (ETOOMANYREFS): who is trusted, and a
 * guest until its listener is sent, has a quarter more than all that a guest can fill. */
uint64_t sbx_guard_most_files(void);

/* Part of "rlimits", or of "seccomp" where that sends a listener before. */
int sbx_guard_limit_files(const struct sbx_policy *policy, struct sbx_err *err);

/* The zygote, a process that is trusted until it has forked. The first is for its init, the second
 * between fork() and execve(): a /proc of its PID namespace and no network, as its guests will have
 * it; no_new_privs; and its capabilities, which hold inside of the user namespace, stay. */
int sbx_zygote_prepare(const struct sbx_guard_shared *shared, struct sbx_err *err);
int sbx_zygote_apply(const struct sbx_guard_shared *shared, struct sbx_err *err);

/* Of the guards that have a file of their own. */
int sbx_guard_fds(struct sbx_guard_run *run, struct sbx_err *err);
int sbx_guard_workdir(struct sbx_guard_run *run, struct sbx_err *err);
int sbx_guard_rlimits_open(struct sbx_guard_shared *shared, struct sbx_err *err);
int sbx_guard_rlimits(struct sbx_guard_run *run, struct sbx_err *err);
int sbx_guard_privileges_open(struct sbx_guard_shared *shared, struct sbx_err *err);
int sbx_guard_privileges_prepare(struct sbx_guard_run *run, struct sbx_err *err);
int sbx_guard_privileges(struct sbx_guard_run *run, struct sbx_err *err);

/* Part of the last one. Also for a zygote, which executes nothing after it: what a fork inherits
 * empty is not to be emptied again. */
int sbx_guard_drop_bounding_set(struct sbx_err *err);

#endif
