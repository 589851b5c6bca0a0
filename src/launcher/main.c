/* SPDX-License-Identifier: MIT */
/* The launcher: from its start to the loop, one phase after the other. Started by the addon with
 * the control socket on descriptor 3 and the policy on 4; see src/README.md.
 *
 * The only file that may end the launcher on an error. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/signals.h"
#include "launcher.h"
#include "probe.h"
#include "selftest.h"
#include "../supervise/tree.h"

static void __attribute__((noreturn)) die(enum sbx_launcher_exit code, const struct sbx_err *err) {
  struct sbx_ctl msg;
  sbx_ctl_begin(&msg, SBX_CTL_FATAL, 0);
  msg.u.err = *err;
  sbx_ctl_send(SBX_CTL_FD, &msg, NULL, 0);
  _exit(code);
}

static void __attribute__((noreturn)) die_errno(enum sbx_stage stage, const char *what) {
  struct sbx_err err = {0};
  sbx_err_set(&err, stage, errno, "%s: %s", what, strerror(errno));
  die(stage == SBX_STAGE_POLICY ? SBX_LAUNCHER_POLICY : SBX_LAUNCHER_SYSTEM, &err);
}

static void check_control(void) {
  int type = 0;
  socklen_t len = sizeof type;
  static const char usage[] =
      "This is the launcher of @kb-labs/sandbox; the package starts it by itself.\n";
  if (getsockopt(SBX_CTL_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET)
    return;
  sbx_write_full(STDERR_FILENO, usage, sizeof usage - 1);
  _exit(SBX_LAUNCHER_NO_CONTROL);
}

/* The host's dispositions and mask come along over execve(). With SIGCHLD ignored, the kernel would
 * reap our children itself and no status would ever be seen. */
static void set_signals(void) {
  sigset_t mask;
  sbx_signals_default();
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* Standard descriptors on /dev/null, the two we were given, nothing else: libuv passes on whatever
 * of the host's was not O_CLOEXEC. */
static void set_descriptors(void) {
  /* What others have on their way in sockets counts against it, see sbx_guard_most_files(). */
  if (sbx_fd_raise_limit() < 0)
    die_errno(SBX_STAGE_FDS, "RLIMIT_NOFILE");
  int rc = sbx_fd_close_range(SBX_POLICY_FD + 1, ~0U);
  if (rc < 0) {
    errno = -rc;
    die_errno(SBX_STAGE_FDS, "close_range");
  }
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0)
    die_errno(SBX_STAGE_FDS, "open /dev/null");
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (null != fd && dup2(null, fd) < 0)
      die_errno(SBX_STAGE_FDS, "dup2");
  if (null > STDERR_FILENO)
    sbx_fd_close(&null);
  if (fcntl(SBX_CTL_FD, F_SETFD, FD_CLOEXEC) < 0)
    die_errno(SBX_STAGE_FDS, "fcntl");
}

static void read_policy(struct sbx_policy *policy) {
  struct sbx_err err = {0};
  int fd = SBX_POLICY_FD;
  if (sbx_policy_read(fd, policy, &err) < 0)
    die(SBX_LAUNCHER_POLICY, &err);
  if (!policy->zygote_argv[0]) /* A zygote reads it as well. */
    sbx_fd_close(&fd);
  else if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
    die_errno(SBX_STAGE_POLICY, "fcntl");
#ifdef SBX_TEST_WITHOUT /* test/escape/mutants: a launcher that leaves a guard out */
  policy->use &= ~(uint32_t)(SBX_TEST_WITHOUT);
#endif
}

/* Without /proc no descendant of a guest could be found, and so none be killed. */
static void set_supervision(void) {
  struct sbx_tree tree = {0};
  int rc = sbx_tree_children(&tree, getpid());
  if (rc < 0) {
    errno = -rc;
    die_errno(SBX_STAGE_SUPERVISE, "/proc cannot be read, but supervision needs it");
  }
  free(tree.at);
  /* What an init leaves behind when it is killed comes to us, not to the system's init. */
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
    die_errno(SBX_STAGE_SUPERVISE, "PR_SET_CHILD_SUBREAPER");
}

/* When memory runs out the kernel ends whom it finds first, and that is not to be the host: among
 * processes that are marked so it is the largest, a guest or a zygote. Raising needs no privilege;
 * all that is started here inherits it, and a guest's /proc cannot be written. */
static void go_before_host(void) {
  SBX_AUTO_FD int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd >= 0)
    sbx_write_full(fd, "1000", 4);
}

/* What the runs share of their confinement. Afterwards the launcher is in a user namespace, where
 * there may be one. */
static void open_guards(struct sbx_guard_shared *shared) {
  struct sbx_err err = {0};
  if (sbx_guards_open(shared, &err) < 0) {
    sbx_cgroup_close(&shared->pen_fd);
    die(SBX_LAUNCHER_SYSTEM, &err);
  }
  /* Not before: it takes /proc/self away from an ordinary user, and with it the id maps. Nothing of
   * the launcher's memory is for a guest of the same id to read. */
  if (shared->policy->use && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
    die_errno(SBX_STAGE_PRIVILEGES, "PR_SET_DUMPABLE");
  if ((shared->policy->use & SBX_USE_SELFTEST) && sbx_selftest(shared, &err) < 0) {
    sbx_cgroup_close(&shared->pen_fd);
    die(SBX_LAUNCHER_SYSTEM, &err);
  }
}

int main(int argc, char **argv) {
  static struct sbx_policy policy;
  static struct sbx_guard_shared shared = {.policy = &policy, .net_fd = -1, .pen_fd = -1};
  struct sbx_err err = {0};
  if (argc == 2 && strcmp(argv[1], "probe") == 0)
    return sbx_probe("auto");
  if (argc == 3 && strcmp(argv[1], "probe") == 0)
    return sbx_probe(argv[2]);
  check_control();
  set_signals();
  setsid(); /* The terminal's signals are for the host. Fails only when that is so already. */
  set_descriptors();
  read_policy(&policy);
  set_supervision();
  go_before_host();
  open_guards(&shared);
  int rc = sbx_serve(&shared, &err);
  sbx_cgroup_close(&shared.pen_fd);
  if (rc < 0)
    die(SBX_LAUNCHER_SYSTEM, &err);
  return SBX_LAUNCHER_OK;
}
