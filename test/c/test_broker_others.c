/* SPDX-License-Identifier: MIT */
/* What a broker does beside TCP connections, where capabilities ask for it: datagrams, listening,
 * sockets that a path names. Against a real kernel, as root and as uid 65534. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tap.h"
#include "util.h"

#include "../../src/core/policy.h"
#include "../../src/guards/listener.h"
#include "../../src/launcher/broker.h"

#define ALL (SBX_PERMIT_NET_LISTEN | SBX_PERMIT_NET_UDP | SBX_PERMIT_NET_UNIX)

struct world {
  unsigned permit;
  bool drop;
  int open, closed, tcp, local; /* the servers */
  uint16_t open_port, closed_port, tcp_port, free_port;
  char dir[64];
};

static struct sockaddr_in loopback(uint16_t port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static uint16_t bound_port(int fd) {
  struct sockaddr_in a = loopback(0);
  socklen_t len = sizeof a;
  if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ||
      getsockname(fd, (struct sockaddr *)&a, &len) < 0)
    abort();
  return ntohs(a.sin_port);
}

static int errno_of(ssize_t n) {
  return n < 0 ? errno : 0;
}

/* --- the guest ---------------------------------------------------------------------------------
 */

/* sendmsg(2) of one part. */
static int message(int fd, struct sockaddr_in *to, void *control, size_t len, int flags) {
  struct iovec part = {"hello", 5};
  struct msghdr msg = {.msg_name = to,
                       .msg_namelen = to ? sizeof *to : 0,
                       .msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = len};
  return errno_of(sendmsg(fd, &msg, flags));
}

static void datagrams(struct world *w) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;
  struct sockaddr_in open_addr = loopback(w->open_port), closed_addr = loopback(w->closed_port);
  struct sockaddr *open_sa = (struct sockaddr *)&open_addr,
                  *closed_sa = (struct sockaddr *)&closed_addr;
  struct iovec parts[2] = {{"ab", 2}, {"cd", 2}}, many[2000];
  struct mmsghdr two[2] = {
      {.msg_hdr = {open_sa, sizeof open_addr, parts, 2, NULL, 0, 0}},
      {.msg_hdr = {closed_sa, sizeof closed_addr, parts, 2, NULL, 0, 0}},
  };
  struct msghdr long_one = {open_sa, sizeof open_addr, many, 2000, NULL, 0, 0};
  char control[CMSG_SPACE(sizeof one)] = {0}, got[16];
  memset(many, 0, sizeof many);
  child_ok(fd >= 0, "a UDP socket");
  child_ok(sendto(fd, "x", 1, 0, open_sa, sizeof open_addr) == 1, "sendto what is allowed");
  child_ok(errno_of(sendto(fd, "x", 1, 0, closed_sa, sizeof closed_addr)) == EACCES,
           "sendto what is not");
  child_ok(message(fd, &open_addr, NULL, 0, 0) == 0, "sendmsg");
  child_ok(message(fd, &closed_addr, NULL, 0, MSG_DONTWAIT) == EACCES, "sendmsg to what is not");
  child_ok(message(fd, NULL, NULL, 0, 0) == EDESTADDRREQ, "a message to nobody");
  child_ok(message(fd, &open_addr, control, sizeof control, 0) == EACCES, "control data");
  child_ok(message(fd, &open_addr, NULL, 0, MSG_MORE) == EACCES, "a message that is put off");
  child_ok(sendmmsg(fd, two, 2, 0) == 1, "of several messages one is sent");
  child_ok(errno_of(sendmmsg(fd, two + 1, 1, 0)) == EACCES, "and to what is allowed alone");
  child_ok(errno_of(sendmsg(fd, &long_one, 0)) == EMSGSIZE, "too many parts");
  child_ok(errno_of(sendto(fd, "x", 1 << 20, 0, open_sa, sizeof open_addr)) == EMSGSIZE,
           "too long");
  child_ok(errno_of(sendto(fd, (void *)8, 1, 0, open_sa, sizeof open_addr)) == EFAULT, "no memory");
  child_ok(errno_of(sendto(fd, "x", 1, 0, open_sa, 1000)) == EINVAL, "a long address");
  child_ok(errno_of(sendto(-1, "x", 1, 0, open_sa, sizeof open_addr)) == EBADF, "no descriptor");
  child_ok(errno_of(connect(fd, closed_sa, sizeof closed_addr)) == EACCES,
           "connect to what is not");
  child_ok(connect(fd, open_sa, sizeof open_addr) == 0 && send(fd, "ping", 4, 0) == 4 &&
               recv(fd, got, sizeof got, 0) > 0,
           "connect, and an answer");
  struct sockaddr nothing = {.sa_family = AF_UNSPEC};
  child_ok(connect(fd, &nothing, sizeof nothing) == 0 && message(fd, NULL, NULL, 0, 0) != 0,
           "disconnect");
  close(fd);
  fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  child_ok(errno_of(sendto(fd, "x", 1, MSG_NOSIGNAL, open_sa, sizeof open_addr)) == EACCES,
           "an address on a TCP socket");
  close(fd);
}

