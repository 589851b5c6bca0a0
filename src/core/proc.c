/* SPDX-License-Identifier: MIT */
/* Readers of /proc. Used by init while it supervises and by the addon's sampler. */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fd.h"

/* Reads /proc/PID/name into buf as a string. Returns its length or -errno. */
static ssize_t read_proc(pid_t pid, const char *name, char *buf, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  SBX_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOENT ? -ESRCH : -errno;
  ssize_t n = sbx_read_full(fd, buf, size - 1);
  if (n < 0)
    return n;
  buf[n] = '\0';
  return n;
}

/* The number behind "\nkey" in text; a field may be missing (no mm: kernel threads, zombies). */
static uint64_t field(const char *text, const char *key) {
  const char *at = strstr(text, key);
  return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

int sbx_proc_mem(pid_t pid, struct sbx_proc_mem *out) {
  char text[4096];
  ssize_t n = read_proc(pid, "status", text, sizeof text);
  if (n < 0)
    return (int)n;
  /* The kernel escapes newlines in Name, so no field can be forged by a process title. */
  out->data_kb = field(text, "\nVmData:");
  out->rss_anon_kb = field(text, "\nRssAnon:");
  out->rss_file_kb = field(text, "\nRssFile:");
  out->rss_shmem_kb = field(text, "\nRssShmem:");
  return 0;
}

int sbx_proc_io(pid_t pid, struct sbx_proc_io *out) {
  char text[1024] = "\n";
  ssize_t n = read_proc(pid, "io", text + 1, sizeof text - 1);
  if (n < 0)
    return (int)n;
  out->read_chars = field(text, "\nrchar:");
  out->write_chars = field(text, "\nwchar:");
  out->read_bytes = field(text, "\nread_bytes:");
  out->write_bytes = field(text, "\nwrite_bytes:");
  return 0;
}

int sbx_proc_stat(pid_t pid, struct sbx_proc_stat *out) {
  char text[2048];
  ssize_t n = read_proc(pid, "stat", text, sizeof text);
  if (n < 0)
    return (int)n;
  /* comm may hold anything, also ") R 1": what counts is behind the last parenthesis. */
  const char *at = strrchr(text, ')');
  if (!at)
    return -EPROTO;
  int ppid;
  unsigned long long utime, stime, start;
  long threads;
  char state;
  /* proc(5), fields 3 (state), 4 (ppid), 14, 15 (utime, stime), 20 (threads), 22 (starttime). */
  if (sscanf(at + 1,
             " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %ld %*d %llu",
             &state, &ppid, &utime, &stime, &threads, &start) != 6)
    return -EPROTO;
  uint64_t tick = (uint64_t)sysconf(_SC_CLK_TCK);
  out->state = state;
  out->ppid = ppid;
  out->cpu_us = (utime + stime) * 1000000u / tick;
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
