/* SPDX-License-Identifier: MIT */
/* What a text of a guest costs the host, reckoned while its bytes arrive: a value that is two bytes
 * of JSON takes twenty to a hundred times that once it is read. Pure: no I/O, no globals. */
#ifndef SBX_CHARGE_H
#define SBX_CHARGE_H

#include <stddef.h>
#include <stdint.h>

/* Beside its bytes, a text is charged for what stands outside of strings. What V8 was measured to
 * take is at most 1.7 times this in all (an object with a name of its own); lib/guest/charge.cjs
 * has the same numbers. */
#define SBX_CHARGE_LIST 64u  /* '[' and '{' */
#define SBX_CHARGE_NAME 32u  /* ':' */
#define SBX_CHARGE_COMMA 16u /* ',' */

/* Values of the advanced serialization are made twice, and the second time takes long. */
#define SBX_CHARGE_ADVANCED 2u

struct sbx_charge {
  uint64_t bytes;      /* that came */
  uint64_t characters; /* of them */
  uint64_t values;     /* what the lists, names and commas among them cost */
  uint8_t times;       /* the values count once and so often again */
  uint8_t wide;        /* a character takes two bytes of memory */
  uint8_t in_string, escaped;
};

/* Text that is read as it is. */
void sbx_charge_text(struct sbx_charge *c, const uint8_t *bytes, size_t n);

/* JSON. A text that is none costs what it seems to say; it is refused later. */
void sbx_charge_json(struct sbx_charge *c, const uint8_t *bytes, size_t n);

/* What has come so far costs, in bytes. */
uint64_t sbx_charge_sum(const struct sbx_charge *c);

#endif
