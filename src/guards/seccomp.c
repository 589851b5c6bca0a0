/* SPDX-License-Identifier: MIT */
/* seccomp-bpf: builds, tries and loads the filter. */
#include "seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rules.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "the system calls of this architecture are not in syscalls.def"
#endif

#define X32_BIT 0x40000000u
#define MAX_NUMBER 511 /* above the last number in syscalls.def */

/* Calls from one number on that go the same way. */
struct range {
  uint32_t from;
  int label;
};

/* Half of a search that is still to be emitted. */
struct part {
  size_t from, n;
  int label;
};

static size_t find_ranges(const struct sbx_rules *rules, unsigned arch, struct range *ranges) {
  int labels[MAX_NUMBER + 1];
  size_t n = 0;
  for (size_t nr = 0; nr <= MAX_NUMBER; nr++)
    labels[nr] = rules->rule[SBX_RULE_ABSENT];
  for (size_t i = 0; i < sbx_n_syscalls; i++) {
    int nr = sbx_syscall_number(&sbx_syscalls[i], arch);
    if (nr >= 0 && nr < MAX_NUMBER)
      labels[nr] = rules->rule[sbx_syscalls[i].rule];
  }
  for (uint32_t nr = 0; nr <= MAX_NUMBER; nr++)
    if (nr == 0 || labels[nr] != labels[nr - 1])
      ranges[n++] = (struct range){nr, labels[nr]};
  return n;
}

/* Finds the range of the call's number by halving: some eight comparisons. A kernel from 5.11 on
 * does not even make these for calls that are allowed whatever their arguments are. */
static void emit_search(struct sbx_bpf *bpf, const struct range *ranges, size_t n) {
  struct part todo[32] = {{0, n, SBX_BPF_NEXT}};
  for (size_t depth = 1; depth > 0;) {
    struct part part = todo[--depth];
    if (part.label != SBX_BPF_NEXT)
      sbx_bpf_bind(bpf, part.label);
    while (part.n > 1) {
      size_t half = part.n / 2, middle = part.from + part.n - half;
      int right = half == 1 ? ranges[middle].label : sbx_bpf_label(bpf);
      int left = part.n - half == 1 ? ranges[part.from].label : SBX_BPF_NEXT;
      sbx_bpf_if(bpf, BPF_JGE, ranges[middle].from, right, left);
      if (half > 1)
        todo[depth++] = (struct part){middle, half, right};
      part.n -= half;
      if (left != SBX_BPF_NEXT)
        part.n = 0;
    }
    if (part.n == 1)
      sbx_bpf_goto(bpf, ranges[part.from].label);
  }
}

static void emit_filter(struct sbx_bpf *bpf, unsigned arch,
                        const struct sbx_seccomp_options *options) {
  struct range ranges[MAX_NUMBER + 1];
  struct sbx_rules rules;
  sbx_rules_init(&rules, bpf, options);
  size_t n = find_ranges(&rules, arch, ranges);
  int kill = rules.verdict[SBX_VERDICT_KILL];
  sbx_bpf_load_arch(bpf);
  sbx_bpf_if(bpf, BPF_JEQ, arch, SBX_BPF_NEXT, kill);
  sbx_bpf_load_nr(bpf);
  if (arch == AUDIT_ARCH_X86_64)
    sbx_bpf_if(bpf, BPF_JSET, X32_BIT, kill, SBX_BPF_NEXT);
  emit_search(bpf, ranges, n);
  sbx_rules_emit(&rules);
}

int sbx_seccomp_build_for(unsigned arch, const struct sbx_seccomp_options *options,
                          struct sbx_seccomp *out, struct sbx_err *err) {
  struct sbx_bpf_program program;
  struct sbx_bpf bpf;
  memset(out, 0, sizeof *out);
  if (options->exec_fd < -1 || (arch != AUDIT_ARCH_X86_64 && arch != AUDIT_ARCH_AARCH64))
    return sbx_err_set(err, SBX_STAGE_SECCOMP, EINVAL, "no filter for architecture %#x, exec_fd %d",
                       arch, options->exec_fd);
  sbx_bpf_init(&bpf);
  emit_filter(&bpf, arch, options);
  int rc = sbx_bpf_finish(&bpf, &program);
  sbx_bpf_free(&bpf);
  if (rc < 0)
    return sbx_err_set(err, SBX_STAGE_SECCOMP, -rc, "building the filter: %s", strerror(-rc));
  *out = (struct sbx_seccomp){program.code, program.marks, program.n, program.n_marks};
  return 0;
}

