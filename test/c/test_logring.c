/* SPDX-License-Identifier: MIT */
/* The log ring against a model: whatever the cuts, the same lines come out, whole, newest kept. */
#include <string.h>

#include "tap.h"
#include "util.h"

#include "../../src/core/logring.h"

#define MAX SBX_LOG_LINE_MAX

/* Lines told of by the callback, copied. */
struct seen {
  size_t count, cap, capacity;
  struct {
    char *text;
    size_t len;
    enum sbx_log_level level;
    double time_ms;
  } * line;
};

static void note(void *arg, const struct sbx_log_line *line) {
  struct seen *s = arg;
  if (s->count == s->cap) {
    s->cap = s->cap ? s->cap * 2 : 64;
    s->line = realloc(s->line, s->cap * sizeof *s->line);
  }
  if (!s->line)
    abort();
  char *copy = malloc(line->len + 1);
  if (!copy)
    abort();
  if (line->len > 0)
    memcpy(copy, line->text, line->len);
  copy[line->len] = '\0';
  s->line[s->count].text = copy;
  s->line[s->count].len = line->len;
  s->line[s->count].level = line->level;
  s->line[s->count].time_ms = line->time_ms;
  s->count++;
}

static void forget(struct seen *s) {
  for (size_t i = 0; i < s->count; i++)
    free(s->line[i].text);
  free(s->line);
  memset(s, 0, sizeof *s);
}

static int is_line(const struct seen *s, size_t i, const char *text) {
  return i < s->count && s->line[i].len == strlen(text) && strcmp(s->line[i].text, text) == 0;
}

static int same_lines(const struct seen *a, const struct seen *b) {
  int good = a->count == b->count;
  for (size_t i = 0; good && i < a->count; i++)
    good = a->line[i].len == b->line[i].len && a->line[i].level == b->line[i].level &&
           memcmp(a->line[i].text, b->line[i].text, a->line[i].len) == 0;
  return good;
}

#define LINE_COST 16 /* bookkeeping of a line within the capacity */

/* The ring must hold exactly the newest lines of what was told, and say how many it lost. A line
 * that does not fit an empty ring is lost by itself. */
static int holds_newest(const struct sbx_logring *r, const struct seen *s) {
  uint64_t cursor = 0, n = 0, kept = sbx_logring_count(r);
  struct sbx_log_line line;
  size_t i = s->count, fitting = 0;
  while (i > 0 && fitting < kept)
    fitting += s->line[--i].len + LINE_COST <= s->capacity;
  int good = kept + sbx_logring_dropped(r) == s->count && fitting == kept;
  for (; good && i < s->count; i++) {
    if (s->line[i].len + LINE_COST > s->capacity)
      continue;
    good = sbx_logring_next(r, &cursor, &line) && line.len == s->line[i].len &&
           line.level == s->line[i].level && line.time_ms == s->line[i].time_ms &&
           (line.len == 0 || memcmp(line.text, s->line[i].text, line.len) == 0);
    n++;
  }
  return good && n == kept && !sbx_logring_next(r, &cursor, &line);
}

static struct sbx_logring *ring(size_t capacity, struct seen *s) {
  memset(s, 0, sizeof *s);
  s->capacity = capacity;
  struct sbx_logring *r = sbx_logring_new(capacity, note, s);
  if (!r)
    abort();
  return r;
}

static void write_text(struct sbx_logring *r, const char *text) {
  sbx_logring_write(r, SBX_STREAM_STDOUT, 1, text, strlen(text));
}

static void lines_and_levels(void) {
  struct seen s;
  struct sbx_logring *r = ring(1 << 20, &s);
  sbx_logring_write(r, SBX_STREAM_STDOUT, 10.5, "one\ntwo", 7);
  ok(s.count == 1 && is_line(&s, 0, "one"), "a line is told of as soon as it is complete");
  sbx_logring_write(r, SBX_STREAM_STDERR, 11, "bad\n", 4);
  sbx_logring_write(r, SBX_STREAM_STDOUT, 12.25, "2\n", 2);
  ok(is_line(&s, 1, "bad") && is_line(&s, 2, "two2"), "the streams do not mix within a line");
  ok(s.line[0].level == SBX_LOG_INFO && s.line[1].level == SBX_LOG_ERROR,
     "stdout is info, stderr is error");
  ok(s.line[0].time_ms == 10.5 && s.line[2].time_ms == 12.25, "a line has the time of its arrival");
  sbx_logring_line(r, SBX_LOG_WARN, 13, "a\nb\r\nc", 6);
  ok(s.count == 6 && is_line(&s, 3, "a") && is_line(&s, 4, "b") && is_line(&s, 5, "c") &&
         s.line[5].level == SBX_LOG_WARN,
     "newlines in a message make several lines of its level");
  sbx_logring_line(r, SBX_LOG_DEBUG, 14, NULL, 0);
  ok(s.count == 7 && is_line(&s, 6, "") && s.line[6].level == SBX_LOG_DEBUG,
     "an empty message is an empty line");
  write_text(r, "\n\nx\n");
  ok(s.count == 10 && is_line(&s, 7, "") && is_line(&s, 8, "") && is_line(&s, 9, "x"),
     "empty lines are kept");
  ok(holds_newest(r, &s) && sbx_logring_dropped(r) == 0, "the ring holds what was told, in order");
  ok(sbx_logring_count(r) == 10, "count is the lines held");
  sbx_logring_free(r);
  forget(&s);
  sbx_logring_free(NULL);
}

