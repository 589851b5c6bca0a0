/* SPDX-License-Identifier: MIT */
/* The broker of one run's connections. One thread, which also holds the run's deadline, so nothing
 * here may wait for the guest. */
#include "broker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/policy.h"
#include "../core/proc.h"
#include "answered.h"
#include "datagram.h"
#include "kept.h"
#include "local.h"
#include "netbox.h"
#include "notify.h"
#include "pace.h"
#include "pending.h"
#include "sock.h"
#include "stub.h"
#include "traffic.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "the broker does not know this architecture's system calls"
#endif

/* What musl connects a UDP socket to, and sends nothing, to know whether there is IPv4 or IPv6
 * (AI_ADDRCONFIG). Another error than "unreachable" ends its getaddrinfo(3). */
#define MUSL_PROBE 65535u
/* Calls answered in a row before the process's other duties get a look. */
#define BATCH 32
/* What a guest may ask for, on average, and at once. A call takes 30 us or so; a question to the
 * stub takes the host some of its time as well, and counts for several. */
#define CALLS_A_SECOND 5000
#define CALLS_AT_ONCE 5000
#define QUESTION_CALLS 5

struct sbx_broker {
  int listener, epoll;
  const struct sbx_netrules *rules;
  unsigned permit;
  bool apart;
  bool boxes;    /* sbx_broker_box() */
  int box_error; /* 0 until the box was tried to be opened, and once it is open */
  struct sbx_netbox box;
  struct sbx_pending pending;
  struct sbx_kept kept;
  struct sbx_answered answered;
  struct sbx_net_report report;
  struct sbx_traffic traffic;
  struct sbx_netgrants grants;
  struct sbx_datagram datagram;
  struct sbx_pace pace;
  int pace_fd; /* a timer, from the first time on that the guest has to wait; -1: none */
  pid_t guest;
  struct sbx_stub *stub; /* from the first connection on that may be its own */
};

/* What an event of the epoll set is about. */
enum { TAG_LISTENER, TAG_PENDING, TAG_STUB, TAG_TRAFFIC, TAG_PACE };