static _Atomic bool stop;

static void *flip(void *arg) {
  struct sockaddr_in *to = arg;
  uint16_t ports[2] = {to->sin_port, to->sin_zero[0] | (to->sin_zero[1] << 8)};
  for (unsigned i = 0; !stop; i++)
    *(volatile uint16_t *)&to->sin_port = ports[i & 1];
  return NULL;
}

/* Whatever the thread does to the address, what is sent to is what was judged. */
static void race(struct world *w) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), sent = 0, refused = 0, other = 0;
  struct sockaddr_in to = loopback(w->open_port);
  uint16_t closed = htons(w->closed_port);
  pthread_t thread;
  to.sin_zero[0] = (unsigned char)(closed & 0xff);
  to.sin_zero[1] = (unsigned char)(closed >> 8);
  stop = false;
  if (pthread_create(&thread, NULL, flip, &to) != 0)
    abort();
  for (int i = 0; i < 3000; i++) {
    int error = errno_of(sendto(fd, "r", 1, 0, (struct sockaddr *)&to, sizeof to));
    sent += error == 0;
    refused += error == EACCES;
    other += error != 0 && error != EACCES;
  }
  stop = true;
  pthread_join(thread, NULL);
  child_ok(sent > 0 && refused > 0 && other == 0, "a race: %d sent, %d refused, %d else", sent,
           refused, other);
  close(fd);
}

static void listens(struct world *w) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in at = loopback(w->free_port);
  child_ok(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 5) == 0, "listening");
  int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  child_ok(connect(client, (struct sockaddr *)&at, sizeof at) == 0, "somebody connects");
  int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
  child_ok(conn >= 0 && write(client, "x", 1) == 1 && read(conn, &(char){0}, 1) == 1, "accept");
  struct sockaddr nothing = {.sa_family = AF_UNSPEC};
  child_ok(errno_of(connect(conn, &nothing, sizeof nothing)) == EACCES,
           "what was accepted is not disconnected");
  close(conn);
  close(client);
  close(fd);
  client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  child_ok(errno_of(connect(client, (struct sockaddr *)&at, sizeof at)) == ECONNREFUSED,
           "closed, nobody listens any more");
  child_ok(errno_of(listen(-1, 1)) == EBADF && errno_of(listen(STDOUT_FILENO, 1)) == EACCES,
           "only sockets listen");
  close(client);
}

static int connect_path(const char *path, int type) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  strncpy(a.sun_path, path, sizeof a.sun_path - 1);
  int error = errno_of(connect(fd, (struct sockaddr *)&a, sizeof a));
  close(fd);
  return error;
}

static void paths(struct world *w) {
  char path[128];
  snprintf(path, sizeof path, "%s/socket", w->dir);
  child_ok(connect_path(path, SOCK_STREAM) == 0, "a path");
  child_ok(connect_path(path, SOCK_DGRAM) == EPROTOTYPE, "a socket of another type");
  child_ok(chdir(w->dir) == 0 && connect_path("./socket", SOCK_STREAM) == 0, "a relative path");
  child_ok(connect_path("link", SOCK_STREAM) == 0, "a link");
  child_ok(connect_path("none", SOCK_STREAM) == ENOENT, "what is not there");
  child_ok(connect_path("file", SOCK_STREAM) == ECONNREFUSED, "a file");
  child_ok(connect_path("closed", SOCK_STREAM) == EACCES, "what may not be written");
  child_ok(connect_path("/proc/self/fd/3", SOCK_STREAM) == EACCES &&
               connect_path("/proc/self/cwd/socket", SOCK_STREAM) == EACCES,
           "what would be the broker's own");
  child_ok(connect_path("", SOCK_STREAM) == EACCES, "an abstract name");
  struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "socket"};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  child_ok(errno_of(connect(fd, (struct sockaddr *)&a, sizeof a)) == EACCES, "a TCP socket");
  close(fd);
  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in to = loopback(w->tcp_port);
  child_ok(errno_of(connect(fd, (struct sockaddr *)&to, sizeof to)) == EACCES,
           "an address of the internet on a unix socket");
  child_ok(errno_of(connect(fd, (struct sockaddr *)&a, 2)) == EINVAL, "a short address");
  close(fd);
}

static void closed(struct world *w) {
  struct sockaddr_in to = loopback(w->tcp_port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  child_ok(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "TCP is open");
  child_ok(socket(AF_INET, SOCK_DGRAM, 0) < 0 && errno == EACCES, "UDP is not");
  child_ok(socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EACCES, "unix sockets are not");
  close(fd);
}

static void guest_body(struct world *w) {
  if (w->permit == ALL) {
    datagrams(w);
    race(w);
    listens(w);
    paths(w);
  } else {
    closed(w);
  }
  child_ok(1, "the guest came to its end");
}

/* --- the world around it -----------------------------------------------------------------------
 */

static int bind_path(const char *dir, const char *name, mode_t mode) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  snprintf(a.sun_path, sizeof a.sun_path, "%s/%s", dir, name);
  if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 16) < 0 ||
      chmod(a.sun_path, mode) < 0)
    abort();
  return fd;
}

