/* SPDX-License-Identifier: MIT */
/* The table of system calls, and the filters made of it for both architectures: what they answer is
 * compared, in an interpreter, with a model of the rules in plain C. */
#include <asm/ioctls.h>
#include <asm/unistd.h>
#include <ctype.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "bpf_vm.h"
#include "syscalls_model.h"
#include "tap.h"
#include "util.h"

#include "../../src/guards/seccomp.h"
#include "../../src/guards/syscalls.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define AARCH64 AUDIT_ARCH_AARCH64
#define EXEC_FD 900

/* The numbers as the C library's headers know them, as text: "63", or "__NR_read" where they do not
 * know the name. */
#define TEXT(value) #value
#define NUMBER(value) TEXT(value)
#define CALL(name, x86_64, aarch64, rule) NUMBER(__NR_##name),
#ifdef __x86_64__
static const char *const x86_64_numbers[] = {
#include "../../src/guards/syscalls.def"
};
#endif

/* aarch64 has the generic numbers, and what its <asm/unistd.h> asks for here. They replace those
 * from above. */
#define __ARCH_WANT_RENAMEAT
#define __ARCH_WANT_NEW_STAT
#define __ARCH_WANT_SET_GET_RLIMIT
#define __ARCH_WANT_TIME32_SYSCALLS
#define __ARCH_WANT_SYS_CLONE3
#define __ARCH_WANT_MEMFD_SECRET
#include <asm-generic/unistd.h>
static const char *const aarch64_numbers[] = {
#include "../../src/guards/syscalls.def"
};

static void check_numbers(const char *arch_name, unsigned arch, const char *const *numbers) {
  char name[128];
  int known = 0, good = 1;
  for (size_t i = 0; i < sbx_n_syscalls; i++) {
    int number = sbx_syscall_number(&sbx_syscalls[i], arch);
    if (number < 0 || !isdigit((unsigned char)numbers[i][0]))
      continue;
    known++;
    if (atoi(numbers[i]) != number) {
      printf("# %s is %s, not %d\n", sbx_syscalls[i].name, numbers[i], number);
      good = 0;
    }
  }
  snprintf(name, sizeof name, "%s: the numbers are those of the kernel's headers (%d)", arch_name,
           known);
  ok(good && known > 290, name);
}

/* Numbers that are not used, up to the last known call. */
static int is_gap(unsigned arch, int number) {
  if (arch == X86_64)
    return number >= 337 && number <= 423;
  return (number >= 244 && number <= 259) || (number >= 295 && number <= 423);
}

static void check_completeness(const char *arch_name, unsigned arch) {
  char name[128];
  int good = 1;
  for (int number = 0; number <= 469; number++) {
    int found = 0;
    for (size_t i = 0; i < sbx_n_syscalls; i++)
      found += sbx_syscall_number(&sbx_syscalls[i], arch) == number;
    if (found != !is_gap(arch, number)) {
      printf("# number %d is there %d times\n", number, found);
      good = 0;
    }
  }
  snprintf(name, sizeof name, "%s: every call of the kernel is in the table, once", arch_name);
  ok(good, name);
}

static void test_table(void) {
  int unique = 1;
#ifdef __x86_64__
  check_numbers("x86_64", X86_64, x86_64_numbers);
#endif
  check_numbers("aarch64", AARCH64, aarch64_numbers);
  check_completeness("x86_64", X86_64);
  check_completeness("aarch64", AARCH64);
  for (size_t i = 0; i < sbx_n_syscalls; i++)
    for (size_t j = 0; j < i; j++)
      unique = unique && strcmp(sbx_syscalls[i].name, sbx_syscalls[j].name) != 0;
  ok(unique, "no name is there twice");
  ok(strcmp(sbx_syscall_name(59, X86_64), "execve") == 0 &&
         strcmp(sbx_syscall_name(221, AARCH64), "execve") == 0 && !sbx_syscall_name(400, X86_64) &&
         !sbx_syscall_name(-1, AARCH64),
     "numbers lead to names");
}

