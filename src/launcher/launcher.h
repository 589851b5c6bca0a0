/* SPDX-License-Identifier: MIT */
/* What the files of the launcher share. Everything here runs in a single thread, in the launcher
 * (main.c, serve.c, zygote.c) or in what it forked: one init per run or zygote (init.c), the guest
 * until its execve (child.c). */
#ifndef SBX_LAUNCHER_H
#define SBX_LAUNCHER_H

#include <stdint.h>
#include <sys/types.h>

#include "../core/control.h"
#include "../core/err.h"
#include "../core/policy.h"
#include "../guards/guards.h"

/* Exit statuses of the launcher. */
enum sbx_launcher_exit {
  SBX_LAUNCHER_OK = 0,         /* the control socket was closed, nothing is left running */
  SBX_LAUNCHER_NO_CONTROL = 2, /* descriptor 3 is no control socket: it was started by hand */
  SBX_LAUNCHER_POLICY = 3,     /* no valid policy; FATAL says what is wrong with it */
  SBX_LAUNCHER_SYSTEM = 4,     /* the kernel refused something; FATAL says what */
};

/* Serves control messages until end-of-file and until the last run is over. Returns 0, or -errno
 * with `err` filled when the loop could not be set up. SIGCHLD must be blocked. */
int sbx_serve(struct sbx_guard_shared *shared, struct sbx_err *err);

/* One run, as init and the guest's child see it. */
struct sbx_job {
  struct sbx_guard_shared *shared;
  const struct sbx_policy *policy;
  uint64_t id;
  int launcher_fd;                   /* SEQPACKET: TERM, KILL in; STARTED, FAILED, EXIT out */
  int data_fd, stdout_fd, stderr_fd; /* -1 for a zygote */
  int debug_fd;                      /* the guest's way to a debugger; or -1 */
  int zygote_fd;                     /* what is started is a zygote: its end of its socket; or -1 */
  struct sbx_ctl_run args;
};

/* The life of an init, from fork() on; owns the descriptors of the job. Never returns. */
void sbx_init_run(struct sbx_job *job) __attribute__((noreturn));

/* Becomes the guest: confines itself and execs the runtime. A failure goes to the status pipe as a
 * struct sbx_err. `envp` is the guest's whole environment. Never returns. */
void sbx_child_exec(struct sbx_guard_run *run, char **envp, pid_t init_pid)
    __attribute__((noreturn));

/* Becomes the zygote, in the same way: trusted, so that it keeps its capabilities inside of the
 * user namespace, but already without the host's network and descriptors; or confined by all
 * guards, where it is to load foreign modules (`run->zygote`). */
void sbx_child_exec_zygote(struct sbx_job *job, struct sbx_guard_run *run, char **argv, char **envp,
                           pid_t init_pid) __attribute__((noreturn));

#endif
