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
  h[7] = 1;
  ok(status_of(h) == SBX_FRAME_E_VERSION, "a non-zero reserved field is refused");
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

int main(void) {
  every_split();
  hostile_headers();
  announced_is_not_allocated();
  return tap_done();
}
