/* SPDX-License-Identifier: MIT */
/* The sampler. Host process, on the thread of the environment. */
#include "sampler.h"

#include <stdbool.h>
#include <stdlib.h>

#include "../core/proc.h"

static void on_timer(uv_timer_t *timer);

/* Keeps the samples 0, 2, 4 … and takes half as many from now on. */
static void halve(struct sbx_sampler *s) {
  for (size_t i = 0; i * 2 < s->count; i++)
    s->samples[i] = s->samples[i * 2];
  s->count = (s->count + 1) / 2;
  s->interval_ms *= 2;
  uv_timer_start(&s->timer, on_timer, s->interval_ms, s->interval_ms);
}

static bool grow(struct sbx_sampler *s) {
  size_t cap = s->cap ? s->cap * 2 : 32;
  struct sbx_sample *samples = realloc(s->samples, cap * sizeof *samples);
  if (!samples)
    return false;
  s->samples = samples;
  s->cap = cap;
  return true;
}

static bool take_sample(struct sbx_sampler *s) {
  struct sbx_proc_stat stat;
  struct sbx_proc_mem mem;
  if (sbx_proc_stat(s->pid, &stat) != 0 || sbx_proc_mem(s->pid, &mem) != 0)
    return false;
  if (s->count == 0)
    s->start_time = stat.start_time;
  /* Init reaps the guest before the report reaches us, so the pid may be another's by now. */
  if (stat.start_time != s->start_time || stat.state == 'Z')
    return false;
  if (s->count == s->cap && !grow(s))
    return false;
  s->samples[s->count++] = (struct sbx_sample){
      .time_ms = (double)sbx_now_real_ns() / 1e6,
      .rss_kb = mem.rss_anon_kb + mem.rss_file_kb + mem.rss_shmem_kb,
      .cpu_us = stat.cpu_us,
  };
  return true;
}

static void on_timer(uv_timer_t *timer) {
  struct sbx_sampler *s = timer->data;
  if (!take_sample(s))
    uv_timer_stop(timer);
  else if (s->count >= SBX_SAMPLES_MAX)
    halve(s);
}

void sbx_sampler_init(struct sbx_sampler *sampler, uv_loop_t *loop, uint64_t interval_ms) {
  uv_timer_init(loop, &sampler->timer); /* Cannot fail. */
  uv_unref((uv_handle_t *)&sampler->timer);
  sampler->timer.data = sampler;
  sampler->interval_ms = interval_ms;
}

void sbx_sampler_start(struct sbx_sampler *sampler, pid_t pid) {
  sampler->pid = pid;
  if (take_sample(sampler))
    uv_timer_start(&sampler->timer, on_timer, sampler->interval_ms, sampler->interval_ms);
}

void sbx_sampler_close(struct sbx_sampler *sampler, uv_close_cb done) {
  uv_close((uv_handle_t *)&sampler->timer, done);
}

void sbx_sampler_free(struct sbx_sampler *sampler) {
  free(sampler->samples);
  sampler->samples = NULL;
  sampler->count = sampler->cap = 0;
}
