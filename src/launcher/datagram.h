/* SPDX-License-Identifier: MIT */
/* What a guest wants to send, taken out of its memory once: sendto(2), sendmsg(2), sendmmsg(2). Of
 * the last one only the first message: "1" is an answer that it may give. How much of it was sent
 * is not written into the guest's memory, which could have become another's. */
#ifndef SBX_DATAGRAM_H
#define SBX_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "notify.h"

#define SBX_DATAGRAM_MAX 65535u

struct sbx_datagram {
  struct sockaddr_storage to;
  size_t to_len; /* 0: to whom the socket is connected */
  int flags;
  size_t len;
  char bytes[SBX_DATAGRAM_MAX];
};

/* Whether it is one of these calls. */
bool sbx_datagram_is(int nr);

/* Returns 0 or the errno that the guest gets: EACCES for what this does not pass on (control data,
 * flags that put off the sending). */
int sbx_datagram_read(const struct sbx_notify_call *call, struct sbx_datagram *out);

#endif
