/* SPDX-License-Identifier: MIT */
/* The charge on a guest's text, against one that goes byte by byte. */
#include "tap.h"

#include <stdbool.h>
#include <string.h>

#include "../../src/core/charge.h"

struct plain {
  uint64_t values, characters;
  bool wide;
};

static struct plain go(const uint8_t *bytes, size_t n) {
  struct plain p = {0};
  bool in = false, escaped = false;
  for (size_t i = 0; i < n; i++) {
    uint8_t byte = bytes[i];
    p.characters += (byte & 0xC0) != 0x80;
    p.wide |= byte >= 0xC4;
    if (escaped)
      escaped = false;
    else if (in && byte == '\\')
      escaped = true;
    else if (byte == '"')
      in = !in;
    else if (!in && (byte == '[' || byte == '{'))
      p.values += SBX_CHARGE_LIST;
    else if (!in && byte == ':')
      p.values += SBX_CHARGE_NAME;
    else if (!in && byte == ',')
      p.values += SBX_CHARGE_COMMA;
  }
  return p;
}

static bool same(const uint8_t *bytes, size_t n, size_t cut) {
  struct plain p = go(bytes, n);
  struct sbx_charge c = {0};
  for (size_t at = 0; at < n; at += cut)
    sbx_charge_json(&c, bytes + at, n - at < cut ? n - at : cut);
  return c.bytes == n && c.values == p.values && c.characters == p.characters && !c.wide == !p.wide;
}

static void random_texts(void) {
  static const char letters[] = "\"\"\\[{:,a]}\xc3\xa9\xe2\x82\xac\x3b\xff\x7f\xdb\xfb";
  uint8_t bytes[5000];
  bool good = true;
  srand(7);
  for (int round = 0; round < 3000; round++) {
    size_t n = (size_t)rand() % (round % 50 ? 300 : sizeof bytes);
    for (size_t i = 0; i < n; i++)
      bytes[i] =
          round % 2 ? (uint8_t)letters[(size_t)rand() % (sizeof letters - 1)] : (uint8_t)rand();
    good &= same(bytes, n, 1 + (size_t)rand() % 300) && same(bytes, n, 7);
  }
  ok(good, "whatever the bytes and the cuts, it is what byte by byte says");
}

static void long_runs(void) {
  static uint8_t bytes[100000];
  const char *units[] = {"{},", "[", ",", ":", "\"\"", "\\", "\xe2\x82\xac", "\"\\\"\"[", "x"};
  bool good = true;
  for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
    for (size_t i = 0; i < sizeof bytes; i++)
      bytes[i] = (uint8_t)units[u][i % strlen(units[u])];
    good &= same(bytes, sizeof bytes, sizeof bytes) && same(bytes, sizeof bytes, 8191);
  }
  ok(good, "sums of long runs do not overflow");
}

static uint64_t sum_of(const char *text) {
  struct sbx_charge c = {0};
  sbx_charge_json(&c, (const uint8_t *)text, strlen(text));
  return sbx_charge_sum(&c);
}

int main(void) {
  random_texts();
  long_runs();
  ok(sum_of("\"abcdefgh\"") == 10, "a text costs its bytes");
  ok(sum_of("\"abcdefg\xc3\xa9\"") == 11, "one of Latin-1 too");
  ok(sum_of("\"abcdef\xe2\x82\xac\"") == 18, "any other two for each character");
  ok(sum_of("[{\"a\":1},2]") == 11 + 2 * SBX_CHARGE_LIST + SBX_CHARGE_NAME + SBX_CHARGE_COMMA,
     "lists, names and commas cost more");
  return tap_done();
}