static void unfinished(void) {
  struct seen s;
  struct sbx_logring *r = ring(1 << 20, &s);
  write_text(r, "out");
  sbx_logring_write(r, SBX_STREAM_STDERR, 1, "err\r", 4);
  sbx_logring_line(r, SBX_LOG_WARN, 2, "between", 7);
  ok(s.count == 1 && is_line(&s, 0, "between"), "a message does not end an unfinished line");
  sbx_logring_finish(r, 9);
  ok(s.count == 3 && is_line(&s, 1, "out") && is_line(&s, 2, "err") && s.line[2].time_ms == 9,
     "finish ends the unfinished lines of both streams as a newline would");
  sbx_logring_finish(r, 10);
  ok(s.count == 3, "finish with nothing unfinished adds nothing");
  write_text(r, "more\n");
  ok(s.count == 4 && is_line(&s, 3, "more"), "the ring still works afterwards");
  sbx_logring_free(r);
  forget(&s);
  r = ring(100, &s);
  write_text(r, "left unfinished");
  sbx_logring_free(r);
  ok(s.count == 0, "a ring freed with an unfinished line tells of nothing");
  forget(&s);
}

static void carriage_returns(void) {
  struct seen s;
  struct sbx_logring *r = ring(1 << 20, &s);
  write_text(r, "a\r\nb\r");
  write_text(r, "\nc\rd\r\r\n");
  write_text(r, "\r");
  write_text(r, "\n");
  ok(s.count == 4 && is_line(&s, 0, "a"), "CR before LF is dropped");
  ok(is_line(&s, 1, "b"), "also when the cut is between them");
  ok(is_line(&s, 2, "c\rd\r"), "a CR anywhere else stays");
  ok(is_line(&s, 3, ""), "CR LF alone is an empty line");
  sbx_logring_free(r);
  forget(&s);
}

/* Capacity 100 holds five lines of four bytes each, behind LINE_COST each. */
static void full_ring(void) {
  struct seen s;
  char text[16];
  int good = 1, memory = 1;
  struct sbx_logring *r = ring(100, &s);
  for (int i = 0; i < 1000; i++) {
    snprintf(text, sizeof text, "%04d\n", i);
    write_text(r, text);
    good &= holds_newest(r, &s);
    memory &= sbx_logring_memory(r) <= 100 + SBX_LOGRING_OVERHEAD;
  }
  ok(good, "a full ring drops the oldest lines, and counts them, after each of 1,000 writes");
  ok(sbx_logring_count(r) == 5 && sbx_logring_dropped(r) == 995,
     "text and bookkeeping together stay within the capacity");
  ok(memory, "memory stays within the capacity and the stated overhead");
  char big[200];
  memset(big, 'x', sizeof big);
  sbx_logring_line(r, SBX_LOG_INFO, 1, big, 84);
  ok(sbx_logring_count(r) == 1 && holds_newest(r, &s),
     "a line that just fits takes the whole ring");
  sbx_logring_line(r, SBX_LOG_INFO, 1, big, 85);
  ok(sbx_logring_count(r) == 1 && sbx_logring_dropped(r) == 1001 && holds_newest(r, &s),
     "a line longer than the ring is counted as dropped and evicts nothing");
  sbx_logring_free(r);
  forget(&s);
}

static void capacities(void) {
  struct seen s;
  struct sbx_log_line line;
  uint64_t cursor = 0;
  struct sbx_logring *r = ring(0, &s);
  write_text(r, "a\nb\n");
  ok(s.count == 2 && sbx_logring_count(r) == 0 && sbx_logring_next(r, &cursor, &line) == 0,
     "capacity 0 keeps nothing, and lines go to the callback");
  ok(sbx_logring_dropped(r) == 0, "and nothing counts as dropped");
  sbx_logring_free(r);
  forget(&s);
  for (size_t capacity = 1; capacity < 40; capacity++) {
    r = ring(capacity, &s);
    write_text(r, "hello\nyou\n\n");
    cursor = holds_newest(r, &s) ? cursor : 99;
    sbx_logring_free(r);
    forget(&s);
  }
  ok(cursor == 0, "a capacity smaller than a line's bookkeeping is no trap");
  r = ring(SIZE_MAX, &s);
  size_t empty = sbx_logring_memory(r);
  for (int i = 0; i < 20000; i++)
    write_text(r, "0123456789\n");
  ok(empty <= 4096 && sbx_logring_memory(r) < (2u << 20),
     "with a huge capacity memory is taken as output arrives");
  ok(sbx_logring_count(r) == 20000 && holds_newest(r, &s), "and nothing is dropped");
  sbx_logring_free(r);
  forget(&s);
  r = sbx_logring_new(1000, NULL, NULL);
  write_text(r, "quiet\n");
  ok(sbx_logring_count(r) == 1, "the callback may be NULL");
  sbx_logring_free(r);
}

