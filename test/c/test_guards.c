/* SPDX-License-Identifier: MIT */
/* The guards, applied in forked children: what they must deny is denied, what must still work
 * works. As root every case runs twice, once as root and once as uid 65534. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "util.h"

#include "../../src/core/proc.h"
#include "../../src/core/control.h"
#include "../../src/guards/guards.h"

#define MIB ((uint64_t)1 << 20)

static char workdir[] = "/tmp/sbx-guards-XXXXXX";
static char *argv_none[] = {"guest", NULL};

/* One run as init would prepare it: the policy, the descriptors, and the far ends kept to look at.
 */
struct fixture {
  struct sbx_policy policy;
  struct sbx_guard_shared shared;
  struct sbx_guard_run run;
  struct sbx_err err;
  int data_peer, out_peer, err_peer, status_peer;
};

static void prepare(struct fixture *f) {
  int data[2], out[2], err[2], status[2];
  memset(f, 0, sizeof *f);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, data) < 0 || pipe2(out, O_CLOEXEC) < 0 ||
      pipe2(err, O_CLOEXEC) < 0 || pipe2(status, O_CLOEXEC) < 0)
    abort();
  f->policy.exec_path = "/bin/true";
  f->policy.argv = argv_none;
  f->policy.timeout_ms = 1000;
  f->shared = (struct sbx_guard_shared){.policy = &f->policy, .net_fd = -1};
  f->run.policy = &f->policy;
  f->run.shared = &f->shared;
  f->run.ruleset_fd = f->run.listener_fd = f->run.exec_fd = -1;
  f->run.workdir = workdir;
  f->run.data_fd = data[0];
  f->run.stdout_fd = out[1];
  f->run.stderr_fd = err[1];
  f->run.status_fd = status[1];
  f->data_peer = data[1];
  f->out_peer = out[0];
  f->err_peer = err[0];
  f->status_peer = status[0];
}

static void apply(struct fixture *f) {
  int rc = sbx_guards_apply(&f->run, &f->err);
  child_ok(rc == 0, "every guard applies (%s: %s)", sbx_stage_name(f->err.stage), f->err.text);
}

/* A limit on memory that leaves `more` bytes, whatever is mapped now (ASan maps terabytes). */
static uint64_t data_limit(uint64_t more) {
  struct sbx_proc_mem mem = {0};
  sbx_proc_mem(getpid(), &mem);
  return mem.data_kb * 1024 + more;
}

static int open_numbers(char *out, size_t size) {
  int n = 0;
  out[0] = '\0';
  for (int fd = 0; fd < 4096; fd++)
    if (fcntl(fd, F_GETFD) >= 0) {
      size_t used = strlen(out);
      snprintf(out + used, size - used, "%d%s ", fd, fcntl(fd, F_GETFD) & FD_CLOEXEC ? "c" : "");
      n++;
    }
  return n;
}

static int same_file(int fd, const char *path) {
  struct stat a, b;
  return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_rdev == b.st_rdev &&
         S_ISCHR(a.st_mode) && S_ISCHR(b.st_mode);
}