/* What the rules compare with, and what lies beside it. */
static const uint32_t interesting[] = {
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    15,
    16,
    17,
    26,
    29,
    31,
    36,
    38,
    39,
    50,
    51,
    52,
    132,
    136,
    262,
    1024,
    1026,
    1030,
    1038,
    SELF,
    SELF + 1,
    EXEC_FD,
    EXEC_FD - 1,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    0xffffff9c,
    FIONBIO,
    TIOCSTI,
    TIOCLINUX,
    TIOCSETD,
    TCGETS,
    FICLONE,
    0x5450,
    0x5451,
    SOCK_STREAM | 02004000,
    SOCK_DGRAM | 02000000,
    SOCK_STREAM | 0x10,
    MSG_FASTOPEN,
    MSG_FASTOPEN | 1,
    0x3d0f00,
    0x1200011,
    0x10100,
    0x4111,
    0x10000000,
    0x20000000,
    0x2000000,
    0x8100,
    0x3d8f00,
    S_IFREG | 0600,
    S_IFIFO,
    S_IFCHR,
    S_IFBLK | 0600,
    S_IFSOCK,
    S_IFREG | 0x10000,
    0x1002,
    0x5001,
    0x3001,
    0x53564d41,
    0x41555856,
    0x40000,
    74,
    78,
    20,
    21,
    33,
    1031,
};

static void random_args(uint64_t *args, uint64_t *state) {
  for (int i = 0; i < 6; i++) {
    /* The small ones more often: families, types, protocols, options and levels. */
    args[i] = interesting[next_random(state) % (next_random(state) % 2 ? 18 : COUNT(interesting))];
    if (next_random(state) % 4 == 0)
      args[i] |= (uint64_t)next_random(state) << 32;
    if (next_random(state) % 16 == 0)
      args[i] = (uint64_t)next_random(state) << 32 | next_random(state);
  }
}

static int build(unsigned arch, const struct sbx_seccomp_options *options,
                 struct sbx_seccomp *filter) {
  struct sbx_err err;
  int rc = sbx_seccomp_build_for(arch, options, filter, &err);
  for (int i = 0; i < filter->n_self; i++)
    filter->code[filter->self[i]].k = SELF;
  if (rc < 0)
    printf("# %s\n", err.text);
  return rc;
}

/* A filter as a whole, and in the two parts that forked guests have. */
struct filters {
  struct sbx_seccomp whole, common, rest;
};

static int build_all(unsigned arch, struct sbx_seccomp_options options, struct filters *f) {
  memset(f, 0, sizeof *f);
  int rc = build(arch, &options, &f->whole);
  options.part = SBX_SECCOMP_COMMON;
  rc = rc < 0 ? rc : build(arch, &options, &f->common);
  options.part = SBX_SECCOMP_REST;
  return rc < 0 ? rc : build(arch, &options, &f->rest);
}

static void free_all(struct filters *f) {
  sbx_seccomp_free(&f->whole);
  sbx_seccomp_free(&f->common);
  sbx_seccomp_free(&f->rest);
}

/* As the kernel does: the action that comes first, of two that are alike the one loaded last. */
static uint32_t in_parts(const struct filters *f, const struct seccomp_data *data) {
  uint32_t common = vm_run(f->common.code, f->common.n, data, NULL);
  uint32_t rest = vm_run(f->rest.code, f->rest.n, data, NULL);
  if (common == VM_BAD || rest == VM_BAD)
    return VM_BAD;
  return (int32_t)(common & SECCOMP_RET_ACTION_FULL) < (int32_t)(rest & SECCOMP_RET_ACTION_FULL)
             ? common
             : rest;
}

