/* SPDX-License-Identifier: MIT */
/* The network guard's rules: the compiler of patterns, and the judge. */
#include "netrules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 253u
#define LABEL_MAX_LEN 63u
/* The longest pattern: "*." before a name, a trailing dot, a colon and a port. */
#define PATTERN_MAX (2 + NAME_MAX_LEN + 1 + 6)

enum kind { KIND_ANY, KIND_NAME, KIND_BELOW, KIND_ADDR };

struct rule {
  enum kind kind;
  uint16_t port; /* 0: all */
  unsigned bits; /* KIND_ADDR: of ip, which holds IPv4 as ::ffff:a.b.c.d */
  uint8_t ip[16];
  char *name; /* KIND_NAME, KIND_BELOW: lower case, no dot at either end; malloc'ed */
  size_t name_len;
};

struct list {
  struct rule *at;
  size_t n;
};

struct sbx_netrules {
  struct list allow, deny;
  bool denies_names;
};

/* A piece of a pattern. */
struct text {
  const char *at;
  size_t len;
};

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static char lower(char c) {
  if (c >= 'A' && c <= 'Z')
    return (char)(c - 'A' + 'a');
  return c;
}

/* Whether a resolver may take the last label, and so the whole, for an IPv4 address: digits only,
 * or a hexadecimal number. The same test as the URL standard's "ends in a number". */
static bool is_number(const char *label, size_t len) {
  size_t from = 0;
  bool hex = len >= 2 && label[0] == '0' && label[1] == 'x';
  if (hex)
    from = 2;
  for (size_t i = from; i < len; i++)
    if (!is_digit(label[i]) && !(hex && label[i] >= 'a' && label[i] <= 'f'))
      return false;
  return true;
}

/* Checks a label in lower case. Returns what is wrong with it, NULL when nothing is. */
static const char *check_label(const char *label, size_t len) {
  if (len == 0)
    return "it has an empty label";
  if (len > LABEL_MAX_LEN)
    return "it has a label of more than 63 characters";
  if (label[0] == '-' || label[len - 1] == '-')
    return "a label begins or ends with '-'";
  for (size_t i = 0; i < len; i++)
    if (!(label[i] >= 'a' && label[i] <= 'z') && !is_digit(label[i]) && label[i] != '-' &&
        label[i] != '_')
      return "a name is made of letters, digits, '-', '_' and dots";
  return NULL;
}

/* Copies a name to `out` in the form that rules hold. Returns what is wrong with it, or NULL. */
static const char *read_name(struct text name, char out[NAME_MAX_LEN], size_t *out_len) {
  size_t len = name.len, label = 0;
  if (len > 1 && name.at[len - 1] == '.')
    len--;
  if (len > NAME_MAX_LEN)
    return "it is longer than 253 characters";
  for (size_t i = 0; i < len; i++)
    out[i] = lower(name.at[i]);
  for (size_t i = 0; i <= len; i++) {
    if (i < len && out[i] != '.')
      continue;
    const char *why = check_label(out + label, i - label);
    if (why)
      return why;
    if (i == len && is_number(out + label, i - label))
      return "it looks like an address; IPv4 is written as four decimal numbers without leading "
             "zeros";
    label = i + 1;
  }
  *out_len = len;
  return NULL;
}

/* A decimal number from 1 digit on without leading zeros; false beyond `max`. */
static bool read_number(struct text t, unsigned max, unsigned *out) {
  unsigned value = 0;
  if (t.len == 0 || t.len > 5 || (t.len > 1 && t.at[0] == '0'))
    return false;
  for (size_t i = 0; i < t.len; i++) {
    if (!is_digit(t.at[i]))
      return false;
    value = value * 10 + (unsigned)(t.at[i] - '0');
  }
  *out = value;
  return value <= max;
}

static bool host_bits_clear(const struct rule *rule) {
  for (unsigned bit = rule->bits; bit < 128; bit++)
    if (rule->ip[bit / 8] >> (7 - bit % 8) & 1)
      return false;
  return true;
}

