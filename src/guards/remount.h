/* SPDX-License-Identifier: MIT */
/* What mount_setattr(2) does to a tree of mounts, on Linux 5.2 to 5.11, which lack it. */
#ifndef SBX_REMOUNT_H
#define SBX_REMOUNT_H

#include <stdint.h>

#include "../core/err.h"

/* Adds `attributes` (MOUNT_ATTR_RDONLY, _NOSUID, _NODEV, _NOEXEC) to the mount at `top` and to all
 * that are beneath it, as `mountinfo` lists them (/proc/PID/mountinfo of the calling process);
 * NULL: to the one alone. What each has already stays. Returns 0 or -errno: then some have them and
 * some have not. */
int sbx_remount_tree(const char *top, const char *mountinfo, uint64_t attributes,
                     struct sbx_err *err);

#endif
