/* SPDX-License-Identifier: MIT */
/* The system call filter on the real kernel: which calls, and what concerns other processes. Most
 * calls get wrong pointers and descriptors: EFAULT, EBADF or EINVAL come from the kernel, and mean
 * that a call was let through. As root every case runs twice, once as root and once as uid 65534.
 */
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/resource.h>

#include "seccomp_util.h"

#define EXEC_FD 1000

extern char **environ;

/* Calls that no option opens. What they are given has no effect where they are let through. */
static const struct {
  const char *name;
  long args[6];
} dangerous[] = {
    {"ptrace", {999, -1}},
    {"process_vm_readv", {-1, 0, 0, 0, 0, 1}},
    {"process_vm_writev", {-1, 0, 0, 0, 0, 1}},
    {"process_madvise", {-1, 0, 0, 0, 1}},
    {"process_mrelease", {-1, 1}},
    {"pidfd_getfd", {-1, 0, 1}},
    {"kcmp", {-1, -1, 99}},
    {"bpf", {999, BAD, 999999}},
    {"keyctl", {9999}},
    {"add_key", {BAD, BAD}},
    {"request_key", {BAD, BAD}},
    {"userfaultfd", {-1}},
    {"perf_event_open", {BAD, 0, -1, -1, -1}},
    {"io_uring_enter", {-1}},
    {"io_uring_register", {-1, 99}},
    {"kexec_load", {0, 99, BAD, -1}},
    {"finit_module", {-1, BAD, -1}},
    {"delete_module", {BAD}},
    {"mount", {BAD, BAD, BAD}},
    {"umount2", {BAD, -1}},
    {"open_tree", {-1, BAD, -1}},
    {"move_mount", {-1, BAD, -1, BAD, -1}},
    {"fsopen", {BAD, -1}},
    {"fsconfig", {-1, 99}},
    {"fsmount", {-1, -1}},
    {"fspick", {-1, BAD, -1}},
    {"mount_setattr", {-1, BAD, -1}},
    {"pivot_root", {BAD, BAD}},
    {"chroot", {BAD}},
    {"unshare", {0x1000000000}},
    {"setns", {-1}},
    {"swapon", {BAD}},
    {"swapoff", {BAD}},
    {"reboot", {1, 1}},
    {"sethostname", {BAD, -1}},
    {"setdomainname", {BAD, -1}},
    {"settimeofday", {BAD}},
    {"clock_settime", {0, BAD}},
    {"adjtimex", {BAD}},
    {"clock_adjtime", {0, BAD}},
    {"acct", {BAD}},
    {"quotactl", {-1, BAD}},
    {"syslog", {99}},
    {"mbind", {0, 0, 99}},
    {"set_mempolicy", {99}},
    {"move_pages", {0, 1, BAD, 0, 0, 99}},
    {"seccomp", {99}},
    {"setuid", {-1}},
    {"setgid", {-1}},
    {"setgroups", {-1}},
    {"capset", {BAD}},
    {"shmget", {0, 0, 0}},
    {"semget", {0, -1}},
    {"msgctl", {-1, 0}},
    {"mq_open", {BAD}},
    {"memfd_create", {BAD, 0}},
    {"memfd_secret", {-1}},
    {"fanotify_init", {-1}},
    {"name_to_handle_at", {-1, BAD, BAD}},
    {"open_by_handle_at", {-1, BAD}},
};
#define N_DANGEROUS (sizeof dangerous / sizeof *dangerous)
_Static_assert(N_DANGEROUS <= 62, "more checks than a child can report");

static int may_administrate(void) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = {0};
  return syscall(SYS_capget, &head, caps) == 0 && (caps[0].effective >> CAP_SYS_ADMIN & 1) &&
         (caps[0].effective >> CAP_SYS_BOOT & 1) && (caps[0].effective >> CAP_SETUID & 1);
}

/* The control: what the filter refuses fails otherwise without it. */
static void check_dangerous_unfiltered(void *arg) {
  (void)arg;
  for (size_t i = 0; i < N_DANGEROUS; i++) {
    int got = answer(dangerous[i].name, dangerous[i].args);
    child_ok(got != EPERM && got != 0, "%s reaches the kernel without the filter: %s",
             dangerous[i].name, strerror(got));
  }
}

static void check_dangerous(void *arg) {
  apply(arg);
  for (size_t i = 0; i < N_DANGEROUS; i++)
    expect(EPERM, dangerous[i].name, "", dangerous[i].args);
}

static void *do_nothing(void *arg) {
  return arg;
}

