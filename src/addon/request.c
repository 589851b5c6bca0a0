/* SPDX-License-Identifier: MIT */
/* The half of a run that is not its guest. Host process, on the thread of the environment. */
#include "request.h"

#include <stdlib.h>

#include "channel.h"
#include "stream.h"

void sbx_request_hold(struct sbx_run *run, uint8_t type, const struct sbx_bytes *b) {
  unsigned at = run->out_end + run->out_held;
  uint8_t *header = run->headers[at / 2];
  sbx_frame_header(header, type, (uint32_t)b->len);
  run->out[at] = (struct iovec){header, SBX_FRAME_HEADER};
  run->out[at + 1] = (struct iovec){(void *)(uintptr_t)b->data, b->len};
  run->out_held += 2;
}

void sbx_request_let_go(struct sbx_run *run) {
  run->out_end += run->out_held;
  run->out_held = 0;
}

static bool keep_bytes(napi_env napi, const struct sbx_bytes *b, napi_ref *ref) {
  return !b->value || napi_create_reference(napi, b->value, 1, ref) == napi_ok;
}

bool sbx_request_keep(napi_env napi, struct sbx_run *run, const struct sbx_start *s) {
  return keep_bytes(napi, &s->program, &run->program) &&
         keep_bytes(napi, &s->request, &run->request) && keep_bytes(napi, &s->input, &run->input);
}

static void move_ref(napi_ref *to, napi_ref *from) {
  *to = *from;
  *from = NULL;
}

static bool add_what(struct sbx_run *run, struct sbx_start *s) {
  struct sbx_runner *runner = run->runner;
  sbx_frame_parser_init_host(&run->parser, (uint32_t)s->max_result);
  run->parser.times = s->advanced ? SBX_CHARGE_ADVANCED : 0;
  if (s->on_lookup && runner->rules)
    sbx_frame_accept(&run->parser, SBX_FRAME_RESOLVE, SBX_LIMIT_RESOLVE);
  if (s->on_messages) {
    uint32_t most = (uint32_t)s->max_message + SBX_MESSAGE_HEAD;
    sbx_frame_accept(&run->parser, SBX_FRAME_MESSAGE, most);
    sbx_frame_charge(&run->parser, SBX_FRAME_MESSAGE, most);
  }
  run->outcome.log_rows = s->log_rows;
  if (s->on_pieces)
    sbx_pieces_accept(run, (uint32_t)s->max_result);
  run->outcome.text_result = s->input.copy || !s->input.value;
  sbx_request_hold(run, SBX_FRAME_REQUEST, &s->request);
  if (s->input.value || s->input.copy)
    sbx_request_hold(run, SBX_FRAME_INPUT, &s->input);
  run->text = s->input.copy;
  s->input.copy = NULL;
  if (s->sample_ms > 0) {
    sbx_sampler_init(&run->sampler, runner->env->loop, s->sample_ms);
    run->refs++;
  }
  if (s->collect_logs)
    run->outcome.logs =
        sbx_logring_new(s->log_bytes, s->on_logs ? sbx_live_add : NULL, &runner->env->live);
  move_ref(&run->on_logs, &s->on_logs);
  move_ref(&run->on_lookup, &s->on_lookup);
  move_ref(&run->on_messages, &s->on_messages);
  move_ref(&run->on_room, &s->on_room);
  move_ref(&run->on_pieces, &s->on_pieces);
  return !s->collect_logs || run->outcome.logs;
}

bool sbx_request_equip(napi_env napi, struct sbx_run *run, struct sbx_start *s) {
  sbx_js_context_free(run->runner->env, &run->context);
  sbx_js_unref(run->runner->env, &run->on_done);
  run->context = sbx_js_context(napi, "SANDBOXRUN");
  move_ref(&run->on_done, &s->on_done);
  return run->context && (run->waiting || add_what(run, s));
}

/* There is memory for all of it, or the guest is of no use any more. */
static void begin(napi_env napi, struct sbx_run *run, struct sbx_start *s) {
  s->collect_logs = run->streams[SBX_RUN_STDOUT].open;
  run->waiting = false;
  run->runner->env->busy++;
  if (!sbx_request_equip(napi, run, s) || !sbx_request_keep(napi, run, s)) {
    sbx_js_unref(run->runner->env, &run->on_done);
    sbx_channel_kill(run);
    sbx_throw(napi, "ERR_SBX_NOMEM", 0, NULL, "Out of memory");
    return;
  }
  for (int i = 0; i < SBX_RUN_STREAMS; i++)
    sbx_stream_listen(&run->streams[i]);
  sbx_run_expect(run);
  sbx_channel_begin(run);
}

napi_value sbx_run_begin(napi_env napi, napi_callback_info info) {
  struct sbx_start s = {0};
  struct sbx_run *run = NULL;
  napi_value args[2];
  if (!sbx_args(napi, info, 2, args) || !sbx_arg_options(napi, args[1]))
    return NULL;
  if (sbx_start_what(napi, args[1], &s) && sbx_arg_function(napi, args[1], "onDone", &s.on_done) &&
      sbx_run_get(napi, args[0], &run)) {
    if (run && run->waiting && !run->runner->ending)
      begin(napi, run, &s);
    else
      sbx_throw(napi, "ERR_SBX_CLOSED", 0, NULL, "There is no guest that waits for a run");
  }
  sbx_start_free(sbx_env_get(napi), &s);
  return NULL;
}
