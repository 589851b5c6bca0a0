/* SPDX-License-Identifier: MIT */
/* What the tests of the system call filter share: calls by name, and cases that run in forked
 * children, as root and as uid 65534. Included after tap.h, once per test program. */
#ifndef SBX_TEST_SECCOMP_UTIL_H
#define SBX_TEST_SECCOMP_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tap.h"
#include "util.h"

#include "../../src/core/policy.h"
#include "../../src/guards/seccomp.h"
#include "../../src/guards/syscalls.h"

#define BAD ((long)-4096) /* a pointer to nowhere */

#ifdef __x86_64__
#define NATIVE AUDIT_ARCH_X86_64
#else
#define NATIVE AUDIT_ARCH_AARCH64
#endif

struct setup {
  struct sbx_seccomp_options options;
  pid_t sibling; /* another process of the same user, started before the filter */
  bool in_parts; /* as a forked guest has it */
};

/* By name from the table: the headers of the C library do not know all of them. */
static inline long number(const char *name) {
  for (size_t i = 0; i < sbx_n_syscalls; i++)
    if (strcmp(sbx_syscalls[i].name, name) == 0)
      return sbx_syscall_number(&sbx_syscalls[i], NATIVE);
  abort();
}

static inline int answer(const char *name, const long *a) {
  errno = 0;
  return syscall(number(name), a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? errno : 0;
}

/* `want`: an errno, 0 for success. The arguments that are left out are 0. */
static inline void expect(int want, const char *name, const char *what, const long *a) {
  int got = answer(name, a);
  child_ok(got == want, "%s%s: %s", name, what, strerror(got));
}
#define EXPECT(want, name, what, ...) expect(want, name, what, (long[6]){__VA_ARGS__})

static inline void apply_part(struct setup *setup, enum sbx_seccomp_part part) {
  struct sbx_seccomp_options options = setup->options;
  struct sbx_seccomp filter;
  struct sbx_err err = {0};
  options.part = part;
  int rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (rc == 0)
    rc = sbx_seccomp_build(&options, &filter, &err);
  if (rc == 0)
    rc = sbx_seccomp_apply(&filter, getpid(), &err);
  if (rc < 0)
    child_ok(0, "the filter applies (%s)", err.text);
}

static inline void apply(struct setup *setup) {
  if (setup->in_parts)
    apply_part(setup, SBX_SECCOMP_COMMON);
  apply_part(setup, setup->in_parts ? SBX_SECCOMP_REST : SBX_SECCOMP_WHOLE);
}

struct seccomp_case {
  const char *name;
  void (*body)(void *);
  struct sbx_seccomp_options options;
};

static inline void run_cases(const char *who, const struct seccomp_case *cases, size_t n) {
  char name[128];
  fflush(stdout);
  pid_t sibling = fork();
  if (sibling == 0) {
    alarm(60);
    for (;;)
      pause();
  }
  for (size_t i = 0; i < 2 * n; i++) {
    const struct seccomp_case *at = &cases[i / 2];
    struct setup setup = {at->options, sibling, i % 2 > 0};
    snprintf(name, sizeof name, "%s, %s%s", who, at->name, setup.in_parts ? ", in two parts" : "");
    in_child(name, at->body, &setup);
  }
  kill(sibling, SIGKILL);
  waitpid(sibling, NULL, 0);
}

/* Runs `all` in a child that has become an ordinary user. The numbers of its TAP lines go on where
 * root's ended; the exit status tells whether one failed. */
static inline void as_ordinary_user(void (*all)(const char *who)) {
  int status = -1, p[2], run = 0;
  if (pipe2(p, O_CLOEXEC) < 0)
    abort();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
      _exit(9);
    all("user");
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

/* As whoever runs the test, and as an ordinary user if that is root. */
static inline int run_for_all(void (*all)(const char *who)) {
  int root = geteuid() == 0;
  all(root ? "root" : "user");
  if (root)
    as_ordinary_user(all);
  return tap_done();
}

#endif
