/* SPDX-License-Identifier: MIT */
/* Questions and answers of the domain name system. */
#include "dns.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "netaddr.h"

#define HEAD 12u
#define LABEL_MAX 63u
#define CLASS_IN 1u
#define FLAG_ANSWER 0x8000u
#define OPCODE 0x7800u
#define FLAG_TRUNCATED 0x0200u
#define FLAG_RECURSION_WANTED 0x0100u
#define FLAG_RECURSION_DONE 0x0080u
/* Seconds. What was granted stays so for the run, so this is only how soon a change is seen. */
#define TTL 30u
/* The name of an answer is that of the question, which begins behind the head. */
#define SAME_NAME (0xc000u | HEAD)

static uint16_t get16(const uint8_t *at) {
  return (uint16_t)(at[0] << 8 | at[1]);
}

static uint8_t *put16(uint8_t *at, unsigned value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
  return at + 2;
}

static bool is_plain(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

/* Returns the length that the name has in the message, or 0 when it is none. *plain: it has no
 * other characters than a host's. */
static size_t read_name(const uint8_t *at, size_t left, struct sbx_dns_question *out, bool *plain) {
  size_t used = 0;
  *plain = true;
  for (;;) {
    if (used >= left || used >= SBX_DNS_NAME_MAX - 1)
      return 0;
    size_t label = at[used];
    if (label == 0)
      break;
    /* Above: a pointer, which a question has no use for. */
    if (label > LABEL_MAX || label + 1 >= left - used || used + label + 1 >= SBX_DNS_NAME_MAX - 1)
      return 0;
    if (used > 0)
      out->name[out->name_len++] = '.';
    for (size_t i = 1; i <= label; i++) {
      uint8_t c = at[used + i];
      *plain = *plain && is_plain(c);
      out->name[out->name_len++] = (char)c;
    }
    used += label + 1;
  }
  out->name[out->name_len] = '\0';
  return used + 1;
}

int sbx_dns_read(const uint8_t *message, size_t len, struct sbx_dns_question *out) {
  bool plain;
  memset(out, 0, sizeof *out);
  if (len < HEAD || len > SBX_DNS_QUESTION_MAX)
    return -EPROTO;
  out->id = get16(message);
  out->flags = get16(message + 2);
  if (out->flags & FLAG_ANSWER)
    return -EPROTO;
  if (out->flags & OPCODE)
    return SBX_DNS_NOT_SERVED;
  if (get16(message + 4) != 1 || get16(message + 6) != 0 || get16(message + 8) != 0)
    return SBX_DNS_MALFORMED;
  size_t name = read_name(message + HEAD, len - HEAD, out, &plain);
  if (name == 0 || len - HEAD - name < 4)
    return SBX_DNS_MALFORMED;
  out->wire_len = name + 4;
  memcpy(out->wire, message + HEAD, out->wire_len);
  out->type = get16(message + HEAD + name);
  if (get16(message + HEAD + name + 2) != CLASS_IN ||
      (out->type != SBX_DNS_A && out->type != SBX_DNS_AAAA))
    return SBX_DNS_NOT_SERVED;
  return plain && out->name_len > 0 ? SBX_DNS_OK : SBX_DNS_NO_NAME;
}

static uint8_t *put_record(uint8_t *at, uint16_t type, const uint8_t ip[16]) {
  size_t len = type == SBX_DNS_A ? 4 : 16;
  at = put16(at, SAME_NAME);
  at = put16(at, type);
  at = put16(at, CLASS_IN);
  at = put16(at, 0);
  at = put16(at, TTL);
  at = put16(at, (unsigned)len);
  memcpy(at, ip + 16 - len, len);
  return at + len;
}

size_t sbx_dns_answer(const struct sbx_dns_question *question, enum sbx_dns_rcode rcode,
                      const uint8_t (*ips)[16], size_t n, uint8_t *out, size_t room) {
  uint8_t *at = out + HEAD;
  unsigned records = 0, truncated = 0;
  memcpy(at, question->wire, question->wire_len);
  at += question->wire_len;
  for (size_t i = 0; rcode == SBX_DNS_OK && i < n; i++) {
    if (sbx_netaddr_is_v4(ips[i]) != (question->type == SBX_DNS_A))
      continue;
    if ((size_t)(out + room - at) < 12 + 16) {
      truncated = FLAG_TRUNCATED;
      break;
    }
    at = put_record(at, question->type, ips[i]);
    records++;
  }
  unsigned kept = question->flags & (OPCODE | FLAG_RECURSION_WANTED);
  put16(out, question->id);
  put16(out + 2, FLAG_ANSWER | FLAG_RECURSION_DONE | truncated | kept | (unsigned)rcode);
  put16(out + 4, question->wire_len > 0 ? 1 : 0);
  put16(out + 6, records);
  memset(out + 8, 0, 4);
  return (size_t)(at - out);
}
