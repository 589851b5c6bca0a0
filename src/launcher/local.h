/* SPDX-License-Identifier: MIT */
/* Unix sockets of the guest that connect to a path: what the broker does for them, since it cannot
 * let a connect(2) through. In the guest's mount namespace, which init is in as well. */
#ifndef SBX_LOCAL_H
#define SBX_LOCAL_H

#include <stddef.h>
#include <sys/socket.h>

#include "notify.h"

/* Connects `sock`, without waiting, to the path in `sa`, of which `len` bytes are there. Paths are
 * as the thread that waits sees them. Abstract names are refused: Landlock, which keeps runs apart
 * there, does not bind this process. Returns 0 or the errno that the guest gets. */
int sbx_local_connect(const struct sbx_notify_call *call, int listener, int sock,
                      const struct sockaddr_storage *sa, size_t len);

#endif
