/* SPDX-License-Identifier: MIT */
/* The launcher's side of zygotes: each is started like a run, by an init of its own, and has a
 * socket over which runs go to it and reports come back. One forks, older ones end with their last
 * guest. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/proc.h"
#include "../guards/stamps.h"
#include "forked.h"
#include "serve.h"

/* Messages handled for one event, so that no zygote keeps the host waiting. */
#define TURN 64

/* Of one zygote, as execution.spares has it. */
#define SPARES_MAX 1000u

/* What one that has preloaded may say beside what its runs are about: such as its spares, of which
 * an honest one tells once a run. */
#define SAYS_A_SECOND 2000
#define SAYS_AT_ONCE 2000
/* The host is told of spares. */
#define TELLS_A_SECOND 50
#define TELLS_AT_ONCE 50

/* Zygotes of different paths that may fork at a time. */
#define MAX_KEYS 8

/* One that is not ready so long after its start hangs: a thread that the runtime waits for could
 * not be started. A busy machine takes seconds. */
#define START_NS (UINT64_C(10) * 1000000000u)

/* What its socket has no room for yet, or what it would not read, since it is not ready. */
struct waiting {
  struct waiting *next;
  int fds[SBX_CTL_MAX_FDS], nfds;
  struct sbx_ctl msg; /* as long as its type says */
};

struct sbx_zygote {
  struct sbx_zygote *next;
  uint64_t id;       /* of its run */
  uint64_t start_ns; /* CLOCK_MONOTONIC */
  int sock;          /* -1: broken, its end is near */
  bool ready;
  bool paused; /* until it may say more */
  bool gone;   /* what it has said is all there is */
  struct sbx_pace says;
  bool retired;              /* forks no more, and ends with its last guest */
  struct sbx_ctl_run *key;   /* the paths that it was confined to before it preloaded; NULL: none */
  char **grants;             /* of these, pointers into it */
  struct sbx_stamps *stamps; /* of what it sees for as long as it lives */
  uint64_t forks;
  size_t guests; /* runs it was given and has not reported the end of */
  uint32_t spares;
  struct sbx_err fatal;
  struct waiting *head, **tail;
};

void sbx_zygotes_open(struct sbx_server *s) {
  s->wake_ns = UINT64_MAX;
  sbx_pace_init(&s->tells, TELLS_A_SECOND, TELLS_AT_ONCE, sbx_now_mono_ns());
}

static void set_events(struct sbx_server *s, const struct sbx_zygote *z) {
  struct epoll_event event = {.events =
                                  (z->paused ? 0 : EPOLLIN) | (z->head && z->ready ? EPOLLOUT : 0),
                              .data.u64 = SBX_ON_ZYGOTE | z->id};
  epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, z->sock, &event);
}

static void free_waiting(struct waiting *w) {
  while (w->nfds > 0)
    sbx_fd_close(&w->fds[--w->nfds]);
  free(w);
}

static void free_zygote(struct sbx_zygote *z) {
  sbx_stamps_free(z->stamps);
  free(z->grants);
  free(z->key);
  free(z);
}

/* Stops to talk with it. Its guests' reports come no more, so the rest is up to its init. */
static void hang_up(struct sbx_server *s, struct sbx_zygote *z) {
  if (z->sock < 0)
    return;
  epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, z->sock, NULL);
  sbx_fd_close(&z->sock);
  struct sbx_run *run = sbx_server_find(s, z->id);
  if (run && run->sock >= 0)
    shutdown(run->sock, SHUT_WR);
}

/* Returns 0, also when it has to wait, or -errno. */
static int send_zygote(struct sbx_server *s, struct sbx_zygote *z, struct sbx_ctl *msg,
                       const int *fds, int nfds) {
  int rc = z->head || !z->ready ? -EAGAIN : sbx_ctl_send(z->sock, msg, fds, nfds);
  if (rc != -EAGAIN)
    return rc;
  size_t size = sbx_ctl_size(msg);
  struct waiting *w = calloc(1, offsetof(struct waiting, msg) + size);
  if (!w)
    return -ENOMEM;
  memcpy(&w->msg, msg, size);
  for (; w->nfds < nfds; w->nfds++)
    if ((w->fds[w->nfds] = dup(fds[w->nfds])) < 0) {
      rc = -errno;
      free_waiting(w);
      return rc;
    }
  *z->tail = w; /* NOLINT(clang-analyzer-core.NullDereference): set by start() */
  z->tail = &w->next;
  if (z->head == w)
    set_events(s, z);
  return 0;
}

