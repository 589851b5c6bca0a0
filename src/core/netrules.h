/* SPDX-License-Identifier: MIT */
/* The network guard's rules: which names and addresses a configuration opens. Pure; compiled once
 * per policy, then only read. The host judges names by them, init judges addresses.
 *
 * A pattern is one of
 *   example.com          that name; case and a trailing dot do not matter
 *   *.example.com        every name below it, at any depth, but not the name itself
 *   192.0.2.1  2001:db8::1        an address
 *   192.0.2.0/24  2001:db8::/32   a range
 *   *                    everything
 * and each may end in a port, IPv6 in brackets: example.com:443, 192.0.2.0/24:443,
 * [2001:db8::1]:443, *:443. Names are ASCII: letters, digits, '-' and '_'.
 *
 * A denying pattern beats any allowing one. What no pattern allows is refused. */
#ifndef SBX_NETRULES_H
#define SBX_NETRULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "err.h"
#include "netaddr.h"

#define SBX_NETRULES_MAX 4096u
#define SBX_NETGRANTS_MAX 4096u

/* Only SBX_NET_ALLOWED opens anything; the others differ in what an error should say. */
enum sbx_net_verdict {
  SBX_NET_NO_RULE = 0, /* nothing allows it */
  SBX_NET_ALLOWED,
  SBX_NET_DENIED,    /* a pattern denies it */
  SBX_NET_INWARD,    /* an allowed name led to an address that is not public, see netaddr.h */
  SBX_NET_MALFORMED, /* no name, no address, port 0 */
  SBX_NET_FULL,      /* the run has resolved more addresses than it may */
};

struct sbx_netrules;

/* What the names that a run has looked up stand for. A run's own; zeroed at its start. */
struct sbx_netgrants {
  uint32_t n;
  struct sbx_netgrant {
    uint8_t ip[16];
    uint16_t port; /* 0: all */
    bool denied;   /* a pattern denies the name at that port */
  } at[SBX_NETGRANTS_MAX];
};

/* Compiles two NULL-terminated lists, either of which may be NULL. Returns 0, or -EINVAL, -E2BIG or
 * -ENOMEM with `err` (stage SBX_STAGE_POLICY) naming the pattern and what is wrong with it. */
int sbx_netrules_compile(char *const *allow, char *const *deny, struct sbx_netrules **out,
                         struct sbx_err *err);

/* What is wrong with a pattern, as a constant text; NULL when nothing is. */
const char *sbx_netrules_check(const char *pattern);

/* May be NULL. */
void sbx_netrules_free(struct sbx_netrules *rules);

/* Judges a name, of which `port` 0 asks whether it is open at any port. An address as text is no
 * name, and neither is what another resolver could take for one (127.1, 0x7f.1, 2130706433). */
enum sbx_net_verdict sbx_netrules_name(const struct sbx_netrules *rules, const char *name,
                                       size_t len, uint16_t port);

/* A name has resolved to an address: judges both, and when they are allowed, opens the address for
 * the run at the ports where the name is open. An address that is not public is refused
 * (SBX_NET_INWARD) unless a pattern allows the address itself. The port in `sa` is not looked at.
 */
enum sbx_net_verdict sbx_netrules_grant(const struct sbx_netrules *rules, const char *name,
                                        size_t len, const struct sockaddr *sa, socklen_t sa_len,
                                        struct sbx_netgrants *run);

/* Judges an address; `run` may be NULL. Where a name is denied, '*' does not cover addresses as
 * such, only those of names that were looked up: otherwise a denied name could be reached by
 * knowing its address. */
enum sbx_net_verdict sbx_netrules_addr(const struct sbx_netrules *rules, const struct sockaddr *sa,
                                       socklen_t len, const struct sbx_netgrants *run);

/* The same for one that was read already. */
enum sbx_net_verdict sbx_netrules_judge(const struct sbx_netrules *rules,
                                        const struct sbx_netaddr *addr,
                                        const struct sbx_netgrants *run);

#endif
