/* SPDX-License-Identifier: MIT */
/* The broker of one run's connections: answers the system calls that the guest's filter hands over
 * (SECCOMP_RET_USER_NOTIF, seccomp_unotify(2)). Runs in init, or in a process of its own where the
 * guest was forked by a zygote, in the host's network namespace, outside of the guest's filter;
 * needs the rights of ptrace(2) over the guest, which a parent of the same user has.
 *
 * connect(2): the address is copied once, judged, and the kernel gets an address built from that
 * copy. The connection is made on the guest's own socket, which pidfd_getfd(2) shares with us, not
 * on one of ours that then replaces it: so options, O_NONBLOCK, epoll registrations and duplicates
 * need no care, and a second thread can swap the descriptor or the address under us and gain
 * nothing, because what we checked is what we use.
 *
 * socket(2), when the filter hands it over as well: TCP sockets are made here and put into the
 * guest, which may so be in a network namespace of its own with nothing in it. Where pidfd_getfd(2)
 * is refused, as in containers, this is the only way to connect (see kept.h).
 *
 * listen(2), with SBX_PERMIT_NET_LISTEN: done here, on the guest's socket. bind(2) and accept(2)
 * need nobody's judgement. Sockets that a path names, with SBX_PERMIT_NET_UNIX: see local.h. UDP,
 * with SBX_PERMIT_NET_UDP: sockets are made here, and each message with an address is judged and
 * sent here (datagram.h), which needs pidfd_getfd(2): without it there are none.
 *
 * connect(2) of a TCP socket to port 53 of a name server of the guest's leads to the run's stub
 * resolver (stub.h), whatever the rules say of that address. UDP sockets for its resolvers are in a
 * network of the run's own (netbox.h), where nothing has to be judged; bind(2) is done here, since
 * a filter cannot tell them from TCP sockets.
 *
 * Nothing is ever answered with SECCOMP_USER_NOTIF_FLAG_CONTINUE. */
#ifndef SBX_BROKER_H
#define SBX_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "../core/control.h"
#include "../core/err.h"
#include "../core/netrules.h"

struct sbx_broker;

/* Takes over `listener` (on failure too). `rules` must outlive the broker; `permit` (enum
 * sbx_permit) says what else than TCP connections is served. Installs a handler for SIGALRM, which
 * nothing else in the process may use, and leaves the process in /proc, see notify.h. Returns 0, or
 * -errno with `err` filled. */
int sbx_broker_open(int listener, const struct sbx_netrules *rules, unsigned permit,
                    struct sbx_broker **out, struct sbx_err *err);

/* From now on the report says how many bytes went over connections, where that can be known. */
void sbx_broker_count(struct sbx_broker *b);

/* The guest's root is not that of the calling process, which has CAP_SYS_CHROOT: paths are looked
 * up in the guest's. */
void sbx_broker_apart(struct sbx_broker *b);

/* The guest's filter hands UDP sockets and bind(2) over, without SBX_PERMIT_NET_UDP: it gets
 * sockets that lead to the stub resolver alone, see netbox.h. */
void sbx_broker_box(struct sbx_broker *b);

/* To be polled for POLLIN; then sbx_broker_dispatch() has something to do. */
int sbx_broker_fd(const struct sbx_broker *b);

/* Answers what can be answered now: a bounded number of calls, none of which the guest can make
 * wait for longer than a few milliseconds. A guest that asks for more than so many a second waits,
 * and nothing else does. */
void sbx_broker_dispatch(struct sbx_broker *b);

/* Which process has asked for something, as this one sees it; 0: none has yet. */
pid_t sbx_broker_guest(const struct sbx_broker *b);

/* A name that the guest looked up has resolved to an address: see sbx_netrules_grant(). */
enum sbx_net_verdict sbx_broker_grant(struct sbx_broker *b, const char *name, size_t len,
                                      const struct sockaddr *sa, socklen_t sa_len);

/* The run's stub resolver: a name that it has to ask the host for, and what came of it. */
bool sbx_broker_ask(struct sbx_broker *b, struct sbx_ctl_ask *out);
void sbx_broker_answer(struct sbx_broker *b, const struct sbx_ctl_grant *grant);

/* Once the guest is gone: waits for what the kernel has to say of connections, see traffic.h. */
const struct sbx_net_report *sbx_broker_report(struct sbx_broker *b);

/* What waits gets ENOSYS from the kernel. May be NULL. */
void sbx_broker_close(struct sbx_broker *b);

#endif
