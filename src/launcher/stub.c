/* SPDX-License-Identifier: MIT */
/* The stub resolver of one run. What comes over its connections is a guest's; nothing here may wait
 * for it. */
#include "stub.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../core/dns.h"
#include "../core/fd.h"
#include "../core/netrules.h"
#include "asker.h"
#include "nameservers.h"

/* At a time. One more ends the oldest one that is not being answered. */
#define CONNECTIONS_MAX 64u
/* Names that the host is asked for at a time, of the 64 that it takes from a run; dns.lookup of the
 * guest has 16 (MAX_ASKING of lib/guest/lookup.cjs). */
#define ASKED_MAX 16u
/* Connections, and datagrams, that are looked at before the process's other duties get their turn.
 */
#define BATCH 16
#define DATAGRAM_SOCKETS 2
#define LISTENER (CONNECTIONS_MAX + DATAGRAM_SOCKETS) /* of the epoll set */

#define LENGTH 2u /* before each message */

enum state {
  FREE,
  EXPECTED, /* the guest's socket is being connected */
  READING,
  WAITING, /* for the host */
};

/* Or a single question that came as a datagram, which is WAITING as long as it is there. */
struct connection {
  enum state state;
  int fd;          /* -1: EXPECTED, or a datagram */
  uint16_t port;   /* EXPECTED: of the guest's socket, by which it is told from all others */
  uint32_t number; /* WAITING: of the question; 0: not asked yet */
  uint64_t age;
  size_t have;
  uint8_t bytes[LENGTH + SBX_DNS_QUESTION_MAX];
  struct sbx_dns_question question;
  struct sbx_asker asker; /* of a datagram */
};

struct sbx_stub {
  int epoll;
  int listener; /* on loopback, once it is needed; -1: not yet */
  struct sbx_netaddr address;
  int datagrams[DATAGRAM_SOCKETS]; /* for IPv4 and IPv6; -1: none */
  uint32_t asked, last_number;
  uint64_t age;
  struct sbx_nameservers servers;
  struct connection at[CONNECTIONS_MAX];
};

int sbx_stub_open(struct sbx_stub **out) {
  *out = NULL;
  struct sbx_stub *s = calloc(1, sizeof *s);
  if (!s)
    return -ENOMEM;
  for (size_t i = 0; i < CONNECTIONS_MAX; i++)
    s->at[i].fd = -1;
  for (size_t i = 0; i < DATAGRAM_SOCKETS; i++)
    s->datagrams[i] = -1;
  s->listener = -1;
  s->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (s->epoll < 0) {
    int error = errno;
    free(s);
    return -error;
  }
  *out = s;
  return 0;
}

int sbx_stub_fd(const struct sbx_stub *s) {
  return s->epoll;
}

bool sbx_stub_serves(struct sbx_stub *s, const struct sbx_netaddr *addr) {
  return addr->port == SBX_STUB_PORT && sbx_nameservers_has(&s->servers, addr->ip);
}

const struct sbx_nameservers *sbx_stub_nameservers(struct sbx_stub *s) {
  sbx_nameservers_read(&s->servers);
  return &s->servers;
}

int sbx_stub_hear(struct sbx_stub *s, const int *socks) {
  for (uint32_t i = 0; i < DATAGRAM_SOCKETS; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = CONNECTIONS_MAX + i};
    if (socks[i] < 0)
      continue;
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, socks[i], &event) < 0)
      return -errno;
    s->datagrams[i] = socks[i];
  }
  return 0;
}

/* --- connections ----------------------------------------------------------------------------- */

static void set_events(const struct sbx_stub *s, const struct connection *c, int op) {
  struct epoll_event event = {.events = c->state == WAITING ? 0 : EPOLLIN,
                              .data.u32 = (uint32_t)(c - s->at)};
  epoll_ctl(s->epoll, op, c->fd, &event);
}

/* An answer that the host still owes finds it no more. */
static void drop(struct connection *c) {
  sbx_fd_close(&c->fd);
  c->state = FREE;
}

static struct connection *make_room(struct sbx_stub *s) {
  struct connection *oldest = NULL;
  for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
    struct connection *c = &s->at[i];
    if (c->state == FREE)
      return c;
    if (c->state != WAITING && (!oldest || c->age < oldest->age))
      oldest = c;
  }
  if (oldest)
    drop(oldest);
  return oldest;
}

