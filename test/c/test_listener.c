/* SPDX-License-Identifier: MIT */
/* The way of a listener from a guest to its broker: what is taken from it, of a sender that may be
 * hostile, and whom a guest without namespaces lets in. The broker itself: test_broker.c. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tap.h"
#include "util.h"

#include "../../src/core/policy.h"
#include "../../src/guards/listener.h"

static void drop_to_nobody(void) {
  if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
                         setresuid(65534, 65534, 65534) < 0))
    _exit(1);
}

static void open_pair(int pair[2]) {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
      fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0)
    abort();
}

/* As many copies of a descriptor as there are, at most 4. */
static void send_copies(int sock, int fd, int n) {
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(4 * sizeof fd)];
  } control;
  char byte = 0;
  struct iovec io = {&byte, 1};
  struct msghdr msg = {.msg_iov = &io, .msg_iovlen = 1};
  memset(&control, 0, sizeof control);
  if (n > 0) {
    msg.msg_control = &control;
    msg.msg_controllen = CMSG_SPACE((size_t)n * sizeof fd);
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN((size_t)n * sizeof fd);
    for (int i = 0; i < n; i++)
      memcpy(CMSG_DATA(&control.head) + (size_t)i * sizeof fd, &fd, sizeof fd);
  }
  if (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
    abort();
}

static void test_hostile(void) {
  int pair[2], ends[2], before = count_fds();
  open_pair(pair);
  if (pipe2(ends, O_CLOEXEC) < 0)
    abort();
  ok(sbx_listener_take(pair[0]) == -EAGAIN, "nothing has come yet");
  int open = count_fds();
  send_copies(pair[1], -1, 0);
  ok(sbx_listener_take(pair[0]) == -ECONNRESET, "a message without a descriptor");
  send_copies(pair[1], ends[0], 1);
  ok(sbx_listener_take(pair[0]) == -EPROTO, "a descriptor of something else");
  send_copies(pair[1], pair[1], 1);
  ok(sbx_listener_take(pair[0]) == -EPROTO, "the way itself");
  send_copies(pair[1], ends[0], 2);
  ok(sbx_listener_take(pair[0]) == -EPROTO, "two of them");
  send_copies(pair[1], ends[0], 4);
  ok(sbx_listener_take(pair[0]) == -EPROTO, "four of them");
  ok(count_fds() == open, "none of them stays open");
  close(pair[1]);
  ok(sbx_listener_take(pair[0]) == -ECONNRESET, "an end that was closed");
  close(pair[0]);
  close(ends[0]);
  close(ends[1]);
  ok(count_fds() == before, "and nothing else");
}

static void install(void *arg) {
  const unsigned *permit = arg;
  struct sbx_err err = {0};
  int pair[2], before = count_fds();
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  open_pair(pair);
  child_ok(sbx_listener_install(true, false, *permit, pair[1], &err) == 0, "a listener is sent");
  int listener = sbx_listener_take(pair[0]);
  child_ok(listener >= 0 && fcntl(listener, F_GETFD) == FD_CLOEXEC, "and taken");
  child_ok(sbx_listener_take(pair[0]) == -EAGAIN, "it is the only one");
  child_ok(sbx_listener_install(true, false, *permit, pair[1], &err) == -EBUSY,
           "a chain of filters has one");
  close(listener);
  close(pair[0]);
  close(pair[1]);
  child_ok(count_fds() == before, "its sender keeps nothing of it");
}

/* As of a user whose other processes have more on the way than a guest may have open. */
static void send_late(void *arg) {
  struct sbx_err err = {0};
  struct rlimit limit = {8, 8};
  int pair[2], others[2];
  (void)arg;
  drop_to_nobody();
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  open_pair(others);
  open_pair(pair);
  for (int i = 0; i < 8; i++)
    send_copies(others[1], pair[0], 4);
  pid_t reader = fork();
  if (reader == 0) {
    poll(NULL, 0, 100);
    _exit(0); /* What nobody can receive any more is on no way. */
  }
  close(others[0]);
  close(others[1]);
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
    _exit(1);
  child_ok(sbx_listener_install(true, false, 0, pair[1], &err) == 0, "a listener is sent: %s",
           err.text);
  child_ok(sbx_listener_take(pair[0]) >= 0, "and taken");
  waitpid(reader, NULL, 0);
}

/* A guest, forked by a process that is not dumpable. Tells by a byte that it is ready. */
static void __attribute__((noreturn)) be_guest(int sock, int ready, bool admits) {
  struct sbx_err err = {0};
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  int rc = admits ? sbx_listener_admit(sock, &err) : 0;
  if (write(ready, "", rc == 0) != 1)
    _exit(1);
  pause();
  _exit(0);
}

static void admit(void *arg) {
  static char secret[] = "memory";
  const bool *admits = arg;
  char copy[sizeof secret], byte;
  struct iovec mine = {copy, sizeof copy}, theirs = {secret, sizeof secret};
  int pair[2], ends[2];
  drop_to_nobody();
  open_pair(pair);
  if (pipe2(ends, O_CLOEXEC) < 0)
    _exit(1);
  pid_t guest = fork();
  if (guest == 0)
    be_guest(pair[1], ends[1], *admits);
  close(ends[1]);
  child_ok(read(ends[0], &byte, 1) == 1, "there is a guest");
  /* A broker is no ancestor of it, but a child of who has made the pair. */
  pid_t broker = fork();
  if (broker == 0)
    _exit(process_vm_readv(guest, &mine, 1, &theirs, 1, 0) == (ssize_t)sizeof secret ? 0 : errno);
  int status = -1;
  waitpid(broker, &status, 0);
  int answer = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  child_ok(answer == (*admits ? 0 : EPERM), "its memory: %s", strerror(answer));
  kill(guest, SIGKILL);
  waitpid(guest, NULL, 0);
}

/* Yama, which a kernel may have or not: it knows the process that is to be let in, or refuses. */
static void play_yama(uint32_t pid, uint32_t answer) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 5),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_PTRACER, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, pid, 2, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ESRCH),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | answer), /* 0: it returns 0 */
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
    abort();
}

static void name_tracer(void *arg) {
  const int *answer = arg;
  struct sbx_err err = {0};
  int pair[2];
  open_pair(pair);
  /* The guest is another process than who has made the pair. */
  pid_t maker = getpid(), guest = fork();
  if (guest == 0) {
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
      _exit(1);
    play_yama((uint32_t)maker, (uint32_t)*answer);
    int rc = sbx_listener_admit(pair[1], &err);
    bool taken = *answer == 0 || *answer == EINVAL;
    _exit(taken ? rc == 0 && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1 ? 0 : 2
          : rc == -*answer && strstr(err.text, "PR_SET_PTRACER") ? 0
                                                                 : 3);
  }
  int status = -1;
  waitpid(guest, &status, 0);
  child_ok(status == 0, "the maker of the pair is named, and the answer heeded (%x)",
           (unsigned)status);
}

int main(void) {
  static int answers[] = {0, EINVAL, EPERM};
  static unsigned permits[] = {0, SBX_PERMIT_NET_UDP};
  static bool admits[] = {false, true};
  test_hostile();
  in_child("TCP", install, &permits[0]);
  in_child("UDP as well", install, &permits[1]);
  in_child("over the limit of what is on the way", send_late, NULL);
  in_child("a guest that is not dumpable", admit, &admits[0]);
  in_child("a guest that lets its broker in", admit, &admits[1]);
  in_child("Yama", name_tracer, &answers[0]);
  in_child("no Yama", name_tracer, &answers[1]);
  in_child("Yama that refuses", name_tracer, &answers[2]);
  return tap_done();
}
