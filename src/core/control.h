/* SPDX-License-Identifier: MIT */
/* Control messages: host <-> launcher, and launcher <-> init, over SOCK_SEQPACKET.
 *
 * Both ends come from one build of one package, so a message is a C struct; the version and the
 * exact size are checked all the same. Descriptors travel with SBX_CTL_RUN. Guests never hold an
 * end of a control socket. */
#ifndef SBX_CONTROL_H
#define SBX_CONTROL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "err.h"

#define SBX_CTL_VERSION 6
#define SBX_CTL_FD 3      /* the launcher's end of the control socket */
#define SBX_POLICY_FD 4   /* the memfd with the encoded policy */
#define SBX_CGROUP_FD 5   /* of a zygote: the launcher's cgroup */
#define SBX_CTL_RUN_FDS 3 /* that every RUN has */
#define SBX_CTL_MAX_FDS 4

/* The guest's descriptors. */
#define SBX_GUEST_DATA_FD 3
#define SBX_GUEST_DEBUG_FD                                                                         \
  7 /* above those that execve closes; only when a debugger is waited for */

enum sbx_ctl_type {
  SBX_CTL_READY = 1, /* launcher -> host: the policy was read */
  SBX_CTL_FATAL,     /* launcher -> host: it cannot go on; `err` says why */
  SBX_CTL_RUN,       /* host -> launcher: start a run; 3 fds: data, stdout, stderr; a fourth, for a
                      * run that is not forked: its way to a debugger */
  SBX_CTL_TERM,      /* host -> launcher: end a run, SIGTERM first, SIGKILL grace_ms later */
  SBX_CTL_KILL,      /* host -> launcher: end a run at once */
  SBX_CTL_STARTED, /* launcher -> host: the guest's execve worked. From a zygote in a PID namespace,
                    * when `sampled`, with a pidfd, since its numbers mean nothing outside */
  SBX_CTL_FAILED,  /* launcher -> host: the guest could not be set up; the run is over */
  SBX_CTL_EXIT,    /* launcher -> host: the guest and all its descendants are gone */
  SBX_CTL_GRANT,   /* host -> launcher: a name that the guest asked for has these addresses */
  SBX_CTL_GRANTED, /* launcher -> host: which of them it may connect to now */
  SBX_CTL_NET,     /* launcher -> host: what the guest connected to; comes before EXIT */
  SBX_CTL_SPARES, /* launcher -> host: how many guests there are that were forked ahead of demand */
  SBX_CTL_ASK,   /* launcher -> host: the run's stub resolver was asked for a name; GRANT answers */
  SBX_CTL_BEGIN, /* host -> launcher: the run of a guest begins that was started ahead of it, and
                  * has not STARTED before */
};

/* Why a guest was ended by its supervisor. */
enum sbx_reason {
  SBX_REASON_NONE = 0, /* it ended by itself */
  SBX_REASON_TIMEOUT,
  SBX_REASON_TERM, /* the host asked (abort, dispose) */
  SBX_REASON_KILL, /* the host asked, at once (protocol error, result too large) */
  SBX_REASON_CPU,
  SBX_REASON_MEMORY,
  SBX_REASON_LOST, /* its init, or its broker, died: the launcher cleaned up */
  SBX_REASON_THREADS,
};

struct sbx_usage {
  uint64_t user_us, system_us; /* CPU of the guest and its reaped descendants (getrusage(2)) */
  uint64_t max_rss_kb;
  uint64_t minor_faults, major_faults;
  uint64_t voluntary_switches, involuntary_switches;
  uint64_t read_bytes, write_bytes; /* storage, /proc/PID/io (proc(5)) */
  uint64_t read_chars, write_chars; /* all read/write calls */
  uint64_t peak_data_kb;            /* highest sampled VmData */
};

/* A message is as long as what it holds: `grants` is cut at grants_len. */
#define SBX_CTL_GRANTS_MAX (32u << 10)

struct sbx_ctl_run {
  char traceparent[56]; /* "" = none; goes into the guest's environment as TRACEPARENT */
  char workdir[PATH_MAX];
  uint32_t fork;     /* not 0: from a zygote, which the policy has to have arguments for */
  uint32_t sampled;  /* not 0: the host wants to know its pid, and will look at it in /proc */
  uint32_t ahead;    /* not 0: no run yet, BEGIN follows, or KILL; for a guest that is not forked */
  uint32_t readable; /* from the launcher on: not 0: the guest lets its broker in by itself, see
                      * guards/listener.h */
  uint32_t grants_len;
  char grants[SBX_CTL_GRANTS_MAX]; /* NUL-terminated strings in a row, see guards/view.h */
};

