/* SPDX-License-Identifier: MIT */
/* Reading arguments. Host process, inside a call from JavaScript. */
#include "args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* What a policy may hold (core/policy.h): no single string is longer than all of it. */
#define STRING_MAX ((size_t)8 << 20)
#define STRINGS_MAX 65536u

static bool complain(napi_env napi, const char *code, const char *key, const char *must) {
  char text[160];
  bool pending = false;
  /* A getter that threw, or a worker being terminated, has an exception of its own. */
  if (napi_is_exception_pending(napi, &pending) == napi_ok && !pending) {
    snprintf(text, sizeof text, "The property '%s' must be %s", key, must);
    napi_throw_type_error(napi, code, text);
  }
  return false;
}

static bool bad_type(napi_env napi, const char *key, const char *must) {
  return complain(napi, "ERR_INVALID_ARG_TYPE", key, must);
}

static bool bad_value(napi_env napi, const char *key, const char *must) {
  return complain(napi, "ERR_INVALID_ARG_VALUE", key, must);
}

static bool get(napi_env napi, napi_value object, const char *key, napi_value *out,
                napi_valuetype *type) {
  return napi_get_named_property(napi, object, key, out) == napi_ok &&
         napi_typeof(napi, *out, type) == napi_ok;
}

bool sbx_args(napi_env napi, napi_callback_info info, size_t count, napi_value *out) {
  size_t given = count;
  if (napi_get_cb_info(napi, info, &given, out, NULL, NULL) == napi_ok && given >= count)
    return true;
  napi_throw_type_error(napi, "ERR_MISSING_ARGS", "Too few arguments");
  return false;
}

static bool is_absent(napi_env napi, napi_value object, const char *key) {
  napi_value value;
  napi_valuetype type;
  return get(napi, object, key, &value, &type) && type == napi_undefined;
}

bool sbx_arg_options(napi_env napi, napi_value value) {
  napi_valuetype type;
  if (napi_typeof(napi, value, &type) == napi_ok && type == napi_object)
    return true;
  napi_throw_type_error(napi, "ERR_INVALID_ARG_TYPE", "The options must be an object");
  return false;
}

bool sbx_arg_object(napi_env napi, napi_value object, const char *key, napi_value *out) {
  napi_valuetype type;
  if (get(napi, object, key, out, &type) && type == napi_object)
    return true;
  return bad_type(napi, key, "an object");
}

bool sbx_arg_function(napi_env napi, napi_value object, const char *key, napi_ref *out) {
  napi_value value;
  napi_valuetype type;
  if (get(napi, object, key, &value, &type) && type == napi_function &&
      napi_create_reference(napi, value, 1, out) == napi_ok)
    return true;
  return bad_type(napi, key, "a function");
}

bool sbx_arg_function_opt(napi_env napi, napi_value object, const char *key, napi_ref *out) {
  *out = NULL;
  return is_absent(napi, object, key) || sbx_arg_function(napi, object, key, out);
}

bool sbx_arg_uint(napi_env napi, napi_value object, const char *key, uint64_t min, uint64_t max,
                  uint64_t *out) {
  napi_value value;
  napi_valuetype type;
  double number;
  if (!get(napi, object, key, &value, &type) || type != napi_number ||
      napi_get_value_double(napi, value, &number) != napi_ok)
    return bad_type(napi, key, "a number");
  /* Written so that NaN fails; above 2^53 a double has no fractions left to refuse. */
  if (!(number >= (double)min && number <= (double)max && number <= 9007199254740991.0) ||
      (double)(uint64_t)number != number)
    return bad_value(napi, key, "a whole number in range");
  *out = (uint64_t)number;
  return true;
}

bool sbx_arg_uint_opt(napi_env napi, napi_value object, const char *key, uint64_t min, uint64_t max,
                      uint64_t *out) {
  *out = 0;
  return is_absent(napi, object, key) || sbx_arg_uint(napi, object, key, min, max, out);
}

bool sbx_arg_bool(napi_env napi, napi_value object, const char *key, bool *out) {
  napi_value value;
  napi_valuetype type;
  if (get(napi, object, key, &value, &type) && type == napi_boolean &&
      napi_get_value_bool(napi, value, out) == napi_ok)
    return true;
  return bad_type(napi, key, "a boolean");
}

