/* SPDX-License-Identifier: MIT */
/* What a run has used, over its whole process tree, against what it may use. Init, zygote. */
#ifndef SBX_WATCH_H
#define SBX_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "../core/control.h"
#include "../core/policy.h"
#include "tree.h"

struct sbx_watch {
  const struct sbx_policy *policy;
  pid_t guest;
  bool alone;                           /* the guest can start no process: the tree is the guest */
  uint64_t next_cpu_ns, next_memory_ns; /* CLOCK_MONOTONIC of the next look; UINT64_MAX: never */
  uint64_t reaped_cpu_us;               /* of what the supervisor itself has waited for */
  uint64_t peak_data_kb;                /* of the guest */
  struct sbx_tree *tree;                /* room for a list; the supervisor's */
};

/* Everything below the calling process counts, or only the guest when it is `alone`. Does not look
 * at anything before it begins. */
void sbx_watch_start(struct sbx_watch *watch, const struct sbx_policy *policy, pid_t guest,
                     bool alone, struct sbx_tree *tree);

/* Looks from now on. */
void sbx_watch_begin(struct sbx_watch *watch, uint64_t now_ns);

/* Looks at what is due. Returns SBX_REASON_CPU, SBX_REASON_MEMORY, SBX_REASON_THREADS or
 * SBX_REASON_NONE. */
enum sbx_reason sbx_watch_check(struct sbx_watch *watch, uint64_t now_ns);

/* Adds what a process used that the supervisor has waited for, as wait4(2) gives it. */
void sbx_watch_reaped(struct sbx_watch *watch, const struct rusage *used);

#endif
