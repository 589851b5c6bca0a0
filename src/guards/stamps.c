/* SPDX-License-Identifier: MIT */
#include "stamps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What a path that was asked for led to. A file that is put in the place of another has another
 * number, or the same number and another time of birth. */
struct stamp {
  int errnum;
  unsigned mode, major, minor;
  uint64_t inode;
  int64_t born_s;
  uint32_t born_ns, pad;
};

struct sbx_stamps {
  char *const *lists[2];
  const char *workdir;
  struct stamp list[]; /* of the lists, of the working directory */
};

static struct stamp stamp_of(const char *path) {
  struct stamp now;
  struct statx st;
  memset(&now, 0, sizeof now); /* They are compared as they lie there. */
  if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_TYPE | STATX_INO | STATX_BTIME, &st) < 0) {
    now.errnum = errno;
    return now;
  }
  now.mode = st.stx_mode & S_IFMT;
  now.major = st.stx_dev_major;
  now.minor = st.stx_dev_minor;
  now.inode = st.stx_ino;
  now.born_s = st.stx_mask & STATX_BTIME ? st.stx_btime.tv_sec : 0;
  now.born_ns = st.stx_mask & STATX_BTIME ? st.stx_btime.tv_nsec : 0;
  return now;
}

static size_t count(char *const *list) {
  size_t n = 0;
  while (list && list[n])
    n++;
  return n;
}

static bool check(const char *path, struct stamp *stamp, bool take) {
  struct stamp now = stamp_of(path);
  if (take)
    *stamp = now;
  return memcmp(&now, stamp, sizeof now) == 0;
}

/* Takes them, or tells whether they are still the same. */
static bool each(struct sbx_stamps *stamps, bool take) {
  struct stamp *at = stamps->list;
  for (size_t i = 0; i < 2; i++)
    for (char *const *grant = stamps->lists[i]; grant && *grant; grant++)
      if (!check(*grant + 1, at++, take))
        return false;
  return check(stamps->workdir, at, take);
}

struct sbx_stamps *sbx_stamps_take(char *const *common, char *const *own, const char *workdir) {
  size_t n = count(common) + count(own) + 1;
  struct sbx_stamps *stamps = malloc(sizeof *stamps + n * sizeof *stamps->list);
  if (!stamps)
    return NULL;
  *stamps = (struct sbx_stamps){{common, own}, workdir};
  each(stamps, true);
  return stamps;
}

bool sbx_stamps_hold(struct sbx_stamps *stamps) {
  return each(stamps, false);
}

void sbx_stamps_free(struct sbx_stamps *stamps) {
  free(stamps);
}
