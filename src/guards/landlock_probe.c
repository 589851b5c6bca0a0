/* SPDX-License-Identifier: MIT */
/* What Landlock is worth on this machine. Runs in any process, one with threads as well. */
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../core/fd.h"
#include "landlock_compat.h"

void sbx_landlock_describe(int abi, struct sbx_report *report) {
  static const char *const missing[SBX_LANDLOCK_ABI_KNOWN + 1] = {
      [1] = "no rename or link across directories, truncate(2) of any file its user may write, no "
            "TCP ports, no ioctl of devices, no scopes",
      [2] = "truncate(2) of any file its user may write, no TCP ports, no ioctl of devices, no "
            "scopes",
      [3] = "no TCP ports, no ioctl of devices, no scopes",
      [4] = "no ioctl of devices, no scopes",
      [5] = "no scopes",
  };
  if (abi < 3)
    sbx_report_set(report, SBX_STATUS_PARTIAL,
                   "use Linux 6.12 or newer, which governs all of these (6.2 truncate(2), 6.7 TCP "
                   "ports, 6.10 ioctl)",
                   "ABI %d, so: %s", abi, missing[abi]);
  else if (missing[abi])
    sbx_report_set(report, SBX_STATUS_ENFORCED, "Linux 6.12 or newer governs these too",
                   "ABI %d, so: %s", abi, missing[abi]);
  else
    sbx_report_set(report, SBX_STATUS_ENFORCED, "",
                   "ABI %d: files, TCP ports, signals, abstract "
                   "sockets",
                   abi);
}

void sbx_landlock_describe_missing(int errnum, struct sbx_report *report) {
  static const char container[] = "let the container's seccomp profile allow the landlock_* calls";
  switch (errnum) {
  case ENOSYS:
    sbx_report_set(report, SBX_STATUS_UNAVAILABLE,
                   "use Linux 5.13 or newer with CONFIG_SECURITY_LANDLOCK=y; in a container, let "
                   "its seccomp profile allow the landlock_* calls",
                   "the kernel does not know the system call");
    break;
  case EOPNOTSUPP:
    sbx_report_set(report, SBX_STATUS_UNAVAILABLE,
                   "add landlock to the list of the kernel parameter lsm= "
                   "(/sys/kernel/security/lsm shows it)",
                   "the kernel was started without it");
    break;
  case EPERM:
    sbx_report_set(report, SBX_STATUS_UNAVAILABLE, container, "the system call is refused");
    break;
  default:
    sbx_report_set(report, SBX_STATUS_UNAVAILABLE, "", "landlock_create_ruleset: %s",
                   strerror(errnum));
  }
}

struct verdict {
  int rc; /* of applying the ruleset */
  int refused;
  struct sbx_err err;
};

/* In the child: nothing is granted, so nothing may be opened. */
static void try_ruleset(int ruleset, int out) {
  struct verdict v = {0};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    v.rc = sbx_err_set(&v.err, SBX_STAGE_LANDLOCK, errno, "PR_SET_NO_NEW_PRIVS");
  else
    v.rc = sbx_landlock_apply(ruleset, &v.err);
  v.refused = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 && errno == EACCES;
  sbx_write_full(out, &v, sizeof v);
}

/* The verdict comes through a pipe: in a process that ignores SIGCHLD there is no exit status. */
static int try_in_child(int ruleset, struct verdict *verdict) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    return -errno;
  pid_t pid = fork();
  if (pid == 0) {
    try_ruleset(ruleset, ends[1]);
    _exit(0);
  }
  int rc = pid < 0 ? -errno : 0;
  sbx_fd_close(&ends[1]);
  if (rc == 0 && sbx_read_full(ends[0], verdict, sizeof *verdict) != sizeof *verdict)
    rc = -EIO;
  sbx_fd_close(&ends[0]);
  while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
    ;
  return rc;
}

void sbx_landlock_probe(struct sbx_report *report) {
  const struct sbx_view nothing = {0};
  struct verdict verdict = {0};
  struct sbx_err err;
  SBX_AUTO_FD int ruleset = -1;
  int abi = sbx_landlock_abi();
  if (abi == 0) {
    sbx_landlock_describe_missing(errno, report);
    return;
  }
  if (sbx_landlock_prepare(&nothing, 0, abi, &ruleset, &err) < 0) {
    sbx_report_set(report, SBX_STATUS_UNAVAILABLE, "", "%.190s", err.text);
    return;
  }
  int rc = try_in_child(ruleset, &verdict);
  if (rc < 0)
    sbx_report_set(report, sbx_report_failure(-rc), "", "trying it in a child: %s", strerror(-rc));
  else if (verdict.rc < 0)
    sbx_report_set(report, SBX_STATUS_UNAVAILABLE,
                   verdict.rc == -E2BIG ? "start from a process in fewer Landlock domains" : "",
                   "%.190s", verdict.err.text);
  else if (!verdict.refused)
    sbx_report_set(report, SBX_STATUS_UNAVAILABLE, "report it to whoever made this kernel",
                   "a ruleset that grants nothing loads, and refuses nothing");
  else
    sbx_landlock_describe(abi, report);
}
