/* SPDX-License-Identifier: MIT */
#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/fd.h"
#include "mounts.h"

#define HOSTNAME "sandbox"

static int fail(struct sbx_err *err, const char *what) {
  return sbx_err_set(err, SBX_STAGE_NAMESPACES, errno, "%s: %s", what, strerror(errno));
}

static int write_file(const char *path, const char *text) {
  SBX_AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return -errno;
  return sbx_write_full(fd, text, strlen(text));
}

static int write_map(const char *path, unsigned inside, unsigned outside, struct sbx_err *err) {
  char line[64];
  snprintf(line, sizeof line, "%u %u 1\n", inside, outside);
  int rc = write_file(path, line);
  return rc < 0 ? sbx_err_set(err, SBX_STAGE_NAMESPACES, -rc, "writing %s: %s", path, strerror(-rc))
                : 0;
}

/* One id inside: a map of more would need CAP_SETUID outside. */
static int enter_user(struct sbx_err *err) {
  uid_t uid = geteuid();
  gid_t gid = getegid();
  /* Inside, setgroups(2) has to be given up before a group can be mapped. */
  if (uid == 0 && setgroups(0, NULL) < 0 && errno != EPERM)
    return fail(err, "setgroups");
  if (unshare(CLONE_NEWUSER) < 0)
    return fail(err, "unshare: user namespace");
  int rc = write_file("/proc/self/setgroups", "deny");
  if (rc < 0)
    return sbx_err_set(err, SBX_STAGE_NAMESPACES, -rc, "writing /proc/self/setgroups: %s",
                       strerror(-rc));
  rc = write_map("/proc/self/uid_map", uid == 0 ? SBX_ROOT_AS : uid, uid, err);
  return rc < 0 ? rc : write_map("/proc/self/gid_map", gid == 0 ? SBX_ROOT_AS : gid, gid, err);
}

/* No process could be had, or it was killed: that says nothing of the namespaces of this machine.
 * But SIGSYS is a filter's answer to unshare(2). */
static int helper_failed(struct sbx_err *err, int errnum, const char *why) {
  return sbx_err_set(err, SBX_STAGE_FORK, errnum, "a process for the network namespace: %s", why);
}

/* A child makes the network namespace, since who has left the host's cannot come back to it. */
static int make_network(int *net_fd, struct sbx_err *err) {
  int pair[2];
  int failed = 0, status = 0;
  char path[64];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    return fail(err, "socketpair");
  pid_t child = fork();
  if (child == 0) {
    sbx_fd_close(&pair[0]);
    failed = unshare(CLONE_NEWNET) < 0 ? errno : 0;
    sbx_write_full(pair[1], &failed, sizeof failed);
    sbx_read_full(pair[1], &failed, 1); /* Until the parent has looked. */
    _exit(0);
  }
  sbx_fd_close(&pair[1]);
  int rc = child < 0 ? helper_failed(err, errno, strerror(errno)) : 0;
  bool told = rc == 0 && sbx_read_full(pair[0], &failed, sizeof failed) == (ssize_t)sizeof failed;
  if (told && failed == 0) {
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)child);
    *net_fd = open(path, O_RDONLY | O_CLOEXEC);
    failed = *net_fd < 0 ? errno : 0;
  }
  sbx_fd_close(&pair[0]);
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  if (rc < 0 || *net_fd >= 0)
    return rc;
  if (WIFSIGNALED(status) && WTERMSIG(status) != SIGSYS)
    return helper_failed(err, EIO, strsignal(WTERMSIG(status)));
  errno = told ? failed : EIO;
  return fail(err, "unshare: network namespace");
}

int sbx_namespaces_enter(int *net_fd, struct sbx_err *err) {
  *net_fd = -1;
  int rc = enter_user(err);
  if (rc < 0)
    return rc;
  sbx_namespaces_limit_inotify();
  if (unshare(CLONE_NEWIPC | CLONE_NEWUTS) < 0)
    return fail(err, "unshare: IPC and UTS namespace");
  /* Podman's profile lets unshare(2) through and not this. It takes away the host's name, no more.
   */
  if (sethostname(HOSTNAME, sizeof HOSTNAME - 1) < 0 && errno != EPERM && errno != ENOSYS)
    return fail(err, "sethostname");
  return make_network(net_fd, err);
}

pid_t sbx_namespaces_fork(void) {
  return (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
}

int sbx_namespaces_leave_network(int net_fd, struct sbx_err *err) {
  return setns(net_fd, CLONE_NEWNET) < 0 ? fail(err, "setns: network namespace") : 0;
}

/* --- the probe ------------------------------------------------------------------------------- */

static int read_number(const char *path, long *number) {
  char text[32] = "";
  SBX_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || sbx_read_full(fd, text, sizeof text - 1) <= 0)
    return 0;
  *number = strtol(text, NULL, 10);
  return 1;
}

