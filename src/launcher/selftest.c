/* SPDX-License-Identifier: MIT */
/* Kernels exist where a layer loads and does nothing, so each is asked to refuse something. The
 * acts are tried where a guest would be about to execute its runtime. */
#include "selftest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../guards/listener.h"
#include "../guards/namespaces.h"
#include "connections.h"

#define PATIENCE_MS 5000

/* Each returns whether the act was refused. `policy` tells what is refused at all. */
static bool other_files(const struct sbx_policy *policy) {
  if (policy->permit & SBX_PERMIT_ALL_FILES)
    return true;
  SBX_AUTO_FD int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0;
}

static bool new_files(const struct sbx_policy *policy) {
  if (policy->permit & SBX_PERMIT_ALL_FILES)
    return true;
  SBX_AUTO_FD int fd = open("/.sandbox-selftest", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0)
    unlink("/.sandbox-selftest");
  return fd < 0;
}

static bool own_pids(const struct sbx_policy *policy) {
  (void)policy;
  return getppid() == 1; /* Its init, which is PID 1 nowhere else. */
}

static bool tracing(const struct sbx_policy *policy) {
  (void)policy;
  return ptrace(PTRACE_TRACEME, 0, 0, 0) < 0;
}

static bool spawning(const struct sbx_policy *policy) {
  if (policy->permit & SBX_PERMIT_SPAWN)
    return true;
  pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0)
    _exit(0);
  return child < 0;
}

static bool sockets(const struct sbx_policy *policy) {
  SBX_AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
  (void)policy;
  return fd < 0;
}

/* Its listener is closed by confine(): a call that is handed over then fails by itself. */
static bool own_sockets(const struct sbx_policy *policy) {
  if (!(policy->permit & SBX_PERMIT_NET_RULES))
    return true;
  SBX_AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return fd < 0;
}

static bool limits(const struct sbx_policy *policy) {
  struct rlimit limit;
  (void)policy;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
    return false;
  limit.rlim_max++;
  return setrlimit(RLIMIT_NOFILE, &limit) < 0;
}

static bool capabilities(const struct sbx_policy *policy) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};
  (void)policy;
  if (syscall(SYS_capget, &head, sets) < 0)
    return false;
  return !(sets[0].permitted | sets[1].permitted | sets[0].effective | sets[1].effective);
}

/* `use` 0: whatever is used. */
static const struct {
  unsigned use;
  enum sbx_stage stage;
  const char *guard, *act;
  bool (*refused)(const struct sbx_policy *policy);
} acts[] = {
    {SBX_USE_LANDLOCK, SBX_STAGE_LANDLOCK, "landlock", "opening a file it was not granted",
     other_files},
    {SBX_USE_LANDLOCK, SBX_STAGE_LANDLOCK, "landlock", "creating a file", new_files},
    {SBX_USE_NAMESPACES, SBX_STAGE_NAMESPACES, "namespaces", "creating a file", new_files},
    {SBX_USE_NAMESPACES, SBX_STAGE_NAMESPACES, "namespaces", "reaching a process outside",
     own_pids},
    {SBX_USE_SECCOMP, SBX_STAGE_SECCOMP, "seccomp", "ptrace", tracing},
    {SBX_USE_SECCOMP, SBX_STAGE_SECCOMP, "seccomp", "starting a process", spawning},
    {SBX_USE_SECCOMP, SBX_STAGE_SECCOMP, "seccomp", "making a netlink socket", sockets},
    {SBX_USE_SECCOMP, SBX_STAGE_SECCOMP, "seccomp", "making a socket without its broker",
     own_sockets},
    {0, SBX_STAGE_RLIMITS, "rlimits", "raising a limit", limits},
    {0, SBX_STAGE_PRIVILEGES, "privileges", "holding a capability", capabilities},
};

/* What the host asked for. */
static unsigned asked(const struct sbx_policy *policy) {
#ifdef SBX_TEST_WITHOUT /* test/escape/mutants: what is left out is still asked for */
  return policy->use | (SBX_TEST_WITHOUT);
#else
  return policy->use;
#endif
}

static void __attribute__((noreturn)) answer(int fd, const struct sbx_err *err) {
  sbx_write_full(fd, err, sizeof *err);
  _exit(0);
}

static void __attribute__((noreturn)) try_acts(struct sbx_guard_run *run) {
  struct sbx_err err = {0};
  if (sbx_guards_apply(run, &err) < 0)
    answer(run->status_fd, &err);
  for (size_t i = 0; i < sizeof acts / sizeof *acts && err.errnum == 0; i++)
    if ((acts[i].use == 0 || (asked(run->policy) & acts[i].use)) && !acts[i].refused(run->policy))
      sbx_err_set(&err, acts[i].stage, ENOSYS,
                  "self-test: the guard '%s' is in place and did not refuse %s", acts[i].guard,
                  acts[i].act);
  answer(run->status_fd, &err);
}

/* The part of an init. */
static void __attribute__((noreturn)) confine(struct sbx_guard_shared *shared, int report_fd) {
  struct sbx_err err = {0};
  char *none[] = {NULL};
  struct sbx_guard_run run = {.policy = shared->policy,
                              .shared = shared,
                              .workdir = "/",
                              .grants = none,
                              .data_fd = report_fd,
                              .stdout_fd = report_fd,
                              .stderr_fd = report_fd,
                              .status_fd = report_fd,
                              .ruleset_fd = -1,
                              .listener_fd = -1,
                              .exec_fd = -1};
  struct sbx_connections connections;
  if (sbx_guards_prepare(&run, &err) < 0 ||
      sbx_connections_open(&connections, shared->net_rules, shared->policy->permit, false, false,
                           &run.listener_fd, &err) < 0)
    answer(report_fd, &err);
  pid_t guest = fork();
  if (guest == 0)
    try_acts(&run);
  sbx_fd_close(&run.listener_fd);
  int listener = connections.pair_fd < 0 ? -1 : sbx_listener_take(connections.pair_fd);
  sbx_fd_close(&listener);
  while (guest > 0 && waitpid(guest, NULL, 0) < 0 && errno == EINTR)
    ;
  _exit(0);
}

int sbx_selftest(struct sbx_guard_shared *shared, struct sbx_err *err) {
  struct sbx_err got = {.errnum = EIO, .stage = SBX_STAGE_SUPERVISE};
  int ends[2];
  strcpy(got.text, "the self-test of the guards did not finish"); /* NOLINT: it fits */
  if (pipe2(ends, O_CLOEXEC) < 0)
    return sbx_err_set(err, SBX_STAGE_SUPERVISE, errno, "pipe2: %s", strerror(errno));
  bool own = shared->policy->use & SBX_USE_NAMESPACES;
  pid_t child = own ? sbx_namespaces_fork() : fork();
  if (child == 0)
    confine(shared, ends[1]);
  sbx_fd_close(&ends[1]);
  struct pollfd poll_end = {.fd = ends[0], .events = POLLIN};
  struct sbx_err told;
  if (child > 0 && poll(&poll_end, 1, PATIENCE_MS) > 0 &&
      sbx_read_full(ends[0], &told, sizeof told) == (ssize_t)sizeof told)
    got = told;
  sbx_fd_close(&ends[0]);
  if (child > 0)
    kill(child, SIGKILL);
  while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
    ;
  got.text[SBX_ERR_TEXT_MAX - 1] = '\0';
  if (got.errnum != 0)
    return sbx_err_set(err, (enum sbx_stage)got.stage, got.errnum, "%s", got.text);
  return 0;
}
