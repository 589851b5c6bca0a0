/* SPDX-License-Identifier: MIT */
/* What came of a run. Host process, on the thread of the environment. */
#include "outcome.h"

#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../core/proc.h"
#include "../core/netaddr.h"
#include "js.h"
#include "lookup.h"
#include "text.h"

/* A Buffer around foreign memory costs a finalizer and a backing store; below this a copy is
 * cheaper. */
#define COPY_BELOW ((size_t)16 << 10)

bool sbx_outcome_decided(const struct sbx_outcome *outcome) {
  return outcome->result.present || outcome->error.present;
}

static void keep_first(struct sbx_payload *slot, uint8_t *data, size_t len) {
  if (slot->present)
    free(data);
  else
    *slot = (struct sbx_payload){.present = true, .data = data, .len = len};
}

static void take_span(struct sbx_outcome *o, uint8_t *data, size_t len, uint64_t cost) {
  if (o->span_count == SBX_SPANS_MAX || o->span_cost + cost > SBX_SPANS_COST_MAX)
    goto drop;
  if (o->span_count == o->span_cap) {
    size_t cap = o->span_cap ? o->span_cap * 2 : 16;
    struct sbx_payload *spans = realloc(o->spans, cap * sizeof *spans);
    if (!spans)
      goto drop;
    o->spans = spans;
    o->span_cap = cap;
  }
  o->spans[o->span_count++] = (struct sbx_payload){.present = true, .data = data, .len = len};
  o->span_bytes += len;
  o->span_cost += cost;
  return;
drop:
  o->spans_dropped++;
  free(data);
}

static bool take_mark(struct sbx_outcome *o, const uint8_t *data, size_t len) {
  uint64_t bits = 0;
  double time;
  if (len != SBX_LIMIT_MARK || data[0] < SBX_MARK_BOOT || data[0] >= SBX_MARK_COUNT)
    return false;
  for (int i = 7; i >= 0; i--)
    bits = bits << 8 | data[1 + i];
  memcpy(&time, &bits, sizeof time);
  if (!isfinite(time) || time < 0)
    return false;
  if (o->marks[data[0]] == 0)
    o->marks[data[0]] = time;
  return true;
}

static bool take_log(struct sbx_outcome *o, const uint8_t *data, size_t len) {
  if (len < 1 || data[0] >= SBX_LOG_LEVELS)
    return false;
  if (o->logs)
    sbx_logring_line(o->logs, (enum sbx_log_level)data[0], (double)sbx_now_real_ns() / 1e6,
                     (const char *)data + 1, len - 1);
  return true;
}

int sbx_outcome_take(struct sbx_outcome *o, const struct sbx_frame_parser *parser, uint8_t type,
                     uint8_t *data, size_t len) {
  switch (type) {
  case SBX_FRAME_RESULT:
    keep_first(&o->result, data, len);
    return 1;
  case SBX_FRAME_ERROR:
    keep_first(&o->error, data, len);
    return 1;
  case SBX_FRAME_NOTICE:
    keep_first(&o->notice, data, len);
    return 0;
  case SBX_FRAME_SPAN:
    take_span(o, data, len, sbx_charge_sum(&parser->charge));
    return 0;
  case SBX_FRAME_MARK:
    if (!take_mark(o, data, len))
      o->protocol_error = "a MARK frame with a bad payload";
    break;
  case SBX_FRAME_LOG:
    if (!take_log(o, data, len))
      o->protocol_error = "a LOG frame with a bad level";
    break;
  default: /* The parser lets no other type through. */
    SBX_CHECK(false);
  }
  free(data);
  return o->protocol_error != NULL;
}

static void free_memory(napi_env napi, void *data, void *hint) {
  (void)napi;
  (void)hint;
  free(data);
}

