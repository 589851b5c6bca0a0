/* SPDX-License-Identifier: MIT */
/* The table of system calls. Pure. */
#include "syscalls.h"

#include <linux/audit.h>

#define NONE (-1)
#define CALL(name, x86_64, aarch64, rule) {#name, x86_64, aarch64, SBX_RULE_##rule},

const struct sbx_syscall sbx_syscalls[] = {
#include "syscalls.def"
};

const size_t sbx_n_syscalls = sizeof sbx_syscalls / sizeof *sbx_syscalls;

int sbx_syscall_number(const struct sbx_syscall *call, unsigned arch) {
  return arch == AUDIT_ARCH_X86_64 ? call->x86_64 : call->aarch64;
}

const char *sbx_syscall_name(int number, unsigned arch) {
  for (size_t i = 0; number >= 0 && i < sbx_n_syscalls; i++)
    if (sbx_syscall_number(&sbx_syscalls[i], arch) == number)
      return sbx_syscalls[i].name;
  return NULL;
}
