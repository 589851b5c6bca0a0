/* SPDX-License-Identifier: MIT */
/* CPU time, memory and threads of a run's process tree. Init or zygote, while the guest runs.
 *
 * RLIMIT_CPU and RLIMIT_DATA bind each process on its own, in whole seconds the one, without shared
 * memory and page tables the other, and RLIMIT_NPROC counts all that a user has; what they miss is
 * seen here. */
#include "watch.h"

#include <time.h>
#include <unistd.h>

#include "../core/proc.h"

#define MS UINT64_C(1000000) /* nanoseconds */
#define MEMORY_EVERY_MS UINT64_C(50)
#define MEMORY_SOONEST_MS 5u
/* Pages cannot be touched much faster than this, so the limit cannot be passed before then. */
#define KB_PER_MS 1024u
#define CPU_SOONEST_MS 2u

void sbx_watch_start(struct sbx_watch *watch, const struct sbx_policy *policy, pid_t guest,
                     bool alone, struct sbx_tree *tree) {
  *watch = (struct sbx_watch){.policy = policy, .guest = guest, .alone = alone, .tree = tree};
  watch->next_cpu_ns = watch->next_memory_ns = UINT64_MAX;
}

void sbx_watch_begin(struct sbx_watch *watch, uint64_t now_ns) {
  watch->next_cpu_ns = watch->policy->cpu_ms ? now_ns : UINT64_MAX;
  bool looks = watch->policy->memory_bytes || watch->policy->max_threads;
  watch->next_memory_ns = looks ? now_ns + MEMORY_EVERY_MS * MS : UINT64_MAX;
}

void sbx_watch_reaped(struct sbx_watch *watch, const struct rusage *used) {
  watch->reaped_cpu_us += (uint64_t)(used->ru_utime.tv_sec + used->ru_stime.tv_sec) * 1000000u +
                          (uint64_t)(used->ru_utime.tv_usec + used->ru_stime.tv_usec);
}

/* To the nanosecond where /proc only knows clock ticks; 0 when the process is gone. */
static uint64_t process_cpu_us(pid_t pid) {
  clockid_t clock;
  struct timespec used;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
    return 0;
  return (uint64_t)used.tv_sec * 1000000u + (uint64_t)used.tv_nsec / 1000u;
}

static uint64_t tree_cpu_us(struct sbx_watch *watch) {
  uint64_t sum = watch->reaped_cpu_us;
  for (size_t i = 0; i < watch->tree->n; i++) {
    struct sbx_proc_stat stat;
    pid_t pid = watch->tree->at[i].pid;
    if (sbx_proc_stat(pid, &stat) == 0)
      sum += process_cpu_us(pid) + stat.reaped_us;
  }
  return sum;
}

/* Pages that two processes share count for both: the sum may be too high, never too low. */
static uint64_t tree_memory_kb(struct sbx_watch *watch, uint64_t *threads) {
  uint64_t sum = 0;
  *threads = 0;
  for (size_t i = 0; i < watch->tree->n; i++) {
    struct sbx_proc_mem mem;
    if (sbx_proc_mem(watch->tree->at[i].pid, &mem) < 0)
      continue;
    sum += mem.rss_anon_kb + mem.rss_shmem_kb + mem.tables_kb;
    *threads += mem.threads;
    if (watch->tree->at[i].pid == watch->guest && mem.data_kb > watch->peak_data_kb)
      watch->peak_data_kb = mem.data_kb;
  }
  return sum;
}

static uint64_t between(uint64_t low, uint64_t value, uint64_t high) {
  return value < low ? low : value > high ? high : value;
}

static enum sbx_reason check_cpu(struct sbx_watch *watch, uint64_t now_ns) {
  uint64_t limit_us = watch->policy->cpu_ms * 1000u, used_us = tree_cpu_us(watch);
  if (used_us >= limit_us)
    return SBX_REASON_CPU;
  /* Not sooner than all processors together can use up what is left. */
  long processors = sysconf(_SC_NPROCESSORS_ONLN);
  uint64_t left_ms = (limit_us - used_us) / 1000u / (uint64_t)(processors > 0 ? processors : 1);
  watch->next_cpu_ns = now_ns + between(CPU_SOONEST_MS, left_ms, UINT64_C(3600000)) * MS;
  return SBX_REASON_NONE;
}

static enum sbx_reason check_memory(struct sbx_watch *watch, uint64_t now_ns) {
  uint64_t threads, used_kb = tree_memory_kb(watch, &threads);
  uint64_t limit_kb = watch->policy->memory_bytes / 1024u, most = watch->policy->max_threads;
  if (most && threads > most)
    return SBX_REASON_THREADS;
  if (limit_kb == 0)
    limit_kb = UINT64_MAX;
  if (used_kb > limit_kb)
    return SBX_REASON_MEMORY;
  watch->next_memory_ns =
      now_ns + between(MEMORY_SOONEST_MS, (limit_kb - used_kb) / KB_PER_MS, MEMORY_EVERY_MS) * MS;
  return SBX_REASON_NONE;
}

enum sbx_reason sbx_watch_check(struct sbx_watch *watch, uint64_t now_ns) {
  enum sbx_reason reason = SBX_REASON_NONE;
  if (now_ns < watch->next_cpu_ns && now_ns < watch->next_memory_ns)
    return reason;
  /* On failure the list is a part of the tree: what it holds still counts. */
  if (watch->alone)
    sbx_tree_one(watch->tree, watch->guest);
  else
    sbx_tree_list(watch->tree);
  /* Each would be looked at, which a guest is not to make expensive. */
  if (watch->policy->max_threads && watch->tree->n > watch->policy->max_threads)
    return SBX_REASON_THREADS;
  if (now_ns >= watch->next_memory_ns)
    reason = check_memory(watch, now_ns);
  if (reason == SBX_REASON_NONE && now_ns >= watch->next_cpu_ns)
    reason = check_cpu(watch, now_ns);
  return reason;
}
