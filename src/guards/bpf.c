/* SPDX-License-Identifier: MIT */
/* A small emitter of classic BPF. Pure; may allocate. */
#include "bpf.h"

#include <errno.h>
#include <linux/bpf_common.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_JUMP_MAX 255

/* The halves of an argument lie where enum sbx_bpf_half says on little-endian machines only. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "written for little-endian machines");

static void fail(struct sbx_bpf *bpf, int error) {
  if (bpf->error == 0)
    bpf->error = error;
}

void sbx_bpf_init(struct sbx_bpf *bpf) {
  memset(bpf, 0, sizeof *bpf);
}

void sbx_bpf_free(struct sbx_bpf *bpf) {
  free(bpf->insns);
  free(bpf->labels);
  sbx_bpf_init(bpf);
}

/* Makes room for one more item; returns whether there is. */
static bool grow(struct sbx_bpf *bpf, void **items, size_t n, size_t *capacity, size_t size) {
  if (bpf->error)
    return false;
  if (n < *capacity)
    return true;
  if (n >= BPF_MAXINSNS) {
    fail(bpf, -E2BIG);
    return false;
  }
  size_t more = *capacity ? *capacity * 2 : 64;
  void *grown = realloc(*items, more * size);
  if (!grown) {
    fail(bpf, -ENOMEM);
    return false;
  }
  *items = grown;
  *capacity = more;
  return true;
}

int sbx_bpf_label(struct sbx_bpf *bpf) {
  void *items = bpf->labels;
  bool room = grow(bpf, &items, bpf->n_labels, &bpf->label_capacity, sizeof *bpf->labels);
  bpf->labels = items;
  if (!room)
    return SBX_BPF_NEXT;
  bpf->labels[bpf->n_labels] = SIZE_MAX;
  return (int)bpf->n_labels++;
}

void sbx_bpf_bind(struct sbx_bpf *bpf, int label) {
  if (bpf->error)
    return;
  if (label < 0 || (size_t)label >= bpf->n_labels || bpf->labels[label] != SIZE_MAX)
    fail(bpf, -EINVAL);
  else
    bpf->labels[label] = bpf->n;
}

static void emit(struct sbx_bpf *bpf, uint16_t code, uint32_t k, int yes, int no) {
  void *items = bpf->insns;
  bool room = grow(bpf, &items, bpf->n, &bpf->capacity, sizeof *bpf->insns);
  bpf->insns = items;
  if (room)
    bpf->insns[bpf->n++] = (struct sbx_bpf_insn){.code = code, .k = k, .yes = yes, .no = no};
}

void sbx_bpf_stmt(struct sbx_bpf *bpf, uint16_t code, uint32_t k) {
  if (BPF_CLASS(code) == BPF_JMP)
    fail(bpf, -EINVAL);
  emit(bpf, code, k, SBX_BPF_NEXT, SBX_BPF_NEXT);
}

void sbx_bpf_if(struct sbx_bpf *bpf, uint16_t op, uint32_t k, int yes, int no) {
  emit(bpf, BPF_JMP | op | BPF_K, k, yes, no);
}

void sbx_bpf_goto(struct sbx_bpf *bpf, int label) {
  emit(bpf, BPF_JMP | BPF_JA, 0, label, label);
}

void sbx_bpf_return(struct sbx_bpf *bpf, uint32_t verdict) {
  sbx_bpf_stmt(bpf, BPF_RET | BPF_K, verdict);
}

