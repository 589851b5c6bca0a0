/* SPDX-License-Identifier: MIT */
/* Where a process's cgroup is, by the texts of /proc; what a place is refused for; and, where there
 * is one to divide ($SBX_CGROUP, or that of 'auto'), what is made in it and is left of it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../src/core/fd.h"
#include "../../src/guards/cgroup.h"
#include "tap.h"

#define V2 "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1 "31 24 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"

static void finds(const char *what, const char *cgroups, const char *mounts, int rc,
                  const char *top, const char *own) {
  char found_top[PATH_MAX] = "", found[PATH_MAX] = "";
  int got = sbx_cgroup_own(cgroups, mounts, sizeof found, found_top, found);
  bool same = rc < 0 || (strcmp(found, own) == 0 && strcmp(found_top, top) == 0);
  ok(got == rc && same, what);
  if (got != rc || !same)
    printf("# got %d, '%s' in '%s'\n", got, found, found_top);
}

static void test_own(void) {
  char text[PATH_MAX * 2], long_path[PATH_MAX];
  finds("a service's cgroup", "0::/a.slice/b.service/host\n", V2, 0, "/sys/fs/cgroup",
        "/sys/fs/cgroup/a.slice/b.service/host");
  finds("beside version 1", "5:memory:/other\n0::/x\n", V1 V2, 0, "/sys/fs/cgroup",
        "/sys/fs/cgroup/x");
  finds("the topmost one", "0::/\n", V2, 0, "/sys/fs/cgroup", "/sys/fs/cgroup");
  finds("without an end of line", "0::/x", V2, 0, "/sys/fs/cgroup", "/sys/fs/cgroup/x");
  finds("a mount that begins at a cgroup", "0::/docker/1/host\n",
        "30 24 0:26 /docker/1 /cg rw - cgroup2 c rw\n", 0, "/cg", "/cg/host");
  finds("a mount that begins just at the host's", "0::/docker/1\n",
        "30 24 0:26 /docker/1 /cg rw - cgroup2 c rw\n", 0, "/cg", "/cg");
  finds("a mount of another cgroup whose name begins alike", "0::/docker/12\n",
        "30 24 0:26 /docker/1 /cg rw - cgroup2 c rw\n", -EXDEV, "", "");
  finds("the second of two mounts", "0::/b/c\n",
        "30 24 0:26 /a /one rw - cgroup2 c rw\n31 24 0:26 /b /two rw - cgroup2 c rw\n", 0, "/two",
        "/two/c");
  finds("a mount point with a space", "0::/x\n", "30 24 0:26 / /a\\040b rw - cgroup2 c rw\n", 0,
        "/a b", "/a b/x");
  finds("version 1 alone", "5:memory:/x\n", V1, -ENOENT, "", "");
  finds("version 2 that is not mounted", "0::/x\n", V1, -ENOENT, "", "");
  finds("a file system of another type with that name in its options", "0::/x\n",
        "30 24 0:26 / /x rw - tmpfs a-cgroup2 rw\n", -ENOENT, "", "");
  finds("nothing at all", "", "", -ENOENT, "", "");
  finds("a line that is cut", "0::/x\n", "30 24 - cgroup2 ", -EXDEV, "", "");
  memset(long_path, 'x', sizeof long_path - 1);
  long_path[sizeof long_path - 1] = '\0';
  snprintf(text, sizeof text, "0::/%s\n", long_path);
  finds("a path that is too long", text, V2, -ENAMETOOLONG, "", "");
}

static void test_memory(void) {
  struct sbx_policy policy = {.memory_bytes = 64 << 20, .tmp_bytes = 8 << 20};
  ok(sbx_cgroup_memory(&policy) == (64 + 8 + 32) << 20,
     "memoryMb, the private /tmp, and 32 MiB for what the kernel holds");
}

static void test_refused(void) {
  struct sbx_err err = {0};
  struct sbx_report report = {0};
  char dir[] = "/tmp/sbx-cgroup-XXXXXX", below[64];
  if (!mkdtemp(dir))
    exit(1);
  ok(sbx_cgroup_open(dir, &err) == -ENOTDIR, "a directory is no cgroup");
  ok(strstr(err.text, "no cgroup of version 2") && err.stage == SBX_STAGE_CGROUP, "and it is said");
  snprintf(below, sizeof below, "%s/a/b", dir);
  ok(sbx_cgroup_open(below, &err) == -ENOENT, "nor is one that cannot be made");
  sbx_cgroup_probe(dir, &report);
  ok(report.status == SBX_STATUS_UNAVAILABLE && strstr(report.mend, "Delegate=yes"),
     "the probe says so, and what helps");
  ok(rmdir(dir) == 0, "nothing was made there");
}

/* --- with a place ---------------------------------------------------------------------------- */

