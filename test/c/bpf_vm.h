/* SPDX-License-Identifier: MIT */
/* An interpreter of the part of classic BPF that seccomp filters use, as strict as the kernel's
 * verifier: whatever it does not know, and any jump out of the program, is VM_BAD. */
#ifndef SBX_TEST_BPF_VM_H
#define SBX_TEST_BPF_VM_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>

#define VM_BAD 0xdeadbeefu

static inline int vm_jump(uint16_t op, uint32_t a, uint32_t k) {
  switch (op) {
  case BPF_JEQ:
    return a == k;
  case BPF_JGT:
    return a > k;
  case BPF_JGE:
    return a >= k;
  case BPF_JSET:
    return (a & k) != 0;
  default:
    return -1;
  }
}

/* `steps`, when not NULL, counts the instructions that ran. */
static inline uint32_t vm_run(const struct sock_filter *code, size_t n,
                              const struct seccomp_data *data, unsigned *steps) {
  uint32_t a = 0;
  for (size_t pc = 0; pc < n; pc++) {
    const struct sock_filter *i = &code[pc];
    if (steps)
      ++*steps;
    switch (i->code) {
    case BPF_LD | BPF_W | BPF_ABS:
      if (i->k % 4 != 0 || i->k + 4 > sizeof *data)
        return VM_BAD;
      memcpy(&a, (const char *)data + i->k, sizeof a);
      break;
    case BPF_ALU | BPF_AND | BPF_K:
      a &= i->k;
      break;
    case BPF_JMP | BPF_JA:
      pc += i->k;
      break;
    case BPF_RET | BPF_K:
      return i->k;
    default: {
      int taken = (i->code & ~0xf0) == (BPF_JMP | BPF_K) ? vm_jump(i->code & 0xf0, a, i->k) : -1;
      if (taken < 0)
        return VM_BAD;
      pc += taken ? i->jt : i->jf;
    }
    }
  }
  return VM_BAD;
}

#endif
