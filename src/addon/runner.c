/* SPDX-License-Identifier: MIT */
/* A runner: the launcher's process. Host process, on the thread of the environment. */
#include "runner.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/policy.h"
#include "channel.h"

/* A launcher kills what it has and ends within milliseconds of its end-of-file. */
#define PATIENCE_MS 2000u

static const napi_type_tag runner_tag = {0x2f4b8f0e6a7d4c19u, 0xb5d39e10c7a84f26u};

void sbx_runner_unref(struct sbx_runner *runner) {
  if (--runner->refs > 0)
    return;
  struct sbx_env *env = runner->env;
  if (runner->prev)
    runner->prev->next = runner->next;
  else
    env->runners = runner->next;
  if (runner->next)
    runner->next->prev = runner->prev;
  sbx_box_detach(&runner->box);
  sbx_js_unref(env, &runner->on_close);
  sbx_js_context_free(env, &runner->context);
  sbx_netrules_free(runner->rules);
  free(runner);
  sbx_env_runner_gone(env);
}

static void on_handle_closed(uv_handle_t *handle) {
  sbx_runner_unref(handle->data);
}

static napi_value build_close_info(struct sbx_env *env, void *arg) {
  struct sbx_runner *runner = arg;
  char room[64];
  const struct sbx_err *fatal = runner->has_fatal ? &runner->fatal : NULL;
  struct sbx_obj obj = sbx_obj_new(env->napi);
  sbx_obj_num(&obj, "exitCode", (double)runner->exit_code);
  sbx_obj_str(&obj, "signal",
              runner->exit_signal ? sbx_signal_name(runner->exit_signal, room) : NULL);
  sbx_obj_str(&obj, "stage", fatal ? sbx_stage_name(fatal->stage) : NULL);
  sbx_obj_str(&obj, "errno", fatal ? sbx_errno_name(fatal->errnum, room) : NULL);
  sbx_obj_str(&obj, "message", fatal ? fatal->text : NULL);
  return sbx_obj_end(&obj);
}

/* onClose follows when the last message has been read and the process is reaped. */
static void tell_closed(struct sbx_runner *runner) {
  if (!runner->exited || runner->control_fd >= 0 || runner->closed_told)
    return;
  runner->closed_told = true;
  sbx_js_call(runner->env, runner->context, runner->on_close, build_close_info, runner);
}

void sbx_runner_lost(struct sbx_runner *runner) {
  runner->refs++; /* Settling may release the rest. */
  sbx_channel_close(runner);
  while (runner->runs) {
    if (!runner->runs->ended)
      runner->runs->outcome.kind = SBX_OUTCOME_LOST;
    sbx_run_settle(runner->runs);
  }
  tell_closed(runner);
  if (!runner->exited) {
    /* Only an exit closes a launcher's end, and its status is fixed by then; one that broke the
     * protocol has no business to go on. Either way its end is near, and onClose is due. */
    if (!runner->ending)
      uv_process_kill(&runner->process, SIGKILL);
    uv_ref((uv_handle_t *)&runner->process);
  }
  sbx_runner_unref(runner);
}

static void on_process_exit(uv_process_t *process, int64_t exit_code, int signum) {
  struct sbx_runner *runner = process->data;
  runner->exited = true;
  runner->exit_code = exit_code;
  runner->exit_signal = signum;
  uv_close((uv_handle_t *)process, on_handle_closed);
  uv_close((uv_handle_t *)&runner->patience, on_handle_closed);
  if (runner->env->exiting)
    return;
  /* Everything that it sent is in the socket. Not to rely on end-of-file here means not to rely on
   * nobody else holding the other end. */
  runner->refs++;
  sbx_channel_receive(runner, INT_MAX);
  sbx_runner_lost(runner);
  sbx_runner_unref(runner); /* NOLINT(clang-analyzer-unix.Malloc): counts are beyond it */
}

static void on_patience(uv_timer_t *timer) {
  sbx_runner_force(timer->data);
}

