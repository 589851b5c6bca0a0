/* SPDX-License-Identifier: MIT */
/* The policy: what the host's validated configuration means to the launcher, and its encoding.
 *
 * One policy per launcher. The host encodes it into a memfd that the launcher inherits; the
 * launcher decodes it once. Decoding checks every length (it is fuzzed), although the writer is
 * trusted. */
#ifndef SBX_POLICY_H
#define SBX_POLICY_H

#include <stddef.h>
#include <stdint.h>
#include "err.h"

#define SBX_POLICY_MAGIC 0x50584253u /* "SBXP" */
#define SBX_POLICY_VERSION 1
#define SBX_POLICY_MAX_BYTES (8u << 20)
#define SBX_POLICY_MAX_STRINGS 65536u

struct sbx_policy {
  char *exec_path;        /* absolute path of the runtime */
  char **argv;            /* argv[0] included, NULL-terminated */
  char **env;             /* "NAME=value", NULL-terminated: the guest's whole environment */
  uint64_t timeout_ms;    /* > 0: wall clock from the start of the guest */
  uint64_t grace_ms;      /* SIGTERM to SIGKILL */
  uint64_t cpu_ms;        /* 0 = no limit: CPU time of the guest's process tree */
  uint64_t memory_bytes;  /* what the user allowed: watchdog on the tree's anonymous + shared RSS */
  uint64_t data_bytes;    /* RLIMIT_DATA: memory_bytes plus the runtime's own reservations */
  uint64_t max_files;     /* RLIMIT_NOFILE */
  uint64_t max_file_bytes; /* RLIMIT_FSIZE; 0 = no limit */
};

/* Encodes into a malloc'ed buffer. Returns 0, or -errno with `err` filled. */
int sbx_policy_encode(const struct sbx_policy *policy, uint8_t **out, size_t *out_len,
                      struct sbx_err *err);

/* Decodes; on success the strings belong to `policy` (free with sbx_policy_free). A short, long,
 * inconsistent or non-terminated input is -EINVAL naming the field. */
int sbx_policy_decode(const uint8_t *bytes, size_t n, struct sbx_policy *policy,
                      struct sbx_err *err);

/* Frees the strings and zeroes the struct. */
void sbx_policy_free(struct sbx_policy *policy);

#endif
