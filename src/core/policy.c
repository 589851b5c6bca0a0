/* SPDX-License-Identifier: MIT */
/* The policy's encoding: a head of fixed numbers, then length-prefixed strings. */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Everything of fixed size, in the byte order of the machine: both ends run on it. */
struct head {
  uint32_t magic, version;
  uint32_t argc, envc, grantc, denyc, zygotec, net_allowc, net_denyc;
  uint32_t use, permit, max_forks, cgroupc, pad;
  uint64_t timeout_ms, grace_ms, cpu_ms, memory_bytes, data_bytes, max_files, max_file_bytes;
  uint64_t tmp_bytes, preload_ms, max_tasks, max_threads, spares;
};

static uint32_t count(char *const *list) {
  uint32_t n = 0;
  while (list && list[n])
    n++;
  return n;
}

static size_t string_room(const char *s) {
  return sizeof(uint32_t) + strlen(s) + 1;
}

static size_t list_room(char *const *list) {
  size_t room = 0;
  for (; list && *list; list++)
    room += string_room(*list);
  return room;
}

static uint8_t *put_string(uint8_t *at, const char *s) {
  uint32_t n = (uint32_t)strlen(s) + 1;
  memcpy(at, &n, sizeof n);
  memcpy(at + sizeof n, s, n);
  return at + sizeof n + n;
}

static uint8_t *put_list(uint8_t *at, char *const *list) {
  for (; list && *list; list++)
    at = put_string(at, *list);
  return at;
}

static int check_counts(const struct sbx_policy *policy, struct sbx_err *err) {
  const struct {
    const char *what;
    char *const *list;
  } lists[] = {{"arguments", policy->argv},
               {"environment variables", policy->env},
               {"paths that are granted", policy->grants},
               {"paths that are denied", policy->deny},
               {"arguments of the zygote", policy->zygote_argv},
               {"patterns of permissions.network.allow", policy->net_allow},
               {"patterns of permissions.network.deny", policy->net_deny}};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    uint32_t n = count(lists[i].list);
    if (n > SBX_POLICY_MAX_STRINGS)
      return sbx_err_set(err, SBX_STAGE_POLICY, E2BIG,
                         "the policy has %u %s, at most %u are allowed; name fewer", n,
                         lists[i].what, SBX_POLICY_MAX_STRINGS);
  }
  return 0;
}

int sbx_policy_encode(const struct sbx_policy *policy, uint8_t **out, size_t *out_len,
                      struct sbx_err *err) {
  if (!policy->exec_path)
    return sbx_err_set(err, SBX_STAGE_POLICY, EINVAL, "the policy names no runtime to execute");
  struct head head = {
      .magic = SBX_POLICY_MAGIC,
      .version = SBX_POLICY_VERSION,
      .argc = count(policy->argv),
      .envc = count(policy->env),
      .grantc = count(policy->grants),
      .denyc = count(policy->deny),
      .zygotec = count(policy->zygote_argv),
      .net_allowc = count(policy->net_allow),
      .net_denyc = count(policy->net_deny),
      .cgroupc = count(policy->cgroup),
      .use = policy->use,
      .permit = policy->permit,
      .timeout_ms = policy->timeout_ms,
      .grace_ms = policy->grace_ms,
      .cpu_ms = policy->cpu_ms,
      .memory_bytes = policy->memory_bytes,
      .data_bytes = policy->data_bytes,
      .max_files = policy->max_files,
      .max_file_bytes = policy->max_file_bytes,
      .tmp_bytes = policy->tmp_bytes,
      .max_forks = policy->max_forks,
      .preload_ms = policy->preload_ms,
      .max_tasks = policy->max_tasks,
      .max_threads = policy->max_threads,
      .spares = policy->spares,
  };
  size_t n = sizeof head + string_room(policy->exec_path) + list_room(policy->argv) +
             list_room(policy->env) + list_room(policy->grants) + list_room(policy->deny) +
             list_room(policy->zygote_argv) + list_room(policy->net_allow) +
             list_room(policy->net_deny) + list_room(policy->cgroup);
  if (n > SBX_POLICY_MAX_BYTES)
    return sbx_err_set(err, SBX_STAGE_POLICY, E2BIG,
                       "the policy takes %zu bytes, at most %u are allowed; allow fewer or shorter "
                       "environment variables and paths",
                       n, SBX_POLICY_MAX_BYTES);
  int rc = check_counts(policy, err);
  if (rc < 0)
    return rc;
  uint8_t *bytes = malloc(n);
  if (!bytes)
    return sbx_err_set(err, SBX_STAGE_POLICY, ENOMEM, "no memory for the policy");
  memcpy(bytes, &head, sizeof head);
  uint8_t *at = put_string(bytes + sizeof head, policy->exec_path);
  at = put_list(at, policy->argv);
  at = put_list(at, policy->env);
  at = put_list(at, policy->grants);
  at = put_list(at, policy->deny);
  at = put_list(at, policy->zygote_argv);
  at = put_list(at, policy->net_allow);
  at = put_list(at, policy->net_deny);
  put_list(at, policy->cgroup);
  *out = bytes;
  *out_len = n;
  return 0;
}

