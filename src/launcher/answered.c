/* SPDX-License-Identifier: MIT */
#include "answered.h"

#include <string.h>
#include <sys/stat.h>

#include "../core/proc.h"

/* From the answer to the repetition: a signal handler, on a busy machine. After that a second
 * connect(2) is the guest's own, and the kernel answers it. */
#define LATER_NS UINT64_C(250000000)

static const struct sbx_netaddr none;

static bool same_addr(const struct sbx_netaddr *a, const struct sbx_netaddr *b) {
  return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

void sbx_answered_add(struct sbx_answered *a, const struct sbx_notify_call *call, int sock,
                      const struct sbx_netaddr *addr, int error) {
  struct stat st;
  uint32_t i = 0;
  if (fstat(sock, &st) < 0)
    return;
  /* A thread waits for one answer at a time. */
  while (i < SBX_ANSWERED_MAX && a->at[i].tid != call->tid)
    i++;
  if (i == SBX_ANSWERED_MAX)
    i = a->next++ % SBX_ANSWERED_MAX;
  a->at[i].until_ns = sbx_now_mono_ns() + LATER_NS;
  a->at[i].tid = call->tid;
  a->at[i].nr = call->nr;
  a->at[i].error = error;
  memcpy(a->at[i].args, call->args, sizeof a->at[i].args);
  a->at[i].inode = st.st_ino;
  a->at[i].addr = addr ? *addr : none;
}

bool sbx_answered_before(struct sbx_answered *a, const struct sbx_notify_call *call, int sock,
                         const struct sbx_netaddr *addr, int *error) {
  struct stat st;
  ino_t inode;
  uint32_t i = 0;
  while (i < SBX_ANSWERED_MAX && a->at[i].tid != call->tid)
    i++;
  if (i == SBX_ANSWERED_MAX || a->at[i].nr != call->nr || sbx_now_mono_ns() > a->at[i].until_ns ||
      memcmp(a->at[i].args, call->args, sizeof a->at[i].args) != 0 ||
      !same_addr(&a->at[i].addr, addr ? addr : &none))
    return false;
  if (sock >= 0 ? fstat(sock, &st) < 0 : sbx_notify_inode(call, (int)call->args[0], &inode) < 0)
    return false;
  if ((sock >= 0 ? st.st_ino : inode) != a->at[i].inode)
    return false;
  a->at[i].until_ns = sbx_now_mono_ns() + LATER_NS; /* One signal may follow another. */
  *error = a->at[i].error;
  return true;
}
