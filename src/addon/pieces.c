/* SPDX-License-Identifier: MIT */
/* Inputs and results in pieces. Host process, on the thread of the environment. */
#include "pieces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "run.h"
#include "runner.h"
#include "stream.h"
#include "text.h"

/* One turn's worth: to read it takes JavaScript about two milliseconds. */
#define BYTES_ENOUGH ((size_t)256 << 10)

/* Of sendPiece: no piece, but the INPUT that follows them. */
#define FORM_END SBX_PIECE_FORMS

struct sbx_piece {
  struct sbx_piece *next;
  uint8_t head[SBX_FRAME_HEADER + 1]; /* the frame's header, and the form */
  size_t head_len;
  uint8_t *data; /* malloc'ed; of a result with the form as its first byte */
  size_t len, at;
};

static void append(struct sbx_piece_list *list, struct sbx_piece *piece) {
  if (list->last)
    list->last->next = piece;
  else
    list->first = piece;
  list->last = piece;
  list->bytes += piece->len;
}

static void drop_first(struct sbx_piece_list *list) {
  struct sbx_piece *piece = list->first;
  list->first = piece->next;
  if (!list->first)
    list->last = NULL;
  list->bytes -= piece->len;
  free(piece->data);
  free(piece);
}

static void drop_all(struct sbx_piece_list *list) {
  while (list->first)
    drop_first(list);
}

void sbx_pieces_drop(struct sbx_pieces *p) {
  drop_all(&p->out);
}

void sbx_pieces_free(struct sbx_pieces *p) {
  drop_all(&p->out);
  drop_all(&p->came);
}

/* --- results ------------------------------------------------------------------------------- */

/* What a piece adds to the charge on the value's whole text, beside the character that takes its
 * place in RESULT. A list has its form and two brackets here, and one of them or a comma there; a
 * text has its form here, and quotes there. */
static uint64_t cost_of(uint8_t form, const struct sbx_charge *charge) {
  uint64_t cost = sbx_charge_sum(charge);
  if (form != SBX_PIECE_TEXT)
    cost -= form == SBX_PIECE_MORE ? 2 + SBX_CHARGE_LIST : 2;
  return cost < SBX_PIECE_MIN ? SBX_PIECE_MIN : cost;
}

static uint32_t add(uint32_t left, uint32_t more) {
  return left > UINT32_MAX - more ? UINT32_MAX : left + more;
}

static void set_limits(struct sbx_run *run) {
  uint32_t most = add(run->pieces.left, 2 + SBX_CHARGE_LIST);
  sbx_frame_accept(&run->parser, SBX_FRAME_RESULT_PIECE, most);
  sbx_frame_charge(&run->parser, SBX_FRAME_RESULT_PIECE, most);
}

void sbx_pieces_accept(struct sbx_run *run, uint32_t max_result) {
  run->pieces.left = max_result;
  set_limits(run);
}

bool sbx_pieces_take(struct sbx_run *run, uint8_t *data, size_t len) {
  struct sbx_pieces *p = &run->pieces;
  /* The shortest list is "[]". */
  if (len < 3 || data[0] >= SBX_PIECE_FORMS || (data[0] != SBX_PIECE_TEXT && data[1] != '[')) {
    run->outcome.protocol_error = "a piece of a result that is none";
    free(data);
    return false;
  }
  uint64_t cost = cost_of(data[0], &run->parser.charge);
  struct sbx_piece *piece = cost <= p->left ? calloc(1, sizeof *piece) : NULL;
  if (!piece) {
    if (cost > p->left)
      run->outcome.too_large = true;
    else
      run->outcome.protocol_error = "a piece that the host has no memory for";
    free(data);
    return false;
  }
  p->left -= (uint32_t)cost;
  set_limits(run);
  uint32_t most = add(p->left, SBX_LIMIT_PLACES);
  sbx_frame_accept(&run->parser, SBX_FRAME_RESULT, most);
  sbx_frame_charge(&run->parser, SBX_FRAME_RESULT, most);
  piece->data = data;
  piece->len = len;
  append(&p->came, piece);
  return true;
}

bool sbx_pieces_enough(const struct sbx_pieces *p) {
  return p->came.bytes >= BYTES_ENOUGH;
}

/* Bytes, whose memory becomes JavaScript's, of a list that JavaScript is to read a little at a
 * time. */
static napi_value make_content(napi_env napi, struct sbx_piece *piece) {
  if (piece->data[0] == SBX_PIECE_TEXT || piece->len - 1 <= SBX_TEXT_AT_ONCE)
    return sbx_text_make(napi, piece->data + 1, piece->len - 1);
  struct sbx_payload payload = {.present = true, .data = piece->data, .len = piece->len};
  napi_value value = sbx_payload_buffer(napi, &payload);
  piece->data = payload.data;
  return value;
}

