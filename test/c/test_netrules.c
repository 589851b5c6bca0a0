/* SPDX-License-Identifier: MIT */
/* The network rules: every form of pattern, every way of spelling a destination differently. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "tap.h"
#include "util.h"

#include "../../src/core/netrules.h"

#define MAX_LIST 16

/* Splits "a b c" into a NULL-terminated list; one at a time for each of the two slots. */
static char **words(int slot, const char *text) {
  static char buf[2][1024];
  static char *list[2][MAX_LIST + 1];
  int n = 0;
  snprintf(buf[slot], sizeof buf[slot], "%s", text);
  for (char *w = strtok(buf[slot], " "); w && n < MAX_LIST; w = strtok(NULL, " "))
    list[slot][n++] = w;
  list[slot][n] = NULL;
  return list[slot];
}

static struct sbx_netrules *rules_of(const char *allow, const char *deny) {
  struct sbx_netrules *rules;
  struct sbx_err err = {0};
  if (sbx_netrules_compile(words(0, allow), words(1, deny), &rules, &err) != 0) {
    printf("Bail out! %s\n", err.text);
    exit(EXIT_FAILURE);
  }
  return rules;
}

/* The address of a text, with its port. */
static socklen_t sockaddr_of(const char *ip, uint16_t port, struct sockaddr_storage *out) {
  memset(out, 0, sizeof *out);
  struct sockaddr_in *in = (struct sockaddr_in *)out;
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
  if (inet_pton(AF_INET, ip, &in->sin_addr) == 1) {
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    return sizeof *in;
  }
  if (inet_pton(AF_INET6, ip, &in6->sin6_addr) != 1)
    abort();
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons(port);
  return sizeof *in6;
}

static enum sbx_net_verdict addr_verdict(const struct sbx_netrules *rules, const char *ip,
                                         uint16_t port, const struct sbx_netgrants *run) {
  struct sockaddr_storage sa;
  socklen_t len = sockaddr_of(ip, port, &sa);
  return sbx_netrules_addr(rules, (struct sockaddr *)&sa, len, run);
}

static enum sbx_net_verdict name_verdict(const struct sbx_netrules *rules, const char *name,
                                         uint16_t port) {
  return sbx_netrules_name(rules, name, strlen(name), port);
}

static enum sbx_net_verdict grant(const struct sbx_netrules *rules, const char *name,
                                  const char *ip, struct sbx_netgrants *run) {
  struct sockaddr_storage sa;
  socklen_t len = sockaddr_of(ip, 0, &sa);
  return sbx_netrules_grant(rules, name, strlen(name), (struct sockaddr *)&sa, len, run);
}

struct expectation {
  const char *allow, *deny, *what;
  uint16_t port;
  enum sbx_net_verdict verdict;
};

