/* SPDX-License-Identifier: MIT */
/* The stub resolver against sockets of this process, which plays guest, stranger and host; and the
 * name servers that it takes for the guest's. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"
#include "util.h"

#include "../../src/core/netrules.h"
#include "../../src/launcher/nameservers.h"
#include "../../src/launcher/stub.h"

#define CONNECTIONS_MAX 64
#define ASKED_MAX 16

static struct sbx_netaddr address(const char *text, uint16_t port) {
  struct sbx_netaddr addr = {.port = port, .family = AF_INET};
  if (!sbx_netaddr_parse(text, strlen(text), addr.ip))
    abort();
  return addr;
}

static void turn(struct sbx_stub *s) {
  struct pollfd p = {.fd = sbx_stub_fd(s), .events = POLLIN};
  while (poll(&p, 1, 20) == 1)
    sbx_stub_dispatch(s);
}

/* A guest's socket that the broker has connected to where the stub says. */
static int dial(struct sbx_stub *s, int family, struct sbx_netaddr *to) {
  struct sockaddr_storage sa;
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  *to = address("127.0.0.1", SBX_STUB_PORT);
  if (sbx_stub_address(s, fd, to) == 0) {
    socklen_t len = sbx_netaddr_sockaddr(to, &sa);
    if (connect(fd, (struct sockaddr *)&sa, len) == 0) {
      sbx_stub_expect(s, fd);
      return fd;
    }
  }
  close(fd);
  return -1;
}

static int guest(struct sbx_stub *s) {
  struct sbx_netaddr to;
  int fd = dial(s, AF_INET, &to);
  turn(s);
  return fd;
}

/* For the IPv4 addresses of "NAME.test", with a name of one letter. */
static void ask(int fd, char name) {
  unsigned char bytes[] = "\0\30\1\2\1\0\0\1\0\0\0\0\0\0\1?\4test\0\0\1\0\1";
  bytes[15] = (unsigned char)name;
  if (write(fd, bytes, sizeof bytes - 1) != sizeof bytes - 1)
    abort();
}

/* The response code that has come: -1 for none yet, -2 for end-of-file. */
static int answer(int fd, int *addresses) {
  unsigned char bytes[600];
  ssize_t n = recv(fd, bytes, 2, MSG_DONTWAIT);
  if (n <= 0)
    return n == 0 || errno != EAGAIN ? -2 : -1;
  n = recv(fd, bytes + 2, (size_t)(bytes[0] << 8 | bytes[1]), MSG_DONTWAIT);
  *addresses = bytes[9];
  return n < 12 || bytes[2] != 1 || bytes[3] != 2 ? -3 : bytes[5] & 15;
}

static void grant(struct sbx_stub *s, uint32_t question, uint32_t n, uint32_t status) {
  struct sbx_ctl_grant g = {.question = question, .n = n, .status = status};
  for (uint32_t i = 0; i < n; i++) {
    struct sbx_netaddr addr = address(i % 2 ? "10.0.0.1" : "192.0.2.1", 0);
    memcpy(g.at[i].ip, addr.ip, sizeof addr.ip);
    g.at[i].verdict = i % 2 ? SBX_NET_INWARD : status;
  }
  sbx_stub_answer(s, &g);
}

static void answers(void) {
  struct sbx_stub *s;
  struct sbx_ctl_ask q[3] = {{.question = 0}};
  int n = 0, before = count_fds();
  if (sbx_stub_open(&s) < 0)
    abort();
  int one = guest(s), two = guest(s);
  ok(one >= 0 && two >= 0 && !sbx_stub_ask(s, &q[0]), "guests are connected, nothing is asked");
  ask(one, 'a');
  ask(one, 'b');
  ask(two, 'c');
  turn(s);
  ok(sbx_stub_ask(s, &q[0]) && sbx_stub_ask(s, &q[1]) && !sbx_stub_ask(s, &q[2]) &&
         q[0].question != 0 && q[0].question != q[1].question,
     "one question of each connection at a time");
  bool first = strcmp(q[0].name, "a.test") == 0;
  ok(strcmp(q[first ? 0 : 1].name, "a.test") == 0 && strcmp(q[first ? 1 : 0].name, "c.test") == 0,
     "by their names");
  grant(s, q[first ? 1 : 0].question, 2, SBX_NET_ALLOWED);
  ok(answer(two, &n) == 0 && n == 1 && answer(one, &n) == -1,
     "the addresses that were allowed, to who has asked, whatever the order");
  grant(s, q[first ? 0 : 1].question, 1, SBX_NET_INWARD);
  ok(answer(one, &n) == 3 && n == 0, "none of them is allowed: there is no such name");
  turn(s);
  ok(sbx_stub_ask(s, &q[0]) && strcmp(q[0].name, "b.test") == 0, "then the next question");
  grant(s, q[0].question, 0, SBX_LOOKUP_FAILED);
  ok(answer(one, &n) == 2, "it could not be resolved: a failure");
  ask(one, 'd');
  turn(s);
  sbx_stub_ask(s, &q[0]);
  grant(s, q[0].question, 0, SBX_NET_DENIED);
  ok(answer(one, &n) == 3, "it is refused: there is no such name");
  ask(one, 'e');
  turn(s);
  sbx_stub_ask(s, &q[0]);
  close(one);
  turn(s);
  grant(s, q[0].question, 2, SBX_NET_ALLOWED);
  grant(s, 999, 2, SBX_NET_ALLOWED);
  ask(two, 'f');
  turn(s);
  ok(sbx_stub_ask(s, &q[0]) && strcmp(q[0].name, "f.test") == 0,
     "an answer for who has gone is nobody's");
  sbx_stub_close(s);
  ok(answer(two, &n) == -2, "closed, no connection is left");
  close(two);
  ok(count_fds() == before, "nor a descriptor");
}

