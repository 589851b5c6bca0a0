/* SPDX-License-Identifier: MIT */
/* The broker on any sequence of notifications, with the kernel's side replaced: whatever the calls,
 * the memory behind them and the moments at which a guest dies, every call that still waits is
 * answered once, and nothing is connected that the rules do not allow.
 *
 * Input: a byte that says how the machine is, then calls; see next_call(). */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "fuzz.h"

static int fuzz_connect(int fd, const struct sockaddr *sa, socklen_t len);
static ssize_t fuzz_sendto(int fd, const void *bytes, size_t n, int flags,
                           const struct sockaddr *sa, socklen_t len);
static int fuzz_listen(int fd, int backlog);
static int fuzz_bind(int fd, const struct sockaddr *sa, socklen_t len);

#define connect fuzz_connect
#define sendto fuzz_sendto
#define listen fuzz_listen
#define bind fuzz_bind
/* It is the fuzzer's own. */
#define setitimer(which, value, old) ((void)(value))
#include "../../src/launcher/answered.c"
#include "../../src/launcher/pace.c"
#include "../../src/launcher/broker.c"
#include "../../src/launcher/datagram.c"
#include "../../src/launcher/kept.c"
#include "../../src/launcher/pending.c"
#include "../../src/launcher/sock.c"
#undef connect
#undef sendto
#undef listen
#undef bind
#undef setitimer

#define CALLS 64
/* Where what the stub is to answer is connected to; no rule names it. */
#define STUB_OWN_PORT 5353

static struct {
  struct fuzz_input in;
  struct sbx_netrules *rules;
  struct sbx_broker *broker;
  const uint8_t *memory; /* of the last call */
  size_t memory_len;
  /* 1: pidfd_getfd(2) is refused; 2, 4, 8: listen, udp, unix are permitted; 16: UDP sockets lead to
   * the stub; 32: those cannot be had. */
  uint8_t machine;
  unsigned permit;
  unsigned calls, connects;
  int stub_fd;
  bool expected;
  struct {
    uint8_t how; /* 1: dies soon; 2: its descriptor is none; 4: … UDP; 8: blocking; 32: unix */
    uint8_t checks, answered;
  } call[CALLS];
} fuzz;

/* A call: how, nr, the arguments' low bytes, and up to 255 bytes of memory. */
static int next_call(struct sbx_notify_call *call) {
  static const int numbers[2][4] = {{SYS_connect, SYS_connect, SYS_socket, SYS_bind},
                                    {SYS_listen, SYS_sendto, SYS_sendmsg, SYS_sendmmsg}};
  unsigned i = fuzz.calls;
  if (fuzz.in.left == 0 || i == CALLS)
    return 0;
  fuzz.call[i].how = take_byte(&fuzz.in);
  uint8_t nr = take_byte(&fuzz.in);
  *call = (struct sbx_notify_call){.id = i,
                                   .tid = 1,
                                   .nr = numbers[(nr & 0x20) != 0][nr % 4],
                                   .arch = nr & 0x80 ? AUDIT_ARCH_I386 : NATIVE_ARCH};
  for (int a = 0; a < (nr & 0x20 ? 6 : 3); a++)
    call->args[a] = take_u16(&fuzz.in);
  if (nr & 0x40) /* the length in all its width */
    call->args[2] *= 0x100000001u * 0x8001u;
  fuzz.memory_len = take_byte(&fuzz.in);
  fuzz.memory = take_bytes(&fuzz.in, &fuzz.memory_len);
  fuzz.calls++;
  return 1;
}

int sbx_notify_init(struct sbx_err *err) {
  (void)err;
  return 0;
}

int sbx_notify_recv(int listener, struct sbx_notify_call *call) {
  (void)listener;
  return next_call(call);
}

bool sbx_notify_valid(int listener, uint64_t id) {
  (void)listener;
  REQUIRE(id < fuzz.calls);
  return !(fuzz.call[id].how & 1) || fuzz.call[id].checks++ < fuzz.call[id].how >> 6;
}

