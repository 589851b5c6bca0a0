/* SPDX-License-Identifier: MIT */
/* The network of a run's UDP sockets: a namespace of its own with nothing in it but a loopback
 * interface, which has the addresses of the guest's name servers as well. There resolvers find what
 * they know, a kernel's UDP, and can reach no port but the stub's: to any other destination the
 * kernel's own answer is EACCES. Not the namespace of the guest, which the runs of a launcher share
 * and in which nothing is up.
 *
 * The calling process stays where it is. What has to be done inside, a thread of it does, which is
 * over when the function returns: a process could be stopped by the guest, whose PID namespace it
 * would be in. Takes CAP_SYS_ADMIN and CAP_NET_ADMIN in the calling process's user namespace. */
#ifndef SBX_NETBOX_H
#define SBX_NETBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "nameservers.h"

struct sbx_netbox {
  int ns_fd;      /* -1: not open */
  int servers[2]; /* bound to port 53, for IPv4 and IPv6, with IP_PKTINFO; -1: there is none */
  uint64_t cookie;
};

/* A few milliseconds at most, whatever the guest does. Returns 0 or -errno: then nothing is open.
 */
int sbx_netbox_open(struct sbx_netbox *box, const struct sbx_nameservers *named);

/* A UDP socket in there for the guest. `type`: SOCK_DGRAM and its flags. Returns it or -errno. */
int sbx_netbox_socket(const struct sbx_netbox *box, int domain, int type);

/* Whether a socket is one of those. */
bool sbx_netbox_has(const struct sbx_netbox *box, int sock);

void sbx_netbox_close(struct sbx_netbox *box);

#endif
