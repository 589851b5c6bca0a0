/* SPDX-License-Identifier: MIT */
/* Guests that were forked ahead of demand. Each waits for the one run that it is for; until then it
 * has all the rights of the zygote, runs none but our code, and knows of no run. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/fd.h"
#include "zygote.h"

#define AUTO_MAX 8u
#define IDLE_NS UINT64_C(2000000000)

struct spare {
  pid_t pid;
  int sock;
  unsigned views; /* sbx_zygote_ready_count() when it was forked */
};

static struct spare *spares;
static unsigned n_spares, room, target;
static uint64_t idle_ns; /* when all are let go; 0: there were no runs */

static void let_go(struct spare spare) {
  kill(spare.pid, SIGKILL);
  sbx_fd_close(&spare.sock);
  while (waitpid(spare.pid, NULL, 0) < 0 && errno == EINTR)
    ;
}

static unsigned wanted(const struct sbx_policy *policy) {
  return policy->spares == SBX_SPARES_AUTO ? target : policy->spares;
}

bool sbx_spares_wanted(const struct sbx_policy *policy, uint64_t now_ns) {
  return now_ns < idle_ns && n_spares < wanted(policy);
}

unsigned sbx_spares_count(void) {
  return n_spares;
}

uint64_t sbx_spares_next_ns(void) {
  return n_spares > 0 ? idle_ns : UINT64_MAX;
}

void sbx_spares_due(uint64_t now_ns) {
  if (now_ns < idle_ns)
    return;
  while (n_spares > 0)
    let_go(spares[--n_spares]);
  target = 0;
}

pid_t sbx_spares_use(const struct sbx_zygote *zygote, struct sbx_ctl *msg, const int *fds,
                     uint64_t now_ns) {
  if (zygote->policy.spares == 0)
    return 0;
  idle_ns = now_ns + IDLE_NS;
  while (n_spares > 0) {
    struct spare spare = spares[--n_spares];
    /* One that knows of other views than there are now, or was killed, is none. */
    if (spare.views == sbx_zygote_ready_count() &&
        sbx_ctl_send(spare.sock, msg, fds, sbx_zygote_run_fds(zygote)) == 0) {
      sbx_fd_close(&spare.sock);
      return spare.pid;
    }
    let_go(spare);
  }
  if (target < AUTO_MAX)
    target++;
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
  pid_t self = getpid(), pid = fork();
  if (pid == 0) {
    sbx_zygote_become_spare(zygote, pair[1], self);
    return true;
  }
  sbx_fd_close(&pair[1]);
  if (pid < 0) {
    sbx_fd_close(&pair[0]);
    idle_ns = 0;
    return false;
  }
  spares[n_spares++] = (struct spare){pid, pair[0], sbx_zygote_ready_count()};
  return false;
}