/* An address or a range. IPv4 inside of ::ffff:0:0/96 is IPv4. */
static const char *read_addr(struct text t, struct rule *rule) {
  static const uint8_t any6[16];
  const char *slash = memchr(t.at, '/', t.len);
  struct text ip = {t.at, slash ? (size_t)(slash - t.at) : t.len};
  bool dotted = !memchr(ip.at, ':', ip.len);
  unsigned bits, max = dotted ? 32 : 128;
  rule->kind = KIND_ADDR;
  if (memchr(t.at, '%', t.len))
    return "an address has no zone here";
  if (!sbx_netaddr_parse(ip.at, ip.len, rule->ip))
    return dotted ? "IPv4 is written as four decimal numbers without leading zeros"
                  : "it is no IPv6 address";
  rule->bits = 128;
  if (!slash) {
    if (memcmp(rule->ip, any6, 16) == 0 ||
        (sbx_netaddr_is_v4(rule->ip) && !memcmp(rule->ip + 12, any6, 4)))
      return "it is no destination; write the loopback address, or a range";
    return NULL;
  }
  struct text prefix = {slash + 1, t.len - ip.len - 1};
  if (!read_number(prefix, max, &bits))
    return dotted ? "the length of its prefix is no number from 0 to 32"
                  : "the length of its prefix is no number from 0 to 128";
  rule->bits = bits + 128 - max;
  if (!host_bits_clear(rule))
    return "bits beyond the length of its prefix are set";
  return NULL;
}

/* Splits "host:port" and "[v6]:port". Returns what is wrong, or NULL. */
static const char *split_port(struct text *host, bool *bracketed, uint16_t *port) {
  const char *colon = memchr(host->at, ':', host->len), *end = host->at + host->len;
  unsigned value;
  *port = 0;
  *bracketed = host->at[0] == '[';
  if (*bracketed) {
    const char *close = memchr(host->at, ']', host->len);
    if (!close)
      return "its bracket is not closed";
    host->at++;
    host->len = (size_t)(close - host->at);
    if (!memchr(host->at, ':', host->len))
      return "brackets are for IPv6 addresses";
    if (close + 1 == end)
      return NULL;
    if (close[1] != ':')
      return "only a port may follow the bracket";
    colon = close + 1;
  } else {
    if (!colon || memchr(colon + 1, ':', (size_t)(end - colon - 1)))
      return NULL;
    host->len = (size_t)(colon - host->at);
  }
  struct text number = {colon + 1, (size_t)(end - colon - 1)};
  if (!read_number(number, 65535, &value) || value == 0)
    return "its port is no number from 1 to 65535";
  *port = (uint16_t)value;
  return NULL;
}

static const char *keep_name(struct rule *rule, struct text host) {
  char name[NAME_MAX_LEN] = "";
  const char *why = read_name(host, name, &rule->name_len);
  if (why)
    return why;
  rule->name = malloc(rule->name_len);
  if (!rule->name)
    return "no memory";
  memcpy(rule->name, name, rule->name_len);
  return NULL;
}

static const char *check_characters(struct text t) {
  if (t.len == 0)
    return "it is empty";
  if (t.len > PATTERN_MAX)
    return "it is too long";
  for (size_t i = 0; i < t.len; i++) {
    if ((unsigned char)t.at[i] >= 0x80)
      return "it is not ASCII; write the name as xn--…";
    if (t.at[i] <= ' ' || t.at[i] == 0x7f)
      return "it has white space or control characters in it";
  }
  return NULL;
}

/* Compiles one pattern. Returns what is wrong with it, or NULL. */
static const char *compile(const char *pattern, struct rule *rule) {
  uint8_t ip[16];
  bool bracketed;
  struct text host = {pattern, strlen(pattern)};
  const char *why = check_characters(host);
  if (!why && strstr(pattern, "://"))
    why = "it is a URL; give the host alone";
  if (!why)
    why = split_port(&host, &bracketed, &rule->port);
  if (why)
    return why;
  if (host.len == 0)
    return "it has no host";
  if (host.len == 1 && host.at[0] == '*') {
    rule->kind = KIND_ANY;
    return NULL;
  }
  if (memchr(host.at, ':', host.len) || memchr(host.at, '/', host.len) ||
      sbx_netaddr_parse(host.at, host.len, ip))
    return read_addr(host, rule);
  rule->kind = KIND_NAME;
  if (host.len > 2 && host.at[0] == '*' && host.at[1] == '.') {
    rule->kind = KIND_BELOW;
    host.at += 2;
    host.len -= 2;
  }
  if (memchr(host.at, '*', host.len))
    return "'*' stands alone or for the labels in front, as in *.example.com";
  return keep_name(rule, host);
}

const char *sbx_netrules_check(const char *pattern) {
  struct rule rule = {0};
  const char *why = compile(pattern, &rule);
  free(rule.name);
  return why;
}

/* For messages: what is no printable ASCII would not survive the way to the user. */
static void printable(const char *pattern, char *out, size_t size) {
  size_t i = 0;
  for (; i + 1 < size && pattern[i]; i++) {
    out[i] = '?';
    if (pattern[i] >= ' ' && pattern[i] < 0x7f)
      out[i] = pattern[i];
  }
  out[i] = '\0';
}

