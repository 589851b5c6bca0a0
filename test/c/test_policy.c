/* SPDX-License-Identifier: MIT */
/* The policy codec: what goes in comes out, and no damage gets by or crashes the reader. */
#include <errno.h>
#include <string.h>

#include "tap.h"
#include "util.h"

#include "../../src/core/policy.h"

static char *argv_one[] = {"/usr/bin/node", "--max-old-space-size=64", "", "b\xC3\xA9", NULL};
static char *env_one[] = {"PATH=/usr/bin", "EMPTY=", NULL};
static char *grants_one[] = {"r/usr", "w/out", NULL};
static char *deny_one[] = {"/usr/secret", NULL};
static char *zygote_one[] = {"/usr/bin/node", "--single-threaded", NULL};
static char *net_allow_one[] = {"*.example.com:443", "10.0.0.0/8", NULL};
static char *net_deny_one[] = {"secret.example.com", NULL};
static char *cgroup_one[] = {"/sys/fs/cgroup/a", NULL};
static char *none[] = {NULL};
static char *argv_short[] = {"n", NULL};

static const struct sbx_policy sample = {
    .exec_path = "/usr/bin/node",
    .argv = argv_one,
    .env = env_one,
    .timeout_ms = 30000,
    .grace_ms = 500,
    .cpu_ms = 0x1122334455667788u,
    .memory_bytes = 128u << 20,
    .data_bytes = 640u << 20,
    .max_files = 256,
    .max_file_bytes = UINT64_MAX,
    .use = SBX_USE_LANDLOCK | SBX_USE_SECCOMP,
    .permit = SBX_PERMIT_SPAWN,
    .tmp_bytes = 64u << 20,
    .grants = grants_one,
    .deny = deny_one,
    .zygote_argv = zygote_one,
    .max_forks = 10000,
    .preload_ms = 1234,
    .max_tasks = 4321,
    .max_threads = 765,
    .spares = 3,
    .net_allow = net_allow_one,
    .net_deny = net_deny_one,
    .cgroup = cgroup_one,
};

static int same_list(char *const *a, char *const *b) {
  for (; *a && *b; a++, b++)
    if (strcmp(*a, *b) != 0)
      return 0;
  return !*a && !*b;
}

static int same(const struct sbx_policy *a, const struct sbx_policy *b) {
  return strcmp(a->exec_path, b->exec_path) == 0 && same_list(a->argv, b->argv) &&
         same_list(a->env, b->env) && same_list(a->grants, b->grants) &&
         same_list(a->deny, b->deny) && same_list(a->zygote_argv, b->zygote_argv) &&
         same_list(a->net_allow, b->net_allow) && same_list(a->net_deny, b->net_deny) &&
         same_list(a->cgroup, b->cgroup) && a->max_forks == b->max_forks &&
         a->preload_ms == b->preload_ms && a->max_tasks == b->max_tasks &&
         a->max_threads == b->max_threads && a->spares == b->spares && a->use == b->use &&
         a->permit == b->permit && a->tmp_bytes == b->tmp_bytes && a->timeout_ms == b->timeout_ms &&
         a->grace_ms == b->grace_ms && a->cpu_ms == b->cpu_ms &&
         a->memory_bytes == b->memory_bytes && a->data_bytes == b->data_bytes &&
         a->max_files == b->max_files && a->max_file_bytes == b->max_file_bytes;
}

static int is_zero(const struct sbx_policy *p) {
  static const struct sbx_policy zero;
  return memcmp(p, &zero, sizeof zero) == 0;
}

/* The bytes of a policy in memory of exactly that size, so that ASan sees any read beyond it. */
static uint8_t *encoded(const struct sbx_policy *policy, size_t *n) {
  uint8_t *bytes = NULL;
  if (sbx_policy_encode(policy, &bytes, n, NULL) != 0)
    abort();
  return bytes;
}

static int decode_exact(const uint8_t *bytes, size_t n, struct sbx_policy *out,
                        struct sbx_err *err) {
  uint8_t *copy = malloc(n ? n : 1);
  if (!copy)
    abort();
  memcpy(copy, bytes, n);
  memset(err, 0, sizeof *err);
  int rc = sbx_policy_decode(copy, n, out, err);
  free(copy);
  return rc;
}

static void round_trip(const char *name, const struct sbx_policy *policy) {
  size_t n = 0;
  struct sbx_err err;
  struct sbx_policy back;
  uint8_t *bytes = encoded(policy, &n);
  int rc = decode_exact(bytes, n, &back, &err);
  ok(rc == 0 && same(policy, &back) && err.errnum == 0, name);
  sbx_policy_free(&back);
  ok(is_zero(&back), "free zeroes the struct");
  sbx_policy_free(&back);
  free(bytes);
}

static void round_trips(void) {
  struct sbx_policy p = sample;
  round_trip("a policy comes back as it was", &p);
  p.env = none;
  p.argv = argv_short;
  p.zygote_argv = none;
  round_trip("an empty environment is one", &p);
  p.grace_ms = p.cpu_ms = p.memory_bytes = p.data_bytes = p.max_files = p.max_file_bytes = 0;
  round_trip("zero limits come back as zero", &p);
}