static const struct expectation names[] = {
    {"", "", "example.com", 443, SBX_NET_NO_RULE},
    {"example.com", "", "example.com", 443, SBX_NET_ALLOWED},
    {"example.com", "", "EXAMPLE.Com.", 443, SBX_NET_ALLOWED},
    {"Example.COM.", "", "example.com", 443, SBX_NET_ALLOWED},
    {"example.com", "", "www.example.com", 443, SBX_NET_NO_RULE},
    {"example.com", "", "notexample.com", 443, SBX_NET_NO_RULE},
    {"example.com", "", "example.com.evil.org", 443, SBX_NET_NO_RULE},
    {"example.com", "", "example.co", 443, SBX_NET_NO_RULE},
    {"example.com", "", "example.com..", 443, SBX_NET_MALFORMED},
    {"*.example.com", "", "a.example.com", 443, SBX_NET_ALLOWED},
    {"*.example.com", "", "a.b.example.com.", 443, SBX_NET_ALLOWED},
    {"*.example.com", "", "example.com", 443, SBX_NET_NO_RULE},
    {"*.example.com", "", ".example.com", 443, SBX_NET_MALFORMED},
    {"*.example.com", "", "aexample.com", 443, SBX_NET_NO_RULE},
    {"*.com", "", "example.com", 443, SBX_NET_ALLOWED},
    {"*", "", "localhost", 443, SBX_NET_ALLOWED},
    {"*", "evil.org", "evil.org", 443, SBX_NET_DENIED},
    {"*", "evil.org", "EVIL.org.", 443, SBX_NET_DENIED},
    {"*", "evil.org", "www.evil.org", 443, SBX_NET_ALLOWED},
    {"*", "*.evil.org", "www.evil.org", 443, SBX_NET_DENIED},
    {"a.evil.org", "*.evil.org", "a.evil.org", 443, SBX_NET_DENIED},
    {"example.com", "*", "example.com", 443, SBX_NET_DENIED},
    {"example.com:443", "", "example.com", 443, SBX_NET_ALLOWED},
    {"example.com:443", "", "example.com", 80, SBX_NET_NO_RULE},
    {"example.com:443", "", "example.com", 0, SBX_NET_ALLOWED},
    {"*.example.com:443", "", "x.example.com", 443, SBX_NET_ALLOWED},
    {"*:443", "", "example.com", 443, SBX_NET_ALLOWED},
    {"*:443", "", "example.com", 80, SBX_NET_NO_RULE},
    {"example.com", "example.com:25", "example.com", 25, SBX_NET_DENIED},
    {"example.com", "example.com:25", "example.com", 443, SBX_NET_ALLOWED},
    {"example.com", "example.com:25", "example.com", 0, SBX_NET_ALLOWED},
    {"example.com", "*:25", "example.com", 25, SBX_NET_DENIED},
    {"xn--bcher-kva.example", "", "XN--BCHER-KVA.example", 443, SBX_NET_ALLOWED},
    {"_srv._tcp.example.com", "", "_srv._tcp.example.com", 443, SBX_NET_ALLOWED},
    {"*", "",
     "b\xC3\xBC"
     "cher.example",
     443, SBX_NET_MALFORMED},
    {"*", "", "", 443, SBX_NET_MALFORMED},
    {"*", "", ".", 443, SBX_NET_MALFORMED},
    {"*", "", "a..b", 443, SBX_NET_MALFORMED},
    {"*", "", "a b", 443, SBX_NET_MALFORMED},
    {"*", "", "a/b", 443, SBX_NET_MALFORMED},
    {"*", "", "a%2eb", 443, SBX_NET_MALFORMED},
    {"*", "", "a@b", 443, SBX_NET_MALFORMED},
    {"*", "", "-a.com", 443, SBX_NET_MALFORMED},
    {"*", "", "a-.com", 443, SBX_NET_MALFORMED},
    {"*", "", "*", 443, SBX_NET_MALFORMED},
    {"*", "", "127.0.0.1", 443, SBX_NET_MALFORMED},
    {"*", "", "127.1", 443, SBX_NET_MALFORMED},
    {"*", "", "0251.1", 443, SBX_NET_MALFORMED},
    {"*", "", "0x7f.1", 443, SBX_NET_MALFORMED},
    {"*", "", "0X7F.0x1", 443, SBX_NET_MALFORMED},
    {"*", "", "2130706433", 443, SBX_NET_MALFORMED},
    {"*", "", "2130706433.", 443, SBX_NET_MALFORMED},
    {"*", "", "0x7f000001", 443, SBX_NET_MALFORMED},
    {"*", "", "0x", 443, SBX_NET_MALFORMED},
    {"*", "", "foo.1", 443, SBX_NET_MALFORMED},
    {"*", "", "::1", 443, SBX_NET_MALFORMED},
    {"*", "", "[::1]", 443, SBX_NET_MALFORMED},
    {"*", "", "1.example", 443, SBX_NET_ALLOWED},
    {"*", "", "0xbeef.example", 443, SBX_NET_ALLOWED},
    {"*", "", "3com", 443, SBX_NET_ALLOWED},
    {"192.0.2.1", "", "example.com", 443, SBX_NET_NO_RULE},
};

