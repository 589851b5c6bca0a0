/* SPDX-License-Identifier: MIT */
/* The rules of the system call filter, as BPF. Pure; may allocate.
 *
 * Where the kernel reads an argument as an int, only its low half is compared: what is in the high
 * one does not matter to the kernel, so it must not matter here. */
#include "rules.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/ioprio.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../core/policy.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* No pid: compared with until sbx_seccomp_apply() knows the guest's. */
#define NOBODY 0x7fffffffu

/* Asked for by libc at start, on the CPUs that have what it is about. */
#ifndef PR_GET_TAGGED_ADDR_CTRL
#define PR_SET_TAGGED_ADDR_CTRL 55
#define PR_GET_TAGGED_ADDR_CTRL 56
#endif
#ifndef PR_GET_MDWE
#define PR_GET_MDWE 66
#endif
#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif
#ifndef PR_GET_SHADOW_STACK_STATUS
#define PR_GET_SHADOW_STACK_STATUS 74
#define PR_SET_SHADOW_STACK_STATUS 75
#define PR_LOCK_SHADOW_STACK_STATUS 76
#endif
#ifndef PR_FUTEX_HASH
#define PR_FUTEX_HASH 78
#endif
#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY 1027
#endif
#ifndef F_CREATED_QUERY
#define F_CREATED_QUERY 1028
#endif
#ifndef MADV_COLD
#define MADV_COLD 20
#define MADV_PAGEOUT 21
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

/* Of x86_64 alone (<asm/prctl.h>), but its filter is built on other machines as well. */
enum {
  SET_GS = 0x1001,
  SET_FS = 0x1002,
  GET_FS = 0x1003,
  GET_GS = 0x1004,
  GET_CPUID = 0x1011,
  GET_XCOMP_SUPP = 0x1021, /* the registers of AMX */
  GET_XCOMP_PERM = 0x1022,
  REQ_XCOMP_PERM = 0x1023,
  SHSTK_ENABLE = 0x5001, /* shadow stacks */
  SHSTK_DISABLE = 0x5002,
  SHSTK_LOCK = 0x5003,
  SHSTK_STATUS = 0x5005,
};

/* A namespace would give the guest capabilities in it. A child with CLONE_PARENT is not below the
 * guest, but beside it. CLONE_NEWTIME is no flag of clone(2). */
#define CLONE_REFUSED                                                                              \
  ((uint32_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |        \
              CLONE_NEWPID | CLONE_NEWNET | CLONE_PARENT))
#define CLONE_A_THREAD ((uint32_t)(CLONE_THREAD | CLONE_VM))

void sbx_rules_when(struct sbx_rules *rules, uint32_t value, enum sbx_verdict verdict) {
  sbx_bpf_if(rules->bpf, BPF_JEQ, value, rules->verdict[verdict], SBX_BPF_NEXT);
}

void sbx_rules_goto(struct sbx_rules *rules, enum sbx_verdict verdict) {
  sbx_bpf_goto(rules->bpf, rules->verdict[verdict]);
}

static void when_any(struct sbx_rules *rules, const uint32_t *values, size_t n,
                     enum sbx_verdict verdict) {
  for (size_t i = 0; i < n; i++)
    sbx_rules_when(rules, values[i], verdict);
}

/* Follows `verdict` when the accumulator is the guest's own pid. */
static void when_self(struct sbx_rules *rules, enum sbx_verdict verdict) {
  sbx_rules_when(rules, NOBODY, verdict);
  sbx_bpf_mark(rules->bpf);
}

static bool may_spawn(const struct sbx_seccomp_options *options) {
  return options->permit & SBX_PERMIT_SPAWN;
}

static bool may_signal(const struct sbx_seccomp_options *options) {
  return options->own_pids || (may_spawn(options) && options->signals_scoped);
}

static int allow_if(bool condition) {
  return condition ? SBX_VERDICT_ALLOW : SBX_VERDICT_EPERM;
}

