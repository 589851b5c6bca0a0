/* SPDX-License-Identifier: MIT */
/* Error values: one errno, the stage it happened in, and a sentence.
 *
 * Fixed size and free of pointers, because an error crosses fork() and a socket:
 * guest child -> init -> launcher -> host. */
#ifndef SBX_ERR_H
#define SBX_ERR_H

#include <stdint.h>

/* Where a failure happened. The order is the order of a run's life. */
enum sbx_stage {
  SBX_STAGE_NONE = 0,
  SBX_STAGE_POLICY,     /* reading or decoding the policy */
  SBX_STAGE_CONTROL,    /* control socket traffic */
  SBX_STAGE_FORK,       /* creating the init or the guest process */
  SBX_STAGE_FDS,        /* descriptor table of the guest */
  SBX_STAGE_WORKDIR,    /* entering the run's working directory */
  SBX_STAGE_RLIMITS,    /* resource limits */
  SBX_STAGE_NAMESPACES, /* user, PID, mount, IPC, UTS, network */
  SBX_STAGE_VIEW,       /* working out which files the guest may see */
  SBX_STAGE_CGROUP,     /* a cgroup for the guest */
  SBX_STAGE_PRIVILEGES, /* capabilities, ids, no_new_privs */
  SBX_STAGE_LANDLOCK,   /* file access, TCP ports, scopes */
  SBX_STAGE_SECCOMP,    /* system call filter */
  SBX_STAGE_EXEC,       /* execve of the runtime */
  SBX_STAGE_PRELOAD,    /* what a zygote loads before it forks */
  SBX_STAGE_SUPERVISE,  /* after the guest started */
  SBX_STAGE_COUNT
};

#define SBX_ERR_TEXT_MAX 248

struct sbx_err {
  int32_t errnum; /* positive errno, 0 when no error */
  uint32_t stage; /* enum sbx_stage */
  char text[SBX_ERR_TEXT_MAX];
};

/* Fills `err` (which may be NULL) and returns -errnum. Never allocates and never changes errno,
 * so it may be called between fork() and execve(). `errnum` 0 is treated as EINVAL. */
int sbx_err_set(struct sbx_err *err, enum sbx_stage stage, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Stable lower-case name of a stage ("rlimits"), "unknown" for a number out of range. */
const char *sbx_stage_name(uint32_t stage);

#endif
