/* SPDX-License-Identifier: MIT */
/* From fork() to execve() in the process that becomes the guest. It still runs our code, with our
 * rights, until the guards have taken them. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/signals.h"
#include "launcher.h"

/* An ignored signal stays ignored over execve(), and so does the mask (execve(2)). */
static void reset_signals(void) {
  sigset_t none;
  sbx_signals_default();
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void __attribute__((noreturn)) fail(int status_fd, const struct sbx_err *err) {
  sbx_write_full(status_fd, err, sizeof *err);
  _exit(127);
}

/* What every child does before its guards. */
static void begin(int status_fd, pid_t init_pid) {
  struct sbx_err err = {0};
  reset_signals();
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) {
    sbx_err_set(&err, SBX_STAGE_PRIVILEGES, errno, "PR_SET_PDEATHSIG: %s", strerror(errno));
    fail(status_fd, &err);
  }
  /* It is not sent for a parent that died before it was asked for. */
  if (getppid() != init_pid)
    _exit(127);
  setsid();
}

void sbx_child_exec(struct sbx_guard_run *run, char **envp, pid_t init_pid) {
  struct sbx_err err = {0};
  const struct sbx_policy *policy = run->policy;
  begin(run->status_fd, init_pid);
  if (sbx_guards_apply(run, &err) < 0)
    fail(run->status_fd, &err);
  syscall(SYS_execveat, run->exec_fd, "", policy->argv, envp, AT_EMPTY_PATH);
  sbx_err_set(&err, SBX_STAGE_EXEC, errno, "execve %.160s: %s", policy->exec_path, strerror(errno));
  fail(run->status_fd, &err);
}

/* See open_cgroup() in guards/guards.c. */
static bool keeps_pen(const struct sbx_job *job) {
  return job->shared->pen_fd >= 0 && job->policy->preload_ms == 0;
}

/* The control socket and the policy at their numbers, for the zygote as for the launcher. */
static int place_descriptors(struct sbx_job *job, int *status_fd) {
  int high = SBX_CGROUP_FD + 1, control, pen_fd = keeps_pen(job) ? job->shared->pen_fd : -1;
  if ((*status_fd = fcntl(*status_fd, F_DUPFD_CLOEXEC, high)) < 0 ||
      (control = fcntl(job->zygote_fd, F_DUPFD_CLOEXEC, high)) < 0 ||
      (pen_fd >= 0 && (pen_fd = fcntl(pen_fd, F_DUPFD_CLOEXEC, high)) < 0) ||
      dup2(control, SBX_CTL_FD) < 0 || fcntl(SBX_POLICY_FD, F_SETFD, 0) < 0)
    return -errno;
  close(SBX_CGROUP_FD);
  if (pen_fd >= 0 && dup2(pen_fd, SBX_CGROUP_FD) < 0)
    return -errno;
  unsigned status = (unsigned)*status_fd;
  int rc = status == (unsigned)high ? 0 : sbx_fd_close_range((unsigned)high, status - 1);
  return rc < 0 ? rc : sbx_fd_close_range(status + 1, ~0U);
}

void sbx_child_exec_zygote(struct sbx_job *job, struct sbx_guard_run *run, char **argv, char **envp,
                           pid_t init_pid) {
  struct sbx_err err = {0};
  const struct sbx_policy *policy = job->policy;
  int status_fd = run->status_fd;
  begin(status_fd, init_pid);
  if ((run->zygote ? sbx_guards_apply(run, &err) : sbx_zygote_apply(job->shared, &err)) < 0)
    fail(status_fd, &err);
  int rc = place_descriptors(job, &status_fd);
  if (rc < 0) {
    sbx_err_set(&err, SBX_STAGE_FDS, -rc, "the zygote's descriptors: %s", strerror(-rc));
    fail(status_fd, &err);
  }
  execve(policy->exec_path, argv, envp);
  sbx_err_set(&err, SBX_STAGE_EXEC, errno, "execve %.160s: %s", policy->exec_path, strerror(errno));
  fail(status_fd, &err);
}