static void check_descriptors(void *arg) {
  struct fixture *f = arg;
  struct sockaddr_storage name;
  socklen_t len = sizeof name;
  char list[512], text[8] = "";
  /* Descriptors that would leak: without O_CLOEXEC, low and high. */
  if (open("/etc/hostname", O_RDONLY) < 0 || dup2(STDERR_FILENO, 900) < 0)
    child_ok(0, "preparing descriptors that could leak");
  f->policy.max_files = 300;
  apply(f);
  open_numbers(list, sizeof list);
  child_ok(strcmp(list, "0 1 2 3 4c 5c 6c 7c 300c ") == 0,
           "0 to 3 stay open over execve; status pipe, ruleset, listener, runtime until then (%s)",
           list);
  struct stat at_limit, runtime;
  child_ok(f->run.exec_fd == 300 && fstat(300, &at_limit) == 0 &&
               stat("/bin/true", &runtime) == 0 && at_limit.st_ino == runtime.st_ino,
           "the runtime is at the limit");
  child_ok(dup(0) == 8 && dup2(0, 300) < 0 && errno == EBADF, "whose number none can have again");
  close(6);
  child_ok(f->run.status_fd == 4 && f->run.data_fd == 3 && f->run.stdout_fd == 1 &&
               f->run.stderr_fd == 2,
           "the run knows the new numbers");
  child_ok(same_file(0, "/dev/null") && read(0, text, 1) == 0, "0 is /dev/null");
  child_ok(getsockname(3, (struct sockaddr *)&name, &len) == 0 && name.ss_family == AF_UNIX &&
               write(3, "d", 1) == 1,
           "3 is the data socket");
  child_ok(write(1, "o", 1) == 1 && write(2, "e", 1) == 1 && write(4, "s", 1) == 1,
           "the other descriptors can be written to");
}

static void check_debugger(void *arg) {
  struct fixture *f = arg;
  char list[512];
  f->policy.max_files = 300;
  f->run.debug_fd = f->run.data_fd;
  apply(f);
  open_numbers(list, sizeof list);
  child_ok(strcmp(list, "0 1 2 3 4c 5c 6c 7 300c ") == 0,
           "the way to a debugger stays open over execve (%s)", list);
  child_ok(f->run.debug_fd == SBX_GUEST_DEBUG_FD && write(SBX_GUEST_DEBUG_FD, "g", 1) == 1,
           "and can be written to");
}

/* What the child wrote must come out at the right far end. */
static void check_far_ends(const char *who, struct fixture *f) {
  char got[5] = "....", name[128];
  int fds[4] = {f->data_peer, f->out_peer, f->err_peer, f->status_peer};
  for (int i = 0; i < 4; i++) {
    fcntl(fds[i], F_SETFL, O_NONBLOCK);
    if (read(fds[i], &got[i], 1) != 1)
      got[i] = '-';
  }
  snprintf(name, sizeof name, "%s, descriptors: each leads where it should (%s)", who, got);
  ok(strcmp(got, "does") == 0, name);
}

static void check_sources_among_targets(void *arg) {
  struct fixture *f = arg;
  /* Every source at another source's target: 3 -> 1, 1 -> 2, 2 -> 3, and the status pipe at 0. */
  int stdout_high = fcntl(f->run.stdout_fd, F_DUPFD, 100);
  int stderr_high = fcntl(f->run.stderr_fd, F_DUPFD, 100);
  int data_high = fcntl(f->run.data_fd, F_DUPFD, 100);
  int status_high = fcntl(f->run.status_fd, F_DUPFD, 100);
  f->run.stdout_fd = dup2(stdout_high, 3);
  f->run.stderr_fd = dup2(stderr_high, 1);
  f->run.data_fd = dup2(data_high, 2);
  f->run.status_fd = dup2(status_high, 0);
  apply(f);
  child_ok(write(3, "d", 1) == 1 && write(1, "o", 1) == 1 && write(2, "e", 1) == 1 &&
               write(f->run.status_fd, "s", 1) == 1,
           "sources that lie among the targets do not overwrite each other");
}

