/* SPDX-License-Identifier: MIT */
/* Readers of /proc: on this process, on children of odd names and states, on nobody. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "util.h"

#include "../../src/core/proc.h"

#define MIB ((size_t)1 << 20)

static void own_memory(void) {
  struct sbx_proc_mem before, after;
  ok(sbx_proc_mem(getpid(), &before) == 0 && before.rss_anon_kb > 0 && before.rss_file_kb > 0 &&
         before.data_kb > 0,
     "the memory of a running process is read");
  char *p = mmap(NULL, 32 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *shared = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED || shared == MAP_FAILED)
    abort();
  sbx_proc_mem(getpid(), &after);
  ok(after.data_kb - before.data_kb >= 32 * 1024 && after.rss_anon_kb - before.rss_anon_kb < 8192,
     "VmData counts what is mapped");
  memset(p, 1, 32 * MIB);
  memset(shared, 1, 8 * MIB);
  sbx_proc_mem(getpid(), &after);
  ok(after.rss_anon_kb - before.rss_anon_kb >= 30 * 1024, "RssAnon counts what was written");
  ok(after.rss_shmem_kb - before.rss_shmem_kb >= 8 * 1024, "RssShmem counts shared memory");
  munmap(p, 32 * MIB);
  munmap(shared, 8 * MIB);
}

/* A page of zeroes in each 2 MiB: tables, and no memory of its own. */
static void own_tables(void) {
  struct sbx_proc_mem before, after;
  size_t step = 2 * MIB, n = 1024;
  volatile char *p =
      mmap(NULL, n * step, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED)
    abort();
  madvise((void *)p, n * step, MADV_NOHUGEPAGE);
  sbx_proc_mem(getpid(), &before);
  for (size_t i = 0; i < n; i++)
    (void)p[i * step];
  sbx_proc_mem(getpid(), &after);
  ok(after.tables_kb - before.tables_kb >= 4 * n && after.rss_anon_kb - before.rss_anon_kb < 1024,
     "page tables are counted");
  ok(before.threads == 1, "threads as well");
  munmap((void *)p, n * step);
}

static void own_io(void) {
  struct sbx_proc_io before, after;
  char byte[100] = {0};
  int fd = open("/dev/null", O_RDWR | O_CLOEXEC), zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  int rc = sbx_proc_io(getpid(), &before);
  int moved = write(fd, byte, 100) == 100 && read(zero, byte, 50) == 50;
  rc |= sbx_proc_io(getpid(), &after);
  ok(rc == 0 && moved && after.write_chars - before.write_chars >= 100 &&
         after.read_chars - before.read_chars >= 50,
     "characters read and written are counted");
  ok(after.read_bytes >= before.read_bytes && after.write_bytes >= before.write_bytes,
     "bytes of storage never go back");
  close(fd);
  close(zero);
}

static void own_stat(void) {
  struct sbx_proc_stat a, b;
  struct timespec now;
  ok(sbx_proc_stat(getpid(), &a) == 0 && a.ppid == getppid() && a.state == 'R' && a.threads >= 1,
     "parent, state and threads of a running process");
  clock_gettime(CLOCK_BOOTTIME, &now);
  uint64_t up = (uint64_t)now.tv_sec * (uint64_t)sysconf(_SC_CLK_TCK);
  ok(a.start_time > 0 && a.start_time <= up + 200, "the start time is in ticks since boot");
  clock_t until = clock() + CLOCKS_PER_SEC / 10;
  volatile unsigned spin = 0;
  while (clock() < until)
    spin++;
  sbx_proc_stat(getpid(), &b);
  ok(b.cpu_us - a.cpu_us >= 70000 && b.cpu_us - a.cpu_us < 2000000 && b.start_time == a.start_time,
     "100 ms of work are about 100,000 us of CPU time");
}

