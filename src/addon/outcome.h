/* SPDX-License-Identifier: MIT */
/* What came of a run: the frames that its guest sent, bounded, and how it ended; and their form in
 * JavaScript. Thread of the environment only. */
#ifndef SBX_OUTCOME_H
#define SBX_OUTCOME_H

#include "../core/control.h"
#include "../core/frame.h"
#include "../core/logring.h"
#include "addon.h"
#include "pace.h"
#include "sampler.h"

#define SBX_SPANS_MAX 1000u
/* What they may cost together (core/charge.h): JavaScript reads them in one turn. */
#define SBX_SPANS_COST_MAX ((uint64_t)1 << 20)

enum sbx_outcome_kind { SBX_OUTCOME_EXIT, SBX_OUTCOME_SETUP, SBX_OUTCOME_LOST };

struct sbx_lookups;

struct sbx_payload {
  bool present;
  uint8_t *data; /* malloc'ed; NULL when len is 0 */
  size_t len;
};

struct sbx_outcome {
  enum sbx_outcome_kind kind;
  struct sbx_ctl_exit exit; /* SBX_OUTCOME_EXIT */
  struct sbx_err err;       /* SBX_OUTCOME_SETUP */
  int32_t pid;
  uint64_t start_ns;          /* 0: never started */
  const char *protocol_error; /* constant text */
  bool too_large;
  bool overflow; /* a MESSAGE over its limit */
  struct sbx_payload result, error, notice;
  bool text_result; /* JavaScript gets `result` as a string */
  struct sbx_payload *spans;
  size_t span_count, span_cap, span_bytes;
  uint64_t span_cost;
  uint64_t spans_dropped;
  uint64_t lines_missed; /* not shown live */
  double marks[SBX_MARK_COUNT];
  struct sbx_logring *logs; /* NULL: nobody collects */
  bool log_rows;            /* JavaScript gets lines with their time and level */
  bool has_net;
  struct sbx_net_report net;
  const struct sbx_lookups *lookups; /* of the same run */
  const struct sbx_sampler *sampler; /* of the same run */
  const struct sbx_pace *pace;       /* of the same run */
};

/* A frame that the parser delivers; `data` now belongs to the outcome. Stops the parser (non-zero)
 * at the first RESULT or ERROR and at a frame that breaks the protocol. */
int sbx_outcome_take(struct sbx_outcome *outcome, const struct sbx_frame_parser *parser,
                     uint8_t type, uint8_t *data, size_t len);

/* The guest has given its one answer. */
bool sbx_outcome_decided(const struct sbx_outcome *outcome);

/* An sbx_js_build; `arg` is the outcome. Payloads move into the Buffers made of them. */
napi_value sbx_outcome_build(struct sbx_env *env, void *arg);

/* A Buffer of a payload, or null when it never came. Large memory moves into the Buffer. */
napi_value sbx_payload_buffer(napi_env napi, struct sbx_payload *payload);
/* Bytes of heap that it holds, but for the allocator's own. */
size_t sbx_outcome_memory(const struct sbx_outcome *outcome);

/* Frees what it holds. */
void sbx_outcome_free(struct sbx_outcome *outcome);

#endif
