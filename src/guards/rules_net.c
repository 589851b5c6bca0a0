/* SPDX-License-Identifier: MIT */
/* The rules about sockets, as BPF. Pure; may allocate.
 *
 * A filter sees numbers, not what pointers lead to: no address is looked at here. Which address a
 * socket may connect to or bind is left to Landlock (TCP ports; abstract unix sockets, by scope),
 * to the mount namespace (unix sockets with a path), to the network namespace and to the broker.
 * So this file sees to it that a socket which takes an address where none can be seen (sendmsg's
 * msg_name, on datagram sockets) exists only where any address of its family is permitted, or leads
 * nowhere (launcher/netbox.h). */
#include "rules.h"

#include <linux/in.h>
#include <linux/in6.h>
#include <sys/socket.h>

#include "../core/policy.h"

#define TCP_CLIENT (SBX_PERMIT_NET | SBX_PERMIT_NET_RULES)
#define TCP (SBX_PERMIT_NET | SBX_PERMIT_NET_LISTEN | SBX_PERMIT_NET_RULES)
#define UDP (SBX_PERMIT_NET | SBX_PERMIT_NET_UDP)
#define UNIX SBX_PERMIT_NET_UNIX
#define ANY (SBX_PERMIT_NET | SBX_PERMIT_NET_LISTEN | SBX_PERMIT_NET_UDP | SBX_PERMIT_NET_UNIX)

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif
#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif
#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif
#ifndef SO_ATTACH_REUSEPORT_EBPF
#define SO_ATTACH_REUSEPORT_EBPF 52
#endif

static int allow_if(bool condition) {
  return condition ? SBX_VERDICT_ALLOW : SBX_VERDICT_EACCES;
}

/* The descriptor may be any socket that the guest has: where one that must not connect can exist,
 * no other one may either, unless something else tells them apart. */
static bool may_connect(const struct sbx_seccomp_options *options) {
  unsigned permit = options->permit;
  bool stray_tcp = (permit & TCP) && !(permit & TCP_CLIENT);
  if (permit & SBX_PERMIT_NET_RULES) /* The broker decides, see listener.h. */
    return true;
  return (permit & (UDP | UNIX)) && (!stray_tcp || options->connect_governed);
}

/* By rules, an address to come from is given to who may be reached there: to others it would be a
 * way to steer what the broker has judged. */
static bool may_bind(const struct sbx_seccomp_options *options) {
  unsigned permit = options->permit;
  bool reachable = permit & (SBX_PERMIT_NET_LISTEN | SBX_PERMIT_NET_UDP);
  if (options->boxed_udp) /* The broker decides, see listener.h. */
    return true;
  return permit & SBX_PERMIT_NET_RULES ? reachable : (permit & ANY) != 0;
}

/* The same: a TCP socket listens on a port of the kernel's choice without bind(2), which Landlock
 * does not see. */
static bool may_listen(unsigned permit) {
  return (permit & SBX_PERMIT_NET_LISTEN) || ((permit & UNIX) && !(permit & TCP));
}

/* Messages may carry descriptors, of which the kernel counts those on their way for all processes
 * of a user together (unix(7), ETOOMANYREFS), and a filter cannot look into them. libuv sends them
 * only where there is a network, or with a descriptor to pass on. */
bool sbx_rules_net_sends(const struct sbx_seccomp_options *options) {
  return options->confines || (options->permit & (ANY | SBX_PERMIT_NET_RULES));
}

int sbx_rules_net_verdict(const struct sbx_seccomp_options *options, enum sbx_rule rule) {
  unsigned permit = options->permit;
  switch ((int)rule) {
  case SBX_RULE_SOCKET:
    return permit & (ANY | SBX_PERMIT_NET_RULES) ? -1 : SBX_VERDICT_EACCES;
  case SBX_RULE_CONNECT:
    return allow_if(may_connect(options));
  case SBX_RULE_BIND:
    return allow_if(may_bind(options));
  case SBX_RULE_LISTEN:
    return allow_if(may_listen(permit));
  case SBX_RULE_SENDMSG:
  case SBX_RULE_SENDMMSG:
    return sbx_rules_net_sends(options) ? -1 : SBX_VERDICT_EACCES;
  default:
    return -1;
  }
}

