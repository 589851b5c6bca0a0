/* SPDX-License-Identifier: MIT */
/* The filter that hands a guest's connections to the broker in its init (launcher/broker.h), and
 * the way of its listener from the one to the other.
 *
 * A filter of its own, loaded before the one of seccomp.h: passing the listener on takes a
 * sendmsg(2), which that one refuses. Where the two disagree the stricter answer counts, and a
 * refusal is stricter than a notification: seccomp.h has to allow connect(2), and the sockets that
 * the broker makes. */
#ifndef SBX_LISTENER_H
#define SBX_LISTENER_H

#include <stdbool.h>
#include "../core/err.h"

/* In the guest, between fork() and execve(), after no_new_privs: loads the filter and sends its
 * listener over `sock`, a Unix socket of init's. `sockets`: socket(2) is handed over, too.
 * `permit` (enum sbx_permit): what else is, see launcher/broker.h.
 * Async-signal-safe. Returns 0, or -errno with `err` (stage SBX_STAGE_SECCOMP) filled: -EBUSY when
 * a filter above has a listener already. */
int sbx_listener_install(bool sockets, unsigned permit, int sock, struct sbx_err *err);

/* In init: waits for the listener. Returns it, closed on exec, or -errno: -ECONNRESET when the
 * guest has closed its end without sending one, and then has told why elsewhere. */
int sbx_listener_take(int sock);

#endif