void sbx_notify_answer(int listener, uint64_t id, int errnum, int64_t value) {
  (void)listener;
  REQUIRE(id < fuzz.calls && errnum >= 0 && errnum < 4096);
  REQUIRE(value >= 0 && value <= (errnum ? 0 : (int64_t)SBX_DATAGRAM_MAX));
  REQUIRE(fuzz.call[id].answered++ == 0);
}

int sbx_notify_answer_fd(int listener, uint64_t id, int fd, bool cloexec) {
  (void)listener;
  (void)cloexec;
  int type = 0;
  socklen_t len = sizeof type;
  REQUIRE(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &type, &len) == 0);
  REQUIRE(type == IPPROTO_TCP || fuzz.broker->box.ns_fd >= 0 ||
          (type == IPPROTO_UDP && (fuzz.permit & SBX_PERMIT_NET_UDP)));
  if (fuzz.call[id].how & 2)
    return -EMFILE;
  REQUIRE(fuzz.call[id].answered++ == 0);
  return 0;
}

int sbx_notify_memory(const struct sbx_notify_call *call, uint64_t from, void *to, size_t len) {
  REQUIRE(len <= SBX_DATAGRAM_MAX);
  (void)call;
  if (from % 7 == 6)
    return from % 2 ? -EFAULT : -EPERM;
  memset(to, 0xA5, len);
  memcpy(to, fuzz.memory, len < fuzz.memory_len ? len : fuzz.memory_len);
  return len <= fuzz.memory_len ? 0 : -EFAULT;
}

int sbx_notify_fd(const struct sbx_notify_call *call, int fd) {
  uint8_t how = fuzz.call[call->id].how;
  (void)fd;
  if (how & 2)
    return how & 4 ? -EBADF : -ESRCH;
  if (how & 32)
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
  return socket(AF_INET, (how & 4 ? SOCK_DGRAM : SOCK_STREAM) | (how & 8 ? 0 : SOCK_NONBLOCK), 0);
}

pid_t sbx_notify_process(pid_t tid) {
  return tid;
}

bool sbx_notify_fd_works(void) {
  return !(fuzz.machine & 1);
}

int sbx_notify_inode(const struct sbx_notify_call *call, int fd, ino_t *inode) {
  struct stat st;
  unsigned at = (unsigned)fd % 8;
  if (fuzz.call[call->id].how & 2)
    return -ENOTSOCK;
  /* One that was kept, most of the time. */
  *inode = 1;
  if (fuzz.broker->kept.at[at].fd >= 0 && fstat(fuzz.broker->kept.at[at].fd, &st) == 0)
    *inode = st.st_ino;
  return 0;
}

/* Gets each result in turn; what it is told to connect to must be allowed. */
static int fuzz_connect(int fd, const struct sockaddr *sa, socklen_t len) {
  static const int results[] = {0, EINPROGRESS, ECONNREFUSED, EALREADY, EINTR, EISCONN};
  int error = results[fuzz.connects++ % 6];
  if (fuzz.broker->box.ns_fd >= 0 && sbx_sock_kind(fd) == SBX_SOCK_UDP)
    return 0;
  if (sa->sa_family == AF_UNSPEC) {
    REQUIRE((fuzz.permit & SBX_PERMIT_NET_UDP) && sbx_sock_kind(fd) == SBX_SOCK_UDP);
    return 0;
  }
  REQUIRE(fcntl(fd, F_GETFL) & O_NONBLOCK);
  struct sbx_netaddr to;
  if (sbx_netaddr_read(&to, sa, len) == 0 && to.port == STUB_OWN_PORT) {
    REQUIRE(fuzz.expected && sbx_sock_kind(fd) == SBX_SOCK_TCP);
    errno = error;
    return error ? -1 : 0;
  }
  REQUIRE(sbx_netrules_addr(fuzz.rules, sa, len, &fuzz.broker->grants) == SBX_NET_ALLOWED);
  errno = error;
  return error ? -1 : 0;
}

