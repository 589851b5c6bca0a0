/* SPDX-License-Identifier: MIT */
/* Messages of guests. Host process, on the thread of the environment. */
#include "message.h"

#include <stdlib.h>
#include <string.h>

#include "runner.h"

/* One turn's worth: each may cost a call's worth of JavaScript, and reading them at worst 30 ms for
 * each MiB of their charge. */
#define MESSAGES_ENOUGH 64u
#define COST_ENOUGH ((uint64_t)512 << 10)

struct sbx_message {
  struct sbx_payload payload;
  uint64_t cost;
};

bool sbx_message_take(struct sbx_run *run, uint8_t *data, size_t len) {
  struct sbx_messages *m = &run->messages;
  if (m->count == m->cap) {
    size_t cap = m->cap ? m->cap * 2 : 16;
    struct sbx_message *list = realloc(m->list, cap * sizeof *list);
    if (!list) {
      free(data);
      return false;
    }
    m->list = list;
    m->cap = cap;
  }
  uint64_t cost = sbx_charge_sum(&run->parser.charge);
  m->list[m->count++] = (struct sbx_message){
      .payload = {.present = true, .data = data, .len = len},
      .cost = cost,
  };
  m->cost += cost;
  return true;
}

bool sbx_message_enough(const struct sbx_messages *messages) {
  return messages->count >= MESSAGES_ENOUGH || messages->cost >= COST_ENOUGH;
}

static void empty(struct sbx_messages *m) {
  for (size_t i = 0; i < m->count; i++)
    free(m->list[i].payload.data);
  m->count = 0;
  m->cost = 0;
}

static bool push_message(napi_env napi, napi_value list, uint32_t at, struct sbx_message *message) {
  napi_value cost, buffer = sbx_payload_buffer(napi, &message->payload);
  return buffer && napi_create_double(napi, (double)message->cost, &cost) == napi_ok &&
         napi_set_element(napi, list, at, buffer) == napi_ok &&
         napi_set_element(napi, list, at + 1, cost) == napi_ok;
}

/* An sbx_js_build: an array of Buffers, behind each what it costs. Emptied before JavaScript runs,
 * which may make us read. */
static napi_value build_batch(struct sbx_env *env, void *arg) {
  struct sbx_messages *m = arg;
  napi_value array;
  bool good = napi_create_array_with_length(env->napi, m->count * 2, &array) == napi_ok;
  for (size_t i = 0; good && i < m->count; i++)
    good = push_message(env->napi, array, (uint32_t)i * 2, &m->list[i]);
  empty(m);
  return good ? array : NULL;
}

void sbx_message_tell(struct sbx_run *run) {
  if (run->messages.count > 0 && run->on_messages)
    sbx_js_call(run->runner->env, run->context, run->on_messages, build_batch, &run->messages);
}

/* An sbx_js_build. */
static napi_value build_nothing(struct sbx_env *env, void *arg) {
  napi_value nothing;
  (void)arg;
  return napi_get_undefined(env->napi, &nothing) == napi_ok ? nothing : NULL;
}

void sbx_message_room(struct sbx_run *run) {
  if (!run->messages.wants_room || !run->on_room || sbx_outbox_left(&run->outbox) > 0)
    return;
  run->messages.wants_room = false;
  sbx_js_call(run->runner->env, run->context, run->on_room, build_nothing, NULL);
}

/* Returns how many bytes the socket has not taken yet, of this message and of those before it; -1
 * when the guest will never get it. */
napi_value sbx_message_send(napi_env napi, napi_callback_info info) {
  napi_value args[2], result;
  struct sbx_bytes head, body;
  struct sbx_run *run = NULL;
  double left = -1;
  if (!sbx_args(napi, info, 2, args) || !sbx_arg_options(napi, args[1]) ||
      !sbx_arg_bytes(napi, args[1], "head", &head) ||
      !sbx_arg_bytes(napi, args[1], "body", &body) ||
      /* Last: a getter among the options may have ended it. */
      !sbx_run_get(napi, args[0], &run))
    return NULL;
  if (run && sbx_outbox_put(run, SBX_FRAME_ANSWER, head.data, head.len, body.data, body.len)) {
    left = (double)sbx_outbox_left(&run->outbox);
    run->messages.wants_room = left > 0;
  }
  return napi_create_double(napi, left, &result) == napi_ok ? result : NULL;
}

void sbx_message_free(struct sbx_messages *messages) {
  empty(messages);
  free(messages->list);
  memset(messages, 0, sizeof *messages);
}
