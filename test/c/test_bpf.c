/* SPDX-License-Identifier: MIT */
/* The BPF emitter: the instructions that come out, and what they do. */
#include <errno.h>
#include <stdlib.h>

#include "bpf_vm.h"
#include "tap.h"
#include "util.h"

#include "../../src/guards/bpf.h"

#define LD_W (BPF_LD | BPF_W | BPF_ABS)
#define JMP(op) (BPF_JMP | (op) | BPF_K)
#define RET (BPF_RET | BPF_K)

static int same(const struct sbx_bpf_program *program, const struct sock_filter *expected,
                size_t n) {
  int good = program->n == n && memcmp(program->code, expected, n * sizeof *expected) == 0;
  for (size_t i = 0; !good && i < program->n; i++)
    printf("# %zu: {%#x, %u, %u, %#x}\n", i, program->code[i].code, program->code[i].jt,
           program->code[i].jf, program->code[i].k);
  return good;
}

static void drop(struct sbx_bpf *bpf, struct sbx_bpf_program *program) {
  sbx_bpf_free(bpf);
  free(program->code);
  free(program->marks);
}

static void test_loads(void) {
  static const struct sock_filter expected[] = {
      {LD_W, 0, 0, 0},
      {LD_W, 0, 0, 4},
      {LD_W, 0, 0, 16},
      {LD_W, 0, 0, 20},
      {LD_W, 0, 0, 56},
      {LD_W, 0, 0, 60},
      {RET, 0, 0, SECCOMP_RET_ALLOW},
  };
  struct sbx_bpf bpf;
  struct sbx_bpf_program program;
  sbx_bpf_init(&bpf);
  sbx_bpf_load_nr(&bpf);
  sbx_bpf_load_arch(&bpf);
  sbx_bpf_load_arg(&bpf, 0, SBX_BPF_LOW);
  sbx_bpf_load_arg(&bpf, 0, SBX_BPF_HIGH);
  sbx_bpf_load_arg(&bpf, 5, SBX_BPF_LOW);
  sbx_bpf_load_arg(&bpf, 5, SBX_BPF_HIGH);
  sbx_bpf_return(&bpf, SECCOMP_RET_ALLOW);
  ok(sbx_bpf_finish(&bpf, &program) == 0 && same(&program, expected, 7),
     "loads read the number, the architecture and both halves of each argument");
  drop(&bpf, &program);
}

static void test_jumps(void) {
  static const struct sock_filter expected[] = {
      {JMP(BPF_JEQ), 3, 0, 7}, {JMP(BPF_JSET), 0, 1, 8}, {BPF_JMP | BPF_JA, 0, 0, 1},
      {RET, 0, 0, 1},          {RET, 0, 0, 2},
  };
  struct sbx_bpf bpf;
  struct sbx_bpf_program program;
  sbx_bpf_init(&bpf);
  int one = sbx_bpf_label(&bpf), two = sbx_bpf_label(&bpf);
  sbx_bpf_if(&bpf, BPF_JEQ, 7, two, SBX_BPF_NEXT);
  sbx_bpf_if(&bpf, BPF_JSET, 8, SBX_BPF_NEXT, one);
  sbx_bpf_goto(&bpf, two);
  sbx_bpf_bind(&bpf, one);
  sbx_bpf_return(&bpf, 1);
  sbx_bpf_mark(&bpf);
  sbx_bpf_bind(&bpf, two);
  sbx_bpf_return(&bpf, 2);
  ok(sbx_bpf_finish(&bpf, &program) == 0 && same(&program, expected, 5),
     "short jumps hold their distance");
  ok(program.n_marks == 1 && program.marks[0] == 3, "a marked instruction is found again");
  drop(&bpf, &program);
}