static void check_no_spawn(void *arg) {
  struct setup *setup = arg;
  pthread_t thread;
  void *got = NULL;
  setup->options.exec_fd = EXEC_FD;
  apply(setup);
#ifdef __x86_64__
  EXPECT(EPERM, "fork", "");
  EXPECT(EPERM, "vfork", "");
#endif
  EXPECT(EPERM, "clone", " of a process", SIGCHLD);
  EXPECT(EPERM, "clone", " as posix_spawn does it", CLONE_VM | CLONE_VFORK | SIGCHLD);
  EXPECT(EPERM, "clone", " of a thread without shared memory", CLONE_THREAD);
  EXPECT(EPERM, "clone", " of a thread in a user namespace",
         CLONE_THREAD | CLONE_VM | CLONE_SIGHAND | CLONE_NEWUSER);
  EXPECT(EINVAL, "clone", " of a thread is the kernel's to judge", CLONE_THREAD | CLONE_VM);
  EXPECT(ENOSYS, "clone3", "", BAD, 88);
  EXPECT(EPERM, "execve", "", BAD);
  EXPECT(EPERM, "execveat", " of another descriptor", EXEC_FD - 1, (long)"", 0, 0, AT_EMPTY_PATH);
  EXPECT(EPERM, "execveat", " by path", AT_FDCWD, (long)"/bin/true");
  EXPECT(EBADF, "execveat", " of the runtime", EXEC_FD, (long)"", BAD, 0, AT_EMPTY_PATH);
  EXPECT(EPERM, "setsid", "");
  EXPECT(EPERM, "setpgid", "");
  EXPECT(ECHILD, "wait4", "", -1);
  child_ok(pthread_create(&thread, NULL, do_nothing, setup) == 0 &&
               pthread_join(thread, &got) == 0 && got == setup,
           "a thread starts");
}

static void check_spawn(void *arg) {
  struct setup *setup = arg;
  char *argv[] = {"true", NULL};
  pid_t pid;
  int status = -1;
  setup->options.permit = SBX_PERMIT_SPAWN;
  apply(setup);
  EXPECT(EPERM, "clone", " into a user namespace", CLONE_NEWUSER | SIGCHLD);
  EXPECT(EPERM, "clone", " into a network namespace", CLONE_NEWNET | SIGCHLD);
  EXPECT(EPERM, "clone", " of a sibling", CLONE_PARENT | SIGCHLD);
  EXPECT(ENOSYS, "clone3", "", BAD, 88);
  EXPECT(EFAULT, "execve", "", BAD);
  EXPECT(EBADF, "execveat", "", -1, (long)"", 0, 0, AT_EMPTY_PATH);
  EXPECT(EINVAL, "pidfd_open", "", -1);
  child_ok(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) == 0 &&
               waitpid(pid, &status, 0) == pid && status == 0,
           "a program runs");
  pid = fork();
  if (pid == 0)
    _exit(setsid() > 0 ? 7 : 1);
  child_ok(pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7,
           "a child has a session of its own");
}

/* The descriptor is spent: it closed on exec. */
static void check_exec(const char *who, int exec_fd) {
  char *argv[] = {"sh", "-c", "exec 2>/dev/null; : & exit 5", NULL}, name[100];
  int status = -1;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    struct setup setup = {.options = {.exec_fd = exec_fd}};
    struct sbx_seccomp filter;
    int fd = open("/bin/sh", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || dup3(fd, EXEC_FD, O_CLOEXEC) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        sbx_seccomp_build(&setup.options, &filter, NULL) < 0 ||
        sbx_seccomp_apply(&filter, getpid(), NULL) < 0)
      _exit(2);
    syscall(SYS_execveat, EXEC_FD, "", argv, environ, AT_EMPTY_PATH);
    _exit(errno == EPERM ? 3 : 4);
  }
  waitpid(pid, &status, 0);
  snprintf(name, sizeof name, "%s, exec of %d: %#x", who, exec_fd, status);
  /* dash ends with 2 when it cannot fork, bash with 254. */
  ok(WIFEXITED(status) &&
         (exec_fd == EXEC_FD ? WEXITSTATUS(status) == 2 || WEXITSTATUS(status) == 254
                             : WEXITSTATUS(status) == 3),
     name);
}