napi_value sbx_payload_buffer(napi_env napi, struct sbx_payload *payload) {
  napi_value value = NULL;
  if (!payload->present)
    return napi_get_null(napi, &value) == napi_ok ? value : NULL;
  if (payload->len >= COPY_BELOW) {
    napi_status status =
        napi_create_external_buffer(napi, payload->len, payload->data, free_memory, NULL, &value);
    if (status == napi_ok) {
      payload->data = NULL;
      return value;
    }
    /* Runtimes with a memory cage take no foreign memory. */
    if (status != napi_no_external_buffers_allowed)
      return NULL;
  }
  void *copy;
  if (napi_create_buffer(napi, payload->len, &copy, &value) != napi_ok)
    return NULL;
  if (payload->len > 0)
    memcpy(copy, payload->data, payload->len);
  return value;
}

static napi_value build_spans(napi_env napi, struct sbx_outcome *o) {
  napi_value array;
  if (napi_create_array_with_length(napi, o->span_count, &array) != napi_ok)
    return NULL;
  for (size_t i = 0; i < o->span_count; i++) {
    napi_value span = sbx_payload_buffer(napi, &o->spans[i]);
    if (!span || napi_set_element(napi, array, (uint32_t)i, span) != napi_ok)
      return NULL;
  }
  return array;
}

static napi_value build_marks(napi_env napi, const struct sbx_outcome *o) {
  struct sbx_obj marks = sbx_obj_new(napi);
  sbx_obj_num(&marks, "boot", o->marks[SBX_MARK_BOOT]);
  sbx_obj_num(&marks, "load", o->marks[SBX_MARK_LOAD]);
  sbx_obj_num(&marks, "execute", o->marks[SBX_MARK_EXECUTE]);
  return sbx_obj_end(&marks);
}

static bool push_log(napi_env napi, napi_value array, uint32_t index,
                     const struct sbx_log_line *line) {
  napi_handle_scope scope;
  napi_value text;
  if (napi_open_handle_scope(napi, &scope) != napi_ok)
    return false;
  bool ok = napi_create_string_utf8(napi, line->text, line->len, &text) == napi_ok &&
            napi_set_element(napi, array, index, text) == napi_ok;
  napi_close_handle_scope(napi, scope);
  return ok;
}

static napi_value build_logs(napi_env napi, const struct sbx_outcome *o) {
  const struct sbx_logring *logs = o->logs;
  struct sbx_log_line line;
  uint64_t cursor = 0;
  uint32_t index = 0;
  napi_value array;
  if (napi_create_array(napi, &array) != napi_ok)
    return NULL;
  while (logs && sbx_logring_next(logs, &cursor, &line)) {
    if (!(o->log_rows ? sbx_live_push : push_log)(napi, array, index++, &line))
      return NULL;
  }
  return array;
}

static napi_value build_usage(napi_env napi, const struct sbx_usage *usage) {
  struct sbx_obj obj = sbx_obj_new(napi);
  sbx_obj_num(&obj, "userUs", (double)usage->user_us);
  sbx_obj_num(&obj, "systemUs", (double)usage->system_us);
  sbx_obj_num(&obj, "maxRssKb", (double)usage->max_rss_kb);
  sbx_obj_num(&obj, "minorFaults", (double)usage->minor_faults);
  sbx_obj_num(&obj, "majorFaults", (double)usage->major_faults);
  sbx_obj_num(&obj, "voluntarySwitches", (double)usage->voluntary_switches);
  sbx_obj_num(&obj, "involuntarySwitches", (double)usage->involuntary_switches);
  sbx_obj_num(&obj, "readBytes", (double)usage->read_bytes);
  sbx_obj_num(&obj, "writeBytes", (double)usage->write_bytes);
  sbx_obj_num(&obj, "readChars", (double)usage->read_chars);
  sbx_obj_num(&obj, "writeChars", (double)usage->write_chars);
  sbx_obj_num(&obj, "peakDataKb", (double)usage->peak_data_kb);
  return sbx_obj_end(&obj);
}