static void test_arg64(void) {
  static const struct sock_filter both[] = {
      {LD_W, 0, 0, 28},        {JMP(BPF_JEQ), 0, 3, 1}, {LD_W, 0, 0, 24},
      {JMP(BPF_JEQ), 0, 1, 2}, {RET, 0, 0, 1},          {RET, 0, 0, 2},
  };
  static const uint64_t values[] = {0,           1,           2,           0x100000000,
                                    0x100000001, 0x100000002, 0x200000002, ~0ull};
  struct sbx_bpf bpf;
  struct sbx_bpf_program program;
  int good = 1;
  for (int form = 0; form < 3; form++) {
    sbx_bpf_init(&bpf);
    int yes = sbx_bpf_label(&bpf), no = sbx_bpf_label(&bpf);
    sbx_bpf_if_arg(&bpf, 1, 0x100000002, form == 0 ? SBX_BPF_NEXT : yes,
                   form == 1 ? SBX_BPF_NEXT : no);
    if (form == 1)
      sbx_bpf_bind(&bpf, no);
    else
      sbx_bpf_bind(&bpf, yes);
    sbx_bpf_return(&bpf, form == 1 ? 2 : 1);
    sbx_bpf_bind(&bpf, form == 1 ? yes : no);
    sbx_bpf_return(&bpf, form == 1 ? 1 : 2);
    int rc = sbx_bpf_finish(&bpf, &program);
    if (form == 0)
      ok(rc == 0 && same(&program, both, 6), "a comparison of 64 bits compares both halves");
    for (size_t i = 0; rc == 0 && i < sizeof values / sizeof *values; i++) {
      struct seccomp_data data = {.args = {0, values[i]}};
      good = good &&
             vm_run(program.code, program.n, &data, NULL) == (values[i] == 0x100000002 ? 1u : 2u);
    }
    good = good && rc == 0;
    drop(&bpf, &program);
  }
  ok(good, "and takes the side it should, whichever of them comes next");
}

/* A jump over `gap` instructions on either side, run with both outcomes. */
static int far_works(size_t gap_yes, size_t gap_no, size_t *n) {
  struct sbx_bpf bpf;
  struct sbx_bpf_program program;
  struct seccomp_data one = {.nr = 1}, two = {.nr = 2};
  sbx_bpf_init(&bpf);
  int yes = sbx_bpf_label(&bpf), no = sbx_bpf_label(&bpf);
  size_t first = gap_yes < gap_no ? gap_yes : gap_no, last = gap_yes + gap_no - first;
  sbx_bpf_load_nr(&bpf);
  sbx_bpf_if(&bpf, BPF_JEQ, 1, yes, no);
  for (size_t i = 0; i < last; i++) {
    if (i == first) {
      sbx_bpf_bind(&bpf, first == gap_yes ? yes : no);
      sbx_bpf_return(&bpf, first == gap_yes ? 11 : 22);
    } else {
      sbx_bpf_return(&bpf, 99);
    }
  }
  sbx_bpf_bind(&bpf, first == gap_yes ? no : yes);
  sbx_bpf_return(&bpf, first == gap_yes ? 22 : 11);
  int good = sbx_bpf_finish(&bpf, &program) == 0 &&
             vm_run(program.code, program.n, &one, NULL) == 11 &&
             vm_run(program.code, program.n, &two, NULL) == 22;
  *n = program.n;
  drop(&bpf, &program);
  return good;
}

static void test_far_jumps(void) {
  static const size_t gaps[] = {0, 1, 253, 254, 255, 256, 257, 300, 3000};
  size_t n, good = 1;
  for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++)
    for (size_t j = 0; j < sizeof gaps / sizeof *gaps; j++)
      if (i != j)
        good = good && far_works(gaps[i], gaps[j], &n);
  ok(good, "a jump leads where it should, however far that is");
  ok(far_works(255, 0, &n) && n == 258, "255 instructions are jumped over directly");
  ok(far_works(256, 0, &n) && n == 260, "more of them by an instruction in between");
  ok(far_works(257, 256, &n) && n == 262, "on both sides if need be");
}

/* Widening a late jump pushes the target of an early one out of reach. */
static void test_widening_spreads(void) {
  struct sbx_bpf bpf;
  struct sbx_bpf_program program;
  struct seccomp_data hit = {.nr = 1}, miss = {.nr = 2}, late = {.nr = 3};
  sbx_bpf_init(&bpf);
  int near = sbx_bpf_label(&bpf), far = sbx_bpf_label(&bpf);
  sbx_bpf_load_nr(&bpf);
  sbx_bpf_if(&bpf, BPF_JEQ, 1, near, SBX_BPF_NEXT); /* 255 ahead, before the next one grows */
  sbx_bpf_if(&bpf, BPF_JEQ, 3, far, SBX_BPF_NEXT);
  for (int i = 0; i < 254; i++)
    sbx_bpf_return(&bpf, 99);
  sbx_bpf_bind(&bpf, near);
  sbx_bpf_return(&bpf, 11);
  sbx_bpf_mark(&bpf);
  for (int i = 0; i < 10; i++)
    sbx_bpf_return(&bpf, 98);
  sbx_bpf_bind(&bpf, far);
  sbx_bpf_return(&bpf, 33);
  ok(sbx_bpf_finish(&bpf, &program) == 0 && vm_run(program.code, program.n, &hit, NULL) == 11 &&
         vm_run(program.code, program.n, &miss, NULL) == 99 &&
         vm_run(program.code, program.n, &late, NULL) == 33,
     "a jump that grows does not mislead the ones before it");
  ok(program.n == 271 && program.marks[0] == 259 && program.code[259].k == 11,
     "marks move along with what grew before them");
  drop(&bpf, &program);
}

