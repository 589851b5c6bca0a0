/* SPDX-License-Identifier: MIT */
/* The frame parser against honest streams cut anywhere and against hostile headers. */
#include "tap.h"

#include <string.h>

#include "../../src/core/frame.h"

struct seen {
  int count;
  uint8_t type[8];
  size_t len[8];
  uint8_t first[8];
};

static int note(void *arg, uint8_t type, uint8_t *data, size_t len) {
  struct seen *s = arg;
  if (s->count < 8) {
    s->type[s->count] = type;
    s->len[s->count] = len;
    s->first[s->count] = len ? data[0] : 0;
  }
  s->count++;
  free(data);
  return 0;
}

static size_t build(uint8_t *out) {
  sbx_frame_header(out, SBX_FRAME_LOG, 3);
  memcpy(out + 8, "\1ab", 3);
  sbx_frame_header(out + 11, SBX_FRAME_RESULT, 0);
  sbx_frame_header(out + 19, SBX_FRAME_RESULT, 5);
  memcpy(out + 27, "[1,2]", 5);
  return 32;
}

static int right(const struct seen *s) {
  return s->count == 3 && s->type[0] == SBX_FRAME_LOG && s->len[0] == 3 && s->len[1] == 0 &&
         s->type[2] == SBX_FRAME_RESULT && s->len[2] == 5 && s->first[2] == '[';
}

static void every_split(void) {
  uint8_t bytes[64];
  size_t n = build(bytes);
  int good = 1;
  for (size_t cut = 0; cut <= n; cut++) {
    struct sbx_frame_parser p;
    struct seen s = {0};
    sbx_frame_parser_init_host(&p, 1024);
    good &= sbx_frame_feed(&p, bytes, cut, note, &s) == SBX_FRAME_OK;
    good &= sbx_frame_feed(&p, bytes + cut, n - cut, note, &s) == SBX_FRAME_OK;
    good &= right(&s);
    sbx_frame_parser_free(&p);
  }
  ok(good, "frames cut at any byte arrive whole");
}

static int status_of(const uint8_t header[SBX_FRAME_HEADER]) {
  struct sbx_frame_parser p;
  struct seen s = {0};
  sbx_frame_parser_init_host(&p, 1024);
  int status = sbx_frame_feed(&p, header, SBX_FRAME_HEADER, note, &s);
  int again = sbx_frame_feed(&p, header, SBX_FRAME_HEADER, note, &s);
  sbx_frame_parser_free(&p);
  return s.count == 0 && again == status ? status : 99;
}

static void hostile_headers(void) {
  uint8_t h[SBX_FRAME_HEADER];
  sbx_frame_header(h, SBX_FRAME_RESULT, 1025);
  ok(status_of(h) == SBX_FRAME_E_TOO_LONG, "a length over the type's limit is refused");
  sbx_frame_header(h, SBX_FRAME_RESULT, 0xffffffffu);
  ok(status_of(h) == SBX_FRAME_E_TOO_LONG, "a negative-looking length is refused");
  sbx_frame_header(h, SBX_FRAME_REQUEST, 1);
  ok(status_of(h) == SBX_FRAME_E_TYPE, "a host's type from a guest is refused");
  sbx_frame_header(h, SBX_FRAME_RESULT, 1);
  h[4] = 9;
  ok(status_of(h) == SBX_FRAME_E_VERSION, "an unknown version is refused");
  sbx_frame_header(h, SBX_FRAME_RESULT, 1);
  h[6] = 1;
  ok(status_of(h) == SBX_FRAME_E_VERSION, "a non-zero reserved field is refused");
  h[6] = 0;
  h[7] = 1;
  ok(status_of(h) == SBX_FRAME_E_VERSION, "in its second byte as well");
}

static void announced_is_not_allocated(void) {
  struct sbx_frame_parser p;
  struct seen s = {0};
  uint8_t h[SBX_FRAME_HEADER];
  sbx_frame_parser_init_host(&p, 256u << 20);
  sbx_frame_header(h, SBX_FRAME_RESULT, 128u << 20);
  sbx_frame_feed(&p, h, sizeof h, note, &s);
  sbx_frame_feed(&p, (const uint8_t *)"0123456789", 10, note, &s);
  ok(p.cap <= (64u << 10) && p.len == 10, "128 MiB announced and 10 bytes sent take 64 KiB");
  sbx_frame_parser_free(&p);
}