static void load(struct sbx_bpf *bpf, size_t offset) {
  sbx_bpf_stmt(bpf, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

void sbx_bpf_load_nr(struct sbx_bpf *bpf) {
  load(bpf, offsetof(struct seccomp_data, nr));
}

void sbx_bpf_load_arch(struct sbx_bpf *bpf) {
  load(bpf, offsetof(struct seccomp_data, arch));
}

void sbx_bpf_load_arg(struct sbx_bpf *bpf, unsigned arg, enum sbx_bpf_half half) {
  if (arg > 5)
    fail(bpf, -EINVAL);
  load(bpf, offsetof(struct seccomp_data, args) + 8 * (size_t)arg + (size_t)half);
}

void sbx_bpf_if_arg(struct sbx_bpf *bpf, unsigned arg, uint64_t value, int yes, int no) {
  int end = no == SBX_BPF_NEXT || yes == SBX_BPF_NEXT ? sbx_bpf_label(bpf) : SBX_BPF_NEXT;
  int differs = no == SBX_BPF_NEXT ? end : no;
  sbx_bpf_load_arg(bpf, arg, SBX_BPF_HIGH);
  sbx_bpf_if(bpf, BPF_JEQ, (uint32_t)(value >> 32), SBX_BPF_NEXT, differs);
  sbx_bpf_load_arg(bpf, arg, SBX_BPF_LOW);
  sbx_bpf_if(bpf, BPF_JEQ, (uint32_t)value, yes == SBX_BPF_NEXT ? end : yes, differs);
  if (end != SBX_BPF_NEXT)
    sbx_bpf_bind(bpf, end);
}

void sbx_bpf_mark(struct sbx_bpf *bpf) {
  if (bpf->n == 0)
    fail(bpf, -EINVAL);
  else
    bpf->insns[bpf->n - 1].marked = true;
}

static bool is_jump(const struct sbx_bpf_insn *insn) {
  return BPF_CLASS(insn->code) == BPF_JMP;
}

static bool is_goto(const struct sbx_bpf_insn *insn) {
  return is_jump(insn) && BPF_OP(insn->code) == BPF_JA;
}

static size_t size_of(const struct sbx_bpf_insn *insn) {
  return (size_t)1 + insn->far_yes + insn->far_no;
}

/* Whether every label that is used lies ahead, within the program. */
static bool is_sound(const struct sbx_bpf *bpf) {
  if (BPF_CLASS(bpf->insns[bpf->n - 1].code) != BPF_RET)
    return false;
  for (size_t i = 0; i < bpf->n; i++) {
    int targets[2] = {bpf->insns[i].yes, bpf->insns[i].no};
    for (int j = 0; j < 2; j++) {
      if (targets[j] == SBX_BPF_NEXT && !is_goto(&bpf->insns[i]))
        continue;
      if (targets[j] < 0 || (size_t)targets[j] >= bpf->n_labels)
        return false;
      size_t at = bpf->labels[targets[j]];
      if (at <= i || at >= bpf->n)
        return false;
    }
  }
  return true;
}

static bool is_far(const struct sbx_bpf *bpf, const size_t *place, size_t i, int label) {
  return label != SBX_BPF_NEXT && place[bpf->labels[label]] - place[i] - 1 > SHORT_JUMP_MAX;
}

/* Widening one jump moves what follows, which may put another label out of reach: repeats until
 * nothing changes. Jumps are never narrowed again, so that it ends. place[n] becomes the size. */
static void lay_out(struct sbx_bpf *bpf, size_t *place) {
  for (bool changed = true; changed;) {
    changed = false;
    place[0] = 0;
    for (size_t i = 0; i < bpf->n; i++)
      place[i + 1] = place[i] + size_of(&bpf->insns[i]);
    for (size_t i = 0; i < bpf->n; i++) {
      struct sbx_bpf_insn *insn = &bpf->insns[i];
      if (!is_jump(insn) || is_goto(insn))
        continue;
      bool far_yes = insn->far_yes || is_far(bpf, place, i, insn->yes);
      bool far_no = insn->far_no || is_far(bpf, place, i, insn->no);
      changed = changed || far_yes != insn->far_yes || far_no != insn->far_no;
      insn->far_yes = far_yes;
      insn->far_no = far_no;
    }
  }
}

/* How far one side of a conditional jump goes: past the long jumps behind it, to its own one, which
 * is at `detour`, or all the way. */
static uint8_t distance(const struct sbx_bpf *bpf, const size_t *place, size_t i, int label,
                        bool far, size_t detour) {
  if (label == SBX_BPF_NEXT)
    return (uint8_t)(size_of(&bpf->insns[i]) - 1);
  return (uint8_t)(far ? detour : place[bpf->labels[label]] - place[i] - 1);
}

static void encode(const struct sbx_bpf *bpf, const size_t *place, size_t i,
                   struct sock_filter *code) {
  const struct sbx_bpf_insn *insn = &bpf->insns[i];
  size_t at = place[i];
  code[at] = (struct sock_filter){insn->code, 0, 0, insn->k};
  if (is_goto(insn))
    code[at].k = (uint32_t)(place[bpf->labels[insn->yes]] - at - 1);
  if (!is_jump(insn) || is_goto(insn))
    return;
  code[at].jt = distance(bpf, place, i, insn->yes, insn->far_yes, 0);
  code[at].jf = distance(bpf, place, i, insn->no, insn->far_no, insn->far_yes);
  int far[2] = {insn->far_yes ? insn->yes : SBX_BPF_NEXT, insn->far_no ? insn->no : SBX_BPF_NEXT};
  for (int j = 0; j < 2; j++)
    if (far[j] != SBX_BPF_NEXT) {
      at++;
      code[at] = (struct sock_filter){BPF_JMP | BPF_JA, 0, 0,
                                      (uint32_t)(place[bpf->labels[far[j]]] - at - 1)};
    }
}

int sbx_bpf_finish(struct sbx_bpf *bpf, struct sbx_bpf_program *out) {
  memset(out, 0, sizeof *out);
  if (bpf->error)
    return bpf->error;
  if (bpf->n == 0 || !is_sound(bpf))
    return -EINVAL;
  size_t *place = calloc(bpf->n + 1, sizeof *place);
  if (!place)
    return -ENOMEM;
  lay_out(bpf, place);
  size_t n = place[bpf->n];
  int rc = n > BPF_MAXINSNS ? -E2BIG : 0;
  if (rc == 0) {
    out->code = calloc(n, sizeof *out->code);
    out->marks = calloc(bpf->n, sizeof *out->marks);
    rc = out->code && out->marks ? 0 : -ENOMEM;
  }
  for (size_t i = 0; rc == 0 && i < bpf->n; i++) {
    encode(bpf, place, i, out->code);
    if (bpf->insns[i].marked)
      out->marks[out->n_marks++] = (unsigned short)place[i];
  }
  out->n = (unsigned short)(rc == 0 ? n : 0);
  free(place);
  if (rc < 0) {
    free(out->code);
    free(out->marks);
    memset(out, 0, sizeof *out);
  }
  return rc;
}
