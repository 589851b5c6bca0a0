/* SPDX-License-Identifier: MIT */
/* without VARIANT COMMAND...: runs a command on a kernel that seems to lack something.
 *
 *   no-userns    no new namespaces, as in an unprivileged container: EPERM; clone3 ENOSYS
 *   no-landlock  a kernel without Landlock: ENOSYS
 *   bare         both
 *   no-getfd     pidfd_getfd(2) is refused, as in a container without CAP_SYS_PTRACE: EPERM
 *   no-landlock-getfd  that, and no Landlock
 *   no-mount-setattr  Linux 5.11, which lacks that call: ENOSYS
 *   no-sethostname  podman's profile, which refuses that call alone: EPERM
 *   no-listener  filters that ask a supervisor cannot be loaded, as below another one: EBUSY */
#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#define NEW_NAMESPACES                                                                             \
  (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |    \
   CLONE_NEWNET)
#define LANDLOCK_FIRST 444 /* landlock_create_ruleset, _add_rule, _restrict_self */
#define LANDLOCK_LAST 446
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define ANSWER(e) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (e))
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF_NOT(what, value, skip) BPF_JUMP(BPF_JMP | BPF_##what | BPF_K, value, 0, skip)
#define IF(what, value, skip) BPF_JUMP(BPF_JMP | BPF_##what | BPF_K, value, skip, 0)

static struct sock_filter no_namespaces[] = {
    LOAD(arch),
    IF_NOT(JEQ, ARCH, 8),
    LOAD(nr),
    IF_NOT(JEQ, SYS_clone3, 1),
    ANSWER(ENOSYS),
    IF(JEQ, SYS_clone, 1),
    IF_NOT(JEQ, SYS_unshare, 3),
    LOAD(args[0]), /* all machines here are little-endian: the low half */
    IF_NOT(JSET, NEW_NAMESPACES, 1),
    ANSWER(EPERM),
    ALLOW,
};

/* unshare(CLONE_NEWTIME) has no business in clone(), where the bit is part of the exit signal. */
static struct sock_filter no_time[] = {
    LOAD(arch),    IF_NOT(JEQ, ARCH, 5),           LOAD(nr),      IF_NOT(JEQ, SYS_unshare, 3),
    LOAD(args[0]), IF_NOT(JSET, CLONE_NEWTIME, 1), ANSWER(EPERM), ALLOW,
};

static struct sock_filter no_landlock[] = {
    LOAD(arch),
    IF_NOT(JEQ, ARCH, 4),
    LOAD(nr),
    IF_NOT(JGE, LANDLOCK_FIRST, 2),
    IF(JGT, LANDLOCK_LAST, 1),
    ANSWER(ENOSYS),
    ALLOW,
};

/* One system call, whatever its arguments. */
#define REFUSES(call, errnum)                                                                      \
  { LOAD(arch), IF_NOT(JEQ, ARCH, 3), LOAD(nr), IF_NOT(JEQ, call, 1), ANSWER(errnum), ALLOW }

static struct sock_filter no_getfd[] = REFUSES(SYS_pidfd_getfd, EPERM);
static struct sock_filter no_mount_setattr[] = REFUSES(SYS_mount_setattr, ENOSYS);
static struct sock_filter no_sethostname[] = REFUSES(SYS_sethostname, EPERM);

static struct sock_filter no_listener[] = {
    LOAD(arch),    IF_NOT(JEQ, ARCH, 5),
    LOAD(nr),      IF_NOT(JEQ, SYS_seccomp, 3),
    LOAD(args[1]), IF_NOT(JSET, SECCOMP_FILTER_FLAG_NEW_LISTENER, 1),
    ANSWER(EBUSY), ALLOW,
};

static bool load(struct sock_filter *code, size_t bytes) {
  struct sock_fprog program = {.len = (unsigned short)(bytes / sizeof(*code)), .filter = code};
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

#define FILTER(of) of, sizeof(of)

static const struct variant {
  const char *name;
  struct {
    struct sock_filter *code;
    size_t bytes;
  } lacks[3];
} variants[] = {
    {"no-userns", {{FILTER(no_namespaces)}, {FILTER(no_time)}}},
    {"no-landlock", {{FILTER(no_landlock)}}},
    {"bare", {{FILTER(no_namespaces)}, {FILTER(no_time)}, {FILTER(no_landlock)}}},
    {"no-getfd", {{FILTER(no_getfd)}}},
    {"no-landlock-getfd", {{FILTER(no_landlock)}, {FILTER(no_getfd)}}},
    {"no-mount-setattr", {{FILTER(no_mount_setattr)}}},
    {"no-sethostname", {{FILTER(no_sethostname)}}},
    {"no-listener", {{FILTER(no_listener)}}},
};

static const struct variant *find(const char *name) {
  for (size_t i = 0; name && i < sizeof(variants) / sizeof(*variants); i++)
    if (strcmp(variants[i].name, name) == 0)
      return &variants[i];
  return NULL;
}

int main(int argc, char **argv) {
  const struct variant *variant = argc > 2 ? find(argv[1]) : NULL;
  if (!variant) {
    fprintf(stderr, "usage: without VARIANT COMMAND...\n");
    return 64;
  }
  /* Root with its capabilities needs it not, and would lose set-user-id programs by it. */
  if (geteuid() != 0 || prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) != 1)
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  for (size_t i = 0; i < 3 && variant->lacks[i].code; i++)
    if (!load(variant->lacks[i].code, variant->lacks[i].bytes)) {
      perror("without: seccomp");
      return 70;
    }
  execvp(argv[2], argv + 2);
  perror(argv[2]);
  return 71;
}
