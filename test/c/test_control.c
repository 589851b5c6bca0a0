/* SPDX-License-Identifier: MIT */
/* Control messages: every type goes through with its descriptors, and no bad message leaks one. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tap.h"
#include "util.h"

#include "../../src/core/control.h"

static const uint32_t types[] = {SBX_CTL_READY, SBX_CTL_FATAL,   SBX_CTL_RUN,    SBX_CTL_TERM,
                                 SBX_CTL_KILL,  SBX_CTL_STARTED, SBX_CTL_FAILED, SBX_CTL_EXIT,
                                 SBX_CTL_GRANT, SBX_CTL_GRANTED, SBX_CTL_NET,    SBX_CTL_SPARES,
                                 SBX_CTL_ASK,   SBX_CTL_BEGIN};
#define TYPES (sizeof types / sizeof types[0])

static void make_pair(int s[2]) {
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) < 0)
    abort();
}

static void close_pair(const int s[2]) {
  close(s[0]);
  close(s[1]);
}

/* What the codec never would: any bytes, any number of descriptors. */
static void send_raw(int sock, const void *bytes, size_t n, int nfds) {
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * 64)];
  } room;
  struct iovec iov = {(void *)bytes, n};
  struct msghdr head = {.msg_iov = &iov, .msg_iovlen = 1};
  int fds[64];
  memset(&room, 0, sizeof room);
  for (int i = 0; i < nfds; i++)
    fds[i] = STDERR_FILENO;
  if (nfds > 0) {
    head.msg_control = room.bytes;
    head.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&head);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
    memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * (size_t)nfds);
  }
  if (sendmsg(sock, &head, MSG_DONTWAIT) < 0)
    abort();
}

static void every_type(void) {
  int s[2], nfds, fds[SBX_CTL_MAX_FDS], good = 1, distinct = 1;
  make_pair(s);
  for (size_t i = 0; i < TYPES; i++) {
    struct sbx_ctl out, in;
    memset(&out, (int)(0x10 + i), sizeof out);
    memset(&in, 0xEE, sizeof in);
    out.type = types[i];
    if (types[i] == SBX_CTL_RUN)
      out.u.run_args.grants_len = 100;
    if (types[i] == SBX_CTL_GRANT || types[i] == SBX_CTL_GRANTED)
      out.u.grant.n = 3;
    if (types[i] == SBX_CTL_NET)
      out.u.net.n = 2;
    size_t size = sbx_ctl_size(&out);
    good &= size > 0 && size <= sizeof out;
    good &= sbx_ctl_send(s[0], &out, NULL, 0) == 0;
    nfds = 9;
    good &= sbx_ctl_recv(s[1], 0, &in, fds, &nfds) == 1 && nfds == 0;
    good &= in.version == SBX_CTL_VERSION && memcmp(&in, &out, size) == 0;
    distinct &= size == sizeof in || ((unsigned char *)&in)[size] == 0xEE;
  }
  ok(good, "each type of message comes through whole, its version filled in");
  ok(distinct, "and only its own bytes are sent");
  struct sbx_ctl bad = {.type = 0}, over = {.type = SBX_CTL_BEGIN + 1}, far = {.type = UINT32_MAX};
  ok(sbx_ctl_size(&bad) == 0 && sbx_ctl_size(&over) == 0 && sbx_ctl_size(&far) == 0,
     "an unknown type has no size");
  struct sbx_ctl full = {.type = SBX_CTL_RUN, .u.run_args.grants_len = SBX_CTL_GRANTS_MAX};
  ok(sbx_ctl_size(&full) <= sizeof full && sbx_ctl_size(&full) > SBX_CTL_GRANTS_MAX,
     "as many bytes of grants as fit");
  full.u.run_args.grants_len++;
  ok(sbx_ctl_size(&full) == 0 && sbx_ctl_send(s[0], &full, NULL, 0) == -EINVAL, "and none beyond");
  ok(sbx_ctl_send(s[0], &bad, NULL, 0) == -EINVAL, "and is not sent");
  struct sbx_ctl grant = {.type = SBX_CTL_GRANT, .u.grant.n = SBX_CTL_ADDRS_MAX};
  struct sbx_ctl net = {.type = SBX_CTL_NET, .u.net.n = SBX_NET_SEEN_MAX};
  ok(sbx_ctl_size(&grant) <= sizeof grant && sbx_ctl_size(&net) <= sizeof net,
     "as many addresses as fit");
  grant.u.grant.n++;
  net.u.net.n++;
  ok(sbx_ctl_size(&grant) == 0 && sbx_ctl_size(&net) == 0, "and none beyond");
  close_pair(s);
}

