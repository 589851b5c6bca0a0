/* SPDX-License-Identifier: MIT */
#include "pace.h"

#define ONE UINT64_C(1000000000)

/* Debt, which is a second's worth at most, lies below this. */
static uint64_t base(const struct sbx_pace *p) {
  return p->a_second * ONE;
}

static uint64_t most(const struct sbx_pace *p) {
  return base(p) + p->at_once * ONE;
}

void sbx_pace_init(struct sbx_pace *p, uint32_t a_second, uint32_t at_once, uint64_t now_ns) {
  *p = (struct sbx_pace){.a_second = a_second, .at_once = at_once, .last_ns = now_ns};
  p->tokens = most(p);
}

bool sbx_pace_may(struct sbx_pace *p, uint64_t now_ns) {
  uint64_t passed = now_ns > p->last_ns ? now_ns - p->last_ns : 0;
  uint64_t room = most(p) - p->tokens;
  p->last_ns += passed;
  p->tokens += passed > room / p->a_second ? room : passed * p->a_second;
  return p->tokens >= base(p) + ONE;
}

void sbx_pace_take(struct sbx_pace *p, uint32_t n) {
  uint64_t cost = n * ONE;
  p->tokens -= cost < p->tokens ? cost : p->tokens;
}

uint64_t sbx_pace_wait_ns(const struct sbx_pace *p) {
  uint64_t wanted = base(p) + ONE;
  return p->tokens >= wanted ? 0 : (wanted - p->tokens) / p->a_second + 1;
}
