/* SPDX-License-Identifier: MIT */
/* What a run is started with. */
#include "start.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../core/control.h"
#include "../core/frame.h"
#include "js.h"

#define SAMPLE_MS_MAX 86400000u

static bool check_grants(napi_env napi, char *const *grants) {
  size_t bytes = 0;
  for (; *grants; grants++)
    bytes += strlen(*grants) + 1;
  if (bytes <= SBX_CTL_GRANTS_MAX)
    return true;
  napi_throw_range_error(napi, "ERR_SBX_GRANTS",
                         "The handler needs more paths than a run can be granted one by one; "
                         "allow a directory that holds them in permissions.filesystem.allow");
  return false;
}

bool sbx_start_where(napi_env napi, napi_value o, struct sbx_start *s) {
  return sbx_arg_string(napi, o, "workdir", PATH_MAX - 1, &s->workdir) &&
         sbx_arg_strings(napi, o, "grants", &s->grants) && check_grants(napi, s->grants) &&
         sbx_arg_bool(napi, o, "collectLogs", &s->collect_logs) &&
         sbx_arg_bool(napi, o, "fork", &s->fork) && sbx_arg_bool_opt(napi, o, "ahead", &s->ahead) &&
         (s->ahead ||
          sbx_arg_string(napi, o, "traceparent", sizeof((struct sbx_ctl_run *)0)->traceparent - 1,
                         &s->traceparent)) &&
         sbx_arg_bytes_opt(napi, o, "program", &s->program) &&
         sbx_arg_uint_opt(napi, o, "debugFd", 0, INT_MAX, &s->debug_fd);
}

bool sbx_start_what(napi_env napi, napi_value o, struct sbx_start *s) {
  return sbx_arg_uint(napi, o, "maxResultBytes", 0, UINT32_MAX, &s->max_result) &&
         sbx_arg_bool_opt(napi, o, "logRows", &s->log_rows) &&
         sbx_arg_bool_opt(napi, o, "advanced", &s->advanced) &&
         sbx_arg_uint(napi, o, "logBytes", 0, UINT32_MAX, &s->log_bytes) &&
         sbx_arg_uint(napi, o, "sampleMs", 0, SAMPLE_MS_MAX, &s->sample_ms) &&
         sbx_arg_bytes(napi, o, "request", &s->request) &&
         sbx_arg_text_opt(napi, o, "input", &s->input) &&
         sbx_arg_function_opt(napi, o, "onLogs", &s->on_logs) &&
         sbx_arg_function_opt(napi, o, "onLookup", &s->on_lookup) &&
         sbx_arg_function_opt(napi, o, "onMessages", &s->on_messages) &&
         sbx_arg_function_opt(napi, o, "onRoom", &s->on_room) &&
         sbx_arg_function_opt(napi, o, "onPieces", &s->on_pieces) &&
         (!s->on_messages || sbx_arg_uint(napi, o, "maxMessageBytes", 0,
                                          UINT32_MAX - SBX_MESSAGE_HEAD, &s->max_message));
}

void sbx_start_free(struct sbx_env *env, struct sbx_start *s) {
  free(s->workdir);
  free(s->traceparent);
  sbx_strings_free(s->grants);
  free(s->input.copy);
  sbx_js_unref(env, &s->on_done);
  sbx_js_unref(env, &s->on_logs);
  sbx_js_unref(env, &s->on_lookup);
  sbx_js_unref(env, &s->on_messages);
  sbx_js_unref(env, &s->on_room);
  sbx_js_unref(env, &s->on_pieces);
}
