/* SPDX-License-Identifier: MIT */
/* A guest from fork() until it returns to JavaScript. It still runs our code, with the zygote's
 * rights, until the guards have taken them. */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../core/fd.h"
#include "zygote.h"

static void __attribute__((noreturn))
fail(const struct sbx_zygote *zygote, uint64_t run, const struct sbx_err *err) {
  struct sbx_zygote_failure failure = {run, *err};
  sbx_write_full(zygote->status[1], &failure, sizeof failure);
  _exit(SBX_ZYGOTE_FAILED);
}

struct sbx_guard_run sbx_zygote_guard_run(struct sbx_zygote *zygote,
                                          const struct sbx_ctl_run *args) {
  return (struct sbx_guard_run){.policy = &zygote->policy,
                                .shared = &zygote->shared,
                                .workdir = args->workdir,
                                .data_fd = SBX_GUEST_DATA_FD,
                                .stdout_fd = STDOUT_FILENO,
                                .stderr_fd = STDERR_FILENO,
                                .status_fd = -1,
                                .ruleset_fd = -1,
                                .listener_fd = -1,
                                .exec_fd = -1,
                                .forked = true,
                                .nested = zygote->policy.preload_ms > 0,
                                .inherited_bytes = zygote->inherited_bytes,
                                .readable = args->readable != 0};
}

int sbx_zygote_run_fds(const struct sbx_zygote *zygote) {
  return SBX_CTL_RUN_FDS + (zygote->policy.permit & SBX_PERMIT_NET_RULES ? 1 : 0);
}

/* What the zygote has open for ready views is needed until the guards are prepared. */
static int confine(struct sbx_zygote *zygote, struct sbx_ctl_run *args, int listener_fd,
                   struct sbx_err *err) {
  struct sbx_guard_run run = sbx_zygote_guard_run(zygote, args);
  run.ready = sbx_zygote_find_ready(args);
  run.grants = sbx_ctl_grants(args);
  run.listener_fd = listener_fd;
  if (!run.grants)
    return sbx_err_set(err, SBX_STAGE_FORK, ENOMEM, "grants: %s", strerror(ENOMEM));
  int rc = sbx_guards_prepare(&run, err);
  if (rc == 0)
    rc = sbx_zygote_close_others(zygote, run.ruleset_fd, run.listener_fd, err);
  if (rc == 0)
    rc = sbx_guards_apply(&run, err);
  sbx_view_free(&run.view);
  free((void *)run.grants);
  return rc;
}

/* What any guest needs, whichever its run is. */
int sbx_zygote_begin_guest(struct sbx_zygote *zygote, int zygote_pid, struct sbx_err *err) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
    return sbx_err_set(err, SBX_STAGE_PRIVILEGES, errno, "PR_SET_PDEATHSIG: %s", strerror(errno));
  /* It is not sent for a parent that died before it was asked for. */
  if (getppid() != zygote_pid)
    _exit(127);
  setsid();
  int rc = sbx_zygote_renew_descriptors(zygote, err);
  if (rc < 0)
    return rc;
  rc = sbx_zygote_reseed();
  return rc < 0 ? sbx_err_set(err, SBX_STAGE_FORK, -rc, "getrandom: %s", strerror(-rc)) : 0;
}

/* Takes what is a run's own, and returns what is left of the guards. */
static int take_run(struct sbx_zygote *zygote, struct sbx_ctl *msg, const int *fds,
                    struct sbx_err *err) {
  struct sbx_ctl_run *args = &msg->u.run_args;
  int rc = sbx_zygote_take_descriptors(fds, err);
  if (rc == 0 && *args->traceparent && setenv("TRACEPARENT", args->traceparent, 1) < 0)
    rc = sbx_err_set(err, SBX_STAGE_FORK, errno, "TRACEPARENT: %s", strerror(errno));
  int listener_fd = sbx_zygote_run_fds(zygote) > SBX_CTL_RUN_FDS ? fds[SBX_CTL_RUN_FDS] : -1;
  if (rc < 0 || zygote->spare != SBX_SPARE_CONFINED)
    return rc < 0 ? rc : confine(zygote, args, listener_fd, err);
  for (int i = 0; i < SBX_CTL_RUN_FDS; i++) {
    int fd = fds[i];
    sbx_fd_close(&fd);
  }
  /* It may be closed to the guest by now. */
  struct sbx_guard_run run = sbx_zygote_guard_run(zygote, args);
  return sbx_guard_workdir(&run, err);
}

static void finish(struct sbx_zygote *zygote, struct sbx_ctl *msg, const int *fds) {
  struct sbx_err err = {0};
  if (take_run(zygote, msg, fds, &err) < 0)
    fail(zygote, msg->run, &err);
  sbx_fd_close(&zygote->status[1]);
}

void sbx_zygote_become_guest(struct sbx_zygote *zygote, struct sbx_ctl *msg, const int *fds,
                             int zygote_pid) {
  struct sbx_err err = {0};
  if (sbx_zygote_begin_guest(zygote, zygote_pid, &err) < 0)
    fail(zygote, msg->run, &err);
  finish(zygote, msg, fds);
}

/* Why it fails is told by the guest that is forked in its place. */
void sbx_zygote_become_spare(struct sbx_zygote *zygote, int sock, int zygote_pid,
                             struct sbx_ctl_run *expected) {
  struct sbx_err err;
  if (sbx_zygote_begin_guest(zygote, zygote_pid, &err) < 0)
    _exit(127);
  sbx_zygote_touch(zygote);
  /* Where the guards leave it: in the place of the zygote's own way to the launcher. */
  if (dup2(sock, SBX_GUEST_DATA_FD) < 0)
    _exit(127);
  sbx_fd_close(&sock);
  if (expected && confine(zygote, expected, -1, &err) < 0)
    _exit(127);
  zygote->spare = expected ? SBX_SPARE_CONFINED : SBX_SPARE_OPEN;
}

bool sbx_zygote_await_run(struct sbx_zygote *zygote) {
  static struct sbx_ctl msg; /* It is large, and the guest's stack starts here. */
  int fds[SBX_CTL_MAX_FDS], nfds;
  bool open = zygote->spare == SBX_SPARE_OPEN;
  if (zygote->spare == SBX_SPARE_NONE)
    return false;
  memset(&msg, 0, offsetof(struct sbx_ctl, u.run_args.grants)); /* Its pages are copied now. */
  if (sbx_ctl_recv(SBX_GUEST_DATA_FD, 0, &msg, fds, &nfds) != 1 ||
      nfds != sbx_zygote_run_fds(zygote))
    _exit(127);
  finish(zygote, &msg, fds);
  return open;
}
