/* SPDX-License-Identifier: MIT */
/* Control messages over SOCK_SEQPACKET, with descriptors. Both ends are trusted. */
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "fd.h"

#define HEAD offsetof(struct sbx_ctl, u)
#define GRANT_HEAD (HEAD + offsetof(struct sbx_ctl_grant, at))
#define NET_HEAD (HEAD + offsetof(struct sbx_net_report, seen))

size_t sbx_ctl_size(const struct sbx_ctl *msg) {
  switch ((enum sbx_ctl_type)msg->type) {
  case SBX_CTL_READY:
  case SBX_CTL_TERM:
  case SBX_CTL_KILL:
  case SBX_CTL_BEGIN:
    return HEAD;
  case SBX_CTL_FATAL:
  case SBX_CTL_FAILED:
    return HEAD + sizeof(struct sbx_err);
  case SBX_CTL_RUN:
    return msg->u.run_args.grants_len <= SBX_CTL_GRANTS_MAX
               ? HEAD + offsetof(struct sbx_ctl_run, grants) + msg->u.run_args.grants_len
               : 0;
  case SBX_CTL_STARTED:
    return HEAD + sizeof(struct sbx_ctl_started);
  case SBX_CTL_EXIT:
    return HEAD + sizeof(struct sbx_ctl_exit);
  case SBX_CTL_SPARES:
    return HEAD + sizeof(struct sbx_ctl_spares);
  case SBX_CTL_ASK:
    return HEAD + sizeof(struct sbx_ctl_ask);
  case SBX_CTL_GRANT:
  case SBX_CTL_GRANTED:
    return msg->u.grant.n <= SBX_CTL_ADDRS_MAX
               ? GRANT_HEAD + msg->u.grant.n * sizeof msg->u.grant.at[0]
               : 0;
  case SBX_CTL_NET:
    return msg->u.net.n <= SBX_NET_SEEN_MAX ? NET_HEAD + msg->u.net.n * sizeof msg->u.net.seen[0]
                                            : 0;
  }
  return 0;
}

bool sbx_ctl_run_valid(const struct sbx_ctl_run *run) {
  return memchr(run->workdir, '\0', sizeof run->workdir) &&
         memchr(run->traceparent, '\0', sizeof run->traceparent) &&
         run->grants_len <= SBX_CTL_GRANTS_MAX &&
         (run->grants_len == 0 || run->grants[run->grants_len - 1] == '\0');
}

char **sbx_ctl_grants(struct sbx_ctl_run *run) {
  size_t n = 0;
  for (size_t i = 0; i < run->grants_len; i++)
    n += run->grants[i] == '\0';
  char **list = calloc(n + 1, sizeof *list), *at = run->grants;
  for (size_t i = 0; list && i < n; i++) {
    list[i] = at;
    at += strlen(at) + 1;
  }
  return list;
}

/* What has to be there of a message before its size can be asked for. */
static size_t least(uint32_t type) {
  switch (type) {
  case SBX_CTL_RUN:
    return HEAD + offsetof(struct sbx_ctl_run, grants);
  case SBX_CTL_GRANT:
  case SBX_CTL_GRANTED:
    return GRANT_HEAD;
  case SBX_CTL_NET:
    return NET_HEAD;
  default:
    return HEAD;
  }
}

void sbx_ctl_begin(struct sbx_ctl *msg, enum sbx_ctl_type type, uint64_t run) {
  memset(msg, 0, least(type));
  msg->type = type;
  msg->run = run;
  memset(&msg->u, 0, sbx_ctl_size(msg) - HEAD);
}

union fd_room {
  struct cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int) * SBX_CTL_MAX_FDS)];
};

int sbx_ctl_send(int sock, struct sbx_ctl *msg, const int *fds, int nfds) {
  msg->version = SBX_CTL_VERSION;
  size_t size = sbx_ctl_size(msg);
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

/* Takes the descriptors of a received message; closes those that do not fit. Returns how many came,
 * which may be one more than fit, since CMSG_SPACE rounds the room up. */
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
        fds[count] = fd;
      else
        sbx_fd_close(&fd);
      count++;
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
  int came = take_fds(&head, fds);
  *nfds = came < SBX_CTL_MAX_FDS ? came : SBX_CTL_MAX_FDS;
  if (n == 0 && came == 0)
    return 0;
  int bad = (size_t)n < HEAD || came > SBX_CTL_MAX_FDS ||
            (head.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || msg->version != SBX_CTL_VERSION ||
            (size_t)n < least(msg->type) || sbx_ctl_size(msg) != (size_t)n;
  if (bad) {
    while (*nfds > 0)
      sbx_fd_close(&fds[--*nfds]);
    return -EPROTO;
  }
  return 1;
}