static void flush(struct sbx_server *s, struct sbx_zygote *z) {
  int rc = 0;
  while (z->head && rc != -EAGAIN) {
    struct waiting *w = z->head;
    rc = sbx_ctl_send(z->sock, &w->msg, w->fds, w->nfds);
    if (rc == -EAGAIN)
      break;
    z->head = w->next;
    free_waiting(w);
  }
  if (!z->head)
    z->tail = &z->head;
  set_events(s, z);
}

static void retire(struct sbx_server *s, struct sbx_zygote *z) {
  z->retired = true;
  if (z->guests == 0)
    hang_up(s, z);
}

/* What foreign code a zygote has loaded, and may do, goes by a run's paths. */
static int set_key(struct sbx_zygote *z, const struct sbx_policy *policy,
                   const struct sbx_ctl_run *run) {
  size_t size = offsetof(struct sbx_ctl_run, grants) + run->grants_len;
  z->key = malloc(size);
  if (!z->key)
    return -ENOMEM;
  memcpy(z->key, run, size);
  z->key->traceparent[0] = '\0';
  z->grants = sbx_ctl_grants(z->key);
  if (z->grants)
    z->stamps = sbx_stamps_take(policy->grants, z->grants, z->key->workdir);
  return z->stamps ? 0 : -ENOMEM;
}

static bool serves(const struct sbx_zygote *z, const struct sbx_ctl_run *run) {
  return !z->retired && z->sock >= 0 &&
         (!z->key ||
          (strcmp(z->key->workdir, run->workdir) == 0 && z->key->grants_len == run->grants_len &&
           memcmp(z->key->grants, run->grants, run->grants_len) == 0));
}

/* Room for one more: those used least recently give way. */
static void make_room(struct sbx_server *s) {
  size_t n = 0;
  for (struct sbx_zygote *z = s->zygotes; z; z = z->next)
    if (!z->retired && z->sock >= 0 && ++n >= MAX_KEYS)
      retire(s, z);
}

static struct sbx_zygote *start(struct sbx_server *s, const struct sbx_ctl_run *run, int *rc,
                                const char **what) {
  struct sbx_zygote *z = calloc(1, sizeof *z);
  int pair[2] = {-1, -1};
  *what = "zygote";
  *rc = z ? 0 : -ENOMEM;
  if (z && s->shared->policy->preload_ms > 0)
    *rc = set_key(z, s->shared->policy, run);
  if (*rc == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    *rc = -errno;
  if (*rc == 0) {
    z->id = SBX_ZYGOTE_ID + s->last_zygote++;
    z->start_ns = sbx_now_mono_ns();
    z->sock = pair[0];
    z->tail = &z->head;
    sbx_pace_init(&z->says, SAYS_A_SECOND, SAYS_AT_ONCE, sbx_now_mono_ns());
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = SBX_ON_ZYGOTE | z->id};
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, z->sock, &event) < 0)
      *rc = -errno;
    else
      *rc = sbx_server_start_zygote(s, z, z->id, pair[1], z->key, what);
  }
  sbx_fd_close(&pair[1]);
  if (*rc < 0) {
    sbx_fd_close(&pair[0]);
    if (z)
      free_zygote(z);
    return NULL;
  }
  make_room(s);
  z->next = s->zygotes;
  s->zygotes = z;
  return z;
}

/* The one that forks this run: not one that is broken, nor one that has forked as often as it may,
 * nor one that sees other files than there are now. */
static struct sbx_zygote *current(struct sbx_server *s, const struct sbx_ctl_run *run, int *rc,
                                  const char **what) {
  struct sbx_zygote **at = &s->zygotes;
  uint64_t max = s->shared->policy->max_forks;
  while (*at && !serves(*at, run))
    at = &(*at)->next;
  struct sbx_zygote *z = *at;
  if (z && ((max > 0 && z->forks >= max) || (z->stamps && !sbx_stamps_hold(z->stamps))))
    retire(s, z);
  if (!z || z->retired)
    return start(s, run, rc, what);
  *at = z->next;
  z->next = s->zygotes;
  s->zygotes = z;
  return z;
}

