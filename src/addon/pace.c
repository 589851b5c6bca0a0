/* SPDX-License-Identifier: MIT */
/* The share of a run in the host's thread. Host process, on the thread of the environment. */
#include "pace.h"

#include "run.h"
#include "runner.h"
#include "stream.h"

#define MS UINT64_C(1000000)

/* What a run may take at once: enough for 1 MB of records. Then it goes on in slices. */
#define BURST_NS (30 * MS)
#define SLICE_NS (4 * MS)
#define DELAY_MAX_NS (1000 * MS)

/* Of a thousand: what all runs may take together, beside one that keeps within its share, and
 * without. The thread is to have time for what is not ours, too. */
#define SHARE_BESIDE 500
#define SHARE_ALONE 900

/* How many nanoseconds have to go by for each that was taken. */
static uint64_t price(const struct sbx_run *run) {
  const struct sbx_env *env = run->runner->env;
  uint64_t others = env->busy > 0 ? env->busy - 1 : 0;
  bool beside = others > env->paused - run->pace.paused;
  return 1000 * (others + 1) / (beside ? SHARE_BESIDE : SHARE_ALONE);
}

static void forgive(struct sbx_run *run, uint64_t now) {
  struct sbx_pace *pace = &run->pace;
  uint64_t paid = (now - pace->at_ns) / price(run);
  pace->owed_ns = paid < pace->owed_ns ? pace->owed_ns - paid : 0;
  pace->at_ns = now;
}

static void go_on(struct sbx_run *run, uint64_t now) {
  run->pace.paused = false;
  run->pace.paused_ns += now - run->pace.since_ns;
  run->runner->env->paused--;
}

static void on_timer(uv_timer_t *timer) {
  struct sbx_run *run = timer->data;
  if (run->runner->env->exiting)
    return;
  if (run->pace.paused) {
    go_on(run, uv_hrtime());
    sbx_stream_watch(run);
  }
  if (run->ended)
    sbx_run_end_read(run);
}

static void wait_for(struct sbx_run *run, uint64_t ns) {
  struct sbx_pace *pace = &run->pace;
  if (!pace->open) {
    uv_timer_init(run->runner->env->loop, &pace->timer); /* Cannot fail. */
    uv_unref((uv_handle_t *)&pace->timer); /* A pending run keeps the event loop alive. */
    pace->timer.data = run;
    pace->open = true;
    run->refs++;
  }
  uv_update_time(run->runner->env->loop);
  uv_timer_start(&pace->timer, on_timer, (ns < DELAY_MAX_NS ? ns : DELAY_MAX_NS) / MS + 1, 0);
}

static void took(struct sbx_run *run, uint64_t ns) {
  struct sbx_pace *pace = &run->pace;
  uint64_t now = uv_hrtime();
  forgive(run, now);
  pace->owed_ns += ns;
  if (pace->owed_ns <= BURST_NS || pace->paused || run->ended || run->id == 0)
    return;
  pace->paused = true;
  pace->since_ns = now;
  pace->pauses++;
  run->runner->env->paused++;
  sbx_stream_watch(run);
  wait_for(run, (pace->owed_ns - (BURST_NS - SLICE_NS)) * price(run));
}

void sbx_pace_took(struct sbx_run *run, uint64_t from) {
  took(run, uv_hrtime() - from);
}

napi_value sbx_pace_note(napi_env napi, napi_callback_info info) {
  napi_value args[2];
  struct sbx_run *run = NULL;
  double ms;
  if (!sbx_args(napi, info, 2, args) || !sbx_run_get(napi, args[0], &run))
    return NULL;
  if (napi_get_value_double(napi, args[1], &ms) != napi_ok || !(ms >= 0 && ms < 1e9)) {
    napi_throw_type_error(napi, "ERR_INVALID_ARG_TYPE", "The second argument must be milliseconds");
    return NULL;
  }
  if (run && !run->waiting)
    took(run, (uint64_t)(ms * 1e6));
  return NULL;
}

void sbx_pace_later(struct sbx_run *run, uint64_t from) {
  uint64_t ns = (uv_hrtime() - from) * price(run);
  wait_for(run, ns < 50 * MS ? ns : 50 * MS);
}

static void on_closed(uv_handle_t *handle) {
  sbx_run_unref(handle->data);
}

void sbx_pace_close(struct sbx_run *run) {
  if (run->pace.paused)
    go_on(run, uv_hrtime());
  if (run->pace.open)
    uv_close((uv_handle_t *)&run->pace.timer, on_closed);
  run->pace.open = false;
}
