/* SPDX-License-Identifier: MIT */
/* What came of a run: the frames that its guest sent, bounded, and how it ended; and their form in
 * JavaScript. Thread of the environment only. */
#ifndef SBX_OUTCOME_H
#define SBX_OUTCOME_H

#include "../core/control.h"
#include "../core/frame.h"
#include "../core/logring.h"
#include "addon.h"
#include "sampler.h"

#define SBX_SPANS_MAX 1000u
#define SBX_SPANS_BYTES_MAX ((size_t)8 << 20)

enum sbx_outcome_kind { SBX_OUTCOME_EXIT, SBX_OUTCOME_SETUP, SBX_OUTCOME_LOST };

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
  struct sbx_payload result, error, notice;
  struct sbx_payload *spans;
  size_t span_count, span_cap, span_bytes;
  uint64_t spans_dropped;
  double marks[SBX_MARK_COUNT];
  struct sbx_logring *logs;          /* NULL: nobody collects */
  const struct sbx_sampler *sampler; /* of the same run */
};

/* An sbx_frame_cb; `arg` is the outcome. Stops the parser (non-zero) at the first RESULT or ERROR
 * and at a frame that breaks the protocol. */
int sbx_outcome_take(void *arg, uint8_t type, uint8_t *data, size_t len);

/* The guest has given its one answer. */
bool sbx_outcome_decided(const struct sbx_outcome *outcome);

/* An sbx_js_build; `arg` is the outcome. Payloads move into the Buffers made of them. */
napi_value sbx_outcome_build(struct sbx_env *env, void *arg);

/* Frees what it holds. */
void sbx_outcome_free(struct sbx_outcome *outcome);

#endif