static void check_workdir(void *arg) {
  struct fixture *f = arg;
  char at[PATH_MAX] = "", resolved[PATH_MAX] = "";
  if (!realpath(workdir, resolved))
    child_ok(0, "resolving the working directory");
  apply(f);
  child_ok(getcwd(at, sizeof at) && strcmp(at, resolved) == 0, "the process is in its workdir");
  int fd = open("made-here", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
  struct stat st = {0};
  child_ok(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600,
           "a file made there belongs to its owner alone (umask 077)");
  unlink("made-here");
}

static void check_bad_workdir(void *arg) {
  struct fixture *f = arg;
  f->run.workdir = "/tmp/sbx-guards-none/such";
  int rc = sbx_guards_apply(&f->run, &f->err);
  child_ok(rc == -ENOENT && f->err.errnum == ENOENT && f->err.stage == SBX_STAGE_WORKDIR &&
               strstr(f->err.text, "/tmp/sbx-guards-none/such"),
           "a missing workdir is ENOENT of stage workdir, and the text names it");
  child_ok(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0, "no later guard was applied");
  child_ok(write(f->run.status_fd, "s", 1) == 1, "the failure can still be reported");
  f->run.workdir = "/dev/null";
  rc = sbx_guard_workdir(&f->run, &f->err);
  child_ok(rc == -ENOTDIR && f->err.errnum == ENOTDIR && f->err.stage == SBX_STAGE_WORKDIR,
           "a file as workdir is ENOTDIR");
}

static void check_bad_descriptor(void *arg) {
  struct fixture *f = arg;
  f->run.data_fd = 777;
  int rc = sbx_guards_apply(&f->run, &f->err);
  child_ok(rc == -EBADF && f->err.errnum == EBADF && f->err.stage == SBX_STAGE_FDS,
           "a descriptor that is none is EBADF of stage fds");
}

static int limit_is(int resource, rlim_t soft, rlim_t hard) {
  struct rlimit limit;
  return getrlimit(resource, &limit) == 0 && limit.rlim_cur == soft && limit.rlim_max == hard;
}

static int cannot_raise(int resource) {
  struct rlimit limit;
  getrlimit(resource, &limit);
  limit.rlim_max++;
  return setrlimit(resource, &limit) < 0 && errno == EPERM;
}

static void check_rlimits(void *arg) {
  struct fixture *f = arg;
  uint64_t data = data_limit(64 * MIB);
  f->policy.data_bytes = data;
  f->policy.max_files = 24;
  f->policy.max_file_bytes = 10000;
  f->policy.cpu_ms = 2500;
  apply(f);
  child_ok(limit_is(RLIMIT_DATA, data, data), "RLIMIT_DATA is what the policy says");
  child_ok(limit_is(RLIMIT_NOFILE, 24, 24), "RLIMIT_NOFILE as well");
  child_ok(limit_is(RLIMIT_FSIZE, 10000, 10000), "RLIMIT_FSIZE as well");
  child_ok(limit_is(RLIMIT_CPU, 4, 5), "RLIMIT_CPU is whole seconds above the policy's");
  child_ok(limit_is(RLIMIT_CORE, 1, 1), "RLIMIT_CORE is 1: no file, no pipe");
  child_ok(cannot_raise(RLIMIT_DATA) && cannot_raise(RLIMIT_NOFILE) && cannot_raise(RLIMIT_FSIZE) &&
               cannot_raise(RLIMIT_CPU) && cannot_raise(RLIMIT_CORE),
           "none can be raised again");
}

/* Of the launcher, inherited. */
static void check_user_limits(void *arg) {
  struct fixture *f = arg;
  struct sigevent silent = {.sigev_notify = SIGEV_NONE};
  int n = 0, id;
  child_ok(sbx_guard_rlimits_open(&f->shared, &f->err) == 0, "what a user has is limited (%s)",
           f->err.text);
  apply(f);
  while (n <= 1024 && syscall(SYS_timer_create, CLOCK_MONOTONIC, &silent, &id) == 0)
    n++;
  child_ok(n > 0 && n <= 1024 && errno == EAGAIN, "timers end at the limit (%d)", n);
  child_ok(limit_is(RLIMIT_SIGPENDING, 1024, 1024) && limit_is(RLIMIT_MSGQUEUE, 0, 0) &&
               limit_is(RLIMIT_RTPRIO, 0, 0) && limit_is(RLIMIT_NICE, 0, 0),
           "as do message queues, real time and priority");
  child_ok(cannot_raise(RLIMIT_SIGPENDING) && cannot_raise(RLIMIT_RTPRIO), "none can be raised");
}

static void check_no_limits(void *arg) {
  struct fixture *f = arg;
  static const int kinds[] = {RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_CPU};
  struct rlimit before[3], files = {1000, 2000};
  for (int i = 0; i < 3; i++)
    getrlimit(kinds[i], &before[i]);
  setrlimit(RLIMIT_NOFILE, &files);
  apply(f);
  int same = limit_is(RLIMIT_NOFILE, 1499, 1499); /* The one above is the runtime's. */
  for (int i = 0; i < 3; i++)
    same &= limit_is(kinds[i], before[i].rlim_cur, before[i].rlim_max);
  child_ok(same, "limits of 0 leave what was inherited");
  child_ok(limit_is(RLIMIT_CORE, 1, 1), "but no core is ever dumped");
}

static void check_inherited(void *arg) {
  struct fixture *f = arg;
  struct rlimit low = {50, 60};
  setrlimit(RLIMIT_NOFILE, &low);
  f->policy.max_files = 1000000;
  apply(f);
  child_ok(limit_is(RLIMIT_NOFILE, 44, 44), "a hard limit that was inherited is never reached");
}

static void *map(uint64_t bytes) {
  return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void check_data(void *arg) {
  struct fixture *f = arg;
  f->policy.data_bytes = data_limit(64 * MIB);
  apply(f);
  char *below = map(32 * MIB);
  child_ok(below != MAP_FAILED, "32 of 64 MiB can be allocated");
  if (below != MAP_FAILED)
    memset(below, 1, 32 * MIB);
  errno = 0;
  child_ok(map(64 * MIB) == MAP_FAILED && errno == ENOMEM, "64 more cannot: ENOMEM");
  munmap(below, 32 * MIB);
  child_ok(map(32 * MIB) != MAP_FAILED, "what was given back can be had again");
}

static void check_files(void *arg) {
  struct fixture *f = arg;
  char bytes[200] = {0};
  f->policy.max_files = 24;
  f->policy.max_file_bytes = 100;
  apply(f);
  signal(SIGXFSZ, SIG_IGN);
  int fd = open("limited", O_CREAT | O_RDWR | O_CLOEXEC, 0600), last = fd, n = 0;
  child_ok(write(fd, bytes, 100) == 100, "a file can grow up to its limit");
  child_ok(write(fd, bytes, 1) == -1 && errno == EFBIG, "not a byte beyond: EFBIG");
  child_ok(ftruncate(fd, 101) == -1 && errno == EFBIG, "nor by ftruncate");
  child_ok(write(1, bytes, 200) == 200, "pipes are not files");
  unlink("limited");
  while ((fd = dup(0)) >= 0) {
    last = fd;
    n++;
  }
  child_ok(last == 23 && n == 15 && errno == EMFILE, "descriptors end at the limit: EMFILE");
}

/* Another process of the same user, which has so many descriptors on their way, and ends with this
 * one. Returns whether it does. */
static int hold_on_the_way(int n) {
  int pair[2], here[2];
  char byte = 0, room[CMSG_SPACE(sizeof(int) * 100)] = {0};
  if (pipe2(here, O_CLOEXEC) < 0)
    abort();
  pid_t parent = getpid();
  if (fork() != 0) {
    close(here[1]);
    ssize_t got = read(here[0], &byte, 1);
    close(here[0]);
    return got == 1;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
    _exit(1);
  struct iovec io = {&byte, 1};
  struct msghdr msg = {
      .msg_iov = &io, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
  struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int) * 100);
  for (int i = 0; i < 100; i++)
    memcpy(CMSG_DATA(head) + sizeof(int) * (size_t)i, &pair[0], sizeof(int));
  for (int sent = 0; sent < n; sent += 100)
    if (sendmsg(pair[0], &msg, MSG_DONTWAIT) < 0)
      _exit(1);
  if (write(here[1], &byte, 1) == 1)
    pause();
  _exit(1);
}

/* They are held against the limit of who sends (ETOOMANYREFS), which for the listener must not be
 * the guest's. Root is not held to it. */
static void check_listener_is_sent(void *arg) {
  struct fixture *f = arg;
  int way[2]; /* The other process has its other end, too. */
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, way) < 0 || !hold_on_the_way(400))
    abort();
  f->policy.use = SBX_USE_SECCOMP;
  f->policy.permit = SBX_PERMIT_NET_RULES;
  f->policy.max_files = 64;
  f->run.listener_fd = way[0];
  if (sbx_guards_open(&f->shared, &f->err) < 0)
    abort();
  apply(f);
  child_ok(limit_is(RLIMIT_NOFILE, 64, 64), "and the limit of descriptors holds afterwards");
}

