/* SPDX-License-Identifier: MIT */
/* Helpers around Node-API. Host process, on the thread of the environment.
 *
 * Engine calls can fail at any moment in a worker that is being terminated; nothing here treats
 * that as a bug: the cleanup hook, which runs right afterwards, releases everything. */
#include "js.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An exception of a callback belongs to nobody below us: report it as uncaught. */
static void report_exception(napi_env napi) {
  bool pending = false;
  napi_value exception;
  if (napi_is_exception_pending(napi, &pending) == napi_ok && pending &&
      napi_get_and_clear_last_exception(napi, &exception) == napi_ok)
    napi_fatal_exception(napi, exception);
}

void sbx_js_call(struct sbx_env *env, napi_async_context context, napi_ref fn, sbx_js_build build,
                 void *arg) {
  if (env->exiting)
    return;
  napi_handle_scope scope;
  if (napi_open_handle_scope(env->napi, &scope) != napi_ok)
    return;
  napi_value func = NULL, receiver = NULL, argument = build(env, arg);
  if (argument && napi_get_reference_value(env->napi, fn, &func) == napi_ok && func &&
      napi_get_global(env->napi, &receiver) == napi_ok)
    napi_make_callback(env->napi, context, receiver, func, 1, &argument, NULL);
  report_exception(env->napi);
  napi_close_handle_scope(env->napi, scope);
}

void sbx_js_unref(struct sbx_env *env, napi_ref *ref) {
  if (*ref)
    napi_delete_reference(env->napi, *ref);
  *ref = NULL;
}

