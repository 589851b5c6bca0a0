/* SPDX-License-Identifier: MIT */
/* What a supervisor keeps of one guest: its deadline, what it has used, why it was ended, and the
 * report that is due in the end. It decides and remembers; the supervisor sends the signals and
 * waits for the processes. Init has one of them, the zygote as many as it has guests. */
#ifndef SBX_GUEST_H
#define SBX_GUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "../core/control.h"
#include "../core/policy.h"
#include "watch.h"

struct sbx_guest {
  const struct sbx_policy *policy;
  pid_t pid;
  int io_fd;               /* /proc/PID/io; -1: not known */
  int waiter_io_fd;        /* the same of the calling process, the caller's to close; or -1 */
  bool gone;               /* and reaped */
  bool ending;             /* SIGTERM is out, the grace runs */
  uint64_t next_signal_ns; /* CLOCK_MONOTONIC: SIGTERM, or after it SIGKILL */
  enum sbx_reason reason;  /* the first one */
  struct sbx_ctl_exit exit;
  struct sbx_watch watch;
};

/* A guest that was just forked. `alone` and `tree`: see watch.h. `timed`: its run begins with it;
 * else it has no deadline, nor another limit that is kept here. */
void sbx_guest_start(struct sbx_guest *guest, const struct sbx_policy *policy, pid_t pid,
                     bool alone, struct sbx_tree *tree, bool timed);

/* The run of one that was started ahead begins: its deadline and limits. What the process has used
 * by then counts, as it does where both begin at once. */
void sbx_guest_begin(struct sbx_guest *guest);

/* Of a zygote that loads foreign modules: it gets so long and a run's memory from now on. 0: no
 * limits. */
void sbx_guest_limit(struct sbx_guest *guest, uint64_t ms);

/* CLOCK_MONOTONIC of the next moment at which sbx_guest_due() has to be asked. */
uint64_t sbx_guest_next_ns(const struct sbx_guest *guest);

/* Which signal is due by now: SIGTERM, SIGKILL, or 0 for none. Looks at CPU time and memory. */
int sbx_guest_due(struct sbx_guest *guest, uint64_t now_ns);

/* Somebody wants an end to it: returns SIGTERM, or 0 when it has been sent already. */
int sbx_guest_end(struct sbx_guest *guest, enum sbx_reason reason, uint64_t now_ns);

/* Only the first reason counts. */
void sbx_guest_blame(struct sbx_guest *guest, enum sbx_reason reason);

/* Waits for a child that has ended, the guest or what descends from it, and counts what it used.
 * Returns whether it was there to be waited for. */
bool sbx_guest_reap(struct sbx_guest *guest, pid_t pid);

/* What others have spent for it, which counts as its own. */
void sbx_guest_served(struct sbx_guest *guest, uint64_t cpu_us);

/* The report, once it is gone. */
const struct sbx_ctl_exit *sbx_guest_report(struct sbx_guest *guest);

#endif