int sbx_zygotes_run(struct sbx_server *s, struct sbx_run *run, struct sbx_ctl *msg, const int *fds,
                    int nfds, const char **what) {
  int rc = 0;
  struct sbx_zygote *z = current(s, &msg->u.run_args, &rc, what);
  if (!z)
    return rc;
  *what = "zygote";
  rc = send_zygote(s, z, msg, fds, nfds);
  if (rc == -EPIPE || rc == -ECONNRESET) { /* It died, and its end-of-file is still to come. */
    hang_up(s, z);
    z = start(s, &msg->u.run_args, &rc, what);
    rc = z ? send_zygote(s, z, msg, fds, nfds) : rc;
  }
  if (!z || rc < 0)
    return rc;
  run->of = z;
  z->forks++;
  z->guests++;
  return 0;
}

/* A run that its zygote has not been told of. Returns whether there is one. */
static bool take_back(struct sbx_zygote *z, uint64_t run) {
  for (struct waiting **at = &z->head; *at; at = &(*at)->next) {
    struct waiting *w = *at;
    if (w->msg.run != run || w->msg.type != SBX_CTL_RUN)
      continue;
    *at = w->next;
    if (!w->next)
      z->tail = at;
    free_waiting(w);
    return true;
  }
  return false;
}

/* It is over at once, and no guest will be forked for it. A zygote that hangs goes along: its init
 * ends it. */
static void give_up(struct sbx_server *s, struct sbx_run *run, enum sbx_ctl_type type) {
  struct sbx_zygote *z = run->of;
  struct sbx_ctl msg;
  sbx_ctl_begin(&msg, SBX_CTL_EXIT, run->id);
  msg.u.exit = (struct sbx_ctl_exit){
      .status = SIGKILL, .reason = type == SBX_CTL_TERM ? SBX_REASON_TERM : SBX_REASON_KILL};
  z->guests--;
  sbx_server_tell(s, &msg);
  sbx_server_drop(s, run);
  if (z->ready || sbx_now_mono_ns() - z->start_ns < START_NS)
    return;
  sbx_err_set(&z->fatal, SBX_STAGE_FORK, ETIMEDOUT, "the zygote did not get ready");
  z->retired = true;
  hang_up(s, z);
}

void sbx_zygotes_end(struct sbx_server *s, struct sbx_run *run, struct sbx_ctl *msg) {
  if (run->of->sock >= 0 && take_back(run->of, run->id))
    give_up(s, run, msg->type);
  else if (run->of->sock >= 0)
    send_zygote(s, run->of, msg, NULL, 0);
}

/* A guest is over. The last one of a zygote that forks no more is its end as well. */
static void end_guest(struct sbx_server *s, struct sbx_zygote *z, struct sbx_run *run,
                      struct sbx_ctl *last) {
  sbx_forked_end(s, run, last);
  if (--z->guests == 0 && z->retired)
    hang_up(s, z);
}

/* By what number a process is known here; 0 when there is none. */
static pid_t pid_of(int pidfd) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
  SBX_AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : sbx_read_full(fd, text, sizeof text - 1);
  text[n < 0 ? 0 : n] = '\0';
  const char *at = strstr(text, "\nPid:");
  long pid = at ? strtol(at + strlen("\nPid:"), NULL, 10) : 0;
  return pid > 0 ? (pid_t)pid : 0;
}

static void on_ready(struct sbx_server *s, struct sbx_zygote *z) {
  struct sbx_run *run = sbx_server_find(s, z->id);
  struct sbx_ctl msg;
  sbx_ctl_begin(&msg, SBX_CTL_READY, z->id);
  z->ready = true;
  flush(s, z);
  /* Its init holds it to a time limit until then. */
  if (z->key && run && run->sock >= 0 && sbx_ctl_send(run->sock, &msg, NULL, 0) == -EAGAIN)
    sbx_server_end(run);
}

static void wake_in(struct sbx_server *s, uint64_t wait_ns) {
  uint64_t at = sbx_now_mono_ns() + wait_ns;
  s->wake_ns = at < s->wake_ns ? at : s->wake_ns;
}

/* One that has preloaded says what it likes: the host is told of a change when it has read
 * everything else, and so many times a second. */