static void strangers(void) {
  struct sbx_stub *s;
  struct sbx_netaddr to = address("127.0.0.1", SBX_STUB_PORT);
  struct sbx_ctl_ask q;
  struct sockaddr_storage sa;
  int n = 0;
  if (sbx_stub_open(&s) < 0)
    abort();
  int expected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
      other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ok(sbx_stub_address(s, expected, &to) == 0 && to.port != SBX_STUB_PORT, "a guest is expected");
  socklen_t len = sbx_netaddr_sockaddr(&to, &sa);
  ok(connect(other, (struct sockaddr *)&sa, len) == 0, "somebody else comes first");
  ask(other, 'x');
  ok(connect(expected, (struct sockaddr *)&sa, len) == 0, "the guest comes");
  sbx_stub_expect(s, expected);
  turn(s);
  ok(answer(other, &n) == -2 && !sbx_stub_ask(s, &q), "who came first is turned away");
  ask(expected, 'y');
  turn(s);
  ok(sbx_stub_ask(s, &q) && strcmp(q.name, "y.test") == 0, "and is heard");
  close(other);
  other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ok(connect(other, (struct sockaddr *)&sa, len) == 0, "somebody else comes later");
  turn(s);
  ok(answer(other, &n) == -2, "is turned away as well");
  int six = dial(s, AF_INET6, &to);
  ok(six >= 0 || errno == EAFNOSUPPORT, "from an IPv6 socket too");
  int datagram = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  to = address("127.0.0.1", SBX_STUB_PORT);
  ok(sbx_stub_address(s, datagram, &to) != 0, "what cannot connect is an error");
  close(expected);
  close(other);
  close(six);
  close(datagram);
  sbx_stub_close(s);
}

static void crowds(void) {
  struct sbx_stub *s;
  struct sbx_ctl_ask q[CONNECTIONS_MAX + 1];
  struct sbx_netaddr to;
  int fds[CONNECTIONS_MAX + 1], asked = 0, more = 0, n = 0;
  if (sbx_stub_open(&s) < 0)
    abort();
  for (int i = 0; i <= CONNECTIONS_MAX; i++)
    fds[i] = guest(s);
  ok(fds[CONNECTIONS_MAX] >= 0 && answer(fds[0], &n) == -2 && answer(fds[1], &n) == -1,
     "one connection too many ends the oldest");
  for (int i = 1; i <= CONNECTIONS_MAX; i++)
    ask(fds[i], (char)('A' + i % 26));
  turn(s);
  while (asked < CONNECTIONS_MAX && sbx_stub_ask(s, &q[asked]))
    asked++;
  ok(asked == ASKED_MAX, "the host is asked for some names at a time");
  ok(dial(s, AF_INET, &to) < 0, "where all wait for an answer, nobody new comes");
  for (int i = 0; i < asked; i++)
    grant(s, q[i].question, 1, SBX_NET_ALLOWED);
  while (more < CONNECTIONS_MAX && sbx_stub_ask(s, &q[more]))
    more++;
  ok(more == ASKED_MAX, "then for others");
  for (int i = 1; i <= CONNECTIONS_MAX; i++)
    close(fds[i]);
  close(fds[0]);
  turn(s);
  for (int i = 0; i < more; i++)
    grant(s, q[i].question, 1, SBX_NET_ALLOWED);
  int after = guest(s);
  ask(after, 'z');
  turn(s);
  for (more = 0; more < ASKED_MAX && sbx_stub_ask(s, &q[more]); more++)
    ;
  ok(more > 0, "those that are gone take nobody's place");
  close(after);
  sbx_stub_close(s);
}

