/* SPDX-License-Identifier: MIT */
/* Readers of /proc. Used by init while it supervises and by the addon's sampler. */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"

/* A descriptor of /proc/PID/name, or -errno. */
static int open_proc(pid_t pid, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOENT ? -ESRCH : -errno;
  return fd;
}

/* The number behind "\nkey" in text; a field may be missing (no mm: kernel threads, zombies). */
static uint64_t field(const char *text, const char *key) {
  const char *at = strstr(text, key);
  return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* Takes the fields of one line of /proc/PID/status. The kernel escapes newlines in Name, so no
 * field can be forged by a process title. */
static void take_mem_line(const char *line, struct sbx_proc_mem *out) {
  static const struct {
    const char *key;
    size_t offset;
  } fields[] = {
      {"VmData:", offsetof(struct sbx_proc_mem, data_kb)},
      {"RssAnon:", offsetof(struct sbx_proc_mem, rss_anon_kb)},
      {"RssFile:", offsetof(struct sbx_proc_mem, rss_file_kb)},
      {"RssShmem:", offsetof(struct sbx_proc_mem, rss_shmem_kb)},
      {"VmPTE:", offsetof(struct sbx_proc_mem, tables_kb)},
      {"Threads:", offsetof(struct sbx_proc_mem, threads)},
  };
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    size_t n = strlen(fields[i].key);
    if (strncmp(line, fields[i].key, n) == 0) {
      uint64_t number = strtoull(line + n, NULL, 10);
      memcpy((char *)out + fields[i].offset, &number, sizeof number);
    }
  }
}

int sbx_proc_mem(pid_t pid, struct sbx_proc_mem *out) {
  char text[4096];
  size_t held = 0;
  int skip = 0; /* inside a line longer than the buffer */
  SBX_AUTO_FD int fd = open_proc(pid, "status");
  if (fd < 0)
    return fd;
  memset(out, 0, sizeof *out);
  /* Line by line: "Groups:" comes before the memory fields, and a user may be in 65,536 groups. */
  for (;;) {
    ssize_t n = sbx_read_full(fd, text + held, sizeof text - 1 - held);
    if (n < 0)
      return (int)n;
    held += (size_t)n;
    text[held] = '\0';
    char *line = text, *end;
    for (; (end = strchr(line, '\n')); line = end + 1, skip = 0)
      if (!skip)
        take_mem_line(line, out);
    if (n == 0)
      return 0;
    held = (size_t)(text + held - line);
    if (held == sizeof text - 1) {
      held = 0;
      skip = 1;
    }
    memmove(text, line, held);
  }
}

int sbx_proc_io_open(pid_t pid) {
  return open_proc(pid, "io");
}

int sbx_proc_io_read(int fd, struct sbx_proc_io *out) {
  char text[1024] = "\n";
  ssize_t n = pread(fd, text + 1, sizeof text - 2, 0);
  if (n < 0)
    return -errno;
  text[n + 1] = '\0';
  out->read_chars = field(text, "\nrchar:");
  out->write_chars = field(text, "\nwchar:");
  out->read_bytes = field(text, "\nread_bytes:");
  out->write_bytes = field(text, "\nwrite_bytes:");
  return (int)n;
}

int sbx_proc_io(pid_t pid, struct sbx_proc_io *out) {
  SBX_AUTO_FD int fd = sbx_proc_io_open(pid);
  int n = fd < 0 ? fd : sbx_proc_io_read(fd, out);
  return n < 0 ? n : 0;
}

int sbx_proc_stat(pid_t pid, struct sbx_proc_stat *out) {
  char text[2048];
  SBX_AUTO_FD int fd = open_proc(pid, "stat");
  if (fd < 0)
    return fd;
  ssize_t n = sbx_read_full(fd, text, sizeof text - 1);
  if (n < 0)
    return (int)n;
  text[n] = '\0';
  /* comm may hold anything, also ") R 1": what counts is behind the last parenthesis. */
  const char *at = strrchr(text, ')');
  if (!at)
    return -EPROTO;
  int ppid;
  unsigned long long utime, stime, start;
  long long cutime, cstime;
  long threads;
  char state;
  /* proc(5), fields 3 (state), 4 (ppid), 14 to 17 (utime, stime,
   * cutime, cstime), 20 (threads), 22 (starttime). */
  if (sscanf(at + 1,
             " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld %*d %*d %ld %*d %llu",
             &state, &ppid, &utime, &stime, &cutime, &cstime, &threads, &start) != 8)
    return -EPROTO;
  uint64_t tick = (uint64_t)sysconf(_SC_CLK_TCK);
  out->state = state;
  out->ppid = ppid;
  out->cpu_us = (utime + stime) * 1000000u / tick;
  out->reaped_us = (uint64_t)(cutime + cstime) * 1000000u / tick;
  out->start_time = start;
  out->threads = threads > 0 ? (uint32_t)threads : 0;
  return 0;
}

static uint64_t now_ns(clockid_t clock) {
  struct timespec ts;
  clock_gettime(clock, &ts);
  return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t sbx_now_real_ns(void) {
  return now_ns(CLOCK_REALTIME);
}

uint64_t sbx_now_mono_ns(void) {
  return now_ns(CLOCK_MONOTONIC);
}

uint64_t sbx_now_cpu_us(void) {
  return now_ns(CLOCK_PROCESS_CPUTIME_ID) / 1000u;
}
