/* SPDX-License-Identifier: MIT */
/* Helpers around Node-API: calling into JavaScript, building objects, native data behind objects,
 * errors. All run on the thread of their environment. */
#ifndef SBX_JS_H
#define SBX_JS_H

#include "addon.h"

/* Makes the argument of a callback. Returns NULL when the engine refused (only an environment that
 * is being terminated does); the callback is then not called. */
typedef napi_value (*sbx_js_build)(struct sbx_env *env, void *arg);

/* The one way into JavaScript from the event loop: calls the function behind `fn` with what
 * `build` makes, in a handle scope of its own and in the async context of `context` (may be NULL).
 * An exception becomes an 'uncaughtException'. Does nothing while the environment goes down. The
 * callee may call the addon: nothing that it can free may be used unchecked afterwards. */
void sbx_js_call(struct sbx_env *env, napi_async_context context, napi_ref fn, sbx_js_build build,
                 void *arg);

/* Sets *ref to NULL after deleting the reference; NULL is fine. */
void sbx_js_unref(struct sbx_env *env, napi_ref *ref);

/* The async context that callbacks of `resource_name` run in: AsyncLocalStorage sees the values of
 * the call that started the run. NULL when the engine refused. */
napi_async_context sbx_js_context(napi_env napi, const char *resource_name);
void sbx_js_context_free(struct sbx_env *env, napi_async_context *context);

/* An object under construction. A failure sticks; take the value with sbx_obj_end. A string that
 * is NULL becomes null. */
struct sbx_obj {
  napi_env napi;
  napi_value value;
  bool ok;
};

struct sbx_obj sbx_obj_new(napi_env napi);
void sbx_obj_put(struct sbx_obj *obj, const char *key, napi_value value); /* NULL: failed */
void sbx_obj_num(struct sbx_obj *obj, const char *key, double value);
void sbx_obj_bool(struct sbx_obj *obj, const char *key, bool value);
void sbx_obj_str(struct sbx_obj *obj, const char *key, const char *value);
void sbx_obj_null(struct sbx_obj *obj, const char *key);
napi_value sbx_obj_end(const struct sbx_obj *obj); /* NULL when anything failed */

/* Native data behind a JavaScript object. Either side may go first: the native side calls
 * sbx_box_detach, the collector calls `dropped` if the native side is still there. */
struct sbx_box {
  void *target;
  void (*dropped)(void *target);
};

/* A new object with `target` behind it. Returns NULL when the engine refused; *box is then NULL
 * and `dropped` is never called. */
napi_value sbx_box_new(napi_env napi, const napi_type_tag *tag, void *target,
                       void (*dropped)(void *target), struct sbx_box **box);

/* The box behind `value`; NULL with a TypeError pending when it is not an object of that tag. */
struct sbx_box *sbx_box_get(napi_env napi, const napi_type_tag *tag, napi_value value,
                            const char *name);

/* The native side is gone. */
void sbx_box_detach(struct sbx_box **box);

/* Throws an Error with `code`; with `errnum` > 0 also `errno` (its name) and `syscall`. */
void sbx_throw(napi_env napi, const char *code, int errnum, const char *syscall, const char *text);

/* Throws ERR_SBX_SYSTEM for a failed system call. */
void sbx_throw_errno(napi_env napi, int errnum, const char *syscall);

/* "ENOENT". `room` must hold at least 64 bytes. */
const char *sbx_errno_name(int errnum, char room[64]);

/* "SIGKILL", or "SIG35" for a signal without a name of its own. */
const char *sbx_signal_name(int signum, char room[64]);

#endif
