/* SPDX-License-Identifier: MIT */
/* The arguments of startRun and beginRun. Host process, on the thread of the environment. */
#ifndef SBX_START_H
#define SBX_START_H

#include "addon.h"
#include "args.h"

struct sbx_start {
  /* Where: of startRun. */
  char *workdir, *traceparent, **grants;
  uint64_t debug_fd;
  bool collect_logs, fork, ahead;
  struct sbx_bytes program;
  napi_value runner_object;
  /* What: of startRun, or of beginRun when it was started ahead. */
  uint64_t max_result, max_message, log_bytes, sample_ms;
  bool log_rows, advanced;
  struct sbx_bytes request, input;
  napi_ref on_logs, on_lookup, on_messages, on_room, on_pieces;
  /* Of both. */
  napi_ref on_done;
};

/* Read one half, or what both have; false with an exception pending. What came is freed by
 * sbx_start_free(), also then. */
bool sbx_start_where(napi_env napi, napi_value options, struct sbx_start *s);
bool sbx_start_what(napi_env napi, napi_value options, struct sbx_start *s);
void sbx_start_free(struct sbx_env *env, struct sbx_start *s);

#endif
