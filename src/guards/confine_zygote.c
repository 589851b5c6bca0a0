/* SPDX-License-Identifier: MIT */
/* What a zygote is confined by before it forks guests. It runs no foreign code, and it has to be
 * able to do for its guests what an init does: mount, and read what /proc says of them. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../core/compat.h"
#include "guards.h"
#include "mounts.h"
#include "namespaces.h"

static int fail(struct sbx_err *err, const char *what) {
  return sbx_err_set(err, SBX_STAGE_PRIVILEGES, errno, "%s: %s", what, strerror(errno));
}

/* The host's /proc knows the processes of this PID namespace by other numbers. */
int sbx_zygote_prepare(const struct sbx_guard_shared *shared, struct sbx_err *err) {
  if (!(shared->policy->use & SBX_USE_NAMESPACES))
    return 0;
  char root[] = "/";
  struct sbx_grant everything = {'w', root, root, true, true};
  struct sbx_view view = {.grants = &everything, .n_grants = 1};
  struct sbx_mounts_options options = {.workdir = root, .all_files = true};
  return sbx_mounts_enter(&view, &options, err);
}

/* execve() takes all capabilities but the ambient ones from any id but root. */
static int keep_capabilities(struct sbx_err *err) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
  if (syscall(SYS_capget, &head, sets) < 0)
    return fail(err, "capget");
  for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
    sets[i].inheritable = sets[i].permitted;
  if (syscall(SYS_capset, &head, sets) < 0)
    return fail(err, "capset");
  for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
    if ((sets[cap / 32].permitted >> cap % 32 & 1) &&
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
      return fail(err, "PR_CAP_AMBIENT_RAISE");
  return 0;
}

/* libuv makes rings when its loops begin, and a fork would have them, which are shared memory, in
 * common with its siblings. Without them it does as on an older kernel. */
static int refuse_rings(struct sbx_err *err) {
  static const struct sock_filter code[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_io_uring_setup},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  struct sock_fprog program = {sizeof code / sizeof *code, (struct sock_filter *)code};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
    return sbx_err_set(err, SBX_STAGE_SECCOMP, errno, "loading the zygote's filter: %s",
                       strerror(errno));
  return 0;
}

int sbx_zygote_apply(const struct sbx_guard_shared *shared, struct sbx_err *err) {
  int rc = shared->net_fd < 0 ? 0 : sbx_namespaces_leave_network(shared->net_fd, err);
  if (rc == 0 && (shared->policy->use & SBX_USE_NAMESPACES))
    rc = keep_capabilities(err);
  if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    rc = fail(err, "PR_SET_NO_NEW_PRIVS");
  return rc == 0 ? refuse_rings(err) : rc;
}