static pid_t start_child(void (*setup)(const void *), const void *arg, int *release) {
  int p[2], ready[2];
  char byte = 0;
  if (pipe2(p, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
    abort();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    alarm(20);
    close(p[1]);
    if (setup)
      setup(arg);
    if (write(ready[1], "x", 1) == 1 && read(p[0], &byte, 1) < 0)
      _exit(1);
    _exit(3);
  }
  close(p[0]);
  close(ready[1]);
  if (pid < 0 || read(ready[0], &byte, 1) != 1)
    abort();
  close(ready[0]);
  *release = p[1];
  return pid;
}

static void end_child(pid_t pid, int release) {
  close(release);
  waitpid(pid, NULL, 0);
}

static void set_name(const void *name) {
  prctl(PR_SET_NAME, name, 0, 0, 0);
}

/* A child that sleeps in read(2) has state S, one thread and this process as its parent. */
static void odd_names(void) {
  static const char *const names[] = {") R 1 (", "a) Z 7 9 9 9", "x\ny) R 2\n", ")))",
                                      "(((",     "\n",           "%d %s %n"};
  int good = 1;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct sbx_proc_stat stat = {0};
    int release;
    pid_t pid = start_child(set_name, names[i], &release);
    for (int wait = 0; wait < 1000 && stat.state != 'S'; wait++) {
      good &= sbx_proc_stat(pid, &stat) == 0;
      usleep(1000);
    }
    good &= stat.state == 'S' && stat.ppid == getpid() && stat.threads == 1;
    end_child(pid, release);
  }
  ok(good, "a name of parentheses, spaces and newlines forges no field of stat");
  int release;
  struct sbx_proc_mem mem = {0};
  pid_t pid = start_child(set_name, "\nVmData:\t7 k\n", &release);
  ok(sbx_proc_mem(pid, &mem) == 0 && mem.data_kb > 7, "nor one of status");
  end_child(pid, release);
}

static void join_groups(const void *arg) {
  static gid_t groups[20000];
  (void)arg;
  for (size_t i = 0; i < 20000; i++)
    groups[i] = 1000000 + (gid_t)i;
  if (setgroups(20000, groups) < 0)
    _exit(4);
}

/* "Groups:" stands before the memory fields and then is some 160 KB long. */
static void many_groups(void) {
  struct sbx_proc_mem mem = {0};
  int release;
  if (geteuid() != 0) {
    ok(1, "a process in 20,000 groups # SKIP only root may join groups");
    return;
  }
  pid_t pid = start_child(join_groups, NULL, &release);
  ok(sbx_proc_mem(pid, &mem) == 0 && mem.rss_anon_kb > 0 && mem.data_kb > 0,
     "the memory of a process in 20,000 groups is read");
  end_child(pid, release);
}

static void zombie(void) {
  struct sbx_proc_io io = {0};
  struct sbx_proc_stat stat = {0};
  struct sbx_proc_mem mem;
  siginfo_t info;
  int release;
  memset(&mem, 0xAA, sizeof mem);
  pid_t pid = start_child(NULL, NULL, &release);
  int fd = sbx_proc_io_open(pid);
  ok(fd >= 0 && sbx_proc_io_read(fd, &io) > 0 && io.write_chars >= 1,
     "the io of a running child is read through a descriptor");
  memset(&io, 0, sizeof io);
  close(release);
  waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
  ok(sbx_proc_io_read(fd, &io) > 0 && io.write_chars >= 1,
     "and again through the same one when it is a zombie");
  int rc = sbx_proc_io(pid, &io);
  ok(geteuid() == 0 ? rc == 0 : rc == 0 || rc == -EACCES,
     "a zombie's io can be opened by root; others may get EACCES, and nothing else");
  ok(sbx_proc_stat(pid, &stat) == 0 && stat.state == 'Z' && stat.ppid == getpid(),
     "and its stat, with state Z");
  ok(sbx_proc_mem(pid, &mem) == 0 && mem.data_kb == 0 && mem.rss_anon_kb == 0 &&
         mem.rss_file_kb == 0 && mem.rss_shmem_kb == 0,
     "its memory is zero, not what was in the struct");
  waitpid(pid, NULL, 0);
  ok(sbx_proc_io(pid, &io) == -ESRCH && sbx_proc_io_open(pid) == -ESRCH &&
         sbx_proc_io_read(fd, &io) == -ESRCH,
     "once reaped: io is ESRCH, by pid and by descriptor");
  close(fd);
  ok(sbx_proc_stat(pid, &stat) == -ESRCH, "stat is ESRCH");
  ok(sbx_proc_mem(pid, &mem) == -ESRCH, "status is ESRCH");
}

static void nobody(void) {
  struct sbx_proc_stat stat;
  ok(sbx_proc_stat(0, &stat) == -ESRCH && sbx_proc_stat(-1, &stat) == -ESRCH,
     "pids that no process can have are ESRCH");
}

static void clocks(void) {
  uint64_t mono = sbx_now_mono_ns(), real = sbx_now_real_ns();
  usleep(20000);
  uint64_t passed = sbx_now_mono_ns() - mono;
  ok(passed >= 20000000 && passed < 5000000000, "the monotonic clock counts nanoseconds");
  ok(real / 1000000000 - (uint64_t)time(NULL) + 1 <= 2, "the other is the time of day");
}

int main(void) {
  int before = count_fds();
  own_memory();
  own_tables();
  own_io();
  own_stat();
  odd_names();
  many_groups();
  zombie();
  nobody();
  clocks();
  ok(count_fds() == before, "no descriptor is left open");
  return tap_done();
}
