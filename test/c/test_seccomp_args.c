/* SPDX-License-Identifier: MIT */
/* What the system call filter makes of arguments, on the real kernel: sockets, ioctl, fcntl, prctl,
 * metadata of files. As root every case runs twice, once as root and once as uid 65534. */
#include <asm/ioctls.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "seccomp_util.h"

static int socket_answer(int family, int type, int protocol) {
  int fd = socket(family, type, protocol), got = fd < 0 ? errno : 0;
  if (fd >= 0)
    close(fd);
  return got;
}

static void expect_socket(int allowed, int family, int type, int protocol, const char *name) {
  int got = socket_answer(family, type, protocol);
  child_ok(allowed ? got != EACCES && got != EPERM : got == EACCES, "a socket, %s: %s", name,
           strerror(got));
}

static void check_sockets(void *arg) {
  struct setup *setup = arg;
  unsigned permit = setup->options.permit;
  int rules = !!(permit & SBX_PERMIT_NET_RULES);
  int tcp = rules || (permit & (SBX_PERMIT_NET | SBX_PERMIT_NET_LISTEN));
  int boxed = setup->options.boxed_udp;
  int udp = boxed || (permit & (SBX_PERMIT_NET | SBX_PERMIT_NET_UDP)), pair[2];
  int local = !!(permit & SBX_PERMIT_NET_UNIX), client = rules || (permit & SBX_PERMIT_NET);
  apply(setup);
  expect_socket(tcp, AF_INET, SOCK_STREAM, 0, "TCP");
  expect_socket(tcp, AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP, "as libuv");
  expect_socket(tcp, AF_INET6, SOCK_STREAM, 0, "TCP over IPv6");
  expect_socket(udp, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, "UDP");
  expect_socket(local, AF_UNIX, SOCK_STREAM, 0, "unix");
  expect_socket(local, AF_UNIX, SOCK_DGRAM, 0, "unix datagrams");
  expect_socket(0, AF_INET, SOCK_STREAM, 262, "MPTCP");
  expect_socket(0, AF_INET, SOCK_DGRAM, IPPROTO_ICMP, "ICMP");
  expect_socket(0, AF_INET, SOCK_RAW, IPPROTO_ICMP, "raw");
  expect_socket(0, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, "netlink");
  expect_socket(0, AF_PACKET, SOCK_RAW, 0, "packet");
  expect_socket(0, AF_VSOCK, SOCK_STREAM, 0, "vsock");
  expect_socket(0, AF_ALG, SOCK_SEQPACKET, 0, "crypto");
  EXPECT(0, "socketpair", " of streams", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, (long)pair);
  EXPECT(0, "socketpair", " of packets", AF_UNIX, SOCK_SEQPACKET, 0, (long)pair);
  EXPECT(local ? 0 : EACCES, "socketpair", " of datagrams", AF_UNIX, SOCK_DGRAM, 0, (long)pair);
  EXPECT(EACCES, "socketpair", " of TIPC", AF_TIPC, SOCK_STREAM, 0, (long)pair);
  int connects = client || (local && !(permit & SBX_PERMIT_NET_LISTEN)) ||
                 ((permit & SBX_PERMIT_NET_UDP) && !(permit & SBX_PERMIT_NET_LISTEN)) ||
                 ((local || udp) && setup->options.connect_governed);
  EXPECT(connects ? EBADF : EACCES, "connect", "", -1, BAD, 16);
  int binds = rules ? udp || (permit & SBX_PERMIT_NET_LISTEN) : tcp || udp || local;
  EXPECT(binds ? EBADF : EACCES, "bind", "", -1, BAD, 16);
  int listens = (permit & SBX_PERMIT_NET_LISTEN) || (local && !tcp);
  EXPECT(listens ? EBADF : EACCES, "listen", "", -1);
  EXPECT(listens ? EBADF : EACCES, "accept4", "", -1);
  EXPECT(EBADF, "sendto", " without an address", -1, (long)"", 1, 0, 0);
  EXPECT(udp || local ? EBADF : EACCES, "sendto", " an address", -1, (long)"", 1, 0, BAD);
  EXPECT(EACCES, "sendto", " by TCP Fast Open", -1, (long)"", 1, MSG_FASTOPEN, BAD);
  EXPECT(EACCES, "sendmsg", " by TCP Fast Open", -1, BAD, MSG_FASTOPEN | MSG_DONTWAIT);
  int sends = rules || tcp || udp || local ? EBADF : EACCES;
  EXPECT(sends, "sendmsg", "", -1, BAD, MSG_DONTWAIT);
  EXPECT(sends, "sendmmsg", "", -1, BAD, 1, MSG_DONTWAIT);
  EXPECT(EACCES, "sendmmsg", " by TCP Fast Open", -1, BAD, 1, MSG_FASTOPEN);
  EXPECT(EPERM, "setsockopt", " of a filter", -1, SOL_SOCKET, SO_ATTACH_FILTER, BAD, 16);
  EXPECT(EPERM, "setsockopt", " of TLS in the kernel", -1, IPPROTO_TCP, 31, BAD, 3);
  int steers = rules ? EPERM : EBADF;
  EXPECT(steers, "setsockopt", " of a device", -1, SOL_SOCKET, SO_BINDTODEVICE, BAD, 16);
  EXPECT(steers, "setsockopt", " of a device's number", -1, SOL_SOCKET, 62, BAD, 4);
  EXPECT(steers, "setsockopt", " of a route", -1, IPPROTO_IP, IP_OPTIONS, BAD, 4);
  EXPECT(steers, "setsockopt", " of a route, IPv6", -1, IPPROTO_IPV6, IPV6_RTHDR, BAD, 4);
  EXPECT(steers, "setsockopt", " of a late connect", -1, IPPROTO_TCP, 30, BAD, 4);
  int sized = permit & (SBX_PERMIT_NET | SBX_PERMIT_NET_UDP) ? EBADF : 0;
  EXPECT(sized, "setsockopt", " of a larger buffer", -1, SOL_SOCKET, SO_SNDBUF, BAD, 4);
  EXPECT(sized, "setsockopt", " of a larger buffer to receive", -1, SOL_SOCKET, SO_RCVBUF, BAD, 4);
  EXPECT(sized, "setsockopt", " of a buffer beyond", -1, SOL_SOCKET, SO_SNDBUFFORCE, BAD, 4);
  EXPECT(EBADF, "setsockopt", " of keep-alive", -1, SOL_SOCKET, SO_KEEPALIVE, BAD, 4);
  EXPECT(EBADF, "setsockopt", " of what is harmless", -1, IPPROTO_TCP, 1, BAD, 4);
}