static void tell_spares(struct sbx_server *s) {
  struct sbx_ctl msg;
  uint32_t n = 0;
  for (const struct sbx_zygote *z = s->zygotes; z; z = z->next)
    n += z->spares < SPARES_MAX ? z->spares : SPARES_MAX;
  if (n == s->spares_told || s->head)
    return;
  if (!sbx_pace_may(&s->tells, sbx_now_mono_ns())) {
    wake_in(s, sbx_pace_wait_ns(&s->tells));
    return;
  }
  sbx_pace_take(&s->tells, 1);
  s->spares_told = n;
  sbx_ctl_begin(&msg, SBX_CTL_SPARES, 0);
  msg.u.spares.n = n;
  sbx_server_tell(s, &msg);
}

/* Whether a message is one of the two that each run has. */
static bool is_due(const struct sbx_zygote *z, const struct sbx_run *run,
                   const struct sbx_ctl *msg) {
  return run && run->of == z && (msg->type != SBX_CTL_STARTED || run->start_ns == 0);
}

/* Foreign code has taken it over, and floods: nothing else is forked of it, and it is heard no more
 * than so much. */
static void pause_zygote(struct sbx_server *s, struct sbx_zygote *z) {
  z->paused = true;
  set_events(s, z);
  wake_in(s, sbx_pace_wait_ns(&z->says) + TURN * UINT64_C(1000000000) / SAYS_A_SECOND);
  retire(s, z);
}

void sbx_zygotes_due(struct sbx_server *s) {
  uint64_t now = sbx_now_mono_ns();
  if (now < s->wake_ns)
    return;
  s->wake_ns = UINT64_MAX;
  for (struct sbx_zygote *z = s->zygotes; z; z = z->next) {
    if (!z->paused || z->sock < 0)
      continue;
    if (sbx_pace_may(&z->says, now)) {
      z->paused = false;
      set_events(s, z);
    } else {
      wake_in(s, sbx_pace_wait_ns(&z->says));
    }
  }
  tell_spares(s);
}

static void on_report(struct sbx_server *s, struct sbx_zygote *z, struct sbx_ctl *msg, int pidfd) {
  struct sbx_run *run = sbx_server_find(s, msg->run);
  if (z->key && !is_due(z, run, msg))
    sbx_pace_take(&z->says, 1);
  if (msg->type == SBX_CTL_READY && !z->ready)
    on_ready(s, z);
  if (msg->type == SBX_CTL_SPARES)
    z->spares = msg->u.spares.n;
  /* One that has preloaded says what it likes. */
  if (msg->type == SBX_CTL_FATAL || msg->type == SBX_CTL_FAILED)
    msg->u.err.text[SBX_ERR_TEXT_MAX - 1] = '\0';
  if (msg->type == SBX_CTL_FATAL && msg->u.err.errnum != 0)
    z->fatal = msg->u.err;
  if (!run || run->of != z)
    return;
  if (msg->type == SBX_CTL_STARTED) {
    run->start_ns = msg->u.started.start_ns;
    /* A number in its PID namespace, which means nothing out here. */
    if (s->shared->policy->use & SBX_USE_NAMESPACES)
      msg->u.started.pid = pidfd < 0 ? 0 : pid_of(pidfd);
    sbx_server_tell(s, msg);
  } else if (msg->type == SBX_CTL_EXIT || msg->type == SBX_CTL_FAILED) {
    end_guest(s, z, run, msg);
  }
}

void sbx_zygotes_event(struct sbx_server *s, uint64_t name, uint32_t events) {
  struct sbx_ctl msg;
  int fds[SBX_CTL_MAX_FDS], nfds;
  struct sbx_zygote *z = s->zygotes;
  while (z && (SBX_ON_ZYGOTE | z->id) != name)
    z = z->next;
  if (!z || z->sock < 0)
    return;
  if ((events & EPOLLOUT) && z->ready)
    flush(s, z);
  uint64_t now = z->key ? sbx_now_mono_ns() : 0;
  for (int i = 0; i < TURN && z->sock >= 0; i++) {
    if (z->key && !z->gone && !sbx_pace_may(&z->says, now)) {
      pause_zygote(s, z);
      return;
    }
    int rc = sbx_ctl_recv(z->sock, MSG_DONTWAIT, &msg, fds, &nfds);
    if (rc == -EAGAIN)
      return;
    if (rc == -ECONNRESET) /* It died with messages unread; what it had sent is still there. */
      continue;
    if (rc == 1)
      on_report(s, z, &msg, nfds > 0 ? fds[0] : -1);
    else
      hang_up(s, z);
    while (rc == 1 && nfds > 0)
      sbx_fd_close(&fds[--nfds]);
    tell_spares(s);
  }
}