static int status_lines_good(FILE *in, char *text, size_t size) {
  char line[512];
  int seen = 0, good = 1;
  text[0] = '\0';
  while (fgets(line, sizeof line, in)) {
    unsigned long long value;
    if (sscanf(line, "Cap%*3s: %llx", &value) == 1) {
      /* CapBnd needs CAP_SETPCAP to drop; without that no_new_privs makes it moot. */
      int bounding = strncmp(line, "CapBnd", 6) == 0;
      good &= value == 0 || (bounding && getuid() != 0);
      seen++;
    } else if (strncmp(line, "NoNewPrivs:", 11) == 0) {
      good &= strtoul(line + 11, NULL, 10) == 1;
      seen++;
    } else {
      continue;
    }
    size_t used = strlen(text);
    line[strcspn(line, "\n")] = '\0';
    snprintf(text + used, size - used, "%.40s ", line);
  }
  return good && seen == 6;
}

static void check_privileges(void *arg) {
  struct fixture *f = arg;
  char text[256];
  int root = getuid() == 0;
  apply(f);
  FILE *in = fopen("/proc/self/status", "re");
  child_ok(in && status_lines_good(in, text, sizeof text), "all capability sets are 0 (%s)", text);
  child_ok(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "no_new_privs is set");
  child_ok(chroot("/") < 0 && errno == EPERM, "a capability's act is refused");
  child_ok(chown(".", 12345, -1) < 0 && errno == EPERM, "a file cannot be given away");
  child_ok(!root || (setuid(1) < 0 && errno == EPERM), "the user cannot be changed");
  int bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
             SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
             SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  child_ok(!root || prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) == bits,
           "uid 0 has lost its special meaning for good");
  child_ok(getuid() == geteuid() && access(".", R_OK | W_OK | X_OK) == 0,
           "its own files stay its own");
}