static int compile_list(char *const *patterns, const char *key, struct list *list,
                        struct sbx_err *err) {
  size_t n = 0;
  while (patterns && patterns[n])
    n++;
  if (n > SBX_NETRULES_MAX)
    return sbx_err_set(err, SBX_STAGE_POLICY, E2BIG,
                       "network.%s has %zu patterns, at most %u are allowed", key, n,
                       SBX_NETRULES_MAX);
  list->at = calloc(n ? n : 1, sizeof *list->at);
  if (!list->at)
    return sbx_err_set(err, SBX_STAGE_POLICY, ENOMEM, "no memory for network.%s", key);
  for (; list->n < n; list->n++) {
    const char *why = compile(patterns[list->n], &list->at[list->n]);
    if (why) {
      char shown[100];
      printable(patterns[list->n], shown, sizeof shown);
      return sbx_err_set(err, SBX_STAGE_POLICY, EINVAL, "network.%s: '%s': %s", key, shown, why);
    }
  }
  return 0;
}

int sbx_netrules_compile(char *const *allow, char *const *deny, struct sbx_netrules **out,
                         struct sbx_err *err) {
  *out = NULL;
  struct sbx_netrules *rules = calloc(1, sizeof *rules);
  if (!rules)
    return sbx_err_set(err, SBX_STAGE_POLICY, ENOMEM, "no memory for the network rules");
  int rc = compile_list(allow, "allow", &rules->allow, err);
  if (rc == 0)
    rc = compile_list(deny, "deny", &rules->deny, err);
  if (rc < 0) {
    sbx_netrules_free(rules);
    return rc;
  }
  for (size_t i = 0; i < rules->deny.n; i++)
    if (rules->deny.at[i].kind == KIND_NAME || rules->deny.at[i].kind == KIND_BELOW)
      rules->denies_names = true;
  *out = rules;
  return 0;
}

static void free_list(struct list *list) {
  for (size_t i = 0; i < list->n; i++)
    free(list->at[i].name);
  free(list->at);
}

void sbx_netrules_free(struct sbx_netrules *rules) {
  if (!rules)
    return;
  free_list(&rules->allow);
  free_list(&rules->deny);
  free(rules);
}

static bool covers_name(const struct rule *rule, const char *name, size_t len) {
  switch (rule->kind) {
  case KIND_ANY:
    return true;
  case KIND_NAME:
    return len == rule->name_len && memcmp(name, rule->name, len) == 0;
  case KIND_BELOW:
    return len > rule->name_len + 1 && name[len - rule->name_len - 1] == '.' &&
           memcmp(name + len - rule->name_len, rule->name, rule->name_len) == 0;
  case KIND_ADDR:
    return false;
  }
  return false;
}

/* IPv6 ranges, however wide, do not hold the IPv4 addresses, whatever form they come in. */
static bool covers_ip(const struct rule *rule, const uint8_t ip[16]) {
  return rule->kind == KIND_ADDR && sbx_netaddr_is_v4(rule->ip) == sbx_netaddr_is_v4(ip) &&
         sbx_netaddr_in(ip, rule->ip, rule->bits);
}

static enum sbx_net_verdict judge_name(const struct sbx_netrules *rules, const char *name,
                                       size_t len, uint16_t port) {
  for (size_t i = 0; i < rules->deny.n; i++) {
    const struct rule *rule = &rules->deny.at[i];
    if ((rule->port == 0 || rule->port == port) && covers_name(rule, name, len))
      return SBX_NET_DENIED;
  }
  for (size_t i = 0; i < rules->allow.n; i++) {
    const struct rule *rule = &rules->allow.at[i];
    if ((rule->port == 0 || port == 0 || rule->port == port) && covers_name(rule, name, len))
      return SBX_NET_ALLOWED;
  }
  return SBX_NET_NO_RULE;
}

enum sbx_net_verdict sbx_netrules_name(const struct sbx_netrules *rules, const char *name,
                                       size_t len, uint16_t port) {
  char canonical[NAME_MAX_LEN] = "";
  size_t n;
  if (read_name((struct text){name, len}, canonical, &n))
    return SBX_NET_MALFORMED;
  return judge_name(rules, canonical, n, port);
}

/* `port` 0: whether it is denied at every port. */
static bool denies_ip(const struct sbx_netrules *rules, const uint8_t ip[16], uint16_t port) {
  uint8_t carried[16];
  bool carries = sbx_netaddr_carried(ip, carried) != SBX_NET_CARRIES_NOTHING;
  for (size_t i = 0; i < rules->deny.n; i++) {
    const struct rule *rule = &rules->deny.at[i];
    if ((rule->port == 0 || rule->port == port) &&
        (rule->kind == KIND_ANY || covers_ip(rule, ip) || (carries && covers_ip(rule, carried))))
      return true;
  }
  return false;
}