static const char *asked;

static bool text_is(int dir, const char *name, const char *expected) {
  char text[256] = "";
  SBX_AUTO_FD int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
  if (fd >= 0)
    sbx_read_full(fd, text, sizeof text - 1);
  text[strcspn(text, "\n")] = '\0';
  if (strcmp(text, expected) != 0)
    printf("# %s: '%s'\n", name, text);
  return strcmp(text, expected) == 0;
}

static bool is_there(int dir, const char *name) {
  return faccessat(dir, name, F_OK, 0) == 0;
}

static int wait_for(pid_t pid) {
  int status = -1;
  if (pid > 0)
    waitpid(pid, &status, 0);
  return status;
}

static void test_limits(int pen_fd) {
  struct sbx_policy policy = {.memory_bytes = 64 << 20, .max_threads = 100};
  struct sbx_stall stall;
  struct sbx_err err = {0};
  int rc = sbx_cgroup_make(pen_fd, &policy, &stall, &err);
  ok(rc == 0, "a guest's cgroup is made");
  if (rc < 0)
    return;
  ok(text_is(stall.fd, "memory.max", "100663296"), "memory.max");
  ok(text_is(stall.fd, "memory.oom.group", "1"), "memory.oom.group");
  ok(!is_there(stall.fd, "memory.swap.max") || text_is(stall.fd, "memory.swap.max", "0"),
     "no swap");
  ok(text_is(stall.fd, "pids.max", "164"), "pids.max");
  ok(!is_there(stall.fd, "cpu.weight") || text_is(stall.fd, "cpu.weight", "100"), "an equal share");
  sbx_cgroup_remove(pen_fd, &stall);
  ok(!is_there(pen_fd, stall.name) && stall.fd == -1, "it is removed");
}

/* Touches what it may not have; ends by itself when it may. */
static void __attribute__((noreturn)) eat(size_t bytes) {
  char *all = malloc(bytes);
  for (size_t i = 0; all && i < bytes; i += 4096)
    ((volatile char *)all)[i] = 1;
  _exit(all ? 7 : 8);
}

static void test_memory_limit(int pen_fd) {
  struct sbx_policy policy = {.memory_bytes = 32 << 20};
  struct sbx_stall stall = {.fd = -1};
  struct sbx_err err = {0};
  pid_t pid = sbx_cgroup_fork(pen_fd, &policy, &stall, &err);
  if (pid == 0)
    eat(200 << 20);
  int status = wait_for(pid);
  ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "who takes more is ended");
  ok(sbx_cgroup_ran_out(&stall), "for its memory, as the kernel tells");
  ok(!sbx_cgroup_ran_out(&stall), "which is told once");
  pid = sbx_cgroup_fork(pen_fd, &policy, &stall, &err);
  if (pid == 0)
    eat(20 << 20);
  status = wait_for(pid);
  ok(WIFEXITED(status) && WEXITSTATUS(status) == 7, "who takes less is not, in the same cgroup");
  ok(!sbx_cgroup_ran_out(&stall), "nor is it told");
  uint64_t user = 0, system = 0;
  ok(sbx_cgroup_cpu(&stall, &user, &system) && user + system > 0, "CPU time is counted");
  pid = sbx_cgroup_fork(pen_fd, &policy, &stall, &err);
  if (pid == 0) {
    kill(getpid(), SIGKILL);
    _exit(0);
  }
  wait_for(pid);
  ok(!sbx_cgroup_ran_out(&stall), "another SIGKILL is not the memory's");
  sbx_cgroup_remove(pen_fd, &stall);
}

