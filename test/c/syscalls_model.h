/* SPDX-License-Identifier: MIT */
/* A model of the system call filter in plain C, for test_syscalls.c: what the rules of
 * src/guards/rules.c are meant to answer, with the numbers of the kernel's interface written out
 * where the filter uses their names. */
#ifndef SBX_TEST_SYSCALLS_MODEL_H
#define SBX_TEST_SYSCALLS_MODEL_H

#include <asm/ioctls.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../../src/core/policy.h"
#include "../../src/guards/seccomp.h"
#include "../../src/guards/syscalls.h"

#define X86_64 AUDIT_ARCH_X86_64
#define SELF 4321
#define ALLOW SECCOMP_RET_ALLOW
#define ERR(error) (SECCOMP_RET_ERRNO | (error))

static inline int is_one_of(uint32_t value, const uint32_t *list, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (list[i] == value)
      return 1;
  return 0;
}
#define ONE_OF(value, ...)                                                                         \
  is_one_of(value, (const uint32_t[]){__VA_ARGS__},                                                \
            sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static inline uint32_t model_socket(const struct sbx_seccomp_options *o, const uint64_t *a) {
  unsigned permit = o->permit;
  uint32_t family = (uint32_t)a[0], type = (uint32_t)a[1] & ~(uint32_t)02004000,
           protocol = (uint32_t)a[2];
  if (family == AF_UNIX && (permit & SBX_PERMIT_NET_UNIX))
    return ALLOW;
  if (family != AF_INET && family != AF_INET6)
    return ERR(EACCES);
  if (type == SOCK_STREAM &&
      (permit & (SBX_PERMIT_NET | SBX_PERMIT_NET_LISTEN | SBX_PERMIT_NET_RULES)))
    return protocol == 0 || protocol == 6 ? ALLOW : ERR(EACCES);
  if (type == SOCK_DGRAM && (o->boxed_udp || (permit & (SBX_PERMIT_NET | SBX_PERMIT_NET_UDP))))
    return protocol == 0 || protocol == 17 ? ALLOW : ERR(EACCES);
  return ERR(EACCES);
}

static inline uint32_t model_connect(const struct sbx_seccomp_options *o) {
  if (o->permit & (SBX_PERMIT_NET | SBX_PERMIT_NET_RULES))
    return ALLOW;
  if (!(o->permit & (SBX_PERMIT_NET_UDP | SBX_PERMIT_NET_UNIX)))
    return ERR(EACCES);
  return !(o->permit & SBX_PERMIT_NET_LISTEN) || o->connect_governed ? ALLOW : ERR(EACCES);
}

static inline uint32_t model_listen(unsigned permit) {
  if (permit & SBX_PERMIT_NET_LISTEN)
    return ALLOW;
  return (permit & SBX_PERMIT_NET_UNIX) && !(permit & (SBX_PERMIT_NET | SBX_PERMIT_NET_RULES))
             ? ALLOW
             : ERR(EACCES);
}

static inline uint32_t model_send(const struct sbx_seccomp_options *o, uint64_t flags,
                                  uint64_t address) {
  unsigned any = SBX_PERMIT_NET | SBX_PERMIT_NET_UDP | SBX_PERMIT_NET_UNIX;
  bool elsewhere = address && !(o->permit & any) && !o->boxed_udp;
  return (flags & MSG_FASTOPEN) || elsewhere ? ERR(EACCES) : ALLOW;
}

static inline int model_sends(const struct sbx_seccomp_options *o) {
  unsigned any = SBX_PERMIT_NET | SBX_PERMIT_NET_LISTEN | SBX_PERMIT_NET_UDP | SBX_PERMIT_NET_UNIX |
                 SBX_PERMIT_NET_RULES;
  return o->confines || (o->permit & any);
}

static inline uint32_t model_socketpair(unsigned permit, const uint64_t *a) {
  uint32_t type = (uint32_t)a[1] & ~(uint32_t)02004000;
  if ((uint32_t)a[0] != AF_UNIX)
    return ERR(EACCES);
  return type == SOCK_STREAM || type == SOCK_SEQPACKET || (permit & SBX_PERMIT_NET_UNIX)
             ? ALLOW
             : ERR(EACCES);
}

static inline int model_steers(uint32_t level, uint32_t option) {
  return (level == 1 && ONE_OF(option, 25, 62)) || (level == 0 && ONE_OF(option, 4, 50)) ||
         (level == 41 && ONE_OF(option, 6, 50, 57, 76)) || (level == 6 && option == 30);
}

static inline uint32_t model_setsockopt(unsigned permit, const uint64_t *a) {
  if ((permit & SBX_PERMIT_NET_RULES) && model_steers((uint32_t)a[1], (uint32_t)a[2]))
    return ERR(EPERM);
  if ((uint32_t)a[1] == SOL_SOCKET && ONE_OF((uint32_t)a[2], 7, 8, 32, 33))
    return permit & (SBX_PERMIT_NET | SBX_PERMIT_NET_UDP) ? ALLOW : ERR(0);
  if ((uint32_t)a[1] == SOL_SOCKET)
    return ONE_OF((uint32_t)a[2], 26, 50, 51, 52) ? ERR(EPERM) : ALLOW;
  return (uint32_t)a[1] == 6 && (uint32_t)a[2] == 31 ? ERR(EPERM) : ALLOW;
}

static inline uint32_t model_bind(const struct sbx_seccomp_options *o) {
  unsigned permit = o->permit;
  unsigned enough = SBX_PERMIT_NET_LISTEN | SBX_PERMIT_NET_UDP;
  if (!(permit & SBX_PERMIT_NET_RULES))
    enough |= SBX_PERMIT_NET | SBX_PERMIT_NET_UNIX;
  return o->boxed_udp || (permit & enough) ? ALLOW : ERR(EACCES);
}

static inline uint32_t model_net(const struct sbx_seccomp_options *o, enum sbx_rule rule,
                                 const uint64_t *a) {
  switch ((int)rule) {
  case SBX_RULE_SOCKET:
    return model_socket(o, a);
  case SBX_RULE_SOCKETPAIR:
    return model_socketpair(o->permit, a);
  case SBX_RULE_CONNECT:
    return model_connect(o);
  case SBX_RULE_BIND:
    return model_bind(o);
  case SBX_RULE_LISTEN:
    return model_listen(o->permit);
  case SBX_RULE_SENDTO:
    return model_send(o, a[3], a[4]);
  case SBX_RULE_SENDMSG:
    return model_sends(o) ? model_send(o, a[2], 0) : ERR(EACCES);
  case SBX_RULE_SENDMMSG:
    return model_sends(o) ? model_send(o, a[3], 0) : ERR(EACCES);
  default:
    return model_setsockopt(o->permit, a);
  }
}

static inline uint32_t model_ioctl(uint32_t request) {
  if (ONE_OF(request, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TCGETS, TIOCGWINSZ, TIOCGPGRP, FICLONE,
             FICLONERANGE))
    return ALLOW;
  return ONE_OF(request, TIOCSTI, TIOCLINUX, TIOCSETD, TIOCSCTTY, TIOCCONS) ? ERR(EPERM)
                                                                            : ERR(ENOTTY);
}

static inline uint32_t model_fcntl(unsigned permit, uint32_t cmd) {
  if (ONE_OF(cmd, 5, 6, 7, 36, 37, 38))
    return permit & SBX_PERMIT_WRITE ? ALLOW : ERR(EPERM);
  if (ONE_OF(cmd, 8, 10, 15, 1024, 1026, 1031))
    return ERR(EPERM);
  return cmd <= 4 || ONE_OF(cmd, 9, 11, 16, 1025, 1027, 1028, 1030) || (cmd >= 1032 && cmd <= 1038)
             ? ALLOW
             : ERR(EINVAL);
}

static inline uint32_t model_prctl(const uint64_t *a) {
  uint32_t option = (uint32_t)a[0];
  if (option == PR_SET_DUMPABLE)
    return a[1] == 0 ? ALLOW : ERR(EPERM);
  if (option == PR_SET_PDEATHSIG)
    return a[1] == 9 ? ALLOW : ERR(EPERM);
  if (ONE_OF(option, 51, 55, 56, 66, 74, 75, 76, 78, 0x41555856))
    return ERR(EINVAL);
  return ONE_OF(option, 15, 16, 0x53564d41, 3, 23, 38, 39, 21, 2, 41, 42, 29, 30) ? ALLOW
                                                                                  : ERR(EPERM);
}

static inline uint32_t allow_if(int condition) {
  return condition ? ALLOW : ERR(EPERM);
}

static inline uint32_t model_process(const struct sbx_seccomp_options *o, enum sbx_rule rule,
                                     const uint64_t *a) {
  int spawn = !!(o->permit & SBX_PERMIT_SPAWN), free_signals;
  uint32_t first = (uint32_t)a[0], second = (uint32_t)a[1];
  free_signals = o->own_pids || (spawn && o->signals_scoped);
  switch ((int)rule) {
  case SBX_RULE_SPAWN:
    return allow_if(spawn);
  case SBX_RULE_PIDFD:
    return allow_if(spawn || o->own_pids);
  case SBX_RULE_PIDFD_SIGNAL:
    return allow_if(free_signals);
  case SBX_RULE_SIGNAL:
    return allow_if(free_signals || first == SELF);
  case SBX_RULE_CLONE: /* namespaces, CLONE_PARENT; CLONE_THREAD and CLONE_VM */
    return allow_if(!(first & 0x7e028000) && (spawn || (first & 0x10100) == 0x10100));
  case SBX_RULE_EXECVEAT:
    return allow_if(spawn || (o->exec_fd >= 0 && first == (uint32_t)o->exec_fd));
  case SBX_RULE_PRLIMIT:
    return allow_if(first == 0 || first == SELF);
  case SBX_RULE_SCHED:
    return allow_if(o->own_pids || first == 0 || first == SELF);
  case SBX_RULE_PRIORITY:
  case SBX_RULE_IOPRIO:
    return allow_if(first == (rule == SBX_RULE_IOPRIO) &&
                    (o->own_pids || second == 0 || second == SELF));
  default:
    return 0;
  }
}

static inline uint32_t model_rule(const struct sbx_seccomp_options *o, enum sbx_rule rule,
                                  const uint64_t *a) {
  uint32_t mode = (uint32_t)a[rule == SBX_RULE_MKNODAT ? 2 : 1] & S_IFMT;
  switch ((int)rule) {
  case SBX_RULE_ABSENT:
  case SBX_RULE_CLONE3:
    return ERR(ENOSYS);
  case SBX_RULE_ALLOW:
    return ALLOW;
  case SBX_RULE_REFUSE:
  case SBX_RULE_CONFINE:
    return ERR(EPERM);
  case SBX_RULE_SECCOMP:
    return allow_if(o->confines && (uint32_t)a[0] == 1 &&
                    (a[1] == 0 || (a[1] == 8 && (o->permit & SBX_PERMIT_NET_RULES))));
  case SBX_RULE_METADATA:
    return allow_if(o->read_only_mounts);
  case SBX_RULE_FCHMOD:
    return o->read_only_mounts ? ALLOW : o->permit & SBX_PERMIT_WRITE ? ERR(0) : ERR(EPERM);
  case SBX_RULE_IOCTL:
    return model_ioctl((uint32_t)a[1]);
  case SBX_RULE_FCNTL:
    return model_fcntl(o->permit, (uint32_t)a[1]);
  case SBX_RULE_PRCTL:
    return model_prctl(a);
  case SBX_RULE_ARCH_PRCTL:
    return ONE_OF((uint32_t)a[0], 0x1001, 0x1002, 0x1003, 0x1004, 0x1011, 0x1021, 0x1022, 0x1023,
                  0x5001, 0x5002, 0x5003, 0x5005)
               ? ALLOW
               : ERR(EINVAL);
  case SBX_RULE_PERSONALITY:
    return allow_if((uint32_t)a[0] == 0 || (uint32_t)a[0] == 0xffffffff);
  case SBX_RULE_FADVISE:
    return (uint32_t)a[3] == 4 ? ERR(0) : ALLOW;
  case SBX_RULE_MADVISE:
    return ONE_OF((uint32_t)a[2], 12, 20, 21) ? ERR(EINVAL) : ALLOW;
  case SBX_RULE_MKNOD:
  case SBX_RULE_MKNODAT:
    return allow_if(mode == 0 || mode == S_IFREG || mode == S_IFIFO);
  default:
    return rule >= SBX_RULE_SOCKET || (rule >= SBX_RULE_CONNECT && rule <= SBX_RULE_LISTEN)
               ? model_net(o, rule, a)
               : model_process(o, rule, a);
  }
}

static inline enum sbx_rule rule_of(unsigned arch, int number) {
  for (size_t i = 0; i < sbx_n_syscalls; i++)
    if (sbx_syscall_number(&sbx_syscalls[i], arch) == number)
      return sbx_syscalls[i].rule;
  return SBX_RULE_ABSENT;
}

static inline uint32_t model(const struct sbx_seccomp_options *o, const struct seccomp_data *data,
                             unsigned arch) {
  uint64_t a[6];
  if (data->arch != arch || (arch == X86_64 && (data->nr & 0x40000000)))
    return SECCOMP_RET_KILL_PROCESS;
  memcpy(a, data->args, sizeof a);
  return model_rule(o, rule_of(arch, data->nr), a);
}

#endif
