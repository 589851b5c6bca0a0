/* SPDX-License-Identifier: MIT */
/* A view as a text, for the tests of view.c. Included after `base` is declared, which every path in
 * it begins with and which is left out. */
#ifndef SBX_TEST_VIEW_TEXT_H
#define SBX_TEST_VIEW_TEXT_H

#include <stdio.h>
#include <string.h>

#include "../../src/guards/view.h"

/* The view as text: "r/a w/b -r/c !/d", '-' for a directory that is only listed, '!' for a mask,
 * paths without `base`, and "=path" where the grant has a name of its own. */
static inline const char *shown(const struct sbx_view *v) {
  static char text[8192];
  size_t n = 0, skip = strlen(base);
  text[0] = '\0';
  for (size_t i = 0; i < v->n_grants && n < sizeof text - 512; i++) {
    const struct sbx_grant *g = &v->grants[i];
    n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%c%s%s", n ? " " : "",
                          g->beneath ? "" : "-", g->access, g->real + skip, g->dir ? "/" : "");
    if (strcmp(g->path, g->real) != 0)
      n += (size_t)snprintf(text + n, sizeof text - n, "=%s", g->path + skip);
  }
  for (size_t i = 0; i < v->n_masks && n < sizeof text - 512; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "%s!%s%s", n ? " " : "",
                          v->masks[i].real + skip, v->masks[i].dir ? "/" : "");
  return text;
}

#endif
