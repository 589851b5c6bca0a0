/* SPDX-License-Identifier: MIT */
/* seccomp-bpf: which system calls a guest may make. seccomp(2).
 *
 * An allow-list: unknown calls answer ENOSYS, those that are known and refused EPERM (sockets
 * EACCES), foreign architectures are killed. */
#ifndef SBX_SECCOMP_H
#define SBX_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include "../core/err.h"
#include "report.h"

/* To load a filter takes as long as it is large. Guests that are forked inherit most of theirs from
 * the zygote: it allows besides what the zygote, and a guest that is still being confined, has to
 * call. The rest, on top of it, refuses just that, and knows the guest's pid. A call is refused
 * when one of the two refuses it: each follows its rule in one of them, and is allowed by the
 * other. */
enum sbx_seccomp_part { SBX_SECCOMP_WHOLE = 0, SBX_SECCOMP_COMMON, SBX_SECCOMP_REST };

struct sbx_seccomp_options {
  unsigned permit; /* enum sbx_permit */
  /* The guest is in a PID namespace of its own: kill(2) may name any pid. Otherwise only its own
   * one, which sbx_seccomp_apply() is told. */
  bool own_pids;
  /* Landlock's signal scope (ABI 6) is on: with SBX_PERMIT_SPAWN any pid may be signalled, since
   * the scope ends at what the guest started. Without it only the guest itself. */
  bool signals_scoped;
  /* Something else (Landlock from ABI 4, an empty network namespace) refuses the TCP connections
   * that `permit` does not open. A filter cannot tell a TCP socket from another one: without this,
   * a guest that may listen but has no SBX_PERMIT_NET cannot connect(2) at all, not even the UDP
   * and unix sockets that it may have. */
  bool connect_governed;
  /* What may not be written is mounted read-only: chmod, chown, utimes and setxattr may be called.
   * Otherwise they are refused for all files, since Landlock does not govern them. */
  bool read_only_mounts;
  /* UDP sockets exist that lead nowhere but to the run's stub resolver, whatever address they are
   * given. By rules, without SBX_PERMIT_NET_UDP. */
  bool boxed_udp;
  /* It confines its children further: seccomp(2) may load filters. For a zygote. */
  bool confines;
  int exec_fd; /* execveat(2) of this descriptor is allowed, by number; -1: none. It is at least
                * RLIMIT_NOFILE and closed on exec, so that it can only be used once. */
  enum sbx_seccomp_part part;
};

/* The filter; malloc'ed. */
struct sbx_seccomp {
  struct sock_filter *code;
  unsigned short *self; /* which instructions compare with the guest's own pid */
  unsigned short n, n_self;
};

/* Whether filters can be loaded, and refuse. Tries it in a forked child. */
void sbx_seccomp_probe(struct sbx_report *report);

/* May allocate; returns 0 or -errno with `err` (stage SBX_STAGE_SECCOMP) filled. */
int sbx_seccomp_build(const struct sbx_seccomp_options *options, struct sbx_seccomp *out,
                      struct sbx_err *err);

/* The same for an architecture of choice (tests): AUDIT_ARCH_X86_64 or AUDIT_ARCH_AARCH64. */
int sbx_seccomp_build_for(unsigned arch, const struct sbx_seccomp_options *options,
                          struct sbx_seccomp *out, struct sbx_err *err);

/* Async-signal-safe. `self`, the guest's pid as it sees it itself, is not known before fork():
 * patches the instructions that compare with it, in place, and loads the filter on the calling
 * thread. Needs no_new_privs. */
int sbx_seccomp_apply(struct sbx_seccomp *filter, int self, struct sbx_err *err);

void sbx_seccomp_free(struct sbx_seccomp *filter);

#endif
