/* SPDX-License-Identifier: MIT */
/* Landlock: file access by path, TCP by port, signals and abstract sockets by scope.
 * https://docs.kernel.org/userspace-api/landlock.html */
#ifndef SBX_LANDLOCK_H
#define SBX_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include "../core/err.h"
#include "report.h"
#include "view.h"

/* The newest ABI whose rights are known here; a newer kernel is used as if it had this one. */
#define SBX_LANDLOCK_ABI_KNOWN 7

/* The kernel's ABI, clamped to the known ones; 0 when there is none. */
int sbx_landlock_abi(void);

/* What this kernel offers. ABI 1 and 2 are PARTIAL: 1 cannot rename across directories (such a
 * rename is always refused), 1 and 2 cannot refuse truncate(2), of any file. 3 to 5 are ENFORCED,
 * and `text` says what they leave to other guards: below 4 TCP, below 5 ioctl of devices, below 6
 * signals and abstract sockets. Tries it in a forked child: a ruleset that loads and refuses
 * nothing is UNAVAILABLE. */
void sbx_landlock_probe(struct sbx_report *report);

/* The probe's words for an ABI from 1 to the newest known, and for the errno of a kernel without.
 */
void sbx_landlock_describe(int abi, struct sbx_report *report);
void sbx_landlock_describe_missing(int errnum, struct sbx_report *report);

/* Makes a ruleset from the view. Init, in the mount namespace that the guest will have: may
 * allocate. `permit`: enum sbx_permit. `abi`: sbx_landlock_abi(), or less (tests). On success
 * *ruleset_fd is O_CLOEXEC and the caller's.
 *
 * What it does not see, and seccomp must refuse wherever TCP is not wholly open: sendto(2) and the
 * like with MSG_FASTOPEN, which connects; listen(2) without bind(2), which takes a port; sockets of
 * other protocols than TCP (MPTCP, SCTP). Seen to pass on Linux 6.18. */
int sbx_landlock_prepare(const struct sbx_view *view, unsigned permit, int abi, int *ruleset_fd,
                         struct sbx_err *err);

/* The file of a grant, to be held for rulesets: an O_PATH | O_CLOEXEC descriptor, or -errno.
 * -EISDIR: a directory in a file's place, which would be granted with all beneath it, deny or not.
 */
int sbx_landlock_hold(const struct sbx_grant *grant);

/* The same, with the file of each grant held already; less than 0: none. `more`: grants that are
 * not; may be NULL. */
int sbx_landlock_prepare_held(const struct sbx_view *view, const int *held,
                              const struct sbx_view *more, unsigned permit, int abi,
                              int *ruleset_fd, struct sbx_err *err);

/* Adds what the calling process may read of its own /proc/PID to a ruleset: which one it is, is
 * known only once it exists. With a network namespace of its own that is all of it, which is one
 * rule for some 27. Async-signal-safe. A kernel without /proc has nothing to add. */
int sbx_landlock_allow_self(int ruleset_fd, bool own_network, struct sbx_err *err);

/* Restricts the calling thread, which must be the only one, and everything it becomes. Needs
 * no_new_privs. Async-signal-safe. */
int sbx_landlock_apply(int ruleset_fd, struct sbx_err *err);

#endif
