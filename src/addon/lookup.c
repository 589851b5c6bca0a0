/* SPDX-License-Identifier: MIT */
/* Names that guests ask for. Host process, on the thread of the environment. */
#include "lookup.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../core/netaddr.h"
#include "../core/netrules.h"
#include "channel.h"
#include "stream.h"

/* id, status */
#define ANSWER_HEAD 5u
/* id, family, a zero, hints */
#define QUESTION_HEAD 8u
#define ERROR_TEXT_MAX 64u
#define NOT_FOUND "ENOTFOUND -3008"
#define NOT_FOUND_CODE (sizeof "ENOTFOUND" - 1)

enum state { FREE, ASKED, TOLD, GRANTING, SENT };

struct lookup {
  enum state state;
  uint32_t number; /* ours; the guest's may be anything */
  uint32_t id;
  uint8_t family;
  uint16_t hints;
  struct sbx_ctl_grant grant; /* the name; then the addresses */
};

struct sbx_lookups {
  struct lookup at[SBX_LOOKUPS_MAX];
  uint32_t last_number;
  uint32_t unread; /* answers that the socket has not taken in whole */
  struct refused {
    char *name;
    uint32_t verdict, count;
  } refused[SBX_NAMES_MAX];
  uint32_t n_refused;
};

static uint32_t read_u32(const uint8_t *at) {
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void write_u32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++)
    at[i] = (uint8_t)(value >> (8 * i));
}

static struct lookup *find(struct sbx_lookups *l, enum state state, uint32_t number) {
  for (size_t i = 0; l && i < SBX_LOOKUPS_MAX; i++)
    if (l->at[i].state == state && (state == FREE || l->at[i].number == number))
      return &l->at[i];
  return NULL;
}

/* --- answers --------------------------------------------------------------------------------- */

void sbx_lookup_drained(struct sbx_run *run) {
  if (run->lookups)
    run->lookups->unread = 0;
}

/* Init, whose question it is, has the addresses already, or else hears that there are none. */
static void answer_question(struct sbx_run *run, struct lookup *it, uint32_t status) {
  if (it->state == SENT) {
    it->state = FREE;
    return;
  }
  it->grant.status = status;
  it->state = GRANTING;
  sbx_channel_grant(run);
}

/* Without memory the guest waits for its deadline. */
static void answer(struct sbx_run *run, struct lookup *it, uint32_t status, const char *text,
                   size_t len) {
  struct sbx_lookups *l = run->lookups;
  uint8_t head[ANSWER_HEAD];
  if (it->grant.question != 0) {
    bool nobody = status == SBX_LOOKUP_FAILED && strncmp(text, NOT_FOUND, NOT_FOUND_CODE) == 0;
    answer_question(run, it, nobody ? SBX_LOOKUP_NO_NAME : status);
    return;
  }
  it->state = FREE;
  write_u32(head, it->id);
  head[4] = (uint8_t)status;
  l->unread++;
  if (!sbx_outbox_put(run, SBX_FRAME_RESOLVED, head, sizeof head, text, len))
    return;
  if (sbx_outbox_left(&run->outbox) == 0)
    sbx_lookup_drained(run);
}

static void note_refused(struct sbx_lookups *l, const char *name, uint32_t verdict) {
  uint32_t i = 0;
  while (i < l->n_refused &&
         !(l->refused[i].verdict == verdict && strcmp(l->refused[i].name, name) == 0))
    i++;
  if (i == SBX_NAMES_MAX)
    return;
  if (i == l->n_refused) {
    l->refused[i] = (struct refused){.name = strdup(name), .verdict = verdict};
    if (!l->refused[i].name)
      return;
    l->n_refused++;
  }
  if (l->refused[i].count < UINT32_MAX)
    l->refused[i].count++;
}

/* --- the guest asks -------------------------------------------------------------------------- */

static bool breaks(struct sbx_run *run, const char *how) {
  run->outcome.protocol_error = how;
  return false;
}

