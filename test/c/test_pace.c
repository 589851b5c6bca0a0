/* SPDX-License-Identifier: MIT */
/* How fast something may go, by a clock of the test's own. */
#include <stdint.h>

#include "tap.h"

#include "../../src/launcher/pace.h"

#define SECOND UINT64_C(1000000000)

/* How many there are room for at that time. */
static unsigned drain(struct sbx_pace *p, uint64_t now) {
  unsigned n = 0;
  while (n < 100000 && sbx_pace_may(p, now)) {
    sbx_pace_take(p, 1);
    n++;
  }
  return n;
}

int main(void) {
  struct sbx_pace p;
  uint64_t now = 7 * SECOND;
  sbx_pace_init(&p, 1000, 50, now);
  ok(sbx_pace_wait_ns(&p) == 0, "at first nobody waits");
  ok(drain(&p, now) == 50, "so many at once");
  uint64_t wait = sbx_pace_wait_ns(&p);
  ok(wait > 0 && wait <= SECOND / 1000 + 1, "the next one waits for its share of a second");
  ok(!sbx_pace_may(&p, now + wait / 2) && sbx_pace_may(&p, now + wait), "and no longer");
  now += wait;
  drain(&p, now);
  unsigned n = 0;
  for (int i = 0; i < 1000; i++)
    n += drain(&p, now += SECOND / 1000);
  ok(n >= 999 && n <= 1001, "so many a second");
  ok(drain(&p, now += 3600 * SECOND) == 50, "what was not used is not saved up");
  ok(drain(&p, now - SECOND) == 0, "a clock that goes back gives nothing");
  sbx_pace_take(&p, 100);
  ok(drain(&p, now + SECOND / 20) == 0 && drain(&p, now + SECOND / 5) > 0, "a debt is made up for");
  sbx_pace_take(&p, UINT32_MAX);
  ok(drain(&p, now + 3 * SECOND) == 50, "and is never more than a second's");
  sbx_pace_init(&p, 1000, 50, now);
  ok(drain(&p, UINT64_MAX) == 50, "however much time has passed");
  return tap_done();
}