static ssize_t fuzz_sendto(int fd, const void *bytes, size_t n, int flags,
                           const struct sockaddr *sa, socklen_t len) {
  uint8_t sum = 0;
  REQUIRE((fuzz.permit & SBX_PERMIT_NET_UDP) && (flags & MSG_DONTWAIT) && n <= SBX_DATAGRAM_MAX);
  REQUIRE(!sa || (sbx_sock_kind(fd) == SBX_SOCK_UDP &&
                  sbx_netrules_addr(fuzz.rules, sa, len, &fuzz.broker->grants) == SBX_NET_ALLOWED));
  for (size_t i = 0; i < n; i++) /* All of it is there. */
    sum ^= ((const uint8_t *)bytes)[i];
  if (sum != 7)
    return (ssize_t)n;
  errno = EAGAIN;
  return -1;
}

static int fuzz_listen(int fd, int backlog) {
  (void)backlog;
  REQUIRE((fuzz.permit & SBX_PERMIT_NET_LISTEN) && sbx_sock_kind(fd) != SBX_SOCK_OTHER);
  return 0;
}

static int fuzz_bind(int fd, const struct sockaddr *sa, socklen_t len) {
  struct sbx_netaddr at;
  REQUIRE(fuzz.broker->box.ns_fd >= 0 && sbx_sock_kind(fd) == SBX_SOCK_UDP);
  REQUIRE(len <= sizeof(struct sockaddr_storage));
  REQUIRE(sbx_netaddr_read(&at, sa, len) < 0 || at.port == 0);
  return 0;
}

int sbx_netbox_open(struct sbx_netbox *box, const struct sbx_nameservers *named) {
  (void)named;
  REQUIRE((fuzz.machine & 16) && box->ns_fd < 0);
  if (fuzz.machine & 32)
    return -ENOSPC;
  *box = (struct sbx_netbox){.ns_fd = eventfd(0, EFD_CLOEXEC), .servers = {-1, -1}};
  return 0;
}

int sbx_netbox_socket(const struct sbx_netbox *box, int domain, int type) {
  REQUIRE(box->ns_fd >= 0);
  return socket(domain, type, IPPROTO_UDP);
}

bool sbx_netbox_has(const struct sbx_netbox *box, int sock) {
  return box->ns_fd >= 0 && sock >= 0;
}

void sbx_netbox_close(struct sbx_netbox *box) {
  sbx_fd_close(&box->ns_fd);
}

void sbx_traffic_init(struct sbx_traffic *t) {
  t->fd = -1;
}

int sbx_traffic_open(struct sbx_traffic *t) {
  (void)t;
  return -ENOSYS;
}

void sbx_traffic_add(struct sbx_traffic *t, int sock, const struct sbx_net_report *report,
                     uint32_t seen) {
  REQUIRE(t->fd < 0 && sbx_sock_kind(sock) != SBX_SOCK_OTHER);
  REQUIRE(seen < report->n || seen == UINT32_MAX);
}

void sbx_traffic_read(struct sbx_traffic *t, struct sbx_net_report *report) {
  (void)t;
  (void)report;
}

void sbx_traffic_finish(struct sbx_traffic *t, struct sbx_net_report *report) {
  (void)t;
  (void)report;
}

void sbx_traffic_close(struct sbx_traffic *t) {
  (void)t;
}

int sbx_local_connect(const struct sbx_notify_call *call, int listener, int sock,
                      const struct sockaddr_storage *sa, size_t len, bool apart) {
  (void)listener;
  (void)apart;
  REQUIRE((fuzz.permit & SBX_PERMIT_NET_UNIX) && sbx_sock_kind(sock) == SBX_SOCK_UNIX);
  REQUIRE(sa->ss_family == AF_UNIX && len <= sizeof *sa);
  return call->args[1] % 2 ? ENOENT : 0;
}

/* Of the stub, whose own reader is fuzz_dns.c. */
int sbx_stub_open(struct sbx_stub **out) {
  *out = (void *)&fuzz;
  return 0;
}

int sbx_stub_fd(const struct sbx_stub *s) {
  (void)s;
  return fuzz.stub_fd;
}

const struct sbx_nameservers *sbx_stub_nameservers(struct sbx_stub *s) {
  (void)s;
  return NULL;
}

int sbx_stub_hear(struct sbx_stub *s, const int *socks) {
  (void)s;
  (void)socks;
  return 0;
}