static void *tell_number_and_wait(void *arg) {
  __atomic_store_n((pid_t *)arg, (pid_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
  pause();
  return NULL;
}

/* Signal 0 is not sent, but everything else about it is checked. */
static void check_signals(void *arg) {
  struct setup *setup = arg;
  pid_t tid = 0;
  pthread_t thread;
  long self = getpid(), other = setup->sibling, info[16] = {0};
  int free_signals = setup->options.own_pids ||
                     (setup->options.signals_scoped && setup->options.permit & SBX_PERMIT_SPAWN);
  int refused = free_signals ? 0 : EPERM;
  if (pthread_create(&thread, NULL, tell_number_and_wait, &tid) != 0)
    abort();
  while (__atomic_load_n(&tid, __ATOMIC_SEQ_CST) == 0)
    sched_yield();
  apply(setup);
  EXPECT(0, "kill", " of itself", self, 0);
  EXPECT(0, "tgkill", " of a thread of its own", self, tid, 0);
  EXPECT(0, "tkill", " of its first thread", self, 0);
  EXPECT(refused, "kill", " of another process", other, 0);
  EXPECT(refused, "kill", " with garbage above its number",
         (long)((unsigned long)other | 7ul << 32), 0);
  EXPECT(refused, "tgkill", " of another process", other, other, 0);
  EXPECT(refused, "tkill", " of another process", other, 0);
  EXPECT(refused, "kill", " of its group", 0, 0);
  EXPECT(free_signals ? EINVAL : EPERM, "kill", " of everything", -1, 999);
  EXPECT(refused, "kill", " of a group by number", -getpgrp(), 0);
  EXPECT(free_signals ? EFAULT : EPERM, "rt_sigqueueinfo", " to another", other, 0, BAD);
  EXPECT(EFAULT, "rt_sigqueueinfo", " to itself", self, 0, BAD);
  EXPECT(free_signals ? EFAULT : EPERM, "rt_tgsigqueueinfo", " to another", other, other, 0, BAD);
  EXPECT(free_signals ? EBADF : EPERM, "pidfd_send_signal", "", -1, 0, (long)info);
  EXPECT(setup->options.own_pids || setup->options.permit & SBX_PERMIT_SPAWN ? EINVAL : EPERM,
         "pidfd_open", "", -1);
  signal(SIGUSR1, SIG_IGN);
  child_ok(raise(SIGUSR1) == 0, "raise works");
}

static void check_others(void *arg) {
  struct setup *setup = arg;
  long self = getpid(), other = setup->sibling, limit[2];
  int refused = setup->options.own_pids ? 0 : EPERM;
  cpu_set_t cpus;
  sched_getaffinity(0, sizeof cpus, &cpus);
  apply(setup);
  EXPECT(0, "prlimit64", " of itself", 0, RLIMIT_NOFILE, 0, (long)limit);
  EXPECT(0, "prlimit64", " of itself by number", self, RLIMIT_NOFILE, 0, (long)limit);
  EXPECT(EPERM, "prlimit64", " of another process", other, RLIMIT_NOFILE, 0, (long)limit);
  EXPECT(0, "sched_setaffinity", " of itself", 0, sizeof cpus, (long)&cpus);
  EXPECT(refused, "sched_setaffinity", " of another process", other, sizeof cpus, (long)&cpus);
  EXPECT(refused ? refused : EINVAL, "sched_setscheduler", " of another process", other, 99);
  EXPECT(0, "setpriority", " of itself", PRIO_PROCESS, 0, 19);
  EXPECT(refused, "setpriority", " of another process", PRIO_PROCESS, other, 19);
  EXPECT(EPERM, "setpriority", " of a group", PRIO_PGRP, 0, 19);
  EXPECT(EPERM, "setpriority", " of a user", PRIO_USER, 0, 19);
  EXPECT(0, "ioprio_get", " of itself", IOPRIO_WHO_PROCESS, 0);
  EXPECT(EPERM, "ioprio_set", " of itself", IOPRIO_WHO_PROCESS, 0, 0);
  EXPECT(EPERM, "ioprio_set", " of a user", IOPRIO_WHO_USER, 0, 0);
}

/* A zygote that runs foreign code. */
static void check_confines(void *arg) {
  struct setup *setup = arg;
  struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
  struct sock_fprog program = {1, &allow};
  bool may = setup->options.confines;
  apply(setup);
  EXPECT(may ? EFAULT : EPERM, "seccomp", " of a filter", SECCOMP_SET_MODE_FILTER, 0, BAD);
  EXPECT(may ? 0 : EPERM, "seccomp", " of one more filter", SECCOMP_SET_MODE_FILTER, 0,
         (long)&program);
  bool by_rules = setup->options.permit & SBX_PERMIT_NET_RULES;
  EXPECT(may && by_rules ? EFAULT : EPERM, "seccomp", " of a listener", SECCOMP_SET_MODE_FILTER,
         SECCOMP_FILTER_FLAG_NEW_LISTENER, BAD);
  EXPECT(EPERM, "seccomp", " of a listener that has more flags", SECCOMP_SET_MODE_FILTER,
         SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC, (long)&program);
  EXPECT(EPERM, "seccomp", " of flags above the low half", SECCOMP_SET_MODE_FILTER,
         (long)(1ul << 32), (long)&program);
  EXPECT(EPERM, "seccomp", " in strict mode", SECCOMP_SET_MODE_STRICT, 0, 0);
  EXPECT(EPERM, "seccomp", " of actions", SECCOMP_GET_ACTION_AVAIL, 0, BAD);
  EXPECT(EPERM, "unshare", "", CLONE_NEWUSER);
  EXPECT(EPERM, "mount", "", BAD, BAD, BAD, 0, 0);
}

static void check_unknown(void *arg) {
  apply(arg);
  errno = 0;
  child_ok(syscall(511) == -1 && errno == ENOSYS, "a call that nobody knows is not there");
  EXPECT(ENOSYS, "remap_file_pages", "", BAD);
  EXPECT(0, "getrandom", "", (long)&(long[1]){0}, sizeof(long), 0);
  int got = answer("landlock_restrict_self", (long[6]){-1, 0});
  child_ok(got != EPERM && got != 0, "Landlock may be used further: %s", strerror(got));
}

/* How a child ends that makes one call under the filter, or without it. */
static int death(void (*call)(void), int filtered) {
  struct setup setup = {.options = {.exec_fd = -1, .permit = 127, .own_pids = true}};
  struct sbx_seccomp filter;
  int status = -1;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGSEGV, SIG_DFL); /* ASan's handler would take its time */
    if (filtered && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                     sbx_seccomp_build(&setup.options, &filter, NULL) < 0 ||
                     sbx_seccomp_apply(&filter, getpid(), NULL) < 0))
      _exit(2);
    call();
    _exit(0);
  }
  waitpid(pid, &status, 0);
  return status;
}

