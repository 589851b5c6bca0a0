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

/* With live logs every line costs a call's worth of JavaScript, and each byte may be one: less at a
 * time, and per turn. */
#define LIVE_READ ((size_t)2 << 10)
#define LIVE_TURN ((size_t)8 << 10)

/* For how long what a guest left behind is read in one turn. */
#define REST_NS UINT64_C(8000000)

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

static void watch(struct sbx_stream *stream, bool writes) {
  struct sbx_run *run = stream->run;
  bool reads = !run->waiting && !run->pace.paused && !run->ended;
  int events = (reads ? UV_READABLE : 0) | (writes && !run->ended ? UV_WRITABLE : 0);
  if (events)
    uv_poll_start(&stream->poll, events, on_poll);
  else
    uv_poll_stop(&stream->poll);
}

static bool has_more(const struct sbx_run *run) {
  return run->out_at < run->out_end || run->pieces.out.first || sbx_outbox_left(&run->outbox) > 0;
}

void sbx_stream_watch(struct sbx_run *run) {
  for (int i = 0; i < SBX_RUN_STREAMS; i++) {
    struct sbx_stream *stream = &run->streams[i];
    if (stream->open)
      watch(stream, i == SBX_RUN_DATA && has_more(run));
  }
}

void sbx_stream_flush(struct sbx_run *run) {
  struct sbx_stream *stream = &run->streams[SBX_RUN_DATA];
  if (stream->open && sbx_stream_send(run))
    watch(stream, true);
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

void sbx_stream_flush_live(struct sbx_run *run) {
  struct sbx_env *env = run->runner->env;
  run->outcome.lines_missed += env->live.missed;
  sbx_live_flush(env, run->context, run->on_logs);
}

static size_t read_some(struct sbx_stream *stream) {
  return stream->kind == SBX_RUN_DATA ? read_data(stream) : read_output(stream);
}

/* Whether JavaScript has to hear of what came before more is read. */
static bool enough(struct sbx_run *run) {
  return sbx_live_enough(&run->runner->env->live) || sbx_message_enough(&run->messages) ||
         sbx_pieces_enough(&run->pieces);
}

static void tell(struct sbx_run *run) {
  sbx_stream_flush_live(run);
  sbx_pieces_tell(run);
  sbx_message_tell(run);
}

static void read_turn(struct sbx_stream *stream) {
  struct sbx_run *run = stream->run;
  size_t most = DATA_TURN, total = 0, n;
  if (stream->kind != SBX_RUN_DATA)
    most = run->on_logs ? LIVE_TURN : 1;
  do
    total += n = read_some(stream);
  while (n > 0 && stream->open && total < most && !enough(run));
  if (n == 0 && stream->last)
    sbx_stream_close(stream);
}

/* Returns whether there is nothing left in it. */
static bool read_rest_of(struct sbx_run *run, enum sbx_stream_kind kind, uint64_t until) {
  struct sbx_stream *stream = &run->streams[kind];
  while (stream->open && run->drained < DRAIN_MAX) {
    size_t n = read_some(stream);
    run->drained += n;
    if (n == 0)
      break;
    if (enough(run))
      tell(run);
    if (uv_hrtime() >= until)
      return false;
  }
  tell(run);
  sbx_stream_close(stream);
  return true;
}

bool sbx_stream_read_rest(struct sbx_run *run) {
  uint64_t until = uv_hrtime() + REST_NS;
  run->refs++; /* JavaScript is called. */
  /* The data socket first: its last LOG frames are older than the end of the output. */
  bool done = read_rest_of(run, SBX_RUN_DATA, until) && read_rest_of(run, SBX_RUN_STDOUT, until) &&
              read_rest_of(run, SBX_RUN_STDERR, until);
  tell(run);
  sbx_run_unref(run);
  return done;
}

void sbx_stream_drain(struct sbx_stream *stream) {
  if (!stream->open)
    return;
  size_t total = 0, n = 1;
  while (n > 0 && stream->open && total < DRAIN_MAX) {
    total += n = read_some(stream);
    if (enough(stream->run))
      tell(stream->run);
  }
  sbx_stream_flush_live(stream->run);
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
  uint64_t from = uv_hrtime();
  /* libuv has stopped the handle on EPOLLERR, which a stream socket has once the peer closed with
   * unread data in its queue: nothing can come behind what is readable now. */
  if (status < 0)
    stream->last = true;
  if (events & UV_WRITABLE && !sbx_stream_send(run))
    watch(stream, false);
  if (status < 0 || events & UV_READABLE)
    read_turn(stream);
  if (status < 0 && stream->open)
    watch(stream, false);
  run->refs++; /* JavaScript, called below, may release the rest. */
  sbx_lookup_tell(run);
  tell(run);
  sbx_message_room(run);
  sbx_pace_took(run, from);
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
  watch(stream, writes);
}
