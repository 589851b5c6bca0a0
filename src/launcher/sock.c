/* SPDX-License-Identifier: MIT */
/* Sockets of a guest, which is free to change what it can about them at any moment. */
#include "sock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "../core/proc.h"

static void on_alarm(int signal) {
  (void)signal;
}

/* A guest can clear O_NONBLOCK on its socket between our setting it and our connect(2). While this
 * is on, such a call fails with EINTR after a few milliseconds, and goes on by itself as if it had
 * been non-blocking. For connect(2) only: a signal in the middle of SECCOMP_ADDFD_FLAG_SEND lets
 * the guest's call return 0. */
static void limit_time(bool on) {
  struct itimerval every = {0};
  if (on)
    every.it_interval.tv_usec = every.it_value.tv_usec = 3000;
  setitimer(ITIMER_REAL, &every, NULL);
}

int sbx_sock_init(void) {
  struct sigaction act = {.sa_handler = on_alarm}; /* no SA_RESTART */
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  if (sigaction(SIGALRM, &act, NULL) < 0 || sigprocmask(SIG_UNBLOCK, &set, NULL) < 0)
    return -errno;
  return 0;
}

uint64_t sbx_sock_patience(int sock) {
  struct timeval t = {0};
  socklen_t len = sizeof t;
  if (getsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &t, &len) < 0 || (t.tv_sec == 0 && t.tv_usec == 0))
    return SBX_SOCK_FOREVER;
  uint64_t now = sbx_now_mono_ns();
  uint64_t seconds = (uint64_t)t.tv_sec;
  if (seconds > (SBX_SOCK_FOREVER - now) / 1000000000u - 1)
    return SBX_SOCK_FOREVER;
  return now + seconds * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

int sbx_sock_connect(int sock, int flags, const struct sbx_netaddr *addr) {
  struct sockaddr_storage sa;
  socklen_t len = sbx_netaddr_sockaddr(addr, &sa);
  int error = 0;
  bool blocking = !(flags & O_NONBLOCK);
  if (blocking)
    fcntl(sock, F_SETFL, flags | O_NONBLOCK);
  limit_time(true);
  if (connect(sock, (struct sockaddr *)&sa, len) < 0)
    error = errno == EINTR ? EINPROGRESS : errno; /* EINTR: see limit_time() */
  limit_time(false);
  if (blocking)
    fcntl(sock, F_SETFL, flags);
  return error;
}

bool sbx_sock_is_under_way(int error) {
  return error == EINPROGRESS || error == EALREADY;
}

enum sbx_sock_kind sbx_sock_kind(int sock) {
  int domain = 0, type = 0, protocol = 0;
  socklen_t a = sizeof domain, b = sizeof type, c = sizeof protocol;
  if (getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &domain, &a) < 0 ||
      getsockopt(sock, SOL_SOCKET, SO_TYPE, &type, &b) < 0 ||
      getsockopt(sock, SOL_SOCKET, SO_PROTOCOL, &protocol, &c) < 0)
    return SBX_SOCK_OTHER;
  if (domain == AF_UNIX)
    return SBX_SOCK_UNIX;
  if (domain != AF_INET && domain != AF_INET6)
    return SBX_SOCK_OTHER;
  if (type == SOCK_STREAM && protocol == IPPROTO_TCP)
    return SBX_SOCK_TCP;
  return type == SOCK_DGRAM && protocol == IPPROTO_UDP ? SBX_SOCK_UDP : SBX_SOCK_OTHER;
}
