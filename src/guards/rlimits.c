/* SPDX-License-Identifier: MIT */
/* Resource limits, setrlimit(2). Guest's process, between fork() and execve(). */
#include "guards.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

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

int sbx_guard_rlimits(struct sbx_guard_run *run, struct sbx_err *err) {
  const struct sbx_policy *p = run->policy;
  int rc = lower(RLIMIT_CORE, "RLIMIT_CORE", 0, 0, err);
  if (rc == 0 && p->data_bytes)
    rc = lower(RLIMIT_DATA, "RLIMIT_DATA", p->data_bytes, p->data_bytes, err);
  if (rc == 0 && p->max_files)
    rc = lower(RLIMIT_NOFILE, "RLIMIT_NOFILE", p->max_files, p->max_files, err);
  if (rc == 0 && p->max_file_bytes)
    rc = lower(RLIMIT_FSIZE, "RLIMIT_FSIZE", p->max_file_bytes, p->max_file_bytes, err);
  if (rc == 0 && p->cpu_ms) {
    /* Whole seconds only; init enforces cpu_ms itself, this holds if init is slow. */
    uint64_t seconds = (p->cpu_ms + 999) / 1000 + 1;
    rc = lower(RLIMIT_CPU, "RLIMIT_CPU", seconds, seconds + 1, err);
  }
  return rc;
}