static void end_launcher(struct sbx_runner *runner) {
  if (runner->ending)
    return;
  runner->ending = true;
  sbx_channel_end(runner);
  if (!runner->exited)
    uv_timer_start(&runner->patience, on_patience, PATIENCE_MS, 0);
}

static void drop_box(void *target) {
  struct sbx_runner *runner = target;
  runner->box = NULL;
  end_launcher(runner);
}

static void free_policy(struct sbx_policy *policy) {
  free(policy->exec_path);
  sbx_strings_free(policy->argv);
  sbx_strings_free(policy->env);
  sbx_strings_free(policy->grants);
  sbx_strings_free(policy->deny);
  sbx_strings_free(policy->zygote_argv);
  sbx_strings_free(policy->net_allow);
  sbx_strings_free(policy->net_deny);
  sbx_strings_free(policy->cgroup);
}

static bool parse_policy(napi_env napi, napi_value o, struct sbx_policy *p) {
  const uint64_t max = (uint64_t)1 << 53;
  uint64_t use, permit, max_forks, spares;
  if (!sbx_arg_uint(napi, o, "use", 0, UINT32_MAX, &use) ||
      !sbx_arg_uint(napi, o, "permit", 0, UINT32_MAX, &permit) ||
      !sbx_arg_uint(napi, o, "maxForks", 0, UINT32_MAX, &max_forks) ||
      !sbx_arg_uint(napi, o, "spares", 0, UINT32_MAX, &spares))
    return false;
  p->max_forks = (uint32_t)max_forks;
  p->spares = spares;
  p->use = (uint32_t)use;
  p->permit = (uint32_t)permit;
  return sbx_arg_string(napi, o, "execPath", PATH_MAX - 1, &p->exec_path) &&
         sbx_arg_strings(napi, o, "argv", &p->argv) && sbx_arg_strings(napi, o, "env", &p->env) &&
         sbx_arg_uint(napi, o, "timeoutMs", 1, max, &p->timeout_ms) &&
         sbx_arg_uint(napi, o, "graceMs", 0, max, &p->grace_ms) &&
         sbx_arg_uint(napi, o, "cpuMs", 0, max, &p->cpu_ms) &&
         sbx_arg_uint(napi, o, "memoryBytes", 0, max, &p->memory_bytes) &&
         sbx_arg_uint(napi, o, "dataBytes", 0, max, &p->data_bytes) &&
         sbx_arg_uint(napi, o, "maxFiles", 0, max, &p->max_files) &&
         sbx_arg_uint(napi, o, "maxFileBytes", 0, max, &p->max_file_bytes) &&
         sbx_arg_uint(napi, o, "tmpBytes", 0, max, &p->tmp_bytes) &&
         sbx_arg_uint(napi, o, "preloadMs", 0, max, &p->preload_ms) &&
         sbx_arg_uint(napi, o, "maxTasks", 0, max, &p->max_tasks) &&
         sbx_arg_uint(napi, o, "maxThreads", 0, max, &p->max_threads) &&
         sbx_arg_strings(napi, o, "grants", &p->grants) &&
         sbx_arg_strings(napi, o, "deny", &p->deny) &&
         sbx_arg_strings(napi, o, "zygoteArgv", &p->zygote_argv) &&
         sbx_arg_strings(napi, o, "netAllow", &p->net_allow) &&
         sbx_arg_strings(napi, o, "netDeny", &p->net_deny) &&
         sbx_arg_strings(napi, o, "cgroup", &p->cgroup);
}

/* What the runner keeps of its policy. */
struct kept_policy {
  uint64_t allowed_ms;
  struct sbx_netrules *rules;
};