static void check_nobody(void *arg) {
  struct fixture *f = arg;
  uid_t uid = getuid();
  int pdeath = 0;
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  f->run.change_ids = uid == 0;
  apply(f);
  child_ok(getuid() == (uid == 0 ? 65534 : uid) && geteuid() == getuid() && getgid() != 0,
           "root becomes nobody");
  child_ok(getgroups(0, NULL) == 0 || uid != 0, "in no group");
  child_ok(kill(getppid(), 0) == (uid == 0 ? -1 : 0), "whom its parent is out of reach for");
  child_ok(prctl(PR_GET_PDEATHSIG, &pdeath, 0, 0, 0) == 0 && pdeath == SIGKILL,
           "and who still dies with its parent");
}

/* Whether root becomes nobody depends on the files that it may use. */
static void check_preparation(void *arg) {
  struct fixture *f = arg;
  char own[] = "/tmp/sbx-guards-own-XXXXXX", all[] = "/tmp/sbx-guards-all-XXXXXX";
  if (!mkdtemp(own) || !mkdtemp(all) || chmod(all, 0777) < 0)
    child_ok(0, "making directories");
  struct sbx_grant grants[] = {{'w', all, all, true, true}, {'r', own, own, true, true}};
  f->run.view.grants = grants;
  f->run.view.n_grants = 1;
  f->run.workdir = "/";
  bool root = getuid() == 0;
  sbx_guard_privileges_prepare(&f->run, &f->err);
  child_ok(f->run.change_ids == root, "root becomes nobody when nobody may use its files");
  f->run.view.n_grants = 2;
  sbx_guard_privileges_prepare(&f->run, &f->err);
  child_ok(!f->run.change_ids, "and stays who owns them otherwise");
  child_ok(access(own, R_OK | W_OK | X_OK) == 0 && geteuid() == getuid(), "it is itself again");
  f->policy.use = SBX_USE_NAMESPACES;
  f->run.view.n_grants = 1;
  sbx_guard_privileges_prepare(&f->run, &f->err);
  child_ok(!f->run.change_ids, "a user namespace does it by itself");
  rmdir(own);
  rmdir(all);
}

