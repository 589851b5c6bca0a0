/* SPDX-License-Identifier: MIT */
/* A run: its descriptors, what came over them, and its end. Thread of the environment only.
 *
 * A run is pending from startRun until it is settled (onDone) or abandoned (the environment goes
 * down). Only then are its handles closed and everything that it holds is freed; the struct goes
 * with the last of its handles. JavaScript's object holds a box, never the struct. */
#ifndef SBX_RUN_H
#define SBX_RUN_H

#include <sys/uio.h>

#include "args.h"
#include "js.h"
#include "message.h"
#include "outbox.h"
#include "outcome.h"
#include "pace.h"
#include "pieces.h"
#include "start.h"

/* The most frames that a run begins with. */
#define SBX_RUN_FRAMES 3

enum sbx_stream_kind { SBX_RUN_STDOUT, SBX_RUN_STDERR, SBX_RUN_DATA, SBX_RUN_STREAMS };

/* The host's end of one of the guest's descriptors. */
struct sbx_stream {
  uv_poll_t poll;
  struct sbx_run *run;
  enum sbx_stream_kind kind;
  int fd;    /* owned */
  bool open; /* `poll` is initialised and not closing */
  bool last; /* nothing can come behind what is there to be read */
};

struct sbx_run {
  struct sbx_runner *runner;
  struct sbx_run *prev, *next; /* in runner->runs, while pending */
  uint64_t id;
  unsigned refs; /* open handles, and 1 while pending */
  struct sbx_box *box;

  /* What the launcher has not been told yet, in this order; see runner.h. */
  struct sbx_run *send_next;
  bool queued;
  struct sbx_ctl *message; /* RUN, goes with guest_fds; NULL once sent */
  int guest_fds[SBX_CTL_MAX_FDS];
  bool want_begin, want_term, want_kill;
  bool given_up; /* it has not begun in time, and was ended for that */
  bool waiting;  /* started ahead: it has no request yet, and keeps nothing alive */

  napi_ref on_done;
  napi_ref on_logs, on_lookup, on_messages, on_room, on_pieces; /* may be NULL */
  napi_ref runner_object; /* the runner may not be collected while a run is pending */
  napi_async_context context;

  struct sbx_stream streams[SBX_RUN_STREAMS];
  struct sbx_frame_parser parser;
  struct sbx_outcome outcome;
  struct sbx_sampler sampler;
  struct sbx_lookups *lookups; /* NULL until the guest has asked for a name */
  struct sbx_messages messages;
  struct sbx_pieces pieces;
  struct sbx_outbox outbox;
  struct sbx_pace pace;
  bool ended;     /* the launcher has said how; what is left in its descriptors is being read */
  size_t drained; /* bytes of that */
  uv_timer_t backstop; /* the launcher keeps the deadlines; this is for one that hangs */

  /* PROGRAM (for a spawned guest), REQUEST and INPUT on their way to the guest: what is left is
   * out[out_at..out_end), and behind that out_held for when the run has begun. The bytes are the
   * caller's memory, kept by the references until they are sent. */
  uint8_t headers[SBX_RUN_FRAMES][SBX_FRAME_HEADER];
  struct iovec out[SBX_RUN_FRAMES * 2];
  unsigned out_at, out_end, out_held;
  napi_ref program, request, input;
  uint8_t *text; /* the input, where it was a text: malloc'ed */
};

/* startRun, beginRun and endRun of src/README.md. */
napi_value sbx_run_start(napi_env napi, napi_callback_info info);
napi_value sbx_run_begin(napi_env napi, napi_callback_info info);
napi_value sbx_run_end(napi_env napi, napi_callback_info info);

/* The run behind an argument: false with an exception pending when it is none; *run is NULL when it
 * is over. */
bool sbx_run_get(napi_env napi, napi_value value, struct sbx_run **run);

/* It has been sent, or is about to be: from now on it may take too long. */
void sbx_run_expect(struct sbx_run *run);

/* The guest runs. */
void sbx_run_started(struct sbx_run *run, const struct sbx_ctl_started *started);

/* The launcher has said that the run is over. Reads what is left, in turns of the event loop where
 * it is much, and settles it. */
void sbx_run_end_read(struct sbx_run *run);

/* The run is over; outcome.kind and what belongs to it are set. Reads what is left in its
 * descriptors, calls onDone, releases everything. `run` may be freed afterwards. */
void sbx_run_settle(struct sbx_run *run);

/* The same without a word to JavaScript: the environment goes down. */
void sbx_run_abandon(struct sbx_run *run);

/* Bytes of heap that a pending run holds, with what it has yet to send to its guest. */
size_t sbx_run_memory(const struct sbx_run *run);

/* Drops one of the references counted in `refs`. */
void sbx_run_unref(struct sbx_run *run);

#endif
