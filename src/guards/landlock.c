/* SPDX-License-Identifier: MIT */
/* Landlock. sbx_landlock_prepare() runs in init, sbx_landlock_apply() between fork() and execve(),
 * the probe in any process. */
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../core/fd.h"
#include "../core/policy.h"
#include "landlock_compat.h"
#include "paths.h"

#define FS(name) LANDLOCK_ACCESS_FS_##name
#define UP_TO(name) ((FS(name) << 1) - 1)

/* What each ABI can govern. All of it is handled, so that what no rule grants is refused. */
static const struct sbx_landlock_ruleset_attr known[SBX_LANDLOCK_ABI_KNOWN + 1] = {
    [1] = {UP_TO(MAKE_SYM), 0, 0},
    [2] = {UP_TO(REFER), 0, 0},
    [3] = {UP_TO(TRUNCATE), 0, 0},
    [4] = {UP_TO(TRUNCATE), LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP, 0},
    [5] = {UP_TO(IOCTL_DEV), LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP, 0},
    [6] = {UP_TO(IOCTL_DEV), LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP,
           LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL},
    /* 7 adds flags of landlock_restrict_self(2), for what the audit log shows. */
    [7] = {UP_TO(IOCTL_DEV), LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP,
           LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL},
};

#define READ (FS(READ_FILE) | FS(READ_DIR))
#define WRITE                                                                                      \
  (READ | FS(WRITE_FILE) | FS(TRUNCATE) | FS(REMOVE_DIR) | FS(REMOVE_FILE) | FS(MAKE_DIR) |        \
   FS(MAKE_REG) | FS(MAKE_FIFO) | FS(MAKE_SYM) | FS(REFER))

/* The kernel refuses a rule with any other right for what is no directory. */
#define OF_FILES (FS(EXECUTE) | FS(WRITE_FILE) | FS(READ_FILE) | FS(TRUNCATE) | FS(IOCTL_DEV))

/* Device nodes would name any device of the machine: never granted. */
#define NEVER (FS(MAKE_CHAR) | FS(MAKE_BLOCK))

/* Who may start programs may start those that it can read. */
static uint64_t rights(char access, unsigned permit) {
  uint64_t execute = permit & SBX_PERMIT_SPAWN ? FS(EXECUTE) : 0;
  switch (access) {
  case 'r':
    return READ | execute;
  case 'x':
    return READ | FS(EXECUTE);
  case SBX_VIEW_LISTED:
    return FS(READ_DIR);
  case 'd':
    return READ | FS(WRITE_FILE) | FS(TRUNCATE) | FS(IOCTL_DEV);
  case 'w':
    if (permit & SBX_PERMIT_ALL_FILES)
      return UP_TO(IOCTL_DEV) & ~NEVER;
    return (permit & SBX_PERMIT_NET_UNIX ? WRITE | FS(MAKE_SOCK) : WRITE) | execute;
  case 'o':
    return permit & SBX_PERMIT_NET_UNIX ? WRITE | FS(MAKE_SOCK) : WRITE;
  default:
    return 0;
  }
}

static int fail(struct sbx_err *err, const char *what) {
  return sbx_err_set(err, SBX_STAGE_LANDLOCK, errno, "%s: %s", what, strerror(errno));
}

static long kernel_abi(void) {
  return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

int sbx_landlock_abi(void) {
  long abi = kernel_abi();
  if (abi > SBX_LANDLOCK_ABI_KNOWN)
    return SBX_LANDLOCK_ABI_KNOWN;
  return abi > 0 ? (int)abi : 0;
}

/* What is gone since the view was built, or is something else now, grants nothing; neither does
 * what the user may not reach. */
static bool is_gone(int rc) {
  return rc == -ENOENT || rc == -ENOTDIR || rc == -EISDIR || rc == -ELOOP || rc == -EACCES;
}

int sbx_landlock_hold(const struct sbx_grant *grant) {
  SBX_AUTO_FD int fd = sbx_path_open(grant->real, grant->dir);
  struct stat st;
  if (fd < 0 || grant->dir)
    return fd < 0 ? fd : sbx_fd_steal(&fd);
  if (fstat(fd, &st) < 0)
    return -errno;
  return S_ISDIR(st.st_mode) ? -EISDIR : sbx_fd_steal(&fd);
}

static int add_rule(int ruleset, int fd, const struct sbx_grant *grant, unsigned permit,
                    uint64_t handled, struct sbx_err *err) {
  struct landlock_path_beneath_attr rule = {.allowed_access = rights(grant->access, permit)};
  if (!grant->dir)
    rule.allowed_access &= OF_FILES;
  rule.allowed_access &= handled;
  rule.parent_fd = fd;
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0)
    return 0;
  return sbx_err_set(err, SBX_STAGE_LANDLOCK, errno, "landlock_add_rule for %.160s: %s",
                     grant->real, strerror(errno));
}

