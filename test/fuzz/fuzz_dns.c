/* SPDX-License-Identifier: MIT */
/* Any message to the stub's reader: nothing crashes, what is to be looked up is a host's name and
 * the one that was asked for, and the answer is one to that question. The same, read in parts, by
 * the stub itself is test/c/test_stub.c.
 *
 * Input: a byte that says how many addresses there are, and of which kind, then a message. An odd
 * identifier is one that came over UDP. */
#include <errno.h>
#include <stdbool.h>

#include "fuzz.h"

#include "../../src/core/dns.h"

#define HEAD 12u

static void check_name(const struct sbx_dns_question *q) {
  size_t at = 0;
  REQUIRE(q->name_len > 0 && q->name_len < sizeof q->name && strlen(q->name) == q->name_len);
  REQUIRE(q->type == SBX_DNS_A || q->type == SBX_DNS_AAAA);
  for (size_t i = 0; i < q->name_len; i++) {
    char c = q->name[i];
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-' || c == '_';
    REQUIRE(plain || (c == '.' && i > 0 && q->name[i - 1] != '.'));
  }
  for (const char *label = q->name; *label;) {
    size_t len = strcspn(label, ".");
    REQUIRE(len > 0 && len < 64 && q->wire[at] == len && memcmp(q->wire + at + 1, label, len) == 0);
    at += len + 1;
    label += len + (label[len] == '.');
  }
  REQUIRE(q->wire[at] == 0 && at + 5 == q->wire_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input in = {data, size};
  uint8_t how = take_byte(&in), ips[64][16], out[SBX_DNS_ANSWER_MAX];
  struct sbx_dns_question q;
  size_t n = how & 63, len = in.left;
  /* Exactly its size, for ASan. */
  uint8_t *message = malloc(len ? len : 1);
  REQUIRE(message);
  memcpy(message, take_bytes(&in, &len), len);
  memset(ips, 0, sizeof ips);
  for (size_t i = 0; i < n; i++) {
    memcpy(ips[i], "\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3", 15);
    ips[i][15] = (uint8_t)i;
    if (how & 64 || (how & 128 && i % 2))
      ips[i][0] = 0x20;
  }
  int rc = sbx_dns_read(message, len, &q);
  REQUIRE(rc == -EPROTO || (rc >= 0 && rc <= SBX_DNS_NOT_SERVED));
  if (rc == SBX_DNS_OK)
    check_name(&q);
  if (rc >= 0) {
    size_t room = q.id & 1 ? SBX_DNS_DATAGRAM_MAX : sizeof out;
    size_t sent =
        sbx_dns_answer(&q, (enum sbx_dns_rcode)rc, (const uint8_t(*)[16])ips, n, out, room);
    REQUIRE(len >= HEAD && sent >= HEAD && sent <= room);
    REQUIRE(memcmp(out, message, 2) == 0 && (out[2] & 0x80) && (out[3] & 15) == rc);
    REQUIRE(out[4] == 0 && out[5] <= 1 && out[8] == 0 && out[9] == 0 && out[10] == 0);
    size_t records = (size_t)out[6] << 8 | out[7], each = 12 + (q.type == SBX_DNS_A ? 4 : 16);
    REQUIRE(sent == HEAD + q.wire_len + records * each);
    bool cut = out[2] & 2;
    REQUIRE(!cut || (room < sizeof out && records < n && sent + 28 > room));
    REQUIRE(records <= n && (rc == SBX_DNS_OK || records == 0));
    REQUIRE(q.wire_len == 0 || memcmp(out + HEAD, message + HEAD, q.wire_len) == 0);
  }
  free(message);
  return 0;
}
