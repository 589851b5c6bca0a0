/* SPDX-License-Identifier: MIT */
/* The guest's descriptors as the host reads and writes them. Thread of the environment only.
 *
 * uv_poll and not uv_pipe: one bounded read per turn of the event loop keeps a flooding guest from
 * starving the host, a RESULT is read straight to its place, and the reads at the end of a run go
 * through the same code. */
#ifndef SBX_STREAM_H
#define SBX_STREAM_H

#include "run.h"

/* Starts to watch `fd`, which then belongs to the stream. Returns 0 or -errno (fd is closed). */
int sbx_stream_open(struct sbx_run *run, enum sbx_stream_kind kind, int fd);

/* Of a guest that was started ahead, to which nothing was listened: its run begins. */
void sbx_stream_listen(struct sbx_stream *stream);

/* Stops watching, closes the descriptor. Harmless when it is closed. */
void sbx_stream_close(struct sbx_stream *stream);

/* Waits for what is to be read and written of a run: nothing is read while it is paused (pace.h),
 * and nothing is waited for once it has ended. */
void sbx_stream_watch(struct sbx_run *run);

/* Reads on, for some milliseconds. Returns whether nothing is left; the descriptors are closed
 * then. Calls JavaScript. */
bool sbx_stream_read_rest(struct sbx_run *run);

/* Hands the lines that came to onLogs. JavaScript may release the run: hold a reference. */
void sbx_stream_flush_live(struct sbx_run *run);

/* Reads what is left until the kernel has no more, then closes. Bounded: a descriptor that the
 * guest gave to a process outside of its tree may never run dry. */
void sbx_stream_drain(struct sbx_stream *stream);

/* Writes what the data socket takes of run->out, then of run->outbox. Returns true while
 * something is left. */
bool sbx_stream_send(struct sbx_run *run);

/* The same, and waits for room when something is left. */
void sbx_stream_flush(struct sbx_run *run);

#endif
