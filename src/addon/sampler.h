/* SPDX-License-Identifier: MIT */
/* The sampler: memory and CPU time of one guest over time, read from /proc by a timer of the
 * host's event loop. It never keeps the loop alive. Thread of the environment only. */
#ifndef SBX_SAMPLER_H
#define SBX_SAMPLER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

/* At this many samples every other one is dropped and the interval doubles: a long run costs no
 * more than a short one. */
#define SBX_SAMPLES_MAX 10000u

struct sbx_sample {
  double time_ms;
  uint64_t rss_kb, cpu_us;
};

struct sbx_sampler {
  uv_timer_t timer;
  uint64_t interval_ms; /* 0 = off */
  pid_t pid;
  uint64_t start_time; /* of the process that was sampled first: tells a reused pid apart */
  struct sbx_sample *samples;
  size_t count, cap;
};

/* Prepares the timer; after it sbx_sampler_close is due. Only with interval_ms > 0. */
void sbx_sampler_init(struct sbx_sampler *sampler, uv_loop_t *loop, uint64_t interval_ms);

/* Takes the first sample of `pid` and starts the timer. */
void sbx_sampler_start(struct sbx_sampler *sampler, pid_t pid);

/* Closes the timer; `done` is called with it later. */
void sbx_sampler_close(struct sbx_sampler *sampler, uv_close_cb done);

/* Frees the samples. */
void sbx_sampler_free(struct sbx_sampler *sampler);

#endif