static int finish(struct sbx_bpf *bpf) {
  struct sbx_bpf_program program;
  int rc = sbx_bpf_finish(bpf, &program);
  if (rc < 0 && (program.code || program.marks || program.n || program.n_marks))
    rc = -EBUSY; /* a failure must leave nothing behind */
  drop(bpf, &program);
  return rc;
}

static void test_misuse(void) {
  struct sbx_bpf bpf;
  sbx_bpf_init(&bpf);
  ok(finish(&bpf) == -EINVAL, "an empty program is refused");
  sbx_bpf_load_nr(&bpf);
  ok(finish(&bpf) == -EINVAL, "a program that does not end in a return is refused");
  sbx_bpf_goto(&bpf, sbx_bpf_label(&bpf));
  sbx_bpf_return(&bpf, 0);
  ok(finish(&bpf) == -EINVAL, "a label that is not bound is refused");
  int back = sbx_bpf_label(&bpf);
  sbx_bpf_bind(&bpf, back);
  sbx_bpf_if(&bpf, BPF_JEQ, 0, back, SBX_BPF_NEXT);
  sbx_bpf_return(&bpf, 0);
  ok(finish(&bpf) == -EINVAL, "a jump back is refused");
  int end = sbx_bpf_label(&bpf);
  sbx_bpf_goto(&bpf, end);
  sbx_bpf_return(&bpf, 0);
  sbx_bpf_bind(&bpf, end);
  ok(finish(&bpf) == -EINVAL, "a jump behind the end is refused");
  int twice = sbx_bpf_label(&bpf);
  sbx_bpf_bind(&bpf, twice);
  sbx_bpf_bind(&bpf, twice);
  sbx_bpf_return(&bpf, 0);
  ok(finish(&bpf) == -EINVAL, "a label that is bound twice is refused");
  sbx_bpf_stmt(&bpf, BPF_JMP | BPF_JA, 5);
  sbx_bpf_return(&bpf, 0);
  ok(finish(&bpf) == -EINVAL, "a jump by number is refused");
  sbx_bpf_load_arg(&bpf, 6, SBX_BPF_LOW);
  sbx_bpf_return(&bpf, 0);
  ok(finish(&bpf) == -EINVAL, "a seventh argument is refused");
  sbx_bpf_if(&bpf, BPF_JEQ, 0, 17, SBX_BPF_NEXT);
  sbx_bpf_return(&bpf, 0);
  ok(finish(&bpf) == -EINVAL, "a label that was never made is refused");
}

static void test_size(void) {
  struct sbx_bpf bpf;
  sbx_bpf_init(&bpf);
  for (int i = 0; i < BPF_MAXINSNS; i++)
    sbx_bpf_return(&bpf, 0);
  ok(finish(&bpf) == 0, "4,096 instructions are a program");
  for (int i = 0; i < BPF_MAXINSNS + 1; i++)
    sbx_bpf_return(&bpf, 0);
  ok(finish(&bpf) == -E2BIG, "one more is not");
  int far = sbx_bpf_label(&bpf);
  sbx_bpf_if(&bpf, BPF_JEQ, 0, far, SBX_BPF_NEXT);
  for (int i = 0; i < BPF_MAXINSNS - 2; i++)
    sbx_bpf_return(&bpf, 0);
  sbx_bpf_bind(&bpf, far);
  sbx_bpf_return(&bpf, 0);
  ok(finish(&bpf) == -E2BIG, "nor is one that becomes too long by a far jump");
}

int main(void) {
  test_loads();
  test_jumps();
  test_arg64();
  test_far_jumps();
  test_widening_spreads();
  test_misuse();
  test_size();
  return tap_done();
}