/* A socket that listens on a port of the kernel's choice, the same one for all connections. */
static int listen_somewhere(struct sbx_stub *s) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = LISTENER};
  socklen_t len = sizeof at;
  if (s->listener >= 0)
    return 0;
  SBX_AUTO_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 ||
      listen(fd, CONNECTIONS_MAX) < 0 || getsockname(fd, (struct sockaddr *)&at, &len) < 0 ||
      sbx_netaddr_read(&s->address, &at, sizeof at) < 0 ||
      epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
    return errno;
  s->listener = sbx_fd_steal(&fd);
  return 0;
}

int sbx_stub_address(struct sbx_stub *s, int sock, struct sbx_netaddr *addr) {
  int domain = 0;
  socklen_t len = sizeof domain;
  if (getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
    return errno;
  if (domain != AF_INET && domain != AF_INET6)
    return EAFNOSUPPORT;
  int error = listen_somewhere(s);
  if (!error && !make_room(s))
    error = EAGAIN;
  *addr = s->address;
  addr->family = (uint16_t)domain;
  return error;
}

void sbx_stub_expect(struct sbx_stub *s, int sock) {
  struct sockaddr_storage sa;
  struct sbx_netaddr own;
  socklen_t len = sizeof sa;
  if (getsockname(sock, (struct sockaddr *)&sa, &len) < 0 || sbx_netaddr_read(&own, &sa, len) < 0 ||
      own.port == 0)
    return;
  struct connection *c = make_room(s);
  if (c)
    *c = (struct connection){.state = EXPECTED, .fd = -1, .port = own.port, .age = s->age++};
}

/* Closed, one leaves nothing behind: the side that is closed first would keep its port in TIME_WAIT
 * for a minute, of which there are 28,000 on loopback. */
static void leave_nothing(int fd) {
  const struct linger at_once = {.l_onoff = 1};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static struct connection *expected(struct sbx_stub *s, const struct sockaddr_in *from) {
  for (size_t i = 0; i < CONNECTIONS_MAX; i++)
    if (s->at[i].state == EXPECTED && from->sin_port == htons(s->at[i].port) &&
        from->sin_addr.s_addr == htonl(INADDR_LOOPBACK))
      return &s->at[i];
  return NULL;
}

/* Returns how many guests came. Anybody on this machine may have connected. */
static uint32_t take_guests(struct sbx_stub *s) {
  uint32_t n = 0;
  for (int i = 0; i < BATCH; i++) {
    struct sockaddr_in from = {0};
    socklen_t len = sizeof from;
    SBX_AUTO_FD int fd =
        accept4(s->listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && errno != ECONNABORTED)
      break;
    if (fd < 0)
      continue;
    leave_nothing(fd);
    struct connection *c = expected(s, &from);
    if (!c)
      continue;
    c->fd = sbx_fd_steal(&fd);
    c->state = READING;
    set_events(s, c, EPOLL_CTL_ADD);
    n++;
  }
  return n;
}

/* --- questions ------------------------------------------------------------------------------- */

/* A guest that does not read its answers gets no more. */
static void reply(struct sbx_stub *s, struct connection *c, enum sbx_dns_rcode rcode,
                  const uint8_t (*ips)[16], size_t n) {
  uint8_t out[LENGTH + SBX_DNS_ANSWER_MAX];
  size_t room = c->fd < 0 ? SBX_DNS_DATAGRAM_MAX : SBX_DNS_ANSWER_MAX;
  size_t len = sbx_dns_answer(&c->question, rcode, ips, n, out + LENGTH, room);
  if (c->fd < 0) {
    sbx_asker_send(&c->asker, out + LENGTH, len);
    drop(c);
    return;
  }
  out[0] = (uint8_t)(len >> 8);
  out[1] = (uint8_t)len;
  len += LENGTH;
  if (send(c->fd, out, len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)len) {
    drop(c);
    return;
  }
  c->state = READING;
  c->have = 0;
  set_events(s, c, EPOLL_CTL_MOD);
}

static void take_question(struct sbx_stub *s, struct connection *c) {
  int rcode = sbx_dns_read(c->bytes + LENGTH, c->have - LENGTH, &c->question);
  if (rcode < 0) {
    drop(c);
  } else if (rcode != SBX_DNS_OK) {
    reply(s, c, (enum sbx_dns_rcode)rcode, NULL, 0);
  } else {
    c->state = WAITING;
    c->number = 0;
    set_events(s, c, EPOLL_CTL_MOD);
  }
}

/* Reads what belongs to the next message, and nothing of those behind it. */
static void read_more(struct sbx_stub *s, struct connection *c) {
  size_t whole = LENGTH;
  for (;;) {
    if (c->have >= LENGTH)
      whole = LENGTH + ((size_t)c->bytes[0] << 8 | c->bytes[1]);
    if (whole > sizeof c->bytes) {
      drop(c);
      return;
    }
    if (c->have >= LENGTH && c->have == whole)
      break;
    ssize_t n = recv(c->fd, c->bytes + c->have, whole - c->have, MSG_DONTWAIT);
    if (n <= 0) {
      if (n == 0 || (errno != EAGAIN && errno != EINTR))
        drop(c);
      return;
    }
    c->have += (size_t)n;
  }
  take_question(s, c);
}

/* Resolvers ask again when no answer comes. */
static bool is_known(const struct sbx_stub *s, const struct connection *c) {
  for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
    const struct connection *other = &s->at[i];
    if (other->state == WAITING && other->fd < 0 && other->question.id == c->question.id &&
        other->question.wire_len == c->question.wire_len &&
        memcmp(other->question.wire, c->question.wire, c->question.wire_len) == 0 &&
        sbx_asker_same(&other->asker, &c->asker))
      return true;
  }
  return false;
}

/* One that there is no room for is lost: its resolver asks again. */
static uint32_t take_datagrams(struct sbx_stub *s, int sock) {
  uint32_t i = 0;
  for (; i < BATCH; i++) {
    struct connection asked = {.state = WAITING, .fd = -1, .age = s->age++};
    /* Longer ones are cut, and still too long. */
    uint8_t bytes[SBX_DNS_QUESTION_MAX + 1];
    ssize_t n = sbx_asker_recv(&asked.asker, sock, bytes, sizeof bytes);
    if (n < 0)
      break;
    int rcode = sbx_dns_read(bytes, (size_t)n, &asked.question);
    if (rcode > SBX_DNS_OK)
      reply(s, &asked, (enum sbx_dns_rcode)rcode, NULL, 0);
    struct connection *c = rcode == SBX_DNS_OK && !is_known(s, &asked) ? make_room(s) : NULL;
    if (c)
      *c = asked;
  }
  return i;
}

uint32_t sbx_stub_dispatch(struct sbx_stub *s) {
  struct epoll_event events[BATCH];
  int n = epoll_wait(s->epoll, events, BATCH, 0);
  uint32_t did = 0;
  for (int i = 0; i < n; i++) {
    uint32_t at = events[i].data.u32;
    if (at == LISTENER) {
      did += take_guests(s);
      continue;
    }
    if (at >= CONNECTIONS_MAX) {
      did += take_datagrams(s, s->datagrams[at - CONNECTIONS_MAX]);
      continue;
    }
    struct connection *c = &s->at[at];
    did++;
    if (c->state == READING)
      read_more(s, c);
    else if (c->state == WAITING) /* Nothing but its end is listened for. */
      drop(c);
  }
  return did;
}

bool sbx_stub_ask(struct sbx_stub *s, struct sbx_ctl_ask *out) {
  struct connection *next = NULL;
  if (s->asked == ASKED_MAX)
    return false;
  for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
    struct connection *c = &s->at[i];
    if (c->state == WAITING && c->number == 0 && (!next || c->age < next->age))
      next = c;
  }
  if (!next)
    return false;
  if (++s->last_number == 0)
    s->last_number = 1;
  next->number = s->last_number;
  /* Who asks often comes behind who has not. */
  next->age = s->age++;
  s->asked++;
  *out = (struct sbx_ctl_ask){.question = next->number};
  memcpy(out->name, next->question.name, next->question.name_len);
  return true;
}