static int watch(struct sbx_broker *b, int fd, uint32_t events, uint32_t tag) {
  struct epoll_event event = {.events = events, .data = {.u32 = tag}};
  return epoll_ctl(b->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Returns where in the report it is listed, or UINT32_MAX. */
static uint32_t note(struct sbx_broker *b, const struct sbx_netaddr *addr, enum sbx_net_verdict v) {
  struct sbx_net_report *r = &b->report;
  if (v == SBX_NET_ALLOWED)
    r->allowed++;
  else
    r->refused++;
  if (!addr)
    return UINT32_MAX;
  for (uint32_t i = 0; i < r->n; i++)
    if (r->seen[i].port == addr->port && r->seen[i].verdict == v &&
        memcmp(r->seen[i].ip, addr->ip, 16) == 0) {
      r->seen[i].count++;
      return i;
    }
  if (r->n == SBX_NET_SEEN_MAX) {
    r->unlisted++;
    return UINT32_MAX;
  }
  struct sbx_net_seen *seen = &r->seen[r->n++];
  *seen = (struct sbx_net_seen){.port = addr->port, .verdict = (uint8_t)v, .count = 1};
  memcpy(seen->ip, addr->ip, 16);
  return r->n - 1;
}

/* Connects the guest's socket, which has `asked` for another address where the stub is; takes over
 * `sock`. `listed`: where in the report. */
static void connect_to(struct sbx_broker *b, const struct sbx_notify_call *call, int sock,
                       const struct sbx_netaddr *asked, const struct sbx_netaddr *addr,
                       uint32_t listed) {
  int flags = fcntl(sock, F_GETFL), error = sbx_sock_connect(sock, flags, addr);
  if (!error || sbx_sock_is_under_way(error))
    sbx_traffic_add(&b->traffic, sock, &b->report, listed);
  if ((!error || sbx_sock_is_under_way(error)) && addr != asked)
    sbx_stub_expect(b->stub, sock);
  /* EALREADY: connect(2) was interrupted by a signal and is called again. */
  if (sbx_sock_is_under_way(error) && !(flags & O_NONBLOCK)) {
    sbx_pending_add(&b->pending, call, sock, asked, addr);
    return;
  }
  int before;
  if (error == EALREADY && sbx_answered_before(&b->answered, call, sock, asked, &before))
    error = before;
  if (!error || error == EINPROGRESS)
    sbx_answered_add(&b->answered, call, sock, asked, error);
  else if (error != EALREADY)
    sbx_kept_add(&b->kept, sock);
  sbx_notify_answer(b->listener, call->id, error, 0);
  sbx_fd_close(&sock);
}

/* Copies the address that a connect(2) has. Returns 0, or the errno that the guest gets. */
static int copy_address(struct sbx_broker *b, const struct sbx_notify_call *call,
                        struct sockaddr_storage *sa, size_t *len) {
  int given = (int)call->args[2];
  if (given < 0 || (size_t)given > sizeof *sa)
    return EINVAL;
  memset(sa, 0, sizeof *sa);
  *len = (size_t)given;
  int rc = sbx_notify_memory(call, call->args[1], sa, *len);
  if (rc < 0)
    return rc == -EFAULT ? EFAULT : EACCES;
  /* It may have been another's memory; the answer goes nowhere. */
  return sbx_notify_valid(b->listener, call->id) ? 0 : ESRCH;
}

/* Reads our copy of an address. Returns 0, or the errno that the guest gets. */
static int as_address(struct sbx_broker *b, const struct sockaddr_storage *sa, size_t len,
                      struct sbx_netaddr *addr) {
  int rc = sbx_netaddr_read(addr, sa, len);
  /* AF_UNSPEC, AF_UNIX, AF_NETLINK, AF_VSOCK …: */
  if (rc == -EAFNOSUPPORT) {
    note(b, NULL, SBX_NET_MALFORMED);
    return EACCES;
  }
  return rc < 0 ? EINVAL : 0;
}

/* Returns 0 when it may be connected to, or the errno that the guest gets. */
static int judge(struct sbx_broker *b, const struct sbx_netaddr *addr) {
  enum sbx_net_verdict verdict = sbx_netrules_judge(b->rules, addr, &b->grants);
  if (verdict == SBX_NET_ALLOWED)
    return 0;
  note(b, addr, verdict);
  return EACCES;
}

/* The socket that a call is about: *sock is it, -EBADF, or another -errno when it cannot be had.
 * Returns false when nobody waits for the answer any more: only while its thread waits is it known
 * that the socket was one of the thread's. */
static bool take_socket(struct sbx_broker *b, const struct sbx_notify_call *call, int *sock) {
  int number = (int)call->args[0];
  *sock = b->kept.active ? sbx_kept_take(&b->kept, call, number) : sbx_notify_fd(call, number);
  if (b->kept.active && *sock == -EPERM)
    *sock = sbx_pending_take(&b->pending, call);
  if (sbx_notify_valid(b->listener, call->id))
    return true;
  if (*sock >= 0) /* The call may be made again. */
    sbx_kept_add(&b->kept, *sock);
  return false;
}

static bool has_stub(struct sbx_broker *b) {
  if (!b->stub && sbx_stub_open(&b->stub) == 0 &&
      watch(b, sbx_stub_fd(b->stub), EPOLLIN, TAG_STUB) < 0) {
    sbx_stub_close(b->stub);
    b->stub = NULL;
  }
  return b->stub;
}

static bool is_stub(struct sbx_broker *b, const struct sbx_netaddr *addr) {
  return addr->port == SBX_STUB_PORT && has_stub(b) && sbx_stub_serves(b->stub, addr);
}

/* Connects to the run's own resolver; takes over `sock`. */
static void connect_stub(struct sbx_broker *b, const struct sbx_notify_call *call, int sock,
                         const struct sbx_netaddr *asked) {
  struct sbx_netaddr addr;
  int error = sbx_stub_address(b->stub, sock, &addr);
  if (!error) {
    connect_to(b, call, sock, asked, &addr, UINT32_MAX); /* None of the run's connections. */
    return;
  }
  sbx_kept_add(&b->kept, sock);
  sbx_notify_answer(b->listener, call->id, error, 0);
  sbx_fd_close(&sock);
}

/* The call was made before, and what it asked for is there: it is answered. */
static bool repeats(struct sbx_broker *b, const struct sbx_notify_call *call, int sock,
                    const struct sbx_netaddr *addr) {
  struct sockaddr_storage peer;
  socklen_t len = sizeof peer;
  int before;
  if (sock < 0 && !(sock == -EPERM && b->kept.active)) /* Or it is kept no longer. */
    return false;
  if (!sbx_answered_before(&b->answered, call, sock, addr, &before) ||
      (sock >= 0 && getpeername(sock, (struct sockaddr *)&peer, &len) < 0))
    return false;
  sbx_notify_answer(b->listener, call->id, sock < 0 ? before : 0, 0);
  return true;
}

/* Connects to an address that was judged, or to the stub. */
static void connect_judged(struct sbx_broker *b, const struct sbx_notify_call *call,
                           const struct sbx_netaddr *addr, bool stub) {
  SBX_AUTO_FD int sock = -1;
  if (!take_socket(b, call, &sock))
    return;
  if (repeats(b, call, sock, addr))
    return;
  enum sbx_sock_kind kind = sock < 0 ? SBX_SOCK_OTHER : sbx_sock_kind(sock);
  /* Datagrams have no stub. */
  int refused = stub && kind != SBX_SOCK_TCP && sock >= 0 ? judge(b, addr) : 0;
  if (sock == -EBADF) {
    sbx_notify_answer(b->listener, call->id, EBADF, 0);
  } else if (refused) {
    sbx_notify_answer(b->listener, call->id, refused, 0);
  } else if (stub && kind == SBX_SOCK_TCP) {
    connect_stub(b, call, sbx_fd_steal(&sock), addr);
  } else if (kind == SBX_SOCK_TCP || (kind == SBX_SOCK_UDP && (b->permit & SBX_PERMIT_NET_UDP))) {
    uint32_t listed = note(b, addr, SBX_NET_ALLOWED);
    connect_to(b, call, sbx_fd_steal(&sock), addr, addr,
               kind == SBX_SOCK_TCP ? listed : UINT32_MAX);
  } else {
    note(b, addr, SBX_NET_MALFORMED);
    sbx_notify_answer(b->listener, call->id, EACCES, 0);
  }
}

/* --- UDP sockets that lead to the stub ------------------------------------------------------- */

static bool is_boxed(const struct sbx_broker *b, int sock) {
  return sock >= 0 && sbx_sock_kind(sock) == SBX_SOCK_UDP && sbx_netbox_has(&b->box, sock);
}

/* Once: a guest could have it fail over and over. */
static int open_box(struct sbx_broker *b) {
  if (b->box.ns_fd >= 0 || b->box_error)
    return b->box_error;
  if (!has_stub(b))
    return -ENOMEM;
  int rc = sbx_netbox_open(&b->box, sbx_stub_nameservers(b->stub));
  if (rc == 0 && (rc = sbx_stub_hear(b->stub, b->box.servers)) < 0)
    sbx_netbox_close(&b->box);
  return b->box_error = rc;
}

static int make_boxed(struct sbx_broker *b, int domain, int type) {
  int rc = open_box(b);
  return rc < 0 ? rc : sbx_netbox_socket(&b->box, domain, type);
}

/* Returns false for any other socket. Where it leads is the kernel's to say. */
static bool connect_boxed(struct sbx_broker *b, const struct sbx_notify_call *call,
                          const struct sbx_netaddr *addr) {
  struct sockaddr_storage sa;
  if (b->box.ns_fd < 0)
    return false;
  SBX_AUTO_FD int sock = -1;
  if (!take_socket(b, call, &sock))
    return true;
  if (sock >= 0)
    sbx_kept_add(&b->kept, sock);
  if (!is_boxed(b, sock))
    return false;
  socklen_t len = sbx_netaddr_sockaddr(addr, &sa);
  bool probe = addr->port == MUSL_PROBE && sbx_net_special(addr->ip) == SBX_NET_LOOPBACK;
  int error = !probe && connect(sock, (struct sockaddr *)&sa, len) < 0 ? errno : 0;
  sbx_notify_answer(b->listener, call->id, error, 0);
  return true;
}

/* A port that somebody is to find it at has no use in there: better to say so. */
static int bind_boxed(int sock, const struct sockaddr_storage *sa, size_t len) {
  const struct sockaddr_in *in = (const struct sockaddr_in *)sa; /* the same place in IPv6 */
  bool inet = sa->ss_family == AF_INET || sa->ss_family == AF_INET6;
  if (!inet || len < sizeof *in)
    return EINVAL;
  if (in->sin_port != 0)
    return EACCES;
  return bind(sock, (const struct sockaddr *)sa, (socklen_t)len) < 0 ? errno : 0;
}

/* Of any other socket it could steer what was judged. */
static void on_bind(struct sbx_broker *b, const struct sbx_notify_call *call) {
  struct sockaddr_storage sa;
  size_t len;
  SBX_AUTO_FD int sock = -1;
  if (!take_socket(b, call, &sock))
    return;
  if (sock >= 0)
    sbx_kept_add(&b->kept, sock);
  int before, error = sock == -EBADF ? EBADF : EACCES;
  if (is_boxed(b, sock)) {
    error = copy_address(b, call, &sa, &len);
    if (!error)
      error = bind_boxed(sock, &sa, len);
    if (error == EINVAL && sbx_answered_before(&b->answered, call, sock, NULL, &before))
      error = 0;
    if (!error)
      sbx_answered_add(&b->answered, call, sock, NULL, 0);
  }
  sbx_notify_answer(b->listener, call->id, error, 0);
}

/* --- calls ----------------------------------------------------------------------------------- */

static int connect_local(struct sbx_broker *b, const struct sbx_notify_call *call, int sock,
                         const struct sockaddr_storage *sa, size_t len) {
  int before, error = sbx_local_connect(call, b->listener, sock, sa, len, b->apart);
  if (error == EISCONN && sbx_answered_before(&b->answered, call, sock, NULL, &before))
    error = 0;
  if (!error)
    sbx_answered_add(&b->answered, call, sock, NULL, 0);
  return error;
}

/* To a path, or to nothing, which a UDP socket may. */
static void connect_other(struct sbx_broker *b, const struct sbx_notify_call *call,
                          const struct sockaddr_storage *sa, size_t len) {
  const struct sockaddr_in nothing = {.sin_family = AF_UNSPEC};
  SBX_AUTO_FD int sock = -1;
  if (!take_socket(b, call, &sock))
    return;
  enum sbx_sock_kind kind = sock < 0 ? SBX_SOCK_OTHER : sbx_sock_kind(sock);
  int error = EACCES;
  if (sock == -EBADF)
    error = EBADF;
  else if (sa->ss_family == AF_UNIX && kind == SBX_SOCK_UNIX && (b->permit & SBX_PERMIT_NET_UNIX))
    error = connect_local(b, call, sock, sa, len);
  else if (sa->ss_family == AF_UNSPEC && kind == SBX_SOCK_UDP &&
           ((b->permit & SBX_PERMIT_NET_UDP) || is_boxed(b, sock)))
    error = connect(sock, (const struct sockaddr *)&nothing, sizeof nothing) < 0 ? errno : 0;
  if (error == EACCES)
    note(b, NULL, SBX_NET_MALFORMED);
  if (is_boxed(b, sock))
    sbx_kept_add(&b->kept, sock);
  sbx_notify_answer(b->listener, call->id, error, 0);
}

static void on_connect(struct sbx_broker *b, const struct sbx_notify_call *call) {
  struct sockaddr_storage sa;
  struct sbx_netaddr addr;
  size_t len;
  int error = copy_address(b, call, &sa, &len);
  bool more = (b->permit & (SBX_PERMIT_NET_UNIX | SBX_PERMIT_NET_UDP)) || b->box.ns_fd >= 0;
  if (!error && more && len >= sizeof sa.ss_family &&
      (sa.ss_family == AF_UNIX || sa.ss_family == AF_UNSPEC)) {
    connect_other(b, call, &sa, len);
    return;
  }
  if (!error)
    error = as_address(b, &sa, len, &addr);
  if (!error && connect_boxed(b, call, &addr))
    return;
  bool stub = !error && is_stub(b, &addr);
  if (!error && !stub)
    error = judge(b, &addr);
  if (error)
    sbx_notify_answer(b->listener, call->id, error, 0);
  else
    connect_judged(b, call, &addr, stub);
}

/* Which protocol a new socket has, or 0 when it is none that is made here. */
static int protocol_of(const struct sbx_broker *b, int domain, int type, int protocol) {
  if (domain != AF_INET && domain != AF_INET6)
    return 0;
  if (type == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP))
    return IPPROTO_TCP;
  bool udp = ((b->permit & SBX_PERMIT_NET_UDP) && !b->kept.active) || b->boxes;
  return udp && type == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP) ? IPPROTO_UDP : 0;
}

