/* SPDX-License-Identifier: MIT */
/* Writes the seed inputs of the fuzz targets, made with the codecs themselves, so that they can be
 * made again when a format changes: seeds CORPUS_FOLDER. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "fuzz.h"

#include "../../src/core/control.h"
#include "../../src/core/frame.h"
#include "../../src/core/logring.h"
#include "../../src/core/policy.h"

static const char *folder;

static void save(const char *target, const char *name, const void *bytes, size_t n) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, target);
  if (mkdir(path, 0777) < 0 && errno != EEXIST) {
    perror(path);
    exit(EXIT_FAILURE);
  }
  snprintf(path, sizeof path, "%s/%s/seed-%s", folder, target, name);
  FILE *out = fopen(path, "we");
  if (!out || fwrite(bytes, 1, n, out) != n || fclose(out) != 0) {
    perror(path);
    exit(EXIT_FAILURE);
  }
}

struct input {
  uint8_t bytes[16384];
  size_t n;
};

static void add(struct input *in, const void *bytes, size_t n) {
  REQUIRE(in->n + n <= sizeof in->bytes);
  memcpy(in->bytes + in->n, bytes, n);
  in->n += n;
}

static void add_head(struct input *in, uint8_t kind, size_t n) {
  uint8_t head[3] = {kind, (uint8_t)n, (uint8_t)(n >> 8)};
  add(in, head, sizeof head);
}

static void add_frame(struct input *in, uint8_t type, const char *payload, size_t n) {
  uint8_t head[SBX_FRAME_HEADER];
  sbx_frame_header(head, type, (uint32_t)n);
  add(in, head, sizeof head);
  add(in, payload, n);
}

static void add_text_frame(struct input *in, uint8_t type, const char *text) {
  add_frame(in, type, text, strlen(text));
}

/* All frames of a run that goes well. */
static void add_run(struct input *in) {
  add_frame(in, SBX_FRAME_MARK, "\1\0\0\0\0\0\0\0\0", 9);
  add_frame(in, SBX_FRAME_MARK, "\2\0\0\0\0\0\0\0\0", 9);
  add_text_frame(in, SBX_FRAME_LOG, "\1hello");
  add_text_frame(in, SBX_FRAME_SPAN, "{\"spanId\":\"0123456789abcdef\"}");
  add_text_frame(in, SBX_FRAME_RESULT, "{\"ok\":true}");
}

static void frames(void) {
  static const uint8_t how[][2] = {{0, 0}, {1, 2}, {2, 7}, {3, 255}};
  char name[32];
  for (size_t i = 0; i < sizeof how / sizeof how[0]; i++) {
    struct input in = {.n = 0};
    add(&in, how[i], 2);
    add_run(&in);
    snprintf(name, sizeof name, "run-%zu", i);
    save("frame", name, in.bytes, in.n);
  }
  struct input failed = {{1, 1}, 2}, empty = {{0, 0}, 2}, large = {{0, 3}, 2}, part = {{1, 4}, 2},
               version = {{0, 0}, 2}, foreign = {{0, 0}, 2};
  add_text_frame(&failed, SBX_FRAME_NOTICE, "{\"kind\":\"exit\",\"code\":1}");
  add_text_frame(&failed, SBX_FRAME_ERROR, "{\"code\":\"HANDLER_ERROR\"}");
  save("frame", "failed", failed.bytes, failed.n);
  add_frame(&empty, SBX_FRAME_RESULT, "", 0);
  add_frame(&empty, SBX_FRAME_LOG, "", 0);
  save("frame", "empty", empty.bytes, empty.n);
  add_frame(&large, SBX_FRAME_RESULT, (const char[65]){0}, 65);
  save("frame", "too-large", large.bytes, large.n);
  add(&part, "\xff\xff\xff\x7f\1\x15\0\0only this", 17);
  save("frame", "announced", part.bytes, part.n);
  add(&version, "\1\0\0\0\2\x15\0\0x", 9);
  save("frame", "version", version.bytes, version.n);
  add_text_frame(&foreign, SBX_FRAME_REQUEST, "{}");
  save("frame", "foreign", foreign.bytes, foreign.n);
  struct input messages = {{4, 3}, 2};
  add_frame(&messages, SBX_FRAME_MESSAGE, "\1\1\0\0\0\3add[1,2]", 14);
  add_frame(&messages, SBX_FRAME_MESSAGE, "\2\1\0\0\0", 5);
  save("frame", "messages", messages.bytes, messages.n);
}

