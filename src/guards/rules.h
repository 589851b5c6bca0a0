/* SPDX-License-Identifier: MIT */
/* What the rules of syscalls.h let through, as BPF. Pure; may allocate. */
#ifndef SBX_RULES_H
#define SBX_RULES_H

#include "bpf.h"
#include "seccomp.h"
#include "syscalls.h"

/* Every answer that a filter can give. The one that asks the broker is in a filter of its own, see
 * listener.h. */
enum sbx_verdict {
  SBX_VERDICT_ALLOW = 0,
  SBX_VERDICT_EPERM,
  SBX_VERDICT_EACCES, /* of sockets: what Landlock answers too, and libraries cope with */
  SBX_VERDICT_ENOSYS,
  SBX_VERDICT_ENOTTY,
  SBX_VERDICT_IGNORE, /* 0, and nothing is done */
  SBX_VERDICT_EINVAL, /* as an older kernel would: where libc asks whether something is there */
  SBX_VERDICT_KILL,
  SBX_VERDICT_COUNT
};

struct sbx_rules {
  struct sbx_bpf *bpf;
  const struct sbx_seccomp_options *options;
  int verdict[SBX_VERDICT_COUNT]; /* labels */
  int rule[SBX_RULE_COUNT];       /* labels; those of rules without code are a verdict's */
};

/* Makes the labels of all verdicts and rules. */
void sbx_rules_init(struct sbx_rules *rules, struct sbx_bpf *bpf,
                    const struct sbx_seccomp_options *options);

/* Emits what they stand for; the program is complete then. */
void sbx_rules_emit(struct sbx_rules *rules);

/* rules_net.c: whether sockets need no look at arguments; the verdict if so, else -1. */
int sbx_rules_net_verdict(const struct sbx_seccomp_options *options, enum sbx_rule rule);

/* rules_net.c: whether sendmsg(2) and sendmmsg(2) may be called. */
bool sbx_rules_net_sends(const struct sbx_seccomp_options *options);

/* rules_net.c: the code of a rule about sockets. */
void sbx_rules_net_emit(struct sbx_rules *rules, enum sbx_rule rule);

/* The call follows `verdict` when the accumulator is `value`. */
void sbx_rules_when(struct sbx_rules *rules, uint32_t value, enum sbx_verdict verdict);

void sbx_rules_goto(struct sbx_rules *rules, enum sbx_verdict verdict);

#endif
