/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share: the entry point, a reader of the input, a check that always stays.
 */
#ifndef SBX_FUZZ_H
#define SBX_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A broken promise of the code under test; abort(3) is what every fuzzer takes for a find. */
#define REQUIRE(condition)                                                                         \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "broken: %s at %s:%d\n", #condition, __FILE__, __LINE__);                    \
      abort();                                                                                     \
    }                                                                                              \
  } while (0)

struct fuzz_input {
  const uint8_t *at;
  size_t left;
};

/* The next byte; 0 at the end. */
static inline uint8_t take_byte(struct fuzz_input *in) {
  if (in->left == 0)
    return 0;
  in->left--;
  return *in->at++;
}

static inline uint32_t take_u16(struct fuzz_input *in) {
  uint32_t low = take_byte(in);
  return low | (uint32_t)take_byte(in) << 8;
}

/* Up to *n of the next bytes; *n becomes how many there were. */
static inline const uint8_t *take_bytes(struct fuzz_input *in, size_t *n) {
  const uint8_t *bytes = in->at;
  if (*n > in->left)
    *n = in->left;
  in->at += *n;
  in->left -= *n;
  return bytes;
}

#endif