int sbx_seccomp_build(const struct sbx_seccomp_options *options, struct sbx_seccomp *out,
                      struct sbx_err *err) {
  return sbx_seccomp_build_for(NATIVE_ARCH, options, out, err);
}

static int load(const struct sock_filter *code, unsigned short n) {
  struct sock_fprog program = {n, (struct sock_filter *)code};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

int sbx_seccomp_apply(struct sbx_seccomp *filter, int self, struct sbx_err *err) {
  /* 0 and what is below would let through calls that name groups of processes. */
  if (self <= 0)
    return sbx_err_set(err, SBX_STAGE_SECCOMP, EINVAL, "no process has the number %d", self);
  for (unsigned short i = 0; i < filter->n_self; i++)
    filter->code[filter->self[i]].k = (uint32_t)self;
  int rc = load(filter->code, filter->n);
  return rc < 0 ? sbx_err_set(err, SBX_STAGE_SECCOMP, -rc, "loading the filter: %s", strerror(-rc))
                : 0;
}

void sbx_seccomp_free(struct sbx_seccomp *filter) {
  free(filter->code);
  free(filter->self);
  memset(filter, 0, sizeof *filter);
}

/* What the probe's child found. */
struct finding {
  enum { FOUND_NOTHING, FOUND_NO_PRIVS, FOUND_NO_LOAD, FOUND_INERT, FOUND_WORKS } what;
  int errnum;
};

/* getsid(0) never fails by itself. */
static struct finding try_filter(void) {
  static const struct sock_filter refuse_getsid[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, NATIVE_ARCH},
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_getsid},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EDOM},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return (struct finding){FOUND_NO_PRIVS, errno};
  int rc = load(refuse_getsid, sizeof refuse_getsid / sizeof *refuse_getsid);
  if (rc < 0)
    return (struct finding){FOUND_NO_LOAD, -rc};
  if (syscall(SYS_getsid, 0) != -1 || errno != EDOM || syscall(SYS_getppid) < 0)
    return (struct finding){FOUND_INERT, 0};
  return (struct finding){FOUND_WORKS, 0};
}

/* Through a pipe and not the exit status, which is lost where the host ignores SIGCHLD. */
static struct finding try_in_child(void) {
  struct finding found = {FOUND_NOTHING, 0};
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    return (struct finding){FOUND_NOTHING, errno};
  pid_t pid = fork();
  if (pid == 0) {
    found = try_filter();
    _exit(write(ends[1], &found, sizeof found) == sizeof found ? 0 : 1);
  }
  if (pid < 0)
    found.errnum = errno;
  close(ends[1]);
  ssize_t n = -1;
  if (pid > 0) {
    do
      n = read(ends[0], &found, sizeof found);
    while (n < 0 && errno == EINTR);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
      ;
    if (n != sizeof found)
      found = (struct finding){FOUND_NOTHING, 0};
  }
  close(ends[0]);
  return found;
}

void sbx_seccomp_probe(struct sbx_report *report) {
  struct finding found = try_in_child();
  const char *why = found.errnum ? strerror(found.errnum) : "its child died";
  switch (found.what) {
  case FOUND_WORKS:
    sbx_report_set(report, SBX_STATUS_ENFORCED, "", "filters load and refuse");
    break;
  case FOUND_INERT:
    sbx_report_set(report, SBX_STATUS_UNAVAILABLE, "a kernel that enforces seccomp filters",
                   "a filter loads and refuses nothing");
    break;
  case FOUND_NO_LOAD:
    sbx_report_set(report, SBX_STATUS_UNAVAILABLE,
                   "a kernel with CONFIG_SECCOMP_FILTER; in a container, a profile that allows "
                   "seccomp(2)",
                   "seccomp(SECCOMP_SET_MODE_FILTER): %s", why);
    break;
  case FOUND_NO_PRIVS:
    sbx_report_set(report, SBX_STATUS_UNAVAILABLE, "a kernel from 3.5 on",
                   "PR_SET_NO_NEW_PRIVS: %s", why);
    break;
  case FOUND_NOTHING:
  default:
    sbx_report_set(report, sbx_report_failure(found.errnum), "", "seccomp could not be tried: %s",
                   why);
  }
}
