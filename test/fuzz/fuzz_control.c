/* SPDX-License-Identifier: MIT */
/* The control receiver on any packets with any descriptors. The input is a list of packets: number
 * of descriptors, length (u16), bytes. No packet may leave a descriptor open or be taken for a
 * message of a size that it is not. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fuzz.h"

#include "../../src/core/control.h"

#define MOST_FDS 9

static void send_packet(int sock, const uint8_t *bytes, size_t n, int nfds) {
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * MOST_FDS)];
  } room;
  struct iovec iov = {(void *)bytes, n};
  int any = STDERR_FILENO;
  struct msghdr head = {.msg_iov = &iov, .msg_iovlen = 1};
  memset(&room, 0, sizeof room);
  if (nfds > 0) {
    head.msg_control = room.bytes;
    head.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&head);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
    for (int i = 0; i < nfds; i++)
      memcpy(CMSG_DATA(cmsg) + sizeof(int) * (size_t)i, &any, sizeof any);
  }
  REQUIRE(sendmsg(sock, &head, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n);
}

/* The lowest free number: it changes when a descriptor below it was left open. */
static int lowest_free(void) {
  int fd = dup(STDERR_FILENO);
  REQUIRE(fd >= 0);
  close(fd);
  return fd;
}

static void check_packet(const int s[2], const uint8_t *bytes, size_t n, int nfds) {
  int before = lowest_free(), got = -1, fds[SBX_CTL_MAX_FDS];
  /* Of exactly its size, so that ASan sees any write beyond it. */
  struct sbx_ctl *msg = malloc(sizeof *msg);
  REQUIRE(msg);
  send_packet(s[0], bytes, n, nfds);
  int rc = sbx_ctl_recv(s[1], MSG_DONTWAIT, msg, fds, &got);
  if (rc == 1) {
    REQUIRE(got == nfds && got <= SBX_CTL_MAX_FDS);
    REQUIRE(msg->version == SBX_CTL_VERSION && sbx_ctl_size(msg) == n);
    REQUIRE(memcmp(msg, bytes, n) == 0);
    while (got > 0)
      close(fds[--got]);
  } else {
    REQUIRE(got == 0);
    REQUIRE(rc == -EPROTO || (rc == 0 && n == 0 && nfds == 0));
  }
  free(msg);
  REQUIRE(lowest_free() == before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input in = {data, size};
  int s[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) == 0);
  while (in.left > 0) {
    int nfds = take_byte(&in) % (MOST_FDS + 1);
    size_t n = take_u16(&in);
    const uint8_t *bytes = take_bytes(&in, &n);
    check_packet(s, bytes, n, nfds);
  }
  close(s[0]);
  close(s[1]);
  return 0;
}
