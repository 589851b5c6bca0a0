/* SPDX-License-Identifier: MIT */
/* The charge on a guest's text. Every byte may come from a hostile guest, in any cut.
 *
 * Eight bytes at a time, without a branch on what they are: byte by byte it takes as long as
 * reading the text does. In a "mask" the high bit of each byte says yes or no; the first byte is
 * the lowest. */
#include "charge.h"

#include <stdbool.h>
#include <string.h>

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH EACH(0x80)
#define LOW7 EACH(0x7F)

/* From here on a character is none of Latin-1, and a string of V8 that holds one takes two bytes
 * for each of its characters. */
#define FIRST_WIDE 0xC4

/* Words whose masks can be added up before a byte of the sum overflows. */
#define WORDS_MAX 255u

static uint64_t is_byte(uint64_t word, uint8_t byte) {
  uint64_t other = word ^ EACH((uint64_t)byte);
  return ~(((other & LOW7) + LOW7) | other) & HIGH;
}

/* Of bytes that are 255 at most. */
static uint64_t add_bytes(uint64_t sums) {
  sums = (sums & UINT64_C(0x00FF00FF00FF00FF)) + (sums >> 8 & UINT64_C(0x00FF00FF00FF00FF));
  return (sums * UINT64_C(0x0001000100010001)) >> 48;
}

/* Yes for each byte with an odd number of yeses up to and with itself. */
static uint64_t add_up(uint64_t mask) {
  mask ^= mask << 8;
  mask ^= mask << 16;
  return mask ^ mask << 32;
}

static uint64_t load(const uint8_t *bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

static uint64_t continuations(uint64_t word) {
  return word & ~(word << 1) & HIGH;
}

static uint64_t wide_ones(uint64_t word) {
  return ((word & LOW7) + EACH(0x80 - (FIRST_WIDE & 0x7F))) & word & HIGH;
}

static void count_byte(struct sbx_charge *c, uint8_t byte) {
  c->characters += (byte & 0xC0) != 0x80;
  c->wide |= byte >= FIRST_WIDE;
}

void sbx_charge_text(struct sbx_charge *c, const uint8_t *bytes, size_t n) {
  c->bytes += n;
  while (n >= sizeof(uint64_t)) {
    uint64_t more = 0, wide = 0, words = 0;
    for (; n >= sizeof(uint64_t) && words < WORDS_MAX; words++) {
      uint64_t word = load(bytes);
      more += continuations(word) >> 7;
      wide |= wide_ones(word);
      bytes += sizeof word;
      n -= sizeof word;
    }
    c->characters += words * sizeof(uint64_t) - add_bytes(more);
    c->wide |= wide != 0;
  }
  while (n-- > 0)
    count_byte(c, *bytes++);
}

/* --- JSON ---------------------------------------------------------------------------------- */

static void take_byte(struct sbx_charge *c, uint8_t byte) {
  if (c->escaped)
    c->escaped = 0;
  else if (byte == '"')
    c->in_string ^= 1;
  else if (c->in_string)
    c->escaped = byte == '\\';
  else if (byte == '[' || byte == '{')
    c->values += SBX_CHARGE_LIST;
  else if (byte == ':')
    c->values += SBX_CHARGE_NAME;
  else if (byte == ',')
    c->values += SBX_CHARGE_COMMA;
}

static bool take_words(struct sbx_charge *c, const uint8_t **at, size_t *n) {
  uint64_t lists = 0, names = 0, commas = 0, words = 0;
  uint64_t inside = c->in_string ? HIGH : 0; /* of the byte before: for all of the next eight */
  bool plain = true;
  for (; plain && *n >= sizeof(uint64_t) && words < WORDS_MAX; words++) {
    uint64_t word = load(*at);
    if ((plain = is_byte(word, '\\') == 0) == false)
      break;
    uint64_t in = add_up(is_byte(word, '"')) ^ inside;
    lists += (is_byte(word | EACH(0x20), '{') & ~in) >> 7;
    names += (is_byte(word, ':') & ~in) >> 7;
    commas += (is_byte(word, ',') & ~in) >> 7;
    inside = in >> 63 ? HIGH : 0;
    *at += sizeof word;
    *n -= sizeof word;
  }
  c->in_string = inside != 0;
  c->values += add_bytes(lists) * SBX_CHARGE_LIST + add_bytes(names) * SBX_CHARGE_NAME +
               add_bytes(commas) * SBX_CHARGE_COMMA;
  return plain;
}

void sbx_charge_json(struct sbx_charge *c, const uint8_t *bytes, size_t n) {
  sbx_charge_text(c, bytes, n);
  while (n > 0) {
    /* An escape, whose rest may be in the next word, or what is left. */
    if (c->escaped || n < sizeof(uint64_t) || !take_words(c, &bytes, &n)) {
      size_t few = n < sizeof(uint64_t) ? n : sizeof(uint64_t);
      for (size_t i = 0; i < few; i++)
        take_byte(c, bytes[i]);
      bytes += few;
      n -= few;
    }
  }
}

uint64_t sbx_charge_sum(const struct sbx_charge *c) {
  uint64_t text = c->wide && c->characters * 2 > c->bytes ? c->characters * 2 : c->bytes;
  return text + c->values * (1u + c->times);
}