static void on_socket(struct sbx_broker *b, const struct sbx_notify_call *call) {
  const int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  int domain = (int)call->args[0], type = (int)call->args[1];
  int protocol = protocol_of(b, domain, type & ~flags, (int)call->args[2]);
  if (protocol == 0) {
    note(b, NULL, SBX_NET_MALFORMED);
    sbx_notify_answer(b->listener, call->id, EACCES, 0);
    return;
  }
  bool boxed = protocol == IPPROTO_UDP && b->boxes;
  SBX_AUTO_FD int sock = boxed ? make_boxed(b, domain, type | SOCK_CLOEXEC)
                               : socket(domain, type | SOCK_CLOEXEC, protocol);
  int rc = sock >= 0 ? 0 : boxed ? sock : -errno;
  if (rc == 0) {
    sbx_kept_add(&b->kept, sock);
    rc = sbx_notify_answer_fd(b->listener, call->id, sock, (type & SOCK_CLOEXEC) != 0);
  }
  if (rc < 0)
    sbx_notify_answer(b->listener, call->id, -rc, 0);
}

/* Here, since one that was kept must be kept no longer: we would listen on after the guest. */
static void on_listen(struct sbx_broker *b, const struct sbx_notify_call *call) {
  SBX_AUTO_FD int sock = -1;
  if (!take_socket(b, call, &sock))
    return;
  enum sbx_sock_kind kind = sock < 0 ? SBX_SOCK_OTHER : sbx_sock_kind(sock);
  int error = EACCES;
  if (sock == -EBADF)
    error = EBADF;
  else if ((b->permit & SBX_PERMIT_NET_LISTEN) && (kind == SBX_SOCK_TCP || kind == SBX_SOCK_UNIX))
    error = listen(sock, (int)call->args[1]) < 0 ? errno : 0;
  sbx_notify_answer(b->listener, call->id, error, 0);
}