static const struct expectation addresses[] = {
    {"", "", "192.0.2.1", 80, SBX_NET_NO_RULE},
    {"192.0.2.1", "", "192.0.2.1", 80, SBX_NET_ALLOWED},
    {"192.0.2.1", "", "192.0.2.1", 0, SBX_NET_MALFORMED},
    {"192.0.2.1", "", "192.0.2.2", 80, SBX_NET_NO_RULE},
    {"192.0.2.1:80", "", "192.0.2.1", 80, SBX_NET_ALLOWED},
    {"192.0.2.1:80", "", "192.0.2.1", 81, SBX_NET_NO_RULE},
    {"192.0.2.0/24", "", "192.0.2.255", 80, SBX_NET_ALLOWED},
    {"192.0.2.0/24", "", "192.0.3.0", 80, SBX_NET_NO_RULE},
    {"192.0.2.128/25:80", "", "192.0.2.200", 80, SBX_NET_ALLOWED},
    {"192.0.2.128/25:80", "", "192.0.2.127", 80, SBX_NET_NO_RULE},
    {"192.0.2.128/25:80", "", "192.0.2.200", 81, SBX_NET_NO_RULE},
    {"0.0.0.0/0", "", "203.0.113.9", 80, SBX_NET_ALLOWED},
    {"0.0.0.0/0", "", "2001:db8::1", 80, SBX_NET_NO_RULE},
    {"::/0", "", "2001:db8::1", 80, SBX_NET_ALLOWED},
    {"::/0", "", "203.0.113.9", 80, SBX_NET_NO_RULE},
    {"::/0", "", "::ffff:203.0.113.9", 80, SBX_NET_NO_RULE},
    {"2001:db8::1", "", "2001:DB8:0::1", 80, SBX_NET_ALLOWED},
    {"[2001:db8::1]", "", "2001:db8::1", 80, SBX_NET_ALLOWED},
    {"[2001:db8::1]:443", "", "2001:db8::1", 443, SBX_NET_ALLOWED},
    {"[2001:db8::1]:443", "", "2001:db8::1", 80, SBX_NET_NO_RULE},
    {"2001:db8::/33", "", "2001:db8:7fff::1", 80, SBX_NET_ALLOWED},
    {"2001:db8::/33", "", "2001:db8:8000::1", 80, SBX_NET_NO_RULE},
    {"[2001:db8::/32]:443", "", "2001:db8:9::", 443, SBX_NET_ALLOWED},
    {"*", "", "127.0.0.1", 80, SBX_NET_ALLOWED},
    {"*:443", "", "192.0.2.1", 443, SBX_NET_ALLOWED},
    {"*:443", "", "192.0.2.1", 80, SBX_NET_NO_RULE},
    {"*", "10.0.0.0/8", "10.1.2.3", 80, SBX_NET_DENIED},
    {"*", "10.0.0.0/8", "11.1.2.3", 80, SBX_NET_ALLOWED},
    {"10.0.0.1", "10.0.0.0/8", "10.0.0.1", 80, SBX_NET_DENIED},
    {"10.0.0.0/8", "10.0.0.1:22", "10.0.0.1", 22, SBX_NET_DENIED},
    {"10.0.0.0/8", "10.0.0.1:22", "10.0.0.1", 23, SBX_NET_ALLOWED},
    {"10.0.0.0/8", "*:22", "10.0.0.1", 22, SBX_NET_DENIED},
    {"*", "*", "192.0.2.1", 80, SBX_NET_DENIED},
    /* The same IPv4 address in IPv6. */
    {"192.0.2.1", "", "::ffff:192.0.2.1", 80, SBX_NET_ALLOWED},
    {"::ffff:192.0.2.1", "", "192.0.2.1", 80, SBX_NET_ALLOWED},
    {"::ffff:192.0.2.0/120", "", "192.0.2.77", 80, SBX_NET_ALLOWED},
    {"192.0.2.1", "", "64:ff9b::192.0.2.1", 80, SBX_NET_ALLOWED},
    {"192.0.2.1", "", "2002:c000:201::1", 80, SBX_NET_NO_RULE},
    {"192.0.2.1", "", "::192.0.2.1", 80, SBX_NET_NO_RULE},
    {"*", "169.254.169.254", "169.254.169.254", 80, SBX_NET_DENIED},
    {"*", "169.254.169.254", "::ffff:169.254.169.254", 80, SBX_NET_DENIED},
    {"*", "169.254.169.254", "::ffff:a9fe:a9fe", 80, SBX_NET_DENIED},
    {"*", "169.254.169.254", "64:ff9b::a9fe:a9fe", 80, SBX_NET_DENIED},
    {"*", "169.254.169.254", "2002:a9fe:a9fe::1", 80, SBX_NET_DENIED},
    {"*", "169.254.169.254", "::a9fe:a9fe", 80, SBX_NET_DENIED},
    {"*", "169.254.169.254", "2001:0:1::5601:5601", 80, SBX_NET_DENIED},
    {"*", "64:ff9b::/96", "64:ff9b::192.0.2.1", 80, SBX_NET_DENIED},
    /* Where Linux connects the unspecified address to. */
    {"192.0.2.1", "", "0.0.0.0", 80, SBX_NET_NO_RULE},
    {"*", "127.0.0.0/8", "0.0.0.0", 80, SBX_NET_DENIED},
    {"*", "127.0.0.0/8", "::ffff:0.0.0.0", 80, SBX_NET_DENIED},
    {"*", "127.0.0.0/8", "64:ff9b::", 80, SBX_NET_DENIED},
    {"*", "::1", "::", 80, SBX_NET_DENIED},
    {"127.0.0.1", "", "0.0.0.0", 80, SBX_NET_ALLOWED},
    /* A denied name must not be reached by knowing its address. */
    {"*", "evil.org", "192.0.2.1", 80, SBX_NET_NO_RULE},
    {"* 192.0.2.1", "evil.org", "192.0.2.1", 80, SBX_NET_ALLOWED},
    {"example.com", "", "192.0.2.1", 80, SBX_NET_NO_RULE},
};

