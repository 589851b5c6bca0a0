/* SPDX-License-Identifier: MIT */
/* Absolute paths: their order, where they lead, and opening them without following a link. */
#ifndef SBX_PATHS_H
#define SBX_PATHS_H

#include <limits.h>
#include <stdbool.h>

/* What is at a path, once its links are followed. */
struct sbx_place {
  char real[PATH_MAX]; /* absolute, no links, no "." or ".." */
  bool exists, dir;
};

/* Where a path leads that need not exist: a tail that is missing stays as it is written, behind the
 * deepest ancestor that is there; a link that dangles leads to where its target would be. Behind a
 * directory that may not be searched nothing can be known: the place is then that directory.
 * Returns 0 or -errno, among them -ELOOP. */
int sbx_path_locate(const char *path, struct sbx_place *place);

/* The order of a tree walk: a directory, then all that is beneath it, then its next sibling. Both
 * as sbx_place has them. */
int sbx_path_compare(const char *a, const char *b);

/* Whether `path` is `dir` or beneath it. */
bool sbx_path_within(const char *path, const char *dir);

/* "dir/name", malloc'ed; NULL when there is no memory. */
char *sbx_path_join(const char *dir, const char *name);

/* An O_PATH | O_CLOEXEC descriptor of `real`, or -errno. A link anywhere in it is -ELOOP, since it
 * was none when the path was resolved. With `dir` anything but a directory is -ENOTDIR. */
int sbx_path_open(const char *real, bool dir);

#endif
