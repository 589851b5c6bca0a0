/* SPDX-License-Identifier: MIT */
/* A run's connections, as its init sees them, or the process that has only them (forked.h): the way
 * of the listener from the guest, then the broker (broker.h), what the host grants it, and what it
 * has to report. */
#ifndef SBX_CONNECTIONS_H
#define SBX_CONNECTIONS_H

#include <stdbool.h>

#include "../core/control.h"
#include "../core/err.h"
#include "../core/netrules.h"
#include "broker.h"

struct sbx_connections {
  const struct sbx_netrules *rules;
  unsigned permit;
  bool counts; /* bytes, see sbx_broker_count() */
  bool boxes;  /* UDP sockets, see sbx_broker_box() */
  int pair_fd; /* until the listener has come */
  struct sbx_broker *broker;
};

/* Before the guest is forked. *guest_fd is the guest's end, to be closed after the fork, or -1 when
 * there are no rules. Returns 0, or -errno with `err` filled. */
int sbx_connections_open(struct sbx_connections *c, const struct sbx_netrules *rules,
                         unsigned permit, bool counts, bool boxes, int *guest_fd,
                         struct sbx_err *err);

/* The same with a listener that has come already, which it takes over, of a guest that has another
 * root than the calling process. */
int sbx_connections_begin(struct sbx_connections *c, const struct sbx_netrules *rules,
                          unsigned permit, bool counts, bool boxes, int listener,
                          struct sbx_err *err);

/* To be polled for POLLIN; -1: nothing is to be waited for. */
int sbx_connections_fd(const struct sbx_connections *c);

/* There is something to do. -errno with `err` filled: the guest must not go on. */
int sbx_connections_dispatch(struct sbx_connections *c, struct sbx_err *err);

/* Which process has asked for something; 0: none has yet. */
pid_t sbx_connections_guest(const struct sbx_connections *c);

/* Whether there is a name that the host is to be asked for. */
bool sbx_connections_ask(struct sbx_connections *c, struct sbx_ctl_ask *out);

/* Fills in the verdicts, and passes them on to who has asked by sbx_connections_ask(). */
void sbx_connections_grant(struct sbx_connections *c, struct sbx_ctl_grant *grant);

/* Returns whether there is anything to report. */
bool sbx_connections_report(const struct sbx_connections *c, struct sbx_net_report *report);

#endif
