/* SPDX-License-Identifier: MIT */
/* The filter behind the broker of connections. In the guest until its execve, or until it is one
 * that was forked. */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/policy.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "the listener does not know this architecture's system calls"
#endif

#define SEND_TRIES 5000   /* a millisecond apart */
#define NEVER 0xffffffffu /* no system call's number */
#define LOW(arg) (offsetof(struct seccomp_data, args) + sizeof(uint64_t) * (arg))
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the halves of arguments are the other way round"
#endif

static int load(bool sockets, bool binds, unsigned permit) {
  bool udp = permit & SBX_PERMIT_NET_UDP, local = permit & SBX_PERMIT_NET_UNIX;
  uint32_t listens = permit & SBX_PERMIT_NET_LISTEN ? SYS_listen : NEVER;
  /* Other architectures, and x32, are killed by the filter that follows. A unix socket is the
   * guest's own, and so is a message that goes where its socket is connected to. */
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 0, 15),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 12, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, binds ? SYS_bind : NEVER, 11, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, listens, 10, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, udp ? SYS_sendmsg : NEVER, 9, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, udp ? SYS_sendmmsg : NEVER, 8, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, udp ? SYS_sendto : NEVER, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sockets ? SYS_socket : NEVER, 4, 7),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW(4)), /* sendto(2): its address */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 4),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW(4) + 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW(0)), /* socket(2): its family */
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, local ? AF_UNIX : NEVER, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog prog = {sizeof code / sizeof *code, code};
  /* Without WAIT_KILLABLE_RECV: a signal must be able to end a connect(2) that takes long. */
  long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
  return fd < 0 ? -errno : (int)fd;
}

static int send_fd(int sock, int fd) {
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof fd)];
  } control;
  char byte = 0;
  struct iovec io = {&byte, 1};
  struct msghdr msg = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control.room};
  memset(&control, 0, sizeof control);
  control.head.cmsg_level = SOL_SOCKET;
  control.head.cmsg_type = SCM_RIGHTS;
  control.head.cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
  /* The kernel counts what all processes of this user have on the way, runs that wait for a busy
   * zygote among it, and holds the sum against the guest's own limit of descriptors. */
  for (int tries = 0; sendmsg(sock, &msg, MSG_NOSIGNAL) < 0; tries++) {
    if (errno != ETOOMANYREFS || tries == SEND_TRIES)
      return -errno;
    poll(NULL, 0, 1);
  }
  return 0;
}

/* With sendmsg(2) among the calls handed over, who has loaded the filter cannot send its listener
 * to who would answer. So a process that shares our descriptors, and is outside of the filter,
 * sends it once it is told the number. Returns its pid or -errno. */
static pid_t start_sender(int told, int sock) {
  pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
  if (pid != 0)
    return pid < 0 ? -errno : pid;
  int fd, rc = -EPIPE;
  if (sbx_read_full(told, &fd, sizeof fd) == (ssize_t)sizeof fd && fd >= 0)
    rc = send_fd(sock, fd);
  _exit(-rc & 0xff);
}

/* Its exit status is how it went: 0 or an errno. */
static int await_sender(pid_t pid) {
  int status;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      return -errno;
  return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPIPE;
}

/* Loads the filter and has its listener sent. What fails is in *sent unless it is the loading. */
static int load_and_send(bool sockets, bool binds, unsigned permit, int sock, int *sent) {
  SBX_AUTO_FD int told = -1;
  SBX_AUTO_FD int tell = -1;
  int ends[2];
  pid_t sender = 0;
  if (permit & SBX_PERMIT_NET_UDP) {
    if (pipe2(ends, O_CLOEXEC) < 0)
      return *sent = -errno;
    told = ends[0];
    tell = ends[1];
    sender = start_sender(told, sock);
    if (sender < 0)
      return *sent = sender;
  }
  SBX_AUTO_FD int fd = load(sockets, binds, permit);
  if (sender == 0) {
    *sent = fd < 0 ? 0 : send_fd(sock, fd);
  } else {
    bool wrote = sbx_write_full(tell, &fd, sizeof fd) == 0;
    *sent = await_sender(sender);
    if (!wrote && *sent == 0)
      *sent = -EPIPE;
  }
  return fd < 0 ? fd : 0;
}

int sbx_listener_install(bool sockets, bool binds, unsigned permit, int sock, struct sbx_err *err) {
  int sent = 0, rc = load_and_send(sockets, binds, permit, sock, &sent);
  if (rc < 0)
    return sbx_err_set(err, SBX_STAGE_SECCOMP, -rc,
                       "the filter that hands connections over cannot be loaded (errno %d)%s", -rc,
                       rc == -EBUSY ? ": one above it has a listener already" : "");
  if (sent < 0)
    return sbx_err_set(err, SBX_STAGE_SECCOMP, -sent, "the listener cannot be sent (errno %d)",
                       -sent);
  return 0;
}

int sbx_listener_admit(int sock, struct sbx_err *err) {
  struct ucred who;
  socklen_t len = sizeof who;
  if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 ||
      prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
    return sbx_err_set(err, SBX_STAGE_SECCOMP, errno, "the broker is not let in (errno %d)", errno);
  /* EINVAL: without Yama nobody has to be named. */
  if (prctl(PR_SET_PTRACER, (unsigned long)who.pid, 0, 0, 0) < 0 && errno != EINVAL)
    return sbx_err_set(err, SBX_STAGE_SECCOMP, errno, "PR_SET_PTRACER (errno %d)", errno);
  return 0;
}

static bool is_listener(int fd) {
  static const char name[] = "anon_inode:seccomp notify";
  char path[32], text[sizeof name];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return readlink(path, text, sizeof text) == (ssize_t)sizeof name - 1 &&
         memcmp(text, name, sizeof name - 1) == 0;
}

int sbx_listener_take(int sock) {
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
  } control;
  char byte;
  struct iovec io = {&byte, 1};
  struct msghdr msg = {.msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = CMSG_LEN(sizeof(int))}; /* no room for a second one */
  int fd;
  ssize_t n;
  do
    n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return -errno;
  const struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
  if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS ||
      head->cmsg_len != CMSG_LEN(sizeof fd))
    return -ECONNRESET;
  memcpy(&fd, CMSG_DATA(head), sizeof fd);
  if (is_listener(fd))
    return fd;
  sbx_fd_close(&fd);
  return -EPROTO;
}
