/* SPDX-License-Identifier: MIT */
/* What a run has beside its guest: what is asked of it, what it may send, who is told. A guest that
 * was started ahead of its run gets that later. Thread of the environment only. */
#ifndef SBX_REQUEST_H
#define SBX_REQUEST_H

#include "run.h"

/* Adds a frame to those that a run begins with. They are not sent before they are let go. */
void sbx_request_hold(struct sbx_run *run, uint8_t type, const struct sbx_bytes *bytes);
void sbx_request_let_go(struct sbx_run *run);

/* Gives the run what `start` has; what moves is NULL there. Returns whether there was memory. */
bool sbx_request_equip(napi_env napi, struct sbx_run *run, struct sbx_start *start);

/* References to what is not sent yet. Returns whether there was memory. */
bool sbx_request_keep(napi_env napi, struct sbx_run *run, const struct sbx_start *start);

#endif