static void judge_all(const struct expectation *at, size_t n, bool is_name) {
  for (; n > 0; n--, at++) {
    char text[320];
    struct sbx_netrules *rules = rules_of(at->allow, at->deny);
    enum sbx_net_verdict got = is_name ? name_verdict(rules, at->what, at->port)
                                       : addr_verdict(rules, at->what, at->port, NULL);
    snprintf(text, sizeof text, "allow [%s] deny [%s]: '%s' port %u is %d", at->allow, at->deny,
             at->what, at->port, at->verdict);
    ok(got == at->verdict, text);
    sbx_netrules_free(rules);
  }
}

static const struct {
  const char *pattern, *why;
} bad[] = {
    {"", "empty"},
    {"0251.1", "looks like an address"},
    {"127.1", "looks like an address"},
    {"0x7f.1", "looks like an address"},
    {"2130706433", "looks like an address"},
    {"0X7F000001", "looks like an address"},
    {"0127.0.0.1", "looks like an address"},
    {"127.0.0.01", "looks like an address"},
    {"256.0.0.1", "looks like an address"},
    {"1.2.3.4.5", "looks like an address"},
    {"foo.0x1", "looks like an address"},
    {"127.1/8", "four decimal numbers"},
    {"010.0.0.0/8", "four decimal numbers"},
    {"example.com/24", "four decimal numbers"},
    {"10.0.0.0/33", "from 0 to 32"},
    {"10.0.0.0/08", "from 0 to 32"},
    {"10.0.0.0/", "from 0 to 32"},
    {"10.0.0.0/8/8", "from 0 to 32"},
    {"10.0.0.0/-1", "from 0 to 32"},
    {"10.0.0.1/8", "bits beyond"},
    {"2001:db8::/129", "from 0 to 128"},
    {"2001:db8::1/32", "bits beyond"},
    {"::ffff:0:0/90", "bits beyond"},
    {"0.0.0.0", "no destination"},
    {"::", "no destination"},
    {"[::]:80", "no destination"},
    {"::ffff:0.0.0.0", "no destination"},
    {"fe80::1%eth0", "zone"},
    {"1::2::3", "no IPv6 address"},
    {"12345::", "no IPv6 address"},
    {"example.com:443:1", "no IPv6 address"},
    {"[2001:db8::1", "not closed"},
    {"[2001:db8::1]x", "only a port"},
    {"[2001:db8::1]443", "only a port"},
    {"[example.com]:80", "brackets"},
    {"[127.0.0.1]:80", "brackets"},
    {"[]", "brackets"},
    {"example.com:", "port"},
    {"example.com:0", "port"},
    {"example.com:65536", "port"},
    {"example.com:0443", "port"},
    {"example.com:http", "port"},
    {"example.com:4294967376", "port"},
    {":80", "no host"},
    {"https://example.com", "URL"},
    {"example.com ", "white space"},
    {"exam\tple.com", "white space"},
    {"a\x7f.com", "white space"},
    {"b\xC3\xBC"
     "cher.example",
     "ASCII"},
    {"**", "stands alone"},
    {"*.*", "stands alone"},
    {"a.*.com", "stands alone"},
    {"*example.com", "stands alone"},
    {"example.*", "stands alone"},
    {"*.", "stands alone"},
    {".example.com", "empty label"},
    {"a..b", "empty label"},
    {"*..com", "empty label"},
    {".", "empty label"},
    {"-a.com", "'-'"},
    {"a-.com", "'-'"},
    {"a+b.com", "letters"},
    {"user@example.com", "letters"},
};