struct reader {
  const uint8_t *at;
  size_t left;
};

/* A copy of the next string; NULL with *errnum set when it is cut short or not terminated. */
static char *get_string(struct reader *in, int *errnum) {
  uint32_t n;
  *errnum = EINVAL;
  if (in->left < sizeof n)
    return NULL;
  memcpy(&n, in->at, sizeof n);
  in->at += sizeof n;
  in->left -= sizeof n;
  if (n == 0 || n > in->left || memchr(in->at, '\0', n) != in->at + n - 1)
    return NULL;
  char *copy = malloc(n);
  if (!copy) {
    *errnum = ENOMEM;
    return NULL;
  }
  memcpy(copy, in->at, n);
  in->at += n;
  in->left -= n;
  return copy;
}

static char **get_list(struct reader *in, uint32_t n, int *errnum) {
  /* A string takes at least five bytes, so a false count cannot ask for much memory. */
  *errnum = EINVAL;
  if (n > SBX_POLICY_MAX_STRINGS || n > in->left / (sizeof(uint32_t) + 1))
    return NULL;
  char **list = calloc((size_t)n + 1, sizeof *list);
  *errnum = list ? 0 : ENOMEM;
  for (uint32_t i = 0; list && i < n; i++)
    if (!(list[i] = get_string(in, errnum))) {
      while (i > 0)
        free(list[--i]);
      free(list);
      return NULL;
    }
  return list;
}

static int bad(struct sbx_policy *policy, struct sbx_err *err, int errnum, const char *field) {
  sbx_policy_free(policy);
  return sbx_err_set(err, SBX_STAGE_POLICY, errnum, "the encoded policy is damaged at %s", field);
}

