/* SPDX-License-Identifier: MIT */
/* Which rule each system call follows: the table of the seccomp filter. Pure. */
#ifndef SBX_SYSCALLS_H
#define SBX_SYSCALLS_H

#include <stddef.h>

/* The rules of rules.c. What they open depends on the options of seccomp.h. */
enum sbx_rule {
  SBX_RULE_ABSENT = 0, /* ENOSYS, also for every call that is not in the table */
  SBX_RULE_ALLOW,
  SBX_RULE_REFUSE,       /* EPERM */
  SBX_RULE_CONFINE,      /* the same: what the guards do for a forked guest before, see seccomp.h */
  SBX_RULE_SPAWN,        /* SBX_PERMIT_SPAWN */
  SBX_RULE_METADATA,     /* read-only mounts */
  SBX_RULE_FCHMOD,       /* the same, else ignored with SBX_PERMIT_WRITE */
  SBX_RULE_PIDFD,        /* processes that may be named */
  SBX_RULE_PIDFD_SIGNAL, /* processes that may be signalled */
  SBX_RULE_CLONE3,       /* ENOSYS; a zygote has it, to put its guests into cgroups */
  SBX_RULE_CONNECT,
  SBX_RULE_BIND,
  SBX_RULE_LISTEN,
  /* These look at arguments. */
  SBX_RULE_CLONE,    /* threads; never a namespace */
  SBX_RULE_EXECVEAT, /* the runtime, once */
  SBX_RULE_SIGNAL,   /* argument 0 is a process or thread */
  SBX_RULE_PRLIMIT,
  SBX_RULE_SCHED,
  SBX_RULE_PRIORITY,
  SBX_RULE_IOPRIO,
  SBX_RULE_SOCKET,
  SBX_RULE_SOCKETPAIR,
  SBX_RULE_SENDTO,
  SBX_RULE_SENDMSG,
  SBX_RULE_SENDMMSG,
  SBX_RULE_SETSOCKOPT,
  SBX_RULE_IOCTL,
  SBX_RULE_FCNTL,
  SBX_RULE_PRCTL,
  SBX_RULE_ARCH_PRCTL,
  SBX_RULE_PERSONALITY,
  SBX_RULE_MKNOD,
  SBX_RULE_MKNODAT,
  SBX_RULE_FADVISE,
  SBX_RULE_MADVISE,
  SBX_RULE_SECCOMP, /* further filters, of who confines */
  SBX_RULE_COUNT
};

struct sbx_syscall {
  const char *name;
  int x86_64, aarch64; /* -1: the architecture does not have it */
  enum sbx_rule rule;
};

extern const struct sbx_syscall sbx_syscalls[];
extern const size_t sbx_n_syscalls;

/* `arch`: AUDIT_ARCH_X86_64 or AUDIT_ARCH_AARCH64. -1 when it does not have the call. */
int sbx_syscall_number(const struct sbx_syscall *call, unsigned arch);

/* NULL when the number is not in the table. */
const char *sbx_syscall_name(int number, unsigned arch);

#endif