static struct lookup *take_free(struct sbx_run *run) {
  if (!run->lookups)
    run->outcome.lookups = run->lookups = calloc(1, sizeof *run->lookups);
  struct sbx_lookups *l = run->lookups;
  struct lookup *it = find(l, FREE, 0);
  if (it)
    *it = (struct lookup){.number = ++l->last_number, .grant.lookup = l->last_number};
  return it;
}

/* Judges the name. One that is allowed is JavaScript's to resolve. */
static void begin(struct sbx_run *run, struct lookup *it, const char *name, size_t len) {
  if (memchr(name, '\0', len) || len >= sizeof it->grant.name)
    len = 0; /* No name at all. */
  memcpy(it->grant.name, name, len);
  it->state = ASKED;
  uint32_t verdict = sbx_netrules_name(run->runner->rules, it->grant.name, len, 0);
  if (verdict == SBX_NET_ALLOWED)
    return;
  if (verdict != SBX_NET_MALFORMED)
    note_refused(run->lookups, it->grant.name, verdict);
  answer(run, it, verdict, "", 0);
}

bool sbx_lookup_ask(struct sbx_run *run, const uint8_t *data, size_t len) {
  if (len <= QUESTION_HEAD || data[5] != 0 || (data[4] != 0 && data[4] != 4 && data[4] != 6))
    return breaks(run, "a RESOLVE frame with a bad payload");
  struct lookup *it = take_free(run);
  if (!it || run->lookups->unread >= SBX_LOOKUPS_MAX)
    return breaks(run, "more names asked for at a time than a guest may");
  it->id = read_u32(data);
  it->family = data[4];
  it->hints = (uint16_t)(data[6] | data[7] << 8);
  begin(run, it, (const char *)data + QUESTION_HEAD, len - QUESTION_HEAD);
  return true;
}

/* Without a free place the guest has taken all of them itself, and waits for an answer in vain. */
void sbx_lookup_question(struct sbx_run *run, const struct sbx_ctl_ask *ask) {
  struct lookup *it = take_free(run);
  if (!it)
    return;
  it->grant.question = ask->question;
  begin(run, it, ask->name, strnlen(ask->name, sizeof ask->name));
  run->refs++; /* JavaScript, called below, may release the rest. */
  sbx_lookup_tell(run);
  sbx_run_unref(run);
}

/* An sbx_js_build. */
static napi_value build_question(struct sbx_env *env, void *arg) {
  const struct lookup *it = arg;
  struct sbx_obj obj = sbx_obj_new(env->napi);
  sbx_obj_num(&obj, "lookup", it->number);
  sbx_obj_str(&obj, "name", it->grant.name);
  sbx_obj_num(&obj, "family", it->family);
  sbx_obj_num(&obj, "hints", it->hints);
  return sbx_obj_end(&obj);
}

void sbx_lookup_tell(struct sbx_run *run) {
  for (size_t i = 0; run->id != 0 && run->lookups && i < SBX_LOOKUPS_MAX; i++) {
    struct lookup *it = &run->lookups->at[i];
    if (it->state != ASKED)
      continue;
    it->state = TOLD;
    sbx_js_call(run->runner->env, run->context, run->on_lookup, build_question, it);
  }
}

/* --- JavaScript answers ---------------------------------------------------------------------- */

/* Addresses that are none, such as those with a zone, are left out. */
static void put_addresses(struct sbx_ctl_grant *grant, char *const *addresses) {
  for (; *addresses && grant->n < SBX_CTL_ADDRS_MAX; addresses++)
    if (sbx_netaddr_parse(*addresses, strlen(*addresses), grant->at[grant->n].ip))
      grant->n++;
}