/* Sets list[at] to the form and list[at + 1] to the text; null for one too long for V8. Of a long
 * list the latter is bytes, with the form in front of them. */
static bool push_piece(napi_env napi, napi_value list, uint32_t at, struct sbx_piece *piece) {
  napi_handle_scope scope;
  if (napi_open_handle_scope(napi, &scope) != napi_ok)
    return false;
  uint8_t is = piece->data[0];
  napi_value form, text = make_content(napi, piece);
  bool ok = (text || napi_get_null(napi, &text) == napi_ok) &&
            napi_create_uint32(napi, is, &form) == napi_ok &&
            napi_set_element(napi, list, at, form) == napi_ok &&
            napi_set_element(napi, list, at + 1, text) == napi_ok;
  napi_close_handle_scope(napi, scope);
  return ok;
}

/* An sbx_js_build: form and text of each. Emptied before JavaScript runs, which may make us read.
 */
static napi_value build_batch(struct sbx_env *env, void *arg) {
  struct sbx_pieces *p = arg;
  napi_value list;
  uint32_t at = 0;
  bool good = napi_create_array(env->napi, &list) == napi_ok;
  for (struct sbx_piece *piece = p->came.first; good && piece; piece = piece->next, at += 2)
    good = push_piece(env->napi, list, at, piece);
  drop_all(&p->came);
  return good ? list : NULL;
}

void sbx_pieces_tell(struct sbx_run *run) {
  if (run->pieces.came.first && run->on_pieces)
    sbx_js_call(run->runner->env, run->context, run->on_pieces, build_batch, &run->pieces);
}

/* --- inputs -------------------------------------------------------------------------------- */

static struct sbx_piece *new_piece(napi_env napi, uint32_t form, napi_value text) {
  struct sbx_piece *piece = calloc(1, sizeof *piece);
  if (!piece)
    return NULL;
  bool end = form == FORM_END;
  if (!sbx_text_take(napi, text, &piece->data, &piece->len) || piece->len >= UINT32_MAX) {
    free(piece->data);
    free(piece);
    return NULL;
  }
  piece->head_len = SBX_FRAME_HEADER + !end;
  sbx_frame_header(piece->head, end ? SBX_FRAME_INPUT : SBX_FRAME_INPUT_PIECE,
                   (uint32_t)piece->len + !end);
  piece->head[SBX_FRAME_HEADER] = (uint8_t)form;
  return piece;
}

/* What it does not return false for is sent, or nobody is there any more to read it. */
static bool send_piece(int fd, struct sbx_piece *piece) {
  size_t total = piece->head_len + piece->len;
  while (piece->at < total) {
    size_t from = piece->at < piece->head_len ? piece->at : piece->head_len;
    size_t skip = piece->at - from;
    struct iovec parts[] = {{piece->head + from, piece->head_len - from},
                            {piece->data + skip, piece->len - skip}};
    struct msghdr head = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n = sendmsg(fd, &head, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return errno != EAGAIN;
    piece->at += (size_t)n;
  }
  return true;
}

bool sbx_pieces_send(struct sbx_run *run) {
  struct sbx_piece_list *out = &run->pieces.out;
  while (out->first) {
    if (!send_piece(run->streams[SBX_RUN_DATA].fd, out->first))
      return true;
    drop_first(out);
  }
  return false;
}

/* sendPiece(run, form, text): false when the guest will never get it. */
napi_value sbx_pieces_put(napi_env napi, napi_callback_info info) {
  napi_value args[3], result;
  struct sbx_run *run = NULL;
  uint32_t form;
  napi_valuetype type;
  if (!sbx_args(napi, info, 3, args) || !sbx_run_get(napi, args[0], &run))
    return NULL;
  if (napi_get_value_uint32(napi, args[1], &form) != napi_ok || form > FORM_END ||
      napi_typeof(napi, args[2], &type) != napi_ok || type != napi_string) {
    napi_throw_type_error(napi, "ERR_INVALID_ARG_TYPE", "A piece is a form and a text");
    return NULL;
  }
  bool good = run && run->streams[SBX_RUN_DATA].open;
  if (good) {
    struct sbx_piece *piece = new_piece(napi, form, args[2]);
    if (!piece) {
      sbx_throw(napi, "ERR_SBX_NOMEM", 0, NULL, "Out of memory");
      return NULL;
    }
    append(&run->pieces.out, piece);
    sbx_stream_flush(run);
  }
  return napi_get_boolean(napi, good, &result) == napi_ok ? result : NULL;
}