/* Who has chroot(2)ed may make no user namespace (user_namespaces(7)). It shows where the root is
 * not that of a mount. */
static bool in_chroot(void) {
  struct statx st;
  return statx(AT_FDCWD, "/", 0, STATX_BASIC_STATS, &st) == 0 &&
         (st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) &&
         !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static const char *mend_for(const struct sbx_err *err) {
  long number;
  int errnum = err->errnum;
  /* Linux 5.12, user_namespaces(7): to map the id 0 of outside. */
  if (errnum == EPERM && geteuid() == 0 && strstr(err->text, "uid_map"))
    return "another user than root, or CAP_SETFCAP, which root needs to be mapped";
  if (errnum == EPERM && in_chroot())
    return "a root that was not changed by chroot(2), which rules user namespaces out: a "
           "container, or "
           "pivot_root(2)";
  if (read_number("/proc/sys/user/max_user_namespaces", &number) && number == 0)
    return "sysctl -w user.max_user_namespaces=10000";
  if (read_number("/proc/sys/kernel/unprivileged_userns_clone", &number) && number == 0)
    return "sysctl -w kernel.unprivileged_userns_clone=1";
  if (read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", &number) && number == 1)
    return "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with "
           "userns for the launcher";
  if (errnum == ENOSYS || errnum == EINVAL)
    return "a kernel of 5.2 or later with CONFIG_USER_NS";
  return "in a container: a seccomp profile that lets unshare and mount through, and an unmasked "
         "/proc (docker run --security-opt seccomp=… --security-opt systempaths=unconfined)";
}

struct rehearsal {
  struct sbx_err err;
  bool named; /* The host's name is out of sight. */
};

static void __attribute__((noreturn)) tell(int report_fd, const struct rehearsal *r) {
  sbx_write_full(report_fd, r, sizeof *r);
  _exit(0);
}

/* In a child of the child, as an init would, with something granted. */
static void __attribute__((noreturn)) rehearse_run(int report_fd) {
  struct rehearsal r = {0};
  struct utsname name;
  char dir[] = "/", device[] = "/dev/null";
  struct sbx_grant grant = {'d', device, device, false, true};
  struct sbx_view view = {.grants = &grant, .n_grants = 1};
  struct sbx_mounts_options options = {.workdir = dir, .tmp_bytes = 1 << 16};
  sbx_mounts_enter(&view, &options, &r.err);
  r.named = uname(&name) == 0 && strcmp(name.nodename, HOSTNAME) == 0;
  tell(report_fd, &r);
}

static void __attribute__((noreturn)) rehearse(int report_fd) {
  struct rehearsal r = {0};
  int net_fd = -1;
  if (sbx_namespaces_enter(&net_fd, &r.err) == 0) {
    pid_t init = sbx_namespaces_fork();
    if (init == 0)
      rehearse_run(report_fd);
    if (init > 0) {
      waitpid(init, NULL, 0);
      _exit(0);
    }
    fail(&r.err, "clone: PID namespace");
  }
  tell(report_fd, &r);
}

void sbx_namespaces_probe(struct sbx_report *report) {
  struct rehearsal got, r = {.err = {.errnum = EIO, .text = "the probe did not finish"}};
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) {
    sbx_report_set(report, SBX_STATUS_UNAVAILABLE, "", "pipe2: %s", strerror(errno));
    return;
  }
  pid_t child = fork();
  if (child == 0)
    rehearse(ends[1]);
  if (child < 0)
    sbx_err_set(&r.err, SBX_STAGE_FORK, errno, "fork: %s", strerror(errno));
  sbx_fd_close(&ends[1]);
  if (child > 0 && sbx_read_full(ends[0], &got, sizeof got) == (ssize_t)sizeof got)
    r = got;
  sbx_fd_close(&ends[0]);
  while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
    ;
  if (r.err.errnum != 0)
    sbx_report_set(report, sbx_report_failure(r.err.errnum), mend_for(&r.err), "%.180s",
                   r.err.text);
  else if (!r.named)
    sbx_report_set(
        report, SBX_STATUS_PARTIAL, "a seccomp profile that lets sethostname through",
        "user, PID, mount, IPC, UTS and network namespaces; but guests see the host's name");
  else
    sbx_report_set(report, SBX_STATUS_ENFORCED, "",
                   "user, PID, mount, IPC, UTS and network namespaces");
}