/* Whether it refuses what a zygote has to call, or knows the guest by its pid. */
static bool is_own(const struct sbx_seccomp_options *options, enum sbx_rule rule) {
  switch ((int)rule) {
  case SBX_RULE_SENDMSG: /* Refused altogether, the zygote's reports with it. */
    return !sbx_rules_net_sends(options);
  case SBX_RULE_CONFINE:
  case SBX_RULE_SPAWN:
  case SBX_RULE_PIDFD:
  case SBX_RULE_CLONE3:
  case SBX_RULE_CLONE:
  case SBX_RULE_SECCOMP:
  case SBX_RULE_SIGNAL:
  case SBX_RULE_PRLIMIT:
  case SBX_RULE_SCHED:
  case SBX_RULE_PRIORITY:
  case SBX_RULE_IOPRIO:
    return true;
  default:
    return false;
  }
}

/* The rule of prctl(2) is long, and its own part short: it has something in both. */
static bool is_elsewhere(const struct sbx_seccomp_options *options, enum sbx_rule rule) {
  return options->part != SBX_SECCOMP_WHOLE && rule != SBX_RULE_PRCTL &&
         is_own(options, rule) != (options->part == SBX_SECCOMP_REST);
}

/* The verdict of a rule that needs no look at arguments under these options, else -1. The kernel
 * notices which calls are always allowed, and does not run the filter for them. */
static int fixed_verdict(const struct sbx_seccomp_options *options, enum sbx_rule rule) {
  if (is_elsewhere(options, rule))
    return SBX_VERDICT_ALLOW;
  switch (rule) {
  case SBX_RULE_ABSENT:
  case SBX_RULE_CLONE3:
    return SBX_VERDICT_ENOSYS;
  case SBX_RULE_ALLOW:
    return SBX_VERDICT_ALLOW;
  case SBX_RULE_REFUSE:
  case SBX_RULE_CONFINE:
    return SBX_VERDICT_EPERM;
  case SBX_RULE_SPAWN:
    return allow_if(may_spawn(options));
  case SBX_RULE_METADATA:
    return allow_if(options->read_only_mounts);
  case SBX_RULE_FCHMOD:
    return !options->read_only_mounts && (options->permit & SBX_PERMIT_WRITE)
               ? SBX_VERDICT_IGNORE
               : allow_if(options->read_only_mounts);
  case SBX_RULE_PIDFD:
    return allow_if(options->own_pids || may_spawn(options));
  case SBX_RULE_PIDFD_SIGNAL:
    return allow_if(may_signal(options));
  case SBX_RULE_SIGNAL:
    return may_signal(options) ? SBX_VERDICT_ALLOW : -1;
  case SBX_RULE_SCHED:
    return options->own_pids ? SBX_VERDICT_ALLOW : -1;
  case SBX_RULE_SECCOMP:
    return options->confines ? -1 : SBX_VERDICT_EPERM;
  case SBX_RULE_EXECVEAT:
    return may_spawn(options) || options->exec_fd < 0 ? allow_if(may_spawn(options)) : -1;
  default:
    return sbx_rules_net_verdict(options, rule);
  }
}

static void emit_clone(struct sbx_rules *rules) {
  sbx_bpf_load_arg(rules->bpf, 0, SBX_BPF_LOW);
  sbx_bpf_if(rules->bpf, BPF_JSET, CLONE_REFUSED, rules->verdict[SBX_VERDICT_EPERM], SBX_BPF_NEXT);
  if (!may_spawn(rules->options)) {
    sbx_bpf_stmt(rules->bpf, BPF_ALU | BPF_AND | BPF_K, CLONE_A_THREAD);
    sbx_rules_when(rules, CLONE_A_THREAD, SBX_VERDICT_ALLOW);
    sbx_rules_goto(rules, SBX_VERDICT_EPERM);
  } else {
    sbx_rules_goto(rules, SBX_VERDICT_ALLOW);
  }
}