/* Sixty addresses to each question, until the socket takes no more. */
static void unread(void) {
  static const char question[] = "\0\30\1\2\1\0\0\1\0\0\0\0\0\0\1a\4test\0\0\1\0\1";
  const size_t len = sizeof question - 1;
  struct sbx_stub *s;
  struct sbx_ctl_ask q;
  int small = 1, answered = 0;
  if (sbx_stub_open(&s) < 0)
    abort();
  int fd = guest(s);
  struct pollfd p = {.fd = sbx_stub_fd(s), .events = POLLIN};
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  while (answered < 100000 && send(fd, question, len, MSG_NOSIGNAL) == (ssize_t)len) {
    if (poll(&p, 1, 1000) != 1)
      break;
    sbx_stub_dispatch(s);
    if (sbx_stub_ask(s, &q)) {
      grant(s, q.question, 60, SBX_NET_ALLOWED);
      answered++;
    }
  }
  ok(answered > 0 && answered < 100000 && poll(&p, 1, 0) == 0 && !sbx_stub_ask(s, &q),
     "a guest that does not read its answers gets no more");
  close(fd);
  sbx_stub_close(s);
}

/* TCP sockets of this network namespace on loopback that wait out their time. */
static int waiting_out(uint16_t port) {
  char line[300], state[3];
  unsigned local, remote;
  int n = 0;
  FILE *file = fopen("/proc/self/net/tcp", "r");
  while (file && fgets(line, sizeof line, file))
    if (sscanf(line, "%*d: %*[^:]:%x %*[^:]:%x %2s", &local, &remote, state) == 3 &&
        (local == port || remote == port) && strcmp(state, "06") == 0)
      n++;
  if (file)
    fclose(file);
  return n;
}

/* Whoever closes first: no port of the host's stays behind. */
static void leftovers(void) {
  struct sbx_netaddr to;
  struct sbx_stub *s;
  int n = 0;
  if (sbx_stub_open(&s) < 0)
    abort();
  int asker = dial(s, AF_INET, &to);
  for (int i = 0; i < 20; i++) {
    int fd = dial(s, i % 2 ? AF_INET6 : AF_INET, &to);
    if (i % 3 == 0)
      turn(s);
    if (i % 4 == 0)
      shutdown(fd, SHUT_WR);
    close(fd);
    turn(s);
  }
  ok(waiting_out(to.port) == 0, "connections that guests close leave no port in TIME_WAIT");
  sbx_stub_close(s);
  ok(answer(asker, &n) == -2, "the stub closes one");
  close(asker);
  ok(waiting_out(to.port) == 0, "nor do those that the stub closes");
}

static bool serves(const char *text, const char *ip) {
  struct sbx_nameservers servers = {.read = true};
  struct sbx_netaddr addr = address(ip, SBX_STUB_PORT);
  char *copy = malloc(strlen(text) + 1); /* exactly its size, for ASan */
  memcpy(copy, text, strlen(text));
  sbx_nameservers_parse(&servers, copy, strlen(text));
  free(copy);
  return sbx_nameservers_has(&servers, addr.ip);
}

static void nameservers(void) {
  ok(serves("", "127.0.0.53") && serves("", "::1") && !serves("", "192.0.2.1"),
     "without a file, loopback alone");
  static const char text[] = "# nameserver 192.0.2.9\nsearch test\nnameserver 192.0.2.1\r\n"
                             "nameserver\t fe80::1%eth0\nnameserver192.0.2.2\nnameserver \n"
                             "nameserver x\n nameserver 192.0.2.3\nnameserver 192.0.2.4 ";
  ok(serves(text, "192.0.2.1") && serves(text, "fe80::1") && serves(text, "192.0.2.4"),
     "those of the file");
  ok(!serves(text, "192.0.2.9") && !serves(text, "192.0.2.2") && !serves(text, "192.0.2.3"),
     "and what is no line of one is none");
  ok(!serves("nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n"
             "nameserver 192.0.2.4",
             "192.0.2.4"),
     "three of them");
  struct sbx_stub *s;
  struct sbx_netaddr other = address("127.0.0.1", 54), far = address("203.0.113.7", SBX_STUB_PORT),
                     near = address("127.0.0.1", SBX_STUB_PORT);
  if (sbx_stub_open(&s) < 0)
    abort();
  ok(sbx_stub_serves(s, &near) && !sbx_stub_serves(s, &other) && !sbx_stub_serves(s, &far),
     "their port 53, and nothing else");
  sbx_stub_close(s);
}

int main(void) {
  int before = count_fds();
  answers();
  strangers();
  crowds();
  unread();
  leftovers();
  nameservers();
  sbx_stub_close(NULL);
  ok(count_fds() == before, "no descriptor is left over");
  return tap_done();
}
