/* SPDX-License-Identifier: MIT */
/* Messages of the domain name system (RFC 1035), as far as getaddrinfo(3) needs them: one question
 * for the IPv4 or IPv6 addresses of a name, and its answer. Pure; runs in init, where every byte of
 * a question is a guest's. */
#ifndef SBX_DNS_H
#define SBX_DNS_H

#include <stddef.h>
#include <stdint.h>

#define SBX_DNS_QUESTION_MAX 512u
/* A question, and 64 addresses of the longer kind. */
#define SBX_DNS_ANSWER_MAX 2560u
/* What any resolver takes over UDP. */
#define SBX_DNS_DATAGRAM_MAX 512u
#define SBX_DNS_NAME_MAX 256u

enum sbx_dns_rcode {
  SBX_DNS_OK = 0, /* also: the name is there, and has no address of the kind */
  SBX_DNS_MALFORMED = 1,
  SBX_DNS_FAILED = 2, /* try again */
  SBX_DNS_NO_NAME = 3,
  SBX_DNS_NOT_SERVED = 4, /* another kind of question */
};

struct sbx_dns_question {
  uint16_t id;
  uint16_t flags; /* of the message */
  uint16_t type;  /* SBX_DNS_A or SBX_DNS_AAAA when SBX_DNS_OK was returned */
  size_t name_len;
  char name[SBX_DNS_NAME_MAX]; /* with dots, without the last one; NUL-terminated */
  size_t wire_len;
  uint8_t wire[SBX_DNS_NAME_MAX + 4]; /* as it came, which is how it goes back */
};

#define SBX_DNS_A 1u
#define SBX_DNS_AAAA 28u

/* Reads a message. Returns SBX_DNS_OK when its name is to be looked up, another sbx_dns_rcode when
 * that is the answer, -EPROTO when it gets none, because it is no question. A name is letters,
 * digits, '-' and '_'; any other is SBX_DNS_NO_NAME. What follows the question (EDNS) is not looked
 * at. */
int sbx_dns_read(const uint8_t *message, size_t len, struct sbx_dns_question *out);

/* Writes the answer to a question that was read: with those of the `n` addresses (as in
 * core/netaddr.h) that are of the kind asked for, when `rcode` is SBX_DNS_OK. It has at most `room`
 * bytes, SBX_DNS_DATAGRAM_MAX or more, and is marked as truncated when those are too few. Returns
 * its length. */
size_t sbx_dns_answer(const struct sbx_dns_question *question, enum sbx_dns_rcode rcode,
                      const uint8_t (*ips)[16], size_t n, uint8_t *out, size_t room);

#endif