void sbx_stub_answer(struct sbx_stub *s, const struct sbx_ctl_grant *grant) {
  uint8_t ips[SBX_CTL_ADDRS_MAX][16];
  size_t n = 0;
  struct connection *c = NULL;
  for (size_t i = 0; i < CONNECTIONS_MAX; i++)
    if (s->at[i].state == WAITING && s->at[i].number == grant->question)
      c = &s->at[i];
  s->asked--;
  if (!c)
    return;
  for (uint32_t i = 0; i < grant->n; i++)
    if (grant->at[i].verdict == SBX_NET_ALLOWED)
      memcpy(ips[n++], grant->at[i].ip, sizeof ips[0]);
  bool failed = grant->n == 0 && grant->status == SBX_LOOKUP_FAILED;
  reply(s, c,
        failed  ? SBX_DNS_FAILED
        : n > 0 ? SBX_DNS_OK
                : SBX_DNS_NO_NAME,
        (const uint8_t(*)[16])ips, n);
}

void sbx_stub_close(struct sbx_stub *s) {
  if (!s)
    return;
  for (size_t i = 0; i < CONNECTIONS_MAX; i++)
    sbx_fd_close(&s->at[i].fd);
  sbx_fd_close(&s->listener);
  sbx_fd_close(&s->epoll);
  free(s);
}
