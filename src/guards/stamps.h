/* SPDX-License-Identifier: MIT */
/* Whether the paths that a view was made of still lead to the same files: for views that more than
 * one run has. Who asks has other things to do than to wait for a file server that is gone: a child
 * looks, half a second long at most, unless all paths are known to lead to file systems of this
 * machine's own. */
#ifndef SBX_STAMPS_H
#define SBX_STAMPS_H

#include <stdbool.h>

struct sbx_stamps;

/* Looks at each grant of these NULL-terminated lists, either of which may be NULL, and at
 * `workdir`. All must outlive the result. To be called before the view is made: what changes
 * meanwhile is then taken for changed. NULL without memory. What did not answer in time never
 * holds. */
struct sbx_stamps *sbx_stamps_take(char *const *common, char *const *own, const char *workdir);

/* Whether to look at them, and to open them, takes no longer than it takes this machine. */
bool sbx_stamps_local(const struct sbx_stamps *stamps);

/* Looks again. */
bool sbx_stamps_hold(struct sbx_stamps *stamps);

void sbx_stamps_free(struct sbx_stamps *stamps);

#endif
