/* SPDX-License-Identifier: MIT */
/* Landlock beyond files: signals, abstract sockets, TCP ports; the probe's words; its failures. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tap.h"
#include "util.h"

#include "domain.h"

static const struct domain none = {.none = true};

static pid_t outside;          /* a process that is in no domain */
static struct sockaddr_un hub; /* an abstract socket outside */
static int stream_port, free_port;

/* ---- signals ---- */

static int signal_outside(const char *unused) {
  (void)unused;
  return kill(outside, 0) < 0 ? errno : 0;
}

/* kill(2) of -1 answers 0 also where it was refused for each. SIGURG is ignored by default. */
static int signal_all(const char *unused) {
  (void)unused;
  signal(SIGURG, SIG_IGN);
  kill(-1, SIGURG);
  return 0;
}

/* Whether the process outside, which blocks it, has SIGURG waiting. */
static bool was_signalled(void) {
  char path[64], line[256];
  unsigned long long pending = 0, value;
  snprintf(path, sizeof path, "/proc/%d/status", outside);
  FILE *in = fopen(path, "re");
  while (in && fgets(line, sizeof line, in))
    if (sscanf(line, "ShdPnd: %llx", &value) == 1)
      pending = value;
  if (in)
    fclose(in);
  return pending >> (SIGURG - 1) & 1;
}

static int signal_child(const char *unused) {
  (void)unused;
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) {
    pause();
    _exit(0);
  }
  if (kill(getpid(), 0) < 0 || kill(pid, SIGKILL) < 0)
    return errno;
  return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) ? 0 : SETUP_FAILED;
}

static void signals(void) {
  const struct domain d = {0}, old = {.abi = 5};
  expect(act(&none, signal_outside, ""), 0, "a process may be signalled without Landlock");
  expect(act(&d, signal_outside, ""), EPERM, "not out of the domain");
  expect(act(&d, signal_all, "") == 0 && !was_signalled(), 1, "nor all processes at once");
  expect(kill(outside, SIGURG) == 0 && was_signalled(), 1, "(a signal that came would be seen)");
  expect(act(&d, signal_child, ""), 0, "the domain's own may be");
  expect(act(&old, signal_outside, ""), 0, "ABI 5 cannot refuse a signal");
}

/* ---- abstract sockets ---- */

static socklen_t hub_length(void) {
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(hub.sun_path + 1));
}

static int connect_hub(const char *unused) {
  (void)unused;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return connect(fd, (struct sockaddr *)&hub, hub_length()) < 0 ? errno : 0;
}

static int send_to_hub(const char *unused) {
  (void)unused;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return sendto(fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&hub, hub_length()) < 0 ? errno : 0;
}

static int own_hub(const char *unused) {
  (void)unused;
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  socklen_t n = sizeof name;
  int server = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int client = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (bind(server, (struct sockaddr *)&name, sizeof(sa_family_t)) < 0 ||
      getsockname(server, (struct sockaddr *)&name, &n) < 0)
    return SETUP_FAILED;
  return connect(client, (struct sockaddr *)&name, n) < 0 ? errno : 0;
}

static void abstract_sockets(void) {
  const struct domain d = {.grants = {"w/"}, .permit = SBX_PERMIT_ALL_FILES | SBX_PERMIT_NET_UNIX};
  const struct domain old = {.abi = 5};
  int server = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  hub = (struct sockaddr_un){.sun_family = AF_UNIX};
  snprintf(hub.sun_path + 1, sizeof hub.sun_path - 1, "sbx-landlock-%d", getpid());
  if (bind(server, (struct sockaddr *)&hub, hub_length()) < 0)
    abort();
  expect(act(&none, connect_hub, ""), 0, "an abstract socket is reached without Landlock");
  expect(act(&none, send_to_hub, ""), 0, "and sent to");
  expect(act(&d, connect_hub, ""), EPERM, "not out of the domain, whatever is permitted");
  expect(act(&d, send_to_hub, ""), EPERM, "nor sent to");
  expect(act(&d, own_hub, ""), 0, "the domain's own may be");
  expect(act(&old, connect_hub, ""), 0, "ABI 5 cannot refuse it");
  close(server);
}

/* ---- TCP ---- */

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return name;
}

static int bound_to(int port) {
  struct sockaddr_in name = loopback(port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return bind(fd, (struct sockaddr *)&name, sizeof name) < 0 ? -errno : fd;
}

static int tcp_connect(const char *unused) {
  (void)unused;
  struct sockaddr_in name = loopback(stream_port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return connect(fd, (struct sockaddr *)&name, sizeof name) < 0 ? errno : 0;
}

static int tcp_connect_six(const char *unused) {
  (void)unused;
  struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)stream_port)};
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &name.sin6_addr);
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return connect(fd, (struct sockaddr *)&name, sizeof name) < 0 ? errno : 0;
}

