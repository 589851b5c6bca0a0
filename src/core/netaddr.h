/* SPDX-License-Identifier: MIT */
/* Internet addresses as the network guard judges them: one form for each destination, however it
 * was spelled. Pure; runs in the host and in init. */
#ifndef SBX_NETADDR_H
#define SBX_NETADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct sbx_netaddr {
  uint8_t ip[16];  /* network byte order; IPv4 as ::ffff:a.b.c.d */
  uint16_t port;   /* host byte order */
  uint16_t family; /* AF_INET or AF_INET6: the form it came in, and goes back to the kernel in */
  uint32_t scope;  /* of link-local IPv6 addresses, 0 for others */
};

/* Not public: a name that leads to one of these was made to lead into the host's own network. */
enum sbx_net_special {
  SBX_NET_PUBLIC = 0,
  SBX_NET_LOOPBACK,
  SBX_NET_METADATA, /* the instance metadata services of cloud providers */
  SBX_NET_LINK_LOCAL,
  SBX_NET_PRIVATE,
  SBX_NET_UNIQUE_LOCAL,
  SBX_NET_MULTICAST,
  SBX_NET_RESERVED, /* nothing that a client has business with */
};

/* Reads what a system call was given; `sa` may be unaligned, and never more than `len` bytes of it
 * are read. 0.0.0.0 and :: become the loopback address, which is where Linux connects them to.
 * Returns 0, -EINVAL when it is too short for its family, -EAFNOSUPPORT for other families. */
int sbx_netaddr_read(struct sbx_netaddr *out, const void *sa, size_t len);

/* The address for the kernel, made of nothing but the fields above. Returns its length. */
socklen_t sbx_netaddr_sockaddr(const struct sbx_netaddr *addr, struct sockaddr_storage *out);

/* Reads an address as text: dotted decimal without leading zeros or IPv6, nothing else. */
bool sbx_netaddr_parse(const char *text, size_t len, uint8_t ip[16]);

/* "a.b.c.d" or IPv6 as text; at least INET6_ADDRSTRLEN bytes. */
void sbx_netaddr_print(const uint8_t ip[16], char *out, size_t size);

bool sbx_netaddr_is_v4(const uint8_t ip[16]);

/* Whether the first `bits` bits are equal. */
bool sbx_netaddr_in(const uint8_t ip[16], const uint8_t net[16], unsigned bits);

/* The IPv4 address inside an IPv6 address that a translator or a tunnel takes out of it. */
enum sbx_net_carried {
  SBX_NET_CARRIES_NOTHING = 0,
  SBX_NET_CARRIES_NAT64, /* 64:ff9b::/96: packets arrive at the carried address itself */
  SBX_NET_CARRIES_TUNNEL /* 6to4, Teredo, IPv4-compatible: at something behind it, or at it */
};
enum sbx_net_carried sbx_netaddr_carried(const uint8_t ip[16], uint8_t carried[16]);

/* What kind of address it is; one that carries another is at least as special as that. */
enum sbx_net_special sbx_net_special(const uint8_t ip[16]);

/* "loopback", "private" … for messages; "public" for SBX_NET_PUBLIC. */
const char *sbx_net_special_name(enum sbx_net_special special);

#endif
