/* SPDX-License-Identifier: MIT */
/* Messages of a guest. Every length in them is its own word. */
#include "datagram.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define PARTS_MAX 64u
#define FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_CONFIRM)

bool sbx_datagram_is(int nr) {
  return nr == SYS_sendto || nr == SYS_sendmsg || nr == SYS_sendmmsg;
}

static int copy(const struct sbx_notify_call *call, uint64_t from, void *to, size_t len) {
  int rc = len > 0 ? sbx_notify_memory(call, from, to, len) : 0;
  return rc == 0 ? 0 : rc == -EFAULT ? EFAULT : EACCES;
}

static int read_address(const struct sbx_notify_call *call, uint64_t from, uint64_t len,
                        struct sbx_datagram *out) {
  if (!from || len == 0)
    return 0;
  if (len > sizeof out->to)
    return EINVAL;
  out->to_len = (size_t)len;
  return copy(call, from, &out->to, out->to_len);
}

static int read_parts(const struct sbx_notify_call *call, const struct msghdr *msg,
                      struct sbx_datagram *out) {
  struct iovec parts[PARTS_MAX] = {{0}};
  if (msg->msg_iovlen > PARTS_MAX)
    return EMSGSIZE;
  int error = copy(call, (uint64_t)(uintptr_t)msg->msg_iov, parts, msg->msg_iovlen * sizeof *parts);
  for (size_t i = 0; !error && i < msg->msg_iovlen; i++) {
    if (parts[i].iov_len > sizeof out->bytes - out->len)
      return EMSGSIZE;
    error =
        copy(call, (uint64_t)(uintptr_t)parts[i].iov_base, out->bytes + out->len, parts[i].iov_len);
    out->len += parts[i].iov_len;
  }
  return error;
}

static int read_message(const struct sbx_notify_call *call, struct sbx_datagram *out) {
  struct msghdr msg;
  int error = copy(call, call->args[1], &msg, sizeof msg);
  if (error)
    return error;
  if (msg.msg_controllen > 0)
    return EACCES;
  error = read_address(call, (uint64_t)(uintptr_t)msg.msg_name,
                       msg.msg_name ? (uint64_t)msg.msg_namelen : 0, out);
  return error ? error : read_parts(call, &msg, out);
}

int sbx_datagram_read(const struct sbx_notify_call *call, struct sbx_datagram *out) {
  out->to_len = out->len = 0;
  out->flags = (int)call->args[call->nr == SYS_sendmsg ? 2 : 3];
  if (out->flags & ~FLAGS)
    return EACCES;
  if (call->nr == SYS_sendmmsg && (unsigned)call->args[2] == 0)
    return EINVAL;
  if (call->nr != SYS_sendto)
    return read_message(call, out);
  if (call->args[2] > sizeof out->bytes)
    return EMSGSIZE;
  int error = read_address(call, call->args[4], (uint32_t)call->args[5], out);
  out->len = (size_t)call->args[2];
  return error ? error : copy(call, call->args[1], out->bytes, out->len);
}
