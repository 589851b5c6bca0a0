/* SPDX-License-Identifier: MIT */
/* What /proc says about a process (proc(5)). Used by init (limits) and by the addon (sampler).
 * No allocation; async-signal-safe. */
#ifndef SBX_PROC_H
#define SBX_PROC_H

#include <stdint.h>
#include <sys/types.h>

struct sbx_proc_mem {
  uint64_t rss_anon_kb, rss_file_kb, rss_shmem_kb; /* RssAnon, RssFile, RssShmem */
  uint64_t data_kb;                                /* VmData, what RLIMIT_DATA bounds */
};

struct sbx_proc_io {
  uint64_t read_chars, write_chars, read_bytes, write_bytes;
};

struct sbx_proc_stat {
  pid_t ppid;
  char state;
  uint64_t cpu_us;     /* utime + stime of the whole process */
  uint64_t start_time; /* clock ticks since boot: tells a reused pid apart */
  uint32_t threads;
};

/* Each returns 0 or -errno (-ESRCH when the process is gone). */
int sbx_proc_mem(pid_t pid, struct sbx_proc_mem *out); /* /proc/PID/status */
int sbx_proc_io(pid_t pid, struct sbx_proc_io *out);   /* /proc/PID/io; a zombie still has it */
int sbx_proc_stat(pid_t pid, struct sbx_proc_stat *out); /* comm may hold ") " and newlines */

/* CLOCK_REALTIME and CLOCK_MONOTONIC in nanoseconds. */
uint64_t sbx_now_real_ns(void);
uint64_t sbx_now_mono_ns(void);

#endif
