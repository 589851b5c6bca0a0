/* SPDX-License-Identifier: MIT */
/* The data socket's frames: host <-> guest, one stream socket per run.
 *
 * A frame is an 8-byte header, then `length` bytes:
 *   u32le length | u8 version | u8 type | u16le reserved (0)
 * Everything that arrives from a guest is hostile: each type has a size limit, checked before a
 * byte of payload is read, and the payload buffer grows with what has arrived, never with what was
 * announced. Pure: no I/O, no globals. */
#ifndef SBX_FRAME_H
#define SBX_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "charge.h"

#define SBX_FRAME_VERSION 1
#define SBX_FRAME_HEADER 8

enum sbx_frame_type {
  /* host -> guest */
  SBX_FRAME_REQUEST = 1,  /* JSON: what to run and how */
  SBX_FRAME_INPUT = 2,    /* the input, in the runner's serialization; empty means undefined */
  SBX_FRAME_RESOLVED = 3, /* u32le id, u8 enum sbx_net_verdict, text: see addon/lookup.h */
  SBX_FRAME_PROGRAM = 4,  /* before REQUEST, for a spawned guest: lib/program.js */
  SBX_FRAME_ANSWER = 5,   /* u8 kind, u32le id, what belongs to the kind: see lib/session.js */
  SBX_FRAME_INPUT_PIECE =
      6, /* ahead of INPUT: u8 enum sbx_piece_form, text: lib/guest/pieces.cjs */
  /* guest -> host */
  SBX_FRAME_MARK = 16,    /* u8 phase (enum sbx_mark), f64le epoch milliseconds */
  SBX_FRAME_LOG = 17,     /* u8 level (enum sbx_log_level), UTF-8 text */
  SBX_FRAME_SPAN = 18,    /* JSON: one finished span of the handler */
  SBX_FRAME_NOTICE = 19,  /* JSON: why the guest is about to exit without a result */
  SBX_FRAME_ERROR = 20,   /* JSON: the handler failed */
  SBX_FRAME_RESULT = 21,  /* the result, in the runner's serialization; empty means undefined */
  SBX_FRAME_RESOLVE = 22, /* u32le id, u8 family (0, 4, 6), u8 0, u16le hints, a host's name */
  SBX_FRAME_MESSAGE = 23, /* u8 kind, u32le id, what belongs to the kind: see lib/session.js */
  SBX_FRAME_RESULT_PIECE = 24, /* ahead of RESULT, as INPUT_PIECE */
};

enum sbx_mark { SBX_MARK_BOOT = 1, SBX_MARK_LOAD = 2, SBX_MARK_EXECUTE = 3, SBX_MARK_COUNT = 4 };

enum sbx_message_kind { SBX_MESSAGE_CALL = 1, SBX_MESSAGE_CHUNK = 5 }; /* what matters in C */
#define SBX_CHUNK_BYTES 1

enum sbx_piece_form { SBX_PIECE_LIST, SBX_PIECE_MORE, SBX_PIECE_TEXT, SBX_PIECE_FORMS };

#define SBX_LIMIT_MARK 9u
#define SBX_LIMIT_LOG (1u << 20)
#define SBX_LIMIT_SPAN (64u << 10)
#define SBX_LIMIT_NOTICE (4u << 10)
#define SBX_LIMIT_ERROR (1u << 20)
#define SBX_LIMIT_RESOLVE (8u + 255u)
/* Of a MESSAGE, beside what the runner lets it carry: kind, id and a function's name. */
#define SBX_MESSAGE_HEAD 256u
/* A smaller piece of a result counts as this much, so that there cannot be too many. */
#define SBX_PIECE_MIN 1024u
/* Of a RESULT that pieces came ahead of: where they belong to, beside the result's own size. */
#define SBX_LIMIT_PLACES (64u << 10)

enum sbx_frame_status {
  SBX_FRAME_OK = 0,
  SBX_FRAME_E_VERSION = -1,  /* unknown version or non-zero reserved field */
  SBX_FRAME_E_TYPE = -2,     /* a type that this side does not accept */
  SBX_FRAME_E_TOO_LONG = -3, /* announced length over the type's limit, or what came costs more
                              * than its budget; see failed_type */
  SBX_FRAME_E_NOMEM = -4,
  SBX_FRAME_E_STOPPED = -5, /* the callback asked to stop */
};

/* Called once per whole frame. `data` is malloc'ed (NULL when len is 0) and belongs to the callee,
 * which must free() it. Return 0 to go on, non-zero to stop parsing. */
typedef int (*sbx_frame_cb)(void *arg, uint8_t type, uint8_t *data, size_t len);

struct sbx_frame_parser {
  uint32_t limit[256];      /* bytes of payload, per type */
  uint8_t accepts[256];     /* 1 = this side takes frames of that type */
  uint8_t charges[256];     /* 1 = its text is charged */
  uint8_t times;            /* of each charge */
  uint32_t budget[256];     /* what such a frame may cost at most */
  struct sbx_charge charge; /* on the frame being read, or delivered just now */
  size_t charged;           /* bytes of it that are reckoned */
  uint8_t header[SBX_FRAME_HEADER];
  size_t header_len;
  uint8_t type; /* of the frame being read */
  uint32_t want;
  uint8_t *payload;
  size_t len, cap;
  uint8_t failed_type; /* set with SBX_FRAME_E_TOO_LONG */
  int failed;          /* sticky status: after a failure every call returns it */
};

/* A parser that accepts nothing yet. */
void sbx_frame_parser_init(struct sbx_frame_parser *p);

/* Accept frames of `type` with at most `limit` bytes of payload. */
void sbx_frame_accept(struct sbx_frame_parser *p, uint8_t type, uint32_t limit);

/* Charge the text of such frames as it arrives (charge.h), and let one cost at most `budget`. */
void sbx_frame_charge(struct sbx_frame_parser *p, uint8_t type, uint32_t budget);

/* A parser for what a guest may send: all guest -> host types, RESULT up to `max_result`. */
void sbx_frame_parser_init_host(struct sbx_frame_parser *p, uint32_t max_result);

/* Consumes `n` bytes; calls `cb` for every frame completed. Returns an sbx_frame_status. */
int sbx_frame_feed(struct sbx_frame_parser *p, const uint8_t *bytes, size_t n, sbx_frame_cb cb,
                   void *arg);

/* Zero-copy for large payloads: when a payload is in progress, sets *buf and *n to where the next
 * bytes may be read to directly (n > 0) and returns 1; otherwise returns 0 and the caller feeds
 * from a buffer of its own. The room grows geometrically with what has arrived. */
int sbx_frame_reserve(struct sbx_frame_parser *p, uint8_t **buf, size_t *n);

/* Tells that `n` bytes were read to the place that sbx_frame_reserve gave. */
int sbx_frame_commit(struct sbx_frame_parser *p, size_t n, sbx_frame_cb cb, void *arg);

/* Frees what is in progress. */
void sbx_frame_parser_free(struct sbx_frame_parser *p);

/* Writes a header. */
void sbx_frame_header(uint8_t out[SBX_FRAME_HEADER], uint8_t type, uint32_t length);

#endif