static void emit_execveat(struct sbx_rules *rules) {
  sbx_bpf_load_arg(rules->bpf, 0, SBX_BPF_LOW);
  sbx_rules_when(rules, (uint32_t)rules->options->exec_fd, SBX_VERDICT_ALLOW);
  sbx_rules_goto(rules, SBX_VERDICT_EPERM);
}

/* 0 and -1 are groups. A thread other than the first has a number of its own: raise() of libc
 * uses tgkill, which names the process as well. */
static void emit_signal(struct sbx_rules *rules) {
  sbx_bpf_load_arg(rules->bpf, 0, SBX_BPF_LOW);
  when_self(rules, SBX_VERDICT_ALLOW);
  sbx_rules_goto(rules, SBX_VERDICT_EPERM);
}

static void emit_self_or_0(struct sbx_rules *rules, unsigned arg) {
  sbx_bpf_load_arg(rules->bpf, arg, SBX_BPF_LOW);
  sbx_rules_when(rules, 0, SBX_VERDICT_ALLOW);
  when_self(rules, SBX_VERDICT_ALLOW);
  sbx_rules_goto(rules, SBX_VERDICT_EPERM);
}

/* Neither a process group nor all of a user's processes. */
static void emit_priority(struct sbx_rules *rules, uint32_t process) {
  sbx_bpf_load_arg(rules->bpf, 0, SBX_BPF_LOW);
  sbx_bpf_if(rules->bpf, BPF_JEQ, process, SBX_BPF_NEXT, rules->verdict[SBX_VERDICT_EPERM]);
  if (rules->options->own_pids)
    sbx_rules_goto(rules, SBX_VERDICT_ALLOW);
  else
    emit_self_or_0(rules, 1);
}

static void emit_ioctl(struct sbx_rules *rules) {
  static const uint32_t allowed[] = {FIONREAD,   FIONBIO,   FIOCLEX, FIONCLEX,    TCGETS,
                                     TIOCGWINSZ, TIOCGPGRP, FICLONE, FICLONERANGE};
  static const uint32_t refused[] = {TIOCSTI, TIOCLINUX, TIOCSETD, TIOCSCTTY, TIOCCONS};
  sbx_bpf_load_arg(rules->bpf, 1, SBX_BPF_LOW);
  when_any(rules, allowed, COUNT(allowed), SBX_VERDICT_ALLOW);
  when_any(rules, refused, COUNT(refused), SBX_VERDICT_EPERM);
  sbx_rules_goto(rules, SBX_VERDICT_ENOTTY);
}

/* Locks also bind other processes that use the file, and tell them something. The refused ones have
 * the kernel send signals to whom the guest names, or make pipes larger, whose pages the kernel
 * counts for all processes of a user together. */
static void emit_fcntl(struct sbx_rules *rules) {
  static const uint32_t allowed[] = {F_GETFD,
                                     F_SETFD,
                                     F_GETFL,
                                     F_SETFL,
                                     F_DUPFD,
                                     F_DUPFD_CLOEXEC,
                                     F_GETPIPE_SZ,
                                     F_ADD_SEALS,
                                     F_GET_SEALS,
                                     F_GETOWN,
                                     F_GETOWN_EX,
                                     F_GETSIG,
                                     F_GETLEASE,
                                     F_GET_RW_HINT,
                                     F_SET_RW_HINT,
                                     F_GET_FILE_RW_HINT,
                                     F_SET_FILE_RW_HINT,
                                     F_DUPFD_QUERY,
                                     F_CREATED_QUERY};
  static const uint32_t locks[] = {F_GETLK,     F_SETLK,     F_SETLKW,
                                   F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW};
  static const uint32_t refused[] = {F_SETLEASE, F_NOTIFY,    F_SETSIG,
                                     F_SETOWN,   F_SETOWN_EX, F_SETPIPE_SZ};
  sbx_bpf_load_arg(rules->bpf, 1, SBX_BPF_LOW);
  when_any(rules, allowed, COUNT(allowed), SBX_VERDICT_ALLOW);
  when_any(rules, locks, COUNT(locks),
           rules->options->permit & SBX_PERMIT_WRITE ? SBX_VERDICT_ALLOW : SBX_VERDICT_EPERM);
  when_any(rules, refused, COUNT(refused), SBX_VERDICT_EPERM);
  sbx_rules_goto(rules, SBX_VERDICT_EINVAL);
}

