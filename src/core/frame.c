/* SPDX-License-Identifier: MIT */
/* The frame codec. Pure; every byte that it reads may come from a hostile guest. */
#include "frame.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The first room for a payload: small enough that 1,000 guests which announce a large frame and
 * send nothing cost little, large enough that common results need no second allocation. */
#define FIRST_ROOM ((size_t)64 << 10)

void sbx_frame_parser_init(struct sbx_frame_parser *p) {
  memset(p, 0, sizeof *p);
}

void sbx_frame_accept(struct sbx_frame_parser *p, uint8_t type, uint32_t limit) {
  p->accepts[type] = 1;
  p->limit[type] = limit;
}

void sbx_frame_charge(struct sbx_frame_parser *p, uint8_t type, uint32_t budget) {
  p->charges[type] = 1;
  p->budget[type] = budget;
}

void sbx_frame_parser_init_host(struct sbx_frame_parser *p, uint32_t max_result) {
  sbx_frame_parser_init(p);
  sbx_frame_accept(p, SBX_FRAME_MARK, SBX_LIMIT_MARK);
  sbx_frame_accept(p, SBX_FRAME_LOG, SBX_LIMIT_LOG);
  sbx_frame_accept(p, SBX_FRAME_SPAN, SBX_LIMIT_SPAN);
  sbx_frame_accept(p, SBX_FRAME_NOTICE, SBX_LIMIT_NOTICE);
  sbx_frame_accept(p, SBX_FRAME_ERROR, SBX_LIMIT_ERROR);
  sbx_frame_accept(p, SBX_FRAME_RESULT, max_result);
  sbx_frame_charge(p, SBX_FRAME_RESULT, max_result);
  sbx_frame_charge(p, SBX_FRAME_ERROR, SBX_LIMIT_ERROR);
  sbx_frame_charge(p, SBX_FRAME_SPAN, UINT32_MAX);
}

void sbx_frame_header(uint8_t out[SBX_FRAME_HEADER], uint8_t type, uint32_t length) {
  out[0] = (uint8_t)length;
  out[1] = (uint8_t)(length >> 8);
  out[2] = (uint8_t)(length >> 16);
  out[3] = (uint8_t)(length >> 24);
  out[4] = SBX_FRAME_VERSION;
  out[5] = type;
  out[6] = 0;
  out[7] = 0;
}

void sbx_frame_parser_free(struct sbx_frame_parser *p) {
  free(p->payload);
  p->payload = NULL;
  p->len = p->cap = 0;
  p->header_len = 0;
}

static int fail(struct sbx_frame_parser *p, int status) {
  sbx_frame_parser_free(p);
  p->failed = status;
  return status;
}

static int deliver(struct sbx_frame_parser *p, sbx_frame_cb cb, void *arg) {
  uint8_t *data = p->payload;
  size_t len = p->len;
  p->payload = NULL;
  p->len = p->cap = 0;
  p->header_len = 0;
  return cb(arg, p->type, data, len) ? fail(p, SBX_FRAME_E_STOPPED) : SBX_FRAME_OK;
}

/* Where the JSON begins in what has come; SIZE_MAX: that is not known yet. *raw: none will come. */
static size_t find_json(const struct sbx_frame_parser *p, bool *raw) {
  const uint8_t *data = p->payload;
  *raw = false;
  if (p->type == SBX_FRAME_RESULT_PIECE) {
    *raw = p->len > 0 && data[0] == SBX_PIECE_TEXT;
    return p->len > 0 ? 1 : SIZE_MAX;
  }
  if (p->type != SBX_FRAME_MESSAGE)
    return 0;
  /* A kind, an id, and then a name with its length, or a form. */
  if (p->len < 6)
    return SIZE_MAX;
  *raw = data[0] == SBX_MESSAGE_CHUNK && data[5] == SBX_CHUNK_BYTES;
  return data[0] == SBX_MESSAGE_CALL ? (size_t)6 + data[5] : 6;
}

