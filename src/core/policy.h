/* SPDX-License-Identifier: MIT */
/* The policy: what the host's validated configuration means to the launcher, and its encoding.
 *
 * One policy per launcher. The host encodes it into a memfd that the launcher inherits; the
 * launcher decodes it once. Decoding checks every length (it is fuzzed), although the writer is
 * trusted. */
#ifndef SBX_POLICY_H
#define SBX_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "err.h"

#define SBX_POLICY_MAGIC 0x50584253u /* "SBXP" */
#define SBX_POLICY_VERSION 5
#define SBX_POLICY_MAX_BYTES (8u << 20)
#define SBX_POLICY_MAX_STRINGS 65536u

/* Which of the machine's mechanisms a guest is confined by. The host probes and decides (see
 * guards/probe.h); the launcher applies just these, and a run for which one of them fails is over.
 */
enum sbx_use {
  SBX_USE_LANDLOCK = 1 << 0,
  SBX_USE_SECCOMP = 1 << 1,
  SBX_USE_NAMESPACES = 1 << 2, /* user, PID, mount, IPC, UTS and network, all or none */
  SBX_USE_SELFTEST = 1 << 3,   /* the launcher tries what they refuse before its first run */
  SBX_USE_SOCK_DIAG = 1 << 4,  /* confines nobody: bytes of connections are counted */
  SBX_USE_CGROUP = 1 << 5,     /* a cgroup for each guest, below `cgroup` */
};

/* What the configuration opens; everything is closed otherwise. */
enum sbx_permit {
  SBX_PERMIT_SPAWN = 1 << 0,      /* process:spawn: fork and exec */
  SBX_PERMIT_NET = 1 << 1,        /* network.allow ['*']: the host's network, TCP and UDP clients */
  SBX_PERMIT_NET_LISTEN = 1 << 2, /* net:listen */
  SBX_PERMIT_NET_UDP = 1 << 3,    /* net:udp */
  SBX_PERMIT_NET_UNIX = 1 << 4,   /* net:unix: AF_UNIX sockets, by path where files allow it */
  SBX_PERMIT_WRITE = 1 << 5,      /* not filesystem.readOnly: fcntl(2) may lock files */
  SBX_PERMIT_ALL_FILES = 1 << 6,  /* filesystem.allow ['*'] */
  SBX_PERMIT_NET_RULES = 1 << 7,  /* TCP clients, where net_allow and net_deny let them connect */
};

#define SBX_SPARES_AUTO UINT32_MAX

struct sbx_policy {
  char *exec_path;       /* absolute path of the runtime */
  char **argv;           /* argv[0] included, NULL-terminated */
  char **env;            /* "NAME=value", NULL-terminated: the guest's whole environment */
  uint64_t timeout_ms;   /* > 0: wall clock from the start of the guest */
  uint64_t grace_ms;     /* SIGTERM to SIGKILL */
  uint64_t cpu_ms;       /* 0 = no limit: CPU time of the guest's process tree */
  uint64_t memory_bytes; /* 0 = no limit: anonymous and shared pages of the tree together */
  uint64_t data_bytes;   /* 0 = no limit: RLIMIT_DATA of a process, which counts reservations too */
  uint64_t max_files;    /* RLIMIT_NOFILE */
  uint64_t max_file_bytes; /* RLIMIT_FSIZE; 0 = no limit */
  uint64_t spares;         /* guests forked ahead of demand; SBX_SPARES_AUTO: as many as it takes */
  uint32_t use;            /* enum sbx_use */
  uint32_t permit;         /* enum sbx_permit */
  uint64_t tmp_bytes;      /* size of the private /tmp */
  char **grants;           /* files of every run, see guards/view.h; NULL-terminated */
  char **deny;             /* absolute paths; beats any grant; NULL-terminated */
  char **zygote_argv; /* guests are forked by the runtime started so; empty: each is executed */
  uint64_t max_forks; /* guests of one zygote, before another takes its place; 0 = no limit */
  /* Not 0: a zygote loads foreign modules before it forks, see sbx_guard_run.zygote, and has so
   * long for it. */
  uint64_t preload_ms;
  uint64_t max_tasks;   /* RLIMIT_NPROC of such a zygote and all its guests together */
  uint64_t max_threads; /* 0 = no limit: threads of a run's processes together */
  char **cgroup; /* of SBX_USE_CGROUP, one: "auto", or the path of one that is ours to divide */
  char **net_allow, **net_deny; /* patterns of core/netrules.h; NULL-terminated */
};

/* Whether guests have UDP sockets that lead nowhere but to the stub resolver of their run, see
 * launcher/netbox.h. */
static inline bool sbx_policy_boxes_udp(const struct sbx_policy *policy) {
  return (policy->use & SBX_USE_NAMESPACES) && (policy->permit & SBX_PERMIT_NET_RULES) &&
         !(policy->permit & SBX_PERMIT_NET_UDP);
}

/* Encodes into a malloc'ed buffer. Returns 0, or -errno with `err` filled. */
int sbx_policy_encode(const struct sbx_policy *policy, uint8_t **out, size_t *out_len,
                      struct sbx_err *err);

/* Decodes; on success the strings belong to `policy` (free with sbx_policy_free). A short, long,
 * inconsistent or non-terminated input is -EINVAL naming the field. */
int sbx_policy_decode(const uint8_t *bytes, size_t n, struct sbx_policy *policy,
                      struct sbx_err *err);

/* Decodes the whole file behind a descriptor, wherever its offset is. The same. */
int sbx_policy_read(int fd, struct sbx_policy *policy, struct sbx_err *err);

/* Frees the strings and zeroes the struct. */
void sbx_policy_free(struct sbx_policy *policy);

#endif
