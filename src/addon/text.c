/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <stdlib.h>
#include <string.h>

static bool is_ascii(const uint8_t *data, size_t len) {
  uint64_t word, any = 0;
  for (; len >= sizeof word; data += sizeof word, len -= sizeof word) {
    memcpy(&word, data, sizeof word);
    any |= word;
  }
  for (; len > 0; data++, len--)
    any |= *data;
  return (any & UINT64_C(0x8080808080808080)) == 0;
}

bool sbx_text_take(napi_env napi, napi_value string, uint8_t **data, size_t *len) {
  size_t bytes, units;
  if (napi_get_value_string_utf8(napi, string, NULL, 0, &bytes) != napi_ok ||
      napi_get_value_string_latin1(napi, string, NULL, 0, &units) != napi_ok)
    return false;
  /* Both calls end what they write with a zero. */
  char *text = malloc(bytes + 1);
  if (!text)
    return false;
  napi_status status = bytes == units
                           ? napi_get_value_string_latin1(napi, string, text, bytes + 1, len)
                           : napi_get_value_string_utf8(napi, string, text, bytes + 1, len);
  if (status != napi_ok || *len != bytes) {
    free(text);
    return false;
  }
  *data = (uint8_t *)text;
  return true;
}

napi_value sbx_text_make(napi_env napi, const uint8_t *data, size_t len) {
  napi_value text = NULL;
  const char *chars = len > 0 ? (const char *)data : "";
  napi_status status = is_ascii(data, len) ? napi_create_string_latin1(napi, chars, len, &text)
                                           : napi_create_string_utf8(napi, chars, len, &text);
  return status == napi_ok ? text : NULL;
}