/* A packet pair has no other end than its own: the address in a message is not looked at. */
static void check_pairs_stay_pairs(void *arg) {
  static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};
  struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0sbx-test-elsewhere"};
  struct iovec part = {"x", 1};
  struct msghdr message = {
      .msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &part, .msg_iovlen = 1};
  int elsewhere = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), pair[2];
  char got;
  snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "sbx-test-%d", getpid());
  if (elsewhere < 0 || bind(elsewhere, (struct sockaddr *)&name, sizeof name) < 0 ||
      socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
    abort();
  child_ok(sendmsg(pair[0], &message, 0) == 1 && recv(elsewhere, &got, 1, MSG_DONTWAIT) == 1,
           "without the filter a datagram pair sends elsewhere");
  apply(arg);
  for (int i = 0; i < 2; i++) {
    if (socketpair(AF_UNIX, types[i], 0, pair) < 0)
      abort();
    ssize_t n = sendmsg(pair[0], &message, MSG_NOSIGNAL);
    child_ok(recv(elsewhere, &got, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN,
             "a pair of type %d does not (%zd)", types[i], n);
  }
}

static void check_ioctl(void *arg) {
  int pipes[2], value = 0;
  unsigned long garbage = 0xdeadbeef00000000;
  if (pipe2(pipes, O_CLOEXEC) < 0)
    abort();
  EXPECT(ENOTTY, "ioctl", " TIOCSTI without the filter", pipes[0], TIOCSTI, (long)"x");
  apply(arg);
  EXPECT(EPERM, "ioctl", " TIOCSTI", pipes[0], TIOCSTI, (long)"x");
  EXPECT(EPERM, "ioctl", " TIOCSTI with garbage above it", pipes[0], (long)(garbage | TIOCSTI),
         (long)"x");
  EXPECT(EPERM, "ioctl", " TIOCLINUX", pipes[0], TIOCLINUX, (long)"x");
  EXPECT(EPERM, "ioctl", " TIOCLINUX with garbage above it", pipes[0], (long)(garbage | TIOCLINUX));
  EXPECT(EPERM, "ioctl", " TIOCSETD", -1, TIOCSETD);
  EXPECT(ENOTTY, "ioctl", " of a file's flags", -1, FS_IOC_SETFLAGS, BAD);
  EXPECT(0, "ioctl", " FIONREAD", pipes[0], FIONREAD, (long)&value);
  EXPECT(0, "ioctl", " FIONBIO", pipes[0], FIONBIO, (long)&value);
  EXPECT(0, "ioctl", " FIOCLEX", pipes[0], FIOCLEX);
  EXPECT(ENOTTY, "ioctl", " TCGETS", pipes[0], TCGETS, BAD);
  EXPECT(EBADF, "ioctl", " FICLONE", -1, FICLONE, -1);
}

static void check_fcntl(void *arg) {
  struct setup *setup = arg;
  int fd = memfd_create("locked", MFD_CLOEXEC);
  struct flock lock = {.l_type = F_WRLCK};
  int refused = setup->options.permit & SBX_PERMIT_WRITE ? 0 : EPERM;
  apply(setup);
  EXPECT(refused, "fcntl", " F_SETLK", fd, F_SETLK, (long)&lock);
  EXPECT(refused, "fcntl", " F_SETLKW", fd, F_SETLKW, (long)&lock);
  EXPECT(refused, "fcntl", " F_GETLK", fd, F_GETLK, (long)&lock);
  EXPECT(refused ? refused : EFAULT, "fcntl", " F_OFD_SETLK", fd, F_OFD_SETLK, BAD);
  EXPECT(refused ? refused : EFAULT, "fcntl", " F_OFD_SETLKW", fd, F_OFD_SETLKW, BAD);
  EXPECT(EPERM, "flock", "", fd, 2 /* LOCK_EX */);
  EXPECT(EPERM, "fcntl", " F_SETLEASE", fd, F_SETLEASE, F_RDLCK);
  EXPECT(EPERM, "fcntl", " F_NOTIFY", fd, F_NOTIFY, 0);
  EXPECT(EPERM, "fcntl", " F_SETSIG", fd, F_SETSIG, SIGUSR1);
  EXPECT(EPERM, "fcntl", " F_SETOWN", fd, F_SETOWN, setup->sibling);
  EXPECT(EPERM, "fcntl", " F_SETOWN_EX", fd, F_SETOWN_EX, BAD);
  EXPECT(EPERM, "fcntl", " F_SETPIPE_SZ", fd, F_SETPIPE_SZ, 4096);
  EXPECT(EBADF, "fcntl", " F_GETPIPE_SZ", fd, F_GETPIPE_SZ);
  EXPECT(0, "fcntl", " F_GETFL", fd, F_GETFL);
  EXPECT(0, "fcntl", " F_SETFL", fd, F_SETFL, O_NONBLOCK);
  EXPECT(0, "fcntl", " F_DUPFD_CLOEXEC", fd, F_DUPFD_CLOEXEC, 0);
  EXPECT(EINVAL, "fcntl", " of something new", fd, 4000);
}

static void check_prctl(void *arg) {
  unsigned long high = 1ul << 32;
  apply(arg);
  EXPECT(0, "prctl", " PR_SET_NAME", PR_SET_NAME, (long)"renamed");
  EXPECT(0, "prctl", " PR_SET_DUMPABLE 0", PR_SET_DUMPABLE, 0);
  EXPECT(EPERM, "prctl", " PR_SET_DUMPABLE 1", PR_SET_DUMPABLE, 1);
  EXPECT(EPERM, "prctl", " PR_SET_DUMPABLE 1 with garbage above it", (long)(high | PR_SET_DUMPABLE),
         (long)(high | 1));
  EXPECT(EPERM, "prctl", " PR_SET_DUMPABLE of a 0 that is none", PR_SET_DUMPABLE, (long)high);
  EXPECT(0, "prctl", " PR_SET_PDEATHSIG to SIGKILL", PR_SET_PDEATHSIG, SIGKILL);
  EXPECT(EPERM, "prctl", " PR_SET_PDEATHSIG to nothing", PR_SET_PDEATHSIG, 0);
  EXPECT(EPERM, "prctl", " PR_SET_SECCOMP", PR_SET_SECCOMP, 99);
  EXPECT(EPERM, "prctl", " PR_SET_MM", PR_SET_MM, 99);
  EXPECT(EPERM, "prctl", " PR_SET_PTRACER", PR_SET_PTRACER, -1);
  EXPECT(EPERM, "prctl", " PR_SET_SECUREBITS", PR_SET_SECUREBITS, 0);
  EXPECT(EPERM, "prctl", " PR_SET_CHILD_SUBREAPER", PR_SET_CHILD_SUBREAPER, 1);
  EXPECT(0, "personality", " is asked for", 0xffffffff);
  EXPECT(0, "personality", " is reset", PER_LINUX);
  EXPECT(EPERM, "personality", " without random addresses", ADDR_NO_RANDOMIZE);
  EXPECT(EPERM, "personality", " with readable code", READ_IMPLIES_EXEC);
  EXPECT(EPERM, "personality", " of another system", PER_SVR4);
#ifdef __x86_64__
  EXPECT(EINVAL, "arch_prctl", " of something else", 0x2001, BAD); /* ARCH_MAP_VDSO_X32 */
  EXPECT(EPERM, "iopl", "", 5);
  EXPECT(EPERM, "ioperm", "", 0, -1, 1);
  EXPECT(EPERM, "modify_ldt", "", 1, BAD);
#endif
}

static void check_metadata(void *arg) {
  struct setup *setup = arg;
  int refused = setup->options.read_only_mounts ? EFAULT : EPERM;
  apply(setup);
#ifdef __x86_64__
  EXPECT(refused, "chmod", "", BAD, 0);
  EXPECT(refused, "chown", "", BAD, -1, -1);
  EXPECT(refused, "utime", "", BAD, 0);
  EXPECT(refused, "utimes", "", BAD, 0);
  EXPECT(EFAULT, "mknod", " of a file", BAD, S_IFREG | 0600);
  EXPECT(EPERM, "mknod", " of a device", BAD, S_IFCHR | 0600);
#endif
  bool ignored = refused == EPERM && (setup->options.permit & SBX_PERMIT_WRITE);
  EXPECT(ignored ? 0 : refused == EPERM ? EPERM : EBADF, "fchmod", "", -1, 0);
  EXPECT(refused, "fchmodat", "", AT_FDCWD, BAD, 0);
  EXPECT(refused, "fchownat", "", AT_FDCWD, BAD, -1, -1);
  EXPECT(refused, "utimensat", "", AT_FDCWD, BAD, 0);
  EXPECT(refused, "setxattr", "", BAD, (long)"user.a", 0, 0, 0);
  EXPECT(refused, "removexattr", "", BAD, (long)"user.a");
  EXPECT(refused, "getxattr", "", BAD, (long)"user.a", 0, 0);
  EXPECT(EFAULT, "mknodat", " of a pipe", AT_FDCWD, BAD, S_IFIFO | 0600);
  EXPECT(EFAULT, "mknodat", " of a file", AT_FDCWD, BAD, 0600);
  EXPECT(EPERM, "mknodat", " of a device", AT_FDCWD, BAD, S_IFBLK | 0600);
  EXPECT(EPERM, "mknodat", " of a socket", AT_FDCWD, BAD, S_IFSOCK | 0600);
  EXPECT(EFAULT, "renameat2", "", AT_FDCWD, BAD, AT_FDCWD, BAD, 0);
  EXPECT(EFAULT, "linkat", "", AT_FDCWD, BAD, AT_FDCWD, BAD, 0);
  EXPECT(EFAULT, "openat", "", AT_FDCWD, BAD, O_RDONLY);
}

/* Whether a page of the file is in the page cache. */
static int is_cached(int fd) {
  unsigned char there = 0;
  void *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED || mincore(at, 4096, &there) < 0)
    abort();
  munmap(at, 4096);
  return there & 1;
}

