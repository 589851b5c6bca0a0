/* SPDX-License-Identifier: MIT */
/* The broker against a real kernel: a guest under a filter with a listener, servers on loopback,
 * and the broker's loop in the guest's parent. As root and as uid 65534; with the filter alone, and
 * with the guest in an empty network namespace. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tap.h"
#include "util.h"

#include "../../src/guards/listener.h"
#include "../../src/launcher/broker.h"

enum { OPEN, CLOSED, FULL, DEAD, HELD, SERVERS };

struct setup {
  const char *name;
  bool drop;     /* to uid 65534 */
  bool own_net;  /* the guest in a namespace of its own, its sockets made by the broker */
  bool own_user; /* and in a user namespace */
  bool no_getfd; /* pidfd_getfd(2) is refused, as in a container; sockets made by the broker */
  bool node;
};

/* What init and the guest share. */
struct world {
  const struct setup *setup;
  int listen_fd[SERVERS];
  uint16_t port[SERVERS];
  int filler;
  int held[2]; /* of the server HELD: connections one and two, -1: none */
};

static struct sockaddr_in loopback(uint16_t port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static struct sockaddr_in6 mapped(uint16_t port) {
  struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &a.sin6_addr);
  return a;
}

static int tcp(int flags) {
  return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
}

/* connect(2); 0 or the errno. */
static int attempt(int fd, const void *sa, size_t len) {
  return connect(fd, sa, (socklen_t)len) == 0 ? 0 : errno;
}

static int attempt_port(int fd, uint16_t port) {
  struct sockaddr_in a = loopback(port);
  return attempt(fd, &a, sizeof a);
}

/* Waits for a socket that is being connected, and returns how it ended. */
static int outcome(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLOUT};
  int error = -1;
  socklen_t len = sizeof error;
  if (poll(&p, 1, 15000) != 1)
    return ETIMEDOUT;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
  return error;
}

static uint16_t peer_port(int fd) {
  struct sockaddr_in6 a; /* room for both */
  socklen_t len = sizeof a;
  if (getpeername(fd, (struct sockaddr *)&a, &len) < 0)
    return 0;
  return ntohs(a.sin6_port); /* at the same place as sin_port */
}

/* --- the guest ---------------------------------------------------------------------------------
 */

static void blocking(struct world *w) {
  int fd = tcp(0), copy = dup(fd), one = 1, got = 0;
  socklen_t len = sizeof got;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  child_ok(attempt_port(fd, w->port[OPEN]) == 0 && peer_port(fd) == w->port[OPEN],
           "a blocking connect is answered once it is connected");
  child_ok(peer_port(copy) == w->port[OPEN] && write(copy, "x", 1) == 1,
           "so is a duplicate made before, and bytes go through");
  getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &got, &len);
  child_ok(got == 1 && !(fcntl(fd, F_GETFL) & O_NONBLOCK) &&
               (fcntl(fd, F_GETFD) & FD_CLOEXEC) == FD_CLOEXEC,
           "options and flags are as before");
  /* By another number: right away, the same call would be taken for the first one, see answered.h.
   */
  int again = attempt_port(copy, w->port[OPEN]);
  child_ok(again == (w->setup->no_getfd ? EACCES : EISCONN), "a second connect is refused");
  int plain = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
  child_ok(plain >= 0 && (fcntl(plain, F_GETFD) & FD_CLOEXEC) == 0, "no flag is added to a socket");
  child_ok(attempt_port(plain, w->port[DEAD]) == ECONNREFUSED, "a port nobody listens on says so");
  child_ok(attempt_port(plain, w->port[OPEN]) == 0, "and the socket can be used for another try");
  close(plain);
  close(copy);
  close(fd);
}

