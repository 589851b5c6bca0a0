/* SPDX-License-Identifier: MIT */
/* Reading arguments. Each returns true, or false with an exception pending: a TypeError with code
 * ERR_INVALID_ARG_TYPE or ERR_INVALID_ARG_VALUE that names the property.
 *
 * lib/ has validated the user's options already; what is checked here is what could break memory
 * or the sandbox. */
#ifndef SBX_ARGS_H
#define SBX_ARGS_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The arguments of a call, exactly `count` of them. */
bool sbx_args(napi_env napi, napi_callback_info info, size_t count, napi_value *out);

/* The argument that holds the options must be an object. */
bool sbx_arg_options(napi_env napi, napi_value value);

/* `object[key]`, which must be an object. */
bool sbx_arg_object(napi_env napi, napi_value object, const char *key, napi_value *out);

/* `object[key]` as a strong reference to a function. */
bool sbx_arg_function(napi_env napi, napi_value object, const char *key, napi_ref *out);

/* The same, but undefined is allowed and leaves *out NULL. */
bool sbx_arg_function_opt(napi_env napi, napi_value object, const char *key, napi_ref *out);

/* A whole number from `min` to `max`. */
bool sbx_arg_uint(napi_env napi, napi_value object, const char *key, uint64_t min, uint64_t max,
                  uint64_t *out);

/* The same, but undefined is allowed and leaves 0. */
bool sbx_arg_uint_opt(napi_env napi, napi_value object, const char *key, uint64_t min, uint64_t max,
                      uint64_t *out);

bool sbx_arg_bool(napi_env napi, napi_value object, const char *key, bool *out);

/* The same, but undefined is allowed and is false. */
bool sbx_arg_bool_opt(napi_env napi, napi_value object, const char *key, bool *out);

/* A string of at most `max` bytes of UTF-8 without NUL; malloc'ed, the caller frees it. */
bool sbx_arg_string(napi_env napi, napi_value object, const char *key, size_t max, char **out);

/* An array of such strings; NULL-terminated, free with sbx_strings_free. */
bool sbx_arg_strings(napi_env napi, napi_value object, const char *key, char ***out);
void sbx_strings_free(char **strings);

/* A Uint8Array. The bytes are the caller's memory, valid while `value` is reachable and not
 * transferred. */
struct sbx_bytes {
  napi_value value;
  const uint8_t *data;
  size_t len;
  uint8_t *copy; /* of a text: malloc'ed, the caller frees it */
};
bool sbx_arg_bytes(napi_env napi, napi_value object, const char *key, struct sbx_bytes *out);

/* The same, but undefined is allowed and leaves out->value NULL. */
bool sbx_arg_bytes_opt(napi_env napi, napi_value object, const char *key, struct sbx_bytes *out);

/* The same, or a string, whose UTF-8 is copied. */
bool sbx_arg_text(napi_env napi, napi_value object, const char *key, struct sbx_bytes *out);

/* The same, but undefined is allowed and leaves out->value and out->copy NULL. */
bool sbx_arg_text_opt(napi_env napi, napi_value object, const char *key, struct sbx_bytes *out);

#endif
