/* SPDX-License-Identifier: MIT */
/* UDP sockets that lead to a run's stub resolver and nowhere else, as resolvers use them: glibc and
 * Go connect and compare nothing, musl binds, sends to an address, and compares where the answer
 * comes from. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"
#include "util.h"

#include "../../src/core/netaddr.h"
#include "../../src/core/netrules.h"
#include "../../src/launcher/netbox.h"
#include "../../src/launcher/stub.h"

#define CONNECTIONS_MAX 64
#define ASKED_MAX 16

union address {
  struct sockaddr any;
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
};

static socklen_t address(union address *out, const char *ip, uint16_t port) {
  memset(out, 0, sizeof *out);
  if (strchr(ip, ':')) {
    out->in6.sin6_family = AF_INET6;
    out->in6.sin6_port = htons(port);
    if (inet_pton(AF_INET6, ip, &out->in6.sin6_addr) != 1)
      abort();
    return sizeof out->in6;
  }
  out->in.sin_family = AF_INET;
  out->in.sin_port = htons(port);
  if (inet_pton(AF_INET, ip, &out->in.sin_addr) != 1)
    abort();
  return sizeof out->in;
}

static int guest(const struct sbx_netbox *box, int family) {
  int fd = sbx_netbox_socket(box, family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0)
    abort();
  return fd;
}

/* For the IPv4 addresses of "NAME.test", with a name of one letter. */
static size_t question(unsigned char bytes[24], char name) {
  memcpy(bytes, "\1\2\1\0\0\1\0\0\0\0\0\0\1?\4test\0\0\1\0\1", 24);
  bytes[13] = (unsigned char)name;
  return 24;
}

/* Returns 0 or the errno. */
static int ask(int fd, const char *ip, uint16_t port, char name) {
  unsigned char bytes[24];
  union address to;
  size_t n = question(bytes, name);
  socklen_t len = ip ? address(&to, ip, port) : 0;
  return sendto(fd, bytes, n, 0, ip ? &to.any : NULL, len) == (ssize_t)n ? 0 : errno;
}

static void turn(struct sbx_stub *s) {
  struct pollfd p = {.fd = sbx_stub_fd(s), .events = POLLIN};
  while (poll(&p, 1, 20) == 1)
    sbx_stub_dispatch(s);
}

static void grant(struct sbx_stub *s, uint32_t number, uint32_t n, const char *ip) {
  struct sbx_ctl_grant g = {.question = number, .n = n, .status = SBX_NET_ALLOWED};
  for (uint32_t i = 0; i < n; i++) {
    if (!sbx_netaddr_parse(ip, strlen(ip), g.at[i].ip))
      abort();
    g.at[i].verdict = SBX_NET_ALLOWED;
  }
  sbx_stub_answer(s, &g);
}

/* What has come: the number of addresses, -1 for nothing, 1000 more when it was cut short. *from:
 * whether it is from there. */
static int answer(int fd, const char *ip, bool *from) {
  unsigned char bytes[2048];
  union address is, wanted;
  socklen_t len = sizeof is;
  memset(&is, 0, sizeof is);
  ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, &is.any, &len);
  *from = n > 0 && len == address(&wanted, ip, SBX_STUB_PORT) && memcmp(&is, &wanted, len) == 0;
  if (n < 12 || n > 512 || bytes[0] != 1 || bytes[1] != 2)
    return -1;
  return bytes[7] + (bytes[2] & 2 ? 1000 : 0);
}