static void save_policy(const char *name, char **argv, char **env, size_t cut) {
  char *grants[] = {"r/usr", "w/out", NULL}, *deny[] = {"/usr/secret", NULL},
       *zygote[] = {"node", "zygote.cjs", NULL}, *net_allow[] = {"*.example.com:443", NULL},
       *net_deny[] = {"10.0.0.0/8", NULL}, *cgroup[] = {"auto", NULL};
  struct sbx_policy policy = {.exec_path = "/usr/bin/node",
                              .argv = argv,
                              .env = env,
                              .timeout_ms = 30000,
                              .grace_ms = 500,
                              .memory_bytes = 128u << 20,
                              .data_bytes = 640u << 20,
                              .max_files = 256,
                              .use = SBX_USE_LANDLOCK,
                              .grants = grants,
                              .deny = deny,
                              .zygote_argv = zygote,
                              .max_forks = 100,
                              .net_allow = net_allow,
                              .net_deny = net_deny,
                              .cgroup = cgroup};
  uint8_t *bytes = NULL;
  size_t n = 0;
  REQUIRE(sbx_policy_encode(&policy, &bytes, &n, NULL) == 0 && cut < n);
  save("policy", name, bytes, n - cut);
  free(bytes);
}

static void policies(void) {
  char *argv[] = {"node", "--jitless", "guest.cjs", NULL}, *one[] = {"node", NULL};
  char *env[] = {"PATH=/usr/bin", "LANG=C", "EMPTY=", NULL}, *none[] = {NULL};
  save_policy("full", argv, env, 0);
  save_policy("no-env", argv, none, 0);
  save_policy("short", one, none, 0);
  save_policy("no-argv", none, env, 0);
  save_policy("cut-env", argv, env, 3);
  save_policy("cut-argv", argv, none, 12);
  save("policy", "empty", "", 0);
}

static void controls(void) {
  char name[32];
  struct input mixed = {.n = 0};
  for (uint32_t type = SBX_CTL_READY; type <= SBX_CTL_BEGIN; type++) {
    struct sbx_ctl msg = {.version = SBX_CTL_VERSION, .type = type, .run = type};
    struct input in = {.n = 0};
    if (type == SBX_CTL_RUN) {
      strcpy(msg.u.run_args.workdir, "/work");
      msg.u.run_args.grants_len = sizeof "r/work";
      strcpy(msg.u.run_args.grants, "r/work");
    }
    if (type == SBX_CTL_GRANT || type == SBX_CTL_GRANTED) {
      strcpy(msg.u.grant.name, "example.com");
      msg.u.grant.n = 2;
    }
    if (type == SBX_CTL_NET)
      msg.u.net.n = 1;
    if (type == SBX_CTL_ASK)
      strcpy(msg.u.ask.name, "example.com");
    size_t n = sbx_ctl_size(&msg);
    add_head(&in, type == SBX_CTL_RUN ? 3 : 0, n);
    add(&in, &msg, n);
    snprintf(name, sizeof name, "type-%u", type);
    save("control", name, in.bytes, in.n);
    if (type != SBX_CTL_RUN)
      add(&mixed, in.bytes, in.n);
    if (type == SBX_CTL_TERM) {
      struct input bad = {.n = 0};
      add_head(&bad, 4, n);
      add(&bad, &msg, n);
      add_head(&bad, 2, n - 1);
      add(&bad, &msg, n - 1);
      add_head(&bad, 1, 0);
      add_head(&bad, 0, 0);
      save("control", "refused", bad.bytes, bad.n);
    }
  }
  save("control", "mixed", mixed.bytes, mixed.n);
}

static void add_text(struct input *in, uint8_t kind, const char *text) {
  add_head(in, kind, strlen(text));
  add(in, text, strlen(text));
}

