/* SPDX-License-Identifier: MIT */
/* How fast something may go: so many at once, and so many a second from then on. */
#ifndef SBX_PACE_H
#define SBX_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct sbx_pace {
  uint32_t a_second, at_once;
  uint64_t tokens;  /* each is 10^9 parts of one, which a nanosecond adds `a_second` to */
  uint64_t last_ns; /* CLOCK_MONOTONIC */
};

void sbx_pace_init(struct sbx_pace *pace, uint32_t a_second, uint32_t at_once, uint64_t now_ns);

/* Adds what has come since the last time. Returns whether there is room for one. */
bool sbx_pace_may(struct sbx_pace *pace, uint64_t now_ns);

/* `n` were done; more than there was room for are made up for by waiting. */
void sbx_pace_take(struct sbx_pace *pace, uint32_t n);

/* How long until there is room for one, by what sbx_pace_may() knew. */
uint64_t sbx_pace_wait_ns(const struct sbx_pace *pace);

#endif