static void long_line(const char *name, size_t len, const char *end, size_t lines, size_t last) {
  struct seen whole, cut;
  char *text = malloc(len + 3);
  if (!text)
    abort();
  memset(text, 'x', len);
  strcpy(text + len, end);
  size_t total = len + strlen(end);
  struct sbx_logring *a = ring(8 << 20, &whole), *b = ring(8 << 20, &cut);
  sbx_logring_write(a, SBX_STREAM_STDOUT, 1, text, total);
  sbx_logring_finish(a, 1);
  sbx_logring_write(b, SBX_STREAM_STDOUT, 1, text, len / 2);
  for (size_t i = len / 2; i < total; i += 7)
    sbx_logring_write(b, SBX_STREAM_STDOUT, 1, text + i, total - i < 7 ? total - i : 7);
  sbx_logring_finish(b, 1);
  ok(whole.count == lines && whole.line[lines - 1].len == last && same_lines(&whole, &cut) &&
         holds_newest(a, &whole),
     name);
  sbx_logring_free(a);
  sbx_logring_free(b);
  forget(&whole);
  forget(&cut);
  free(text);
}

static void long_lines(void) {
  long_line("a line of exactly the maximum is one line", MAX, "\n", 1, MAX);
  long_line("with CR LF too", MAX, "\r\n", 1, MAX);
  long_line("and unfinished", MAX, "", 1, MAX);
  long_line("and unfinished behind a CR", MAX, "\r", 1, MAX);
  long_line("a byte more makes two lines", MAX + 1, "\n", 2, 1);
  long_line("with CR LF too, and the CR is dropped", MAX + 1, "\r\n", 2, 1);
  long_line("twice the maximum is two lines, not three", 2 * MAX, "\r\n", 2, MAX);
  long_line("a CR in the middle is text like any other", MAX, "\rz", 2, 2);
  long_line("five times and a rest", 5 * MAX + 9, "\n", 6, 9);
}

/* A long line of `bytes` repeated: no part may be over the maximum or begin within a character. */
static void split_characters(const char *name, const char *bytes, size_t shift) {
  struct seen s, cut;
  size_t n = strlen(bytes), len = 0, total = 0;
  int good = 1;
  char *text = malloc(3 * MAX + 8);
  if (!text)
    abort();
  memset(text, 'a', shift);
  for (len = shift; len + n <= 3 * MAX; len += n)
    memcpy(text + len, bytes, n);
  struct sbx_logring *r = ring(1 << 20, &s), *q = ring(1 << 20, &cut);
  sbx_logring_line(r, SBX_LOG_INFO, 1, text, len);
  for (size_t i = 0; i < len; i += 1001)
    sbx_logring_write(q, SBX_STREAM_STDOUT, 1, text + i, len - i < 1001 ? len - i : 1001);
  sbx_logring_finish(q, 1);
  for (size_t i = 0; i < s.count; i++) {
    size_t expected = i == 0 ? shift : 0; /* of a's before the first character */
    good &= s.line[i].len <= MAX && (s.line[i].len - expected) % n == 0;
    good &= memcmp(s.line[i].text, text + total, s.line[i].len) == 0;
    total += s.line[i].len;
  }
  ok(good && total == len && s.count >= 3 && same_lines(&s, &cut), name);
  sbx_logring_free(r);
  sbx_logring_free(q);
  forget(&s);
  forget(&cut);
  free(text);
}

