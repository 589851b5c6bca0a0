/* SPDX-License-Identifier: MIT */
/* The module that lib/guest/zygote.cjs loads. */
#include <errno.h>
#include <fcntl.h>
#include <node_api.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "../core/fd.h"
#include "zygote.h"

static struct sbx_zygote zygote = {.status = {-1, -1}, .epoll_fd = -1, .io_fd = -1, .study_fd = -1};
static int exit_code;
static int control = -1, stand_in = -1; /* during a rehearsal */

static napi_value undefined(napi_env env) {
  napi_value value;
  napi_get_undefined(env, &value);
  return value;
}

static int32_t code_of(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value arg;
  int32_t code = 0;
  napi_get_cb_info(env, info, &argc, &arg, NULL, NULL);
  if (argc < 1 || napi_get_value_int32(env, arg, &code) != napi_ok)
    return 0;
  return code;
}

/* To end in the runtime's way would mean to wait for its threads, which have stayed behind. */
static void leave(void *unused) {
  (void)unused;
  _exit(exit_code);
}

/* Once nothing closes descriptors any more: the loop gets new ones. */
static bool repair_loop(napi_env env) {
  uv_loop_t *loop;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok)
    return false;
  int rc = uv_loop_fork(loop);
  if (rc != 0)
    napi_throw_error(env, "ERR_SBX_ZYGOTE", uv_strerror(rc));
  return rc == 0;
}

/* serve(): number. Blocks; returns in each guest, with its pid, which is to call awaitRun() then;
 * and before, in a child that is to rehearse a run and then call study(), with 0. */
static napi_value serve(napi_env env, napi_callback_info info) {
  struct sbx_err err = {0};
  napi_value pid;
  (void)info;
  int kind = sbx_zygote_serve(&zygote, &err);
  if (kind < 0) {
    napi_throw_error(env, "ERR_SBX_ZYGOTE", err.text);
    return NULL;
  }
  if (zygote.spare != SBX_SPARE_OPEN && !repair_loop(env))
    return NULL;
  napi_add_env_cleanup_hook(env, leave, NULL);
  napi_create_int32(env, kind == 0 ? getpid() : 0, &pid);
  return pid;
}

/* awaitRun(): until there is a run for this guest. */
static napi_value await_run(napi_env env, napi_callback_info info) {
  (void)info;
  if (sbx_zygote_await_run(&zygote) && !repair_loop(env))
    return NULL;
  return undefined(env);
}

/* fillRandom(words): from the kernel, in one call. */
static napi_value fill_random(napi_env env, napi_callback_info info) {
  size_t argc = 1, len = 0;
  napi_value arg;
  napi_typedarray_type type;
  void *words = NULL;
  napi_get_cb_info(env, info, &argc, &arg, NULL, NULL);
  if (argc < 1 || napi_get_typedarray_info(env, arg, &type, &len, &words, NULL, NULL) != napi_ok ||
      type != napi_uint32_array)
    napi_throw_type_error(env, "ERR_SBX_ZYGOTE", "fillRandom() takes a Uint32Array");
  else if (sbx_zygote_random(words, len * sizeof(uint32_t)) < 0)
    napi_throw_error(env, "ERR_SBX_ZYGOTE", "no random numbers");
  return undefined(env);
}

/* rehearse(bytes): until rehearsed(), what is read from the data socket is `bytes`, and what is
 * written to it goes nowhere. */
