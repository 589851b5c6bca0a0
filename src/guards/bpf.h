/* SPDX-License-Identifier: MIT */
/* A small emitter of classic BPF for seccomp filters.
 *
 * A program is a list of instructions and labels. Jumps name labels, which are bound later: BPF
 * only jumps forward. Conditional jumps reach 255 instructions; where a label is further away,
 * sbx_bpf_finish() puts an unconditional jump between.
 *
 * A failure (no memory, a label bound twice) is kept in the program, and told by
 * sbx_bpf_finish(): nothing else has to be checked. Pure; may allocate. */
#ifndef SBX_BPF_H
#define SBX_BPF_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As a jump's target: the instruction that comes next. */
#define SBX_BPF_NEXT (-1)

/* Which half of a 64 bit argument. */
enum sbx_bpf_half { SBX_BPF_LOW = 0, SBX_BPF_HIGH = 4 };

struct sbx_bpf_insn {
  uint16_t code;
  uint32_t k;
  int yes, no; /* labels of a jump */
  bool marked, far_yes, far_no;
};

struct sbx_bpf {
  struct sbx_bpf_insn *insns;
  size_t n, capacity;
  size_t *labels; /* index of the instruction, or SIZE_MAX while not bound */
  size_t n_labels, label_capacity;
  int error; /* 0 or -errno: the first failure */
};

/* What sbx_bpf_finish() makes; malloc'ed, free both. */
struct sbx_bpf_program {
  struct sock_filter *code;
  unsigned short n;
  unsigned short *marks; /* where the marked instructions are */
  unsigned short n_marks;
};

void sbx_bpf_init(struct sbx_bpf *bpf);
void sbx_bpf_free(struct sbx_bpf *bpf);

/* A new label, to be bound once. */
int sbx_bpf_label(struct sbx_bpf *bpf);

/* Binds the label to the instruction that is emitted next. */
void sbx_bpf_bind(struct sbx_bpf *bpf, int label);

/* Any instruction that is no jump. */
void sbx_bpf_stmt(struct sbx_bpf *bpf, uint16_t code, uint32_t k);

/* Compares the accumulator with `k`. `op`: BPF_JEQ, BPF_JGT, BPF_JGE or BPF_JSET. */
void sbx_bpf_if(struct sbx_bpf *bpf, uint16_t op, uint32_t k, int yes, int no);

void sbx_bpf_goto(struct sbx_bpf *bpf, int label);

/* `verdict`: SECCOMP_RET_*. */
void sbx_bpf_return(struct sbx_bpf *bpf, uint32_t verdict);

/* Each of these changes the accumulator. */
void sbx_bpf_load_nr(struct sbx_bpf *bpf);
void sbx_bpf_load_arch(struct sbx_bpf *bpf);
void sbx_bpf_load_arg(struct sbx_bpf *bpf, unsigned arg, enum sbx_bpf_half half);

/* Whether all 64 bits of an argument are `value`. */
void sbx_bpf_if_arg(struct sbx_bpf *bpf, unsigned arg, uint64_t value, int yes, int no);

/* Marks the last instruction, so that its place in the finished program becomes known. */
void sbx_bpf_mark(struct sbx_bpf *bpf);

/* Lays out the program. Returns 0 or -errno: -EINVAL for a label that is not bound or not ahead of
 * a jump, or a program that does not end in a return; -E2BIG over BPF_MAXINSNS. */
int sbx_bpf_finish(struct sbx_bpf *bpf, struct sbx_bpf_program *out);

#endif
