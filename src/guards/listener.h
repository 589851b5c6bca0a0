/* SPDX-License-Identifier: MIT */
/* The filter that hands a guest's connections to their broker (launcher/broker.h), and the way of
 * its listener from the one to the other.
 *
 * A filter of its own, loaded before the one of seccomp.h: passing the listener on takes a
 * sendmsg(2), which that one refuses. Where the two disagree the stricter answer counts, and a
 * refusal is stricter than a notification: seccomp.h has to allow connect(2), and the sockets that
 * the broker makes. */
#ifndef SBX_LISTENER_H
#define SBX_LISTENER_H

#include <stdbool.h>
#include "../core/err.h"

/* In the guest, between fork() and execve() if there is one, after no_new_privs: loads the filter
 * and sends its listener over `sock`, a Unix socket of the launcher's or init's. `sockets`:
 * socket(2) is handed over, too; `binds`: bind(2). `permit` (enum sbx_permit): what else is, see
 * launcher/broker.h. Async-signal-safe. Returns 0, or -errno with `err` (stage SBX_STAGE_SECCOMP)
 * filled: -EBUSY when a filter above has a listener already. */
int sbx_listener_install(bool sockets, bool binds, unsigned permit, int sock, struct sbx_err *err);

/* Before that, in a forked guest whose broker no capability lets in: makes the guest what execve(2)
 * would have made of it, readable by processes of its own user that nothing else keeps out. Yama
 * lets in only ancestors, which the broker is not, and who descends from one that is named: the
 * process that has made `sock`. Async-signal-safe. */
int sbx_listener_admit(int sock, struct sbx_err *err);

/* In init, or in the launcher: waits for the listener, unless `sock` does not block. Returns it,
 * closed on exec, or -errno: -ECONNRESET when the guest has closed its end without sending one, and
 * then has told why elsewhere; -EPROTO when something else came, which a zygote that has preloaded
 * is free to send. */
int sbx_listener_take(int sock);

#endif
