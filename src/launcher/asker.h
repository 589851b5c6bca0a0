/* SPDX-License-Identifier: MIT */
/* Who has sent a datagram to a socket that has IP_PKTINFO or IPV6_RECVPKTINFO, and to which of our
 * addresses: resolvers take an answer only from the one that they have asked. */
#ifndef SBX_ASKER_H
#define SBX_ASKER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sbx_asker {
  int sock; /* not its own */
  socklen_t len;
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
  } from;
  union {
    struct in_addr in;
    struct in6_addr in6;
  } to;
};

/* Takes the next datagram. Returns its length, at most `size`, the rest being lost, or -errno:
 * -EAGAIN when there is none. */
ssize_t sbx_asker_recv(struct sbx_asker *asker, int sock, void *bytes, size_t size);

/* Sends an answer. It may get lost, as datagrams do. */
void sbx_asker_send(const struct sbx_asker *asker, const void *bytes, size_t len);

bool sbx_asker_same(const struct sbx_asker *a, const struct sbx_asker *b);

#endif