static void resolvers(struct sbx_stub *s, const struct sbx_netbox *box) {
  static const char *const servers[] = {"127.0.0.1", "127.0.0.53", "::1", "192.0.2.53",
                                        "2001:db8::53"};
  struct sbx_ctl_ask q;
  bool from;
  for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
    int family = strchr(servers[i], ':') ? AF_INET6 : AF_INET;
    union address any, to;
    socklen_t len = address(&any, family == AF_INET ? "0.0.0.0" : "::", 0);
    int fd = guest(box, family);
    int rc = bind(fd, &any.any, len) < 0 ? errno : ask(fd, servers[i], SBX_STUB_PORT, 'a');
    turn(s);
    bool asked = rc == 0 && sbx_stub_ask(s, &q) && strcmp(q.name, "a.test") == 0;
    if (asked)
      grant(s, q.question, 1, "192.0.2.7");
    child_ok(asked && answer(fd, servers[i], &from) == 1 && from, "%s, as musl asks (%d)",
             servers[i], rc);
    close(fd);
    fd = guest(box, family);
    len = address(&to, servers[i], SBX_STUB_PORT);
    rc = connect(fd, &to.any, len) < 0 ? errno : ask(fd, NULL, 0, 'b');
    turn(s);
    asked = rc == 0 && sbx_stub_ask(s, &q) && strcmp(q.name, "b.test") == 0;
    if (asked)
      grant(s, q.question, 2, "192.0.2.7");
    child_ok(asked && answer(fd, servers[i], &from) == 2 && from, "%s, as glibc and Go ask (%d)",
             servers[i], rc);
    close(fd);
  }
}

static void elsewhere(const struct sbx_netbox *box, uint16_t host_port) {
  static const char *const to[] = {"127.0.0.1", "192.0.2.1", "192.0.2.53",      "::1",
                                   "10.0.0.1",  "fe80::1",   "255.255.255.255", "224.0.0.251",
                                   "ff02::1",   "8.8.8.8",   "2001:db8::53"};
  for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
    union address at;
    socklen_t len = address(&at, to[i], host_port);
    int family = strchr(to[i], ':') ? AF_INET6 : AF_INET, fd = guest(box, family);
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    int sent = ask(fd, to[i], host_port, 'a');
    int connected = connect(fd, &at.any, len) < 0 ? errno : 0;
    bool link_local = at.in6.sin6_family == AF_INET6 && at.in6.sin6_addr.s6_addr[0] >= 0xfe;
    child_ok(link_local ? sent && connected : sent == EACCES && connected == EACCES,
             "%s at another port is refused (%d, %d)", to[i], sent, connected);
    close(fd);
  }
  int fd = guest(box, AF_INET);
  child_ok(ask(fd, "8.8.8.8", SBX_STUB_PORT, 'a') != 0, "and so is another's name server");
  close(fd);
}

static void apart(struct sbx_stub *s, const struct sbx_netbox *box,
                  const struct sbx_nameservers *named) {
  struct sbx_netbox other;
  struct sbx_ctl_ask q;
  int fd, mine = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sbx_netbox_open(&other, named) < 0)
    abort();
  fd = guest(&other, AF_INET);
  ask(fd, "127.0.0.1", SBX_STUB_PORT, 'a');
  turn(s);
  child_ok(!sbx_stub_ask(s, &q), "what another run asks does not come here");
  child_ok(sbx_netbox_has(&other, fd) && !sbx_netbox_has(box, fd) && !sbx_netbox_has(box, mine),
           "whose a socket is can be told");
  close(mine);
  close(fd);
  sbx_netbox_close(&other);
}

static void crowd(struct sbx_stub *s, const struct sbx_netbox *box) {
  struct sbx_ctl_ask q;
  int fd = guest(box, AF_INET), asked = 0, answered = 0;
  bool from;
  ask(fd, "127.0.0.1", SBX_STUB_PORT, 'a');
  ask(fd, "127.0.0.1", SBX_STUB_PORT, 'a');
  turn(s);
  child_ok(sbx_stub_ask(s, &q) && !sbx_stub_ask(s, &q), "who asks again is under way already");
  grant(s, q.question, 40, "192.0.2.7");
  int got = answer(fd, "127.0.0.1", &from);
  child_ok(got > 1000 && got < 1040, "what does not fit is said to be cut (%d)", got);
  for (int i = 0; i < 200; i++)
    ask(fd, "127.0.0.1", SBX_STUB_PORT, (char)('0' + i % 10));
  turn(s);
  while (sbx_stub_ask(s, &q))
    asked++;
  child_ok(asked == 10, "ten names at a time, however often (%d)", asked);
  for (uint32_t i = 0; i < 10; i++)
    grant(s, q.question - i, 1, "192.0.2.7");
  while (answer(fd, "127.0.0.1", &from) >= 0)
    answered++;
  child_ok(answered == 10, "and ten answers (%d)", answered);
  for (int i = 0; i < 200; i++) {
    int one = guest(box, AF_INET);
    ask(one, "127.0.0.1", SBX_STUB_PORT, 'c');
    close(one);
  }
  turn(s);
  for (asked = 0; sbx_stub_ask(s, &q);)
    asked++;
  child_ok(asked == ASKED_MAX, "no more names than may be asked for (%d)", asked);
  close(fd);
}