static bool push_sample(napi_env napi, napi_value array, uint32_t index,
                        const struct sbx_sample *sample) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(napi, &scope) != napi_ok)
    return false;
  napi_value row, time, rss, cpu;
  bool ok = napi_create_array_with_length(napi, 3, &row) == napi_ok &&
            napi_create_double(napi, sample->time_ms, &time) == napi_ok &&
            napi_create_double(napi, (double)sample->rss_kb, &rss) == napi_ok &&
            napi_create_double(napi, (double)sample->cpu_us, &cpu) == napi_ok &&
            napi_set_element(napi, row, 0, time) == napi_ok &&
            napi_set_element(napi, row, 1, rss) == napi_ok &&
            napi_set_element(napi, row, 2, cpu) == napi_ok &&
            napi_set_element(napi, array, index, row) == napi_ok;
  napi_close_handle_scope(napi, scope);
  return ok;
}

static napi_value build_samples(napi_env napi, const struct sbx_sampler *sampler) {
  napi_value array;
  if (napi_create_array(napi, &array) != napi_ok)
    return NULL;
  for (size_t i = 0; i < sampler->count; i++) {
    if (!push_sample(napi, array, (uint32_t)i, &sampler->samples[i]))
      return NULL;
  }
  return array;
}

static bool push_seen(napi_env napi, napi_value array, uint32_t index,
                      const struct sbx_net_seen *seen) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(napi, &scope) != napi_ok)
    return false;
  char text[INET6_ADDRSTRLEN];
  napi_value row, address, port, verdict, count, counted, sent, received;
  sbx_netaddr_print(seen->ip, text, sizeof text);
  bool ok = napi_create_array_with_length(napi, 7, &row) == napi_ok &&
            napi_create_string_utf8(napi, text, NAPI_AUTO_LENGTH, &address) == napi_ok &&
            napi_create_uint32(napi, seen->port, &port) == napi_ok &&
            napi_create_string_utf8(napi, sbx_verdict_name(seen->verdict), NAPI_AUTO_LENGTH,
                                    &verdict) == napi_ok &&
            napi_create_uint32(napi, seen->count, &count) == napi_ok &&
            napi_set_element(napi, row, 0, address) == napi_ok &&
            napi_set_element(napi, row, 1, port) == napi_ok &&
            napi_set_element(napi, row, 2, verdict) == napi_ok &&
            napi_set_element(napi, row, 3, count) == napi_ok &&
            napi_create_uint32(napi, seen->counted, &counted) == napi_ok &&
            napi_create_double(napi, (double)seen->sent, &sent) == napi_ok &&
            napi_create_double(napi, (double)seen->received, &received) == napi_ok &&
            napi_set_element(napi, row, 4, counted) == napi_ok &&
            napi_set_element(napi, row, 5, sent) == napi_ok &&
            napi_set_element(napi, row, 6, received) == napi_ok &&
            napi_set_element(napi, array, index, row) == napi_ok;
  napi_close_handle_scope(napi, scope);
  return ok;
}

/* A Buffer where JavaScript is to read it a little at a time. */
static napi_value to_text(napi_env napi, struct sbx_payload *p) {
  napi_value text =
      p->present && p->len <= SBX_TEXT_AT_ONCE ? sbx_text_make(napi, p->data, p->len) : NULL;
  if (!text)
    return sbx_payload_buffer(napi, p);
  free(p->data);
  p->data = NULL;
  p->len = 0;
  return text;
}

static napi_value build_net(napi_env napi, const struct sbx_outcome *o) {
  napi_value seen = NULL;
  if (napi_create_array_with_length(napi, o->net.n, &seen) != napi_ok)
    return NULL;
  for (uint32_t i = 0; i < o->net.n; i++)
    if (!push_seen(napi, seen, i, &o->net.seen[i]))
      return NULL;
  struct sbx_obj net = sbx_obj_new(napi);
  sbx_obj_num(&net, "allowed", (double)o->net.allowed);
  sbx_obj_num(&net, "refused", (double)o->net.refused);
  sbx_obj_num(&net, "unlisted", (double)o->net.unlisted);
  sbx_obj_put(&net, "seen", seen);
  sbx_obj_put(&net, "names", sbx_lookup_refused(napi, o->lookups));
  return sbx_obj_end(&net);
}

static const char *reason_name(uint32_t reason) {
  static const char *const names[] = {"none", "timeout", "term", "kill",
                                      "cpu",  "memory",  "lost", "threads"};
  return reason < sizeof names / sizeof *names ? names[reason] : "lost";
}