/* Kinds as in fuzz_logring.c: 0, 1 write; 2 line; 4, 5 a very long line; 6 finish. */
static void logs(void) {
  static const struct {
    const char *name;
    uint8_t capacity[3];
  } rings[] = {
      {"none", {0, 0, 0}}, {"tiny", {40, 0, 1}}, {"small", {0, 2, 1}}, {"large", {255, 255, 7}}};
  for (size_t i = 0; i < sizeof rings / sizeof rings[0]; i++) {
    char name[32];
    struct input text = {.n = 0}, lines = {.n = 0};
    add(&text, rings[i].capacity, 3);
    add_text(&text, 0, "one\ntw");
    add_text(&text, 1, "error\r");
    add_text(&text, 0, "o\n\xE2\x82");
    add_text(&text, 1, "\nmore");
    add_text(&text, 2, "a\nb\r\nc");
    add_text(&text, 0, "\xAC\n\n");
    add_head(&text, 6, 0);
    snprintf(name, sizeof name, "text-%s", rings[i].name);
    save("logring", name, text.bytes, text.n);
    add(&lines, rings[i].capacity, 3);
    add_text(&lines, 4, "\xF0\x9F\x98\x80");
    add_text(&lines, 0, "\r");
    add_text(&lines, 0, "\n");
    add_text(&lines, 4 | 3 << 3, "\xE2\x82\xAC");
    add_text(&lines, 5, "x");
    add_text(&lines, 1, "\r\n");
    snprintf(name, sizeof name, "long-%s", rings[i].name);
    save("logring", name, lines.bytes, lines.n);
  }
}

static void add_sockaddr(struct input *in, const char *ip, uint16_t port) {
  struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  if (inet_pton(AF_INET, ip, &in4.sin_addr) == 1) {
    add(in, &in4, sizeof in4);
    add(in, (char[sizeof in6 - sizeof in4]){0}, sizeof in6 - sizeof in4);
  } else {
    REQUIRE(inet_pton(AF_INET6, ip, &in6.sin6_addr) == 1);
    add(in, &in6, sizeof in6);
  }
}

/* Lines as in fuzz_netrules.c, an empty one, then addresses. */
static void rules(void) {
  static const struct {
    const char *name, *lines;
  } sets[] = {
      {"names", "+example.com\n+*.Example.org.:443\n-bad.example.org\n-example.com:25\n"
                "?EXAMPLE.com.\n?a.b.example.org\n?bad.example.org\n\n"},
      {"addresses", "+192.0.2.0/24:443\n+[2001:db8::/32]:443\n+10.0.0.1\n-127.0.0.0/8\n"
                    "-::ffff:169.254.0.0/112\n-64:ff9b::/96\n?example.com\n\n"},
      {"all", "+*\n-*:25\n?localhost\n?127.1\n?0x7f.1\n\n"},
      {"all-but", "+*\n-evil.org\n?evil.org\n?xn--bcher-kva.example\n\n"},
      {"numbers", "+0251.1\n"},
      {"url", "-https://example.com/\n"},
      {"bits", "+10.0.0.1/8\n"},
  };
  static const char *const ips[] = {"192.0.2.1",       "127.0.0.1", "0.0.0.0", "::",
                                    "::ffff:10.0.0.1", "fe80::1",   "::1",     "64:ff9b::a9fe:a9fe",
                                    "2002:7f00:1::1",  "10.0.0.1",  "fd00::1", "2001:db8::1"};
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    struct input in = {.n = 0};
    add(&in, sets[i].lines, strlen(sets[i].lines));
    for (size_t j = 0; j < sizeof ips / sizeof *ips; j++)
      add_sockaddr(&in, ips[j], j % 3 == 2 ? 25 : 443);
    add(&in, "\1\0/run/x", 8);
    save("netrules", sets[i].name, in.bytes, in.n);
  }
}

static void add_call(struct input *in, uint8_t how, uint8_t nr, const uint16_t args[3],
                     const struct input *memory) {
  add(in, (uint8_t[]){how, nr}, 2);
  add(in, args, 3 * sizeof *args);
  add(in, (uint8_t[]){(uint8_t)memory->n}, 1);
  add(in, memory->bytes, memory->n);
}

