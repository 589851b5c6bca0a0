/* SPDX-License-Identifier: MIT */
/* The view of a run. Init, before the guest is forked.
 *
 * Names decide, not inodes. A hard link to a denied file, made before the run under a granted name,
 * is another name and stays granted (the guest cannot make one: linking needs LANDLOCK_ACCESS_FS_
 * REFER at both ends); so is the same directory bind-mounted elsewhere, and another spelling of a
 * name on a file system that folds case. What the host renames into a granted directory while the
 * guest runs is granted. */
#include "view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../core/fd.h"
#include "paths.h"

#define MAX_GRANTS 65536u
#define MAX_ENTRIES 65536u /* read from directories that are taken apart */

struct deny {
  const char *asked;
  char *real;
  bool exists, dir;
  bool hidden; /* by the run, and not denied by the policy */
  bool masked; /* something around it is granted as a whole */
};

struct build {
  const struct sbx_view_request *request;
  struct sbx_view *view;
  size_t room; /* of view->grants */
  struct deny *deny;
  size_t n_deny;
  size_t entries;
  struct sbx_err *err;
};

static int fail(struct build *b, int errnum, const char *what, const char *path) {
  return sbx_err_set(b->err, SBX_STAGE_VIEW, errnum, "%s %.160s: %s", what, path, strerror(errnum));
}

static int no_memory(struct build *b) {
  return sbx_err_set(b->err, SBX_STAGE_VIEW, ENOMEM, "the view of files: %s", strerror(ENOMEM));
}

static size_t count(char *const *list) {
  size_t n = 0;
  while (list && list[n])
    n++;
  return n;
}

static int compare_denies(const void *a, const void *b) {
  return sbx_path_compare(((const struct deny *)a)->real, ((const struct deny *)b)->real);
}

/* Drops what lies within another denied path. In tree order that one comes before it, and nothing
 * else in between. */
static void drop_nested_denies(struct build *b) {
  size_t kept = 0;
  qsort(b->deny, b->n_deny, sizeof *b->deny, compare_denies);
  for (size_t i = 0; i < b->n_deny; i++)
    if (kept && sbx_path_within(b->deny[i].real, b->deny[kept - 1].real))
      free(b->deny[i].real);
    else
      b->deny[kept++] = b->deny[i];
  b->n_deny = kept;
}

static int add_deny(struct build *b, const char *asked, bool hidden) {
  struct sbx_place place;
  int rc = sbx_path_locate(asked, &place);
  if (rc < 0)
    return fail(b, -rc, "deny", asked);
  /* What has gone since it was found hides nothing. */
  if (hidden && !place.exists)
    return 0;
  struct deny *d = &b->deny[b->n_deny];
  *d = (struct deny){asked, strdup(place.real), place.exists, place.dir, hidden, false};
  if (!d->real)
    return no_memory(b);
  b->n_deny++;
  return 0;
}

static int resolve_denies(struct build *b) {
  char *const *list = b->request->deny, *const *run = b->request->run_grants;
  b->deny = calloc(count(list) + count(run) + 1, sizeof *b->deny);
  if (!b->deny)
    return no_memory(b);
  int rc = 0;
  for (size_t i = 0; rc == 0 && list && list[i]; i++)
    rc = add_deny(b, list[i], false);
  for (size_t i = 0; rc == 0 && run && run[i]; i++)
    if (run[i][0] == SBX_VIEW_HIDDEN)
      rc = add_deny(b, run[i] + 1, true);
  if (rc == 0)
    drop_nested_denies(b);
  return rc;
}

/* The first denied path that comes after `real` in tree order. Those beneath it follow from there;
 * the one that it is, or lies within, is just before. */