/* How the guest ended: kind, reason, exitCode, signal, stage, errno, message, usage, endedAt. */
static void put_end(struct sbx_obj *obj, const struct sbx_outcome *o) {
  static const char *const kinds[] = {"exit", "setup", "launcher-lost"};
  bool exited = o->kind == SBX_OUTCOME_EXIT;
  bool setup = o->kind == SBX_OUTCOME_SETUP;
  char room[64];
  sbx_obj_str(obj, "kind", kinds[o->kind]);
  sbx_obj_str(obj, "reason", exited ? reason_name(o->exit.reason) : "none");
  if (exited && WIFEXITED(o->exit.status))
    sbx_obj_num(obj, "exitCode", WEXITSTATUS(o->exit.status));
  else
    sbx_obj_null(obj, "exitCode");
  sbx_obj_str(obj, "signal",
              exited && WIFSIGNALED(o->exit.status)
                  ? sbx_signal_name(WTERMSIG(o->exit.status), room)
                  : NULL);
  sbx_obj_str(obj, "stage", setup ? sbx_stage_name(o->err.stage) : NULL);
  sbx_obj_str(obj, "errno", setup ? sbx_errno_name(o->err.errnum, room) : NULL);
  sbx_obj_str(obj, "message", setup ? o->err.text : NULL);
  if (exited)
    sbx_obj_put(obj, "usage", build_usage(obj->napi, &o->exit.usage));
  else
    sbx_obj_null(obj, "usage");
  sbx_obj_num(obj, "endedAt", exited ? (double)o->exit.end_ns / 1e6 : 0);
}

napi_value sbx_outcome_build(struct sbx_env *env, void *arg) {
  struct sbx_outcome *o = arg;
  napi_env napi = env->napi;
  struct sbx_obj obj = sbx_obj_new(napi);
  put_end(&obj, o);
  sbx_obj_str(&obj, "protocolError", o->protocol_error);
  sbx_obj_bool(&obj, "tooLarge", o->too_large);
  sbx_obj_bool(&obj, "overflow", o->overflow);
  sbx_obj_put(&obj, "result",
              o->text_result ? to_text(napi, &o->result) : sbx_payload_buffer(napi, &o->result));
  sbx_obj_put(&obj, "error", sbx_payload_buffer(napi, &o->error));
  sbx_obj_put(&obj, "notice", sbx_payload_buffer(napi, &o->notice));
  sbx_obj_put(&obj, "spans", build_spans(napi, o));
  sbx_obj_num(&obj, "spansDropped", (double)o->spans_dropped);
  sbx_obj_put(&obj, "marks", build_marks(napi, o));
  sbx_obj_put(&obj, "logs", build_logs(napi, o));
  sbx_obj_num(&obj, "logsDropped", o->logs ? (double)sbx_logring_dropped(o->logs) : 0);
  sbx_obj_num(&obj, "linesMissed", (double)o->lines_missed);
  sbx_obj_num(&obj, "pausedMs", (double)o->pace->paused_ns / 1e6);
  sbx_obj_num(&obj, "pid", o->pid);
  sbx_obj_num(&obj, "startedAt", (double)o->start_ns / 1e6);
  sbx_obj_put(&obj, "samples", build_samples(napi, o->sampler));
  if (o->has_net)
    sbx_obj_put(&obj, "network", build_net(napi, o));
  else
    sbx_obj_null(&obj, "network");
  return sbx_obj_end(&obj);
}

size_t sbx_outcome_memory(const struct sbx_outcome *o) {
  return o->result.len + o->error.len + o->notice.len + o->span_bytes +
         o->span_cap * sizeof *o->spans + (o->logs ? sbx_logring_memory(o->logs) : 0);
}

void sbx_outcome_free(struct sbx_outcome *outcome) {
  free(outcome->result.data);
  free(outcome->error.data);
  free(outcome->notice.data);
  for (size_t i = 0; i < outcome->span_count; i++)
    free(outcome->spans[i].data);
  free(outcome->spans);
  sbx_logring_free(outcome->logs);
  memset(outcome, 0, sizeof *outcome);
}