/* Every number with some arguments, those with rules about arguments with many. */
static long check_filter(unsigned arch, const struct sbx_seccomp_options *options,
                         uint64_t *state) {
  struct filters filters;
  long failures = 0;
  if (build_all(arch, *options, &filters) < 0)
    return 1;
  for (int nr = 0; nr <= 600; nr++) {
    int rounds = rule_of(arch, nr) >= SBX_RULE_CLONE ? 400 : 4;
    for (int i = 0; i < rounds; i++) {
      struct seccomp_data data = {.nr = nr, .arch = arch};
      uint64_t args[6];
      random_args(args, state);
      memcpy(data.args, args, sizeof args);
      uint32_t got = vm_run(filters.whole.code, filters.whole.n, &data, NULL);
      uint32_t parts = in_parts(&filters, &data), want = model(options, &data, arch);
      if ((got != want || parts != want) && failures++ < 5)
        printf("# %s(%#llx, %#llx, %#llx, %#llx, %#llx), permit %#x: %#x, %#x in parts, not %#x\n",
               sbx_syscall_name(nr, arch), data.args[0], data.args[1], data.args[2], data.args[3],
               data.args[4], options->permit, got, parts, want);
    }
  }
  free_all(&filters);
  return failures;
}

static void test_verdicts(const char *arch_name, unsigned arch) {
  char name[128];
  uint64_t state = 0x5bd1e995;
  long failures = 0;
  for (unsigned permit = 0; permit < 256; permit++) {
    uint32_t bits = next_random(&state);
    struct sbx_seccomp_options options = {
        .permit = permit,
        .own_pids = bits & 1,
        .signals_scoped = bits & 2,
        .connect_governed = bits & 4,
        .read_only_mounts = bits & 8,
        .exec_fd = bits & 16 ? EXEC_FD : -1,
        .confines = bits & 32,
        .boxed_udp = (bits & 64) && (permit & SBX_PERMIT_NET_RULES), /* as sbx_policy_boxes_udp */
    };
    failures += check_filter(arch, &options, &state);
  }
  snprintf(name, sizeof name, "%s: every call gets the verdict of the model, also in two parts",
           arch_name);
  ok(failures == 0, name);
}

static uint32_t answer(const struct sbx_seccomp *filter, unsigned arch, int nr) {
  struct seccomp_data data = {.nr = nr, .arch = arch};
  return vm_run(filter->code, filter->n, &data, NULL);
}

static uint32_t answer_in_parts(const struct filters *filters, unsigned arch, int nr) {
  struct seccomp_data data = {.nr = nr, .arch = arch};
  return in_parts(filters, &data);
}

static void test_foreign(const char *arch_name, unsigned arch) {
  static const unsigned others[] = {AUDIT_ARCH_I386, AUDIT_ARCH_ARM,     AUDIT_ARCH_RISCV64,
                                    X86_64,          AUDIT_ARCH_AARCH64, 0,
                                    0xffffffff};
  struct sbx_seccomp_options options = {.permit = 255, .own_pids = true, .exec_fd = -1};
  struct filters filters;
  const struct sbx_seccomp filter = (build_all(arch, options, &filters), filters.whole);
  char name[128];
  int good = filters.rest.n > 0;
  for (size_t i = 0; good && i < COUNT(others); i++)
    for (int nr = 0; nr <= 600; nr++)
      good = good && (others[i] == arch ||
                      (answer(&filter, others[i], nr) == SECCOMP_RET_KILL_PROCESS &&
                       answer_in_parts(&filters, others[i], nr) == SECCOMP_RET_KILL_PROCESS));
  snprintf(name, sizeof name, "%s: every call of another architecture kills", arch_name);
  ok(good, name);
  uint32_t x32 = arch == X86_64 ? SECCOMP_RET_KILL_PROCESS : ERR(ENOSYS);
  good = 1;
  for (int nr = 0; nr <= 600; nr++)
    good = good && answer(&filter, arch, nr | 0x40000000) == x32 &&
           answer_in_parts(&filters, arch, nr | 0x40000000) == x32;
  snprintf(name, sizeof name, "%s: numbers with the bit of x32 %s", arch_name,
           arch == X86_64 ? "kill" : "are unknown");
  ok(good, name);
  snprintf(name, sizeof name, "%s: numbers beyond the table are unknown", arch_name);
  ok(answer(&filter, arch, 511) == ERR(ENOSYS) && answer(&filter, arch, 512) == ERR(ENOSYS) &&
         answer(&filter, arch, 0x3fffffff) == ERR(ENOSYS) &&
         answer(&filter, arch, (int)0x80000000) == ERR(ENOSYS) &&
         answer_in_parts(&filters, arch, 511) == ERR(ENOSYS) &&
         answer_in_parts(&filters, arch, 512) == ERR(ENOSYS) &&
         answer_in_parts(&filters, arch, 0x3fffffff) == ERR(ENOSYS),
     name);
  free_all(&filters);
}

