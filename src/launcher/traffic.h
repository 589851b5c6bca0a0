/* SPDX-License-Identifier: MIT */
/* How many bytes went over a run's connections. The guest closes its sockets when it likes, and
 * nothing here may keep one open, so the kernel is asked, sock_diag(7): it tells of each TCP socket
 * of this network namespace when it is destroyed, and of those that are still there when asked.
 * That needs no privilege. In init or broker, and only where somebody wants to know. */
#ifndef SBX_TRAFFIC_H
#define SBX_TRAFFIC_H

#include <linux/inet_diag.h>
#include <stdint.h>

#include "../core/control.h"

#define SBX_TRAFFIC_MAX 1024u

struct sbx_traffic {
  int fd; /* of netlink; -1: nothing is counted */
  uint32_t n, n_ports;
  uint16_t ports[SBX_NET_SEEN_MAX]; /* the events of others are left out by these */
  /* Connections that are not over. What there is no room for is not counted. */
  struct sbx_flow {
    struct inet_diag_sockid id;
    uint8_t family;
    uint32_t seen; /* index in the report */
  } at[SBX_TRAFFIC_MAX];
};

void sbx_traffic_init(struct sbx_traffic *t);

/* Returns 0 or -errno: then nothing is counted. */
int sbx_traffic_open(struct sbx_traffic *t);

/* A TCP socket that is connected or about to be, to what report->seen[seen] says. */
void sbx_traffic_add(struct sbx_traffic *t, int sock, const struct sbx_net_report *report,
                     uint32_t seen);

/* Adds to the report what there is to read. A bounded number of events. */
void sbx_traffic_read(struct sbx_traffic *t, struct sbx_net_report *report);

/* The guest is gone: the same with all that is not over. Waits for 100 ms at most, if
 * an event was lost. */
void sbx_traffic_finish(struct sbx_traffic *t, struct sbx_net_report *report);

void sbx_traffic_close(struct sbx_traffic *t);

#endif
