/* SPDX-License-Identifier: MIT */
/* Internet addresses in one form, and the ranges that are not public. */
#include "netaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* What connect(2) asks for at least: a struct sockaddr_in6 without its scope, from RFC 2133. */
#define SIN6_MIN offsetof(struct sockaddr_in6, sin6_scope_id)

#define V4_BITS 96u
static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct range {
  uint8_t net[16];
  uint8_t bits, special;
};

#define V4(a, b, c, d, bits, special)                                                              \
  { {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, V4_BITS + (bits), special }

/* The first that matches counts. Documentation ranges are left out: nobody routes them, and they
 * are what examples and tests use for public addresses. */
static const struct range ranges[] = {
    /* Amazon, Google, Azure and others; ECS; Alibaba; Oracle; Azure's host agent. */
    V4(169, 254, 169, 254, 32, SBX_NET_METADATA),
    V4(169, 254, 170, 2, 32, SBX_NET_METADATA),
    V4(100, 100, 100, 200, 32, SBX_NET_METADATA),
    V4(192, 0, 0, 192, 32, SBX_NET_METADATA),
    V4(168, 63, 129, 16, 32, SBX_NET_METADATA),
    V4(127, 0, 0, 0, 8, SBX_NET_LOOPBACK),
    V4(0, 0, 0, 0, 32, SBX_NET_LOOPBACK),
    V4(0, 0, 0, 0, 8, SBX_NET_RESERVED),
    V4(169, 254, 0, 0, 16, SBX_NET_LINK_LOCAL),
    V4(10, 0, 0, 0, 8, SBX_NET_PRIVATE),
    V4(172, 16, 0, 0, 12, SBX_NET_PRIVATE),
    V4(192, 168, 0, 0, 16, SBX_NET_PRIVATE),
    V4(100, 64, 0, 0, 10, SBX_NET_PRIVATE), /* between a provider and its customers, RFC 6598 */
    V4(198, 18, 0, 0, 15, SBX_NET_PRIVATE), /* benchmarks, RFC 2544 */
    V4(192, 0, 0, 0, 24, SBX_NET_RESERVED),
    V4(192, 88, 99, 0, 24, SBX_NET_RESERVED), /* 6to4 relays */
    V4(224, 0, 0, 0, 4, SBX_NET_MULTICAST),
    V4(240, 0, 0, 0, 4, SBX_NET_RESERVED),                                    /* and broadcast */
    {{0xfd, 0, 0x0e, 0xc2, [15] = 0x54, [14] = 0x02}, 128, SBX_NET_METADATA}, /* fd00:ec2::254 */
    {{0xfd, 0x20, 0, 0xce, [15] = 0x54, [14] = 0x02}, 128, SBX_NET_METADATA}, /* fd20:ce::254 */
    {{[15] = 1}, 128, SBX_NET_LOOPBACK},                                      /* ::1 */
    {{0}, 128, SBX_NET_LOOPBACK},                                             /* :: */
    {{0}, 96, SBX_NET_RESERVED},                                              /* IPv4-compatible */
    {{[8] = 0xff, [9] = 0xff}, 96, SBX_NET_RESERVED},   /* ::ffff:0:0:0/96, RFC 2765 */
    {{0, 0x64, 0xff, 0x9b, 0, 1}, 48, SBX_NET_PRIVATE}, /* local NAT64, RFC 8215 */
    {{1}, 64, SBX_NET_RESERVED},                        /* 100::/64, discarded */
    {{0x20, 0x01, 0, 0}, 32, SBX_NET_RESERVED},         /* Teredo */
    {{0xfc}, 7, SBX_NET_UNIQUE_LOCAL},
    {{0xfe, 0x80}, 10, SBX_NET_LINK_LOCAL},
    {{0xfe, 0xc0}, 10, SBX_NET_PRIVATE}, /* site-local, RFC 3879 */
    {{0xff}, 8, SBX_NET_MULTICAST},
};

static void set_v4(uint8_t ip[16], const void *four) {
  memcpy(ip, v4_prefix, sizeof v4_prefix);
  memcpy(ip + sizeof v4_prefix, four, 4);
}

bool sbx_netaddr_is_v4(const uint8_t ip[16]) {
  return memcmp(ip, v4_prefix, sizeof v4_prefix) == 0;
}

/* connect(2) takes the unspecified address for loopback (a habit of BSD). */
static void settle(uint8_t ip[16]) {
  static const uint8_t any4[4], any6[16];
  if (sbx_netaddr_is_v4(ip) && memcmp(ip + 12, any4, 4) == 0)
    set_v4(ip, (const uint8_t[]){127, 0, 0, 1});
  else if (memcmp(ip, any6, 16) == 0)
    ip[15] = 1;
}

int sbx_netaddr_read(struct sbx_netaddr *out, const void *sa, size_t len) {
  sa_family_t family;
  memset(out, 0, sizeof *out);
  if (len < sizeof family)
    return -EINVAL;
  memcpy(&family, sa, sizeof family);
  if (family == AF_INET) {
    struct sockaddr_in in;
    if (len < sizeof in)
      return -EINVAL;
    memcpy(&in, sa, sizeof in);
    set_v4(out->ip, &in.sin_addr);
    out->port = ntohs(in.sin_port);
  } else if (family == AF_INET6) {
    struct sockaddr_in6 in = {0};
    if (len < SIN6_MIN)
      return -EINVAL;
    memcpy(&in, sa, len < sizeof in ? len : sizeof in);
    memcpy(out->ip, &in.sin6_addr, 16);
    out->port = ntohs(in.sin6_port);
    if (IN6_IS_ADDR_LINKLOCAL(&in.sin6_addr) && len >= sizeof in)
      out->scope = in.sin6_scope_id;
  } else {
    return -EAFNOSUPPORT;
  }
  out->family = family;
  settle(out->ip);
  return 0;
}

socklen_t sbx_netaddr_sockaddr(const struct sbx_netaddr *addr, struct sockaddr_storage *out) {
  memset(out, 0, sizeof *out);
  if (addr->family == AF_INET) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
    memcpy(&in.sin_addr, addr->ip + 12, 4);
    memcpy(out, &in, sizeof in);
    return sizeof in;
  }
  struct sockaddr_in6 in = {.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};
  memcpy(&in.sin6_addr, addr->ip, 16);
  in.sin6_scope_id = addr->scope;
  memcpy(out, &in, sizeof in);
  return sizeof in;
}

