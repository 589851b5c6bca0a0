/* SPDX-License-Identifier: MIT */
/* The log ring. Records lie back to back in a byte ring: a head {len, level, time}, then the text.
 * Positions are 64-bit counters that only grow (the index is position modulo size), so "empty" and
 * "full" need no flag and a record may wrap at any byte. */
#include "logring.h"

#include <stdlib.h>
#include <string.h>

struct record {
  uint32_t len;
  uint32_t level;
  double time_ms;
};

struct partial {
  char *text;
  size_t len, cap;
};

struct sbx_logring {
  char *bytes;
  size_t size, capacity; /* allocated now; allowed at most */
  uint64_t head, tail;   /* positions of the next write and of the oldest record */
  uint64_t count, dropped;
  struct partial partial[SBX_STREAMS];
  char *scratch; /* a wrapped line, made contiguous for the reader */
  size_t scratch_cap;
  sbx_log_cb cb;
  void *arg;
};

#define FIRST_SIZE ((size_t)4 << 10)
#define PARTIAL_MAX ((size_t)SBX_LOG_LINE_MAX + 2)

struct sbx_logring *sbx_logring_new(size_t capacity, sbx_log_cb cb, void *arg) {
  struct sbx_logring *r = calloc(1, sizeof *r);
  if (!r)
    return NULL;
  r->capacity = capacity;
  r->cb = cb;
  r->arg = arg;
  return r;
}

static void copy_in(struct sbx_logring *r, const void *from, size_t n) {
  if (n == 0)
    return; /* an empty line's text may be NULL, which memcpy(3) must not be given */
  size_t at = r->head % r->size;
  size_t first = n < r->size - at ? n : r->size - at;
  memcpy(r->bytes + at, from, first);
  memcpy(r->bytes, (const char *)from + first, n - first);
  r->head += n;
}

static void copy_out(const struct sbx_logring *r, uint64_t position, void *to, size_t n) {
  size_t at = position % r->size; /* NOLINT(clang-analyzer-core.DivideZero): it holds a record */
  size_t first = n < r->size - at ? n : r->size - at;
  memcpy(to, r->bytes + at, first);
  memcpy((char *)to + first, r->bytes, n - first);
}

/* Moves to a larger ring; positions start again at 0. */
static int grow(struct sbx_logring *r, size_t needed) {
  size_t used = (size_t)(r->head - r->tail);
  size_t size = r->size ? r->size : FIRST_SIZE;
  while (size < used + needed && size < r->capacity)
    size *= 2;
  if (size > r->capacity)
    size = r->capacity;
  if (size <= r->size)
    return 0;
  char *bytes = malloc(size);
  if (!bytes)
    return 0;
  if (used > 0)
    copy_out(r, r->tail, bytes, used);
  free(r->bytes);
  r->bytes = bytes;
  r->size = size;
  r->tail = 0;
  r->head = used;
  return 1;
}

static void drop_oldest(struct sbx_logring *r) {
  struct record oldest;
  copy_out(r, r->tail, &oldest, sizeof oldest);
  r->tail += sizeof oldest + oldest.len;
  r->count--;
  r->dropped++;
}

static void keep(struct sbx_logring *r, const struct sbx_log_line *line) {
  struct record record = {(uint32_t)line->len, line->level, line->time_ms};
  size_t needed = sizeof record + line->len;
  if (r->capacity == 0)
    return;
  if (needed > r->capacity) {
    r->dropped++;
    return;
  }
  if (r->head - r->tail + needed > r->size)
    grow(r, needed);
  if (needed > r->size) {
    r->dropped++; /* no memory for a larger ring */
    return;
  }
  while (r->head - r->tail + needed > r->size)
    drop_oldest(r);
  copy_in(r, &record, sizeof record);
  copy_in(r, line->text, line->len);
  r->count++;
}

static void emit(struct sbx_logring *r, enum sbx_log_level level, double time_ms, const char *text,
                 size_t len) {
  struct sbx_log_line line = {time_ms, level, text, len};
  keep(r, &line);
  if (r->cb)
    r->cb(r->arg, &line);
}

/* The most of `len` bytes that ends on a character boundary: steps back over at most three
 * continuation bytes, so that invalid UTF-8 cannot make it loop or return nothing. */
static size_t whole_characters(const char *text, size_t len) {
  size_t at = len;
  while (at > 0 && len - at < 3 && ((unsigned char)text[at] & 0xC0) == 0x80)
    at--;
  return at > 0 && ((unsigned char)text[at] & 0xC0) != 0x80 ? at : len;
}

/* Emits one logical line, split where it exceeds the longest line. */
static void emit_split(struct sbx_logring *r, enum sbx_log_level level, double time_ms,
                       const char *text, size_t len) {
  while (len > SBX_LOG_LINE_MAX) {
    size_t take = whole_characters(text, SBX_LOG_LINE_MAX);
    emit(r, level, time_ms, text, take);
    text += take;
    len -= take;
  }
  emit(r, level, time_ms, text, len);
}

static size_t without_cr(const char *text, size_t len) {
  return len > 0 && text[len - 1] == '\r' ? len - 1 : len;
}