static void nonsense(struct sbx_stub *s, const struct sbx_netbox *box) {
  static const char *const bytes[] = {"", "x", "0123456789ab"};
  char large[2000] = "\1\2\1\0\0\1\0\0\0\0\0\0\1a";
  struct sbx_ctl_ask q;
  union address to;
  socklen_t len = address(&to, "127.0.0.1", SBX_STUB_PORT);
  int fd = guest(box, AF_INET);
  for (size_t i = 0; i < 3; i++)
    sendto(fd, bytes[i], strlen(bytes[i]), 0, &to.any, len);
  sendto(fd, large, sizeof large, 0, &to.any, len);
  turn(s);
  child_ok(!sbx_stub_ask(s, &q), "what is no question asks for nothing");
  close(fd);
}

static void body(void *arg) {
  struct sbx_nameservers named = {.read = true};
  struct sbx_netbox box;
  struct sbx_stub *s;
  struct stat before, after;
  union address at;
  socklen_t len = address(&at, "127.0.0.1", 0);
  int fds = count_fds(), mine = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  static const char text[] = "nameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver 224.0.0.1";
  char byte;
  (void)arg;
  if (mine < 0 || bind(mine, &at.any, len) < 0 || getsockname(mine, &at.any, &len) < 0 ||
      unshare(CLONE_NEWUSER) < 0 || stat("/proc/self/ns/net", &before) < 0 || sbx_stub_open(&s) < 0)
    abort();
  sbx_nameservers_parse(&named, text, sizeof text - 1);
  int rc = sbx_netbox_open(&box, &named);
  child_ok(rc == 0, "a network of its own (%d)", rc);
  if (rc < 0 || sbx_stub_hear(s, box.servers) < 0)
    return;
  child_ok(stat("/proc/self/ns/net", &after) == 0 && before.st_ino == after.st_ino,
           "that this process does not enter");
  resolvers(s, &box);
  elsewhere(&box, ntohs(at.in.sin_port));
  child_ok(recv(mine, &byte, 1, MSG_DONTWAIT) < 0, "nothing has come out");
  apart(s, &box, &named);
  nonsense(s, &box);
  crowd(s, &box);
  sbx_stub_close(s);
  sbx_netbox_close(&box);
  close(mine);
  child_ok(count_fds() == fds, "no descriptor is left over");
}

static bool has_namespaces(void) {
  int status = -1;
  pid_t pid = fork();
  if (pid == 0)
    _exit(unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0);
  return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* Whoever may not make a network namespace. */
static void refused(void *arg) {
  struct sbx_nameservers named = {.read = true};
  struct sbx_netbox box;
  (void)arg;
  int before = count_fds();
  if (geteuid() == 0 && (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0))
    abort();
  child_ok(sbx_netbox_open(&box, &named) == -EPERM && box.ns_fd < 0 && count_fds() == before,
           "without the right to it there is none");
  child_ok(!sbx_netbox_has(&box, STDOUT_FILENO), "and nothing is in it");
}

int main(void) {
  if (has_namespaces()) {
    in_child("in a network of its own", body, NULL);
  } else {
    puts("# skipped: namespaces cannot be made here");
    ok(!getenv("SBX_MUST_WORK"), "namespaces can be made");
  }
  in_child("without the right", refused, NULL);
  return tap_done();
}
