/* SPDX-License-Identifier: MIT */
/* Resource limits, setrlimit(2). Guest's process, between fork() and execve(). */
#include "guards.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

/* VmData of a Node.js without threads before it has loaded anything. */
#define RUNTIME_BYTES (UINT64_C(24) << 20)

/* V8 and libuv have none; libc has one for a thread that waits with SIGEV_THREAD. */
#define MAX_SIGNALS 1024u

/* Never above what was inherited: raising a hard limit needs CAP_SYS_RESOURCE, and a host that
 * was itself limited must not be outdone by its guest. */
static int lower(int resource, const char *name, uint64_t soft, uint64_t hard,
                 struct sbx_err *err) {
  struct rlimit limit;
  if (getrlimit(resource, &limit) < 0)
    return sbx_err_set(err, SBX_STAGE_RLIMITS, errno, "getrlimit %s: %s", name, strerror(errno));
  rlim_t max = limit.rlim_max;
  limit.rlim_max = hard < max ? hard : max;
  limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
  if (setrlimit(resource, &limit) < 0)
    return sbx_err_set(err, SBX_STAGE_RLIMITS, errno, "setrlimit %s: %s", name, strerror(errno));
  return 0;
}

/* What data_bytes has in store for the runtime is less than what a zygote may have preloaded. */
static uint64_t data_limit(const struct sbx_guard_run *run) {
  uint64_t limit = run->policy->data_bytes, inherited = run->inherited_bytes;
  return inherited > RUNTIME_BYTES ? limit + inherited - RUNTIME_BYTES : limit;
}

int sbx_guard_limit_files(const struct sbx_policy *policy, struct sbx_err *err) {
  uint64_t files = sbx_guard_max_files(policy);
  return lower(RLIMIT_NOFILE, "RLIMIT_NOFILE", files, files, err);
}

/* In the launcher, for all that it starts. */
int sbx_guard_rlimits_open(struct sbx_guard_shared *shared, struct sbx_err *err) {
  (void)shared;
  /* Timers and queued signals, of all processes of the user together: what is held against a
   * guest's limit is what all guests have, and the host has more. */
  int rc = lower(RLIMIT_SIGPENDING, "RLIMIT_SIGPENDING", MAX_SIGNALS, MAX_SIGNALS, err);
  if (rc == 0)
    rc = lower(RLIMIT_MSGQUEUE, "RLIMIT_MSGQUEUE", 0, 0, err);
  /* No processor before others: who may have it does not need a capability. */
  if (rc == 0)
    rc = lower(RLIMIT_RTPRIO, "RLIMIT_RTPRIO", 0, 0, err);
  return rc < 0 ? rc : lower(RLIMIT_NICE, "RLIMIT_NICE", 0, 0, err);
}

/* Of a zygote that runs foreign code. Its guests add to what they inherit. */
static int limit_zygote(const struct sbx_policy *p, struct sbx_err *err) {
  uint64_t most = sbx_guard_most_files();
  int rc = lower(RLIMIT_CORE, "RLIMIT_CORE", 1, 1, err);
  if (rc == 0)
    rc = lower(RLIMIT_NOFILE, "RLIMIT_NOFILE", most, most, err);
  if (rc == 0 && p->data_bytes)
    rc = lower(RLIMIT_DATA, "RLIMIT_DATA", p->data_bytes, 2 * p->data_bytes, err);
  if (rc == 0 && p->max_file_bytes)
    rc = lower(RLIMIT_FSIZE, "RLIMIT_FSIZE", p->max_file_bytes, p->max_file_bytes, err);
  /* Counted in the user namespace of the launcher, so that nobody else's processes matter. */
  if (rc == 0 && p->max_tasks)
    rc = lower(RLIMIT_NPROC, "RLIMIT_NPROC", p->max_tasks, p->max_tasks, err);
  return rc;
}

int sbx_guard_rlimits(struct sbx_guard_run *run, struct sbx_err *err) {
  const struct sbx_policy *p = run->policy;
  if (run->zygote)
    return limit_zygote(p, err);
  /* One byte, not none: a core_pattern that is a pipe ignores every limit but this one, which
   * stands for "no dump at all" there (core(5), fs/coredump.c), and no file is that small. */
  int rc = lower(RLIMIT_CORE, "RLIMIT_CORE", 1, 1, err);
  if (rc == 0 && p->data_bytes)
    rc = lower(RLIMIT_DATA, "RLIMIT_DATA", data_limit(run), data_limit(run), err);
  /* Else once its listener is sent, see apply_seccomp(). */
  if (rc == 0 && !(p->permit & SBX_PERMIT_NET_RULES))
    rc = sbx_guard_limit_files(p, err);
  if (rc == 0 && p->max_file_bytes)
    rc = lower(RLIMIT_FSIZE, "RLIMIT_FSIZE", p->max_file_bytes, p->max_file_bytes, err);
  if (rc == 0 && p->cpu_ms) {
    /* Whole seconds only; init enforces cpu_ms itself, this holds if init is slow. */
    uint64_t seconds = (p->cpu_ms + 999) / 1000 + 1;
    rc = lower(RLIMIT_CPU, "RLIMIT_CPU", seconds, seconds + 1, err);
  }
  return rc;
}
