/* SPDX-License-Identifier: MIT */
#include "asker.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control {
  struct cmsghdr head;
  char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static bool is_v4(const struct sbx_asker *asker) {
  return asker->from.any.sa_family == AF_INET;
}

static void read_to(struct sbx_asker *asker, const struct cmsghdr *head) {
  struct in_pktinfo in;
  struct in6_pktinfo in6;
  if (head->cmsg_level == IPPROTO_IP && head->cmsg_type == IP_PKTINFO) {
    memcpy(&in, CMSG_DATA(head), sizeof in);
    asker->to.in = in.ipi_spec_dst;
  } else if (head->cmsg_level == IPPROTO_IPV6 && head->cmsg_type == IPV6_PKTINFO) {
    memcpy(&in6, CMSG_DATA(head), sizeof in6);
    asker->to.in6 = in6.ipi6_addr;
  }
}

ssize_t sbx_asker_recv(struct sbx_asker *asker, int sock, void *bytes, size_t size) {
  union control control;
  struct iovec io = {bytes, size};
  memset(asker, 0, sizeof *asker);
  asker->sock = sock;
  struct msghdr msg = {.msg_name = &asker->from,
                       .msg_namelen = sizeof asker->from,
                       .msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
  ssize_t n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0)
    return -errno;
  asker->len = msg.msg_namelen;
  for (struct cmsghdr *head = CMSG_FIRSTHDR(&msg); head; head = CMSG_NXTHDR(&msg, head))
    read_to(asker, head);
  return n;
}

void sbx_asker_send(const struct sbx_asker *asker, const void *bytes, size_t len) {
  struct in_pktinfo in = {.ipi_spec_dst = asker->to.in};
  struct in6_pktinfo in6 = {.ipi6_addr = asker->to.in6};
  size_t size = is_v4(asker) ? sizeof in : sizeof in6;
  union control control;
  struct iovec io = {(void *)(uintptr_t)bytes, len}; /* NOLINT(performance-no-int-to-ptr) */
  struct msghdr msg = {.msg_name = (void *)(uintptr_t)&asker->from,
                       .msg_namelen = asker->len,
                       .msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = CMSG_SPACE(size)};
  memset(&control, 0, sizeof control);
  control.head.cmsg_level = is_v4(asker) ? IPPROTO_IP : IPPROTO_IPV6;
  control.head.cmsg_type = is_v4(asker) ? IP_PKTINFO : IPV6_PKTINFO;
  control.head.cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(&control.head), is_v4(asker) ? (void *)&in : (void *)&in6, size);
  sendmsg(asker->sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool sbx_asker_same(const struct sbx_asker *a, const struct sbx_asker *b) {
  /* The addresses have been zeroed before they were filled in. */
  return a->sock == b->sock && a->len == b->len &&
         memcmp(&a->from.in6, &b->from.in6, sizeof a->from.in6) == 0 &&
         memcmp(&a->to.in6, &b->to.in6, sizeof a->to.in6) == 0;
}
