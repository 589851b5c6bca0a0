/* SPDX-License-Identifier: MIT */
/* A minimal TAP producer for the C tests: the plan is printed last, from a counter. */
#ifndef SBX_TAP_H
#define SBX_TAP_H

#include <stdio.h>
#include <stdlib.h>

static int tap_run, tap_failed;

#define ok(condition, name)                                                                        \
  do {                                                                                             \
    int tap_good = !!(condition);                                                                  \
    tap_run++;                                                                                     \
    tap_failed += !tap_good;                                                                       \
    printf("%sok %d - %s\n", tap_good ? "" : "not ", tap_run, name);                               \
    if (!tap_good)                                                                                 \
      printf("# failed: %s at %s:%d\n", #condition, __FILE__, __LINE__);                           \
  } while (0)

static inline int tap_done(void) {
  printf("1..%d\n", tap_run);
  return tap_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
