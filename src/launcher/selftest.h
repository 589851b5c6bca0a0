/* SPDX-License-Identifier: MIT */
/* Probing is not believing: tries one forbidden act per guard in a process that is confined as a
 * guest is. */
#ifndef SBX_SELFTEST_H
#define SBX_SELFTEST_H

#include "launcher.h"

/* Returns 0 when every act was refused, else -errno with `err` naming the guard that let one
 * through (its stage) or that could not be applied. The launcher, before its first run. */
int sbx_selftest(struct sbx_guard_shared *shared, struct sbx_err *err);

#endif
