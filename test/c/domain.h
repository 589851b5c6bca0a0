/* SPDX-License-Identifier: MIT */
/* One act in one Landlock domain: a forked child confines itself, acts, and tells the errno. For
 * the tests of landlock.c; included after tap.h and util.h. */
#ifndef SBX_TEST_DOMAIN_H
#define SBX_TEST_DOMAIN_H

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "../../src/core/fd.h"
#include "../../src/core/policy.h"
#include "../../src/guards/landlock.h"
#include "../../src/guards/view.h"

static char base[] = "/tmp/sbx-landlock-XXXXXX";
static const char *who;

/* What a run is granted. Names are relative to `base` unless they begin with '/'. */
struct domain {
  const char *grants[8]; /* a letter and a name: "win", "hin/sub" */
  const char *deny[4];
  unsigned permit;
  int abi;                                      /* 0: the kernel's */
  bool none;                                    /* not confined at all */
  bool can_mask;                                /* see view.h */
  void (*between)(const struct sbx_view *view); /* after the view, before the ruleset */
};

static inline const char *at(const char *name) {
  static char ring[16][PATH_MAX];
  static unsigned next;
  char *text = ring[next++ % 16];
  if (name[0] == '/')
    snprintf(text, PATH_MAX, "%s", name);
  else
    snprintf(text, PATH_MAX, "%s/%.4000s", base, name);
  return text;
}

/* Confines the calling process. Returns 0 or -errno. */
static inline int enter(const struct domain *d, struct sbx_err *err) {
  static char text[12][PATH_MAX];
  char *grants[9] = {0}, *hidden[9] = {0}, *deny[5] = {0};
  int n_grants = 0, n_hidden = 0;
  struct sbx_view view;
  SBX_AUTO_FD int ruleset = -1;
  for (int i = 0; i < 8 && d->grants[i]; i++) {
    snprintf(text[i], PATH_MAX, "%c%s", d->grants[i][0], at(d->grants[i] + 1));
    if (text[i][0] == SBX_VIEW_HIDDEN)
      hidden[n_hidden++] = text[i];
    else
      grants[n_grants++] = text[i];
  }
  for (int i = 0; i < 4 && d->deny[i]; i++) {
    snprintf(text[8 + i], PATH_MAX, "%s", at(d->deny[i]));
    deny[i] = text[8 + i];
  }
  struct sbx_view_request request = {grants, hidden, deny, d->can_mask};
  int rc = sbx_view_build(&request, &view, err);
  if (rc < 0)
    return rc;
  if (d->between)
    d->between(&view);
  rc = sbx_landlock_prepare(&view, d->permit, d->abi ? d->abi : sbx_landlock_abi(), &ruleset, err);
  sbx_view_free(&view);
  if (rc < 0)
    return rc;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return -errno;
  return sbx_landlock_apply(ruleset, err);
}

#define SETUP_FAILED 250
#define CRASHED 251

/* What `op` answers inside of the domain: 0 or its errno. */
static inline int act(const struct domain *d, int (*op)(const char *), const char *dir) {
  int status = -1;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    struct sbx_err err = {0};
    alarm(20);
    if (!d->none && enter(d, &err) < 0) {
      printf("# %s\n", err.text);
      fflush(stdout);
      _exit(SETUP_FAILED);
    }
    _exit(op(dir));
  }
  if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
    return CRASHED;
  return WEXITSTATUS(status);
}

__attribute__((format(printf, 3, 4))) static inline void expect(int got, int expected,
                                                                const char *fmt, ...) {
  char name[256], text[200];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  snprintf(name, sizeof name, "%s: %s", who, text);
  ok(got == expected, name);
  if (got != expected)
    printf("# got %d (%s), expected %d (%s)\n", got, strerror(got), expected, strerror(expected));
}

/* A case that this machine cannot try: a failure where CI says that everything must work. */
static inline void skip(const char *name, const char *why) {
  const char *must = getenv("SBX_MUST_WORK");
  if (must && strcmp(must, "1") == 0)
    expect(1, 0, "%s", name);
  else
    printf("ok %d - %s: %s # SKIP %s\n", ++tap_run, who, name, why);
}

/* Runs the cases as root and as uid 65534, or as who we are. `base` is that user's. */
static inline void as_both_users(void (*cases)(void)) {
  int status = -1, p[2], run = 0;
  who = geteuid() == 0 ? "root" : "user";
  cases();
  if (geteuid() != 0)
    return;
  if (chown(base, 65534, 65534) < 0 || pipe2(p, O_CLOEXEC) < 0)
    abort();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    who = "user";
    if (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
      _exit(9);
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* else /proc/self belongs to root */
    cases();
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

/* ---- the tree: "in" and "out" are alike ---- */

static inline void copy_true(const char *name) {
  char bytes[4096];
  ssize_t n;
  int from = open("/bin/true", O_RDONLY | O_CLOEXEC);
  int to = open(at(name), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0755);
  while ((n = read(from, bytes, sizeof bytes)) > 0)
    if (write(to, bytes, (size_t)n) != n)
      abort();
  close(from);
  close(to);
}

static inline void clear(const char *name) {
  char command[PATH_MAX + 32];
  snprintf(command, sizeof command, "rm -rf '%s'", at(name));
  if (system(command) != 0)
    abort();
}

static inline void make_file(const char *name) {
  int fd = open(at(name), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, "text", 4) != 4)
    abort();
  close(fd);
}

static inline void make_side(const char *side) {
  char name[64];
  static const char *const dirs[] = {"", "/sub", "/sub2", "/empty"};
  for (int i = 0; i < 4; i++) {
    snprintf(name, sizeof name, "%s%s", side, dirs[i]);
    if (mkdir(at(name), 0755) < 0)
      abort();
  }
  snprintf(name, sizeof name, "%s/file", side);
  make_file(name);
  snprintf(name, sizeof name, "%s/sub/file", side);
  make_file(name);
  snprintf(name, sizeof name, "%s/true", side);
  copy_true(name);
}

static inline void clean(void) {
  clear("in");
  clear("out");
}

static inline void fresh(void) {
  clean();
  make_side("in");
  make_side("out");
}

/* Undoes what the operations below leave behind. */
static inline void tidy(const char *side) {
  static const char *const made[] = {"new", "other", "sub/moved", "sub/new"};
  char name[64];
  for (int i = 0; i < 4; i++) {
    snprintf(name, sizeof name, "%s/%s", side, made[i]);
    remove(at(name));
  }
  snprintf(name, sizeof name, "%s/empty", side);
  mkdir(at(name), 0755);
  snprintf(name, sizeof name, "%s/file", side);
  make_file(name);
}

static inline const char *in_dir(const char *dir, const char *name) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%.4000s/%s", dir, name);
  return at(path);
}

static inline int opens(const char *path, int flags) {
  return open(path, flags | O_CLOEXEC, 0600) < 0 ? errno : 0;
}

#endif