static size_t denies_after(const struct build *b, const char *real) {
  size_t low = 0, high = b->n_deny;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (sbx_path_compare(b->deny[middle].real, real) <= 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool is_denied(const struct build *b, const char *real) {
  size_t at = denies_after(b, real);
  return at > 0 && sbx_path_within(real, b->deny[at - 1].real);
}

/* Takes the strings over, also when it fails. */
static int push(struct build *b, struct sbx_grant grant, const char *culprit) {
  struct sbx_view *v = b->view;
  int rc = 0;
  if (!grant.real || !grant.path) {
    rc = no_memory(b);
  } else if (v->n_grants == MAX_GRANTS) {
    rc = fail(b, E2BIG, "over 65536 grants, too many because of", culprit);
  } else if (v->n_grants == b->room) {
    size_t room = b->room ? 2 * b->room : 32;
    struct sbx_grant *grants = realloc(v->grants, room * sizeof *grants);
    if (grants) {
      v->grants = grants;
      b->room = room;
    } else {
      rc = no_memory(b);
    }
  }
  if (rc == 0) {
    v->grants[v->n_grants++] = grant;
    return 0;
  }
  free(grant.path);
  free(grant.real);
  return rc;
}

/* What the user who runs init cannot reach, the guest cannot either. */
static bool grants_nothing(int errnum) {
  return errnum == ENOENT || errnum == ENOTDIR || errnum == ELOOP || errnum == EACCES;
}

static int add_grant(struct build *b, const char *asked) {
  char real[PATH_MAX];
  struct stat st;
  if (asked[0] == SBX_VIEW_PRELOAD || asked[0] == SBX_VIEW_HIDDEN)
    return 0;
  if (!asked[0] || !strchr("rxwdo", asked[0]) || asked[1] != '/')
    return fail(b, EINVAL, "a grant is a letter and an absolute path, not", asked);
  if (!realpath(asked + 1, real) || lstat(real, &st) < 0)
    return grants_nothing(errno) ? 0 : fail(b, errno, "grant", asked);
  if (is_denied(b, real))
    return 0;
  struct sbx_grant grant = {.access = asked[0], .dir = S_ISDIR(st.st_mode), .beneath = true};
  grant.real = strdup(real);
  grant.path = strdup(asked + 1);
  return push(b, grant, asked);
}

static int add_grants(struct build *b, char *const *list) {
  for (size_t i = 0; list && list[i]; i++) {
    int rc = add_grant(b, list[i]);
    if (rc < 0)
      return rc;
  }
  return 0;
}

/* DT_UNKNOWN for what is gone. */
static unsigned char entry_type(int dir_fd, const struct dirent *entry) {
  struct stat st;
  if (entry->d_type != DT_UNKNOWN)
    return entry->d_type;
  if (fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return DT_UNKNOWN;
  return (unsigned char)IFTODT(st.st_mode);
}

static int add_entry(struct build *b, const char *real, char access, int dir_fd,
                     const struct dirent *entry, const struct deny *culprit) {
  if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
    return 0;
  if (++b->entries > MAX_ENTRIES)
    return fail(b, E2BIG, "over 65536 files, too many, are around", culprit->asked);
  /* A link needs no right of its own; where it leads to is granted there, or not. */
  unsigned char type = entry_type(dir_fd, entry);
  if (type == DT_UNKNOWN || type == DT_LNK)
    return 0;
  char *child = sbx_path_join(real, entry->d_name);
  if (child && is_denied(b, child)) {
    free(child);
    return 0;
  }
  struct sbx_grant grant = {access, child ? strdup(child) : NULL, child, type == DT_DIR, true};
  return push(b, grant, culprit->asked);
}

/* Grants the entries of a directory instead of itself. */
static int take_apart(struct build *b, size_t at, const struct deny *culprit) {
  struct sbx_grant *grant = &b->view->grants[at];
  const char *real = grant->real;
  char access = grant->access;
  int rc = 0, fd = open(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (culprit->hidden)
    grant->access = SBX_VIEW_LISTED;
  else
    grant->beneath = false;
  if (!dir) {
    int errnum = errno;
    sbx_fd_close(&fd);
    return grants_nothing(errnum) ? 0 : fail(b, errnum, "listing", real);
  }
  while (rc == 0) {
    errno = 0;
    const struct dirent *entry = readdir(dir); // NOLINT(concurrency-mt-unsafe): its own DIR
    if (!entry) {
      rc = errno ? fail(b, errno, "listing", real) : 0;
      break;
    }
    rc = add_entry(b, real, access, fd, entry, culprit);
  }
  closedir(dir);
  return rc;
}

/* Reconciles one grant with what is denied beneath it. */
static int settle(struct build *b, size_t at) {
  const struct sbx_grant *grant = &b->view->grants[at];
  size_t first = denies_after(b, grant->real), end = first;
  const struct deny *culprit = NULL;
  if (!grant->dir || grant->access == SBX_VIEW_LISTED)
    return 0;
  /* One that is denied decides, since what may be listed reaches down to it. */
  for (; end < b->n_deny && sbx_path_within(b->deny[end].real, grant->real); end++)
    if ((!b->request->can_mask || !b->deny[end].exists) && (!culprit || culprit->hidden))
      culprit = &b->deny[end];
  if (culprit)
    return take_apart(b, at, culprit);
  for (size_t i = first; i < end; i++)
    b->deny[i].masked = true;
  return 0;
}

#define LETTERS "lrxwdo"

static int bit_of(char access) {
  return 1 << (strchr(LETTERS, access) - LETTERS);
}

/* Directories that are granted come before those that are only listed, wider access before 'r'. */
static int compare_grants(const void *left, const void *right) {
  const struct sbx_grant *a = left, *b = right;
  int order = sbx_path_compare(a->real, b->real);
  if (order == 0)
    order = b->beneath - a->beneath;
  if (order == 0)
    order = bit_of(b->access) - bit_of(a->access);
  return order ? order : strcmp(a->path, b->path);
}

/* A directory around the grant at hand: what it and those around it give. */
struct around {
  const char *real;
  int given;
};

/* Whether `grant` adds nothing. It stays all the same if it was asked for by a name of its own: the
 * mount namespace may have to hold that name. */
static bool is_redundant(const struct sbx_grant *grant, int given,
                         const struct sbx_grant *previous) {
  bool same = previous && strcmp(grant->real, previous->real) == 0;
  bool listed = same && !previous->beneath && !grant->beneath;
  if (grant->access == SBX_VIEW_LISTED)
    return given || (same && previous->access == SBX_VIEW_LISTED);
  bool covered =
      given && (!grant->beneath || grant->access == 'r' || given & bit_of(grant->access));
  if (!listed && !covered)
    return false;
  return strcmp(grant->path, grant->real) == 0 ||
         (same && strcmp(grant->path, previous->path) == 0);
}

static int drop_redundant_grants(struct build *b) {
  struct sbx_view *v = b->view;
  size_t kept = 0, depth = 0;
  if (v->n_grants == 0)
    return 0;
  struct around *around = calloc(v->n_grants, sizeof *around);
  if (!around)
    return no_memory(b);
  qsort(v->grants, v->n_grants, sizeof *v->grants, compare_grants);
  for (size_t i = 0; i < v->n_grants; i++) {
    struct sbx_grant *g = &v->grants[i];
    while (depth && !sbx_path_within(g->real, around[depth - 1].real))
      depth--;
    int given = depth ? around[depth - 1].given : 0;
    if (is_redundant(g, given, kept ? &v->grants[kept - 1] : NULL)) {
      free(g->path);
      free(g->real);
      continue;
    }
    if (g->beneath && g->access != SBX_VIEW_LISTED)
      around[depth++] = (struct around){g->real, given | bit_of(g->access)};
    v->grants[kept++] = *g;
  }
  v->n_grants = kept;
  free(around);
  return 0;
}

static int collect_masks(struct build *b) {
  struct sbx_view *v = b->view;
  if (b->n_deny == 0)
    return 0;
  v->masks = calloc(b->n_deny, sizeof *v->masks);
  if (!v->masks)
    return no_memory(b);
  for (size_t i = 0; i < b->n_deny; i++)
    if (b->deny[i].masked) {
      v->masks[v->n_masks++] = (struct sbx_mask){b->deny[i].real, b->deny[i].dir};
      b->deny[i].real = NULL;
    }
  return 0;
}

static int build(struct build *b) {
  int rc = resolve_denies(b);
  if (rc == 0)
    rc = add_grants(b, b->request->grants);
  if (rc == 0)
    rc = add_grants(b, b->request->run_grants);
  /* What is taken apart adds its entries at the end: they are settled in their turn. */
  for (size_t i = 0; rc == 0 && i < b->view->n_grants; i++)
    rc = settle(b, i);
  if (rc == 0)
    rc = drop_redundant_grants(b);
  return rc == 0 ? collect_masks(b) : rc;
}

int sbx_view_build(const struct sbx_view_request *request, struct sbx_view *out,
                   struct sbx_err *err) {
  struct build b = {.request = request, .view = out, .err = err};
  memset(out, 0, sizeof *out);
  int rc = build(&b);
  for (size_t i = 0; i < b.n_deny; i++)
    free(b.deny[i].real);
  free(b.deny);
  if (rc < 0)
    sbx_view_free(out);
  return rc;
}

void sbx_view_free(struct sbx_view *view) {
  for (size_t i = 0; i < view->n_grants; i++) {
    free(view->grants[i].path);
    free(view->grants[i].real);
  }
  for (size_t i = 0; i < view->n_masks; i++)
    free(view->masks[i].real);
  free(view->grants);
  free(view->masks);
  memset(view, 0, sizeof *view);
}