static void nonblocking(struct world *w) {
  int fd = tcp(SOCK_NONBLOCK), ep = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLOUT | EPOLLET, .data.fd = fd}, got = {0};
  child_ok((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, "a socket is made non-blocking");
  epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
  epoll_wait(ep, &got, 1, 0); /* the EPOLLHUP of a socket that is not connected */
  int rc = attempt_port(fd, w->port[OPEN]);
  child_ok(rc == EINPROGRESS || rc == 0, "a non-blocking connect returns at once");
  child_ok(epoll_wait(ep, &got, 1, 15000) == 1 && got.data.fd == fd && (got.events & EPOLLOUT),
           "a registration with epoll made before it hears of it");
  child_ok(outcome(fd) == 0 && peer_port(fd) == w->port[OPEN], "it is connected");
  int dead = tcp(SOCK_NONBLOCK);
  rc = attempt_port(dead, w->port[DEAD]);
  child_ok(rc == ECONNREFUSED || (rc == EINPROGRESS && outcome(dead) == ECONNREFUSED),
           "a failure is found where it always is");
  close(dead);
  close(ep);
  close(fd);
}

static void refused(struct world *w) {
  int fd = tcp(0), six = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in6 m = mapped(w->port[CLOSED]);
  struct sockaddr_in zero = loopback(w->port[CLOSED]), other = loopback(w->port[OPEN]);
  zero.sin_addr.s_addr = 0;
  other.sin_addr.s_addr = htonl(0x0a000001);
  child_ok(attempt_port(fd, w->port[CLOSED]) == EACCES && peer_port(fd) == 0,
           "a port that is not allowed is EACCES");
  child_ok(attempt(fd, &other, sizeof other) == EACCES, "so is another address");
  child_ok(attempt(fd, &zero, sizeof zero) == EACCES, "so is 0.0.0.0 for loopback");
  child_ok(attempt_port(fd, 0) == EACCES, "so is port 0");
  if (six >= 0) {
    child_ok(attempt(six, &m, sizeof m) == EACCES, "so is the same one in IPv6");
    m = mapped(w->port[OPEN]);
    child_ok(attempt(six, &m, sizeof m) == 0 && peer_port(six) == w->port[OPEN],
             "IPv4 in IPv6 is open where IPv4 is");
  }
  zero = loopback(w->port[OPEN]);
  zero.sin_addr.s_addr = 0;
  child_ok(attempt(fd, &zero, sizeof zero) == 0, "a socket that was refused can be used after it");
  close(six);
  close(fd);
}

/* Nobody else holds the connection: the server hears of its end, and says so on the other one. */
static void ending(struct world *w, int flags) {
  char said = 0;
  int first = tcp(flags), second = tcp(0);
  int rc = attempt_port(first, w->port[HELD]);
  bool good = (rc == 0 || rc == EINPROGRESS) && outcome(first) == 0 &&
              attempt_port(second, w->port[HELD]) == 0;
  struct timeval at_most = {10, 0};
  setsockopt(second, SOL_SOCKET, SO_RCVTIMEO, &at_most, sizeof at_most);
  close(first);
  child_ok(good && read(second, &said, 1) == 1 && said == 'e',
           "a %s connection that the guest closes is closed", flags ? "non-blocking" : "blocking");
  close(second);
}

