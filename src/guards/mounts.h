/* SPDX-License-Identifier: MIT */
/* The mount view: a root file system that holds what the guest is granted and nothing else.
 *
 * Init, in a user namespace of the launcher's, as PID 1 of the run's PID namespace, before the
 * guest is forked; or a forked guest itself. mount_namespaces(7), pivot_root(2), mount_setattr(2).
 */
#ifndef SBX_MOUNTS_H
#define SBX_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>
#include "../core/err.h"
#include "view.h"

struct sbx_mounts_options {
  const char *workdir; /* exists in the view afterwards, if only as an empty directory */
  uint64_t tmp_bytes;  /* size of the private /tmp; 0: none */
  bool pids_only;      /* /proc shows processes and nothing of the kernel: where no Landlock says
                        * which of it may be read */
  bool all_files;      /* the host's files stay where they are; only masks, /proc and read-only */
  bool hide_others;    /* other runs share the PID namespace: /proc does not show their processes */
  bool to_be_joined;   /* made for sbx_mounts_join(): without what each run has to itself */
};

/* Leaves the calling process in a mount namespace of its own, whose root is the view: grants at
 * their paths (read-only but for 'w' and 'd'), masks over what is denied, a fresh read-only /proc,
 * a private /tmp. Returns 0 or -errno with `err` (stage SBX_STAGE_NAMESPACES) filled. */
int sbx_mounts_enter(const struct sbx_view *view, const struct sbx_mounts_options *options,
                     struct sbx_err *err);

/* Leaves the calling process in a copy of the mount namespace `ns_fd`, which another has made of
 * the same view and options with `to_be_joined`; adds what is its own: a private /tmp. No grant
 * beneath /tmp may have been asked for by another name than its real one. The same return. */
int sbx_mounts_join(int ns_fd, const struct sbx_view *view,
                    const struct sbx_mounts_options *options, struct sbx_err *err);

#endif
