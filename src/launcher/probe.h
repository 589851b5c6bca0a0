/* SPDX-License-Identifier: MIT */
/* `launcher probe`: what this machine's kernel offers. */
#ifndef SBX_PROBE_H
#define SBX_PROBE_H

/* For the package's doctor and for runner.isolation(): a line a guard on stdout, fields between
 * tabs: name, status, text, mend. `cgroup` is where the guests' are to be, "auto" or a path.
 * Returns an exit status. */
int sbx_probe(const char *cgroup);

#endif
