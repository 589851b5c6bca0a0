/* SPDX-License-Identifier: MIT */
/* The control socket of a runner: what the launcher is told, in order and without ever blocking,
 * and what it reports. Thread of the environment only. */
#ifndef SBX_CHANNEL_H
#define SBX_CHANNEL_H

#include "runner.h"

/* Makes the control socket and watches our end. Returns 0 with *peer set, or -errno. */
int sbx_channel_open(struct sbx_runner *runner, int *peer);

/* Half a close: the launcher sees end-of-file and ends its runs, and their reports still reach us.
 * What it has not been told yet, it will not be. */
void sbx_channel_end(struct sbx_runner *runner);

/* Stops watching, closes. Harmless when it is closed. */
void sbx_channel_close(struct sbx_runner *runner);

/* Handles up to `most` messages. Returns false when no more can come. Settles runs. */
bool sbx_channel_receive(struct sbx_runner *runner, int most);

/* Adds a run with its RUN message, and sends it when the socket takes it now. Never settles. */
void sbx_channel_add(struct sbx_runner *runner, struct sbx_run *run);

/* Takes a run out, on its way to being settled or abandoned. */
void sbx_channel_remove(struct sbx_run *run);

/* The run of a guest that was started ahead begins. */
void sbx_channel_begin(struct sbx_run *run);

/* Asks the launcher to end a pending run: SIGTERM first, or at once. Nothing for any other. */
void sbx_channel_term(struct sbx_run *run);
void sbx_channel_kill(struct sbx_run *run);

/* The run has lookups to be granted. */
void sbx_channel_grant(struct sbx_run *run);

#endif
