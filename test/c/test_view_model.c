/* SPDX-License-Identifier: MIT */
/* The view of files: random trees, grants and denies against a model that asks what the rules say
 * of one path after the other. */
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"
#include "util.h"

#include "../../src/guards/paths.h"
#include "../../src/guards/view.h"

static char base[] = "/tmp/sbx-view-XXXXXX";

#include "view_text.h"

#define MAX_NODES 40

struct node {
  char path[128]; /* absolute */
  char target[128];
  char type; /* 'd', 'f', 'l' */
};

static struct node nodes[MAX_NODES];
static int n_nodes;

static const struct node *find(const char *path) {
  for (int i = 0; i < n_nodes; i++)
    if (strcmp(nodes[i].path, path) == 0)
      return &nodes[i];
  return NULL;
}

/* A path of up to three names below `base` that may or may not exist. */
static void random_path(uint64_t *seed, char *out, size_t size) {
  size_t n = (size_t)snprintf(out, size, "%s", base);
  for (unsigned i = 0, depth = 1 + next_random(seed) % 3; i < depth; i++)
    n += (size_t)snprintf(out + n, size - n, "/%c", "abc"[next_random(seed) % 3]);
}

static void random_tree(uint64_t *seed) {
  n_nodes = 0;
  for (int tries = 0; tries < 40 && n_nodes < MAX_NODES; tries++) {
    struct node *n = &nodes[n_nodes];
    char parent[128];
    random_path(seed, n->path, sizeof n->path);
    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(n->path, '/') - n->path), n->path);
    const struct node *p = find(parent);
    if (find(n->path) || (strcmp(parent, base) != 0 && (!p || p->type != 'd')))
      continue;
    n->type = "dddflf"[next_random(seed) % 6];
    random_path(seed, n->target, sizeof n->target);
    int fd = 0;
    if (n->type == 'd'   ? mkdir(n->path, 0700) < 0
        : n->type == 'l' ? symlink(n->target, n->path) < 0
                         : (fd = open(n->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) < 0)
      abort();
    if (fd > 0)
      close(fd);
    n_nodes++;
  }
}

static void remove_tree(void) {
  while (n_nodes > 0 && remove(nodes[n_nodes - 1].path) == 0)
    n_nodes--;
  if (n_nodes)
    abort();
}

/* Where a path leads, by putting targets in place of links until there is none; false in a loop. */
static bool model_real(const char *path, char *real) {
  char work[1024];
  snprintf(work, sizeof work, "%s", path);
  for (int links = 0; links < 60; links++) {
    const struct node *link = NULL;
    size_t n = strlen(base);
    while (!link && work[n]) {
      char head[128];
      n += 1 + strcspn(work + n + 1, "/");
      snprintf(head, sizeof head, "%.*s", (int)n, work);
      const struct node *node = find(head);
      link = node && node->type == 'l' ? node : NULL;
    }
    if (!link) {
      snprintf(real, 128, "%.127s", work);
      return true;
    }
    char next[1200];
    snprintf(next, sizeof next, "%s%s", link->target, work + n);
    snprintf(work, sizeof work, "%.1023s", next);
  }
  return false;
}

static bool below_or_at(const char *path, const char *dir) {
  size_t n = strlen(dir);
  return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

struct trial {
  char grant[4][130], deny[3][128];
  char grant_real[4][128], deny_real[3][128];
  char *grants[5], *denies[4];
  int n_grants, n_denies;
  bool grant_there[4], can_mask;
};

static bool random_trial(uint64_t *seed, struct trial *t) {
  memset(t, 0, sizeof *t);
  t->can_mask = next_random(seed) % 2;
  t->n_grants = 1 + (int)(next_random(seed) % 4);
  t->n_denies = (int)(next_random(seed) % 4);
  for (int i = 0; i < t->n_grants; i++) {
    t->grant[i][0] = "rxwdo"[next_random(seed) % 5];
    random_path(seed, t->grant[i] + 1, sizeof t->grant[i] - 1);
    if (next_random(seed) % 4 == 0)
      strcpy(t->grant[i] + 1, base);
    t->grants[i] = t->grant[i];
    t->grant_there[i] = model_real(t->grant[i] + 1, t->grant_real[i]) &&
                        (find(t->grant_real[i]) || strcmp(t->grant_real[i], base) == 0);
  }
  for (int i = 0; i < t->n_denies; i++) {
    random_path(seed, t->deny[i], sizeof t->deny[i]);
    t->denies[i] = t->deny[i];
    if (!model_real(t->deny[i], t->deny_real[i]))
      return false; /* a loop: an error, see mistakes() */
  }
  return true;
}

/* What the rules say of one path that exists, or might come to be in a directory that does. */
static int model_rights(const struct trial *t, const char *path) {
  int given = 0;
  for (int i = 0; i < t->n_denies; i++) {
    const char *d = t->deny_real[i];
    bool covered = false;
    for (int k = 0; k < t->n_denies; k++)
      covered |= k != i && strcmp(t->deny_real[k], d) != 0 && below_or_at(d, t->deny_real[k]);
    if (below_or_at(path, d))
      return 0;
    const struct node *n = find(path);
    bool dir = strcmp(path, base) == 0 || (n && n->type == 'd');
    if (dir && !covered && below_or_at(d, path) && !(t->can_mask && find(d)))
      return 0;
  }
  if (!find(path) && strcmp(path, base) != 0) {
    char parent[128];
    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(path, '/') - path), path);
    return model_rights(t, parent);
  }
  for (int i = 0; i < t->n_grants; i++)
    if (t->grant_there[i] && below_or_at(path, t->grant_real[i]))
      given |= 1 << (strchr("rxwdo", t->grant[i][0]) - "rxwdo");
  return given ? given | 1 : 0;
}

