/* SPDX-License-Identifier: MIT */
/* Any patterns, names and socket addresses: nothing crashes, and a destination is judged the same
 * in every spelling of it, never better than what denies it.
 *
 * Input: lines. "+p" and "-p" are patterns that allow and deny, "?n" is a name that is looked up,
 * and what follows an empty line are socket addresses of 28 bytes each. */
#include <errno.h>
#include <netinet/in.h>

#include "fuzz.h"

#include "../../src/core/netrules.h"

#define MAX_LINES 64

struct lines {
  char *at[MAX_LINES + 1];
  size_t n;
};

static void add_line(struct lines *to, const uint8_t *text, size_t len) {
  if (to->n == MAX_LINES)
    return;
  /* Exactly its size, for ASan. */
  char *copy = malloc(len + 1);
  REQUIRE(copy);
  memcpy(copy, text, len);
  copy[len] = '\0';
  to->at[to->n++] = copy;
  to->at[to->n] = NULL;
}

static void free_lines(struct lines *l) {
  while (l->n > 0)
    free(l->at[--l->n]);
}

static void read_lines(struct fuzz_input *in, struct lines *allow, struct lines *deny,
                       struct lines *names) {
  while (in->left > 0) {
    const uint8_t *end = memchr(in->at, '\n', in->left), *line = in->at;
    size_t len = end ? (size_t)(end - line) : in->left, whole = len + (end != NULL);
    take_bytes(in, &whole);
    if (len == 0)
      return;
    add_line(line[0] == '+' ? allow : line[0] == '-' ? deny : names, line + 1, len - 1);
  }
}

static void check_name(const struct sbx_netrules *rules, const struct sbx_netrules *closed,
                       const char *name) {
  size_t len = strlen(name);
  char *other = malloc(len + 2);
  REQUIRE(other);
  for (size_t i = 0; i < len; i++)
    other[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 32) : name[i];
  other[len] = '.';
  for (uint32_t port = 0; port < 3; port++) {
    enum sbx_net_verdict v = sbx_netrules_name(rules, name, len, (uint16_t)port);
    REQUIRE(v <= SBX_NET_MALFORMED && v != SBX_NET_INWARD);
    if (len > 0 && name[len - 1] != '.')
      REQUIRE(sbx_netrules_name(rules, other, len + 1, (uint16_t)port) == v);
    REQUIRE(sbx_netrules_name(closed, name, len, (uint16_t)port) ==
            (v == SBX_NET_MALFORMED ? v : SBX_NET_DENIED));
  }
  free(other);
}

/* The same address in its other form, where there is one. */
static void check_forms(const struct sbx_netrules *rules, const struct sbx_netaddr *addr,
                        const struct sbx_netgrants *run, enum sbx_net_verdict verdict) {
  struct sockaddr_storage sa;
  struct sbx_netaddr other = *addr, again;
  if (sbx_netaddr_is_v4(addr->ip))
    other.family = addr->family == AF_INET ? AF_INET6 : AF_INET;
  socklen_t len = sbx_netaddr_sockaddr(&other, &sa);
  REQUIRE(sbx_netaddr_read(&again, &sa, len) == 0);
  REQUIRE(memcmp(again.ip, addr->ip, 16) == 0 && again.port == addr->port);
  REQUIRE(sbx_netrules_addr(rules, (struct sockaddr *)&sa, len, run) == verdict);
}

static void check_addr(const struct sbx_netrules *rules, const struct sbx_netrules *closed,
                       const uint8_t *bytes, size_t n, const struct lines *names) {
  static struct sbx_netgrants run;
  struct sbx_netaddr addr;
  const struct sockaddr *sa = (const struct sockaddr *)bytes;
  enum sbx_net_verdict before = sbx_netrules_addr(rules, sa, (socklen_t)n, NULL);
  if (sbx_netaddr_read(&addr, bytes, n) < 0) {
    REQUIRE(before == SBX_NET_MALFORMED);
    return;
  }
  REQUIRE(before <= SBX_NET_MALFORMED && (addr.port != 0 || before == SBX_NET_MALFORMED));
  REQUIRE(sbx_netrules_addr(closed, sa, (socklen_t)n, NULL) != SBX_NET_ALLOWED);
  check_forms(rules, &addr, NULL, before);
  run.n = 0;
  int opened = 0;
  for (size_t i = 0; i < names->n; i++) {
    size_t len = strlen(names->at[i]);
    enum sbx_net_verdict v = sbx_netrules_grant(rules, names->at[i], len, sa, (socklen_t)n, &run);
    REQUIRE(v != SBX_NET_ALLOWED ||
            sbx_netrules_name(rules, names->at[i], len, 0) == SBX_NET_ALLOWED);
    REQUIRE(sbx_netrules_grant(closed, names->at[i], len, sa, (socklen_t)n, &run) !=
            SBX_NET_ALLOWED);
    opened |= v == SBX_NET_ALLOWED;
  }
  REQUIRE(opened || run.n == 0);
  enum sbx_net_verdict after = sbx_netrules_judge(rules, &addr, &run);
  /* Names may close what was open (their denied ports), and open what is public. */
  if (before == SBX_NET_DENIED || before == SBX_NET_MALFORMED)
    REQUIRE(after == before);
  if (after == SBX_NET_ALLOWED && before != SBX_NET_ALLOWED)
    REQUIRE(opened && sbx_net_special(addr.ip) == SBX_NET_PUBLIC);
  check_forms(rules, &addr, &run, after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input in = {data, size};
  struct lines allow = {.n = 0}, deny = {.n = 0}, names = {.n = 0};
  struct sbx_netrules *rules = NULL, *closed = NULL;
  struct sbx_err err = {0};
  char *all[] = {"*", NULL};
  read_lines(&in, &allow, &deny, &names);
  int rc = sbx_netrules_compile(allow.at, deny.at, &rules, &err);
  if (rc == 0) {
    REQUIRE(err.errnum == 0);
    REQUIRE(sbx_netrules_compile(allow.at, all, &closed, &err) == 0);
    for (size_t i = 0; i < names.n; i++)
      check_name(rules, closed, names.at[i]);
    while (in.left > 0) {
      size_t n = sizeof(struct sockaddr_in6);
      const uint8_t *bytes = take_bytes(&in, &n);
      check_addr(rules, closed, bytes, n, &names);
    }
  } else {
    REQUIRE(rc == -EINVAL && !rules && err.errnum == EINVAL && strstr(err.text, "network."));
    for (const char *c = err.text; *c; c++) /* but for the dots of "xn--…" */
      REQUIRE(*c != '\n' && *c != '\r');
  }
  sbx_netrules_free(rules);
  sbx_netrules_free(closed);
  free_lines(&allow);
  free_lines(&deny);
  free_lines(&names);
  return 0;
}