static void characters(void) {
  char name[100];
  static const char *const kinds[] = {"\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
  for (size_t kind = 0; kind < 3; kind++)
    for (size_t shift = 0; shift < 4; shift++) {
      snprintf(name, sizeof name, "characters of %zu bytes at offset %zu are never cut", kind + 2,
               shift);
      split_characters(name, kinds[kind], shift);
    }
  split_characters("continuation bytes without a character are split, not lost", "\x80", 0);
  split_characters("first bytes without continuation as well", "\xF0", 0);
  split_characters("bytes that UTF-8 never has as well", "\xFF", 0);
}

/* A random text of characters of every length, newlines, CRs and, if asked, damage. */
static size_t random_text(char *out, size_t room, uint64_t *seed, int damaged) {
  static const char *const parts[] = {
      "a",    "\n", "\r\n", "\xC3\xA9", "\xE2\x82\xAC", "b", "\xC2\xA0", "\xF0\x9F\x98\x80",
      "word", "\r"};
  size_t n = 0;
  while (n + 8 < room) {
    const char *part = parts[next_random(seed) % 10];
    memcpy(out + n, part, strlen(part));
    n += strlen(part);
    if (damaged && next_random(seed) % 20 == 0)
      out[n++] = (char)(0x80 | next_random(seed));
    if (next_random(seed) % 200 == 0 && n + 70000 < room) { /* now and then a very long line */
      size_t run = MAX - 4 + next_random(seed) % 8;
      memset(out + n, 'L', run);
      n += run;
    }
  }
  return n;
}

static int is_utf8(const char *text, size_t len) {
  const unsigned char *s = (const unsigned char *)text;
  for (size_t i = 0; i < len;) {
    size_t more = s[i] < 0x80 ? 0 : s[i] >= 0xF0 ? 3 : s[i] >= 0xE0 ? 2 : s[i] >= 0xC2 ? 1 : 9;
    for (size_t k = 1; k <= more; k++)
      if (i + k >= len || (s[i + k] & 0xC0) != 0x80)
        return 0;
    i += more + 1;
  }
  return 1;
}

/* Feeds two texts, one per stream, in random pieces of random order. */
static void feed_randomly(struct sbx_logring *r, char *const text[2], const size_t len[2],
                          uint64_t *seed) {
  size_t at[2] = {0, 0};
  while (at[0] < len[0] || at[1] < len[1]) {
    int s = next_random(seed) & 1;
    size_t most = next_random(seed) % 50 ? 40 : 100000;
    size_t take = next_random(seed) % most;
    if (take > len[s] - at[s])
      take = len[s] - at[s];
    sbx_logring_write(r, (enum sbx_log_stream)s, (double)at[s], text[s] + at[s], take);
    at[s] += take;
  }
  sbx_logring_finish(r, 1);
}

/* Only the lines of one level, without changing the source. */
static struct seen of_level(const struct seen *s, enum sbx_log_level level) {
  struct seen out = {0};
  for (size_t i = 0; i < s->count; i++)
    if (s->line[i].level == level) {
      struct sbx_log_line line = {0, level, s->line[i].text, s->line[i].len};
      note(&out, &line);
    }
  return out;
}

static void random_cuts(void) {
  enum { ROOM = 400000 };
  uint64_t seed = 20240229;
  int same = 1, newest = 1, utf8 = 1, bounded = 1, memory = 1;
  char *text[2] = {malloc(ROOM), malloc(ROOM)};
  if (!text[0] || !text[1])
    abort();
  for (int round = 0; round < 60; round++) {
    size_t room = round % 4 ? 20000 : ROOM,
           capacity = next_random(&seed) % (round % 3 ? room / 8 : 2 * room);
    size_t len[2] = {random_text(text[0], room, &seed, round & 1),
                     random_text(text[1], room, &seed, round & 1)};
    struct seen s;
    struct sbx_logring *r = ring(capacity, &s);
    feed_randomly(r, text, len, &seed);
    newest &= holds_newest(r, &s) || capacity == 0;
    memory &= sbx_logring_memory(r) <= capacity + SBX_LOGRING_OVERHEAD;
    for (size_t i = 0; i < s.count; i++) {
      bounded &= s.line[i].len <= MAX && !memchr(s.line[i].text, '\n', s.line[i].len);
      utf8 &= round & 1 || is_utf8(s.line[i].text, s.line[i].len);
    }
    for (int stream = 0; stream < 2; stream++) {
      struct seen once, these = of_level(&s, stream ? SBX_LOG_ERROR : SBX_LOG_INFO);
      struct sbx_logring *q = ring(0, &once);
      sbx_logring_write(q, (enum sbx_log_stream)stream, 0, text[stream], len[stream]);
      sbx_logring_finish(q, 0);
      same &= same_lines(&once, &these);
      sbx_logring_free(q);
      forget(&once);
      forget(&these);
    }
    sbx_logring_free(r);
    forget(&s);
  }
  free(text[0]);
  free(text[1]);
  ok(same, "60 random texts, randomly cut and mixed, give the same lines as uncut");
  ok(newest, "the ring always holds the newest of them, and counts the rest");
  ok(utf8, "UTF-8 stays UTF-8 in every line");
  ok(bounded, "no line is longer than the maximum or holds a newline");
  ok(memory, "memory stays within capacity and the stated overhead");
}

int main(void) {
  lines_and_levels();
  unfinished();
  carriage_returns();
  full_ring();
  capacities();
  long_lines();
  characters();
  random_cuts();
  return tap_done();
}