static bool give_up(int cap) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
  if (syscall(SYS_capget, &head, sets) < 0)
    return false;
  sets[0].effective &= ~(1u << cap);
  sets[0].permitted &= ~(1u << cap);
  return syscall(SYS_capset, &head, sets) == 0;
}

/* As in a container that has dropped all capabilities: it stays root, without any. */
static void check_root_that_may_not(void *arg) {
  struct fixture *f = arg;
  char all[] = "/tmp/sbx-guards-all-XXXXXX";
  if (!mkdtemp(all) || chmod(all, 0777) < 0)
    child_ok(0, "making a directory");
  struct sbx_grant grants[] = {{'w', all, all, true, true}};
  f->run.view.grants = grants;
  f->run.view.n_grants = 1;
  f->run.workdir = "/";
  bool root = getuid() == 0;
  child_ok(!root || give_up(CAP_SETGID), "without CAP_SETGID");
  sbx_guard_privileges_prepare(&f->run, &f->err);
  child_ok(!f->run.change_ids, "it does not try to become nobody");
  child_ok(!root || give_up(CAP_SETUID), "without CAP_SETUID");
  sbx_guard_privileges_prepare(&f->run, &f->err);
  child_ok(!f->run.change_ids, "nor then");
  child_ok(sbx_guard_privileges(&f->run, &f->err) == 0, "and is confined (%s)", f->err.text);
  FILE *in = fopen("/proc/self/status", "re");
  char text[256];
  child_ok(in && status_lines_good(in, text, sizeof text), "without capabilities (%s)", text);
  if (in)
    fclose(in);
  rmdir(all);
}

static long session_keyring(void) {
  return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
}

static void check_keyring(void *arg) {
  struct fixture *f = arg;
  long before = session_keyring();
  int rc = sbx_guards_open(&f->shared, &f->err);
  child_ok(rc == 0, "every guard opens (%s)", f->err.text);
  child_ok(before < 0 || session_keyring() != before, "the session's keyring is left behind");
}

/* Execs cat(1) as a guest would be, and looks at what the kernel gave it. */
static void privileges_after_exec(const char *who, int without_setpcap) {
  struct fixture f;
  char name[200], path[] = "/tmp/sbx-guards-out-XXXXXX";
  int status = -1, out = mkstemp(path);
  prepare(&f);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    static char *argv[] = {"cat", "/proc/self/status", NULL}, *env[] = {NULL};
    f.run.stdout_fd = out;
    if (without_setpcap) {
      struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
      struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];
      syscall(SYS_capget, &head, caps);
      caps[0].effective &= ~(1u << CAP_SETPCAP);
      caps[0].permitted &= ~(1u << CAP_SETPCAP);
      if (syscall(SYS_capset, &head, caps) < 0)
        _exit(3);
    }
    if (sbx_guards_apply(&f.run, &f.err) < 0)
      _exit(2);
    execve("/bin/cat", argv, env);
    _exit(1);
  }
  waitpid(pid, &status, 0);
  FILE *in = fopen(path, "re");
  char line[512];
  int none = 0;
  while (in && fgets(line, sizeof line, in))
    if (strncmp(line, "CapPrm:", 7) == 0 || strncmp(line, "CapEff:", 7) == 0 ||
        strncmp(line, "CapAmb:", 7) == 0)
      none += strtoull(line + 7, NULL, 16) == 0;
    else if (strncmp(line, "NoNewPrivs:", 11) == 0)
      none += strtoul(line + 11, NULL, 10) == 1;
  if (in)
    fclose(in);
  snprintf(name, sizeof name, "%s: execve gives no capability back%s", who,
           without_setpcap ? ", also where CAP_SETPCAP was missing" : "");
  ok(status == 0 && none == 4, name);
  close(out);
  unlink(path);
  close(f.data_peer);
  close(f.out_peer);
  close(f.err_peer);
  close(f.status_peer);
  close(f.run.data_fd);
  close(f.run.stdout_fd);
  close(f.run.stderr_fd);
  close(f.run.status_fd);
}