/* The policy in a memfd, at its start. Returns the descriptor, or -1 with an exception pending. */
static int make_policy_fd(napi_env napi, napi_value options, struct kept_policy *kept) {
  struct sbx_policy policy = {0};
  struct sbx_err err = {0};
  uint8_t *bytes = NULL;
  size_t len = 0;
  int fd = -1, rc;
  if (!parse_policy(napi, options, &policy)) {
    free_policy(&policy);
    return -1;
  }
  kept->allowed_ms = policy.timeout_ms + policy.grace_ms + policy.preload_ms;
  rc = sbx_policy_encode(&policy, &bytes, &len, &err);
  if (rc == 0 && (policy.permit & SBX_PERMIT_NET_RULES))
    rc = sbx_netrules_compile(policy.net_allow, policy.net_deny, &kept->rules, &err);
  free_policy(&policy);
  if (rc != 0) {
    free(bytes);
    sbx_throw(napi, "ERR_SBX_POLICY", -rc, "encode", err.text);
    return -1;
  }
  fd = memfd_create("sandbox-policy", MFD_CLOEXEC);
  rc = fd < 0 ? -errno : sbx_write_full(fd, bytes, len);
  if (rc == 0 && lseek(fd, 0, SEEK_SET) != 0)
    rc = -errno;
  free(bytes);
  if (rc != 0) {
    sbx_throw_errno(napi, -rc, fd < 0 ? "memfd_create" : "write");
    sbx_fd_close(&fd);
  }
  return fd;
}

/* Starts the launcher. Returns 0 or -errno. */
static int spawn(struct sbx_runner *runner, char *launcher, int control_fd, int policy_fd) {
  char *args[] = {launcher, NULL};
  char *no_env[] = {NULL};
  uv_stdio_container_t stdio[5] = {
      {.flags = UV_IGNORE},
      {.flags = UV_IGNORE},
      {.flags = UV_IGNORE},
      [SBX_CTL_FD] = {.flags = UV_INHERIT_FD, .data.fd = control_fd},
      [SBX_POLICY_FD] = {.flags = UV_INHERIT_FD, .data.fd = policy_fd},
  };
  uv_process_options_t options = {
      .exit_cb = on_process_exit,
      .file = launcher,
      .args = args,
      .env = no_env,
      .stdio_count = 5,
      .stdio = stdio,
  };
  int rc = uv_spawn(runner->env->loop, &runner->process, &options);
  uv_timer_init(runner->env->loop, &runner->patience); /* Cannot fail. */
  runner->process.data = runner->patience.data = runner;
  runner->refs += 2;
  uv_unref((uv_handle_t *)&runner->process);
  uv_unref((uv_handle_t *)&runner->patience);
  /* The handle is to be closed also when nothing was started. */
  if (rc != 0) {
    runner->exited = true;
    uv_close((uv_handle_t *)&runner->process, on_handle_closed);
    uv_close((uv_handle_t *)&runner->patience, on_handle_closed);
  }
  return rc;
}

static struct sbx_runner *new_runner(struct sbx_env *env) {
  struct sbx_runner *runner = calloc(1, sizeof *runner);
  if (!runner)
    return NULL;
  runner->env = env;
  runner->control_fd = -1;
  runner->refs = 1; /* Until openRunner has returned. */
  runner->next = env->runners;
  if (runner->next)
    runner->next->prev = runner;
  env->runners = runner;
  return runner;
}

/* Returns the Runner, or NULL with an exception pending. */
static napi_value launch(struct sbx_env *env, char *launcher, int policy_fd,
                         struct kept_policy *kept, napi_ref *on_close) {
  struct sbx_runner *runner = new_runner(env);
  SBX_AUTO_FD int peer = -1;
  napi_value object = NULL;
  if (runner) {
    runner->context = sbx_js_context(env->napi, "SANDBOXRUNNER");
    object = sbx_box_new(env->napi, &runner_tag, runner, drop_box, &runner->box);
  }
  if (!object || !runner->context) {
    sbx_throw(env->napi, "ERR_SBX_NOMEM", 0, NULL, "Out of memory");
    object = NULL;
  } else {
    const char *syscall = "socketpair";
    int rc = sbx_channel_open(runner, &peer);
    if (rc == 0) {
      syscall = "spawn";
      rc = spawn(runner, launcher, peer, policy_fd);
    }
    if (rc != 0) {
      sbx_throw_errno(env->napi, -rc, syscall);
      sbx_channel_close(runner);
      object = NULL;
    }
  }
  if (runner && object) {
    runner->allowed_ms = kept->allowed_ms;
    runner->rules = kept->rules;
    kept->rules = NULL;
    runner->on_close = *on_close;
    *on_close = NULL;
  } else if (runner) {
    sbx_box_detach(&runner->box);
  }
  if (runner)
    sbx_runner_unref(runner);
  return object;
}

