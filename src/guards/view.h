/* SPDX-License-Identifier: MIT */
/* The view: which files a guest may see, worked out from what is granted and what is denied.
 *
 * Init, before the guest is forked: may allocate, reads directories. The result feeds both the
 * mount namespace (mounts.h) and Landlock (landlock.h).
 *
 * A grant is a string: one letter of access, then an absolute path.
 *   r  read files, list directories
 *   x  the same, and execute
 *   w  the same as r, and write, create, remove, rename, truncate
 *   o  the same as w, but what is there is never executed (outdir, /tmp)
 *   d  read, write and ioctl of a device file (/dev/null); nothing may be created
 *   h  no grant but the reverse: a path that the grants around it leave out. It must exist, or is
 * not looked for; a grant of its own, or of something in it, must not be asked for beside it p  no
 * grant: what a zygote is to preload, see launcher/init.c What does not exist grants nothing.
 * `deny` beats every grant, at the path and beneath it, wherever the grant is; symbolic links are
 * followed first, on both sides. A denied path that lies behind a directory which init may not
 * search denies that directory; one that is a loop of links is an error (ELOOP), since nobody can
 * say what it denies. */
#ifndef SBX_VIEW_H
#define SBX_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include "../core/err.h"

#define SBX_VIEW_PRELOAD 'p'
#define SBX_VIEW_HIDDEN 'h'
/* Of the result alone: a directory that may be listed, with those beneath it, since Landlock's
 * rights reach down; what may be read in it has grants of its own. */
#define SBX_VIEW_LISTED 'l'

struct sbx_grant {
  char access; /* 'r', 'x', 'w', 'o', 'd', 'l' */
  char *path;  /* as it was asked for, may hold symbolic links */
  char *real;  /* where it leads: absolute, no links, no "." or ".." */
  bool dir;
  bool beneath; /* false: the directory itself may be listed, nothing in it is granted */
};

/* Whether an access lets files be changed and made. */
static inline bool sbx_grant_writes(char access) {
  return access == 'w' || access == 'o';
}

/* A denied path that exists inside of a grant: to be covered by an empty mount. */
struct sbx_mask {
  char *real;
  bool dir;
};

/* Grants are in tree order: a directory comes before all that is beneath it. One that another
 * covers is left out, unless its `path` is a name that only it has (the mount namespace may need a
 * link there). */
struct sbx_view {
  struct sbx_grant *grants;
  size_t n_grants;
  struct sbx_mask *masks;
  size_t n_masks;
};

struct sbx_view_request {
  char *const *grants;     /* of the policy; NULL-terminated; may be NULL */
  char *const *run_grants; /* of this run; the same */
  char *const *deny;       /* absolute paths; the same */
  /* True: a denied path that exists becomes a mask, and what is around it stays granted as a whole.
   * False (no mount namespace), or where the denied path does not exist yet: the directories that
   * lead to it are taken apart, and each of their other entries is granted by itself, so that
   * nothing can be created, and nothing listed, in these directories. For what is hidden they can
   * still be listed. */
  bool can_mask;
};

/* Returns 0 or -errno with `err` (stage SBX_STAGE_VIEW) filled. At most 65,536 grants come out. */
int sbx_view_build(const struct sbx_view_request *request, struct sbx_view *out,
                   struct sbx_err *err);

void sbx_view_free(struct sbx_view *view);

#endif
