/* SPDX-License-Identifier: MIT */
/* Live log lines. Host process, on the thread of the environment. */
#include "live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "js.h"

/* Text memory that is kept between batches. */
#define KEEP_ROOM ((size_t)256 << 10)

static bool make_room(struct sbx_live *live, size_t len) {
  if (live->count == live->cap) {
    size_t cap = live->cap ? live->cap * 2 : 64;
    struct sbx_live_line *lines = realloc(live->lines, cap * sizeof *lines);
    if (!lines)
      return false;
    live->lines = lines;
    live->cap = cap;
  }
  if (live->room - live->used < len) {
    size_t room = live->room ? live->room : 4096;
    while (room - live->used < len)
      room *= 2;
    char *text = realloc(live->text, room);
    if (!text)
      return false;
    live->text = text;
    live->room = room;
  }
  return true;
}

void sbx_live_add(void *arg, const struct sbx_log_line *line) {
  struct sbx_live *live = arg;
  if (live->count >= SBX_LIVE_LINES_MAX || !make_room(live, line->len)) {
    live->missed++;
    live->missed_ms = line->time_ms;
    return;
  }
  live->lines[live->count++] = (struct sbx_live_line){
      .time_ms = line->time_ms, .level = line->level, .at = live->used, .len = line->len};
  if (line->len > 0)
    memcpy(live->text + live->used, line->text, line->len);
  live->used += line->len;
}

bool sbx_live_enough(const struct sbx_live *live) {
  return live->count >= SBX_LIVE_LINES_ENOUGH || live->used >= SBX_LIVE_BYTES_ENOUGH;
}

bool sbx_live_push(napi_env napi, napi_value array, uint32_t index,
                   const struct sbx_log_line *line) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(napi, &scope) != napi_ok)
    return false;
  napi_value row, time, number, string;
  bool ok = napi_create_array_with_length(napi, 3, &row) == napi_ok &&
            napi_create_double(napi, line->time_ms, &time) == napi_ok &&
            napi_create_int32(napi, (int)line->level, &number) == napi_ok &&
            napi_create_string_utf8(napi, line->text, line->len, &string) == napi_ok &&
            napi_set_element(napi, row, 0, time) == napi_ok &&
            napi_set_element(napi, row, 1, number) == napi_ok &&
            napi_set_element(napi, row, 2, string) == napi_ok &&
            napi_set_element(napi, array, index, row) == napi_ok;
  napi_close_handle_scope(napi, scope);
  return ok;
}

/* An sbx_js_build: the batch as an array of [timeMs, level, text]. */
static napi_value build_batch(struct sbx_env *env, void *arg) {
  struct sbx_live *live = arg;
  napi_value array;
  if (napi_create_array(env->napi, &array) != napi_ok)
    return NULL;
  for (size_t i = 0; i < live->count; i++) {
    const struct sbx_live_line *at = &live->lines[i];
    const struct sbx_log_line line = {
        .time_ms = at->time_ms, .level = at->level, .text = live->text + at->at, .len = at->len};
    if (!sbx_live_push(env->napi, array, (uint32_t)i, &line))
      return NULL;
  }
  if (live->missed > 0) {
    char text[96];
    int len = snprintf(text, sizeof text, "[%zu more lines came too fast to be shown live]",
                       live->missed);
    const struct sbx_log_line line = {
        .time_ms = live->missed_ms, .level = SBX_LOG_WARN, .text = text, .len = (size_t)len};
    if (!sbx_live_push(env->napi, array, (uint32_t)live->count, &line))
      return NULL;
  }
  /* Emptied before JavaScript runs: what it calls may not find half a batch. */
  live->count = live->used = live->missed = 0;
  return array;
}

void sbx_live_flush(struct sbx_env *env, napi_async_context context, napi_ref on_logs) {
  struct sbx_live *live = &env->live;
  if (live->count == 0 && live->missed == 0)
    return;
  if (on_logs)
    sbx_js_call(env, context, on_logs, build_batch, live);
  live->count = live->used = live->missed = 0;
  if (live->room > KEEP_ROOM)
    sbx_live_free(live);
}

void sbx_live_free(struct sbx_live *live) {
  free(live->lines);
  free(live->text);
  memset(live, 0, sizeof *live);
}