napi_async_context sbx_js_context(napi_env napi, const char *resource_name) {
  napi_value name;
  napi_async_context context = NULL;
  if (napi_create_string_utf8(napi, resource_name, NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(napi, NULL, name, &context) != napi_ok)
    return NULL;
  return context;
}

void sbx_js_context_free(struct sbx_env *env, napi_async_context *context) {
  napi_handle_scope scope;
  if (!*context || napi_open_handle_scope(env->napi, &scope) != napi_ok)
    return;
  napi_async_destroy(env->napi, *context);
  *context = NULL;
  napi_close_handle_scope(env->napi, scope);
}

struct sbx_obj sbx_obj_new(napi_env napi) {
  struct sbx_obj obj = {.napi = napi};
  obj.ok = napi_create_object(napi, &obj.value) == napi_ok;
  return obj;
}

void sbx_obj_put(struct sbx_obj *obj, const char *key, napi_value value) {
  obj->ok =
      obj->ok && value && napi_set_named_property(obj->napi, obj->value, key, value) == napi_ok;
}

void sbx_obj_num(struct sbx_obj *obj, const char *key, double value) {
  napi_value v = NULL;
  if (napi_create_double(obj->napi, value, &v) != napi_ok)
    v = NULL;
  sbx_obj_put(obj, key, v);
}

void sbx_obj_bool(struct sbx_obj *obj, const char *key, bool value) {
  napi_value v = NULL;
  if (napi_get_boolean(obj->napi, value, &v) != napi_ok)
    v = NULL;
  sbx_obj_put(obj, key, v);
}

void sbx_obj_null(struct sbx_obj *obj, const char *key) {
  napi_value v = NULL;
  if (napi_get_null(obj->napi, &v) != napi_ok)
    v = NULL;
  sbx_obj_put(obj, key, v);
}

void sbx_obj_str(struct sbx_obj *obj, const char *key, const char *value) {
  if (!value) {
    sbx_obj_null(obj, key);
    return;
  }
  napi_value v = NULL;
  if (napi_create_string_utf8(obj->napi, value, NAPI_AUTO_LENGTH, &v) != napi_ok)
    v = NULL;
  sbx_obj_put(obj, key, v);
}

napi_value sbx_obj_end(const struct sbx_obj *obj) {
  return obj->ok ? obj->value : NULL;
}

static void finalize_box(napi_env napi, void *data, void *hint) {
  (void)napi;
  (void)hint;
  struct sbx_box *box = data;
  if (box->target)
    box->dropped(box->target);
  free(box);
}

napi_value sbx_box_new(napi_env napi, const napi_type_tag *tag, void *target,
                       void (*dropped)(void *target), struct sbx_box **box) {
  napi_value object;
  *box = NULL;
  struct sbx_box *made = calloc(1, sizeof *made);
  if (!made)
    return NULL;
  made->dropped = dropped;
  if (napi_create_object(napi, &object) != napi_ok ||
      napi_type_tag_object(napi, object, tag) != napi_ok ||
      napi_wrap(napi, object, made, finalize_box, NULL, NULL) != napi_ok) {
    free(made);
    return NULL;
  }
  made->target = target;
  *box = made;
  return object;
}

struct sbx_box *sbx_box_get(napi_env napi, const napi_type_tag *tag, napi_value value,
                            const char *name) {
  napi_valuetype type;
  bool match = false;
  void *box = NULL;
  if (napi_typeof(napi, value, &type) == napi_ok && type == napi_object &&
      napi_check_object_type_tag(napi, value, tag, &match) == napi_ok && match &&
      napi_unwrap(napi, value, &box) == napi_ok)
    return box;
  char text[96];
  snprintf(text, sizeof text, "The first argument must be a %s", name);
  napi_throw_type_error(napi, "ERR_INVALID_ARG_TYPE", text);
  return NULL;
}

void sbx_box_detach(struct sbx_box **box) {
  if (*box)
    (*box)->target = NULL;
  *box = NULL;
}

void sbx_throw(napi_env napi, const char *code, int errnum, const char *syscall, const char *text) {
  char room[64];
  napi_value message, code_value, error;
  if (napi_create_string_utf8(napi, text, NAPI_AUTO_LENGTH, &message) != napi_ok ||
      napi_create_string_utf8(napi, code, NAPI_AUTO_LENGTH, &code_value) != napi_ok ||
      napi_create_error(napi, code_value, message, &error) != napi_ok)
    return;
  if (errnum > 0) {
    struct sbx_obj obj = {.napi = napi, .value = error, .ok = true};
    sbx_obj_str(&obj, "errno", sbx_errno_name(errnum, room));
    sbx_obj_str(&obj, "syscall", syscall);
  }
  napi_throw(napi, error);
}

void sbx_throw_errno(napi_env napi, int errnum, const char *syscall) {
  char text[160], name[64], what[64];
  snprintf(text, sizeof text, "%s: %s, %s", sbx_errno_name(errnum, name),
           uv_strerror_r(-errnum, what, sizeof what), syscall);
  sbx_throw(napi, "ERR_SBX_SYSTEM", errnum, syscall, text);
}

const char *sbx_errno_name(int errnum, char room[64]) {
  return uv_err_name_r(-errnum, room, 64);
}

const char *sbx_signal_name(int signum, char room[64]) {
  /* sigabbrev_np(3) would do, but musl has none. */
  static const char *const names[] = {
      [SIGHUP] = "SIGHUP",       [SIGINT] = "SIGINT",       [SIGQUIT] = "SIGQUIT",
      [SIGILL] = "SIGILL",       [SIGTRAP] = "SIGTRAP",     [SIGABRT] = "SIGABRT",
      [SIGBUS] = "SIGBUS",       [SIGFPE] = "SIGFPE",       [SIGKILL] = "SIGKILL",
      [SIGUSR1] = "SIGUSR1",     [SIGSEGV] = "SIGSEGV",     [SIGUSR2] = "SIGUSR2",
      [SIGPIPE] = "SIGPIPE",     [SIGALRM] = "SIGALRM",     [SIGTERM] = "SIGTERM",
      [SIGSTKFLT] = "SIGSTKFLT", [SIGCHLD] = "SIGCHLD",     [SIGCONT] = "SIGCONT",
      [SIGSTOP] = "SIGSTOP",     [SIGTSTP] = "SIGTSTP",     [SIGTTIN] = "SIGTTIN",
      [SIGTTOU] = "SIGTTOU",     [SIGURG] = "SIGURG",       [SIGXCPU] = "SIGXCPU",
      [SIGXFSZ] = "SIGXFSZ",     [SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF",
      [SIGWINCH] = "SIGWINCH",   [SIGIO] = "SIGIO",         [SIGPWR] = "SIGPWR",
      [SIGSYS] = "SIGSYS",
  };
  size_t n = (size_t)signum;
  if (n < sizeof names / sizeof *names && names[n])
    return names[n];
  snprintf(room, 64, "SIG%d", signum);
  return room;
}