static void odd_calls(struct world *w) {
  struct sockaddr unspec = {.sa_family = AF_UNSPEC};
  struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "\0sbx-test"};
  struct sockaddr_in good = loopback(w->port[OPEN]);
  int fd = tcp(0), pipes[2];
  attempt_port(fd, w->port[OPEN]);
  child_ok(attempt(fd, &unspec, sizeof unspec) == EACCES && peer_port(fd) == w->port[OPEN],
           "AF_UNSPEC does not make a socket free for another connection");
  child_ok(attempt(fd, &path, sizeof path) == EACCES, "an AF_UNIX address is EACCES");
  child_ok(attempt(fd, &good, 3) == EINVAL && attempt(fd, &good, sizeof good - 1) == EINVAL &&
               attempt(fd, &good, 0) == EINVAL && attempt(fd, &good, 4096) == EINVAL &&
               attempt(fd, &good, (size_t)-1) == EINVAL,
           "wrong lengths are EINVAL");
  child_ok(attempt(fd, (void *)8, sizeof good) == EFAULT, "a bad pointer is EFAULT");
  child_ok(attempt(4321, &good, sizeof good) == EBADF, "no descriptor is EBADF");
  if (pipe(pipes) == 0)
    child_ok(attempt(pipes[0], &good, sizeof good) == EACCES, "no socket is EACCES");
  if (w->setup->own_net || w->setup->no_getfd) {
    child_ok(socket(AF_INET, SOCK_DGRAM, 0) < 0 && errno == EACCES &&
                 socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0 && errno == EACCES &&
                 socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EACCES &&
                 socket(AF_NETLINK, SOCK_RAW, 0) < 0 && errno == EACCES &&
                 socket(AF_INET, SOCK_STREAM, 262 /* MPTCP */) < 0 && errno == EACCES,
             "sockets other than TCP are EACCES");
  } else {
    int udp = socket(AF_INET, SOCK_DGRAM, 0), un = socket(AF_UNIX, SOCK_STREAM, 0);
    child_ok(attempt(udp, &good, sizeof good) == EACCES, "a UDP socket is EACCES");
    child_ok(attempt(un, &path, sizeof path) == EACCES && attempt(un, &good, sizeof good) == EACCES,
             "an AF_UNIX socket is EACCES");
  }
  close(fd);
}

struct race {
  struct sockaddr_in sa;
  in_port_t ports[2];
  int fd, other;
  atomic_int stop;
};

static void *swap_port(void *arg) {
  struct race *r = arg;
  for (unsigned i = 0; !r->stop; i++)
    *(volatile in_port_t *)&r->sa.sin_port = r->ports[i % 2];
  return NULL;
}

static void *swap_fd(void *arg) {
  struct race *r = arg;
  while (!r->stop) {
    int kept = dup(r->fd);
    dup2(r->other, r->fd);
    dup2(kept, r->fd);
    close(kept);
  }
  return NULL;
}

static void *swap_flag(void *arg) {
  struct race *r = arg;
  for (unsigned i = 0; !r->stop; i++)
    fcntl(r->fd, F_SETFL, i % 2 ? O_NONBLOCK : 0);
  return NULL;
}

/* What the closed server has to say is looked at by the parent. */
static void races(struct world *w) {
  struct race r = {.sa = loopback(w->port[OPEN]),
                   .ports = {htons(w->port[OPEN]), htons(w->port[CLOSED])},
                   .other = tcp(0)};
  pthread_t thread;
  int good = 1, denied = 0, opened = 0;
  pthread_create(&thread, NULL, swap_port, &r);
  for (int i = 0; i < 300; i++) {
    r.fd = tcp(0);
    int rc = attempt(r.fd, &r.sa, sizeof r.sa);
    good &= rc == EACCES || (rc == 0 && peer_port(r.fd) == w->port[OPEN]);
    denied += rc == EACCES;
    opened += rc == 0;
    close(r.fd);
  }
  r.stop = 1;
  pthread_join(thread, NULL);
  child_ok(good, "an address that a thread changes is one or the other (%d open, %d denied)",
           opened, denied);
  r.stop = 0;
  r.sa = loopback(w->port[CLOSED]);
  r.fd = tcp(0);
  pthread_create(&thread, NULL, swap_fd, &r);
  for (good = 1, opened = 0; opened < 200; opened++)
    good &= attempt(r.fd, &r.sa, sizeof r.sa) == EACCES;
  r.stop = 1;
  pthread_join(thread, NULL);
  child_ok(good, "a descriptor that a thread changes opens nothing");
  close(r.fd);
  close(r.other);
}

/* One that asks for more than so many a second waits, and is answered. */
static void paced(struct world *w) {
  enum { N = 12000, A_SECOND = 5000, AT_ONCE = 5000 };
  struct timespec from, to;
  int good = 0, fd = tcp(0);
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (int i = 0; i < N; i++)
    good += attempt_port(fd, w->port[CLOSED]) == EACCES;
  clock_gettime(CLOCK_MONOTONIC, &to);
  double s = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
  child_ok(good == N && s > (double)(N - AT_ONCE) / A_SECOND * 0.95,
           "%d calls in a row take as long as they may (%d right, %.2f s)", N, good, s);
  close(fd);
}