static void settle(struct sbx_server *s, struct sbx_run *run, const struct sbx_err *err) {
  if (!err) {
    sbx_server_lost(s, run);
    return;
  }
  struct sbx_ctl msg;
  sbx_ctl_begin(&msg, SBX_CTL_FAILED, run->id);
  msg.u.err = *err;
  sbx_server_tell(s, &msg);
  sbx_server_drop(s, run);
}

/* To another zygote, what this one has not been told of. */
static void hand_over(struct sbx_server *s, struct waiting *w) {
  struct sbx_run *run = sbx_server_find(s, w->msg.run);
  const char *what = "zygote";
  if (!run)
    return;
  if (w->msg.type != SBX_CTL_RUN) {
    sbx_zygotes_end(s, run, &w->msg);
    return;
  }
  int rc = sbx_zygotes_run(s, run, &w->msg, w->fds, w->nfds, &what);
  if (rc < 0) {
    sbx_server_refuse(s, run->id, -rc, what);
    sbx_server_drop(s, run);
  }
}

/* Why one never came to fork, by its end. */
static void explain(const struct sbx_server *s, struct sbx_zygote *z,
                    const struct sbx_ctl_exit *end) {
  const char *what = z->key ? "execution.preload" : "the zygote";
  enum sbx_stage stage = z->key ? SBX_STAGE_PRELOAD : SBX_STAGE_FORK;
  if (end->reason == SBX_REASON_TIMEOUT)
    sbx_err_set(&z->fatal, stage, ETIMEDOUT, "%s took longer than %llu ms", what,
                (unsigned long long)s->shared->policy->preload_ms);
  else if (end->reason == SBX_REASON_MEMORY)
    sbx_err_set(&z->fatal, stage, ENOMEM, "%s needed more memory than a run may", what);
  else if (end->reason == SBX_REASON_THREADS)
    sbx_err_set(&z->fatal, stage, EAGAIN, "%s started more threads than a run may have", what);
  else if (WIFSIGNALED(end->status))
    sbx_err_set(&z->fatal, stage, ECHILD, "%s: the process was ended by signal %d", what,
                WTERMSIG(end->status));
  else
    sbx_err_set(&z->fatal, stage, ECHILD, "%s: the process ended with exit code %d", what,
                WEXITSTATUS(end->status));
}

void sbx_zygotes_gone(struct sbx_server *s, struct sbx_zygote *zygote, const struct sbx_ctl *last) {
  struct sbx_zygote **at = &s->zygotes;
  zygote->gone = true;
  /* What it still had to say, up to its end-of-file. */
  for (int i = 0; i < 1024 && zygote->sock >= 0; i++)
    sbx_zygotes_event(s, SBX_ON_ZYGOTE | zygote->id, 0);
  struct waiting *waiting = zygote->ready && !s->host_gone ? zygote->head : NULL, *next;
  if (!zygote->ready && !zygote->fatal.errnum && last && last->type == SBX_CTL_EXIT)
    explain(s, zygote, &last->u.exit);
  const struct sbx_err *why = zygote->fatal.errnum ? &zygote->fatal : NULL;
  if (last && last->type == SBX_CTL_FAILED)
    why = &last->u.err;
  hang_up(s, zygote);
  while (*at != zygote)
    at = &(*at)->next;
  *at = zygote->next;
  tell_spares(s);
  for (struct waiting *w = waiting; w; w = w->next) {
    struct sbx_run *run = sbx_server_find(s, w->msg.run);
    if (run && w->msg.type == SBX_CTL_RUN)
      run->of = NULL; /* Not its guest yet. */
  }
  for (size_t i = 0; i < SBX_BUCKETS; i++)
    for (struct sbx_run *run = s->by_id[i], *after; run; run = after) {
      after = run->next;
      if (run->of == zygote)
        settle(s, run, why);
    }
  for (struct waiting *w = zygote->head; w; w = next) {
    next = w->next;
    if (waiting)
      hand_over(s, w);
    free_waiting(w);
  }
  free_zygote(zygote);
}