static const struct {
  const char *name;
  void (*body)(void *);
  int far_ends;
} cases[] = {
    {"descriptors", check_descriptors, 1},
    {"debugger", check_debugger, 0},
    {"descriptors in disorder", check_sources_among_targets, 1},
    {"bad descriptor", check_bad_descriptor, 0},
    {"workdir", check_workdir, 0},
    {"bad workdir", check_bad_workdir, 0},
    {"rlimits", check_rlimits, 0},
    {"limits of a user", check_user_limits, 0},
    {"no limits", check_no_limits, 0},
    {"inherited limits", check_inherited, 0},
    {"data", check_data, 0},
    {"files", check_files, 0},
    {"listener, 400 descriptors on their way", check_listener_is_sent, 0},
    {"privileges", check_privileges, 0},
    {"nobody", check_nobody, 0},
    {"keyring", check_keyring, 0},
    {"who to become", check_preparation, 0},
    {"root that may not", check_root_that_may_not, 0},
};

static void all_cases(const char *who) {
  char name[100];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct fixture f;
    prepare(&f);
    snprintf(name, sizeof name, "%s, %s", who, cases[i].name);
    in_child(name, cases[i].body, &f);
    if (cases[i].far_ends)
      check_far_ends(who, &f);
    int fds[] = {f.data_peer,   f.out_peer,      f.err_peer,      f.status_peer,
                 f.run.data_fd, f.run.stdout_fd, f.run.stderr_fd, f.run.status_fd};
    for (size_t k = 0; k < sizeof fds / sizeof fds[0]; k++)
      close(fds[k]);
  }
  privileges_after_exec(who, 0);
}

/* The numbers of its TAP lines go on where root's ended; the exit status tells whether one failed.
 */
static void as_ordinary_user(void) {
  int status = -1, p[2], run = 0;
  if (chown(workdir, 65534, 65534) < 0 || pipe2(p, O_CLOEXEC) < 0)
    abort();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
      _exit(9);
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* else /proc/self belongs to root */
    all_cases("user");
    fflush(stdout);
    _exit(write(p[1], &tap_run, sizeof tap_run) == sizeof tap_run && !tap_failed ? 0 : 1);
  }
  close(p[1]);
  if (read(p[0], &run, sizeof run) == sizeof run)
    tap_run = run;
  close(p[0]);
  waitpid(pid, &status, 0);
  ok(status == 0, "all of it holds for an ordinary user as well");
}

static void table(void) {
  static const char *const order[] = {"cgroup",  "workdir",    "namespaces", "descriptors",
                                      "rlimits", "privileges", "landlock",   "seccomp"};
  int good = 1;
  for (int i = 0; i < 8; i++)
    good &= sbx_guards[i].name && strcmp(sbx_guards[i].name, order[i]) == 0 &&
            (sbx_guards[i].apply || i == 0);
  ok(good && !sbx_guards[8].name, "the table holds the guards in their order");
}

int main(void) {
  int root = geteuid() == 0;
  if (!mkdtemp(workdir))
    abort();
  table();
  all_cases(root ? "root" : "user");
  if (root) {
    privileges_after_exec("root", 1);
    as_ordinary_user();
  }
  rmdir(workdir);
  return tap_done();
}