/* A guest may not become dumpable again, nor outlive the init that its parent-death signal is for.
 */
static void emit_prctl(struct sbx_rules *rules) {
  static const uint32_t allowed[] = {PR_SET_NAME,         PR_GET_NAME,        PR_SET_VMA,
                                     PR_GET_DUMPABLE,     PR_CAPBSET_READ,    PR_GET_NO_NEW_PRIVS,
                                     PR_SET_NO_NEW_PRIVS, PR_GET_SECCOMP,     PR_GET_PDEATHSIG,
                                     PR_SET_THP_DISABLE,  PR_GET_THP_DISABLE, PR_SET_TIMERSLACK,
                                     PR_GET_TIMERSLACK};
  static const uint32_t probed[] = {PR_SET_TAGGED_ADDR_CTRL,
                                    PR_GET_TAGGED_ADDR_CTRL,
                                    PR_SVE_GET_VL,
                                    PR_GET_MDWE,
                                    PR_GET_AUXV,
                                    PR_GET_SHADOW_STACK_STATUS,
                                    PR_SET_SHADOW_STACK_STATUS,
                                    PR_LOCK_SHADOW_STACK_STATUS,
                                    PR_FUTEX_HASH};
  /* Refused, but that the guards call it for a forked guest, dumpable or not. */
  static const uint32_t confining[] = {PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_CAPBSET_DROP,
                                       PR_SET_PTRACER};
  struct sbx_bpf *bpf = rules->bpf;
  enum sbx_seccomp_part part = rules->options->part;
  enum sbx_verdict other = part == SBX_SECCOMP_REST ? SBX_VERDICT_ALLOW : SBX_VERDICT_EPERM;
  int dumpable = sbx_bpf_label(bpf), death = sbx_bpf_label(bpf);
  sbx_bpf_load_arg(bpf, 0, SBX_BPF_LOW);
  if (part != SBX_SECCOMP_REST) {
    when_any(rules, allowed, COUNT(allowed), SBX_VERDICT_ALLOW);
    when_any(rules, probed, COUNT(probed), SBX_VERDICT_EINVAL);
  }
  if (part == SBX_SECCOMP_COMMON) {
    when_any(rules, confining, COUNT(confining), SBX_VERDICT_ALLOW);
    sbx_rules_when(rules, PR_SET_DUMPABLE, SBX_VERDICT_ALLOW);
  } else if (part == SBX_SECCOMP_REST) {
    when_any(rules, confining, COUNT(confining), SBX_VERDICT_EPERM);
  }
  sbx_bpf_if(bpf, BPF_JEQ, PR_SET_DUMPABLE, dumpable, SBX_BPF_NEXT);
  sbx_bpf_if(bpf, BPF_JEQ, PR_SET_PDEATHSIG, death, rules->verdict[other]);
  sbx_bpf_bind(bpf, dumpable);
  sbx_bpf_if_arg(bpf, 1, 0, rules->verdict[SBX_VERDICT_ALLOW], rules->verdict[SBX_VERDICT_EPERM]);
  sbx_bpf_bind(bpf, death);
  sbx_bpf_if_arg(bpf, 1, SIGKILL, rules->verdict[SBX_VERDICT_ALLOW],
                 rules->verdict[SBX_VERDICT_EPERM]);
}

