/* SPDX-License-Identifier: MIT */
/* The name servers that a guest's resolver asks: those of the /etc/resolv.conf that it sees, as
 * this process does, which is in its mount namespace; and the loopback addresses, which resolvers
 * ask where there is no such file. */
#ifndef SBX_NAMESERVERS_H
#define SBX_NAMESERVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SBX_NAMESERVERS_MAX 3u /* MAXNS of resolv.conf(5) */

/* Zeroed at first. */
struct sbx_nameservers {
  bool read;
  unsigned n;
  uint8_t at[SBX_NAMESERVERS_MAX][16]; /* as in core/netaddr.h */
};

/* Whether the address is one of them. Reads the file the first time it matters; a file that cannot
 * be read names none. */
bool sbx_nameservers_has(struct sbx_nameservers *servers, const uint8_t ip[16]);

/* Reads the file unless that was done. */
void sbx_nameservers_read(struct sbx_nameservers *servers);

/* Takes what a resolv.conf(5) names. */
void sbx_nameservers_parse(struct sbx_nameservers *servers, const char *text, size_t len);

#endif
