/* SPDX-License-Identifier: MIT */
/* Frames on their way to a guest. Host process, on the thread of the environment. */
#include "outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "run.h"
#include "stream.h"

/* Memory that is kept for the next time it fills. */
#define KEEP_ROOM ((size_t)256 << 10)

void sbx_outbox_free(struct sbx_outbox *box) {
  free(box->bytes);
  memset(box, 0, sizeof *box);
}

static bool make_room(struct sbx_outbox *box, size_t n) {
  if (box->cap - box->len >= n)
    return true;
  if (box->at > 0) {
    memmove(box->bytes, box->bytes + box->at, box->len - box->at);
    box->len -= box->at;
    box->at = 0;
  }
  if (box->cap - box->len >= n)
    return true;
  size_t cap = box->cap * 2 > box->len + n ? box->cap * 2 : box->len + n + 4096;
  uint8_t *bytes = realloc(box->bytes, cap);
  if (!bytes)
    return false;
  box->bytes = bytes;
  box->cap = cap;
  return true;
}

static void keep(struct sbx_outbox *box, const struct iovec *parts, size_t count, size_t skip) {
  for (size_t i = 0; i < count; i++) {
    size_t from = skip < parts[i].iov_len ? skip : parts[i].iov_len;
    skip -= from;
    if (parts[i].iov_len > from)
      memcpy(box->bytes + box->len, (uint8_t *)parts[i].iov_base + from, parts[i].iov_len - from);
    box->len += parts[i].iov_len - from;
  }
}

bool sbx_outbox_put(struct sbx_run *run, uint8_t type, const void *a, size_t a_len, const void *b,
                    size_t b_len) {
  struct sbx_outbox *box = &run->outbox;
  struct sbx_stream *stream = &run->streams[SBX_RUN_DATA];
  uint8_t header[SBX_FRAME_HEADER];
  struct iovec parts[] = {
      {header, sizeof header}, {(void *)(uintptr_t)a, a_len}, {(void *)(uintptr_t)b, b_len}};
  size_t total = sizeof header + a_len + b_len;
  if (!stream->open || a_len + b_len > UINT32_MAX)
    return false;
  /* First, so that a frame which has begun can be finished. */
  if (!make_room(box, total))
    return false;
  sbx_frame_header(header, type, (uint32_t)(a_len + b_len));
  ssize_t n = 0;
  if (run->out_at == run->out_end && !run->pieces.out.first && sbx_outbox_left(box) == 0) {
    struct msghdr head = {.msg_iov = parts, .msg_iovlen = 3};
    do
      n = sendmsg(stream->fd, &head, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    /* A guest that closed its end: its exit tells the story. */
    if (n < 0 && errno != EAGAIN)
      return false;
    if (n == (ssize_t)total)
      return true;
  }
  keep(box, parts, 3, n > 0 ? (size_t)n : 0);
  sbx_stream_flush(run);
  return true;
}

bool sbx_outbox_send(struct sbx_run *run) {
  struct sbx_outbox *box = &run->outbox;
  while (sbx_outbox_left(box) > 0) {
    ssize_t n = send(run->streams[SBX_RUN_DATA].fd, box->bytes + box->at, sbx_outbox_left(box),
                     MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && errno == EAGAIN)
      return true;
    if (n < 0)
      break;
    box->at += (size_t)n;
  }
  box->at = box->len = 0;
  if (box->cap > KEEP_ROOM)
    sbx_outbox_free(box);
  return false;
}