static int number_of(const char *name, unsigned arch) {
  for (size_t i = 0; i < sbx_n_syscalls; i++)
    if (strcmp(sbx_syscalls[i].name, name) == 0)
      return sbx_syscall_number(&sbx_syscalls[i], arch);
  printf("# no call is named %s\n", name);
  return -2;
}

/* The promises, by name, so that a slip in the table does not pass as its own model. */
static void test_promises(const char *arch_name, unsigned arch) {
  static const char *const refused[] = {"ptrace",
                                        "process_vm_readv",
                                        "process_vm_writev",
                                        "pidfd_getfd",
                                        "kcmp",
                                        "bpf",
                                        "keyctl",
                                        "add_key",
                                        "request_key",
                                        "userfaultfd",
                                        "perf_event_open",
                                        "io_uring_setup",
                                        "io_uring_enter",
                                        "io_uring_register",
                                        "kexec_load",
                                        "kexec_file_load",
                                        "init_module",
                                        "finit_module",
                                        "delete_module",
                                        "mount",
                                        "umount2",
                                        "open_tree",
                                        "open_tree_attr",
                                        "move_mount",
                                        "fsopen",
                                        "fsconfig",
                                        "fsmount",
                                        "fspick",
                                        "mount_setattr",
                                        "statmount",
                                        "listmount",
                                        "pivot_root",
                                        "chroot",
                                        "unshare",
                                        "setns",
                                        "swapon",
                                        "swapoff",
                                        "reboot",
                                        "sethostname",
                                        "setdomainname",
                                        "settimeofday",
                                        "clock_settime",
                                        "adjtimex",
                                        "clock_adjtime",
                                        "acct",
                                        "quotactl",
                                        "quotactl_fd",
                                        "syslog",
                                        "vhangup",
                                        "mbind",
                                        "set_mempolicy",
                                        "move_pages",
                                        "migrate_pages",
                                        "seccomp",
                                        "setuid",
                                        "setgid",
                                        "setgroups",
                                        "setresuid",
                                        "setresgid",
                                        "setreuid",
                                        "setregid",
                                        "setfsuid",
                                        "setfsgid",
                                        "capset",
                                        "shmget",
                                        "semget",
                                        "msgget",
                                        "mq_open",
                                        "memfd_secret",
                                        "open_by_handle_at",
                                        "name_to_handle_at",
                                        "fanotify_init",
                                        "process_madvise",
                                        "process_mrelease"};
  static const char *const hot[] = {
      "read",           "write",     "futex",       "epoll_pwait", "mmap",  "munmap",
      "mprotect",       "close",     "openat",      "newfstatat",  "statx", "readv",
      "writev",         "pread64",   "brk",         "getpid",      "lseek", "clock_gettime",
      "rt_sigprocmask", "getrandom", "sched_yield", "recvmsg"};
  struct sbx_seccomp_options options = {.permit = 255,
                                        .own_pids = true,
                                        .read_only_mounts = true,
                                        .signals_scoped = true,
                                        .connect_governed = true,
                                        .exec_fd = EXEC_FD};
  struct sbx_seccomp filter;
  char name[128];
  int good = build(arch, &options, &filter) == 0;
  for (size_t i = 0; good && i < COUNT(refused); i++)
    good = answer(&filter, arch, number_of(refused[i], arch)) == ERR(EPERM);
  snprintf(name, sizeof name, "%s: with everything permitted the dangerous calls stay refused",
           arch_name);
  ok(good, name);
  snprintf(name, sizeof name, "%s: clone3 is not there, with everything permitted", arch_name);
  ok(answer(&filter, arch, number_of("clone3", arch)) == ERR(ENOSYS), name);
  sbx_seccomp_free(&filter);

  /* What the kernel finds to be allowed without a look at arguments it never filters again. */
  options = (struct sbx_seccomp_options){.exec_fd = -1};
  good = build(arch, &options, &filter) == 0;
  for (size_t i = 0; i < filter.n; i++)
    if (filter.code[i].code == (BPF_LD | BPF_W | BPF_ABS) && filter.code[i].k >= 16)
      filter.code[i] = (struct sock_filter){BPF_RET | BPF_K, 0, 0, VM_BAD};
  for (size_t i = 0; good && i < COUNT(hot); i++) {
    struct seccomp_data data = {.nr = number_of(hot[i], arch), .arch = arch};
    unsigned steps = 0;
    good = vm_run(filter.code, filter.n, &data, &steps) == ALLOW && steps <= 16;
  }
  snprintf(name, sizeof name, "%s: hot calls are allowed by their number, in a few steps",
           arch_name);
  ok(good, name);
  sbx_seccomp_free(&filter);
}