static void *slow(void *arg) {
  struct world *w = arg;
  int fd = tcp(0);
  return (void *)(intptr_t)attempt_port(fd, w->port[FULL]);
}

static void on_usr1(int sig) {
  (void)sig;
}

/* Ends the thread's call; it may not have come to it yet. */
static int join_interrupted(pthread_t thread) {
  void *result = NULL;
  while (pthread_tryjoin_np(thread, &result) == EBUSY) {
    pthread_kill(thread, SIGUSR1);
    usleep(1000);
  }
  return (int)(intptr_t)result;
}

struct storm {
  pthread_t target;
  atomic_int stop;
};

static void *send_signals(void *arg) {
  struct storm *s = arg;
  while (!s->stop) {
    pthread_kill(s->target, SIGUSR2);
    for (int i = 0; i < 2000; i++)
      atomic_load(&s->stop);
  }
  return NULL;
}

/* A handler with SA_RESTART, as libuv's and V8's: the call is made again, and must not tell. */
static void interrupted(struct world *w, int flags) {
  struct sigaction act = {.sa_handler = on_usr1, .sa_flags = SA_RESTART}, before;
  struct storm storm = {.target = pthread_self()};
  int good = 0, n = 0, error = 0, late = 0;
  pthread_t thread;
  int socks[200]; /* Fewer than a broker keeps. */
  while (n < 200)
    socks[n++] = tcp(flags);
  sigaction(SIGUSR2, &act, &before);
  pthread_create(&thread, NULL, send_signals, &storm);
  for (int i = 0; i < n; i++) {
    int rc = attempt_port(socks[i], w->port[OPEN]);
    bool same = rc == 0 || (flags && rc == EINPROGRESS && outcome(socks[i]) == 0);
    good += same && peer_port(socks[i]) == w->port[OPEN];
    error = same ? error : rc;
  }
  storm.stop = 1;
  pthread_join(thread, NULL);
  sigaction(SIGUSR2, &before, NULL);
  child_ok(good == n, "connections that signals interrupt, flags %x: %d of %d stand (%s)",
           (unsigned)flags, good, n, strerror(error));
  /* The first one after EINPROGRESS is 0. */
  for (int i = 0; i < 2; i++) {
    usleep(300000);
    late = attempt_port(socks[n - 1], w->port[OPEN]);
  }
  child_ok(late == (w->setup->no_getfd ? EACCES : EISCONN), "later a second connect is refused");
  while (n > 0)
    close(socks[--n]);
}

struct connector {
  uint16_t port;
  int fd;
};

static void *connect_slowly(void *arg) {
  struct connector *c = arg;
  return (void *)(intptr_t)attempt_port(c->fd, c->port);
}

/* The broker sets O_NONBLOCK before it connects; without a limit of its own it would hang here. */
static void flag_race(struct world *w) {
  int good = 1;
  for (int i = 0; i < 20; i++) {
    struct race r = {.fd = tcp(0)};
    struct connector c = {w->port[FULL], r.fd};
    pthread_t swapper, connector;
    int fast = tcp(0);
    pthread_create(&swapper, NULL, swap_flag, &r);
    pthread_create(&connector, NULL, connect_slowly, &c);
    usleep(2000);
    good &= attempt_port(fast, w->port[OPEN]) == 0;
    r.stop = 1;
    pthread_join(swapper, NULL);
    join_interrupted(connector);
    close(fast);
    close(r.fd);
  }
  child_ok(good, "a thread that changes O_NONBLOCK does not make the broker wait");
}

