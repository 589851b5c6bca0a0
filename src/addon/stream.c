/* SPDX-License-Identifier: MIT */
/* The guest's descriptors. Host process, on the thread of the environment. Every byte read here
 * was written by a hostile process. */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/proc.h"
#include "channel.h"
#include "lookup.h"

/* Bytes of the data socket per turn of the event loop. */
#define DATA_TURN ((size_t)1 << 20)

/* With live logs every line costs a call's worth of JavaScript: less per turn. */
#define LIVE_READ ((size_t)8 << 10)

/* What a dead guest can have left behind is bounded by socket and pipe buffers, a few hundred KiB
 * by default; root may raise them. */
#define DRAIN_MAX ((size_t)16 << 20)

static struct sbx_env *env_of(const struct sbx_stream *stream) {
  return stream->run->runner->env;
}

static void on_closed(uv_handle_t *handle) {
  struct sbx_stream *stream = handle->data;
  sbx_run_unref(stream->run);
}

/* The input will not be written any more, or all of it has been. */
static void forget_out(struct sbx_run *run) {
  run->out_at = run->out_end;
  sbx_js_unref(run->runner->env, &run->program);
  if (run->out_held > 0)
    return;
  sbx_js_unref(run->runner->env, &run->request);
  sbx_js_unref(run->runner->env, &run->input);
  free(run->text);
  run->text = NULL;
}

static void drop_out(struct sbx_run *run) {
  forget_out(run);
  sbx_pieces_drop(&run->pieces);
}

void sbx_stream_close(struct sbx_stream *stream) {
  if (!stream->open)
    return;
  stream->open = false;
  if (stream->kind == SBX_RUN_DATA)
    drop_out(stream->run);
  uv_close((uv_handle_t *)&stream->poll, on_closed);
  /* uv_close has taken it out of the poller: from here on the number may be reused. */
  sbx_fd_close(&stream->fd);
}

bool sbx_stream_send(struct sbx_run *run) {
  while (run->out_at < run->out_end) {
    struct msghdr head = {.msg_iov = &run->out[run->out_at],
                          .msg_iovlen = run->out_end - run->out_at};
    ssize_t n = sendmsg(run->streams[SBX_RUN_DATA].fd, &head, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && errno == EAGAIN)
      return true;
    /* A guest that closed its end, or ends before it read all: its exit tells the story. */
    if (n < 0)
      break;
    for (size_t left = (size_t)n; run->out_at < run->out_end; run->out_at++) {
      struct iovec *v = &run->out[run->out_at];
      if (left < v->iov_len) {
        v->iov_base = (uint8_t *)v->iov_base + left;
        v->iov_len -= left;
        break;
      }
      left -= v->iov_len;
    }
  }
  forget_out(run);
  if (sbx_pieces_send(run) || sbx_outbox_send(run))
    return true;
  sbx_lookup_drained(run);
  return false;
}

static void on_poll(uv_poll_t *poll, int status, int events);

void sbx_stream_flush(struct sbx_run *run) {
  struct sbx_stream *stream = &run->streams[SBX_RUN_DATA];
  if (stream->open && sbx_stream_send(run))
    uv_poll_start(&stream->poll, UV_READABLE | UV_WRITABLE, on_poll);
}

/* An sbx_frame_cb. */
static int take_frame(void *arg, uint8_t type, uint8_t *data, size_t len) {
  struct sbx_run *run = arg;
  if (type == SBX_FRAME_RESOLVE) {
    bool good = sbx_lookup_ask(run, data, len);
    free(data);
    return !good;
  }
  if (type == SBX_FRAME_MESSAGE)
    return !sbx_message_take(run, data, len);
  if (type == SBX_FRAME_RESULT_PIECE)
    return !sbx_pieces_take(run, data, len);
  int stop = sbx_outcome_take(&run->outcome, &run->parser, type, data, len);
  /* The guest is about to end, and a thread of it may wait for an answer: end-of-file wakes it. */
  if (run->lookups && (type == SBX_FRAME_NOTICE || sbx_outcome_decided(&run->outcome)))
    shutdown(run->streams[SBX_RUN_DATA].fd, SHUT_WR);
  return stop;
}

static const char *frame_failure(int status) {
  switch (status) {
  case SBX_FRAME_E_VERSION:
    return "a frame header of an unknown version";
  case SBX_FRAME_E_TYPE:
    return "a frame of a type that guests may not send";
  case SBX_FRAME_E_TOO_LONG:
    return "a frame longer than its type allows";
  case SBX_FRAME_E_NOMEM:
    return "a frame that the host has no memory for";
  }
  return "a malformed frame";
}

/* The parser stopped: an answer came, or the guest broke the protocol and is killed for it. */
static void handle_stop(struct sbx_stream *stream, int status) {
  struct sbx_run *run = stream->run;
  struct sbx_outcome *outcome = &run->outcome;
  uint8_t type = run->parser.failed_type;
  if (sbx_outcome_decided(outcome))
    return;
  if (status == SBX_FRAME_E_TOO_LONG &&
      (type == SBX_FRAME_RESULT || type == SBX_FRAME_RESULT_PIECE))
    outcome->too_large = true;
  else if (status == SBX_FRAME_E_TOO_LONG && type == SBX_FRAME_MESSAGE)
    outcome->overflow = true;
  else if (!outcome->protocol_error && !outcome->too_large)
    outcome->protocol_error = frame_failure(status);
  sbx_stream_close(stream);
  sbx_channel_kill(run);
}

