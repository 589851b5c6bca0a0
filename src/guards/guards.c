/* SPDX-License-Identifier: MIT */
/* The ordered table of guards. Runs in the guest's process between fork() and execve(). */
#include "guards.h"

const struct sbx_guard sbx_guards[] = {
    {"descriptors", sbx_guard_fds},       /* first: what follows opens nothing it could leak */
    {"workdir", sbx_guard_workdir},       /* while the caller's rights to reach it still hold */
    {"rlimits", sbx_guard_rlimits},       /* lowering needs no privilege, raising back would */
    {"privileges", sbx_guard_privileges}, /* last: nothing after it needs a capability */
    {0},
};

int sbx_guards_apply(struct sbx_guard_run *run, struct sbx_err *err) {
  for (const struct sbx_guard *g = sbx_guards; g->name; g++) {
    int rc = g->apply(run, err);
    if (rc < 0)
      return rc;
  }
  return 0;
}