/* Returns what was sent, or the negative errno that the guest gets. */
static int64_t send_datagram(struct sbx_broker *b, int sock, const struct sbx_notify_call *call) {
  struct sbx_datagram *d = &b->datagram;
  enum sbx_sock_kind kind = sbx_sock_kind(sock);
  struct sockaddr_storage sa;
  struct sbx_netaddr addr;
  socklen_t len = 0;
  if (kind != SBX_SOCK_UDP && (d->to_len > 0 || call->nr == SYS_sendmmsg))
    return -EACCES;
  if (d->to_len > 0) {
    int error = as_address(b, &d->to, d->to_len, &addr);
    if (!error)
      error = judge(b, &addr);
    if (error)
      return -error;
    note(b, &addr, SBX_NET_ALLOWED);
    len = sbx_netaddr_sockaddr(&addr, &sa);
  }
  int flags = d->flags | MSG_DONTWAIT | MSG_NOSIGNAL;
  ssize_t n = sendto(sock, d->bytes, d->len, flags, len > 0 ? (struct sockaddr *)&sa : NULL, len);
  if (n < 0)
    return -errno;
  return call->nr == SYS_sendmmsg ? 1 : n;
}

static void on_send(struct sbx_broker *b, const struct sbx_notify_call *call) {
  int error = sbx_datagram_read(call, &b->datagram);
  SBX_AUTO_FD int sock = error ? -1 : sbx_notify_fd(call, (int)call->args[0]);
  if (!sbx_notify_valid(b->listener, call->id))
    return;
  int64_t sent = -error;
  if (!error)
    sent = sock == -EBADF ? -EBADF : sock < 0 ? -EACCES : send_datagram(b, sock, call);
  sbx_notify_answer(b->listener, call->id, sent < 0 ? (int)-sent : 0, sent < 0 ? 0 : sent);
}

