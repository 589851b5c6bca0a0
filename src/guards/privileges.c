/* SPDX-License-Identifier: MIT */
/* Privileges: no capability, none to be had again. Guest's process, between fork() and execve(). */
#include "guards.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail(struct sbx_err *err, const char *what) {
  return sbx_err_set(err, SBX_STAGE_PRIVILEGES, errno, "%s: %s", what, strerror(errno));
}

/* Needs CAP_SETPCAP; without it the bounding set is moot, since no_new_privs keeps execve() from
 * granting anything (capabilities(7)). */
static int drop_bounding_set(struct sbx_err *err) {
  for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
    if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EPERM)
      return fail(err, "PR_CAPBSET_DROP");
  return 0;
}

int sbx_guard_privileges(struct sbx_guard_run *run, struct sbx_err *err) {
  (void)run;
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
  memset(none, 0, sizeof none);
  umask(077);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return fail(err, "PR_SET_NO_NEW_PRIVS");
  int rc = drop_bounding_set(err);
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
  if (syscall(SYS_capset, &head, none) < 0)
    return fail(err, "capset");
  return 0;
}