bool sbx_arg_bool_opt(napi_env napi, napi_value object, const char *key, bool *out) {
  *out = false;
  return is_absent(napi, object, key) || sbx_arg_bool(napi, object, key, out);
}

/* The UTF-8 of a string value. */
static bool copy_string(napi_env napi, napi_value value, const char *key, size_t max, char **out) {
  size_t len, got;
  if (napi_get_value_string_utf8(napi, value, NULL, 0, &len) != napi_ok)
    return bad_type(napi, key, "a string");
  if (len > max)
    return bad_value(napi, key, "shorter");
  char *text = malloc(len + 1);
  if (!text) {
    napi_throw_error(napi, "ERR_SBX_NOMEM", "Out of memory");
    return false;
  }
  if (napi_get_value_string_utf8(napi, value, text, len + 1, &got) != napi_ok || got != len ||
      memchr(text, '\0', len)) {
    free(text);
    return bad_value(napi, key, "without NUL bytes");
  }
  *out = text;
  return true;
}

bool sbx_arg_string(napi_env napi, napi_value object, const char *key, size_t max, char **out) {
  napi_value value;
  napi_valuetype type;
  if (get(napi, object, key, &value, &type) && type == napi_string)
    return copy_string(napi, value, key, max, out);
  return bad_type(napi, key, "a string");
}

bool sbx_arg_strings(napi_env napi, napi_value object, const char *key, char ***out) {
  napi_value array, item;
  napi_valuetype type;
  bool is_array = false;
  uint32_t count;
  if (!get(napi, object, key, &array, &type) || napi_is_array(napi, array, &is_array) != napi_ok ||
      !is_array || napi_get_array_length(napi, array, &count) != napi_ok)
    return bad_type(napi, key, "an array of strings");
  if (count > STRINGS_MAX)
    return bad_value(napi, key, "shorter");
  char **strings = calloc((size_t)count + 1, sizeof *strings);
  if (!strings) {
    napi_throw_error(napi, "ERR_SBX_NOMEM", "Out of memory");
    return false;
  }
  for (uint32_t i = 0; i < count; i++) {
    if (napi_get_element(napi, array, i, &item) != napi_ok ||
        !copy_string(napi, item, key, STRING_MAX, &strings[i])) {
      sbx_strings_free(strings);
      return bad_type(napi, key, "an array of strings");
    }
  }
  *out = strings;
  return true;
}

void sbx_strings_free(char **strings) {
  for (char **s = strings; s && *s; s++)
    free(*s);
  free(strings);
}

bool sbx_arg_text(napi_env napi, napi_value object, const char *key, struct sbx_bytes *out) {
  napi_valuetype type;
  if (!get(napi, object, key, &out->value, &type) || type != napi_string)
    return sbx_arg_bytes(napi, object, key, out);
  if (!sbx_text_take(napi, out->value, &out->copy, &out->len)) {
    napi_throw_error(napi, "ERR_SBX_NOMEM", "Out of memory");
    return false;
  }
  out->value = NULL;
  out->data = out->copy;
  return out->len <= UINT32_MAX || bad_value(napi, key, "shorter");
}

bool sbx_arg_text_opt(napi_env napi, napi_value object, const char *key, struct sbx_bytes *out) {
  *out = (struct sbx_bytes){0};
  return is_absent(napi, object, key) || sbx_arg_text(napi, object, key, out);
}

bool sbx_arg_bytes_opt(napi_env napi, napi_value object, const char *key, struct sbx_bytes *out) {
  *out = (struct sbx_bytes){0};
  return is_absent(napi, object, key) || sbx_arg_bytes(napi, object, key, out);
}

bool sbx_arg_bytes(napi_env napi, napi_value object, const char *key, struct sbx_bytes *out) {
  napi_typedarray_type array_type;
  napi_valuetype type;
  bool is_array = false;
  void *data = NULL;
  if (!get(napi, object, key, &out->value, &type) ||
      napi_is_typedarray(napi, out->value, &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(napi, out->value, &array_type, &out->len, &data, NULL, NULL) !=
          napi_ok ||
      array_type != napi_uint8_array)
    return bad_type(napi, key, "a Uint8Array");
  out->data = data;
  if (out->len > UINT32_MAX)
    return bad_value(napi, key, "shorter");
  return true;
}
