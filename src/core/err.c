/* SPDX-License-Identifier: MIT */
/* Error values. Runs in every process, also between fork() and execve(). */
#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const stage_names[SBX_STAGE_COUNT] = {
    "none", "policy", "control",    "fork",     "fds",     "workdir", "rlimits", "namespaces",
    "view", "cgroup", "privileges", "landlock", "seccomp", "exec",    "preload", "supervise",
};

const char *sbx_stage_name(uint32_t stage) {
  return stage < SBX_STAGE_COUNT ? stage_names[stage] : "unknown";
}

int sbx_err_set(struct sbx_err *err, enum sbx_stage stage, int errnum, const char *fmt, ...) {
  int saved = errno;
  if (errnum <= 0)
    errnum = EINVAL;
  if (err) {
    va_list args;
    memset(err, 0, sizeof *err);
    err->errnum = errnum;
    err->stage = stage;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
  }
  errno = saved;
  return -errnum;
}
