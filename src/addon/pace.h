/* SPDX-License-Identifier: MIT */
/* How much of the host's thread a run may take with what its guest says. Reading it, and the
 * JavaScript that hears of it, is measured; a run that has taken more than its share is not read
 * from for a while, so that its guest waits. Thread of the environment only. */
#ifndef SBX_PACE_H
#define SBX_PACE_H

#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct sbx_run;

struct sbx_pace {
  uint64_t owed_ns, at_ns; /* what it has taken beyond its share, and when that was so */
  bool paused, open;       /* `timer` is initialised and not closing */
  uint64_t since_ns;       /* of the pause */
  uint64_t pauses, paused_ns;
  uv_timer_t timer;
};

/* The run has taken the thread since `from` (uv_hrtime()). Pauses it when that was too much. */
void sbx_pace_took(struct sbx_run *run, uint64_t from);

/* noteTime of src/README.md: JavaScript has taken the thread for it at another time. */
napi_value sbx_pace_note(napi_env napi, napi_callback_info info);

/* The run is over, and what is left in its descriptors is to be read in some milliseconds. */
void sbx_pace_later(struct sbx_run *run, uint64_t from);

/* Closes the timer. Harmless when there is none. */
void sbx_pace_close(struct sbx_run *run);

#endif