/* One read from the data socket. Returns the bytes read, 0 when there are no more for now. */
static size_t read_data(struct sbx_stream *stream) {
  struct sbx_run *run = stream->run;
  struct sbx_frame_parser *parser = &run->parser;
  uint8_t *place = env_of(stream)->scratch;
  size_t room = SBX_SCRATCH;
  bool direct = sbx_frame_reserve(parser, &place, &room);
  ssize_t n = read(stream->fd, place, room);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (n <= 0) {
    /* ECONNRESET: the guest ended without reading all of its input. What it wrote has been read
     * by then, the kernel reports it only behind the data. */
    sbx_stream_close(stream);
    return 0;
  }
  /* What comes after the answer is read and dropped, so that the guest cannot block on it. */
  if (sbx_outcome_decided(&run->outcome))
    return (size_t)n;
  int status = direct ? sbx_frame_commit(parser, (size_t)n, take_frame, run)
                      : sbx_frame_feed(parser, place, (size_t)n, take_frame, run);
  if (status != SBX_FRAME_OK)
    handle_stop(stream, status);
  return (size_t)n;
}

/* One read from stdout or stderr. Returns as read_data. */
static size_t read_output(struct sbx_stream *stream) {
  struct sbx_run *run = stream->run;
  char *place = (char *)env_of(stream)->scratch;
  ssize_t n = read(stream->fd, place, run->on_logs ? LIVE_READ : SBX_SCRATCH);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (n <= 0) {
    sbx_stream_close(stream);
    return 0;
  }
  enum sbx_log_stream to = stream->kind == SBX_RUN_STDOUT ? SBX_STREAM_STDOUT : SBX_STREAM_STDERR;
  sbx_logring_write(run->outcome.logs, to, (double)sbx_now_real_ns() / 1e6, place, (size_t)n);
  return (size_t)n;
}

static void flush_live(struct sbx_run *run) {
  sbx_live_flush(run->runner->env, run->context, run->on_logs);
}

static void read_turn(struct sbx_stream *stream) {
  if (stream->kind != SBX_RUN_DATA) {
    read_output(stream);
    return;
  }
  size_t total = 0, n;
  do
    total += n = read_data(stream);
  while (n > 0 && stream->open && total < DATA_TURN && !sbx_live_enough(&env_of(stream)->live) &&
         !sbx_message_enough(&stream->run->messages) && !sbx_pieces_enough(&stream->run->pieces));
}

void sbx_stream_drain(struct sbx_stream *stream) {
  if (!stream->open)
    return;
  size_t total = 0, n = 1;
  while (n > 0 && stream->open && total < DRAIN_MAX) {
    total += n = stream->kind == SBX_RUN_DATA ? read_data(stream) : read_output(stream);
    if (sbx_live_enough(&env_of(stream)->live))
      flush_live(stream->run);
    if (sbx_pieces_enough(&stream->run->pieces))
      sbx_pieces_tell(stream->run);
    if (sbx_message_enough(&stream->run->messages))
      sbx_message_tell(stream->run);
  }
  flush_live(stream->run);
  sbx_stream_close(stream);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  struct sbx_stream *stream = poll->data;
  struct sbx_run *run = stream->run;
  if (env_of(stream)->exiting)
    return;
  if (run->waiting) {
    if (status < 0 || !sbx_stream_send(run))
      uv_poll_stop(poll);
    return;
  }
  /* libuv has stopped the handle on EPOLLERR, which a stream socket has once the peer closed with
   * unread data in its queue: nothing can come behind what is readable now. */
  if (status < 0) {
    sbx_stream_drain(stream);
    return;
  }
  if (events & UV_WRITABLE && !sbx_stream_send(run))
    uv_poll_start(poll, UV_READABLE, on_poll);
  if (events & UV_READABLE)
    read_turn(stream);
  run->refs++; /* JavaScript, called below, may release the rest. */
  sbx_lookup_tell(run);
  flush_live(run);
  sbx_pieces_tell(run);
  sbx_message_tell(run);
  sbx_message_room(run);
  sbx_run_unref(run);
}

int sbx_stream_open(struct sbx_run *run, enum sbx_stream_kind kind, int fd) {
  struct sbx_stream *stream = &run->streams[kind];
  int rc = uv_poll_init(run->runner->env->loop, &stream->poll, fd);
  if (rc != 0) {
    sbx_fd_close(&fd);
    return rc;
  }
  stream->poll.data = stream;
  stream->run = run;
  stream->kind = kind;
  stream->fd = fd;
  stream->open = true;
  run->refs++;
  bool writes = kind == SBX_RUN_DATA && sbx_stream_send(run);
  int events = (run->waiting ? 0 : UV_READABLE) | (writes ? UV_WRITABLE : 0);
  if (run->waiting)
    uv_unref((uv_handle_t *)&stream->poll);
  rc = events ? uv_poll_start(&stream->poll, events, on_poll) : 0;
  if (rc != 0)
    sbx_stream_close(stream);
  return rc;
}

void sbx_stream_listen(struct sbx_stream *stream) {
  if (!stream->open)
    return;
  bool writes = stream->kind == SBX_RUN_DATA && sbx_stream_send(stream->run);
  uv_ref((uv_handle_t *)&stream->poll);
  uv_poll_start(&stream->poll, UV_READABLE | (writes ? UV_WRITABLE : 0), on_poll);
}
