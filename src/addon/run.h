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
#include "outcome.h"

enum sbx_stream_kind { SBX_RUN_STDOUT, SBX_RUN_STDERR, SBX_RUN_DATA, SBX_RUN_STREAMS };

/* The host's end of one of the guest's descriptors. */
struct sbx_stream {
  uv_poll_t poll;
  struct sbx_run *run;
  enum sbx_stream_kind kind;
  int fd;    /* owned */
  bool open; /* `poll` is initialised and not closing */
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
  bool want_term, want_kill;

  napi_ref on_done, on_logs; /* on_logs may be NULL */
  napi_ref runner_object;    /* the runner may not be collected while a run is pending */
  napi_async_context context;

  struct sbx_stream streams[SBX_RUN_STREAMS];
  struct sbx_frame_parser parser;
  struct sbx_outcome outcome;
  struct sbx_sampler sampler;
  uv_timer_t backstop; /* the launcher keeps the deadlines; this is for one that hangs */

  /* REQUEST and INPUT on their way to the guest: what is left is out[out_at..4). The bytes are the
   * caller's memory, kept by the references until they are sent. */
  uint8_t headers[2][SBX_FRAME_HEADER];
  struct iovec out[4];
  unsigned out_at;
  napi_ref request, input;
};

/* startRun and endRun of src/README.md. */
napi_value sbx_run_start(napi_env napi, napi_callback_info info);
napi_value sbx_run_end(napi_env napi, napi_callback_info info);

/* The guest runs. */
void sbx_run_started(struct sbx_run *run, const struct sbx_ctl_started *started);

/* The run is over; outcome.kind and what belongs to it are set. Reads what is left in its
 * descriptors, calls onDone, releases everything. `run` may be freed afterwards. */
void sbx_run_settle(struct sbx_run *run);

/* The same without a word to JavaScript: the environment goes down. */
void sbx_run_abandon(struct sbx_run *run);

/* Drops one of the references counted in `refs`. */
void sbx_run_unref(struct sbx_run *run);

#endif
