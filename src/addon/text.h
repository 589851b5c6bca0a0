/* SPDX-License-Identifier: MIT */
/* Long texts between JavaScript and C: strings there, UTF-8 here. What is ASCII, which nearly all
 * long texts are, is copied as it is. No Buffer is made on the way: V8 answers large ones by
 * collecting garbage. */
#ifndef SBX_TEXT_H
#define SBX_TEXT_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A longer text of a guest goes to JavaScript as bytes, which are read a little at a time
 * (lib/reader.js). To read the worst that is as long as this takes 30 ms. */
#define SBX_TEXT_AT_ONCE ((size_t)96 << 10)

/* The UTF-8 of a string (a lone surrogate becomes U+FFFD); malloc'ed, and not ended by a zero.
 * False when there is no memory for it. */
bool sbx_text_take(napi_env napi, napi_value string, uint8_t **data, size_t *len);

/* A string of UTF-8 (what is not becomes U+FFFD). NULL when V8 cannot make one. */
napi_value sbx_text_make(napi_env napi, const uint8_t *data, size_t len);

#endif