/* The type of socket, without the flags that may come with it. */
static void load_type(struct sbx_bpf *bpf) {
  sbx_bpf_load_arg(bpf, 1, SBX_BPF_LOW);
  sbx_bpf_stmt(bpf, BPF_ALU | BPF_AND | BPF_K, ~(uint32_t)(SOCK_NONBLOCK | SOCK_CLOEXEC));
}

/* The protocol by its name, or 0: neither MPTCP, nor ICMP, nor UDP-Lite. */
static void emit_protocol(struct sbx_rules *rules, uint32_t protocol) {
  sbx_bpf_load_arg(rules->bpf, 2, SBX_BPF_LOW);
  sbx_rules_when(rules, 0, SBX_VERDICT_ALLOW);
  sbx_rules_when(rules, protocol, SBX_VERDICT_ALLOW);
  sbx_rules_goto(rules, SBX_VERDICT_EACCES);
}

static void emit_socket(struct sbx_rules *rules) {
  struct sbx_bpf *bpf = rules->bpf;
  unsigned permit = rules->options->permit;
  int inet = sbx_bpf_label(bpf), stream = sbx_bpf_label(bpf), datagram = sbx_bpf_label(bpf);
  int refused = rules->verdict[SBX_VERDICT_EACCES];
  bool udp = (permit & UDP) || rules->options->boxed_udp;
  sbx_bpf_load_arg(bpf, 0, SBX_BPF_LOW);
  if (permit & UNIX)
    sbx_rules_when(rules, AF_UNIX, SBX_VERDICT_ALLOW);
  sbx_bpf_if(bpf, BPF_JEQ, AF_INET, inet, SBX_BPF_NEXT);
  sbx_bpf_if(bpf, BPF_JEQ, AF_INET6, inet, refused);
  sbx_bpf_bind(bpf, inet);
  load_type(bpf);
  sbx_bpf_if(bpf, BPF_JEQ, SOCK_STREAM, permit & TCP ? stream : refused, SBX_BPF_NEXT);
  sbx_bpf_if(bpf, BPF_JEQ, SOCK_DGRAM, udp ? datagram : refused, refused);
  sbx_bpf_bind(bpf, stream);
  emit_protocol(rules, IPPROTO_TCP);
  sbx_bpf_bind(bpf, datagram);
  emit_protocol(rules, IPPROTO_UDP);
}

/* One end of a pair of datagram sockets still sends to any address that sendmsg(2) names, such as
 * the system's log: pairs are connected for good only when they are streams or packets. */
static void emit_socketpair(struct sbx_rules *rules) {
  struct sbx_bpf *bpf = rules->bpf;
  sbx_bpf_load_arg(bpf, 0, SBX_BPF_LOW);
  sbx_bpf_if(bpf, BPF_JEQ, AF_UNIX, SBX_BPF_NEXT, rules->verdict[SBX_VERDICT_EACCES]);
  load_type(bpf);
  sbx_rules_when(rules, SOCK_STREAM, SBX_VERDICT_ALLOW);
  sbx_rules_when(rules, SOCK_SEQPACKET, SBX_VERDICT_ALLOW);
  sbx_rules_goto(rules, rules->options->permit & UNIX ? SBX_VERDICT_ALLOW : SBX_VERDICT_EACCES);
}

/* TCP Fast Open connects without connect(2), past Landlock and the broker. */
static void emit_flags(struct sbx_rules *rules, unsigned arg) {
  sbx_bpf_load_arg(rules->bpf, arg, SBX_BPF_LOW);
  sbx_bpf_if(rules->bpf, BPF_JSET, MSG_FASTOPEN, rules->verdict[SBX_VERDICT_EACCES], SBX_BPF_NEXT);
}

static void emit_sendto(struct sbx_rules *rules) {
  emit_flags(rules, 3);
  if ((rules->options->permit & (UDP | UNIX)) || rules->options->boxed_udp)
    sbx_rules_goto(rules, SBX_VERDICT_ALLOW);
  else
    sbx_bpf_if_arg(rules->bpf, 4, 0, rules->verdict[SBX_VERDICT_ALLOW],
                   rules->verdict[SBX_VERDICT_EACCES]);
}

static void emit_sendmsg(struct sbx_rules *rules, unsigned flags) {
  emit_flags(rules, flags);
  sbx_rules_goto(rules, SBX_VERDICT_ALLOW);
}

/* What could lead a connection that the broker has judged somewhere else, or make it later: the
 * interface, the route, an address of the guest's choice, the first bytes with the SYN. */