static int tcp_bind(const char *unused) {
  (void)unused;
  int fd = bound_to(free_port);
  return fd < 0 ? -fd : 0;
}

static int tcp_bind_any(const char *unused) {
  (void)unused;
  int fd = bound_to(0);
  return fd < 0 ? -fd : 0;
}

/* What an HTTP client with a `localAddress` does. */
static int tcp_connect_from(const char *unused) {
  (void)unused;
  struct sockaddr_in name = loopback(stream_port);
  int fd = bound_to(0);
  if (fd < 0)
    return -fd;
  return connect(fd, (struct sockaddr *)&name, sizeof name) < 0 ? errno : 0;
}

static int udp_send(const char *unused) {
  (void)unused;
  struct sockaddr_in name = loopback(stream_port);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return sendto(fd, "x", 1, 0, (struct sockaddr *)&name, sizeof name) < 0 ? errno : 0;
}

static void tcp_of(const char *name, const struct domain *d, int connects, int binds, int any) {
  expect(act(d, tcp_connect, ""), connects, "%s: connect", name);
  expect(act(d, tcp_connect_six, ""), connects, "%s: connect, IPv4 mapped into IPv6", name);
  expect(act(d, tcp_bind, ""), binds, "%s: bind to a port", name);
  expect(act(d, tcp_bind_any, ""), any, "%s: bind to any port", name);
  expect(act(d, tcp_connect_from, ""), connects ? connects == any ? any : connects : any,
         "%s: bind to any port, then connect", name);
  expect(act(d, udp_send, ""), 0, "%s: UDP is not governed", name);
}

static void tcp(void) {
  const struct domain closed = {0}, client = {.permit = SBX_PERMIT_NET},
                      server = {.permit = SBX_PERMIT_NET_LISTEN},
                      both = {.permit = SBX_PERMIT_NET | SBX_PERMIT_NET_LISTEN}, old = {.abi = 3};
  struct sockaddr_in name = {0};
  socklen_t n = sizeof name;
  int listener = bound_to(0), other = bound_to(0);
  if (listener < 0 || other < 0 || listen(listener, 64) < 0 ||
      getsockname(other, (struct sockaddr *)&name, &n) < 0)
    abort();
  free_port = ntohs(name.sin_port);
  getsockname(listener, (struct sockaddr *)&name, &n);
  stream_port = ntohs(name.sin_port);
  close(other);
  tcp_of("without Landlock", &none, 0, 0, 0);
  tcp_of("nothing permitted", &closed, EACCES, EACCES, EACCES);
  tcp_of("clients permitted", &client, 0, EACCES, 0);
  tcp_of("servers permitted", &server, EACCES, 0, 0);
  tcp_of("both permitted", &both, 0, 0, 0);
  tcp_of("ABI 3", &old, 0, 0, 0);
  close(listener);
}

/* ---- the probe and failures ---- */

static void is_report(const struct sbx_report *r, enum sbx_status status, const char *text,
                      const char *mend) {
  bool good = r->status == status && strstr(r->text, text) && strstr(r->mend, mend) &&
              strlen(r->text) < sizeof r->text - 1 && strlen(r->mend) < sizeof r->mend - 1;
  expect(good, 1, "the report says \"%s\"", text);
  if (!good)
    printf("# %d, %s, %s\n", (int)r->status, r->text, r->mend);
}

static void check_in_domain(void *unused) {
  (void)unused;
  const struct domain d = {.grants = {"r/"}};
  struct sbx_report report;
  struct sbx_err err;
  int abi = sbx_landlock_abi();
  for (int i = 0; i < 16; i++)
    if (enter(&d, &err) < 0)
      abort();
  sbx_landlock_probe(&report);
  child_ok(report.status == SBX_STATUS_UNAVAILABLE && strstr(report.text, "restrict_self"),
           "in 16 domains there is no room for another (%s)", report.text);
  child_ok(sbx_landlock_abi() == abi, "the ABI is still known");
}

static void check_no_children_reaped(void *unused) {
  (void)unused;
  struct sbx_report report;
  signal(SIGCHLD, SIG_IGN);
  sbx_landlock_probe(&report);
  child_ok(report.status != SBX_STATUS_UNAVAILABLE, "it works where SIGCHLD is ignored (%s)",
           report.text);
  child_ok(opens("/", O_RDONLY | O_DIRECTORY) == 0, "and confines nobody but its own child");
}