static void answer(struct sbx_broker *b, const struct sbx_notify_call *call) {
  int nr = call->arch == NATIVE_ARCH ? call->nr : -1;
  if (nr == SYS_connect)
    on_connect(b, call);
  else if (nr == SYS_socket)
    on_socket(b, call);
  else if (nr == SYS_listen)
    on_listen(b, call);
  else if (nr == SYS_bind && b->boxes)
    on_bind(b, call);
  else if (sbx_datagram_is(nr) && (b->permit & SBX_PERMIT_NET_UDP))
    on_send(b, call);
  else
    sbx_notify_answer(b->listener, call->id, EPERM, 0);
}

/* What the guest asks of is looked at, or is not. */
static void listen_to_guest(struct sbx_broker *b, bool on) {
  struct epoll_event calls = {.events = on ? EPOLLIN : 0, .data = {.u32 = TAG_LISTENER}};
  struct epoll_event questions = {.events = on ? EPOLLIN : 0, .data = {.u32 = TAG_STUB}};
  epoll_ctl(b->epoll, EPOLL_CTL_MOD, b->listener, &calls);
  if (b->stub)
    epoll_ctl(b->epoll, EPOLL_CTL_MOD, sbx_stub_fd(b->stub), &questions);
}

/* Returns whether the guest may ask for something now. If not, a timer says when it may. */
static bool may_ask(struct sbx_broker *b) {
  if (sbx_pace_may(&b->pace, sbx_now_mono_ns()))
    return true;
  if (b->pace_fd < 0) {
    b->pace_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (b->pace_fd < 0 || watch(b, b->pace_fd, EPOLLIN, TAG_PACE) < 0) {
      sbx_fd_close(&b->pace_fd);
      return true;
    }
  }
  /* Some at a time, so that to wait costs less than to serve. */
  uint64_t wait = sbx_pace_wait_ns(&b->pace) + BATCH * UINT64_C(1000000000) / CALLS_A_SECOND;
  struct itimerspec at = {.it_value = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)}};
  timerfd_settime(b->pace_fd, 0, &at, NULL);
  listen_to_guest(b, false);
  return false;
}