bool sbx_netaddr_parse(const char *text, size_t len, uint8_t ip[16]) {
  char copy[INET6_ADDRSTRLEN];
  uint8_t four[4];
  if (len == 0 || len >= sizeof copy || memchr(text, '\0', len))
    return false;
  memcpy(copy, text, len);
  copy[len] = '\0';
  /* inet_pton(3) takes no octal, hexadecimal or shortened IPv4 address, unlike inet_aton(3). */
  if (inet_pton(AF_INET, copy, four) == 1)
    set_v4(ip, four);
  else if (inet_pton(AF_INET6, copy, ip) != 1)
    return false;
  return true;
}

void sbx_netaddr_print(const uint8_t ip[16], char *out, size_t size) {
  if (sbx_netaddr_is_v4(ip))
    inet_ntop(AF_INET, ip + 12, out, (socklen_t)size);
  else
    inet_ntop(AF_INET6, ip, out, (socklen_t)size);
}

bool sbx_netaddr_in(const uint8_t ip[16], const uint8_t net[16], unsigned bits) {
  unsigned whole = bits / 8, rest = bits % 8;
  if (memcmp(ip, net, whole) != 0)
    return false;
  return rest == 0 || ((ip[whole] ^ net[whole]) >> (8 - rest)) == 0;
}

enum sbx_net_carried sbx_netaddr_carried(const uint8_t ip[16], uint8_t carried[16]) {
  static const uint8_t nat64[16] = {0, 0x64, 0xff, 0x9b}, six_to_four[16] = {0x20, 0x02},
                       teredo[16] = {0x20, 0x01, 0, 0}, compatible[16];
  if (sbx_netaddr_in(ip, nat64, 96)) {
    set_v4(carried, ip + 12);
    settle(carried);
    return SBX_NET_CARRIES_NAT64;
  }
  if (sbx_netaddr_in(ip, six_to_four, 16)) {
    set_v4(carried, ip + 2);
  } else if (sbx_netaddr_in(ip, teredo, 32)) { /* of the client, all its bits inverted */
    for (int i = 12; i < 16; i++)
      carried[i] = (uint8_t)~ip[i];
    memcpy(carried, v4_prefix, sizeof v4_prefix);
  } else if (sbx_netaddr_in(ip, compatible, 96) && !(ip[12] == 0 && ip[13] == 0)) {
    set_v4(carried, ip + 12); /* not :: and ::1 */
  } else {
    return SBX_NET_CARRIES_NOTHING;
  }
  settle(carried);
  return SBX_NET_CARRIES_TUNNEL;
}

static enum sbx_net_special range_of(const uint8_t ip[16]) {
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
    if (sbx_netaddr_in(ip, ranges[i].net, ranges[i].bits))
      return (enum sbx_net_special)ranges[i].special;
  return SBX_NET_PUBLIC;
}

enum sbx_net_special sbx_net_special(const uint8_t ip[16]) {
  uint8_t carried[16];
  enum sbx_net_special inner = SBX_NET_PUBLIC;
  if (sbx_netaddr_carried(ip, carried) != SBX_NET_CARRIES_NOTHING)
    inner = range_of(carried);
  return inner != SBX_NET_PUBLIC ? inner : range_of(ip);
}

const char *sbx_net_special_name(enum sbx_net_special special) {
  static const char *const names[] = {
      [SBX_NET_PUBLIC] = "public",       [SBX_NET_LOOPBACK] = "loopback",
      [SBX_NET_METADATA] = "metadata",   [SBX_NET_LINK_LOCAL] = "link-local",
      [SBX_NET_PRIVATE] = "private",     [SBX_NET_UNIQUE_LOCAL] = "unique-local",
      [SBX_NET_MULTICAST] = "multicast", [SBX_NET_RESERVED] = "reserved",
  };
  return names[special];
}