/* `port` 0: whether it is allowed at any port. */
static bool allows_ip(const struct sbx_netrules *rules, const uint8_t ip[16], uint16_t port) {
  uint8_t carried[16];
  bool carries = sbx_netaddr_carried(ip, carried) == SBX_NET_CARRIES_NAT64;
  for (size_t i = 0; i < rules->allow.n; i++) {
    const struct rule *rule = &rules->allow.at[i];
    if (rule->port != 0 && port != 0 && rule->port != port)
      continue;
    if ((rule->kind == KIND_ANY && !rules->denies_names) || covers_ip(rule, ip) ||
        (carries && covers_ip(rule, carried)))
      return true;
  }
  return false;
}

static bool add_grant(struct sbx_netgrants *run, const uint8_t ip[16], uint16_t port, bool denied) {
  for (uint32_t i = 0; i < run->n; i++)
    if (run->at[i].port == port && run->at[i].denied == denied && !memcmp(run->at[i].ip, ip, 16))
      return true;
  if (run->n >= SBX_NETGRANTS_MAX)
    return false;
  struct sbx_netgrant *grant = &run->at[run->n++];
  memcpy(grant->ip, ip, 16);
  grant->port = port;
  grant->denied = denied;
  return true;
}

/* Adds what a list says about the name, port by port. '*' with a port denies addresses by itself.
 */
static bool add_grants(const struct list *list, bool denied, const char *name, size_t len,
                       const uint8_t ip[16], struct sbx_netgrants *run) {
  for (size_t i = 0; i < list->n; i++) {
    const struct rule *rule = &list->at[i];
    if (denied && rule->kind == KIND_ANY)
      continue;
    if (covers_name(rule, name, len) && !add_grant(run, ip, rule->port, denied))
      return false;
  }
  return true;
}

enum sbx_net_verdict sbx_netrules_grant(const struct sbx_netrules *rules, const char *name,
                                        size_t len, const struct sockaddr *sa, socklen_t sa_len,
                                        struct sbx_netgrants *run) {
  char canonical[NAME_MAX_LEN] = "";
  struct sbx_netaddr addr;
  size_t n;
  if (read_name((struct text){name, len}, canonical, &n) || sbx_netaddr_read(&addr, sa, sa_len) < 0)
    return SBX_NET_MALFORMED;
  enum sbx_net_verdict verdict = judge_name(rules, canonical, n, 0);
  if (verdict != SBX_NET_ALLOWED)
    return verdict;
  if (denies_ip(rules, addr.ip, 0))
    return SBX_NET_DENIED;
  if (sbx_net_special(addr.ip) != SBX_NET_PUBLIC && !allows_ip(rules, addr.ip, 0))
    return SBX_NET_INWARD;
  /* Denied ports first: a table that is full must not hold the permission without them. */
  if (!add_grants(&rules->deny, true, canonical, n, addr.ip, run) ||
      !add_grants(&rules->allow, false, canonical, n, addr.ip, run))
    return SBX_NET_FULL;
  return SBX_NET_ALLOWED;
}

static bool granted(const struct sbx_netgrants *run, const struct sbx_netaddr *addr, bool denied) {
  for (uint32_t i = 0; run && i < run->n; i++) {
    const struct sbx_netgrant *grant = &run->at[i];
    if (grant->denied == denied && (grant->port == 0 || grant->port == addr->port) &&
        memcmp(grant->ip, addr->ip, 16) == 0)
      return true;
  }
  return false;
}

enum sbx_net_verdict sbx_netrules_judge(const struct sbx_netrules *rules,
                                        const struct sbx_netaddr *addr,
                                        const struct sbx_netgrants *run) {
  if (addr->port == 0)
    return SBX_NET_MALFORMED;
  if (denies_ip(rules, addr->ip, addr->port) || granted(run, addr, true))
    return SBX_NET_DENIED;
  if (allows_ip(rules, addr->ip, addr->port))
    return SBX_NET_ALLOWED;
  if (!granted(run, addr, false))
    return SBX_NET_NO_RULE;
  return sbx_net_special(addr->ip) == SBX_NET_PUBLIC ? SBX_NET_ALLOWED : SBX_NET_INWARD;
}

enum sbx_net_verdict sbx_netrules_addr(const struct sbx_netrules *rules, const struct sockaddr *sa,
                                       socklen_t len, const struct sbx_netgrants *run) {
  struct sbx_netaddr addr;
  if (sbx_netaddr_read(&addr, sa, len) < 0)
    return SBX_NET_MALFORMED;
  return sbx_netrules_judge(rules, &addr, run);
}
