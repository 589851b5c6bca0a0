/* SPDX-License-Identifier: MIT */
/* Bytes of connections, by sock_diag(7). */
#include "traffic.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../core/fd.h"

#define BATCH 64
#define WAITS 20
#define WAIT_MS 5
#define ROOM (1 << 20)
/* Linux 4.19 */
#define ENOUGH (offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof(uint64_t))
#define GROUP(number) (1u << ((number)-1))

void sbx_traffic_init(struct sbx_traffic *t) {
  t->fd = -1;
  t->n = t->n_ports = 0;
}

/* Whatever else ends in this network namespace wakes nobody up, unless it was connected to a port
 * that the guest has connected to as well, or to none. */
static int set_filter(const struct sbx_traffic *t) {
  struct sock_filter code[SBX_NET_SEEN_MAX + 4];
  unsigned short n = 0;
  const unsigned port = NLMSG_HDRLEN + offsetof(struct inet_diag_msg, id) +
                        offsetof(struct inet_diag_sockid, idiag_dport);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, port);
  for (uint32_t i = 0; i <= t->n_ports; i++)
    code[n++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, i < t->n_ports ? t->ports[i] : 0,
                                     (uint8_t)(t->n_ports - i + 1), 0);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0xffffffffu);
  struct sock_fprog program = {n, code};
  return setsockopt(t->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno : 0;
}

int sbx_traffic_open(struct sbx_traffic *t) {
  struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
                               .nl_groups = GROUP(SKNLGRP_INET_TCP_DESTROY) |
                                            GROUP(SKNLGRP_INET6_TCP_DESTROY)};
  int room = ROOM;
  sbx_traffic_init(t);
  t->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
  int rc = t->fd < 0 ? -errno : set_filter(t);
  if (rc == 0)
    setsockopt(t->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  if (rc == 0 && bind(t->fd, (struct sockaddr *)&groups, sizeof groups) < 0)
    rc = -errno;
  if (rc < 0)
    sbx_fd_close(&t->fd);
  return rc;
}

static void add_port(struct sbx_traffic *t, uint16_t port) {
  for (uint32_t i = 0; i < t->n_ports; i++)
    if (t->ports[i] == port)
      return;
  t->ports[t->n_ports++] = port; /* As many as there are in a report. */
  set_filter(t);
}

static uint64_t cookie_of(const struct inet_diag_sockid *id) {
  return (uint64_t)id->idiag_cookie[1] << 32 | id->idiag_cookie[0];
}

/* Where it comes from. Where it goes the socket does not tell before it is connected. */
static int read_source(int sock, struct sbx_flow *flow) {
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
  } sa;
  socklen_t len = sizeof sa;
  memset(&sa, 0, sizeof sa);
  if (getsockname(sock, &sa.any, &len) < 0)
    return -errno;
  flow->family = (uint8_t)sa.any.sa_family;
  if (flow->family == AF_INET) {
    flow->id.idiag_src[0] = sa.in.sin_addr.s_addr;
    flow->id.idiag_sport = sa.in.sin_port;
  } else {
    memcpy(flow->id.idiag_src, &sa.in6.sin6_addr, sizeof sa.in6.sin6_addr);
    flow->id.idiag_sport = sa.in6.sin6_port;
  }
  return 0;
}