/* What came since the last time. */
static int charge_more(struct sbx_frame_parser *p) {
  bool raw;
  size_t json = find_json(p, &raw);
  if (json == SIZE_MAX && p->len < p->want)
    return SBX_FRAME_OK;
  size_t head = raw || json > p->len ? p->len : json;
  if (p->charged < head) {
    sbx_charge_text(&p->charge, p->payload + p->charged, head - p->charged);
    p->charged = head;
  }
  sbx_charge_json(&p->charge, p->payload + p->charged, p->len - p->charged);
  p->charged = p->len;
  if (sbx_charge_sum(&p->charge) <= p->budget[p->type])
    return SBX_FRAME_OK;
  p->failed_type = p->type;
  return fail(p, SBX_FRAME_E_TOO_LONG);
}

static int parse_header(struct sbx_frame_parser *p) {
  const uint8_t *h = p->header;
  if (h[4] != SBX_FRAME_VERSION || h[6] || h[7])
    return fail(p, SBX_FRAME_E_VERSION);
  p->type = h[5];
  if (!p->accepts[p->type])
    return fail(p, SBX_FRAME_E_TYPE);
  p->charge = (struct sbx_charge){.times = p->times};
  p->charged = 0;
  p->want = (uint32_t)h[0] | (uint32_t)h[1] << 8 | (uint32_t)h[2] << 16 | (uint32_t)h[3] << 24;
  if (p->want > p->limit[p->type]) {
    p->failed_type = p->type;
    return fail(p, SBX_FRAME_E_TOO_LONG);
  }
  return SBX_FRAME_OK;
}

/* Makes room for at least one more byte: doubles what has arrived, never beyond the frame. */
static int grow(struct sbx_frame_parser *p) {
  size_t cap = p->cap ? p->cap * 2 : FIRST_ROOM;
  if (cap > p->want)
    cap = p->want;
  uint8_t *bigger = realloc(p->payload, cap);
  if (!bigger)
    return fail(p, SBX_FRAME_E_NOMEM);
  p->payload = bigger;
  p->cap = cap;
  return SBX_FRAME_OK;
}

static int in_payload(const struct sbx_frame_parser *p) {
  return p->header_len == SBX_FRAME_HEADER && p->len < p->want;
}

int sbx_frame_feed(struct sbx_frame_parser *p, const uint8_t *bytes, size_t n, sbx_frame_cb cb,
                   void *arg) {
  while (!p->failed && n > 0) {
    if (p->header_len < SBX_FRAME_HEADER) {
      size_t take = SBX_FRAME_HEADER - p->header_len;
      if (take > n)
        take = n;
      memcpy(p->header + p->header_len, bytes, take);
      p->header_len += take;
      bytes += take;
      n -= take;
      if (p->header_len == SBX_FRAME_HEADER && parse_header(p) == SBX_FRAME_OK && p->want == 0)
        deliver(p, cb, arg);
      continue;
    }
    if (p->len == p->cap && grow(p) != SBX_FRAME_OK)
      break;
    size_t take = p->cap - p->len;
    if (take > n)
      take = n;
    memcpy(p->payload + p->len, bytes, take);
    bytes += take;
    n -= take;
    sbx_frame_commit(p, take, cb, arg);
  }
  return p->failed;
}

int sbx_frame_reserve(struct sbx_frame_parser *p, uint8_t **buf, size_t *n) {
  if (p->failed || !in_payload(p))
    return 0;
  if (p->len == p->cap && grow(p) != SBX_FRAME_OK)
    return 0;
  *buf = p->payload + p->len;
  *n = p->cap - p->len;
  return 1;
}

int sbx_frame_commit(struct sbx_frame_parser *p, size_t n, sbx_frame_cb cb, void *arg) {
  if (p->failed)
    return p->failed;
  p->len += n;
  if (p->charges[p->type] && charge_more(p) != SBX_FRAME_OK)
    return p->failed;
  return p->len == p->want ? deliver(p, cb, arg) : SBX_FRAME_OK;
}