static void emit_arch_prctl(struct sbx_rules *rules) {
  static const uint32_t allowed[] = {SET_GS,       SET_FS,         GET_FS,         GET_GS,
                                     GET_CPUID,    GET_XCOMP_SUPP, GET_XCOMP_PERM, REQ_XCOMP_PERM,
                                     SHSTK_ENABLE, SHSTK_DISABLE,  SHSTK_LOCK,     SHSTK_STATUS};
  sbx_bpf_load_arg(rules->bpf, 0, SBX_BPF_LOW);
  when_any(rules, allowed, COUNT(allowed), SBX_VERDICT_ALLOW);
  sbx_rules_goto(rules, SBX_VERDICT_EINVAL);
}

/* The default, and the question which one it is: others turn off what makes exploits hard. */
static void emit_personality(struct sbx_rules *rules) {
  sbx_bpf_load_arg(rules->bpf, 0, SBX_BPF_LOW);
  sbx_rules_when(rules, 0, SBX_VERDICT_ALLOW);
  sbx_rules_when(rules, 0xffffffff, SBX_VERDICT_ALLOW);
  sbx_rules_goto(rules, SBX_VERDICT_EPERM);
}

/* Its own process's pages are a guest's to give back, but the page cache is everybody's: to have a
 * file's pages dropped makes others read them again. Programs ignore what comes back. */
static void emit_fadvise(struct sbx_rules *rules) {
  sbx_bpf_load_arg(rules->bpf, 3, SBX_BPF_LOW);
  sbx_rules_when(rules, POSIX_FADV_DONTNEED, SBX_VERDICT_IGNORE);
  sbx_rules_goto(rules, SBX_VERDICT_ALLOW);
}

/* The same of mapped files; and pages that are merged with those of others that look alike, which
 * tells who has such a page. As a kernel that does not know them. */
static void emit_madvise(struct sbx_rules *rules) {
  sbx_bpf_load_arg(rules->bpf, 2, SBX_BPF_LOW);
  sbx_rules_when(rules, MADV_COLD, SBX_VERDICT_EINVAL);
  sbx_rules_when(rules, MADV_PAGEOUT, SBX_VERDICT_EINVAL);
  sbx_rules_when(rules, MADV_MERGEABLE, SBX_VERDICT_EINVAL);
  sbx_rules_goto(rules, SBX_VERDICT_ALLOW);
}

/* Regular files (also as no type at all) and pipes, where Landlock lets them be made. */
static void emit_mknod(struct sbx_rules *rules, unsigned mode) {
  sbx_bpf_load_arg(rules->bpf, mode, SBX_BPF_LOW);
  sbx_bpf_stmt(rules->bpf, BPF_ALU | BPF_AND | BPF_K, S_IFMT);
  sbx_rules_when(rules, 0, SBX_VERDICT_ALLOW);
  sbx_rules_when(rules, S_IFREG, SBX_VERDICT_ALLOW);
  sbx_rules_when(rules, S_IFIFO, SBX_VERDICT_ALLOW);
  sbx_rules_goto(rules, SBX_VERDICT_EPERM);
}

/* A filter without flags: above all no listener, whose owner answers calls, but for those of guests
 * whose connections go by rules. What another filter refuses no answer of an owner lets through. */
static void emit_seccomp(struct sbx_rules *rules) {
  struct sbx_bpf *bpf = rules->bpf;
  int flags = sbx_bpf_label(bpf), refused = rules->verdict[SBX_VERDICT_EPERM];
  sbx_bpf_load_arg(bpf, 0, SBX_BPF_LOW);
  sbx_bpf_if(bpf, BPF_JEQ, SECCOMP_SET_MODE_FILTER, flags, refused);
  sbx_bpf_bind(bpf, flags);
  if (rules->options->permit & SBX_PERMIT_NET_RULES)
    sbx_bpf_if_arg(bpf, 1, SECCOMP_FILTER_FLAG_NEW_LISTENER, rules->verdict[SBX_VERDICT_ALLOW],
                   SBX_BPF_NEXT);
  sbx_bpf_if_arg(bpf, 1, 0, rules->verdict[SBX_VERDICT_ALLOW], refused);
}

