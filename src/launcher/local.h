/* SPDX-License-Identifier: MIT */
/* Unix sockets of the guest that connect to a path: what the broker does for them, since it cannot
 * let a connect(2) through. As init, which is in the guest's mount namespace, or `apart`. */
#ifndef SBX_LOCAL_H
#define SBX_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "notify.h"

/* Connects `sock`, without waiting, to the path in `sa`, of which `len` bytes are there. Paths are
 * as the thread that waits sees them. Abstract names are refused: Landlock, which keeps runs apart
 * there, does not bind this process. `apart`: that thread's root is another one, and becomes that
 * of the calling process. Returns 0 or the errno that the guest gets. */
int sbx_local_connect(const struct sbx_notify_call *call, int listener, int sock,
                      const struct sockaddr_storage *sa, size_t len, bool apart);

#endif