static napi_value rehearse(napi_env env, napi_callback_info info) {
  size_t argc = 1, len = 0;
  napi_value arg;
  void *bytes = NULL;
  int pair[2];
  napi_get_cb_info(env, info, &argc, &arg, NULL, NULL);
  if (argc < 1 || napi_get_buffer_info(env, arg, &bytes, &len) != napi_ok || stand_in >= 0) {
    napi_throw_type_error(env, "ERR_SBX_ZYGOTE", "rehearse() takes a Buffer");
    return NULL;
  }
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
      (control = fcntl(SBX_GUEST_DATA_FD, F_DUPFD_CLOEXEC, SBX_GUEST_DATA_FD + 1)) < 0 ||
      sbx_write_full(pair[1], bytes, len) < 0 || dup2(pair[0], SBX_GUEST_DATA_FD) < 0)
    napi_throw_error(env, "ERR_SBX_ZYGOTE", "no socket to rehearse with");
  sbx_fd_close(&pair[0]);
  stand_in = pair[1];
  return undefined(env);
}

static napi_value rehearsed(napi_env env, napi_callback_info info) {
  (void)info;
  if (dup2(control, SBX_CTL_FD) < 0)
    napi_throw_error(env, "ERR_SBX_ZYGOTE", "no control socket");
  sbx_fd_close(&control);
  sbx_fd_close(&stand_in);
  return undefined(env);
}

/* fail(text): says why it cannot be a zygote, and ends. */
static napi_value fail(napi_env env, napi_callback_info info) {
  size_t argc = 1, len = 0;
  napi_value arg;
  char text[SBX_ERR_TEXT_MAX] = "";
  struct sbx_ctl fatal;
  sbx_ctl_begin(&fatal, SBX_CTL_FATAL, 0);
  napi_get_cb_info(env, info, &argc, &arg, NULL, NULL);
  if (argc > 0)
    napi_get_value_string_utf8(env, arg, text, sizeof text, &len);
  sbx_err_set(&fatal.u.err, SBX_STAGE_PRELOAD, ENOEXEC, "%s", text);
  sbx_ctl_send(SBX_CTL_FD, &fatal, NULL, 0);
  _exit(1);
}

/* study(): ends the process. */
static napi_value study(napi_env env, napi_callback_info info) {
  (void)env;
  (void)info;
  sbx_zygote_end_study(&zygote);
}

/* forgetCode(): what is called from now on is what guests have at hand. */
static napi_value forget_code(napi_env env, napi_callback_info info) {
  (void)info;
  sbx_zygote_forget_code();
  return undefined(env);
}

/* exit(code): ends the process at once, whatever is left. */
static napi_value exit_now(napi_env env, napi_callback_info info) {
  _exit(code_of(env, info));
}

/* exitWith(code): what the process ends with when it ends by itself. */
static napi_value exit_with(napi_env env, napi_callback_info info) {
  exit_code = code_of(env, info);
  return undefined(env);
}

/* node_api.h defines both without a prototype. */
NAPI_MODULE_EXPORT int32_t NODE_API_MODULE_GET_API_VERSION(void);
NAPI_MODULE_EXPORT napi_value NAPI_MODULE_INITIALIZER(napi_env env, napi_value exports);

NAPI_MODULE_INIT(/* env, exports */) {
  const napi_property_descriptor functions[] = {
      {"serve", NULL, serve, NULL, NULL, NULL, napi_default, NULL},
      {"awaitRun", NULL, await_run, NULL, NULL, NULL, napi_default, NULL},
      {"fillRandom", NULL, fill_random, NULL, NULL, NULL, napi_default, NULL},
      {"rehearse", NULL, rehearse, NULL, NULL, NULL, napi_default, NULL},
      {"rehearsed", NULL, rehearsed, NULL, NULL, NULL, napi_default, NULL},
      {"fail", NULL, fail, NULL, NULL, NULL, napi_default, NULL},
      {"forgetCode", NULL, forget_code, NULL, NULL, NULL, napi_default, NULL},
      {"study", NULL, study, NULL, NULL, NULL, napi_default, NULL},
      {"exit", NULL, exit_now, NULL, NULL, NULL, napi_default, NULL},
      {"exitWith", NULL, exit_with, NULL, NULL, NULL, napi_default, NULL},
  };
  if (napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) !=
      napi_ok)
    return NULL;
  return exports;
}
