/* SPDX-License-Identifier: MIT */
/* The log ring on any text, any cut, any capacity. Two rings get the same bytes, one in the pieces
 * that the input asks for and one in tiny ones: they must tell of the same lines, and each must
 * hold the newest of them. The input: capacity (u16, scaled by a byte), then operations: kind,
 * length (u16), bytes. */
#include "fuzz.h"

#include "../../src/core/logring.h"

#define MOST_LINES 4096
#define LINE_COST                                                                                  \
  16 /* bookkeeping of a line; one that does not fit an empty ring is never kept                   \
      */

struct seen {
  size_t capacity, count, unfit;
  uint64_t hash[MOST_LINES];
};

static uint64_t hash_of(const struct sbx_log_line *line) {
  uint64_t h = 14695981039346656037u + (uint64_t)line->level;
  for (size_t i = 0; i < line->len; i++)
    h = (h ^ (unsigned char)line->text[i]) * 1099511628211u;
  return h;
}

static void note(void *arg, const struct sbx_log_line *line) {
  struct seen *s = arg;
  REQUIRE(line->len <= SBX_LOG_LINE_MAX);
  REQUIRE(line->len == 0 || !memchr(line->text, '\n', line->len));
  REQUIRE(line->level < SBX_LOG_LEVELS);
  if (s->capacity > 0 && line->len + LINE_COST > s->capacity) {
    s->unfit++;
    return;
  }
  if (s->count < MOST_LINES)
    s->hash[s->count] = hash_of(line);
  s->count++;
}

static void check(const struct sbx_logring *r, const struct seen *s) {
  uint64_t cursor = 0, held = sbx_logring_count(r);
  struct sbx_log_line line;
  size_t at = s->count - (size_t)held;
  REQUIRE(held <= s->count);
  REQUIRE(s->capacity == 0 ? held == 0 && sbx_logring_dropped(r) == 0
                           : held + sbx_logring_dropped(r) == s->count + s->unfit);
  while (sbx_logring_next(r, &cursor, &line)) {
    REQUIRE(at < s->count);
    REQUIRE(at >= MOST_LINES || s->hash[at] == hash_of(&line));
    at++;
  }
  REQUIRE(at == s->count);
  REQUIRE(sbx_logring_memory(r) <= s->capacity + SBX_LOGRING_OVERHEAD);
}

static void write_pieces(struct sbx_logring *r, enum sbx_log_stream stream, const char *text,
                         size_t n, size_t piece) {
  for (size_t i = 0; i < n; i += piece)
    sbx_logring_write(r, stream, 2, text + i, n - i < piece ? n - i : piece);
}

/* One operation of the input on both rings; returns whether it was an expensive one. */
static int operate(struct fuzz_input *in, struct sbx_logring *a, struct sbx_logring *b) {
  uint8_t kind = take_byte(in);
  size_t n = take_u16(in), total;
  enum sbx_log_stream stream = (enum sbx_log_stream)(kind & 1);
  const char *text = (const char *)take_bytes(in, &n);
  switch (kind >> 1 & 3) {
  case 0:
    sbx_logring_write(a, stream, 1, text, n);
    write_pieces(b, stream, text, n, 1);
    break;
  case 1:
    sbx_logring_line(a, (enum sbx_log_level)(kind >> 3 & 3), 1, text, n);
    sbx_logring_line(b, (enum sbx_log_level)(kind >> 3 & 3), 1, text, n);
    break;
  case 2: /* a text repeated until it is about as long as the longest line */
    total = n ? (SBX_LOG_LINE_MAX + n) / n * n : 0;
    char *big = malloc(total + 1);
    REQUIRE(big);
    for (size_t i = 0; i < total; i += n)
      memcpy(big + i, text, n);
    total -= (size_t)(kind >> 3) < total ? (size_t)(kind >> 3) : total;
    sbx_logring_write(a, stream, 1, big, total);
    write_pieces(b, stream, big, total, 13);
    free(big);
    break;
  default:
    sbx_logring_finish(a, 3);
    sbx_logring_finish(b, 3);
  }
  return (kind >> 1 & 3) == 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct seen by_piece, by_crumb;
  struct fuzz_input in = {data, size};
  size_t capacity = take_u16(&in);
  capacity *= take_byte(&in) % 8;
  memset(&by_piece, 0, offsetof(struct seen, hash));
  memset(&by_crumb, 0, offsetof(struct seen, hash));
  by_piece.capacity = by_crumb.capacity = capacity;
  struct sbx_logring *a = sbx_logring_new(capacity, note, &by_piece);
  struct sbx_logring *b = sbx_logring_new(capacity, note, &by_crumb);
  REQUIRE(a && b);
  for (int big = 0; in.left > 0 && big < 4;)
    big += operate(&in, a, b);
  sbx_logring_finish(a, 4);
  sbx_logring_finish(b, 4);
  check(a, &by_piece);
  check(b, &by_crumb);
  REQUIRE(by_piece.count == by_crumb.count && by_piece.unfit == by_crumb.unfit);
  size_t known = by_piece.count < MOST_LINES ? by_piece.count : MOST_LINES;
  REQUIRE(memcmp(by_piece.hash, by_crumb.hash, known * sizeof by_piece.hash[0]) == 0);
  sbx_logring_free(a);
  sbx_logring_free(b);
  return 0;
}