/* A file of this process, so that the kernel lets it say so. Some file systems keep all pages. */
static void check_advice(void *arg) {
  char path[] = "/tmp/sbx-advice-XXXXXX", text[4096] = "x";
  int fd = mkostemp(path, O_CLOEXEC);
  if (fd < 0 || write(fd, text, sizeof text) != sizeof text || fsync(fd) < 0 || unlink(path) < 0)
    abort();
  int drops = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0 && !is_cached(fd);
  if (pread(fd, text, sizeof text, 0) != sizeof text)
    abort();
  char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  apply(arg);
  EXPECT(0, "fadvise64", " says that its pages are dropped", fd, 0, 0, POSIX_FADV_DONTNEED);
  child_ok(is_cached(fd), "but they are there%s", drops ? "" : ", as without the filter here");
  EXPECT(0, "fadvise64", " that are read in a row", fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  EXPECT(EINVAL, "fadvise64", " that the kernel does not know", fd, 0, 0, 99);
  EXPECT(EINVAL, "madvise", " to push pages out", (long)at, 4096, 21);
  EXPECT(EINVAL, "madvise", " that pages are cold", (long)at, 4096, 20);
  EXPECT(EINVAL, "madvise", " that pages may be merged", (long)at, 4096, 12);
  EXPECT(0, "madvise", " that pages are not needed", (long)at, 4096, MADV_DONTNEED);
  EXPECT(0, "madvise", " that pages may go", (long)at, 4096, MADV_FREE);
}

static const struct seccomp_case cases[] = {
    {"sockets, none", check_sockets, {.exec_fd = -1}},
    {"sockets, net", check_sockets, {.permit = SBX_PERMIT_NET, .exec_fd = -1}},
    {"sockets, listen", check_sockets, {.permit = SBX_PERMIT_NET_LISTEN, .exec_fd = -1}},
    {"sockets, udp", check_sockets, {.permit = SBX_PERMIT_NET_UDP, .exec_fd = -1}},
    {"sockets, unix", check_sockets, {.permit = SBX_PERMIT_NET_UNIX, .exec_fd = -1}},
    {"sockets, net and unix",
     check_sockets,
     {.permit = SBX_PERMIT_NET | SBX_PERMIT_NET_UNIX, .exec_fd = -1}},
    {"sockets, listen, udp and unix",
     check_sockets,
     {.permit = SBX_PERMIT_NET_LISTEN | SBX_PERMIT_NET_UDP | SBX_PERMIT_NET_UNIX, .exec_fd = -1}},
    {"sockets, listen and unix, governed",
     check_sockets,
     {.permit = SBX_PERMIT_NET_LISTEN | SBX_PERMIT_NET_UNIX,
      .connect_governed = true,
      .exec_fd = -1}},
    {"sockets, rules", check_sockets, {.permit = SBX_PERMIT_NET_RULES, .exec_fd = -1}},
    {"sockets, rules, UDP that leads to the stub",
     check_sockets,
     {.permit = SBX_PERMIT_NET_RULES, .boxed_udp = true, .exec_fd = -1}},
    {"sockets, rules and listen",
     check_sockets,
     {.permit = SBX_PERMIT_NET_RULES | SBX_PERMIT_NET_LISTEN, .exec_fd = -1}},
    {"sockets, rules and udp",
     check_sockets,
     {.permit = SBX_PERMIT_NET_RULES | SBX_PERMIT_NET_UDP, .exec_fd = -1}},
    {"sockets, rules and unix",
     check_sockets,
     {.permit = SBX_PERMIT_NET_RULES | SBX_PERMIT_NET_UNIX, .exec_fd = -1}},
    {"pairs", check_pairs_stay_pairs, {.permit = SBX_PERMIT_NET, .exec_fd = -1}},
    {"ioctl", check_ioctl, {.exec_fd = -1}},
    {"fcntl", check_fcntl, {.exec_fd = -1}},
    {"fcntl, write", check_fcntl, {.permit = SBX_PERMIT_WRITE, .exec_fd = -1}},
    {"prctl", check_prctl, {.exec_fd = -1}},
    {"advice", check_advice, {.exec_fd = -1}},
    {"metadata", check_metadata, {.exec_fd = -1}},
    {"metadata, writing", check_metadata, {.permit = SBX_PERMIT_WRITE, .exec_fd = -1}},
    {"metadata, read-only mounts", check_metadata, {.read_only_mounts = true, .exec_fd = -1}},
};

static void all_cases(const char *who) {
  run_cases(who, cases, sizeof cases / sizeof *cases);
}

int main(void) {
  return run_for_all(all_cases);
}
