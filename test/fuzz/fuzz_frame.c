/* SPDX-License-Identifier: MIT */
/* The frame parser on hostile bytes: fed at once, in pieces, and read in place, it must give the
 * same frames and the same end. The first two bytes choose the limit of RESULT, whether there are
 * messages, and the pieces. */
#include "fuzz.h"

#include "../../src/core/frame.h"

struct seen {
  uint32_t frames;
  uint64_t hash;
  uint32_t stop_at; /* the callback says stop at this frame; 0 = never */
  uint32_t max_result;
  int messages;
};

static const uint32_t limit_of[256] = {
    [SBX_FRAME_MARK] = SBX_LIMIT_MARK,   [SBX_FRAME_LOG] = SBX_LIMIT_LOG,
    [SBX_FRAME_SPAN] = SBX_LIMIT_SPAN,   [SBX_FRAME_NOTICE] = SBX_LIMIT_NOTICE,
    [SBX_FRAME_ERROR] = SBX_LIMIT_ERROR, [SBX_FRAME_MESSAGE] = SBX_MESSAGE_HEAD,
};

static int note(void *arg, uint8_t type, uint8_t *data, size_t len) {
  struct seen *s = arg;
  REQUIRE((type >= SBX_FRAME_MARK && type <= SBX_FRAME_RESULT) ||
          (type == SBX_FRAME_MESSAGE && s->messages));
  REQUIRE(len <= (type == SBX_FRAME_RESULT ? s->max_result : limit_of[type]));
  REQUIRE((data == NULL) == (len == 0));
  s->hash = s->hash * 1099511628211u + type;
  for (size_t i = 0; i < len; i++)
    s->hash = (s->hash ^ data[i]) * 1099511628211u;
  free(data);
  return ++s->frames == s->stop_at;
}

static void check_room(const struct sbx_frame_parser *p) {
  REQUIRE(p->cap <= (64u << 10) || p->cap <= 2 * p->len);
  REQUIRE(p->len <= p->cap);
}

/* Pieces of `piece` bytes, through reserve and commit where the parser offers room. */
static int feed_pieces(struct sbx_frame_parser *p, const uint8_t *bytes, size_t n, size_t piece,
                       int in_place, struct seen *s) {
  int status = SBX_FRAME_OK;
  while (n > 0) {
    uint8_t *room;
    size_t take = piece < n ? piece : n, free_room;
    if (in_place && sbx_frame_reserve(p, &room, &free_room)) {
      REQUIRE(free_room > 0);
      take = take < free_room ? take : free_room;
      memcpy(room, bytes, take);
      status = sbx_frame_commit(p, take, note, s);
    } else {
      status = sbx_frame_feed(p, bytes, take, note, s);
    }
    check_room(p);
    bytes += take;
    n -= take;
  }
  return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input in = {data, size};
  uint8_t how = take_byte(&in);
  size_t piece = (size_t)take_byte(&in) + 1;
  uint32_t max_result = how & 1 ? UINT32_MAX : 64, stop_at = how & 2 ? 2 : 0;
  struct sbx_frame_parser p;
  struct seen expected = {0};
  int first = 0;
  for (int way = 0; way < 3; way++) {
    struct seen s = {.stop_at = stop_at, .max_result = max_result, .messages = how & 4};
    sbx_frame_parser_init_host(&p, max_result);
    if (how & 4)
      sbx_frame_accept(&p, SBX_FRAME_MESSAGE, SBX_MESSAGE_HEAD);
    int status = feed_pieces(&p, in.at, in.left, way == 0 ? in.left + 1 : piece, way == 2, &s);
    if (way == 0) {
      first = status;
      expected = s;
    }
    REQUIRE(status == first && s.frames == expected.frames && s.hash == expected.hash);
    REQUIRE(status <= 0 && status >= SBX_FRAME_E_STOPPED && status != SBX_FRAME_E_NOMEM);
    REQUIRE(status == SBX_FRAME_OK || !p.payload);
    sbx_frame_parser_free(&p);
  }
  return 0;
}
