/* SPDX-License-Identifier: MIT */
/* Live log lines: collected while one callback of the event loop reads a guest's output, handed to
 * JavaScript in one call at its end. Thread of the environment only. */
#ifndef SBX_LIVE_H
#define SBX_LIVE_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>

#include "../core/logring.h"

struct sbx_env;

/* When a batch has this much, reading goes on in the next turn of the event loop. */
#define SBX_LIVE_LINES_ENOUGH 256u
#define SBX_LIVE_BYTES_ENOUGH ((size_t)64 << 10)

/* A batch never holds more lines: one LOG frame may have a million newlines. What does not fit is
 * counted and told in a last line; the log ring still has it. */
#define SBX_LIVE_LINES_MAX 16384u

struct sbx_live_line {
  double time_ms;
  enum sbx_log_level level;
  size_t at, len; /* in `text` */
};

struct sbx_live {
  struct sbx_live_line *lines;
  size_t count, cap;
  char *text;
  size_t used, room;
  size_t missed;
  double missed_ms; /* when the last of them came */
};

/* An sbx_log_cb; `arg` is the struct sbx_live. */
void sbx_live_add(void *arg, const struct sbx_log_line *line);

/* Whether to stop reading for this turn. */
bool sbx_live_enough(const struct sbx_live *live);

/* Calls `on_logs` with the batch, if there is one, and empties it. `on_logs` may be NULL. */
void sbx_live_flush(struct sbx_env *env, napi_async_context context, napi_ref on_logs);

/* `array[index] = [timeMs, level, text]`. */
bool sbx_live_push(napi_env napi, napi_value array, uint32_t index,
                   const struct sbx_log_line *line);

/* Frees the memory. */
void sbx_live_free(struct sbx_live *live);

#endif