/* What the header promises of each type's limit: that many bytes pass, one more is refused before a
 * byte of payload is read. */
static void limits(void) {
  static const struct {
    uint8_t type;
    uint32_t limit;
  } table[] = {{SBX_FRAME_MARK, SBX_LIMIT_MARK},   {SBX_FRAME_LOG, SBX_LIMIT_LOG},
               {SBX_FRAME_SPAN, SBX_LIMIT_SPAN},   {SBX_FRAME_NOTICE, SBX_LIMIT_NOTICE},
               {SBX_FRAME_ERROR, SBX_LIMIT_ERROR}, {SBX_FRAME_RESULT, 70000}};
  uint8_t h[SBX_FRAME_HEADER], *payload = calloc(1, 2u << 20);
  int fits = 1, over = 1;
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    struct sbx_frame_parser p;
    struct seen s = {0};
    sbx_frame_parser_init_host(&p, 70000);
    sbx_frame_header(h, table[i].type, table[i].limit);
    sbx_frame_feed(&p, h, sizeof h, note, &s);
    fits &= sbx_frame_feed(&p, payload, table[i].limit, note, &s) == SBX_FRAME_OK;
    fits &= s.count == 1 && s.len[0] == table[i].limit && s.type[0] == table[i].type;
    sbx_frame_header(h, table[i].type, table[i].limit + 1);
    over &= sbx_frame_feed(&p, h, sizeof h, note, &s) == SBX_FRAME_E_TOO_LONG;
    over &= p.failed_type == table[i].type && s.count == 1 && p.cap == 0;
    sbx_frame_parser_free(&p);
  }
  free(payload);
  ok(fits, "each type passes up to its limit");
  ok(over, "a byte more is refused before any payload, and the type is told");
}

static void only_accepted(void) {
  int good = 1;
  for (int type = 0; type < 256; type++) {
    uint8_t h[SBX_FRAME_HEADER];
    struct sbx_frame_parser none, one;
    struct seen s = {0};
    sbx_frame_parser_init(&none);
    sbx_frame_parser_init(&one);
    sbx_frame_accept(&one, (uint8_t)type, 0);
    sbx_frame_header(h, (uint8_t)type, 0);
    good &= sbx_frame_feed(&none, h, sizeof h, note, &s) == SBX_FRAME_E_TYPE && s.count == 0;
    good &= sbx_frame_feed(&one, h, sizeof h, note, &s) == SBX_FRAME_OK && s.count == 1;
    sbx_frame_header(h, (uint8_t)(type + 1), 0);
    good &= sbx_frame_feed(&one, h, sizeof h, note, &s) == SBX_FRAME_E_TYPE && s.count == 1;
    sbx_frame_parser_free(&none);
    sbx_frame_parser_free(&one);
  }
  ok(good, "a new parser accepts nothing, then just what it was told to");
}

static int stop(void *arg, uint8_t type, uint8_t *data, size_t len) {
  note(arg, type, data, len);
  return 1;
}

static void stopped(void) {
  uint8_t bytes[64];
  struct sbx_frame_parser p;
  struct seen s = {0};
  size_t n = build(bytes);
  sbx_frame_parser_init_host(&p, 1024);
  ok(sbx_frame_feed(&p, bytes, n, stop, &s) == SBX_FRAME_E_STOPPED && s.count == 1,
     "a callback that says stop gets no other frame");
  ok(sbx_frame_feed(&p, bytes, n, note, &s) == SBX_FRAME_E_STOPPED && s.count == 1,
     "the failure is sticky");
  uint8_t *at;
  size_t room;
  ok(!sbx_frame_reserve(&p, &at, &room) &&
         sbx_frame_commit(&p, 1, note, &s) == SBX_FRAME_E_STOPPED && s.count == 1,
     "also for the zero-copy calls");
  sbx_frame_parser_free(&p);
}