/* What the zygote and the guards of its guests call: allowed until the guest is confined. */
static void test_parts(const char *arch_name, unsigned arch) {
  static const char *const needed[] = {"clone",
                                       "setsid",
                                       "pidfd_open",
                                       "kill",
                                       "mount",
                                       "umount2",
                                       "pivot_root",
                                       "open_tree",
                                       "move_mount",
                                       "unshare",
                                       "setns",
                                       "mount_setattr",
                                       "setresuid",
                                       "setresgid",
                                       "setgroups",
                                       "setfsuid",
                                       "setfsgid",
                                       "capset",
                                       "prlimit64",
                                       "seccomp",
                                       "wait4",
                                       "statx",
                                       "sendmsg",
                                       "recvmsg",
                                       "epoll_pwait",
                                       "dup3",
                                       "pipe2",
                                       "close_range",
                                       "getrandom",
                                       "faccessat2",
                                       "landlock_restrict_self"};
  static const uint32_t options_needed[] = {PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_SET_DUMPABLE,
                                            PR_SET_PTRACER, PR_SET_NO_NEW_PRIVS};
  struct sbx_seccomp_options options = {.exec_fd = -1};
  struct filters filters;
  char name[128];
  int good = build_all(arch, options, &filters) == 0;
  for (size_t i = 0; good && i < COUNT(needed); i++)
    good = answer(&filters.common, arch, number_of(needed[i], arch)) == ALLOW;
  for (size_t i = 0; good && i < COUNT(options_needed); i++) {
    struct seccomp_data data = {
        .nr = number_of("prctl", arch), .arch = arch, .args = {options_needed[i], 1}};
    good = vm_run(filters.common.code, filters.common.n, &data, NULL) == ALLOW;
  }
  snprintf(name, sizeof name, "%s: what guests inherit lets them be confined", arch_name);
  ok(good, name);
  snprintf(name, sizeof name, "%s: and names no process", arch_name);
  ok(filters.common.n_self == 0 && filters.rest.n_self == filters.whole.n_self, name);
  snprintf(name, sizeof name, "%s: what is loaded for each is small (%u of %u)", arch_name,
           filters.rest.n, filters.whole.n);
  ok(filters.rest.n < filters.whole.n / 2, name);
  free_all(&filters);
}

static void test_errors(void) {
  struct sbx_seccomp_options options = {.exec_fd = -2};
  struct sbx_seccomp filter;
  struct sbx_err err = {0};
  ok(sbx_seccomp_build_for(X86_64, &options, &filter, &err) == -EINVAL && !filter.code &&
         err.stage == SBX_STAGE_SECCOMP,
     "AT_FDCWD and its like are no descriptor to execute");
  options.exec_fd = -1;
  ok(sbx_seccomp_build_for(AUDIT_ARCH_I386, &options, &filter, &err) == -EINVAL && !filter.code,
     "an architecture without a table has no filter");
}

int main(void) {
  test_table();
  test_verdicts("x86_64", X86_64);
  test_verdicts("aarch64", AARCH64);
  test_foreign("x86_64", X86_64);
  test_foreign("aarch64", AARCH64);
  test_promises("x86_64", X86_64);
  test_promises("aarch64", AARCH64);
  test_parts("x86_64", X86_64);
  test_parts("aarch64", AARCH64);
  test_errors();
  return tap_done();
}
