/* SPDX-License-Identifier: MIT */
/* The stub resolver of one run: answers a guest that asks a name server, so that names work in
 * other runtimes than Node.js, whose dns.lookup asks the host. In init, next to the broker, whose
 * connect(2) leads here what goes to port 53 of the guest's name servers.
 *
 * Over TCP (RFC 7766), on loopback: the guest's socket is connected to one of ours. RES_OPTIONS in
 * the environment of guests that go by rules tells resolvers to ask so, which costs the least. Over
 * UDP where sockets for that can be had (netbox.h), for resolvers that know nothing else.
 *
 * It decides nothing: a name goes to the host as the guest's dns.lookup has it (SBX_CTL_ASK), is
 * judged and resolved there, and its addresses are granted as always. Nothing but the addresses
 * that were granted comes back. A name that is refused is one that there is not (NXDOMAIN): REFUSED
 * is what resolvers try again, and report as a failure of the network. */
#ifndef SBX_STUB_H
#define SBX_STUB_H

#include <stdbool.h>

#include "../core/control.h"
#include "../core/netaddr.h"
#include "nameservers.h"

#define SBX_STUB_PORT 53u

struct sbx_stub;

/* Returns 0 or -errno. */
int sbx_stub_open(struct sbx_stub **out);

/* To be polled for POLLIN; then sbx_stub_dispatch() has something to do. */
int sbx_stub_fd(const struct sbx_stub *s);

/* Whether a connection to it is the stub's to answer. */
bool sbx_stub_serves(struct sbx_stub *s, const struct sbx_netaddr *addr);

/* Which name servers it stands for, beside loopback addresses. */
const struct sbx_nameservers *sbx_stub_nameservers(struct sbx_stub *s);

/* From now on it answers what comes to two UDP sockets (see asker.h), which stay the caller's; -1
 * is none. Returns 0 or -errno. */
int sbx_stub_hear(struct sbx_stub *s, const int *socks);

/* Where a guest's TCP socket is to be connected to. Returns 0 or the errno that the guest gets. */
int sbx_stub_address(struct sbx_stub *s, int sock, struct sbx_netaddr *addr);

/* It is connected, or about to be, and has a port of the kernel's choice, which is given back when
 * the connection ends: one that bind(2) gave would stay the guest's, and could be nobody else's. */
void sbx_stub_expect(struct sbx_stub *s, int sock);

/* A bounded number of reads and answers; never waits. Returns what was looked at: connections that
 * came or had something to read, and datagrams. */
uint32_t sbx_stub_dispatch(struct sbx_stub *s);

/* Whether there is a name to ask the host for. */
bool sbx_stub_ask(struct sbx_stub *s, struct sbx_ctl_ask *out);

/* The host's answer, with verdicts filled in. */
void sbx_stub_answer(struct sbx_stub *s, const struct sbx_ctl_grant *grant);

/* May be NULL. */
void sbx_stub_close(struct sbx_stub *s);

#endif
