/* SPDX-License-Identifier: MIT */
/* The addon's state, one per environment (the main thread or a worker), and its own-bug check.
 *
 * Everything here belongs to the thread of its environment: created in the module's init, freed
 * by the finalizer of the instance data, after the cleanup hook has closed every handle. */
#ifndef SBX_ADDON_H
#define SBX_ADDON_H

#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "live.h"

/* For bugs of our own, never for input or for what the system refuses. Never compiled out. */
#define SBX_CHECK(cond)                                                                            \
  do {                                                                                             \
    if (!(cond))                                                                                   \
      sbx_check_failed(__FILE__, __LINE__, #cond);                                                 \
  } while (0)

_Noreturn void sbx_check_failed(const char *file, int line, const char *what);

/* Room for one read(2); shared by all runs of an environment, because what was read is consumed
 * before the callback returns. */
#define SBX_SCRATCH ((size_t)64 << 10)

struct sbx_runner;

struct sbx_env {
  napi_env napi;
  uv_loop_t *loop;
  bool exiting; /* the environment is going down: JavaScript must not be called any more */
  napi_async_cleanup_hook_handle hook;
  struct sbx_runner *runners; /* all that still hold a handle */
  unsigned busy;              /* runs that go on */
  unsigned paused;            /* of them, see pace.h */
  struct sbx_live live;       /* lines on their way to an onLogs, empty between callbacks */
  uint8_t scratch[SBX_SCRATCH];
};

/* The state of the environment that a JavaScript call comes from. */
struct sbx_env *sbx_env_get(napi_env napi);

/* Tells that a runner has released its last handle; the last one of an environment that is going
 * down lets it go on. */
void sbx_env_runner_gone(struct sbx_env *env);

#endif
