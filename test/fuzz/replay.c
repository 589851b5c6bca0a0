/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target on files given as arguments, without libFuzzer: any compiler, no clang. */
#include "fuzz.h"

static int replay(const char *path) {
  FILE *in = fopen(path, "re");
  if (!in) {
    perror(path);
    return 1;
  }
  size_t cap = 1u << 20;
  uint8_t *buf = malloc(cap);
  size_t n = buf ? fread(buf, 1, cap, in) : 0;
  int bad = !buf || ferror(in);
  fclose(in);
  /* A block of exactly the input's size, so that ASan sees any read beyond it. */
  uint8_t *exact = malloc(n ? n : 1);
  if (!bad && exact) {
    memcpy(exact, buf, n);
    LLVMFuzzerTestOneInput(exact, n);
  }
  bad |= !exact;
  free(exact);
  free(buf);
  return bad;
}

int main(int argc, char **argv) {
  int bad = argc < 2;
  for (int i = 1; i < argc; i++) {
    printf("# %s\n", argv[i]);
    fflush(stdout); /* on a crash the last line names the input */
    bad |= replay(argv[i]);
  }
  printf("%s %s: %d inputs\n", bad ? "not ok" : "ok", argv[0], argc - 1);
  return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