void sbx_traffic_add(struct sbx_traffic *t, int sock, const struct sbx_net_report *report,
                     uint32_t seen) {
  struct sbx_flow flow = {.seen = seen};
  uint64_t cookie;
  socklen_t len = sizeof cookie;
  if (t->fd < 0 || seen >= report->n || t->n == SBX_TRAFFIC_MAX || read_source(sock, &flow) < 0 ||
      getsockopt(sock, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0)
    return;
  const struct sbx_net_seen *to = &report->seen[seen];
  size_t skip = flow.family == AF_INET ? 12 : 0; /* ::ffff:0:0/96 */
  memcpy(flow.id.idiag_dst, to->ip + skip, sizeof to->ip - skip);
  flow.id.idiag_dport = htons(to->port);
  flow.id.idiag_cookie[0] = (uint32_t)cookie;
  flow.id.idiag_cookie[1] = (uint32_t)(cookie >> 32);
  for (uint32_t i = 0; i < t->n; i++)
    if (cookie_of(&t->at[i].id) == cookie)
      return;
  add_port(t, to->port);
  t->at[t->n++] = flow;
}

/* What one message says of a connection. */
static void take(struct sbx_traffic *t, const struct nlmsghdr *head,
                 struct sbx_net_report *report) {
  const struct inet_diag_msg *msg = NLMSG_DATA(head);
  struct tcp_info info;
  uint32_t at = 0;
  if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY || head->nlmsg_len < NLMSG_LENGTH(sizeof *msg))
    return;
  while (at < t->n && cookie_of(&t->at[at].id) != cookie_of(&msg->id))
    at++;
  if (at == t->n)
    return;
  /* Reset by its guest (SO_LINGER): the kernel has forgotten its peer and its bytes. */
  if (msg->id.idiag_dport == 0) {
    t->at[at] = t->at[--t->n];
    return;
  }
  int left = (int)(head->nlmsg_len - NLMSG_LENGTH(sizeof *msg));
  for (const struct rtattr *a = (const struct rtattr *)(msg + 1); RTA_OK(a, left);
       a = RTA_NEXT(a, left)) {
    if (a->rta_type != INET_DIAG_INFO || RTA_PAYLOAD(a) < ENOUGH)
      continue;
    size_t n = RTA_PAYLOAD(a);
    memcpy(&info, RTA_DATA(a), n < sizeof info ? n : sizeof info);
    struct sbx_net_seen *seen = &report->seen[t->at[at].seen];
    seen->sent += info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
    seen->received += info.tcpi_bytes_received;
    seen->counted++;
    t->at[at] = t->at[--t->n];
    return;
  }
}

void sbx_traffic_read(struct sbx_traffic *t, struct sbx_net_report *report) {
  union {
    struct nlmsghdr head;
    char room[8192];
  } u;
  for (int i = 0; i < BATCH; i++) {
    /* Less than everything, ENOBUFS, leaves connections that are not counted. */
    ssize_t n = recv(t->fd, &u, sizeof u, 0);
    if (n < 0 && errno != ENOBUFS)
      return;
    int left = (int)n;
    for (const struct nlmsghdr *head = &u.head; n > 0 && NLMSG_OK(head, (unsigned)left);
         head = NLMSG_NEXT(head, left))
      take(t, head, report);
  }
}

/* The answer is there when this returns. */
static void ask(const struct sbx_traffic *t, const struct sbx_flow *flow) {
  struct {
    struct nlmsghdr head;
    struct inet_diag_req_v2 body;
  } request = {{.nlmsg_len = sizeof request,
                .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                .nlmsg_flags = NLM_F_REQUEST},
               {.sdiag_family = flow->family,
                .sdiag_protocol = IPPROTO_TCP,
                .idiag_ext = 1 << (INET_DIAG_INFO - 1),
                .idiag_states = ~0u,
                .id = flow->id}};
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  sendto(t->fd, &request, sizeof request, 0, (struct sockaddr *)&kernel, sizeof kernel);
}

void sbx_traffic_finish(struct sbx_traffic *t, struct sbx_net_report *report) {
  if (t->fd < 0)
    return;
  sbx_traffic_read(t, report);
  /* One that is being destroyed is there no more, and its event may come a moment later. */
  for (int i = 0; i < WAITS && t->n > 0; i++) {
    for (uint32_t left = t->n; left > 0; left--) {
      ask(t, &t->at[left - 1]); /* What is taken has its place taken by the last one. */
      sbx_traffic_read(t, report);
    }
    if (t->n > 0)
      poll(&(struct pollfd){.fd = t->fd, .events = POLLIN}, 1, WAIT_MS);
    sbx_traffic_read(t, report);
  }
}

void sbx_traffic_close(struct sbx_traffic *t) {
  sbx_fd_close(&t->fd);
}