/* Decodes and tells whether it was refused as the header promises, naming `field`. */
static int refused(const uint8_t *bytes, size_t n, const char *field) {
  struct sbx_policy back;
  struct sbx_err err;
  int rc = decode_exact(bytes, n, &back, &err);
  int good = rc == -EINVAL && err.errnum == EINVAL && err.stage == SBX_STAGE_POLICY &&
             strstr(err.text, field) && is_zero(&back);
  if (!good)
    printf("# field %s, %zu bytes: returned %d, said '%s'\n", field, n, rc, err.text);
  sbx_policy_free(&back);
  return good;
}

/* Offsets in the encoding: 152 bytes of numbers, then the strings behind their lengths. */
enum {
  AT_MAGIC = 0,
  AT_VERSION = 4,
  AT_ARGC = 8,
  AT_ENVC = 12,
  AT_GRANTC = 16,
  AT_DENYC = 20,
  AT_ZYGOTEC = 24,
  AT_NET_ALLOWC = 28,
  AT_NET_DENYC = 32,
  AT_CGROUPC = 48,
  AT_TIMEOUT = 56,
  AT_PATH = 152
};

static size_t list_end(size_t at, char *const *list) {
  for (; *list; list++)
    at += 4 + strlen(*list) + 1;
  return at;
}

static void truncations(void) {
  size_t n = 0;
  uint8_t *bytes = encoded(&sample, &n);
  size_t argv_at = AT_PATH + 4 + strlen(sample.exec_path) + 1;
  size_t env_at = list_end(argv_at, argv_one);
  size_t grants_at = list_end(env_at, env_one), deny_at = list_end(grants_at, grants_one);
  size_t zygote_at = list_end(deny_at, deny_one), allow_at = list_end(zygote_at, zygote_one);
  size_t net_deny_at = list_end(allow_at, net_allow_one);
  size_t cgroup_at = list_end(net_deny_at, net_deny_one);
  int good = list_end(cgroup_at, cgroup_one) == n;
  for (size_t cut = 0; cut < n; cut++)
    good &= refused(bytes, cut,
                    cut < AT_PATH       ? "length"
                    : cut < argv_at     ? "exec_path"
                    : cut < env_at      ? "argv"
                    : cut < grants_at   ? "env"
                    : cut < deny_at     ? "grants"
                    : cut < zygote_at   ? "deny"
                    : cut < allow_at    ? "zygote_argv"
                    : cut < net_deny_at ? "network.allow"
                    : cut < cgroup_at   ? "network.deny"
                                        : "cgroup");
  ok(good, "cut at any byte it is refused, and the error names the field that was cut");
  uint8_t *longer = malloc(n + 1);
  if (!longer)
    abort();
  memcpy(longer, bytes, n);
  longer[n] = 0;
  ok(refused(longer, n + 1, "end"), "a byte too many is refused");
  free(longer);
  free(bytes);
}

static void damage(const char *name, size_t at, uint32_t value, const char *field) {
  size_t n = 0;
  uint8_t *bytes = encoded(&sample, &n);
  memcpy(bytes + at, &value, sizeof value);
  ok(refused(bytes, n, field), name);
  free(bytes);
}

static void damaged_fields(void) {
  size_t argv_at = AT_PATH + 4 + strlen(sample.exec_path) + 1;
  size_t env_at = list_end(argv_at, argv_one);
  damage("another magic number is refused", AT_MAGIC, 1, "magic");
  damage("another version is refused", AT_VERSION, SBX_POLICY_VERSION + 1, "version");
  damage("no argument at all is refused", AT_ARGC, 0, "argv");
  damage("an argument too many is refused", AT_ARGC, 16, "argv");
  damage("an argument too few is refused", AT_ARGC, 3, "end");
  damage("more arguments than allowed are refused", AT_ARGC, SBX_POLICY_MAX_STRINGS + 1, "argv");
  damage("a huge count takes no memory", AT_ARGC, UINT32_MAX, "argv");
  damage("a variable too many is refused", AT_ENVC, 3, "cgroup");
  damage("a variable too few is refused", AT_ENVC, 1, "end");
  damage("a huge count of variables is refused", AT_ENVC, UINT32_MAX, "env");
  damage("a grant too many is refused", AT_GRANTC, 10, "grants");
  damage("a grant too few is refused", AT_GRANTC, 1, "end");
  damage("a denied path too many is refused", AT_DENYC, 2, "cgroup");
  damage("a denied path too few is refused", AT_DENYC, 0, "end");
  damage("an argument of the zygote too many is refused", AT_ZYGOTEC, 3, "cgroup");
  damage("an argument of the zygote too few is refused", AT_ZYGOTEC, 1, "end");
  damage("an allowed host too many is refused", AT_NET_ALLOWC, 5, "network.allow");
  damage("an allowed host too few is refused", AT_NET_ALLOWC, 1, "end");
  damage("a denied host too many is refused", AT_NET_DENYC, 2, "cgroup");
  damage("a denied host too few is refused", AT_NET_DENYC, 0, "end");
  damage("a cgroup too few is refused", AT_CGROUPC, 0, "end");
  damage("a timeout of 0 is refused", AT_TIMEOUT, 0, "timeout_ms");
  damage("a path of length 0 is refused", AT_PATH, 0, "exec_path");
  damage("a path longer than the rest is refused", AT_PATH, UINT32_MAX, "exec_path");
  damage("a path that is not terminated is refused", AT_PATH, 5, "exec_path");
  damage("a path with a NUL inside is refused", AT_PATH + 6, 0, "exec_path");
  damage("a relative path is refused", AT_PATH + 4, 0x65646f6e, "exec_path");
  damage("an argument that is not terminated is refused", argv_at, 3, "argv");
  damage("a variable with a NUL inside is refused", env_at + 4, 0, "env");
}