static int view_rights(const struct sbx_view *v, const char *path) {
  int given = 0;
  for (size_t i = 0; i < v->n_masks; i++)
    if (below_or_at(path, v->masks[i].real))
      return 0;
  for (size_t i = 0; i < v->n_grants; i++)
    if (v->grants[i].beneath && (v->grants[i].dir ? below_or_at(path, v->grants[i].real)
                                                  : strcmp(path, v->grants[i].real) == 0))
      given |= 1 << (strchr("rxwdo", v->grants[i].access) - "rxwdo");
  return given ? given | 1 : 0;
}

static bool well_formed(const struct sbx_view *v) {
  for (size_t i = 0; i < v->n_grants; i++) {
    const struct sbx_grant *g = &v->grants[i];
    const struct node *n = find(g->real);
    if (g->dir != (strcmp(g->real, base) == 0 || (n && n->type == 'd')) || (!g->dir && !g->beneath))
      return false;
    if (i && sbx_path_compare(v->grants[i - 1].real, g->real) > 0)
      return false;
    for (size_t k = 0; k < i && strcmp(g->path, g->real) == 0; k++)
      if (v->grants[k].beneath && below_or_at(g->real, v->grants[k].real) &&
          (v->grants[k].access == g->access || g->access == 'r'))
        return false;
  }
  for (size_t i = 0; i < v->n_masks; i++)
    if (!find(v->masks[i].real) || v->masks[i].dir != (find(v->masks[i].real)->type == 'd'))
      return false;
  return true;
}

static bool agrees(const struct trial *t, const struct sbx_view *v, const char *path) {
  int expected = model_rights(t, path), got = view_rights(v, path);
  if (expected != got)
    printf("# %s: the model says %d, the view %d\n", path, expected, got);
  return expected == got;
}

static bool one_trial(const struct trial *t) {
  struct sbx_view_request request = {(char *const *)t->grants, NULL, (char *const *)t->denies,
                                     t->can_mask};
  struct sbx_view v;
  struct sbx_err err;
  char path[160];
  if (sbx_view_build(&request, &v, &err) < 0) {
    printf("# %s\n", err.text);
    return false;
  }
  bool good = well_formed(&v) && agrees(t, &v, base);
  for (int i = 0; i < n_nodes && good; i++) {
    good = nodes[i].type == 'l' || agrees(t, &v, nodes[i].path);
    snprintf(path, sizeof path, "%.127s/new", nodes[i].path);
    good = good && (nodes[i].type != 'd' || agrees(t, &v, path));
  }
  for (int i = 0; i < t->n_denies && good; i++)
    good = view_rights(&v, t->deny_real[i]) == 0;
  if (!good) {
    for (int i = 0; i < n_nodes; i++)
      printf("# %c %s %s\n", nodes[i].type, nodes[i].path,
             nodes[i].type == 'l' ? nodes[i].target : "");
    for (int i = 0; i < t->n_grants; i++)
      printf("# grant %s\n", t->grant[i]);
    for (int i = 0; i < t->n_denies; i++)
      printf("# deny %s%s\n", t->deny[i], t->can_mask ? " (masks)" : "");
    printf("# view %s\n", shown(&v));
  }
  sbx_view_free(&v);
  return good;
}

static void random_trials(void) {
  uint64_t seed = 0x9e3779b97f4a7c15u;
  int good = 0, with_masks = 0, all = 0, fds = count_fds();
  for (int tree = 0; tree < 60; tree++) {
    random_tree(&seed);
    for (int i = 0; i < 100 && good == all; i++) {
      struct trial t;
      if (!random_trial(&seed, &t))
        continue;
      all++;
      with_masks += t.can_mask;
      good += one_trial(&t);
    }
    remove_tree();
  }
  printf("# %d trials, %d with masks\n", all, with_masks);
  ok(all > 3000 && with_masks > 1000, "there were enough trials");
  ok(good == all, "random views are what the model says, path by path");
  ok(count_fds() == fds, "no descriptor is left open");
}

int main(void) {
  if (!mkdtemp(base))
    abort();
  random_trials();
  ok(rmdir(base) == 0, "nothing is left behind");
  return tap_done();
}
