/* SPDX-License-Identifier: MIT */
/* without VARIANT COMMAND...: runs a command on a kernel that seems to lack something.
 *
 *   no-userns    no new namespaces, as in an unprivileged container: EPERM; clone3 ENOSYS
 *   no-landlock  a kernel without Landlock: ENOSYS
 *   bare         both
 *   no-getfd     pidfd_getfd(2) is refused, as in a container without CAP_SYS_PTRACE: EPERM
 *   no-landlock-getfd  that, and no Landlock
 *   no-listener  filters that ask a supervisor cannot be loaded, as below another one: EBUSY */
#include <errno.h>
#include <linux/audit.h>
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

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
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

static struct sock_filter no_getfd[] = {
    LOAD(arch), IF_NOT(JEQ, ARCH, 3), LOAD(nr), IF_NOT(JEQ, SYS_pidfd_getfd, 1), ANSWER(EPERM),
    ALLOW,
};

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

int main(int argc, char **argv) {
  bool bare = argc > 2 && strcmp(argv[1], "bare") == 0;
  bool userns = bare || (argc > 2 && strcmp(argv[1], "no-userns") == 0);
  bool neither = argc > 2 && strcmp(argv[1], "no-landlock-getfd") == 0;
  bool landlock = bare || neither || (argc > 2 && strcmp(argv[1], "no-landlock") == 0);
  bool listener = argc > 2 && strcmp(argv[1], "no-listener") == 0;
  bool getfd = neither || (argc > 2 && strcmp(argv[1], "no-getfd") == 0);
  if (!userns && !landlock && !listener && !getfd) {
    fprintf(stderr,
            "usage: without no-userns|no-landlock|bare|no-getfd|no-landlock-getfd|no-listener "
            "COMMAND...\n");
    return 64;
  }
  /* Root needs it not, and would lose set-user-id programs by it. */
  if (geteuid() != 0)
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if ((userns && !(load(no_namespaces, sizeof(no_namespaces)) && load(no_time, sizeof(no_time)))) ||
      (landlock && !load(no_landlock, sizeof(no_landlock))) ||
      (getfd && !load(no_getfd, sizeof(no_getfd))) ||
      (listener && !load(no_listener, sizeof(no_listener)))) {
    perror("without: seccomp");
    return 70;
  }
  execvp(argv[2], argv + 2);
  perror(argv[2]);
  return 71;
}