static void bad_patterns(void) {
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char text[200], quoted[120];
    char *list[] = {"example.com", (char *)bad[i].pattern, NULL};
    struct sbx_err err = {0};
    struct sbx_netrules *rules = (void *)&err;
    bool odd = strpbrk(bad[i].pattern, "\t\x7f\xC3") != NULL;
    int deny = i % 2;
    int rc = sbx_netrules_compile(deny ? NULL : list, deny ? list : NULL, &rules, &err);
    snprintf(quoted, sizeof quoted, "network.%s: '%s'", deny ? "deny" : "allow", bad[i].pattern);
    snprintf(text, sizeof text, "the pattern '%s' is refused: %s", odd ? "?" : bad[i].pattern,
             bad[i].why);
    int good = rc == -EINVAL && err.errnum == EINVAL && err.stage == SBX_STAGE_POLICY && !rules &&
               strstr(err.text, bad[i].why) && (odd || strstr(err.text, quoted));
    ok(good, text);
    if (!good)
      printf("# returned %d: %s\n", rc, err.text);
  }
}

static void lengths(void) {
  char label[65], name[300], *list[] = {name, NULL};
  struct sbx_netrules *rules;
  struct sbx_err err = {0};
  memset(label, 'a', 64);
  label[64] = '\0';
  snprintf(name, sizeof name, "%s.com", label + 1);
  ok(sbx_netrules_compile(list, NULL, &rules, &err) == 0 &&
         name_verdict(rules, name, 1) == SBX_NET_ALLOWED,
     "a label of 63 characters is one");
  sbx_netrules_free(rules);
  snprintf(name, sizeof name, "%s.com", label);
  ok(sbx_netrules_compile(list, NULL, &rules, &err) == -EINVAL && strstr(err.text, "63"),
     "a label of 64 characters is refused");
  snprintf(name, sizeof name, "%.63s.%.63s.%.63s.%.61s", label, label, label, label);
  ok(strlen(name) == 253 && sbx_netrules_compile(list, NULL, &rules, &err) == 0 &&
         name_verdict(rules, name, 1) == SBX_NET_ALLOWED,
     "a name of 253 characters is one");
  sbx_netrules_free(rules);
  snprintf(name, sizeof name, "*.%.63s.%.63s.%.63s.%.61s.:65535", label, label, label, label);
  ok(sbx_netrules_compile(list, NULL, &rules, &err) == 0, "the longest pattern is one");
  sbx_netrules_free(rules);
  snprintf(name, sizeof name, "%.63s.%.63s.%.63s.%.62s", label, label, label, label);
  ok(sbx_netrules_compile(list, NULL, &rules, &err) == -EINVAL && strstr(err.text, "253"),
     "a name of 254 characters is refused");
  memset(name, 'a', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  ok(sbx_netrules_compile(list, NULL, &rules, &err) == -EINVAL && strstr(err.text, "too long"),
     "a longer pattern is refused");
}

static void counts(void) {
  static char *many[SBX_NETRULES_MAX + 2];
  struct sbx_netrules *rules;
  struct sbx_err err = {0};
  for (unsigned i = 0; i <= SBX_NETRULES_MAX; i++)
    many[i] = "example.com";
  ok(sbx_netrules_compile(NULL, many, &rules, &err) == -E2BIG && !rules &&
         strstr(err.text, "network.deny has 4097"),
     "a pattern too many is refused");
  many[SBX_NETRULES_MAX] = NULL;
  ok(sbx_netrules_compile(many, NULL, &rules, &err) == 0, "as many as allowed are compiled");
  sbx_netrules_free(rules);
  ok(sbx_netrules_compile(NULL, NULL, &rules, &err) == 0 &&
         name_verdict(rules, "example.com", 1) == SBX_NET_NO_RULE,
     "no lists at all allow nothing");
  sbx_netrules_free(rules);
  sbx_netrules_free(NULL);
}

static void grants(void) {
  static struct sbx_netgrants run, other;
  struct sbx_netrules *r = rules_of("example.com:443 *.example.com:443 example.com:80", "");
  ok(addr_verdict(r, "192.0.2.1", 443, &run) == SBX_NET_NO_RULE,
     "an address no name led to is closed");
  ok(grant(r, "other.org", "192.0.2.1", &run) == SBX_NET_NO_RULE && run.n == 0,
     "a name without a rule opens nothing");
  ok(grant(r, "EXAMPLE.com.", "192.0.2.1", &run) == SBX_NET_ALLOWED && run.n == 2,
     "an allowed name opens its address at each of its ports");
  ok(grant(r, "example.com", "192.0.2.1", &run) == SBX_NET_ALLOWED && run.n == 2,
     "once more adds nothing");
  ok(addr_verdict(r, "192.0.2.1", 443, &run) == SBX_NET_ALLOWED &&
         addr_verdict(r, "192.0.2.1", 80, &run) == SBX_NET_ALLOWED &&
         addr_verdict(r, "::ffff:192.0.2.1", 80, &run) == SBX_NET_ALLOWED,
     "it is open, in either form");
  ok(addr_verdict(r, "192.0.2.1", 22, &run) == SBX_NET_NO_RULE &&
         addr_verdict(r, "192.0.2.2", 443, &run) == SBX_NET_NO_RULE &&
         addr_verdict(r, "192.0.2.1", 0, &run) == SBX_NET_MALFORMED,
     "other ports and addresses are not");
  ok(addr_verdict(r, "192.0.2.1", 443, &other) == SBX_NET_NO_RULE, "nor is it for another run");
  ok(grant(r, "127.0.0.1", "192.0.2.1", &run) == SBX_NET_MALFORMED &&
         sbx_netrules_grant(r, "example.com", 11, (struct sockaddr *)"\1\0/x", 4, &run) ==
             SBX_NET_MALFORMED,
     "neither text that is no name nor an address of another family is taken");
  sbx_netrules_free(r);
}

static void grants_and_denials(void) {
  static struct sbx_netgrants run;
  struct sbx_netrules *r = rules_of("*", "example.com:25 evil.org 198.51.100.0/24 *:23");
  ok(grant(r, "evil.org", "192.0.2.9", &run) == SBX_NET_DENIED && run.n == 0,
     "a denied name opens nothing");
  ok(grant(r, "example.com", "198.51.100.1", &run) == SBX_NET_DENIED && run.n == 0,
     "an allowed name does not open a denied address");
  ok(grant(r, "example.com", "192.0.2.1", &run) == SBX_NET_ALLOWED &&
         addr_verdict(r, "192.0.2.1", 443, &run) == SBX_NET_ALLOWED,
     "an allowed name opens its address");
  ok(addr_verdict(r, "192.0.2.1", 25, &run) == SBX_NET_DENIED &&
         addr_verdict(r, "192.0.2.1", 23, &run) == SBX_NET_DENIED,
     "but not at a port where it or everything is denied");
  ok(grant(r, "other.org", "192.0.2.1", &run) == SBX_NET_ALLOWED &&
         addr_verdict(r, "192.0.2.1", 25, &run) == SBX_NET_DENIED,
     "another name for the same address does not open that port");
  sbx_netrules_free(r);
}

static const char *const inward[] = {
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "::1",
    "::",
    "10.0.0.1",
    "172.31.0.1",
    "192.168.1.1",
    "169.254.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "fe80::1",
    "fd00::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::1",
    "2002:a00:1::",
    "::127.0.0.1",
    "2001:0:1::80ff:fffe",
    "64:ff9b:1::1",
    "fec0::1",
    "168.63.129.16",
    "100.100.100.200",
    "fd00:ec2::254",
    "0.1.2.3",
    "198.18.0.1",
    "::ffff:0:127.0.0.1",
};

static void rebinding(void) {
  static struct sbx_netgrants run;
  struct sbx_netrules *plain = rules_of("example.com", ""),
                      *open = rules_of("example.com 0.0.0.0/0 ::/0", "");
  for (size_t i = 0; i < sizeof inward / sizeof *inward; i++) {
    char text[120];
    snprintf(text, sizeof text, "a name that leads to %s is refused unless that is allowed too",
             inward[i]);
    run.n = 0;
    bool closed = grant(plain, "example.com", inward[i], &run) == SBX_NET_INWARD && run.n == 0;
    ok(closed && grant(open, "example.com", inward[i], &run) == SBX_NET_ALLOWED, text);
  }
  /* Even if such a grant came into the table. */
  run.n = 1;
  run.at[0] = (struct sbx_netgrant){.ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}};
  ok(addr_verdict(plain, "127.0.0.1", 80, &run) == SBX_NET_INWARD,
     "a grant alone opens none of them");
  run.n = 0;
  struct sbx_netrules *port = rules_of("example.com 10.0.0.0/8:5432", "");
  ok(grant(port, "example.com", "10.0.0.1", &run) == SBX_NET_ALLOWED &&
         addr_verdict(port, "10.0.0.1", 5432, &run) == SBX_NET_ALLOWED &&
         addr_verdict(port, "10.0.0.1", 22, &run) == SBX_NET_INWARD,
     "an address that is allowed at one port is not opened at others by a name");
  struct sbx_netrules *star = rules_of("*", "evil.org");
  ok(grant(star, "rebind.org", "127.0.0.1", &run) == SBX_NET_INWARD,
     "with '*' and a denied name as well");
  sbx_netrules_free(star);
  sbx_netrules_free(port);
  sbx_netrules_free(open);
  sbx_netrules_free(plain);
}