struct big {
  size_t len;
  int good;
};

static int check_big(void *arg, uint8_t type, uint8_t *data, size_t len) {
  struct big *b = arg;
  b->len = len;
  b->good = type == SBX_FRAME_RESULT;
  for (size_t i = 0; i < len; i++)
    b->good &= data[i] == (uint8_t)(i * 7);
  free(data);
  return 0;
}

/* Reads 5 MB to the places that reserve gives, in pieces smaller than those. */
static void zero_copy(void) {
  enum { TOTAL = 5000000 };
  struct sbx_frame_parser p;
  struct big b = {0};
  uint8_t h[SBX_FRAME_HEADER], *at;
  size_t room, done = 0, largest = 0;
  int bounded = 1, status = 0;
  sbx_frame_parser_init_host(&p, TOTAL);
  sbx_frame_charge(&p, SBX_FRAME_RESULT, UINT32_MAX); /* its bytes say nothing */
  ok(!sbx_frame_reserve(&p, &at, &room), "there is nothing to reserve before a header");
  sbx_frame_header(h, SBX_FRAME_RESULT, TOTAL);
  sbx_frame_feed(&p, h, 3, check_big, &b);
  ok(!sbx_frame_reserve(&p, &at, &room), "nor within it");
  sbx_frame_feed(&p, h + 3, 5, check_big, &b);
  while (status == 0 && done < TOTAL && sbx_frame_reserve(&p, &at, &room)) {
    bounded &= room > 0 && room <= TOTAL - done;
    bounded &= p.cap <= (64u << 10) || p.cap <= 2 * done;
    largest = room > largest ? room : largest;
    size_t take = room < 50000 ? room : 50000;
    for (size_t i = 0; i < take; i++)
      at[i] = (uint8_t)((done + i) * 7);
    done += take;
    status = sbx_frame_commit(&p, take, check_big, &b);
  }
  ok(status == 0 && b.len == TOTAL && b.good, "5 MB read in place arrive whole");
  ok(bounded, "the room grows with what has arrived, at most twice that, never beyond the frame");
  ok(largest > 1000000, "it grows geometrically");
  ok(!sbx_frame_reserve(&p, &at, &room), "behind the frame there is nothing to reserve");
  sbx_frame_parser_free(&p);
}

static void one_byte_at_a_time(void) {
  enum { TOTAL = 200000 };
  struct sbx_frame_parser p;
  struct big b = {0};
  uint8_t h[SBX_FRAME_HEADER];
  sbx_frame_parser_init_host(&p, TOTAL);
  sbx_frame_charge(&p, SBX_FRAME_RESULT, UINT32_MAX); /* its bytes say nothing */
  sbx_frame_header(h, SBX_FRAME_RESULT, TOTAL);
  for (size_t i = 0; i < sizeof h; i++)
    sbx_frame_feed(&p, h + i, 1, check_big, &b);
  for (size_t i = 0; i < TOTAL; i++) {
    uint8_t byte = (uint8_t)(i * 7);
    sbx_frame_feed(&p, &byte, 1, check_big, &b);
  }
  ok(b.len == TOTAL && b.good, "200 KB that arrive byte by byte arrive whole");
  sbx_frame_feed(&p, h, sizeof h, check_big, &b);
  sbx_frame_feed(&p, h, 5, check_big, &b);
  sbx_frame_parser_free(&p);
  ok(!p.payload, "free releases a frame in progress");
}

static int empty_is_null(void *arg, uint8_t type, uint8_t *data, size_t len) {
  *(int *)arg = type == SBX_FRAME_RESULT && !data && len == 0;
  return 0;
}

static void headers(void) {
  static const uint8_t expected[SBX_FRAME_HEADER] = {0x44, 0x33, 0x22, 0x11, 1, 21, 0, 0};
  struct sbx_frame_parser p;
  uint8_t h[SBX_FRAME_HEADER];
  int good = 0;
  sbx_frame_header(h, SBX_FRAME_RESULT, 0x11223344);
  ok(memcmp(h, expected, sizeof h) == 0,
     "the header is little-endian length, version, type and zeroes");
  sbx_frame_parser_init_host(&p, 0);
  sbx_frame_header(h, SBX_FRAME_RESULT, 0);
  sbx_frame_feed(&p, h, sizeof h, empty_is_null, &good);
  ok(good, "an empty payload is NULL, and passes a limit of 0");
  sbx_frame_parser_free(&p);
}

