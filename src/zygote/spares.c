/* SPDX-License-Identifier: MIT */
/* Guests that were forked ahead of demand. Each waits for the one run that it is for; until then it
 * runs none but our code, and knows of no run. Where the last runs were alike it is confined as
 * they were, and serves no others; else it has all the rights of the zygote. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/fd.h"
#include "zygote.h"

#define AUTO_MAX 8u
#define IDLE_NS UINT64_C(5000000000) /* a run every few seconds finds one */

struct spare {
  pid_t pid;
  int sock;
  struct sbx_stall stall;
  unsigned views;                   /* sbx_zygote_ready_count() when it was forked */
  const struct sbx_ready_view *one; /* that it has entered, and no other; NULL: it may enter any */
};

static struct spare *spares; /* the oldest first: it has had the most time */
static unsigned n_spares, room, target;
static uint64_t idle_ns; /* when all are let go; 0: there were no runs */

static void let_go(const struct sbx_zygote *zygote, struct spare spare) {
  kill(spare.pid, SIGKILL);
  sbx_fd_close(&spare.sock);
  while (waitpid(spare.pid, NULL, 0) < 0 && errno == EINTR)
    ;
  sbx_stalls_give_back(zygote, &spare.stall);
}

static unsigned wanted(const struct sbx_policy *policy) {
  return policy->spares == SBX_SPARES_AUTO ? target : policy->spares;
}

/* What this process may run on; a machine of more than a cpu_set_t holds has no lack of them. */
static unsigned processors(void) {
  static unsigned n;
  cpu_set_t set;
  if (n == 0)
    n = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : CPU_SETSIZE;
  return n;
}

/* To fork ahead takes as much time as to fork when it is due, and only moves it to where nobody
 * waits for it. With a guest for each processor there is no such time: runs would wait for spares
 * of runs that have not come. Who gives a number has decided. */
bool sbx_spares_wanted(const struct sbx_policy *policy, size_t running, uint64_t now_ns) {
  bool free_time = policy->spares != SBX_SPARES_AUTO || running < processors();
  return now_ns < idle_ns && n_spares < wanted(policy) && free_time;
}

unsigned sbx_spares_count(void) {
  return n_spares;
}

uint64_t sbx_spares_next_ns(void) {
  return n_spares > 0 ? idle_ns : UINT64_MAX;
}

void sbx_spares_due(const struct sbx_zygote *zygote, uint64_t now_ns) {
  if (now_ns < idle_ns)
    return;
  while (n_spares > 0)
    let_go(zygote, spares[--n_spares]);
  target = 0;
}

/* One that knows of other views than there are now is none. */
static bool suits(const struct spare *spare, const struct sbx_ctl_run *args) {
  return spare->views == sbx_zygote_ready_count() &&
         (!spare->one || spare->one == sbx_zygote_find_ready(args));
}

pid_t sbx_spares_use(const struct sbx_zygote *zygote, struct sbx_ctl *msg, const int *fds,
                     uint64_t now_ns, struct sbx_stall *stall) {
  if (zygote->policy.spares == 0)
    return 0;
  idle_ns = now_ns + IDLE_NS;
  while (n_spares > 0) {
    struct spare spare = spares[0];
    memmove(spares, spares + 1, --n_spares * sizeof *spares);
    /* Nor is one that was killed. */
    if (suits(&spare, &msg->u.run_args) &&
        sbx_ctl_send(spare.sock, msg, fds, sbx_zygote_run_fds(zygote)) == 0) {
      sbx_fd_close(&spare.sock);
      *stall = spare.stall;
      return spare.pid;
    }
    let_go(zygote, spare);
  }
  /* With one alone, a run that follows another would find it unprepared. */
  if (target < AUTO_MAX)
    target += target == 0 ? 2 : 1;
  return 0;
}

bool sbx_spares_fork(struct sbx_zygote *zygote) {
  int pair[2];
  if (n_spares == room) {
    struct spare *more = realloc(spares, (room + 8) * sizeof *spares);
    if (!more) {
      idle_ns = 0;
      return false;
    }
    spares = more;
    room += 8;
  }
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
    idle_ns = 0; /* Not again before the next run, which will have to do without. */
    return false;
  }
  /* Under network rules a guest's filter is the last guard, and its listener a run's own. */
  bool rules = zygote->policy.permit & SBX_PERMIT_NET_RULES;
  struct sbx_ctl_run *expected = rules ? NULL : sbx_zygote_expected();
  struct sbx_stall stall;
  pid_t self = getpid(), pid = sbx_stalls_fork(zygote, &stall);
  if (pid == 0) {
    sbx_zygote_become_spare(zygote, pair[1], self, expected);
    return true;
  }
  sbx_fd_close(&pair[1]);
  if (pid < 0) {
    sbx_fd_close(&pair[0]);
    idle_ns = 0;
    return false;
  }
  spares[n_spares++] = (struct spare){pid, pair[0], stall, sbx_zygote_ready_count(),
                                      expected ? sbx_zygote_find_ready(expected) : NULL};
  return false;
}
