/* SPDX-License-Identifier: MIT */
/* What several C tests need: open descriptors counted, repeatable random numbers, and results of a
 * forked child carried to its parent. Included after tap.h, once per test program. */
#ifndef SBX_TEST_UTIL_H
#define SBX_TEST_UTIL_H

#include <dirent.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

/* Open descriptors of this process, the one that counts them left out. */
static inline int count_fds(void) {
  int n = 0;
  DIR *dir = opendir("/proc/self/fd");
  while (dir && readdir(dir))
    n++;
  if (dir)
    closedir(dir);
  return n - 3; /* ".", ".." and the directory itself */
}

/* xorshift64: the same sequence everywhere, so that a failure can be repeated. */
static inline uint32_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return (uint32_t)(*state >> 32);
}

/* What a child found. Lives in shared memory, because a guarded child has no stdout to print to. */
struct child_report {
  int count;
  int finished;
  struct {
    int good;
    char name[160];
  } check[64];
};

static struct child_report *child_report;

__attribute__((format(printf, 2, 3))) static inline void child_ok(int good, const char *fmt, ...) {
  int at = child_report->count++;
  va_list args;
  va_start(args, fmt);
  if (at < 64) {
    child_report->check[at].good = good;
    vsnprintf(child_report->check[at].name, sizeof child_report->check[at].name, fmt, args);
  }
  va_end(args);
}

/* Runs `body` in a forked child, then reports its checks as the parent's. Returns the wait status.
 * The child must come to the end of `body`: a crash on the way is a failure of its own. */
static inline int in_child(const char *name, void (*body)(void *), void *arg) {
  char text[256];
  int status = -1;
  child_report =
      mmap(NULL, sizeof *child_report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (child_report == MAP_FAILED)
    abort();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    alarm(20);
    body(arg);
    child_report->finished = 1;
    _exit(0);
  }
  if (pid > 0)
    waitpid(pid, &status, 0);
  for (int i = 0; i < child_report->count && i < 64; i++) {
    snprintf(text, sizeof text, "%s: %s", name, child_report->check[i].name);
    ok(child_report->check[i].good, text);
  }
  snprintf(text, sizeof text, "%s: ran to its end", name);
  ok(child_report->finished && status == 0 && child_report->count <= 64, text);
  munmap(child_report, sizeof *child_report);
  return status;
}

#endif
