/* SPDX-License-Identifier: MIT */
/* The network of a run's UDP sockets. */
#include "netbox.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/netaddr.h"
#include "stub.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

#define LOOPBACK 1 /* its index in every namespace */

/* --- configuration --------------------------------------------------------------------------- */

struct message {
  struct nlmsghdr head;
  union {
    struct fib_rule_hdr rule;
    struct ifaddrmsg addr;
    struct ifinfomsg link;
    char room[128];
  } body;
};

static struct message begin(uint16_t type, uint16_t flags, size_t size) {
  struct message m = {.head = {.nlmsg_len = NLMSG_LENGTH(size),
                               .nlmsg_type = type,
                               .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags}};
  return m;
}

static void add(struct message *m, uint16_t type, const void *value, size_t len) {
  struct rtattr *attr = (struct rtattr *)((char *)m + NLMSG_ALIGN(m->head.nlmsg_len));
  attr->rta_type = type;
  attr->rta_len = (uint16_t)RTA_LENGTH(len);
  memcpy(RTA_DATA(attr), value, len);
  m->head.nlmsg_len = NLMSG_ALIGN(m->head.nlmsg_len) + RTA_ALIGN(attr->rta_len);
}

/* Returns 0 or the kernel's -errno. */
static int tell(int netlink, const struct message *m) {
  struct {
    struct nlmsghdr head;
    struct nlmsgerr err;
    char room[256]; /* the message itself comes back */
  } answer;
  if (send(netlink, m, m->head.nlmsg_len, 0) < 0)
    return -errno;
  ssize_t n = recv(netlink, &answer, sizeof answer, 0);
  if (n < 0)
    return -errno;
  if ((size_t)n < NLMSG_LENGTH(sizeof answer.err) || answer.head.nlmsg_type != NLMSG_ERROR)
    return -EPROTO;
  return answer.err.error;
}

static int raise_loopback(int netlink) {
  struct message m = begin(RTM_NEWLINK, 0, sizeof m.body.link);
  m.body.link.ifi_index = LOOPBACK;
  m.body.link.ifi_flags = m.body.link.ifi_change = IFF_UP;
  return tell(netlink, &m);
}

/* What cannot be an address of an interface is no name server either. */
static void add_address(int netlink, const uint8_t ip[16]) {
  bool v4 = sbx_netaddr_is_v4(ip);
  size_t len = v4 ? 4 : 16;
  struct message m = begin(RTM_NEWADDR, NLM_F_CREATE, sizeof m.body.addr);
  m.body.addr = (struct ifaddrmsg){.ifa_family = v4 ? AF_INET : AF_INET6,
                                   .ifa_prefixlen = (uint8_t)(len * 8),
                                   .ifa_index = LOOPBACK};
  add(&m, IFA_LOCAL, ip + 16 - len, len);
  add(&m, IFA_ADDRESS, ip + 16 - len, len);
  tell(netlink, &m);
}

/* `which`: FRA_DPORT_RANGE or FRA_SPORT_RANGE of UDP; 0: whatever is left. */
static int add_rule(int netlink, int family, uint16_t which, uint16_t port) {
  const uint8_t udp = IPPROTO_UDP;
  const uint32_t priority = which ? 1 : 2;
  const struct fib_rule_port_range range = {port, port};
  struct message m = begin(RTM_NEWRULE, NLM_F_CREATE, sizeof m.body.rule);
  m.body.rule =
      (struct fib_rule_hdr){.family = (uint8_t)family,
                            .table = which ? RT_TABLE_LOCAL : RT_TABLE_UNSPEC,
                            .action = which ? FR_ACT_TO_TBL : FR_ACT_PROHIBIT}; /* EACCES */
  add(&m, FRA_PRIORITY, &priority, sizeof priority);
  if (which) {
    add(&m, FRA_IP_PROTO, &udp, sizeof udp);
    add(&m, which, &range, sizeof range);
  }
  return tell(netlink, &m);
}

/* The one that every namespace begins with: whatever is local, at any port. */
static int drop_first_rule(int netlink, int family) {
  const uint32_t priority = 0;
  struct message m = begin(RTM_DELRULE, 0, sizeof m.body.rule);
  m.body.rule = (struct fib_rule_hdr){
      .family = (uint8_t)family, .table = RT_TABLE_LOCAL, .action = FR_ACT_TO_TBL};
  add(&m, FRA_PRIORITY, &priority, sizeof priority);
  return tell(netlink, &m);
}

