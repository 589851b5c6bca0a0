/* SPDX-License-Identifier: MIT */
/* The working directory of the run. Init, which finds out whether it can be entered, and the
 * guest's process, between fork() and execve(). */
#include "guards.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int sbx_guard_workdir(struct sbx_guard_run *run, struct sbx_err *err) {
  if (chdir(run->workdir) == 0)
    return 0;
  return sbx_err_set(err, SBX_STAGE_WORKDIR, errno, "ctx.workdir %.160s: %s", run->workdir,
                     strerror(errno));
}
