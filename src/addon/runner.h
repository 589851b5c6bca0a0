/* SPDX-License-Identifier: MIT */
/* A runner: one launcher process and the control socket to it. Thread of the environment only.
 *
 * Freed when its process and its control handle are closed and its last run is gone. JavaScript's
 * object holds a box, never the struct. */
#ifndef SBX_RUNNER_H
#define SBX_RUNNER_H

#include "../core/netrules.h"
#include "run.h"

struct sbx_runner {
  struct sbx_env *env;
  struct sbx_runner *prev, *next; /* in env->runners */
  struct sbx_box *box;
  unsigned refs; /* open handles and runs */

  uv_process_t process;
  bool exited; /* and reaped; the handle is closing */
  int64_t exit_code;
  int exit_signal;
  uv_timer_t patience;        /* runs once the launcher is expected to end */
  struct sbx_netrules *rules; /* of the policy; NULL: its network goes by none */
  uint64_t allowed_ms;        /* the policy's timeout and grace: what a run may take */

  uv_poll_t control;
  int control_fd;   /* -1 once the last message has been read */
  bool wants_write; /* the poll handle waits for room */
  bool ending;      /* closeRunner: the launcher has been shown end-of-file */
  bool closed_told; /* onClose was called */
  napi_ref on_close;
  napi_async_context context;
  bool has_fatal;
  struct sbx_err fatal;

  uint32_t spares; /* as the launcher said last */
  uint64_t last_id;
  struct sbx_run *runs; /* pending */
  struct sbx_run *send_head, *send_tail;
};

/* openRunner and closeRunner of src/README.md. */
napi_value sbx_runner_open(napi_env napi, napi_callback_info info);
napi_value sbx_runner_close(napi_env napi, napi_callback_info info);

/* runnerMemory and runnerSpares of src/README.md. */
napi_value sbx_runner_memory(napi_env napi, napi_callback_info info);
napi_value sbx_runner_spares(napi_env napi, napi_callback_info info);

/* The runner behind an argument, NULL with an exception pending. A runner that is closing or whose
 * launcher is gone is refused with ERR_SBX_CLOSED. */
struct sbx_runner *sbx_runner_get(napi_env napi, napi_value value);

/* No message will come any more: whatever is pending has lost its launcher. onClose follows when
 * the process has been reaped, too. `runner` may be freed afterwards. */
void sbx_runner_lost(struct sbx_runner *runner);

/* Drops one of the references counted in `refs`. */
void sbx_runner_unref(struct sbx_runner *runner);

/* The environment goes down: drops all runs, shows the launcher end-of-file, keeps the event loop
 * turning until it has been reaped. */
void sbx_runner_abandon(struct sbx_runner *runner);

/* The last resort: SIGKILL for a launcher that hangs. Its inits see end-of-file themselves. */
void sbx_runner_force(struct sbx_runner *runner);

#endif