static void emit_rule(struct sbx_rules *rules, enum sbx_rule rule) {
  switch ((int)rule) {
  case SBX_RULE_CLONE:
    emit_clone(rules);
    break;
  case SBX_RULE_EXECVEAT:
    emit_execveat(rules);
    break;
  case SBX_RULE_SIGNAL:
    emit_signal(rules);
    break;
  case SBX_RULE_PRLIMIT:
  case SBX_RULE_SCHED:
    emit_self_or_0(rules, 0);
    break;
  case SBX_RULE_PRIORITY:
    emit_priority(rules, PRIO_PROCESS);
    break;
  case SBX_RULE_IOPRIO:
    emit_priority(rules, IOPRIO_WHO_PROCESS);
    break;
  case SBX_RULE_IOCTL:
    emit_ioctl(rules);
    break;
  case SBX_RULE_FCNTL:
    emit_fcntl(rules);
    break;
  case SBX_RULE_PRCTL:
    emit_prctl(rules);
    break;
  case SBX_RULE_ARCH_PRCTL:
    emit_arch_prctl(rules);
    break;
  case SBX_RULE_PERSONALITY:
    emit_personality(rules);
    break;
  case SBX_RULE_MKNOD:
    emit_mknod(rules, 1);
    break;
  case SBX_RULE_MKNODAT:
    emit_mknod(rules, 2);
    break;
  case SBX_RULE_FADVISE:
    emit_fadvise(rules);
    break;
  case SBX_RULE_MADVISE:
    emit_madvise(rules);
    break;
  case SBX_RULE_SECCOMP:
    emit_seccomp(rules);
    break;
  default:
    sbx_rules_net_emit(rules, rule);
  }
}

void sbx_rules_init(struct sbx_rules *rules, struct sbx_bpf *bpf,
                    const struct sbx_seccomp_options *options) {
  rules->bpf = bpf;
  rules->options = options;
  for (int i = 0; i < SBX_VERDICT_COUNT; i++)
    rules->verdict[i] = sbx_bpf_label(bpf);
  for (int i = 0; i < SBX_RULE_COUNT; i++) {
    int fixed = fixed_verdict(options, (enum sbx_rule)i);
    rules->rule[i] = fixed < 0 ? sbx_bpf_label(bpf) : rules->verdict[fixed];
  }
}

void sbx_rules_emit(struct sbx_rules *rules) {
  static const uint32_t answers[SBX_VERDICT_COUNT] = {
      [SBX_VERDICT_ALLOW] = SECCOMP_RET_ALLOW,
      [SBX_VERDICT_EPERM] = SECCOMP_RET_ERRNO | EPERM,
      [SBX_VERDICT_EACCES] = SECCOMP_RET_ERRNO | EACCES,
      [SBX_VERDICT_ENOSYS] = SECCOMP_RET_ERRNO | ENOSYS,
      [SBX_VERDICT_ENOTTY] = SECCOMP_RET_ERRNO | ENOTTY,
      [SBX_VERDICT_IGNORE] = SECCOMP_RET_ERRNO | 0,
      [SBX_VERDICT_EINVAL] = SECCOMP_RET_ERRNO | EINVAL,
      [SBX_VERDICT_KILL] = SECCOMP_RET_KILL_PROCESS,
  };
  for (int i = 0; i < SBX_RULE_COUNT; i++)
    if (fixed_verdict(rules->options, (enum sbx_rule)i) < 0) {
      sbx_bpf_bind(rules->bpf, rules->rule[i]);
      emit_rule(rules, (enum sbx_rule)i);
    }
  for (int i = 0; i < SBX_VERDICT_COUNT; i++) {
    sbx_bpf_bind(rules->bpf, rules->verdict[i]);
    sbx_bpf_return(rules->bpf, answers[i]);
  }
}