/* Uninitialised memory would be sent otherwise, and zeroed memory is copied by a fork. */
static void begins(void) {
  bool zero = true, no_more = true;
  for (size_t i = 0; i < TYPES; i++) {
    struct sbx_ctl msg, clear;
    if (types[i] == SBX_CTL_RUN)
      continue;
    memset(&msg, 0xEE, sizeof msg);
    memset(&clear, 0, sizeof clear);
    sbx_ctl_begin(&msg, types[i], 77);
    clear.type = types[i];
    clear.run = 77;
    size_t size = sbx_ctl_size(&msg);
    zero &= size > 0 && memcmp(&msg, &clear, size) == 0;
    no_more &= size == sizeof msg || ((unsigned char *)&msg)[size] == 0xEE;
  }
  ok(zero, "a message begins with nothing in what is sent of it");
  ok(no_more, "and the rest is not touched");
}

static void descriptors_travel(void) {
  int before = count_fds(), s[2], p[2], nfds = 0, fds[SBX_CTL_MAX_FDS], cloexec = 1;
  char text[4] = "";
  make_pair(s);
  if (pipe2(p, O_CLOEXEC) < 0)
    abort();
  struct sbx_ctl out = {.type = SBX_CTL_RUN, .run = 77}, in;
  strcpy(out.u.run_args.workdir, "/work");
  int sent[3] = {p[1], p[0], STDERR_FILENO};
  ok(sbx_ctl_send(s[0], &out, sent, 3) == 0 && sbx_ctl_recv(s[1], 0, &in, fds, &nfds) == 1 &&
         nfds == 3 && in.run == 77 && strcmp(in.u.run_args.workdir, "/work") == 0,
     "three descriptors travel with a message");
  for (int i = 0; i < nfds; i++)
    cloexec &= fcntl(fds[i], F_GETFD) == FD_CLOEXEC;
  ok(cloexec, "they arrive with O_CLOEXEC");
  ok(fcntl(p[1], F_GETFD) >= 0, "the sender's stay open");
  ok(write(fds[0], "hey", 3) == 3 && read(p[0], text, 3) == 3 && strcmp(text, "hey") == 0,
     "in the order in which they were sent");
  for (int i = 0; i < nfds; i++)
    close(fds[i]);
  int five[5] = {p[0], p[0], p[0], p[0], p[0]};
  ok(sbx_ctl_send(s[0], &out, five, 4) == 0 && sbx_ctl_recv(s[1], 0, &in, fds, &nfds) == 1 &&
         nfds == 4,
     "four do, too");
  for (int i = 0; i < nfds; i++)
    close(fds[i]);
  ok(sbx_ctl_send(s[0], &out, five, 5) == -EINVAL && sbx_ctl_send(s[0], &out, five, -1) == -EINVAL,
     "more descriptors than a message may have are not sent");
  close_pair(p);
  close_pair(s);
  ok(count_fds() == before, "nothing is left open");
}

static void ends(void) {
  int s[2], nfds = 9, fds[SBX_CTL_MAX_FDS], rc = 0, sent = 0;
  struct sbx_ctl msg = {.type = SBX_CTL_TERM, .run = 1}, in;
  make_pair(s);
  ok(sbx_ctl_recv(s[1], MSG_DONTWAIT, &in, fds, &nfds) == -EAGAIN && nfds == 0,
     "nothing there yet is EAGAIN");
  while ((rc = sbx_ctl_send(s[0], &msg, NULL, 0)) == 0 && sent < 100000)
    sent++;
  ok(rc == -EAGAIN && sent > 0, "a full socket is EAGAIN, also when it is a blocking one");
  int got = 0;
  while (sbx_ctl_recv(s[1], MSG_DONTWAIT, &in, fds, &nfds) == 1)
    got++;
  ok(got == sent, "and none of what was accepted is lost");
  ok(sbx_ctl_send(s[0], &msg, NULL, 0) == 0, "then there is room again");
  close(s[0]);
  ok(sbx_ctl_recv(s[1], 0, &in, fds, &nfds) == 1 && in.type == SBX_CTL_TERM,
     "what was sent before the end still arrives");
  ok(sbx_ctl_recv(s[1], 0, &in, fds, &nfds) == 0 && nfds == 0, "then end-of-file");
  ok(sbx_ctl_recv(s[1], MSG_DONTWAIT, &in, fds, &nfds) == 0, "and again");
  ok(sbx_ctl_send(s[1], &msg, NULL, 0) == -EPIPE,
     "sending to nobody is EPIPE, and no signal kills the sender");
  close(s[1]);
  ok(sbx_ctl_recv(s[1], 0, &in, fds, &nfds) == -EBADF && nfds == 0, "another failure is -errno");
}