static void on_pace(struct sbx_broker *b) {
  uint64_t ticks;
  if (read(b->pace_fd, &ticks, sizeof ticks) > 0)
    listen_to_guest(b, true);
}

static void serve(struct sbx_broker *b) {
  struct sbx_notify_call call;
  if (!may_ask(b))
    return;
  for (int i = 0; i < BATCH; i++) {
    struct pollfd p = {.fd = b->listener, .events = POLLIN};
    if (poll(&p, 1, 0) <= 0)
      return;
    /* Without a thread left that has the filter, nothing comes any more. */
    if (!(p.revents & POLLIN)) {
      epoll_ctl(b->epoll, EPOLL_CTL_DEL, b->listener, NULL);
      return;
    }
    if (sbx_notify_recv(b->listener, &call) <= 0)
      return;
    if (b->guest == 0)
      b->guest = sbx_notify_process(call.tid);
    sbx_pace_take(&b->pace, 1);
    answer(b, &call);
  }
}

static void serve_stub(struct sbx_broker *b) {
  if (may_ask(b))
    sbx_pace_take(&b->pace, QUESTION_CALLS * sbx_stub_dispatch(b->stub));
}

void sbx_broker_dispatch(struct sbx_broker *b) {
  struct epoll_event events[4];
  int n = epoll_wait(b->epoll, events, sizeof events / sizeof *events, 0);
  for (int i = 0; i < n; i++) {
    uint32_t tag = events[i].data.u32;
    if (tag == TAG_LISTENER)
      serve(b);
    else if (tag == TAG_TRAFFIC)
      sbx_traffic_read(&b->traffic, &b->report);
    else if (tag == TAG_STUB)
      serve_stub(b);
    else if (tag == TAG_PACE)
      on_pace(b);
    else
      sbx_pending_dispatch(&b->pending);
  }
}