/* Feeds one frame in cuts of `cut` bytes. Returns the status; *spent is what it was charged. */
static int cost_of(uint8_t type, const char *text, size_t len, uint32_t budget, size_t cut,
                   uint64_t *spent, size_t *fed) {
  struct sbx_frame_parser p;
  struct seen s = {0};
  uint8_t h[SBX_FRAME_HEADER];
  sbx_frame_parser_init_host(&p, 1u << 20);
  sbx_frame_accept(&p, type, 1u << 20);
  sbx_frame_charge(&p, type, budget);
  sbx_frame_header(h, type, (uint32_t)len);
  int status = sbx_frame_feed(&p, h, sizeof h, note, &s);
  size_t at = 0;
  while (status == SBX_FRAME_OK && at < len) {
    size_t n = len - at < cut ? len - at : cut;
    status = sbx_frame_feed(&p, (const uint8_t *)text + at, n, note, &s);
    at += n;
  }
  *spent = sbx_charge_sum(&p.charge);
  *fed = at;
  if (status == SBX_FRAME_E_TOO_LONG && p.failed_type != type)
    status = SBX_FRAME_OK; /* no mark of whose fault it is */
  sbx_frame_parser_free(&p);
  return status;
}

#define TEXT(t) (t), sizeof(t) - 1

static void charges(void) {
  uint64_t spent;
  size_t fed;
  int good = 1;
  const char record[] = "[{\"a\":\"[,:{\\\"[\"},1]";
  for (size_t cut = 1; cut <= sizeof record; cut++) {
    cost_of(SBX_FRAME_RESULT, TEXT(record), 1u << 20, cut, &spent, &fed);
    good &= spent == sizeof record - 1 + 2 * SBX_CHARGE_LIST + SBX_CHARGE_NAME + SBX_CHARGE_COMMA;
  }
  ok(good, "a result is charged for what is outside of strings, however it is cut");
  char many[3000];
  for (size_t i = 0; i < sizeof many; i++)
    many[i] = "{},"[i % 3];
  ok(cost_of(SBX_FRAME_RESULT, many, sizeof many, 8300, 30, &spent, &fed) == SBX_FRAME_E_TOO_LONG &&
         fed <= 330,
     "a result over its budget is refused where it goes over it");
  cost_of(SBX_FRAME_MESSAGE, TEXT("\1....\3\"[,[1,2]"), 1u << 20, 1, &spent, &fed);
  ok(spent == 14 + SBX_CHARGE_LIST + SBX_CHARGE_COMMA,
     "of a call, the name is no JSON, and its quote opens no string");
  cost_of(SBX_FRAME_MESSAGE, TEXT("\5....\1[,[,"), 1u << 20, 3, &spent, &fed);
  ok(spent == 10, "a chunk of bytes costs its bytes");
  cost_of(SBX_FRAME_MESSAGE, TEXT("\5....\0[,"), 1u << 20, 3, &spent, &fed);
  ok(spent == 8 + SBX_CHARGE_LIST + SBX_CHARGE_COMMA, "and one of text what is in it");
  cost_of(SBX_FRAME_RESULT_PIECE, TEXT("\2[[[["), 1u << 20, 2, &spent, &fed);
  ok(spent == 5, "a piece of text is read as it is");
  cost_of(SBX_FRAME_RESULT_PIECE, TEXT("\0[["), 1u << 20, 2, &spent, &fed);
  ok(spent == 3 + 2 * SBX_CHARGE_LIST, "a piece of a list is not");
}

int main(void) {
  every_split();
  hostile_headers();
  announced_is_not_allocated();
  limits();
  only_accepted();
  stopped();
  zero_copy();
  one_byte_at_a_time();
  headers();
  charges();
  return tap_done();
}