bool sbx_stub_serves(struct sbx_stub *s, const struct sbx_netaddr *addr) {
  (void)s;
  return addr->port == SBX_STUB_PORT && sbx_net_special(addr->ip) == SBX_NET_LOOPBACK;
}

void sbx_stub_expect(struct sbx_stub *s, int sock) {
  (void)s;
  (void)sock;
}

int sbx_stub_address(struct sbx_stub *s, int sock, struct sbx_netaddr *addr) {
  (void)s;
  REQUIRE(sbx_sock_kind(sock) == SBX_SOCK_TCP);
  fuzz.expected = true;
  *addr = (struct sbx_netaddr){.ip = {[10] = 255, [11] = 255, [12] = 127, [15] = 1},
                               .port = STUB_OWN_PORT,
                               .family = AF_INET};
  return fuzz.calls % 4 == 3 ? EAGAIN : 0;
}

uint32_t sbx_stub_dispatch(struct sbx_stub *s) {
  (void)s;
  return 1;
}

bool sbx_stub_ask(struct sbx_stub *s, struct sbx_ctl_ask *out) {
  (void)s;
  (void)out;
  return false;
}

void sbx_stub_answer(struct sbx_stub *s, const struct sbx_ctl_grant *grant) {
  (void)s;
  (void)grant;
}

void sbx_stub_close(struct sbx_stub *s) {
  (void)s;
}

static void check(void) {
  const struct sbx_net_report *r = sbx_broker_report(fuzz.broker);
  const struct sbx_pending *pending = &fuzz.broker->pending;
  unsigned waiting = 0;
  for (int i = 0; i < SBX_PENDING_MAX; i++) {
    uint64_t id = pending->at[i].call.id;
    if (pending->at[i].sock < 0)
      continue;
    REQUIRE(id < fuzz.calls && !fuzz.call[id].answered);
    waiting++;
  }
  REQUIRE(waiting == pending->n && r->n <= SBX_NET_SEEN_MAX);
  for (unsigned i = 0; i < fuzz.calls; i++)
    if (!(fuzz.call[i].how & 1) && !fuzz.call[i].answered) {
      REQUIRE(waiting > 0);
      waiting--;
    }
}

static struct sbx_netrules *make_rules(void) {
  char *allow[] = {"127.0.0.1:80", "192.0.2.0/24", "[2001:db8::/32]:443", "example.com", NULL};
  char *deny[] = {"192.0.2.1", "*:25", NULL};
  struct sbx_netrules *rules;
  REQUIRE(sbx_netrules_compile(allow, deny, &rules, NULL) == 0);
  return rules;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct sbx_netrules *rules = fuzz.rules ? fuzz.rules : make_rules();
  const struct sockaddr_in named = {.sin_family = AF_INET, .sin_addr = {htonl(0xcb007101)}};
  memset(&fuzz, 0, sizeof fuzz);
  fuzz.rules = rules;
  fuzz.in = (struct fuzz_input){data, size};
  fuzz.machine = take_byte(&fuzz.in);
  fuzz.permit = (fuzz.machine & 2 ? SBX_PERMIT_NET_LISTEN : 0) |
                (fuzz.machine & 4 ? SBX_PERMIT_NET_UDP : 0) |
                (fuzz.machine & 8 ? SBX_PERMIT_NET_UNIX : 0);
  int listener = eventfd(1, EFD_CLOEXEC); /* always readable */
  fuzz.stub_fd = eventfd(0, EFD_CLOEXEC);
  REQUIRE(listener >= 0 && sbx_broker_open(listener, rules, fuzz.permit, &fuzz.broker, NULL) == 0);
  if ((fuzz.machine & 16) && !(fuzz.permit & SBX_PERMIT_NET_UDP))
    sbx_broker_box(fuzz.broker);
  REQUIRE(sbx_broker_grant(fuzz.broker, "example.com", 11, (const struct sockaddr *)&named,
                           sizeof named) == SBX_NET_ALLOWED);
  for (int i = 0; i < CALLS && fuzz.in.left > 0; i++) {
    sbx_broker_dispatch(fuzz.broker);
    check();
  }
  sweep(&fuzz.broker->pending);
  check();
  sbx_broker_close(fuzz.broker);
  close(fuzz.stub_fd);
  return 0;
}