int sbx_policy_decode(const uint8_t *bytes, size_t n, struct sbx_policy *policy,
                      struct sbx_err *err) {
  struct head head;
  int errnum = EINVAL;
  memset(policy, 0, sizeof *policy);
  if (n < sizeof head || n > SBX_POLICY_MAX_BYTES)
    return bad(policy, err, EINVAL, "its length");
  memcpy(&head, bytes, sizeof head);
  if (head.magic != SBX_POLICY_MAGIC || head.version != SBX_POLICY_VERSION)
    return bad(policy, err, EINVAL, "its magic number or version");
  if (head.pad != 0)
    return bad(policy, err, EINVAL, "its head");
  struct reader in = {bytes + sizeof head, n - sizeof head};
  if (!(policy->exec_path = get_string(&in, &errnum)))
    return bad(policy, err, errnum, "exec_path");
  if (policy->exec_path[0] != '/')
    return bad(policy, err, EINVAL, "exec_path (not absolute)");
  if (head.argc == 0 || !(policy->argv = get_list(&in, head.argc, &errnum)))
    return bad(policy, err, errnum, "argv");
  if (!(policy->env = get_list(&in, head.envc, &errnum)))
    return bad(policy, err, errnum, "env");
  if (!(policy->grants = get_list(&in, head.grantc, &errnum)))
    return bad(policy, err, errnum, "grants");
  if (!(policy->deny = get_list(&in, head.denyc, &errnum)))
    return bad(policy, err, errnum, "deny");
  if (!(policy->zygote_argv = get_list(&in, head.zygotec, &errnum)))
    return bad(policy, err, errnum, "zygote_argv");
  if (!(policy->net_allow = get_list(&in, head.net_allowc, &errnum)))
    return bad(policy, err, errnum, "network.allow");
  if (!(policy->net_deny = get_list(&in, head.net_denyc, &errnum)))
    return bad(policy, err, errnum, "network.deny");
  if (!(policy->cgroup = get_list(&in, head.cgroupc, &errnum)))
    return bad(policy, err, errnum, "cgroup");
  if ((head.use & SBX_USE_CGROUP) && !policy->cgroup[0])
    return bad(policy, err, EINVAL, "cgroup (none)");
  if (in.left != 0)
    return bad(policy, err, EINVAL, "its end");
  if (head.timeout_ms == 0)
    return bad(policy, err, EINVAL, "timeout_ms");
  policy->timeout_ms = head.timeout_ms;
  policy->grace_ms = head.grace_ms;
  policy->cpu_ms = head.cpu_ms;
  policy->memory_bytes = head.memory_bytes;
  policy->data_bytes = head.data_bytes;
  policy->max_files = head.max_files;
  policy->max_file_bytes = head.max_file_bytes;
  policy->use = head.use;
  policy->permit = head.permit;
  policy->tmp_bytes = head.tmp_bytes;
  policy->max_forks = head.max_forks;
  policy->preload_ms = head.preload_ms;
  policy->max_tasks = head.max_tasks;
  policy->max_threads = head.max_threads;
  policy->spares = head.spares;
  return 0;
}

static int read_all(int fd, uint8_t *bytes, size_t n) {
  for (size_t done = 0; done < n;) {
    ssize_t r = pread(fd, bytes + done, n - done, (off_t)done);
    if (r < 0 && errno != EINTR)
      return -errno;
    if (r == 0)
      return -EINVAL;
    done += r < 0 ? 0 : (size_t)r;
  }
  return 0;
}

int sbx_policy_read(int fd, struct sbx_policy *policy, struct sbx_err *err) {
  struct stat stat;
  memset(policy, 0, sizeof *policy);
  if (fstat(fd, &stat) < 0)
    return sbx_err_set(err, SBX_STAGE_POLICY, errno, "there is no descriptor for the policy");
  size_t size = stat.st_size > 0 ? (size_t)stat.st_size : 0;
  if (size > SBX_POLICY_MAX_BYTES)
    return sbx_err_set(err, SBX_STAGE_POLICY, EFBIG, "the policy is larger than allowed");
  uint8_t *bytes = malloc(size + 1);
  int rc = bytes ? read_all(fd, bytes, size) : -ENOMEM;
  rc = rc < 0 ? sbx_err_set(err, SBX_STAGE_POLICY, -rc, "the policy cannot be read")
              : sbx_policy_decode(bytes, size, policy, err);
  free(bytes);
  return rc;
}

static void free_list(char **list) {
  for (char **s = list; s && *s; s++)
    free(*s);
  free(list);
}

void sbx_policy_free(struct sbx_policy *policy) {
  free(policy->exec_path);
  free_list(policy->argv);
  free_list(policy->env);
  free_list(policy->grants);
  free_list(policy->deny);
  free_list(policy->zygote_argv);
  free_list(policy->net_allow);
  free_list(policy->net_deny);
  free_list(policy->cgroup);
  memset(policy, 0, sizeof *policy);
}
