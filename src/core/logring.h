/* SPDX-License-Identifier: MIT */
/* The log ring: the last N bytes of a guest's output as whole lines.
 *
 * Bytes come in as the pipes deliver them; lines come out. Each kept line has its level and the
 * time of its arrival. When the ring is full the oldest lines are dropped and counted. UTF-8
 * characters are never cut: an over-long line is split before the character that does not fit.
 * Pure: no I/O, no clock, no globals. One ring per run, used from one thread. */
#ifndef SBX_LOGRING_H
#define SBX_LOGRING_H

#include <stddef.h>
#include <stdint.h>

enum sbx_log_level {
  SBX_LOG_DEBUG = 0,
  SBX_LOG_INFO = 1, /* what the guest writes to stdout */
  SBX_LOG_WARN = 2,
  SBX_LOG_ERROR = 3, /* what the guest writes to stderr */
  SBX_LOG_LEVELS = 4
};

enum sbx_log_stream { SBX_STREAM_STDOUT = 0, SBX_STREAM_STDERR = 1, SBX_STREAMS = 2 };

#define SBX_LOG_LINE_MAX (64u << 10) /* a longer line is split */

/* What a ring may hold beyond its capacity: one unfinished line per stream, one line for the
 * reader, and the bookkeeping of the ring itself. */
#define SBX_LOGRING_OVERHEAD (200u << 10)

struct sbx_log_line {
  double time_ms; /* epoch milliseconds */
  enum sbx_log_level level;
  const char *text; /* not NUL-terminated, without the newline */
  size_t len;
};

struct sbx_logring; /* opaque, malloc'ed */

/* Called for each line as it is completed (live logs). */
typedef void (*sbx_log_cb)(void *arg, const struct sbx_log_line *line);

/* `capacity`: bytes for text and bookkeeping together; 0 keeps nothing, and lines then only go to
 * `cb` (may be NULL). Memory is taken as output arrives, up to capacity plus
 * SBX_LOGRING_OVERHEAD. NULL when out of memory. */
struct sbx_logring *sbx_logring_new(size_t capacity, sbx_log_cb cb, void *arg);

/* Output bytes of a stream, any cut. CR before LF is dropped. */
void sbx_logring_write(struct sbx_logring *r, enum sbx_log_stream stream, double time_ms,
                       const char *bytes, size_t n);

/* A whole message of its own level (ctx.log); newlines in it make several lines. */
void sbx_logring_line(struct sbx_logring *r, enum sbx_log_level level, double time_ms,
                      const char *bytes, size_t n);

/* Ends unfinished last lines of both streams as a newline would, at the end of a run. */
void sbx_logring_finish(struct sbx_logring *r, double time_ms);

/* Oldest to newest: start with *cursor = 0, returns 1 while a line was given. The text pointer is
 * valid until the next write. */
int sbx_logring_next(const struct sbx_logring *r, uint64_t *cursor, struct sbx_log_line *line);

uint64_t sbx_logring_count(const struct sbx_logring *r);   /* lines held */
uint64_t sbx_logring_dropped(const struct sbx_logring *r); /* lines lost: ring full, line longer
                                                            * than the ring, no memory */
size_t sbx_logring_memory(const struct sbx_logring *r);    /* bytes of heap it holds */
void sbx_logring_free(struct sbx_logring *r);              /* NULL is fine */

#endif