static int set_rules(int netlink, int family) {
  int rc = add_rule(netlink, family, FRA_DPORT_RANGE, SBX_STUB_PORT);
  if (rc == 0)
    rc = add_rule(netlink, family, FRA_SPORT_RANGE, SBX_STUB_PORT);
  if (rc == 0)
    rc = add_rule(netlink, family, 0, 0);
  return rc == 0 ? drop_first_rule(netlink, family) : rc;
}

/* A socket of the stub's. -EAFNOSUPPORT: the kernel has no such family. */
static int serve(int family) {
  const int on = 1;
  bool v4 = family == AF_INET;
  struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(SBX_STUB_PORT)};
  struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(SBX_STUB_PORT)};
  SBX_AUTO_FD int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -errno;
  if (v4 ? setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0 ||
               bind(fd, (struct sockaddr *)&any4, sizeof any4) < 0
         : setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0 ||
               setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) < 0 ||
               bind(fd, (struct sockaddr *)&any6, sizeof any6) < 0)
    return -errno;
  return sbx_fd_steal(&fd);
}

static int configure(struct sbx_netbox *box, const struct sbx_nameservers *named) {
  SBX_AUTO_FD int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  int rc = netlink < 0 ? -errno : raise_loopback(netlink);
  if (rc == 0)
    rc = set_rules(netlink, AF_INET);
  if (rc < 0)
    return rc;
  box->servers[0] = serve(AF_INET);
  box->servers[1] = serve(AF_INET6);
  if (box->servers[1] >= 0)
    rc = set_rules(netlink, AF_INET6);
  else if (box->servers[1] != -EAFNOSUPPORT)
    rc = box->servers[1];
  for (unsigned i = 0; i < named->n; i++)
    if (sbx_net_special(named->at[i]) != SBX_NET_LOOPBACK)
      add_address(netlink, named->at[i]);
  return box->servers[0] < 0 ? box->servers[0] : rc;
}

/* --- a thread inside ------------------------------------------------------------------------- */

struct errand {
  struct sbx_netbox *box; /* to be opened */
  const struct sbx_nameservers *named;
  const struct sbx_netbox *in; /* or: a socket is to be made in it */
  int domain, type;
  int rc;
};

static int read_cookie(int sock, uint64_t *cookie) {
  socklen_t len = sizeof *cookie;
  return getsockopt(sock, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &len) < 0 ? -errno : 0;
}

static int make_box(struct sbx_netbox *box, const struct sbx_nameservers *named) {
  if (unshare(CLONE_NEWNET) < 0)
    return -errno;
  int rc = configure(box, named);
  if (rc == 0)
    rc = read_cookie(box->servers[0], &box->cookie);
  if (rc == 0 && (box->ns_fd = ioctl(box->servers[0], SIOCGSKNS)) < 0)
    rc = -errno;
  return rc;
}

static int make_socket(const struct sbx_netbox *box, int domain, int type) {
  if (setns(box->ns_fd, CLONE_NEWNET) < 0)
    return -errno;
  int fd = socket(domain, type, IPPROTO_UDP);
  return fd < 0 ? -errno : fd;
}

static void *run(void *arg) {
  struct errand *e = arg;
  e->rc = e->box ? make_box(e->box, e->named) : make_socket(e->in, e->domain, e->type);
  return NULL;
}

static int send_thread(struct errand *e) {
  pthread_t thread;
  int error = pthread_create(&thread, NULL, run, e);
  if (error)
    return -error;
  pthread_join(thread, NULL);
  return e->rc;
}

int sbx_netbox_open(struct sbx_netbox *box, const struct sbx_nameservers *named) {
  *box = (struct sbx_netbox){.ns_fd = -1, .servers = {-1, -1}};
  struct errand e = {.box = box, .named = named};
  int rc = send_thread(&e);
  if (rc < 0)
    sbx_netbox_close(box);
  return rc;
}

int sbx_netbox_socket(const struct sbx_netbox *box, int domain, int type) {
  struct errand e = {.in = box, .domain = domain, .type = type};
  return send_thread(&e);
}

bool sbx_netbox_has(const struct sbx_netbox *box, int sock) {
  uint64_t cookie;
  return box->ns_fd >= 0 && read_cookie(sock, &cookie) == 0 && cookie == box->cookie;
}

void sbx_netbox_close(struct sbx_netbox *box) {
  sbx_fd_close(&box->servers[0]);
  sbx_fd_close(&box->servers[1]);
  sbx_fd_close(&box->ns_fd);
}
