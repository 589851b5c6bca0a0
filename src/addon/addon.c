/* SPDX-License-Identifier: MIT */
/* The addon's module: exports, the state of an environment and its end. Host process, once per
 * main thread or worker that loads it. */
#include "addon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "../core/fd.h"
#include "lookup.h"
#include "message.h"
#include "runner.h"
#include "stamps.h"
#include "usage.h"

void sbx_check_failed(const char *file, int line, const char *what) {
  fprintf(stderr, "%s:%d: sandbox addon: check failed: %s\n", file, line, what);
  abort();
}

struct sbx_env *sbx_env_get(napi_env napi) {
  void *env = NULL;
  SBX_CHECK(napi_get_instance_data(napi, &env) == napi_ok && env);
  return env;
}

void sbx_env_runner_gone(struct sbx_env *env) {
  if (env->exiting && !env->runners)
    napi_remove_async_cleanup_hook(env->hook);
}

/* The environment goes down: the process ends or a worker does, maybe terminated in mid-run.
 * Node.js turns the event loop until the hook is removed. */
static void clean_up(napi_async_cleanup_hook_handle hook, void *arg) {
  struct sbx_env *env = arg;
  (void)hook;
  env->exiting = true;
  for (struct sbx_runner *runner = env->runners; runner; runner = runner->next)
    sbx_runner_abandon(runner);
  sbx_env_runner_gone(env);
}

static void free_env(napi_env napi, void *data, void *hint) {
  (void)napi;
  (void)hint;
  struct sbx_env *env = data;
  sbx_live_free(&env->live);
  free(env);
}

/* What is wrong with { pattern }, one of permissions.network's; null when nothing is. */
static napi_value check_host(napi_env napi, napi_callback_info info) {
  napi_value options, result = NULL;
  char *pattern = NULL;
  if (!sbx_args(napi, info, 1, &options) || !sbx_arg_options(napi, options) ||
      !sbx_arg_string(napi, options, "pattern", 65536, &pattern))
    return NULL;
  const char *why = sbx_netrules_check(pattern);
  free(pattern);
  napi_status status = why ? napi_create_string_utf8(napi, why, NAPI_AUTO_LENGTH, &result)
                           : napi_get_null(napi, &result);
  return status == napi_ok ? result : NULL;
}

/* The two ends of a new socket, as numbers which the caller owns: for a debugger's channel. */
static napi_value make_pair(napi_env napi, napi_callback_info info) {
  (void)info;
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    sbx_throw_errno(napi, errno, "socketpair");
    return NULL;
  }
  napi_value list = NULL, number;
  napi_status status = napi_create_array_with_length(napi, 2, &list);
  for (uint32_t i = 0; status == napi_ok && i < 2; i++) {
    status = napi_create_int32(napi, pair[i], &number);
    if (status == napi_ok)
      status = napi_set_element(napi, list, i, number);
  }
  if (status == napi_ok)
    return list;
  sbx_fd_close(&pair[0]);
  sbx_fd_close(&pair[1]);
  return NULL;
}

/* node_api.h defines both without a prototype. */
NAPI_MODULE_EXPORT int32_t NODE_API_MODULE_GET_API_VERSION(void);
NAPI_MODULE_EXPORT napi_value NAPI_MODULE_INITIALIZER(napi_env env, napi_value exports);

NAPI_MODULE_INIT(/* env, exports */) {
  const napi_property_descriptor surface[] = {
      {"openRunner", NULL, sbx_runner_open, NULL, NULL, NULL, napi_enumerable, NULL},
      {"startRun", NULL, sbx_run_start, NULL, NULL, NULL, napi_enumerable, NULL},
      {"beginRun", NULL, sbx_run_begin, NULL, NULL, NULL, napi_enumerable, NULL},
      {"endRun", NULL, sbx_run_end, NULL, NULL, NULL, napi_enumerable, NULL},
      {"closeRunner", NULL, sbx_runner_close, NULL, NULL, NULL, napi_enumerable, NULL},
      {"runnerSpares", NULL, sbx_runner_spares, NULL, NULL, NULL, napi_enumerable, NULL},
      {"runnerMemory", NULL, sbx_runner_memory, NULL, NULL, NULL, napi_enumerable, NULL},
      {"answerLookup", NULL, sbx_lookup_answer, NULL, NULL, NULL, napi_enumerable, NULL},
      {"makePair", NULL, make_pair, NULL, NULL, NULL, napi_enumerable, NULL},
      {"sendMessage", NULL, sbx_message_send, NULL, NULL, NULL, napi_enumerable, NULL},
      {"noteTime", NULL, sbx_pace_note, NULL, NULL, NULL, napi_enumerable, NULL},
      {"sendPiece", NULL, sbx_pieces_put, NULL, NULL, NULL, napi_enumerable, NULL},
      {"checkHost", NULL, check_host, NULL, NULL, NULL, napi_enumerable, NULL},
      {"stampFiles", NULL, sbx_stamp_files, NULL, NULL, NULL, napi_enumerable, NULL},
      {"stampFilesLater", NULL, sbx_stamp_files_later, NULL, NULL, NULL, napi_enumerable, NULL},
      {"measureLater", NULL, sbx_usage_measure_later, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  struct sbx_env *state = calloc(1, sizeof *state);
  if (!state) {
    napi_throw_error(env, "ERR_SBX_NOMEM", "Out of memory");
    return NULL;
  }
  state->napi = env;
  if (napi_get_uv_event_loop(env, &state->loop) != napi_ok ||
      napi_set_instance_data(env, state, free_env, NULL) != napi_ok) {
    free(state);
    return NULL;
  }
  /* From here on the state belongs to the environment. */
  if (napi_add_async_cleanup_hook(env, clean_up, state, &state->hook) != napi_ok ||
      napi_define_properties(env, exports, sizeof surface / sizeof *surface, surface) != napi_ok)
    return NULL;
  return exports;
}