#ifdef __x86_64__
static void call_x32(void) {
  syscall(0x40000000 | SYS_getpid);
}

static void call_i386(void) {
  long rc;
  __asm__ volatile("int $0x80" : "=a"(rc) : "a"(20L) : "memory"); /* getpid */
  (void)rc;
}
#endif

static void call_native(void) {
  getpid();
}

static void test_foreign(const char *who) {
  char name[100];
  snprintf(name, sizeof name, "%s: a native call under the filter ends well", who);
  ok(death(call_native, 1) == 0, name);
#ifdef __x86_64__
  int plain = death(call_x32, 0), status = death(call_x32, 1);
  snprintf(name, sizeof name, "%s: a call of x32 kills (%#x, without the filter %#x)", who, status,
           plain);
  ok(plain == 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, name);
  plain = death(call_i386, 0);
  status = death(call_i386, 1);
  snprintf(name, sizeof name, "%s: a call of i386 kills (%#x, without the filter %#x)", who, status,
           plain);
  /* A kernel without CONFIG_IA32_EMULATION has no such gate: SIGSEGV either way. */
  ok(WIFSIGNALED(status) && WTERMSIG(status) == (plain == 0 ? SIGSYS : SIGSEGV), name);
#endif
}

static const struct seccomp_case cases[] = {
    {"dangerous", check_dangerous, {.exec_fd = -1}},
    {"dangerous, everything permitted",
     check_dangerous,
     {.permit = 127,
      .own_pids = true,
      .signals_scoped = true,
      .connect_governed = true,
      .read_only_mounts = true,
      .boxed_udp = true,
      .exec_fd = -1}},
    {"no spawn", check_no_spawn, {.exec_fd = -1}},
    {"spawn", check_spawn, {.exec_fd = -1}},
    {"signals", check_signals, {.exec_fd = -1}},
    {"signals, own pids", check_signals, {.own_pids = true, .exec_fd = -1}},
    {"signals, spawn", check_signals, {.permit = SBX_PERMIT_SPAWN, .exec_fd = -1}},
    {"signals, scoped", check_signals, {.signals_scoped = true, .exec_fd = -1}},
    {"signals, scoped, spawn",
     check_signals,
     {.permit = SBX_PERMIT_SPAWN, .signals_scoped = true, .exec_fd = -1}},
    {"others", check_others, {.exec_fd = -1}},
    {"others, own pids", check_others, {.own_pids = true, .exec_fd = -1}},
    {"filters", check_confines, {.exec_fd = -1}},
    {"filters, confines",
     check_confines,
     {.permit = SBX_PERMIT_SPAWN, .own_pids = true, .confines = true, .exec_fd = -1}},
    {"filters, network rules", check_confines, {.permit = SBX_PERMIT_NET_RULES, .exec_fd = -1}},
    {"filters, network rules, confines",
     check_confines,
     {.permit = SBX_PERMIT_SPAWN | SBX_PERMIT_NET_RULES,
      .own_pids = true,
      .confines = true,
      .exec_fd = -1}},
    {"unknown", check_unknown, {.exec_fd = -1}},
};

static void all_cases(const char *who) {
  run_cases(who, cases, sizeof cases / sizeof *cases);
  check_exec(who, EXEC_FD);
  check_exec(who, -1);
  test_foreign(who);
}

int main(void) {
  if (may_administrate())
    in_child("control", check_dangerous_unfiltered, NULL);
  else
    ok(!getenv("SBX_MUST_WORK") || geteuid() != 0,
       "control # SKIP without capabilities the kernel refuses as the filter does");
  return run_for_all(all_cases);
}