static int open_fds(struct sbx_broker *b) {
  b->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (b->epoll < 0)
    return -errno;
  int rc = sbx_pending_open(&b->pending, b->listener, &b->kept, &b->answered);
  if (rc == 0)
    rc = watch(b, b->pending.epoll, EPOLLIN, TAG_PENDING);
  return rc < 0 ? rc : watch(b, b->listener, EPOLLIN, TAG_LISTENER);
}

int sbx_broker_open(int listener, const struct sbx_netrules *rules, unsigned permit,
                    struct sbx_broker **out, struct sbx_err *err) {
  *out = NULL;
  struct sbx_broker *b = calloc(1, sizeof *b);
  if (!b) {
    sbx_fd_close(&listener);
    return sbx_err_set(err, SBX_STAGE_SECCOMP, ENOMEM, "no memory for the broker");
  }
  b->listener = listener;
  b->epoll = b->pace_fd = -1;
  sbx_pace_init(&b->pace, CALLS_A_SECOND, CALLS_AT_ONCE, sbx_now_mono_ns());
  b->box = (struct sbx_netbox){.ns_fd = -1, .servers = {-1, -1}};
  b->rules = rules;
  b->permit = permit;
  sbx_pending_init(&b->pending);
  sbx_kept_init(&b->kept);
  sbx_traffic_init(&b->traffic);
  int rc = sbx_notify_init(err);
  if (rc == 0 && ((rc = sbx_sock_init()) < 0 || (rc = open_fds(b)) < 0))
    sbx_err_set(err, SBX_STAGE_SECCOMP, -rc, "the broker of connections: %s", strerror(-rc));
  if (rc < 0) {
    sbx_broker_close(b);
    return rc;
  }
  *out = b;
  return 0;
}

void sbx_broker_count(struct sbx_broker *b) {
  if (sbx_traffic_open(&b->traffic) == 0 && watch(b, b->traffic.fd, EPOLLIN, TAG_TRAFFIC) < 0)
    sbx_traffic_close(&b->traffic);
}

void sbx_broker_apart(struct sbx_broker *b) {
  b->apart = true;
}

void sbx_broker_box(struct sbx_broker *b) {
  b->boxes = true;
}

int sbx_broker_fd(const struct sbx_broker *b) {
  return b->epoll;
}

pid_t sbx_broker_guest(const struct sbx_broker *b) {
  return b->guest > 0 ? b->guest : 0;
}

enum sbx_net_verdict sbx_broker_grant(struct sbx_broker *b, const char *name, size_t len,
                                      const struct sockaddr *sa, socklen_t sa_len) {
  return sbx_netrules_grant(b->rules, name, len, sa, sa_len, &b->grants);
}

bool sbx_broker_ask(struct sbx_broker *b, struct sbx_ctl_ask *out) {
  return b->stub && sbx_stub_ask(b->stub, out);
}

void sbx_broker_answer(struct sbx_broker *b, const struct sbx_ctl_grant *grant) {
  if (b->stub)
    sbx_stub_answer(b->stub, grant);
}

const struct sbx_net_report *sbx_broker_report(struct sbx_broker *b) {
  sbx_traffic_finish(&b->traffic, &b->report);
  return &b->report;
}

void sbx_broker_close(struct sbx_broker *b) {
  if (!b)
    return;
  sbx_pending_close(&b->pending);
  sbx_kept_close(&b->kept);
  sbx_stub_close(b->stub);
  sbx_netbox_close(&b->box);
  sbx_traffic_close(&b->traffic);
  sbx_fd_close(&b->pace_fd);
  sbx_fd_close(&b->epoll);
  sbx_fd_close(&b->listener);
  free(b);
}
