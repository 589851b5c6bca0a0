/* SPDX-License-Identifier: MIT */
/* evil.so: a library that somebody wants loaded. Its constructor writes into the file that its
 * environment names. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void loaded(void) {
  const char *path = getenv("SBX_EVIL");
  int fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : -1;
  if (fd < 0)
    return;
  if (write(fd, "loaded", 6) != 6)
    abort();
  close(fd);
}