static void slow_next_to_fast(struct world *w) {
  struct timeval soon = {0, 50000};
  pthread_t thread;
  int fd = tcp(0);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
  child_ok(attempt_port(fd, w->port[FULL]) == EINPROGRESS, "SO_SNDTIMEO ends a blocking connect");
  close(fd);
  /* Not made by the thread: the signal could end its socket(2), which the broker is asked for. */
  struct connector c = {w->port[FULL], tcp(0)};
  pthread_create(&thread, NULL, connect_slowly, &c);
  int good = 1;
  for (int i = 0; i < 20; i++) {
    fd = tcp(0);
    good &= attempt_port(fd, w->port[OPEN]) == 0;
    close(fd);
  }
  child_ok(good, "while a thread waits for its connection, another gets its own");
  child_ok(join_interrupted(thread) == EINTR, "a signal ends its wait");
}

static void processes(struct world *w) {
  int status = -1;
  pid_t pid = fork();
  if (pid == 0)
    _exit(attempt_port(tcp(0), w->port[OPEN]) == 0 &&
                  attempt_port(tcp(0), w->port[CLOSED]) == EACCES
              ? 7
              : 1);
  waitpid(pid, &status, 0);
  child_ok(WIFEXITED(status) && WEXITSTATUS(status) == 7, "a child of the guest is served as well");
  for (int i = 0; i < 10; i++) {
    pid = fork();
    if (pid == 0) {
      slow(w);
      _exit(0);
    }
    usleep(i % 2 ? 2000 : 0); /* before, in or after its call */
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  }
  int fd = tcp(0);
  child_ok(attempt_port(fd, w->port[OPEN]) == 0, "guests that die in the middle harm nothing");
  close(fd);
}

static void many(struct world *w) {
  int good = 1, fd = tcp(SOCK_NONBLOCK);
  for (int i = 0; i < 300; i++) {
    struct sockaddr_in a = loopback((uint16_t)(1 + i));
    a.sin_addr.s_addr = htonl(0x0a000002);
    good &= attempt(fd, &a, sizeof a) == EACCES;
  }
  child_ok(good, "hundreds of refused addresses in a row");
  /* More threads than the broker has room for. */
  pthread_t threads[80];
  int n = 0, other = 0;
  while (n < 80 && pthread_create(&threads[n], NULL, slow, w) == 0)
    n++;
  child_ok(attempt_port(fd, w->port[OPEN]) == EINPROGRESS && outcome(fd) == 0,
           "and dozens that wait leave room for one that need not");
  /* Those that found no room have ended; the others end with the guest, in the middle. */
  for (int i = 0; i < n; i++) {
    void *result = NULL;
    if (pthread_tryjoin_np(threads[i], &result) == 0)
      other = (intptr_t)result != EAGAIN ? (int)(intptr_t)result : other;
  }
  child_ok(other == 0, "a thread too many is told EAGAIN (%d)", other);
  close(fd);
}

static const char script[] =
    "const [open, closed] = process.argv.slice(1).map(Number), net = require('net');\n"
    "const tell = (s) => process.stdout.write(s + ' ');\n"
    "const connect = (port, host) => new Promise((done) => {\n"
    "  const s = net.connect({ port, host }, () => { s.destroy(); done('connected'); });\n"
    "  s.setNoDelay(true).setKeepAlive(true).on('error', (e) => done(e.code));\n"
    "});\n"
    "(async () => {\n"
    "  tell(await (await fetch(`http://127.0.0.1:${open}/`)).text());\n"
    "  tell(await fetch(`http://127.0.0.1:${closed}/`).catch((e) => e.cause.code));\n"
    "  tell(await connect(open, '127.0.0.1'));\n"
    "  tell(await connect(open, '::ffff:127.0.0.1'));\n"
    "  tell(await connect(closed, '127.0.0.1'));\n"
    "  const { Worker } = require('worker_threads');\n"
    "  new Worker(`const net = require('net'), { workerData: p, parentPort } = "
    "require('worker_threads');\n"
    "    const s = net.connect(p, '127.0.0.1', () => { s.destroy(); parentPort.postMessage('ok'); "
    "})\n"
    "      .on('error', (e) => parentPort.postMessage(e.code));`, { eval: true, workerData: open "
    "})\n"
    "    .on('message', tell);\n"
    "})();\n";