static void make_world(struct world *w) {
  char path[128];
  w->open = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  w->closed = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  w->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  w->open_port = bound_port(w->open);
  w->closed_port = bound_port(w->closed);
  w->tcp_port = bound_port(w->tcp);
  int unused = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  w->free_port = bound_port(unused);
  close(unused);
  strcpy(w->dir, "/tmp/sbx-broker-XXXXXX");
  if (listen(w->tcp, 16) < 0 || !mkdtemp(w->dir))
    abort();
  w->local = bind_path(w->dir, "socket", 0777);
  close(bind_path(w->dir, "closed", 0));
  snprintf(path, sizeof path, "%s/link", w->dir);
  if (symlink("socket", path) < 0)
    abort();
  snprintf(path, sizeof path, "%s/file", w->dir);
  close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static void unmake_world(struct world *w) {
  static const char *const names[] = {"socket", "closed", "link", "file"};
  char path[128];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(path, sizeof path, "%s/%s", w->dir, names[i]);
    unlink(path);
  }
  rmdir(w->dir);
  close(w->open);
  close(w->closed);
  close(w->tcp);
  close(w->local);
}

static struct sbx_netrules *make_rules(const struct world *w) {
  char text[3][40], *allow[] = {text[0], text[1], text[2], NULL};
  struct sbx_netrules *rules;
  snprintf(text[0], sizeof text[0], "127.0.0.1:%u", w->open_port);
  snprintf(text[1], sizeof text[1], "127.0.0.1:%u", w->tcp_port);
  snprintf(text[2], sizeof text[2], "127.0.0.1:%u", w->free_port);
  if (sbx_netrules_compile(allow, NULL, &rules, NULL) != 0)
    abort();
  return rules;
}

static pid_t start_guest(struct world *w, int *listener) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    abort();
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 1); /* as it is after execve */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        sbx_listener_install(true, false, w->permit, pair[1], NULL) < 0)
      _exit(4);
    close(pair[0]);
    close(pair[1]);
    close(w->local);
    guest_body(w);
    _exit(0);
  }
  close(pair[1]);
  *listener = sbx_listener_take(pair[0]);
  close(pair[0]);
  return pid;
}

/* Answers each "ping". */
static int drive(struct world *w, struct sbx_broker *broker, pid_t guest) {
  int status = -1;
  while (waitpid(guest, &status, WNOHANG) == 0) {
    struct pollfd fds[] = {{.fd = sbx_broker_fd(broker), .events = POLLIN},
                           {.fd = w->open, .events = POLLIN}};
    struct sockaddr_in from;
    socklen_t len = sizeof from;
    char got[64];
    if (poll(fds, 2, 20) <= 0)
      continue;
    if (fds[0].revents)
      sbx_broker_dispatch(broker);
    if (fds[1].revents &&
        recvfrom(w->open, got, sizeof got, 0, (struct sockaddr *)&from, &len) == 4 &&
        memcmp(got, "ping", 4) == 0)
      sendto(w->open, "pong", 4, 0, (struct sockaddr *)&from, len);
  }
  return status;
}

static void run_world(void *arg) {
  struct world *w = arg;
  struct sbx_broker *broker;
  struct sbx_err err = {0};
  int listener = -1;
  char byte;
  if (w->drop && (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
                  setresuid(65534, 65534, 65534) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0))
    abort();
  make_world(w);
  struct sbx_netrules *rules = make_rules(w);
  int before = count_fds();
  pid_t guest = start_guest(w, &listener);
  int rc = sbx_broker_open(listener, rules, w->permit, &broker, &err);
  child_ok(rc == 0, "the broker opens (%s)", err.text);
  int status = drive(w, broker, guest);
  child_ok(status == 0, "the guest ends by itself (%x)", (unsigned)status);
  child_ok(recv(w->closed, &byte, 1, 0) < 0 && errno == EAGAIN,
           "nothing has come to the socket that is not allowed");
  sbx_broker_close(broker);
  child_ok(count_fds() == before, "no descriptor is left over");
  sbx_netrules_free(rules);
  unmake_world(w);
}

int main(void) {
  bool root = getuid() == 0;
  struct world all = {.permit = ALL}, none = {.permit = 0};
  in_child(root ? "root, all" : "user, all", run_world, &all);
  in_child(root ? "root, none" : "user, none", run_world, &none);
  if (root) {
    struct world dropped = {.permit = ALL, .drop = true};
    in_child("user, all", run_world, &dropped);
  }
  return tap_done();
}