napi_value sbx_lookup_answer(napi_env napi, napi_callback_info info) {
  napi_value args[2];
  uint64_t number;
  char **addresses = NULL, *error = NULL;
  struct sbx_run *run = NULL;
  if (sbx_args(napi, info, 2, args) && sbx_arg_options(napi, args[1]) &&
      sbx_arg_uint(napi, args[1], "lookup", 0, UINT32_MAX, &number) &&
      sbx_arg_strings(napi, args[1], "addresses", &addresses) &&
      sbx_arg_string(napi, args[1], "error", ERROR_TEXT_MAX, &error) &&
      /* Last: a getter among the options may have ended it. */
      sbx_run_get(napi, args[0], &run) && run) {
    struct lookup *it = find(run->lookups, TOLD, (uint32_t)number);
    if (it && *error) {
      answer(run, it, SBX_LOOKUP_FAILED, error, strlen(error));
    } else if (it) {
      put_addresses(&it->grant, addresses);
      if (it->grant.n > 0) {
        it->state = GRANTING;
        sbx_channel_grant(run);
      } else {
        answer(run, it, SBX_LOOKUP_FAILED, NOT_FOUND, sizeof NOT_FOUND - 1);
      }
    }
  }
  sbx_strings_free(addresses);
  free(error);
  return NULL;
}

int sbx_lookup_send(struct sbx_run *run) {
  for (size_t i = 0; run->lookups && i < SBX_LOOKUPS_MAX; i++) {
    struct lookup *it = &run->lookups->at[i];
    if (it->state != GRANTING)
      continue;
    struct sbx_ctl msg = {.type = SBX_CTL_GRANT, .run = run->id};
    msg.u.grant = it->grant;
    int rc = sbx_ctl_send(run->runner->control_fd, &msg, NULL, 0);
    if (rc != 0)
      return rc;
    it->state = it->grant.n > 0 ? SENT : FREE;
  }
  return 0;
}

void sbx_lookup_granted(struct sbx_run *run, const struct sbx_ctl_grant *grant) {
  struct lookup *it = find(run->lookups, SENT, grant->lookup);
  char text[SBX_CTL_ADDRS_MAX * (INET6_ADDRSTRLEN + 1)];
  size_t len = 0;
  uint32_t verdict = grant->n > 0 ? grant->at[0].verdict : SBX_NET_FULL;
  if (!it)
    return;
  for (uint32_t i = 0; i < grant->n; i++) {
    if (grant->at[i].verdict != SBX_NET_ALLOWED)
      continue;
    verdict = SBX_NET_ALLOWED;
    sbx_netaddr_print(grant->at[i].ip, text + len, INET6_ADDRSTRLEN);
    len += strlen(text + len);
    text[len++] = ' ';
  }
  if (len > 0) {
    len--;
  } else {
    note_refused(run->lookups, it->grant.name, verdict);
    if (grant->n > 0) {
      sbx_netaddr_print(grant->at[0].ip, text, INET6_ADDRSTRLEN);
      len = strlen(text);
    }
  }
  answer(run, it, verdict, text, len);
}

/* --- the end --------------------------------------------------------------------------------- */

const char *sbx_verdict_name(uint32_t verdict) {
  static const char *const names[] = {"no-rule", "allowed",   "denied",
                                      "inward",  "malformed", "full"};
  return verdict < sizeof names / sizeof *names ? names[verdict] : "malformed";
}

napi_value sbx_lookup_refused(napi_env napi, const struct sbx_lookups *lookups) {
  uint32_t n = lookups ? lookups->n_refused : 0;
  napi_value array, row, name, verdict, count;
  if (napi_create_array_with_length(napi, n, &array) != napi_ok)
    return NULL;
  for (uint32_t i = 0; i < n; i++) {
    const struct refused *it = &lookups->refused[i];
    if (napi_create_array_with_length(napi, 3, &row) != napi_ok ||
        napi_create_string_utf8(napi, it->name, NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_create_string_utf8(napi, sbx_verdict_name(it->verdict), NAPI_AUTO_LENGTH, &verdict) !=
            napi_ok ||
        napi_create_uint32(napi, it->count, &count) != napi_ok ||
        napi_set_element(napi, row, 0, name) != napi_ok ||
        napi_set_element(napi, row, 1, verdict) != napi_ok ||
        napi_set_element(napi, row, 2, count) != napi_ok ||
        napi_set_element(napi, array, i, row) != napi_ok)
      return NULL;
  }
  return array;
}

void sbx_lookup_free(struct sbx_lookups *lookups) {
  if (!lookups)
    return;
  for (uint32_t i = 0; i < lookups->n_refused; i++)
    free(lookups->refused[i].name);
  free(lookups);
}