static void run_node(struct world *w) {
  char open_port[8], closed_port[8];
  snprintf(open_port, sizeof open_port, "%u", w->port[OPEN]);
  snprintf(closed_port, sizeof closed_port, "%u", w->port[CLOSED]);
  const char *node = getenv("SBX_TEST_NODE");
  execlp(node ? node : "node", "node", "-e", script, open_port, closed_port, (char *)NULL);
  _exit(127);
}

static void guest_body(struct world *w) {
  struct sigaction act = {.sa_handler = on_usr1};
  sigaction(SIGUSR1, &act, NULL);
  blocking(w);
  nonblocking(w);
  refused(w);
  ending(w, 0);
  ending(w, SOCK_NONBLOCK);
  odd_calls(w);
  interrupted(w, 0);
  interrupted(w, SOCK_NONBLOCK);
  races(w);
  if (!w->setup->own_net && !w->setup->no_getfd)
    paced(w);
  flag_race(w);
  slow_next_to_fast(w);
  processes(w);
  many(w);
  child_ok(1, "the guest came to its end");
}

/* --- the world around it -----------------------------------------------------------------------
 */

/* As container runtimes do. */
static void refuse_getfd(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 438, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog prog = {sizeof code / sizeof *code, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
    abort();
}

static pid_t start_guest(struct world *w, int *listener, int out) {
  const struct setup *s = w->setup;
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    abort();
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < SERVERS; i++)
      close(w->listen_fd[i]);
    if (s->own_net && unshare((s->own_user ? CLONE_NEWUSER : 0) | CLONE_NEWNET) < 0)
      _exit(3);
    prctl(PR_SET_DUMPABLE, 1); /* as it is after execve */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        sbx_listener_install(s->own_net || s->no_getfd, false, 0, pair[1], NULL) < 0)
      _exit(4);
    close(pair[0]);
    close(pair[1]);
    if (s->node) {
      dup2(out, STDOUT_FILENO);
      run_node(w);
    }
    guest_body(w);
    _exit(0);
  }
  close(pair[1]);
  *listener = sbx_listener_take(pair[0]);
  close(pair[0]);
  return pid;
}

static void listen_on(struct world *w, int at, int backlog) {
  struct sockaddr_in a = loopback(0);
  socklen_t len = sizeof a;
  w->listen_fd[at] = tcp(SOCK_NONBLOCK);
  if (bind(w->listen_fd[at], (struct sockaddr *)&a, sizeof a) < 0 ||
      (backlog >= 0 && listen(w->listen_fd[at], backlog) < 0) ||
      getsockname(w->listen_fd[at], (struct sockaddr *)&a, &len) < 0)
    abort();
  w->port[at] = ntohs(a.sin_port);
}

