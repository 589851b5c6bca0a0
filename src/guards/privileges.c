/* SPDX-License-Identifier: MIT */
/* Privileges: no capability, none to be had again, no root. Guest's process, between fork() and
 * execve(), but for the preparation. */
#include "guards.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <signal.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../core/compat.h"

#define NOBODY 65534u

static int fail(struct sbx_err *err, const char *what) {
  return sbx_err_set(err, SBX_STAGE_PRIVILEGES, errno, "%s: %s", what, strerror(errno));
}

/* The host's session keyring stays with the host. Depth alone: the filter refuses keyctl(2), and a
 * kernel without keys, or a user over the quota of them, has nothing to leave behind. */
int sbx_guard_privileges_open(struct sbx_guard_shared *shared, struct sbx_err *err) {
  (void)shared;
  (void)err;
  syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
  return 0;
}

/* Whether an id without privileges may use a file as it was granted. The calling process has given
 * its file system ids away for the moment, and with them every capability over files. */
static bool may_use(const struct sbx_grant *grant) {
  int mode = sbx_grant_writes(grant->access) ? R_OK | W_OK : R_OK;
  if (grant->access == 'x' || grant->dir)
    mode |= X_OK;
  return syscall(SYS_faccessat2, AT_FDCWD, grant->real, mode, AT_EACCESS) == 0 || errno == ENOENT;
}

/* Root in the host is not root in the guest. In a user namespace it is another id by itself; here
 * it becomes nobody, unless it may not, or that would take away files that the guest is allowed to
 * use: then it stays the owner of its files, without any capability. */
int sbx_guard_privileges_prepare(struct sbx_guard_run *run, struct sbx_err *err) {
  (void)err;
  if (geteuid() != 0 || (run->policy->use & SBX_USE_NAMESPACES))
    return 0;
  setfsgid(NOBODY);
  setfsuid(NOBODY);
  /* Both always return the id before, and change nothing without CAP_SETGID and CAP_SETUID, or
   * where the id is not mapped. */
  bool can = setfsgid((gid_t)-1) == (int)NOBODY && setfsuid((uid_t)-1) == (int)NOBODY;
  for (size_t i = 0; can && i < run->view.n_grants; i++)
    can = may_use(&run->view.grants[i]);
  can = can && syscall(SYS_faccessat2, AT_FDCWD, run->workdir, X_OK, AT_EACCESS) == 0;
  setfsuid(0);
  setfsgid(0);
  run->change_ids = can;
  return 0;
}

static int become_nobody(struct sbx_err *err) {
  /* In a user namespace that may not set groups, none is as good. */
  if ((setgroups(0, NULL) < 0 && getgroups(0, NULL) != 0) ||
      setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
    return fail(err, "becoming nobody");
  /* Forgotten with the old ids, prctl(2). */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
    return fail(err, "PR_SET_PDEATHSIG");
  return 0;
}

/* Needs CAP_SETPCAP; without it the bounding set is moot, since no_new_privs keeps execve() from
 * granting anything (capabilities(7)). */
int sbx_guard_drop_bounding_set(struct sbx_err *err) {
  int has;
  for (unsigned long cap = 0; (has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0)) >= 0; cap++)
    if (has != 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
      return fail(err, "PR_CAPBSET_DROP");
  return 0;
}

/* A zygote that ran foreign code had none to pass on; the filter refuses most of what follows. */
static int has_none(struct sbx_err *err) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
  umask(077);
  if (syscall(SYS_capget, &head, sets) < 0)
    return fail(err, "capget");
  for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
    if (sets[i].permitted || sets[i].effective) {
      errno = EPERM;
      return fail(err, "capabilities are left");
    }
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
    return fail(err, "no_new_privs, PR_SET_DUMPABLE");
  return 0;
}

int sbx_guard_privileges(struct sbx_guard_run *run, struct sbx_err *err) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
  if (run->nested)
    return has_none(err);
  memset(none, 0, sizeof none);
  umask(077);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return fail(err, "PR_SET_NO_NEW_PRIVS");
  int rc = sbx_guard_drop_bounding_set(err);
  if (rc < 0)
    return rc;
  /* Without SECBIT_NOROOT an execve() as uid 0 would fill the permitted set again. */
  unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                       SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                       SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0 && errno != EPERM)
    return fail(err, "PR_SET_SECUREBITS");
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
    return fail(err, "PR_CAP_AMBIENT_CLEAR_ALL");
  rc = run->change_ids ? become_nobody(err) : 0;
  if (rc < 0)
    return rc;
  if (syscall(SYS_capset, &head, none) < 0)
    return fail(err, "capset");
  /* Siblings have the same ids and see the same /proc. execve() would make it dumpable again. */
  if (run->forked && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
    return fail(err, "PR_SET_DUMPABLE");
  return 0;
}