napi_value sbx_runner_open(napi_env napi, napi_callback_info info) {
  napi_value options, policy, object = NULL;
  char *launcher = NULL;
  napi_ref on_close = NULL;
  if (!sbx_args(napi, info, 1, &options) || !sbx_arg_options(napi, options))
    return NULL;
  struct sbx_env *env = sbx_env_get(napi);
  if (sbx_arg_string(napi, options, "launcher", PATH_MAX - 1, &launcher) &&
      sbx_arg_object(napi, options, "policy", &policy) &&
      sbx_arg_function(napi, options, "onClose", &on_close)) {
    struct kept_policy kept = {0};
    SBX_AUTO_FD int policy_fd = make_policy_fd(napi, policy, &kept);
    if (policy_fd >= 0)
      object = launch(env, launcher, policy_fd, &kept, &on_close);
    sbx_netrules_free(kept.rules);
  }
  free(launcher);
  sbx_js_unref(env, &on_close);
  return object;
}

napi_value sbx_runner_close(napi_env napi, napi_callback_info info) {
  napi_value arg;
  if (!sbx_args(napi, info, 1, &arg))
    return NULL;
  struct sbx_box *box = sbx_box_get(napi, &runner_tag, arg, "Runner");
  if (!box || !box->target)
    return NULL;
  struct sbx_runner *runner = box->target;
  end_launcher(runner);
  /* Whoever closes a runner waits for onClose: keep the event loop alive until then. */
  if (!runner->exited)
    uv_ref((uv_handle_t *)&runner->process);
  return NULL;
}

struct sbx_runner *sbx_runner_get(napi_env napi, napi_value value) {
  struct sbx_box *box = sbx_box_get(napi, &runner_tag, value, "Runner");
  if (!box)
    return NULL;
  struct sbx_runner *runner = box->target;
  if (runner && !runner->ending && runner->control_fd >= 0)
    return runner;
  sbx_throw(napi, "ERR_SBX_CLOSED", 0, NULL, "The runner is closed");
  return NULL;
}

/* Also one that is closed. */
static struct sbx_box *box_of(napi_env napi, napi_callback_info info) {
  napi_value object;
  return sbx_args(napi, info, 1, &object) ? sbx_box_get(napi, &runner_tag, object, "Runner") : NULL;
}

napi_value sbx_runner_spares(napi_env napi, napi_callback_info info) {
  napi_value result;
  struct sbx_box *box = box_of(napi, info);
  if (!box)
    return NULL;
  const struct sbx_runner *runner = box->target;
  uint32_t n = runner && runner->control_fd >= 0 ? runner->spares : 0;
  return napi_create_uint32(napi, n, &result) == napi_ok ? result : NULL;
}

napi_value sbx_runner_memory(napi_env napi, napi_callback_info info) {
  napi_value result;
  struct sbx_box *box = box_of(napi, info);
  if (!box)
    return NULL;
  const struct sbx_runner *runner = box->target;
  size_t bytes = runner ? sizeof *runner : 0;
  for (const struct sbx_run *run = runner ? runner->runs : NULL; run; run = run->next)
    bytes += sbx_run_memory(run);
  return napi_create_double(napi, (double)bytes, &result) == napi_ok ? result : NULL;
}

void sbx_runner_abandon(struct sbx_runner *runner) {
  while (runner->runs)
    sbx_run_abandon(runner->runs);
  sbx_channel_close(runner);
  if (runner->exited)
    return;
  uv_ref((uv_handle_t *)&runner->process);
  uv_timer_start(&runner->patience, on_patience, PATIENCE_MS, 0);
}

void sbx_runner_force(struct sbx_runner *runner) {
  if (!runner->exited)
    uv_process_kill(&runner->process, SIGKILL);
}
