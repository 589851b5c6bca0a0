/* SPDX-License-Identifier: MIT */
/* The watch over a tree of processes: threads, page tables, and what a look costs at most. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tap.h"
#include "util.h"

#include "../../src/core/proc.h"
#include "../../src/supervise/watch.h"

#define MIB ((size_t)1 << 20)

static int idle(void *arg) {
  (void)arg;
  for (;;)
    pause();
  return 0;
}

/* Threads that are small, and need no libc. */
static void start_threads(int n) {
  const int flags = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_FS | CLONE_FILES;
  char *stacks =
      mmap(NULL, (size_t)n * 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < n; i++)
    if (stacks == MAP_FAILED || clone(idle, stacks + (size_t)(i + 1) * 16384, flags, NULL) < 0)
      _exit(1);
}

/* 2 MiB are a page of tables; the pages are all the same one, of zeroes. */
static void fill_tables(size_t n) {
  size_t step = 2 * MIB;
  volatile char *at =
      mmap(NULL, n * step, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED)
    _exit(1);
  madvise((void *)at, n * step, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < n; i++)
    (void)at[i * step];
}

static void start_processes(int n) {
  for (int i = 0; i < n; i++) {
    pid_t pid = fork();
    if (pid < 0)
      _exit(1);
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
      idle(NULL);
    }
  }
}

/* A guest that holds this much, once it does. */
static pid_t start(int n_threads, size_t n_tables, int n_processes) {
  int here[2];
  char byte = 0;
  if (pipe2(here, O_CLOEXEC) < 0)
    abort();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    start_processes(n_processes);
    if (n_threads > 0)
      start_threads(n_threads);
    if (n_tables > 0)
      fill_tables(n_tables);
    if (write(here[1], &byte, 1) == 1)
      idle(NULL);
    _exit(1);
  }
  close(here[1]);
  if (pid < 0 || read(here[0], &byte, 1) != 1)
    abort();
  close(here[0]);
  return pid;
}

/* What one look says. */
static enum sbx_reason look(const struct sbx_policy *policy, pid_t guest, bool alone,
                            struct sbx_tree *tree) {
  struct sbx_watch watch;
  sbx_watch_start(&watch, policy, guest, alone, tree);
  sbx_watch_begin(&watch, 1);
  return sbx_watch_check(&watch, UINT64_MAX - 1);
}

static void end(pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}

static void threads(void) {
  struct sbx_tree tree = {0};
  struct sbx_policy most = {.max_threads = 40}, less = {.max_threads = 41};
  pid_t guest = start(40, 0, 0);
  ok(look(&most, guest, true, &tree) == SBX_REASON_THREADS, "a thread too many, of a guest alone");
  ok(look(&most, guest, false, &tree) == SBX_REASON_THREADS, "of a tree");
  ok(look(&less, guest, true, &tree) == SBX_REASON_NONE &&
         look(&less, guest, false, &tree) == SBX_REASON_NONE,
     "as many as it may have");
  ok(look(&(struct sbx_policy){.cpu_ms = 100000}, guest, false, &tree) == SBX_REASON_NONE,
     "without a limit there is none");
  end(guest);
  guest = start(20, 0, 20);
  ok(look(&most, guest, false, &tree) == SBX_REASON_THREADS, "those of all processes together");
  ok(look(&less, guest, false, &tree) == SBX_REASON_NONE, "which may be as many");
  end(guest);
  free(tree.at);
}

static void cost(void) {
  struct sbx_tree tree = {.most = 42};
  struct sbx_policy policy = {.max_threads = 40};
  pid_t guest = start(400, 0, 0);
  ok(look(&policy, guest, false, &tree) == SBX_REASON_THREADS && tree.looked_at <= 43,
     "of 400 threads no more are looked at than it takes to know");
  end(guest);
  guest = start(0, 0, 200);
  ok(look(&policy, guest, false, &tree) == SBX_REASON_THREADS && tree.looked_at <= 43,
     "nor of 200 processes");
  end(guest);
  free(tree.at);
}

static void tables(void) {
  struct sbx_tree tree = {0};
  struct sbx_policy policy = {.memory_bytes = 16 * MIB};
  pid_t guest = start(0, 1024, 0);
  ok(look(&policy, guest, true, &tree) == SBX_REASON_NONE, "4 MiB of page tables are within 16");
  end(guest);
  guest = start(0, 8192, 0);
  ok(look(&policy, guest, true, &tree) == SBX_REASON_MEMORY, "32 MiB of them are not");
  end(guest);
  free(tree.at);
}

int main(void) {
  threads();
  cost();
  tables();
  return tap_done();
}