static void probe(void) {
  struct sbx_report r;
  int fds = count_fds();
  sbx_landlock_probe(&r);
  expect(r.status, sbx_landlock_abi() < 3 ? SBX_STATUS_PARTIAL : SBX_STATUS_ENFORCED,
         "the probe finds it working (%s)", r.text);
  expect(count_fds(), fds, "the probe leaves no descriptor");
  sbx_landlock_describe(1, &r);
  is_report(
      &r, SBX_STATUS_PARTIAL, "ABI 1, so: no rename or link across directories",
      "6.12 or newer, which governs all of these (6.2 truncate(2), 6.7 TCP ports, 6.10 ioctl)");
  sbx_landlock_describe(2, &r);
  is_report(&r, SBX_STATUS_PARTIAL, "ABI 2, so: truncate(2) of any file", "Linux 6.12");
  sbx_landlock_describe(3, &r);
  is_report(&r, SBX_STATUS_ENFORCED, "ABI 3, so: no TCP ports", "Linux 6.12");
  sbx_landlock_describe(4, &r);
  is_report(&r, SBX_STATUS_ENFORCED, "ABI 4, so: no ioctl of devices, no scopes", "Linux 6.12");
  sbx_landlock_describe(5, &r);
  is_report(&r, SBX_STATUS_ENFORCED, "ABI 5, so: no scopes", "Linux 6.12");
  sbx_landlock_describe(7, &r);
  is_report(&r, SBX_STATUS_ENFORCED, "ABI 7: files, TCP ports, signals", "");
  sbx_landlock_describe_missing(ENOSYS, &r);
  is_report(&r, SBX_STATUS_UNAVAILABLE, "does not know", "Linux 5.13");
  sbx_landlock_describe_missing(EOPNOTSUPP, &r);
  is_report(&r, SBX_STATUS_UNAVAILABLE, "started without", "lsm=");
  sbx_landlock_describe_missing(EPERM, &r);
  is_report(&r, SBX_STATUS_UNAVAILABLE, "refused", "seccomp profile");
  sbx_landlock_describe_missing(EIO, &r);
  is_report(&r, SBX_STATUS_UNAVAILABLE, strerror(EIO), "");
  in_child(who, check_in_domain, NULL);
  in_child(who, check_no_children_reaped, NULL);
}

static void check_bad_ruleset(void *unused) {
  (void)unused;
  struct sbx_err err = {0};
  int rc = geteuid() == 0 ? -EPERM : sbx_landlock_apply(-1, &err);
  child_ok(rc == -EPERM, "an ordinary user needs no_new_privs");
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  rc = sbx_landlock_apply(-1, &err);
  child_ok(rc == -EBADF && err.errnum == EBADF && err.stage == SBX_STAGE_LANDLOCK,
           "a ruleset that is none is EBADF of stage landlock");
}

static void failures(void) {
  struct sbx_view nothing = {0};
  struct sbx_err err = {0};
  int fd = -1, fds = count_fds();
  for (int abi = 0; abi < 9; abi += 8) {
    int rc = sbx_landlock_prepare(&nothing, 0, abi, &fd, &err);
    expect(rc == -EOPNOTSUPP && err.stage == SBX_STAGE_LANDLOCK && fd == -1, 1,
           "ABI %d is none that can be asked for", abi);
  }
  struct sbx_grant odd = {.access = 'q', .real = "/", .path = "/", .dir = true, .beneath = true};
  struct sbx_view view = {.grants = &odd, .n_grants = 1};
  int rc = sbx_landlock_prepare(&view, 0, sbx_landlock_abi(), &fd, &err);
  expect(rc < 0 && err.stage == SBX_STAGE_LANDLOCK && strstr(err.text, "landlock_add_rule"), 1,
         "an access that is none is an error (%s)", err.text);
  in_child(who, check_bad_ruleset, NULL);
  rc = sbx_landlock_prepare(&nothing, 0, sbx_landlock_abi(), &fd, &err);
  expect(rc == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, 1, "the ruleset closes on exec");
  close(fd);
  expect(count_fds(), fds, "no descriptor is left open");
}

static void cases(void) {
  int abi = sbx_landlock_abi();
  sigset_t urgent, before;
  sigemptyset(&urgent);
  sigaddset(&urgent, SIGURG);
  sigprocmask(SIG_BLOCK, &urgent, &before);
  outside = fork();
  if (outside == 0) {
    pause();
    _exit(0);
  }
  sigprocmask(SIG_SETMASK, &before, NULL);
  if (abi >= 6) {
    signals();
    abstract_sockets();
  } else {
    skip("signals and abstract sockets", "Landlock ABI 6 is the first to govern them");
  }
  if (abi >= 4)
    tcp();
  else
    skip("TCP", "Landlock ABI 4 is the first to govern it");
  probe();
  failures();
  kill(outside, SIGKILL);
  waitpid(outside, NULL, 0);
}

int main(void) {
  if (!mkdtemp(base))
    abort();
  if (sbx_landlock_abi() == 0) {
    who = "all";
    skip("Landlock", "this kernel has none");
  } else {
    as_both_users(cases);
  }
  ok(rmdir(base) == 0, "nothing is left behind");
  return tap_done();
}