/* Calls as in fuzz_broker.c. */
static void broker_calls(void) {
  static const char *const ips[] = {"127.0.0.1",   "192.0.2.9",   "192.0.2.1",
                                    "2001:db8::1", "203.0.113.1", "::ffff:192.0.2.9"};
  static const uint8_t hows[] = {0, 8, 1, 0x41, 0x81, 0xc9, 2, 4, 6};
  static const uint16_t sockets[] = {AF_INET, SOCK_STREAM, 0};
  const struct input none = {.n = 0};
  for (uint8_t machine = 0; machine < 2; machine++)
    for (size_t h = 0; h < sizeof hows; h++) {
      char name[32];
      struct input in = {{machine}, 1};
      for (size_t i = 0; i < 2 * sizeof ips / sizeof *ips; i++) {
        struct input memory = {.n = 0};
        add_call(&in, hows[h], 2, sockets, &none);
        add_sockaddr(&memory, ips[i / 2], h == 1 ? 53 : i % 2 ? 80 : 443);
        add_call(&in, hows[h], 0, (const uint16_t[]){(uint16_t)i, 0, i % 2 ? 16 : 28}, &memory);
      }
      add_call(&in, 0, 3, sockets, &none);
      add_call(&in, 0, 0x40, (const uint16_t[]){0, 0, 28}, &none);
      add_call(&in, 0, 0, (const uint16_t[]){0, 6, 28}, &none);
      snprintf(name, sizeof name, "calls-%u-%zu", machine, h);
      save("broker", name, in.bytes, in.n);
    }
}

/* How many addresses, then a message, as in fuzz_dns.c. */
static void add_question(struct input *in, uint8_t how, const char *head, const char *name,
                         size_t name_len, uint8_t type) {
  add(in, &how, 1);
  add(in, head, 12);
  add(in, name, name_len);
  add(in, (uint8_t[]){0, type, 0, 1}, 4);
}

static void questions(void) {
  static const char plain[] = "\x12\x34\1\0\0\1\0\0\0\0\0", edns[] = "\1\2\1\x20\0\1\0\0\0\0\0\1",
                    answer[] = "\1\2\x81\x80\0\1\0\1\0\0\0", two[] = "\1\2\1\0\0\2\0\0\0\0\0",
                    status[] = "\1\2\x11\0\0\1\0\0\0\0\0";
  static const char name[] = "\3www\7example\3com", pointer[] = "\1a\xc0\x0c",
                    odd[] = "\5a b\0c\1*", dotted[] = "\3a.b", root[] = "";
  static const struct {
    const char *name, *head, *host;
    size_t len;
    uint8_t how, type;
  } of[] = {
      {"a", plain, name, sizeof name, 3, 1},
      {"aaaa", plain, name, sizeof name, 64 | 63, 28},
      {"both", edns, name, sizeof name, 128 | 9, 1},
      {"mx", plain, name, sizeof name, 1, 15},
      {"answer", answer, name, sizeof name, 1, 1},
      {"two", two, name, sizeof name, 1, 1},
      {"status", status, name, sizeof name, 1, 1},
      {"pointer", plain, pointer, sizeof pointer, 1, 1},
      {"odd", plain, odd, sizeof odd, 1, 1},
      {"dotted", plain, dotted, sizeof dotted, 1, 1},
      {"root", plain, root, sizeof root, 1, 1},
      {"cut", plain, name, sizeof name - 3, 1, 1},
  };
  for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
    struct input in = {.n = 0};
    add_question(&in, of[i].how, of[i].head, of[i].host, of[i].len, of[i].type);
    if (of[i].head == edns)
      add(&in, "\0\0\x29\4\xd0\0\0\0\0\0\0", 11);
    save("dns", of[i].name, in.bytes, in.n);
  }
  struct input label = {.n = 0}, full = {.n = 0}, over = {.n = 0};
  char longest[256], longer[256];
  for (size_t i = 0; i < sizeof longest; i++)
    longest[i] = i % 64 == 0 ? 63 : 'a';
  memcpy(longer, longest, sizeof longer);
  longest[192] = 61;
  longest[254] = 0;
  longer[192] = 62;
  longer[255] = 0;
  add_question(&label, 1, plain, "\x40", 1, 1);
  add_question(&full, 63, plain, longest, 255, 1);
  add_question(&over, 63, plain, longer, 256, 1);
  save("dns", "label", label.bytes, label.n);
  save("dns", "longest", full.bytes, full.n);
  save("dns", "longer", over.bytes, over.n);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
    return EXIT_FAILURE;
  }
  folder = argv[1];
  if (mkdir(folder, 0777) < 0 && errno != EEXIST) {
    perror(folder);
    return EXIT_FAILURE;
  }
  frames();
  policies();
  controls();
  logs();
  rules();
  broker_calls();
  questions();
  return EXIT_SUCCESS;
}