static void full_table(void) {
  static struct sbx_netgrants run;
  struct sbx_netrules *r = rules_of("example.com", "example.com:25");
  char ip[32];
  unsigned i = 0;
  enum sbx_net_verdict verdict = SBX_NET_ALLOWED;
  for (; verdict == SBX_NET_ALLOWED && i < 2 * SBX_NETGRANTS_MAX; i++) {
    snprintf(ip, sizeof ip, "203.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);
    verdict = grant(r, "example.com", ip, &run);
  }
  ok(verdict == SBX_NET_FULL && run.n == SBX_NETGRANTS_MAX && i == SBX_NETGRANTS_MAX / 2 + 1,
     "a full table takes no more");
  ok(addr_verdict(r, ip, 443, &run) == SBX_NET_NO_RULE, "and what it did not take is closed");
  ok(addr_verdict(r, "203.0.0.0", 443, &run) == SBX_NET_ALLOWED, "what it took stays open");
  sbx_netrules_free(r);
}

static void specials(void) {
  static const struct {
    const char *ip, *name;
  } known[] = {
      {"127.0.0.1", "loopback"},       {"::1", "loopback"},
      {"169.254.169.254", "metadata"}, {"fd00:ec2::254", "metadata"},
      {"fd20:ce::254", "metadata"},    {"192.0.0.192", "metadata"},
      {"169.254.0.1", "link-local"},   {"fe80::1", "link-local"},
      {"172.16.0.1", "private"},       {"172.15.255.255", "public"},
      {"172.32.0.0", "public"},        {"fdff::1", "unique-local"},
      {"239.1.1.1", "multicast"},      {"ff05::2", "multicast"},
      {"250.0.0.1", "reserved"},       {"192.0.2.1", "public"},
      {"2001:db8::1", "public"},       {"8.8.8.8", "public"},
      {"2606:4700::1111", "public"},   {"64:ff9b::808:808", "public"},
      {"2002:808:808::1", "public"},   {"100.63.255.255", "public"},
      {"100.128.0.0", "public"},       {"2001:1::1", "public"},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    char text[80];
    uint8_t ip[16];
    snprintf(text, sizeof text, "%s is %s", known[i].ip, known[i].name);
    ok(sbx_netaddr_parse(known[i].ip, strlen(known[i].ip), ip) &&
           strcmp(sbx_net_special_name(sbx_net_special(ip)), known[i].name) == 0,
       text);
  }
}

static void reading(void) {
  struct sockaddr_storage sa, back;
  struct sbx_netaddr a;
  char text[64];
  socklen_t len = sockaddr_of("192.0.2.1", 80, &sa);
  ok(sbx_netaddr_read(&a, &sa, len) == 0 && a.family == AF_INET && a.port == 80 &&
         sbx_netaddr_sockaddr(&a, &back) == len && memcmp(&sa, &back, len) == 0,
     "an IPv4 address goes back as it came");
  ok(sbx_netaddr_read(&a, &sa, len - 1) == -EINVAL && sbx_netaddr_read(&a, &sa, 1) == -EINVAL &&
         sbx_netaddr_read(&a, &sa, 0) == -EINVAL,
     "a short one is refused");
  len = sockaddr_of("::ffff:192.0.2.1", 80, &sa);
  ok(sbx_netaddr_read(&a, &sa, len) == 0 && a.family == AF_INET6 &&
         sbx_netaddr_sockaddr(&a, &back) == len && memcmp(&sa, &back, len) == 0,
     "so does IPv4 in IPv6, in IPv6");
  ok(sbx_netaddr_read(&a, &sa, 24) == 0 && sbx_netaddr_read(&a, &sa, 23) == -EINVAL,
     "the scope may be missing, nothing else");
  ((struct sockaddr_in6 *)&sa)->sin6_scope_id = 7;
  ((struct sockaddr_in6 *)&sa)->sin6_flowinfo = 7;
  ok(sbx_netaddr_read(&a, &sa, len) == 0 && a.scope == 0 && sbx_netaddr_sockaddr(&a, &back) &&
         ((struct sockaddr_in6 *)&back)->sin6_flowinfo == 0,
     "scope and flow label of a global address are dropped");
  sockaddr_of("fe80::1", 80, &sa);
  ((struct sockaddr_in6 *)&sa)->sin6_scope_id = 7;
  ok(sbx_netaddr_read(&a, &sa, len) == 0 && a.scope == 7, "the scope of a link-local one is kept");
  sockaddr_of("::", 80, &sa);
  ok(sbx_netaddr_read(&a, &sa, len) == 0 && a.ip[15] == 1, ":: is read as ::1");
  sbx_netaddr_print(a.ip, text, sizeof text);
  ok(strcmp(text, "::1") == 0, "and printed");
  sockaddr_of("::ffff:0.0.0.0", 80, &sa);
  sbx_netaddr_read(&a, &sa, len);
  sbx_netaddr_print(a.ip, text, sizeof text);
  ok(strcmp(text, "127.0.0.1") == 0, "0.0.0.0 is read as 127.0.0.1, in IPv6 too");
  for (int family = 0; family < 64; family++) {
    sa.ss_family = (sa_family_t)family;
    int rc = sbx_netaddr_read(&a, &sa, sizeof sa);
    if (rc != (family == AF_INET || family == AF_INET6 ? 0 : -EAFNOSUPPORT))
      ok(0, "other families are refused");
  }
}

int main(void) {
  judge_all(names, sizeof names / sizeof *names, true);
  judge_all(addresses, sizeof addresses / sizeof *addresses, false);
  bad_patterns();
  lengths();
  counts();
  grants();
  grants_and_denials();
  rebinding();
  full_table();
  specials();
  reading();
  return tap_done();
}
