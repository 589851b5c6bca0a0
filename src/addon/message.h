/* SPDX-License-Identifier: MIT */
/* What a guest says to JavaScript while it runs (calls of host functions, chunks of its result, its
 * progress), and what JavaScript answers. Thread of the environment only.
 *
 * Only what a MESSAGE costs (core/charge.h) is judged here; what is in it is for lib/session.js. It
 * comes in batches, of what one turn of the event loop read, and a turn reads no more than is
 * `enough`. */
#ifndef SBX_MESSAGE_H
#define SBX_MESSAGE_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sbx_run;

struct sbx_message; /* with what it costs */

struct sbx_messages {
  struct sbx_message *list;
  size_t count, cap;
  uint64_t cost;
  bool wants_room; /* sendMessage had to keep something: onRoom is due when it is gone */
};

/* A MESSAGE frame; `data` now belongs to the run. Returns false when there is no memory. */
bool sbx_message_take(struct sbx_run *run, uint8_t *data, size_t len);

/* Whether to stop reading for this turn. */
bool sbx_message_enough(const struct sbx_messages *messages);

/* Calls onMessages with what came since, if anything did. JavaScript may release the run: hold a
 * reference. */
void sbx_message_tell(struct sbx_run *run);

/* Calls onRoom when it is due. The same holds. */
void sbx_message_room(struct sbx_run *run);

/* sendMessage of src/README.md. */
napi_value sbx_message_send(napi_env napi, napi_callback_info info);

void sbx_message_free(struct sbx_messages *messages);

#endif
