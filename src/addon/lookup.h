/* SPDX-License-Identifier: MIT */
/* Names of hosts that a guest asks for, where its network goes by rules: judged here, resolved by
 * JavaScript, granted by the run's init, answered. Thread of the environment only.
 *
 * A name that no rule allows is never resolved: what a guest may ask the world's name servers is a
 * way out as well. What a run may have under way is bounded; a guest that asks for more breaks the
 * protocol.
 *
 * The answer, a RESOLVED frame: u32le the guest's id, u8 status, text. The status is an enum
 * sbx_net_verdict (SBX_NET_ALLOWED: the addresses, with a space between them; any other: the
 * address that was refused, or nothing) or SBX_LOOKUP_FAILED (the error's code and number).
 *
 * What the guest's stub resolver was asked for goes the same way, but for the answer: that is
 * init's, which is told of a name that has no addresses, too. */
#ifndef SBX_LOOKUP_H
#define SBX_LOOKUP_H

#include "run.h"

#define SBX_LOOKUPS_MAX 64u
#define SBX_NAMES_MAX 64u

/* A RESOLVE frame. Returns false when it breaks the protocol; outcome.protocol_error says how. */
bool sbx_lookup_ask(struct sbx_run *run, const uint8_t *data, size_t len);

/* An ASK of init: judges the name and calls onLookup. */
void sbx_lookup_question(struct sbx_run *run, const struct sbx_ctl_ask *ask);

/* Calls onLookup for what was asked since. */
void sbx_lookup_tell(struct sbx_run *run);

/* answerLookup of src/README.md. */
napi_value sbx_lookup_answer(napi_env napi, napi_callback_info info);

/* Sends what init has not been asked to grant yet. Returns 0 or -errno. */
int sbx_lookup_send(struct sbx_run *run);

/* Init has judged the addresses. */
void sbx_lookup_granted(struct sbx_run *run, const struct sbx_ctl_grant *grant);

/* The data socket has taken all answers. */
void sbx_lookup_drained(struct sbx_run *run);

/* [name, verdict, count] of each name that was refused, as an array; NULL when that failed. */
napi_value sbx_lookup_refused(napi_env napi, const struct sbx_lookups *lookups);

/* "no-rule", "allowed", "denied" …, of an enum sbx_net_verdict. */
const char *sbx_verdict_name(uint32_t verdict);

void sbx_lookup_free(struct sbx_lookups *lookups);

#endif