struct sbx_ctl_started {
  int32_t pid;
  int32_t pad;
  uint64_t start_ns; /* CLOCK_REALTIME at execve */
};

struct sbx_ctl_exit {
  int32_t status; /* as from wait4(2) */
  uint32_t reason;
  uint64_t start_ns, end_ns; /* CLOCK_REALTIME */
  struct sbx_usage usage;
};

struct sbx_ctl_spares {
  uint32_t n, pad;
};

#define SBX_CTL_NAME_MAX 256
#define SBX_CTL_ADDRS_MAX 64

/* Why a name has no addresses, beside the verdicts on it. */
#define SBX_LOOKUP_NO_NAME 254u /* nobody knows it */
#define SBX_LOOKUP_FAILED 255u  /* it could not be resolved */

struct sbx_ctl_ask {
  uint32_t question;           /* the stub's number for it, never 0 */
  char name[SBX_CTL_NAME_MAX]; /* NUL-terminated */
};

struct sbx_ctl_grant {
  uint32_t lookup;             /* the host's number for it */
  uint32_t question;           /* the stub's, 0 when the guest's dns.lookup asked */
  uint32_t status;             /* of a question, when n is 0: a verdict or SBX_LOOKUP_… */
  uint32_t n;                  /* of addresses; the message is cut there */
  char name[SBX_CTL_NAME_MAX]; /* NUL-terminated */
  struct sbx_ctl_addr {
    uint8_t ip[16];   /* as in core/netaddr.h */
    uint32_t verdict; /* enum sbx_net_verdict, in GRANTED */
  } at[SBX_CTL_ADDRS_MAX];
};

#define SBX_NET_SEEN_MAX 64u

/* What a run has tried. Bounded, whatever the guest does. */
struct sbx_net_report {
  uint64_t allowed;  /* connections */
  uint64_t refused;  /* connections, for whatever reason, and sockets that are not TCP */
  uint64_t unlisted; /* of both, those that `seen` had no room for */
  uint64_t cpu_us;   /* of the broker, where it is a process of its own */
  uint32_t n;        /* the message is cut there */
  struct sbx_net_seen {
    uint8_t ip[16]; /* as in core/netaddr.h */
    uint16_t port;
    uint8_t verdict; /* enum sbx_net_verdict */
    uint32_t count;
    uint32_t counted;        /* of these, connections whose bytes are known */
    uint64_t sent, received; /* bytes of those; the end of a stream may count as one that came */
  } seen[SBX_NET_SEEN_MAX];
};

struct sbx_ctl {
  uint32_t version;
  uint32_t type; /* enum sbx_ctl_type */
  uint64_t run;  /* id chosen by the host; 0 for READY, FATAL and SPARES */
  union {
    struct sbx_ctl_run run_args;
    struct sbx_ctl_started started;
    struct sbx_ctl_exit exit;
    struct sbx_ctl_spares spares;
    struct sbx_ctl_grant grant; /* GRANT, GRANTED */
    struct sbx_ctl_ask ask;
    struct sbx_net_report net;
    struct sbx_err err; /* FATAL, FAILED */
  } u;
};

/* Begins a message of any type but RUN. Zeroes what is sent of it and no more: it is ten pages
 * long, and each that a zygote writes to after a fork is one that it copies. */
void sbx_ctl_begin(struct sbx_ctl *msg, enum sbx_ctl_type type, uint64_t run);

/* Bytes on the wire of this message, 0 for an unknown type or an impossible length. */
size_t sbx_ctl_size(const struct sbx_ctl *msg);

/* Whether the strings of a RUN are terminated and its lengths hold. */
bool sbx_ctl_run_valid(const struct sbx_ctl_run *run);

/* The grants of a valid RUN as a malloc'ed, NULL-terminated list of pointers into it; NULL without
 * memory. */
char **sbx_ctl_grants(struct sbx_ctl_run *run);

/* Sends one message with `nfds` descriptors (kept open). MSG_NOSIGNAL | MSG_DONTWAIT.
 * Returns 0 or -errno (-EAGAIN: try again when writable; -EPIPE: the peer is gone). */
int sbx_ctl_send(int sock, struct sbx_ctl *msg, const int *fds, int nfds);

/* Receives one message; descriptors (O_CLOEXEC) go to fds[0..*nfds). `flags`: MSG_DONTWAIT or 0.
 * Returns 1 for a message, 0 at end-of-file, -errno (-EAGAIN, or -EPROTO for a bad message, whose
 * descriptors have been closed). Retries EINTR. */
int sbx_ctl_recv(int sock, int flags, struct sbx_ctl *msg, int fds[SBX_CTL_MAX_FDS], int *nfds);

#endif
