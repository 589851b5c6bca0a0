/* SPDX-License-Identifier: MIT */
/* What the files of the launcher's loop share: serve.c has the loop and the runs, zygote.c the
 * zygotes, forked.c the connections of their guests. */
#ifndef SBX_SERVE_H
#define SBX_SERVE_H

#include "../supervise/tree.h"
#include "launcher.h"
#include "pace.h"

#define SBX_BUCKETS 1024u
/* epoll's names of what is not a run; a run's name is its id. The runs of the launcher's own, which
 * are zygotes, have ids above the host's. */
#define SBX_ON_CONTROL UINT64_MAX
#define SBX_ON_SIGNAL (UINT64_MAX - 1)
#define SBX_ON_ZYGOTE (UINT64_C(1) << 63) /* and its id: a zygote's socket */
#define SBX_ZYGOTE_ID (UINT64_C(1) << 62)
#define SBX_ON_LISTENER                                                                            \
  (UINT64_C(1) << 61) /* and its id: what leads to a forked run's listener                         \
                       */
#define SBX_RUN_ID_MAX (SBX_ON_LISTENER - 1)

struct sbx_zygote;

struct sbx_run {
  struct sbx_run *next; /* in its bucket */
  uint64_t id;
  pid_t init;            /* a forked guest has none, but may have a broker; 0: neither */
  int sock;              /* of init or broker; -1: none, or gone */
  int lost;              /* init is gone without a report */
  struct sbx_zygote *of; /* the zygote that forks it; NULL: it has an init */
  struct sbx_zygote *is; /* the zygote that it is */
  uint64_t start_ns;
  /* Of a forked run, see forked.h. */
  int listener_fd;      /* the way of the listener, then the listener; -1: neither, or a broker's */
  bool listens;         /* it has come, and nothing was asked for yet */
  bool alone;           /* its broker ended first */
  bool over_cpu;        /* its broker has said so */
  struct sbx_ctl *last; /* what is told once there is no guest and no broker; or NULL */
};

struct sbx_outgoing {
  struct sbx_outgoing *next;
  struct sbx_ctl msg; /* as long as its type says */
};

struct sbx_server {
  struct sbx_guard_shared *shared;
  int epoll_fd, signal_fd;
  int host_gone; /* end-of-file: no more runs, end those there are */
  size_t runs, lost;
  struct sbx_run *by_id[SBX_BUCKETS];
  struct sbx_outgoing *head, **tail;
  struct sbx_tree tree;
  struct sbx_zygote *zygotes; /* the last used comes first */
  uint64_t last_zygote;
  uint32_t spares_told;  /* the host */
  struct sbx_pace tells; /* of these */
  uint64_t wake_ns;      /* when sbx_zygotes_due() has something to do; UINT64_MAX: not */
};

/* serve.c */
struct sbx_run *sbx_server_find(struct sbx_server *s, uint64_t id);
void sbx_server_tell(struct sbx_server *s, struct sbx_ctl *msg); /* the host */
void sbx_server_refuse(struct sbx_server *s, uint64_t id, int errnum, const char *what);
/* Ends a run as if the host had closed the socket: init kills all it has, and still reports. */
void sbx_server_end(const struct sbx_run *run);
void sbx_server_drop(struct sbx_server *s, struct sbx_run *run);
void sbx_server_lost(struct sbx_server *s, struct sbx_run *run); /* reports it and drops it */
/* Starts the init of a zygote, whose end of its socket is `fd`. `key`: what it is to be confined
 * to; NULL: it loads nothing foreign. Returns 0, or -errno, *what set. */
int sbx_server_start_zygote(struct sbx_server *s, struct sbx_zygote *zygote, uint64_t id, int fd,
                            const struct sbx_ctl_run *key, const char **what);

/* zygote.c. Before the others. */
void sbx_zygotes_open(struct sbx_server *s);
/* Hands a run over to a zygote, which is started where there is none, and takes its
 * descriptors. Returns 0, or -errno with *what set. */
int sbx_zygotes_run(struct sbx_server *s, struct sbx_run *run, struct sbx_ctl *msg, const int *fds,
                    int nfds, const char **what);
/* TERM or KILL. */
void sbx_zygotes_end(struct sbx_server *s, struct sbx_run *run, struct sbx_ctl *msg);
/* Its socket, by epoll's name. */
void sbx_zygotes_event(struct sbx_server *s, uint64_t name, uint32_t events);
/* It is time for what was put off: a zygote that said too much, the host's number of spares. */
void sbx_zygotes_due(struct sbx_server *s);
/* It is gone with all of its guests: `last` is its init's EXIT, or FAILED, which says why it was
 * never there; NULL: its init is gone as well. */
void sbx_zygotes_gone(struct sbx_server *s, struct sbx_zygote *zygote, const struct sbx_ctl *last);

#endif