static void emit_steering(struct sbx_rules *rules, uint32_t level, const uint32_t *refused,
                          size_t n) {
  struct sbx_bpf *bpf = rules->bpf;
  int other = sbx_bpf_label(bpf);
  sbx_bpf_load_arg(bpf, 1, SBX_BPF_LOW);
  sbx_bpf_if(bpf, BPF_JEQ, level, SBX_BPF_NEXT, other);
  sbx_bpf_load_arg(bpf, 2, SBX_BPF_LOW);
  for (size_t i = 0; i < n; i++)
    sbx_rules_when(rules, refused[i], SBX_VERDICT_EPERM);
  sbx_bpf_bind(bpf, other);
}

static void emit_all_steering(struct sbx_rules *rules) {
  static const uint32_t of_socket[] = {SO_BINDTODEVICE, SO_BINDTOIFINDEX},
                        of_ip[] = {IP_OPTIONS, IP_UNICAST_IF},
                        of_ipv6[] = {IPV6_RTHDR, IPV6_2292PKTOPTIONS, IPV6_UNICAST_IF,
                                     IPV6_PKTINFO},
                        of_tcp[] = {TCP_FASTOPEN_CONNECT};
  emit_steering(rules, SOL_SOCKET, of_socket, sizeof of_socket / sizeof *of_socket);
  emit_steering(rules, IPPROTO_IP, of_ip, sizeof of_ip / sizeof *of_ip);
  emit_steering(rules, IPPROTO_IPV6, of_ipv6, sizeof of_ipv6 / sizeof *of_ipv6);
  emit_steering(rules, IPPROTO_TCP, of_tcp, sizeof of_tcp / sizeof *of_tcp);
}

/* What is on its way in a socket is memory that no limit of a run counts. Its size is a wish: the
 * kernel does as it likes with it, too. UDP loses what has no room. */
static void emit_buffers(struct sbx_rules *rules) {
  static const uint32_t sizes[] = {SO_SNDBUF, SO_RCVBUF, SO_SNDBUFFORCE, SO_RCVBUFFORCE};
  if (rules->options->permit & UDP)
    return;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    sbx_rules_when(rules, sizes[i], SBX_VERDICT_IGNORE);
}

/* Socket filters are programs that run in the kernel, protocols on top of TCP (TLS) much code. */
static void emit_setsockopt(struct sbx_rules *rules) {
  static const uint32_t refused[] = {SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF,
                                     SO_ATTACH_REUSEPORT_EBPF};
  struct sbx_bpf *bpf = rules->bpf;
  int tcp = sbx_bpf_label(bpf);
  if (rules->options->permit & SBX_PERMIT_NET_RULES)
    emit_all_steering(rules);
  sbx_bpf_load_arg(bpf, 1, SBX_BPF_LOW);
  sbx_bpf_if(bpf, BPF_JEQ, IPPROTO_TCP, tcp, SBX_BPF_NEXT);
  sbx_bpf_if(bpf, BPF_JEQ, SOL_SOCKET, SBX_BPF_NEXT, rules->verdict[SBX_VERDICT_ALLOW]);
  sbx_bpf_load_arg(bpf, 2, SBX_BPF_LOW);
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    sbx_rules_when(rules, refused[i], SBX_VERDICT_EPERM);
  emit_buffers(rules);
  sbx_rules_goto(rules, SBX_VERDICT_ALLOW);
  sbx_bpf_bind(bpf, tcp);
  sbx_bpf_load_arg(bpf, 2, SBX_BPF_LOW);
  sbx_rules_when(rules, TCP_ULP, SBX_VERDICT_EPERM);
  sbx_rules_goto(rules, SBX_VERDICT_ALLOW);
}

void sbx_rules_net_emit(struct sbx_rules *rules, enum sbx_rule rule) {
  switch ((int)rule) {
  case SBX_RULE_SOCKET:
    emit_socket(rules);
    break;
  case SBX_RULE_SOCKETPAIR:
    emit_socketpair(rules);
    break;
  case SBX_RULE_SENDTO:
    emit_sendto(rules);
    break;
  case SBX_RULE_SENDMSG:
    emit_sendmsg(rules, 2);
    break;
  case SBX_RULE_SENDMMSG:
    emit_sendmsg(rules, 3);
    break;
  case SBX_RULE_SETSOCKOPT:
    emit_setsockopt(rules);
    break;
  default:
    sbx_rules_goto(rules, SBX_VERDICT_EACCES);
  }
}
