/* SPDX-License-Identifier: MIT */
/* Large inputs on their way to a guest, and large results on their way from one, in pieces
 * (lib/guest/pieces.cjs). Thread of the environment only.
 *
 * A hostile guest sends pieces as it likes: they count against the limit on its result as they
 * arrive, and JavaScript, which puts them together, believes none. */
#ifndef SBX_PIECES_H
#define SBX_PIECES_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../core/frame.h"

struct sbx_run;
struct sbx_piece;

struct sbx_piece_list {
  struct sbx_piece *first, *last;
  size_t bytes;
};

struct sbx_pieces {
  /* Of the input: what the socket has not taken yet. */
  struct sbx_piece_list out;
  /* Of the result: what JavaScript has not been told of yet. */
  struct sbx_piece_list came;
  uint32_t left; /* bytes that the result may still have */
};

/* The result may have so many bytes, and come in pieces. */
void sbx_pieces_accept(struct sbx_run *run, uint32_t max_result);

/* A RESULT_PIECE frame; `data` now belongs to the run. Returns false when the run is to be ended:
 * its outcome says why. */
bool sbx_pieces_take(struct sbx_run *run, uint8_t *data, size_t len);

/* Whether to stop reading for this turn. */
bool sbx_pieces_enough(const struct sbx_pieces *pieces);

/* Calls onPieces with what came since, if anything did. JavaScript may release the run: hold a
 * reference. */
void sbx_pieces_tell(struct sbx_run *run);

/* sendPiece of src/README.md. */
napi_value sbx_pieces_put(napi_env napi, napi_callback_info info);

/* Writes what the socket takes. Returns true while something is left. */
bool sbx_pieces_send(struct sbx_run *run);

/* Drops what was to be sent. */
void sbx_pieces_drop(struct sbx_pieces *pieces);

void sbx_pieces_free(struct sbx_pieces *pieces);

#endif