static void test_swept(int pen_fd) {
  struct sbx_policy policy = {.memory_bytes = 32 << 20};
  struct sbx_stall stall = {.fd = -1}, busy = {.fd = -1};
  struct sbx_err err = {0};
  pid_t held = sbx_cgroup_fork(pen_fd, &policy, &busy, &err);
  if (held == 0)
    for (;;)
      pause();
  ok(sbx_cgroup_make(pen_fd, &policy, &stall, &err) == 0, "one that waits for a guest");
  char first[SBX_CGROUP_NAME_MAX];
  strcpy(first, stall.name); /* NOLINT: of the same size */
  sbx_cgroup_sweep(pen_fd);
  ok(!is_there(pen_fd, first) && is_there(pen_fd, busy.name), "is swept away, one in use is not");
  pid_t pid = sbx_cgroup_fork(pen_fd, &policy, &stall, &err);
  if (pid == 0)
    _exit(3);
  ok(WEXITSTATUS(wait_for(pid)) == 3 && strcmp(first, stall.name) != 0, "another is made for it");
  kill(held, SIGKILL);
  wait_for(held);
  sbx_cgroup_remove(pen_fd, &stall);
  sbx_cgroup_remove(pen_fd, &busy);
}

/* A launcher that was killed, with a guest that lives on. */
static void test_left_over(void) {
  int ends[2];
  struct sbx_err err = {0};
  pid_t told[2] = {0};
  if (pipe2(ends, O_CLOEXEC) < 0)
    exit(1);
  pid_t launcher = fork();
  if (launcher == 0) {
    struct sbx_policy policy = {.memory_bytes = 32 << 20};
    struct sbx_stall stall = {.fd = -1};
    int fd = sbx_cgroup_open(asked, &err);
    told[0] = sbx_cgroup_fork(fd, &policy, &stall, &err);
    if (told[0] == 0) {
      close(fd); /* As a guest's descriptors are, and with them the lock. */
      close(ends[1]);
      for (;;)
        pause();
    }
    sbx_write_full(ends[1], told, sizeof told);
    for (;;)
      pause();
  }
  close(ends[1]);
  sbx_read_full(ends[0], told, sizeof told);
  char name[32];
  snprintf(name, sizeof name, "../sbx-%d", (int)launcher);
  int other = sbx_cgroup_open(asked, &err);
  ok(is_there(other, name), "another launcher leaves it alone while it lives");
  sbx_cgroup_close(&other);
  kill(launcher, SIGKILL);
  wait_for(launcher);
  other = sbx_cgroup_open(asked, &err);
  ok(other >= 0 && !is_there(other, name), "and removes it when it is gone");
  ok(kill(told[0], 0) < 0 || told[0] <= 0, "with whom it has left");
  sbx_cgroup_close(&other);
  ok(other == -1, "its own is closed");
  close(ends[0]);
}

static void test_place(void) {
  struct sbx_report report = {0};
  struct sbx_err err = {0};
  asked = getenv("SBX_CGROUP") ? getenv("SBX_CGROUP") : "auto";
  sbx_cgroup_probe(asked, &report);
  if (report.status == SBX_STATUS_UNAVAILABLE) {
    printf("# %s\n", report.text);
    ok(!getenv("SBX_MUST_DIVIDE"),
       "a cgroup is divided # SKIP there is none; test/vm/run.sh has one");
    return;
  }
  int pen_fd = sbx_cgroup_open(asked, &err);
  ok(pen_fd >= 0, "a cgroup of the launcher's");
  if (pen_fd < 0)
    return;
  test_limits(pen_fd);
  test_memory_limit(pen_fd);
  test_swept(pen_fd);
  sbx_cgroup_close(&pen_fd);
  test_left_over();
}

int main(void) {
  test_own();
  test_memory();
  test_refused();
  test_place();
  return tap_done();
}
