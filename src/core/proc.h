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
  uint64_t tables_kb;                              /* VmPTE */
  uint64_t threads;
};

struct sbx_proc_io {
  uint64_t read_chars, write_chars, read_bytes, write_bytes;
};

struct sbx_proc_stat {
  pid_t ppid;
  char state;
  uint64_t cpu_us;     /* utime + stime of the whole process, in whole clock ticks */
  uint64_t reaped_us;  /* the same of the descendants it has waited for */
  uint64_t start_time; /* clock ticks since boot: tells a reused pid apart */
  uint32_t threads;
};

/* Each returns 0 or -errno (-ESRCH when the process is gone). */
int sbx_proc_mem(pid_t pid, struct sbx_proc_mem *out);   /* /proc/PID/status */
int sbx_proc_stat(pid_t pid, struct sbx_proc_stat *out); /* comm may hold ") " and newlines */

/* /proc/PID/io of a process that runs. A zombie still has it, but the file then belongs to root
 * (it has no memory whose owner could be asked), so that others get -EACCES: whoever reads a zombie
 * must have opened the file before. */
int sbx_proc_io(pid_t pid, struct sbx_proc_io *out);

/* The same in two steps. Returns an O_CLOEXEC descriptor or -errno; it may be read again and again,
 * also when the process is a zombie. -ESRCH once it was reaped. To read returns how many bytes that
 * were, which count as read by the caller from then on, or -errno. */
int sbx_proc_io_open(pid_t pid);
int sbx_proc_io_read(int fd, struct sbx_proc_io *out);

/* CLOCK_REALTIME and CLOCK_MONOTONIC in nanoseconds. */
uint64_t sbx_now_real_ns(void);
uint64_t sbx_now_mono_ns(void);
uint64_t sbx_now_cpu_us(void); /* what the calling process has used */

#endif
