/* SPDX-License-Identifier: MIT */
/* Connections of forked runs. Their guests have no init, so each has a process that is its broker
 * and nothing else: a child of the launcher, in the host's network, which is forked when the guest
 * first asks for something. Its socket to the launcher is that of an init (sbx_run.sock): GRANT
 * goes to it, GRANTED and NET come back. Runs in the launcher unless said otherwise.
 *
 * The way of the listener: the launcher makes a pair of sockets for each run, and one end goes with
 * RUN through the zygote to the guest, which sends its listener and closes it. Which run a listener
 * is of is so known by where it came from. The launcher reads one message from it, and no other. */
#ifndef SBX_FORKED_H
#define SBX_FORKED_H

#include "serve.h"

/* Before RUN goes to the zygote, with `args`, of which it fills in `readable`, and *guest_fd.
 * Returns 0, or -errno with *what set. */
int sbx_forked_open(struct sbx_server *s, struct sbx_run *run, struct sbx_ctl_run *args,
                    int *guest_fd, const char **what);

/* The listener comes, or is asked for the first time. */
void sbx_forked_event(struct sbx_server *s, struct sbx_run *run, uint32_t events);

/* Something is about to be asked of the broker: if the listener has come, there is one now. Does
 * nothing for other runs. */
void sbx_forked_ready(struct sbx_server *s, struct sbx_run *run);

/* The broker cannot work: the guest is killed, and the host told why. */
void sbx_forked_fail(struct sbx_server *s, struct sbx_run *run, const struct sbx_err *err);

/* The broker says: guest and broker have used more CPU time than the run may. */
void sbx_forked_over(struct sbx_server *s, struct sbx_run *run);

/* The broker's report, which is told the host: what it has used counts as the guest's. */
void sbx_forked_net(struct sbx_server *s, struct sbx_run *run, struct sbx_ctl *net);

/* The guest of any forked run is over, as `last` says, which is EXIT or FAILED. Tells the host and
 * drops the run, now or when the broker has reported. */
void sbx_forked_end(struct sbx_server *s, struct sbx_run *run, struct sbx_ctl *last);

/* The broker has `reported`, or is gone. A guest that still runs is killed; if it did not end by
 * itself, it is SBX_REASON_LOST. Returns whether the run was dropped. */
bool sbx_forked_done(struct sbx_server *s, struct sbx_run *run, bool reported);

/* What a run that is dropped leaves behind. */
void sbx_forked_close(struct sbx_server *s, struct sbx_run *run);

#endif