/* Every byte takes 12 other values: each either is refused or decodes to a policy that encodes to
 * the very same bytes. */
static void mutations(void) {
  size_t n = 0, accepted = 0;
  int good = 1;
  uint64_t seed = 7;
  uint8_t *bytes = encoded(&sample, &n);
  for (size_t at = 0; at < n; at++)
    for (int i = 0; i < 12; i++) {
      struct sbx_policy back;
      struct sbx_err err;
      uint8_t was = bytes[at];
      bytes[at] = (uint8_t)(i < 8 ? was ^ 1u << i : next_random(&seed));
      if (decode_exact(bytes, n, &back, &err) == 0) {
        size_t again = 0;
        uint8_t *copy = encoded(&back, &again);
        good &= again == n && memcmp(copy, bytes, n) == 0 && err.errnum == 0;
        free(copy);
        accepted++;
      } else {
        good &= err.errnum == EINVAL && err.stage == SBX_STAGE_POLICY && is_zero(&back);
      }
      sbx_policy_free(&back);
      bytes[at] = was;
    }
  ok(good && accepted > 0, "one damaged byte is refused or means just what it says");
  free(bytes);
}

static void encode_limits(void) {
  struct sbx_policy p = sample;
  struct sbx_err err = {0};
  uint8_t *out = NULL;
  size_t n = 0;
  p.exec_path = NULL;
  ok(sbx_policy_encode(&p, &out, &n, &err) == -EINVAL && err.errnum == EINVAL &&
         err.stage == SBX_STAGE_POLICY && strstr(err.text, "runtime"),
     "a policy without a runtime is no policy");
  size_t size = SBX_POLICY_MAX_BYTES;
  char *huge = malloc(size + 1);
  if (!huge)
    abort();
  memset(huge, 'x', size);
  huge[size] = '\0';
  char *env[] = {huge, NULL};
  p = sample;
  p.env = env;
  memset(&err, 0, sizeof err);
  ok(sbx_policy_encode(&p, &out, &n, &err) == -E2BIG && err.errnum == E2BIG && err.text[0] && !out,
     "a policy over the limit is refused, and says so");
  p.env = none;
  uint8_t *bytes = encoded(&p, &n);
  huge[size - n - 4 - 1] = '\0'; /* exactly the limit */
  free(bytes);
  p.env = env;
  round_trip("a policy of exactly the limit is accepted", &p);
  free(huge);
}

static void string_limits(void) {
  struct sbx_policy p = sample;
  struct sbx_err err = {0};
  uint8_t *out = NULL;
  size_t n = 0;
  char **many = calloc(SBX_POLICY_MAX_STRINGS + 2, sizeof *many);
  if (!many)
    abort();
  for (size_t i = 0; i <= SBX_POLICY_MAX_STRINGS; i++)
    many[i] = "A=";
  p.env = many;
  ok(sbx_policy_encode(&p, &out, &n, &err) == -E2BIG && !out, "too many strings are refused");
  ok(strstr(err.text, "65537 environment variables, at most 65536"), "and named");
  many[SBX_POLICY_MAX_STRINGS] = NULL;
  round_trip("as many strings as allowed are accepted", &p);
  uint8_t *bytes = encoded(&p, &n), *more = malloc(n + 7);
  uint32_t length = 3, count = SBX_POLICY_MAX_STRINGS + 1;
  if (!more)
    abort();
  memcpy(more, bytes, n);
  memcpy(more + n, &length, 4);
  memcpy(more + n + 4, "A=", 3);
  memcpy(more + AT_ENVC, &count, 4);
  ok(refused(more, n + 7, "env"), "one string more than allowed is not decoded");
  free(more);
  free(bytes);
  free(many);
  uint8_t *over = calloc(1, SBX_POLICY_MAX_BYTES + 1);
  if (!over)
    abort();
  uint32_t head[2] = {SBX_POLICY_MAGIC, SBX_POLICY_VERSION};
  memcpy(over, head, sizeof head);
  ok(refused(over, SBX_POLICY_MAX_BYTES + 1, "length"), "more bytes than allowed are not decoded");
  free(over);
  struct sbx_policy back;
  ok(sbx_policy_decode(NULL, 0, &back, NULL) == -EINVAL, "no bytes are refused; err may be NULL");
}

int main(void) {
  round_trips();
  truncations();
  damaged_fields();
  mutations();
  encode_limits();
  string_limits();
  return tap_done();
}
