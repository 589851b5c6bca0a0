/* SPDX-License-Identifier: MIT */
/* OpenSSL's generators notice a fork by the pid, which is not enough: pids are used again, and in
 * PID namespaces they repeat. Fresh seed for the first generator makes those that draw from it ask
 * for theirs anew (EVP_RAND(7)). */
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "zygote.h"

/* Of the runtime, which may have been built without OpenSSL. */
static void (*seed)(const void *, int);

void sbx_zygote_find_seed(void) {
  *(void **)&seed = dlsym(RTLD_DEFAULT, "RAND_seed");
}

int sbx_zygote_random(void *bytes, size_t len) {
  errno = 0;
  if (getrandom(bytes, len, 0) == (ssize_t)len)
    return 0;
  return errno ? -errno : -EIO;
}

int sbx_zygote_reseed(void) {
  unsigned char bytes[48];
  if (!seed)
    return 0;
  int rc = sbx_zygote_random(bytes, sizeof bytes);
  if (rc < 0)
    return rc;
  seed(bytes, sizeof bytes);
  explicit_bzero(bytes, sizeof bytes);
  return 0;
}