/* Sends `size` bytes of a message as it is, then expects -EPROTO and every descriptor closed. */
static void refused(const char *name, const struct sbx_ctl *msg, size_t size, int sent_fds) {
  int s[2], nfds = 9, fds[SBX_CTL_MAX_FDS];
  struct sbx_ctl in;
  char bytes[sizeof *msg + 16] = {0};
  memcpy(bytes, msg, sizeof *msg);
  make_pair(s);
  int before = count_fds();
  send_raw(s[0], bytes, size, sent_fds);
  int rc = sbx_ctl_recv(s[1], MSG_DONTWAIT, &in, fds, &nfds);
  ok(rc == -EPROTO && nfds == 0 && count_fds() == before, name);
  close_pair(s);
}

static void bad_messages(void) {
  struct sbx_ctl msg = {.version = SBX_CTL_VERSION, .type = SBX_CTL_RUN, .run = 1};
  msg.u.run_args.grants_len = 50;
  size_t size = sbx_ctl_size(&msg);
  refused("grants that are missing are refused, descriptors closed", &msg, size - 50, 3);
  refused("without their length as well", &msg, size - 54, 3);
  msg.u.run_args.grants_len = SBX_CTL_GRANTS_MAX + 1;
  refused("more than fit as well", &msg, size, 3);
  msg.u.run_args.grants_len = 50;
  refused("a byte short is refused, its descriptors closed", &msg, size - 1, 3);
  refused("a byte long as well", &msg, size + 1, 3);
  refused("longer than any message as well", &msg, sizeof msg + 16, 3);
  refused("shorter than the head as well", &msg, 15, 2);
  refused("a single byte as well", &msg, 1, 0);
  refused("descriptors without a message as well", &msg, 0, 1);
  refused("one descriptor too many as well", &msg, size, 5);
  refused("six descriptors as well", &msg, size, 6);
  refused("sixty-four as well", &msg, size, 64);
  msg.version++;
  refused("another version as well", &msg, size, 3);
  msg.version--;
  msg.type = 99;
  refused("an unknown type as well", &msg, size, 3);
  msg.type = SBX_CTL_READY;
  refused("a size that belongs to another type as well", &msg, size, 0);
}

static void one_at_a_time(void) {
  int s[2], nfds, fds[SBX_CTL_MAX_FDS], good = 1;
  struct sbx_ctl in, bad = {.version = 9, .type = SBX_CTL_TERM};
  make_pair(s);
  for (uint64_t i = 0; i < 20; i++) {
    struct sbx_ctl msg = {.type = i & 1 ? SBX_CTL_TERM : SBX_CTL_EXIT, .run = i};
    good &= sbx_ctl_send(s[0], &msg, NULL, 0) == 0;
    if (i % 5 == 0)
      send_raw(s[0], &bad, sbx_ctl_size(&bad), 2);
  }
  for (uint64_t i = 0; i < 20; i++) {
    good &= sbx_ctl_recv(s[1], MSG_DONTWAIT, &in, fds, &nfds) == 1 && in.run == i;
    if (i % 5 == 0)
      good &= sbx_ctl_recv(s[1], MSG_DONTWAIT, &in, fds, &nfds) == -EPROTO;
  }
  ok(good, "messages keep their bounds and their order, also behind a bad one");
  close_pair(s);
}

static void tick(int sig) {
  (void)sig;
}

/* Signals without SA_RESTART interrupt the blocking read again and again until a child sends. */
static void interrupted(void) {
  int s[2], nfds, fds[SBX_CTL_MAX_FDS], status = -1;
  struct sbx_ctl in, msg = {.type = SBX_CTL_KILL, .run = 5};
  struct sigaction action = {.sa_handler = tick};
  struct itimerval every = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
  make_pair(s);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    usleep(40000);
    _exit(sbx_ctl_send(s[0], &msg, NULL, 0) == 0 ? 0 : 1);
  }
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &every, NULL);
  int rc = sbx_ctl_recv(s[1], 0, &in, fds, &nfds);
  setitimer(ITIMER_REAL, &off, NULL);
  waitpid(pid, &status, 0);
  ok(rc == 1 && in.run == 5 && status == 0, "a signal does not end a blocking receive");
  close_pair(s);
}

int main(void) {
  every_type();
  begins();
  descriptors_travel();
  ends();
  bad_messages();
  one_at_a_time();
  interrupted();
  return tap_done();
}
