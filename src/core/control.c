/* SPDX-License-Identifier: MIT */
/* Control messages over SOCK_SEQPACKET, with descriptors. Both ends are trusted. */
#include "control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "fd.h"

#define HEAD offsetof(struct sbx_ctl, u)

size_t sbx_ctl_size(uint32_t type) {
  switch ((enum sbx_ctl_type)type) {
  case SBX_CTL_READY:
  case SBX_CTL_TERM:
  case SBX_CTL_KILL:
    return HEAD;
  case SBX_CTL_FATAL:
  case SBX_CTL_FAILED:
    return HEAD + sizeof(struct sbx_err);
  case SBX_CTL_RUN:
    return HEAD + sizeof(struct sbx_ctl_run);
  case SBX_CTL_STARTED:
    return HEAD + sizeof(struct sbx_ctl_started);
  case SBX_CTL_EXIT:
    return HEAD + sizeof(struct sbx_ctl_exit);
  }
  return 0;
}

union fd_room {
  struct cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int) * SBX_CTL_MAX_FDS)];
};

int sbx_ctl_send(int sock, struct sbx_ctl *msg, const int *fds, int nfds) {
  msg->version = SBX_CTL_VERSION;
  size_t size = sbx_ctl_size(msg->type);
  if (size == 0 || nfds < 0 || nfds > SBX_CTL_MAX_FDS)
    return -EINVAL;
  struct iovec iov = {msg, size};
  union fd_room room;
  struct msghdr head = {.msg_iov = &iov, .msg_iovlen = 1};
  if (nfds > 0) {
    size_t bytes = sizeof(int) * (size_t)nfds;
    memset(&room, 0, sizeof room);
    head.msg_control = room.bytes;
    head.msg_controllen = CMSG_SPACE(bytes);
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&head);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(cmsg), fds, bytes);
  }
  for (;;) {
    if (sendmsg(sock, &head, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
      return 0;
    if (errno != EINTR)
      return -errno;
  }
}

/* Takes the descriptors of a received message; closes those that do not fit. */
static int take_fds(struct msghdr *head, int *fds) {
  int count = 0;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c; c = CMSG_NXTHDR(head, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
      continue;
    size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < n; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
      if (count < SBX_CTL_MAX_FDS)
        fds[count++] = fd;
      else
        sbx_fd_close(&fd);
    }
  }
  return count;
}

int sbx_ctl_recv(int sock, int flags, struct sbx_ctl *msg, int fds[SBX_CTL_MAX_FDS], int *nfds) {
  struct iovec iov = {msg, sizeof *msg};
  union fd_room room;
  struct msghdr head = {.msg_iov = &iov,
                        .msg_iovlen = 1,
                        .msg_control = room.bytes,
                        .msg_controllen = sizeof room.bytes};
  ssize_t n;
  do
    n = recvmsg(sock, &head, flags | MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  *nfds = 0;
  if (n < 0)
    return -errno;
  *nfds = take_fds(&head, fds);
  if (n == 0 && *nfds == 0)
    return 0;
  int bad = (size_t)n < HEAD || (head.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
            msg->version != SBX_CTL_VERSION || sbx_ctl_size(msg->type) != (size_t)n;
  if (bad) {
    while (*nfds > 0)
      sbx_fd_close(&fds[--*nfds]);
    return -EPROTO;
  }
  return 1;
}