static const enum sbx_log_level stream_level[SBX_STREAMS] = {SBX_LOG_INFO, SBX_LOG_ERROR};

/* Room for the longest line, a CR that may turn out to belong to its end, and the byte that decides
 * it. Grows by doubling, since most guests only ever write short lines. */
static int room_for(struct partial *p, size_t needed) {
  size_t cap = p->cap ? p->cap : 256;
  if (needed <= p->cap)
    return 1;
  while (cap < needed)
    cap *= 2;
  if (cap > PARTIAL_MAX)
    cap = PARTIAL_MAX;
  char *text = realloc(p->text, cap);
  if (!text)
    return 0;
  p->text = text;
  p->cap = cap;
  return 1;
}

/* Whether the unfinished line must be split now: it is too long, and not only by a CR whose LF may
 * still come. Otherwise where a line is split would depend on how the pipe cut it. */
static int must_split(const struct partial *p) {
  return without_cr(p->text, p->len) > SBX_LOG_LINE_MAX;
}

/* Adds to the unfinished line of a stream; emits what exceeds the longest line at once. */
static void add_partial(struct sbx_logring *r, enum sbx_log_stream stream, double time_ms,
                        const char *bytes, size_t n) {
  struct partial *p = &r->partial[stream];
  while (n > 0) {
    size_t room = PARTIAL_MAX - p->len;
    size_t take = n < room ? n : room;
    if (!room_for(p, p->len + take)) {
      r->dropped++;
      p->len = 0;
      return;
    }
    memcpy(p->text + p->len, bytes, take);
    p->len += take;
    bytes += take;
    n -= take;
    if (must_split(p)) {
      size_t out = whole_characters(p->text, SBX_LOG_LINE_MAX);
      emit(r, stream_level[stream], time_ms, p->text, out);
      p->len -= out;
      memmove(p->text, p->text + out, p->len);
    }
  }
}

void sbx_logring_write(struct sbx_logring *r, enum sbx_log_stream stream, double time_ms,
                       const char *bytes, size_t n) {
  struct partial *p = &r->partial[stream];
  const char *newline;
  while (n > 0 && (newline = memchr(bytes, '\n', n))) {
    size_t len = (size_t)(newline - bytes);
    if (p->len > 0) {
      add_partial(r, stream, time_ms, bytes, len);
      if (p->len > 0) /* else there was no memory for it, and it was counted */
        emit(r, stream_level[stream], time_ms, p->text, without_cr(p->text, p->len));
      p->len = 0;
    } else {
      emit_split(r, stream_level[stream], time_ms, bytes, without_cr(bytes, len));
    }
    bytes += len + 1;
    n -= len + 1;
  }
  add_partial(r, stream, time_ms, bytes, n);
}

void sbx_logring_line(struct sbx_logring *r, enum sbx_log_level level, double time_ms,
                      const char *bytes, size_t n) {
  const char *newline;
  while (n > 0 && (newline = memchr(bytes, '\n', n))) {
    size_t len = (size_t)(newline - bytes);
    emit_split(r, level, time_ms, bytes, without_cr(bytes, len));
    bytes += len + 1;
    n -= len + 1;
  }
  emit_split(r, level, time_ms, bytes, n);
}

void sbx_logring_finish(struct sbx_logring *r, double time_ms) {
  for (int s = 0; s < SBX_STREAMS; s++) {
    struct partial *p = &r->partial[s];
    if (p->len > 0)
      emit(r, stream_level[s], time_ms, p->text, without_cr(p->text, p->len));
    p->len = 0;
  }
}

int sbx_logring_next(const struct sbx_logring *ring, uint64_t *cursor, struct sbx_log_line *line) {
  struct sbx_logring *r = (struct sbx_logring *)ring; /* the scratch line is a cache */
  struct record record;
  uint64_t at = r->tail + *cursor;
  if (at >= r->head)
    return 0;
  copy_out(r, at, &record, sizeof record);
  uint64_t text = at + sizeof record;
  size_t start = text % r->size;
  if (start + record.len <= r->size) {
    line->text = r->bytes + start;
  } else {
    if (record.len > r->scratch_cap) {
      char *scratch = realloc(r->scratch, record.len);
      if (!scratch)
        return 0;
      r->scratch = scratch;
      r->scratch_cap = record.len;
    }
    copy_out(r, text, r->scratch, record.len);
    line->text = r->scratch;
  }
  line->len = record.len;
  line->level = (enum sbx_log_level)record.level;
  line->time_ms = record.time_ms;
  *cursor += sizeof record + record.len;
  return 1;
}

uint64_t sbx_logring_count(const struct sbx_logring *r) {
  return r->count;
}

uint64_t sbx_logring_dropped(const struct sbx_logring *r) {
  return r->dropped;
}

size_t sbx_logring_memory(const struct sbx_logring *r) {
  return sizeof *r + r->size + r->partial[0].cap + r->partial[1].cap + r->scratch_cap;
}

void sbx_logring_free(struct sbx_logring *r) {
  if (!r)
    return;
  free(r->bytes);
  free(r->partial[0].text);
  free(r->partial[1].text);
  free(r->scratch);
  free(r);
}