/* One answer for whoever asks, so that the queue never gets full. */
static void answer(int fd) {
  static const char reply[] =
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
  int conn;
  while ((conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
    send(conn, reply, sizeof reply - 1, MSG_NOSIGNAL);
    shutdown(conn, SHUT_WR);
    close(conn);
  }
}

/* Two connections at a time: tells the second of the end of the first. */
static void answer_held(struct world *w) {
  char byte;
  for (int i = 0; i < 2; i++)
    if (w->held[i] < 0)
      w->held[i] = accept4(w->listen_fd[HELD], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (w->held[0] < 0 || w->held[1] < 0 || recv(w->held[0], &byte, 1, 0) != 0)
    return;
  send(w->held[1], "e", 1, MSG_NOSIGNAL);
  for (int i = 0; i < 2; i++) {
    close(w->held[i]);
    w->held[i] = -1;
  }
}

static int drive(struct world *w, struct sbx_broker *broker, pid_t guest) {
  int status = -1;
  while (waitpid(guest, &status, WNOHANG) == 0) {
    struct pollfd fds[] = {{.fd = sbx_broker_fd(broker), .events = POLLIN},
                           {.fd = w->listen_fd[OPEN], .events = POLLIN},
                           {.fd = w->listen_fd[HELD], .events = POLLIN},
                           {.fd = w->held[0], .events = POLLIN}};
    if (poll(fds, 4, 20) <= 0)
      continue;
    if (fds[0].revents)
      sbx_broker_dispatch(broker);
    if (fds[1].revents)
      answer(w->listen_fd[OPEN]);
    if (fds[2].revents || fds[3].revents)
      answer_held(w);
  }
  return status;
}

static void check_report(const struct sbx_net_report *r) {
  uint64_t counted = r->unlisted;
  int open_seen = 0, denied_seen = 0;
  for (uint32_t i = 0; i < r->n; i++) {
    counted += r->seen[i].count;
    open_seen |= r->seen[i].verdict == SBX_NET_ALLOWED;
    denied_seen |= r->seen[i].verdict == SBX_NET_NO_RULE;
  }
  child_ok(r->n == SBX_NET_SEEN_MAX && r->unlisted > 0 && open_seen && denied_seen &&
               counted <= r->allowed + r->refused && r->allowed > 0 && r->refused > 300,
           "the report counts all of it and stays small (%u listed, %llu allowed, %llu refused)",
           r->n, (unsigned long long)r->allowed, (unsigned long long)r->refused);
}

static void drop_to_nobody(void) {
  if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
      setresuid(65534, 65534, 65534) < 0)
    abort();
  prctl(PR_SET_DUMPABLE, 1);
}

static void start_servers(struct world *w) {
  listen_on(w, OPEN, 128);
  listen_on(w, CLOSED, 128);
  listen_on(w, HELD, 128);
  listen_on(w, FULL, 0);
  listen_on(w, DEAD, -1); /* bound, so that nobody else gets the port, but not listening */
  w->filler = tcp(0);
  if (attempt_port(w->filler, w->port[FULL]) != 0)
    abort();
}

static struct sbx_netrules *make_rules(const struct world *w) {
  char text[4][40], *allow[] = {text[0], text[1], text[2], text[3], NULL};
  struct sbx_netrules *rules;
  for (int i = 0, n = 0; i < SERVERS; i++)
    if (i != CLOSED)
      snprintf(text[n++], sizeof text[0], "127.0.0.1:%u", w->port[i]);
  if (sbx_netrules_compile(allow, NULL, &rules, NULL) != 0)
    abort();
  return rules;
}

static void check_node(int status, int out) {
  char text[200] = "";
  ssize_t n = read(out, text, sizeof text - 1);
  child_ok(status == 0 && n > 0 && strcmp(text, "hello EACCES connected connected EACCES ok ") == 0,
           "fetch, net and a worker: '%s' (status %x)", text, (unsigned)status);
}

static void run_world(void *arg) {
  struct world w = {.setup = arg, .held = {-1, -1}};
  struct sbx_broker *broker;
  struct sbx_err err = {0};
  int listener = -1, out[2];
  alarm(0);
  if (w.setup->drop)
    drop_to_nobody();
  if (w.setup->no_getfd)
    refuse_getfd();
  start_servers(&w);
  struct sbx_netrules *rules = make_rules(&w);
  int before = count_fds();
  if (pipe2(out, O_CLOEXEC) < 0)
    abort();
  pid_t guest = start_guest(&w, &listener, out[1]);
  close(out[1]);
  int rc = sbx_broker_open(listener, rules, 0, &broker, &err);
  child_ok(rc == 0, "the broker opens (%s)", err.text);
  int status = drive(&w, broker, guest);
  if (w.setup->node) {
    check_node(status, out[0]);
  } else {
    child_ok(status == 0, "the guest ends by itself (%x)", (unsigned)status);
    check_report(sbx_broker_report(broker));
  }
  child_ok(accept4(w.listen_fd[CLOSED], NULL, NULL, SOCK_CLOEXEC) < 0 && errno == EAGAIN,
           "nothing has come to the server that is not allowed");
  struct pollfd idle = {.fd = sbx_broker_fd(broker), .events = POLLIN};
  for (int i = 0; i < 200 && poll(&idle, 1, 20) == 1; i++)
    sbx_broker_dispatch(broker);
  child_ok(poll(&idle, 1, 0) == 0, "with the guest gone nothing keeps the broker busy");
  sbx_broker_close(broker);
  close(out[0]);
  child_ok(count_fds() == before, "no descriptor is left over");
  sbx_netrules_free(rules);
}

/* --- */

static bool can_unshare(bool drop, int flags) {
  int status = -1;
  pid_t pid = fork();
  if (pid == 0) {
    if (drop)
      drop_to_nobody();
    _exit(unshare(flags) == 0 ? 0 : 1);
  }
  waitpid(pid, &status, 0);
  return status == 0;
}

static void run_setup(struct setup *s) {
  int flags = (s->own_user ? CLONE_NEWUSER : 0) | CLONE_NEWNET;
  if (s->own_net && !can_unshare(s->drop, flags)) {
    printf("# skipped: %s: namespaces cannot be made here\n", s->name);
    if (getenv("SBX_MUST_WORK"))
      ok(0, "namespaces can be made");
    return;
  }
  in_child(s->name, run_world, s);
  struct setup with_node = *s;
  char name[80];
  snprintf(name, sizeof name, "%s, Node.js", s->name);
  with_node.name = name;
  with_node.node = true;
  in_child(name, run_world, &with_node);
}

static void failures(void) {
  struct sbx_broker *broker = (void *)&failures;
  struct sbx_err err = {0};
  int before = count_fds();
  ok(sbx_broker_open(-1, NULL, 0, &broker, &err) < 0 && !broker && err.stage == SBX_STAGE_SECCOMP &&
         err.text[0],
     "a broker without a listener is an error");
  ok(count_fds() == before, "and leaves no descriptor");
  sbx_broker_close(NULL);
}

/* In a child: a filter stays. */
static void listener_errors(void *arg) {
  struct sbx_err err = {0};
  int pair[2], none[2];
  (void)arg;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
      socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, none) < 0)
    abort();
  close(none[1]);
  child_ok(sbx_listener_take(none[0]) == -ECONNRESET, "no listener is one that never came");
  int before = count_fds();
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  child_ok(sbx_listener_install(true, false, 0, none[0], &err) == -EPIPE &&
               err.stage == SBX_STAGE_SECCOMP,
           "a listener that cannot be sent is an error (%s)", err.text);
  child_ok(count_fds() == before, "and is closed");
  /* What nobody listens to any more is refused, and does not count as a listener. */
  child_ok(socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == ENOSYS, "without a broker it is ENOSYS");
  child_ok(sbx_listener_install(false, false, 0, pair[0], &err) == 0 && count_fds() == before,
           "a listener is sent and closed");
  int fd = sbx_listener_take(pair[1]);
  child_ok(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "it arrives, closed on exec");
  child_ok(sbx_listener_install(false, false, 0, pair[0], &err) == -EBUSY &&
               strstr(err.text, "already"),
           "a second one is an error");
}

int main(void) {
  bool root = getuid() == 0;
  failures();
  in_child("listener", listener_errors, NULL);
  struct setup setups[] = {
      {.name = root ? "root" : "user"},
      {.name = root ? "root, own network" : "user, own network",
       .own_net = true,
       .own_user = !root},
      {.name = root ? "root, container" : "user, container", .no_getfd = true},
      {.name = "uid 65534", .drop = true},
      {.name = "uid 65534, container", .drop = true, .no_getfd = true},
      {.name = "uid 65534, own network", .drop = true, .own_net = true, .own_user = true},
  };
  for (size_t i = 0; i < (root ? 6 : 3); i++)
    run_setup(&setups[i]);
  return tap_done();
}