static int add_grant(int ruleset, const struct sbx_grant *grant, unsigned permit, uint64_t handled,
                     struct sbx_err *err) {
  SBX_AUTO_FD int fd = sbx_landlock_hold(grant);
  if (fd >= 0)
    return add_rule(ruleset, fd, grant, permit, handled, err);
  return is_gone(fd) ? 0
                     : sbx_err_set(err, SBX_STAGE_LANDLOCK, -fd, "opening %.160s: %s", grant->real,
                                   strerror(-fd));
}

/* A client that binds to port 0 asks for any port, as connect(2) does by itself. */
static int add_any_port(int ruleset, uint64_t handled_net, struct sbx_err *err) {
  struct sbx_landlock_net_port_attr rule = {LANDLOCK_ACCESS_NET_BIND_TCP, 0};
  if (!(handled_net & LANDLOCK_ACCESS_NET_BIND_TCP) ||
      syscall(SYS_landlock_add_rule, ruleset, SBX_LANDLOCK_RULE_NET_PORT, &rule, 0) == 0)
    return 0;
  return fail(err, "landlock_add_rule for port 0");
}

int sbx_landlock_prepare(const struct sbx_view *view, unsigned permit, int abi, int *ruleset_fd,
                         struct sbx_err *err) {
  return sbx_landlock_prepare_held(view, NULL, NULL, permit, abi, ruleset_fd, err);
}

static int add_view(int ruleset, const struct sbx_view *view, const int *held, unsigned permit,
                    uint64_t handled, struct sbx_err *err) {
  int rc = 0;
  for (size_t i = 0; rc == 0 && view && i < view->n_grants; i++)
    if (view->grants[i].beneath && !held)
      rc = add_grant(ruleset, &view->grants[i], permit, handled, err);
    else if (view->grants[i].beneath && held[i] >= 0)
      rc = add_rule(ruleset, held[i], &view->grants[i], permit, handled, err);
  return rc;
}

int sbx_landlock_prepare_held(const struct sbx_view *view, const int *held,
                              const struct sbx_view *more, unsigned permit, int abi,
                              int *ruleset_fd, struct sbx_err *err) {
  if (abi < 1 || abi > SBX_LANDLOCK_ABI_KNOWN)
    return sbx_err_set(err, SBX_STAGE_LANDLOCK, EOPNOTSUPP, "Landlock ABI %d: %s", abi,
                       strerror(EOPNOTSUPP));
  struct sbx_landlock_ruleset_attr attr = known[abi];
  if (permit & SBX_PERMIT_NET)
    attr.handled_access_net &= ~LANDLOCK_ACCESS_NET_CONNECT_TCP;
  if (permit & SBX_PERMIT_NET_LISTEN)
    attr.handled_access_net &= ~LANDLOCK_ACCESS_NET_BIND_TCP;
  SBX_AUTO_FD int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
  if (fd < 0)
    return fail(err, "landlock_create_ruleset");
  int rc = permit & SBX_PERMIT_NET ? add_any_port(fd, attr.handled_access_net, err) : 0;
  if (rc == 0)
    rc = add_view(fd, view, held, permit, attr.handled_access_fs, err);
  if (rc == 0)
    rc = add_view(fd, more, NULL, permit, attr.handled_access_fs, err);
  if (rc == 0)
    *ruleset_fd = sbx_fd_steal(&fd);
  return rc;
}

/* What a process may read of itself. Not all: net and task/TID/net are of the whole machine where
 * there is no network namespace, and a rule for a directory is one for all beneath it. */
static const char *const own_files[] = {
    "auxv",      "cgroup",       "cmdline", "comm",    "environ",       "io",
    "limits",    "maps",         "mounts",  "sched",   "mountinfo",     "numa_maps",
    "oom_score", "schedstat",    "smaps",   "stat",    "oom_score_adj", "personality",
    "statm",     "smaps_rollup", "status",  "syscall", "timerslack_ns", "wchan",
};
static const char *const own_dirs[] = {"fd", "fdinfo"};

static int allow_own(int ruleset_fd, int self, const char *name, uint64_t access,
                     struct sbx_err *err) {
  SBX_AUTO_FD int fd = openat(self, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
  if (fd < 0) /* Of a kernel built without it. */
    return 0;
  if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
    return fail(err, "landlock_add_rule for /proc/self");
  return 0;
}

int sbx_landlock_allow_self(int ruleset_fd, bool own_network, struct sbx_err *err) {
  SBX_AUTO_FD int self = open("/proc/self", O_PATH | O_CLOEXEC);
  if (self < 0)
    return 0;
  if (own_network)
    return allow_own(ruleset_fd, self, ".", READ, err);
  int rc = allow_own(ruleset_fd, self, ".", FS(READ_DIR), err);
  for (size_t i = 0; rc == 0 && i < sizeof own_dirs / sizeof *own_dirs; i++)
    rc = allow_own(ruleset_fd, self, own_dirs[i], READ, err);
  for (size_t i = 0; rc == 0 && i < sizeof own_files / sizeof *own_files; i++)
    rc = allow_own(ruleset_fd, self, own_files[i], FS(READ_FILE), err);
  return rc;
}

int sbx_landlock_apply(int ruleset_fd, struct sbx_err *err) {
  if (syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
    return fail(err, "landlock_restrict_self");
  return 0;
}
