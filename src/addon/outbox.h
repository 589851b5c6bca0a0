/* SPDX-License-Identifier: MIT */
/* Frames on their way to a guest, behind REQUEST and INPUT. Thread of the environment only.
 *
 * There is one, whatever the frames are about: a frame that the socket has taken in part must be
 * finished before another begins. */
#ifndef SBX_OUTBOX_H
#define SBX_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sbx_run;

struct sbx_outbox {
  uint8_t *bytes; /* bytes[at..len) is left */
  size_t at, len, cap;
};

/* Sends a frame, or keeps what the socket does not take. The payload is `a` and then `b`. Returns
 * false when the data socket is closed or there is no memory: the frame is lost, in whole. */
bool sbx_outbox_put(struct sbx_run *run, uint8_t type, const void *a, size_t a_len, const void *b,
                    size_t b_len);

/* Writes what the socket takes. Returns true while something is left. */
bool sbx_outbox_send(struct sbx_run *run);

static inline size_t sbx_outbox_left(const struct sbx_outbox *box) {
  return box->len - box->at;
}

void sbx_outbox_free(struct sbx_outbox *box);

#endif
