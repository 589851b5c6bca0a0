/* SPDX-License-Identifier: MIT */
/* The zygote: an initialised Node.js that forks a guest for every run. Nothing foreign runs in it.
 * It has helper threads, but only its main thread, in serve(), does anything. */
#ifndef SBX_ZYGOTE_H
#define SBX_ZYGOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../core/control.h"
#include "../core/err.h"
#include "../core/policy.h"
#include "../guards/guards.h"

/* A range of descriptors that a guest does not keep: what the zygote opened for itself and for its
 * other guests. */
struct sbx_gap {
  unsigned first, last;
};

/* A descriptor of the runtime's. */
struct sbx_kept {
  int fd, flags;
  enum {
    SBX_KEPT_OURS,
    SBX_KEPT_EVENTFD,
    SBX_KEPT_EPOLL,
    SBX_KEPT_PIPE_OUT,
    SBX_KEPT_PIPE_IN
  } kind;
  uint64_t inode; /* of a pipe */
};

/* One line of /proc/self/maps, proc(5). */
struct sbx_mapping {
  unsigned long from, to, inode;
  char access[5];
};

struct sbx_range {
  unsigned long from, to;
};

struct sbx_zygote {
  struct sbx_policy policy;
  struct sbx_guard_shared shared;
  int status[2]; /* pipe: guests that could not be set up write a struct sbx_zygote_failure */
  int epoll_fd;
  int io_fd;                /* /proc/self/io; -1: not known */
  uint64_t inherited_bytes; /* VmData when it began to serve */
  struct sbx_gap *gaps;
  size_t n_gaps;
  struct sbx_kept *kept;
  size_t n_kept;
  struct sbx_range *written; /* what a run writes to, as far as is known */
  size_t n_written;
  int study_fd; /* in the child that finds that out */
  enum {
    SBX_SPARE_NONE,
    SBX_SPARE_OPEN,    /* any run may come, and brings its guards */
    SBX_SPARE_CONFINED /* as the run that is expected is to be */
  } spare;             /* in a guest that waits for its run */
};

/* What a guest ends with that says why it could not be set up, and may end with at any time. Small
 * enough for one write to a pipe to be atomic (pipe(7)). */
#define SBX_ZYGOTE_FAILED 127
struct sbx_zygote_failure {
  uint64_t run;
  struct sbx_err err;
};

/* serve.c: forks guests until the launcher closes the control socket, then ends the process.
 * Returns 0 in each guest, confined; 1 in a child that is to rehearse a run, see study.c; and
 * nowhere else, but -errno with `err` filled when it could not begin. */
int sbx_zygote_serve(struct sbx_zygote *zygote, struct sbx_err *err);

/* guest.c: from fork() on, in the child. `run` and `fds` as they came with RUN. A spare gets them
 * over `sock` and waits for that in sbx_zygote_await_run(), which returns true when the guards are
 * applied then and not before; `expected` is what its run will have, or NULL. Ends the process when
 * anything fails. */
void sbx_zygote_become_guest(struct sbx_zygote *zygote, struct sbx_ctl *run, const int *fds,
                             int zygote_pid);
void sbx_zygote_become_spare(struct sbx_zygote *zygote, int sock, int zygote_pid,
                             struct sbx_ctl_run *expected);
bool sbx_zygote_await_run(struct sbx_zygote *zygote);
int sbx_zygote_begin_guest(struct sbx_zygote *zygote, int zygote_pid, struct sbx_err *err);

/* spares.c: in the zygote. Gives a run to a spare: its pid, or 0 when there is none. Whether
 * another is wanted while so many guests run, to be forked when there is nothing else to do;
 * returns true in the spare. All are let go when there were no runs for a while. */
pid_t sbx_spares_use(const struct sbx_zygote *zygote, struct sbx_ctl *run, const int *fds,
                     uint64_t now_ns, struct sbx_stall *stall);
bool sbx_spares_wanted(const struct sbx_policy *policy, size_t running, uint64_t now_ns);
bool sbx_spares_fork(struct sbx_zygote *zygote);
uint64_t sbx_spares_next_ns(void);
unsigned sbx_spares_count(void);
void sbx_spares_due(const struct sbx_zygote *zygote, uint64_t now_ns);

/* stalls.c: in the zygote. fork(2), into a cgroup where guests have some: `stall` is the guest's
 * until it is given back, when the guest has been waited for. */
int sbx_stalls_open(const struct sbx_zygote *zygote);
pid_t sbx_stalls_fork(const struct sbx_zygote *zygote, struct sbx_stall *stall);
void sbx_stalls_give_back(const struct sbx_zygote *zygote, struct sbx_stall *stall);

/* How many descriptors a RUN has. */
int sbx_zygote_run_fds(const struct sbx_zygote *zygote);

/* What the guards are told of a run. */
struct sbx_guard_run sbx_zygote_guard_run(struct sbx_zygote *zygote,
                                          const struct sbx_ctl_run *args);

/* ready.c: in the zygote, before it gives a run to a guest: sees to it that there is a view for it
 * to enter, or none, and that it is up to date. The guest finds it; NULL: it has to make its own.
 * How many were made and dropped so far tells whether a guest that was forked before has the same.
 */
void sbx_zygote_make_ready(const struct sbx_guard_run *run, const struct sbx_ctl_run *args);
const struct sbx_ready_view *sbx_zygote_find_ready(const struct sbx_ctl_run *args);
unsigned sbx_zygote_ready_count(void);

/* What the next run will have, if it is like the last ones, which had a view to enter; else NULL.
 */
struct sbx_ctl_run *sbx_zygote_expected(void);

/* descriptors.c: in the zygote, before it opens anything else: what a guest will keep. -EBADF when
 * the runtime has something open that no guest can have to itself. Then, in a guest, makes it so,
 * and puts `fds` at their numbers. */
int sbx_zygote_note_descriptors(struct sbx_zygote *zygote);
int sbx_zygote_renew_descriptors(const struct sbx_zygote *zygote, struct sbx_err *err);
int sbx_zygote_take_descriptors(const int *fds, struct sbx_err *err);

/* Closes all others but these two, which may be -1. */
int sbx_zygote_close_others(const struct sbx_zygote *zygote, int ruleset_fd, int listener_fd,
                            struct sbx_err *err);

/* memory.c: lets all memory come along over fork(); V8 keeps its heap from doing so. -EBADF when
 * some of it is shared and may be written. The others before that, so that guests share more. */
int sbx_zygote_share_memory(struct sbx_err *err);
void sbx_zygote_forget_code(void);
void sbx_zygote_fill_heap(void);

/* arena.c: in the zygote, before it shares its memory: V8's heap lies in one place by then, and is
 * put on large pages where most of one is in use. */
void sbx_arena_settle(void);

/* Calls `visit` for each mapping, until it returns less than 0. Returns that, 0 or -errno. What the
 * kernel itself put there, [vvar] and the like, is left out where its line is another. */
int sbx_each_mapping(int (*visit)(const struct sbx_mapping *at, void *context), void *context);

/* study.c: in the zygote, before it serves: forks a child to find out what a run writes to, in
 * which it returns true; that rehearses a run and ends by sbx_zygote_end_study(). Spares then touch
 * it. */
bool sbx_zygote_study(struct sbx_zygote *zygote);
void __attribute__((noreturn)) sbx_zygote_end_study(const struct sbx_zygote *zygote);
void sbx_zygote_touch(const struct sbx_zygote *zygote);

/* entropy.c: bytes of the kernel's, at most 256. Returns 0 or -errno. */
int sbx_zygote_random(void *bytes, size_t len);

/* OpenSSL's generators go on from a state of this process's own. The zygote finds them, each guest
 * reseeds. Returns 0 or -errno. */
void sbx_zygote_find_seed(void);
int sbx_zygote_reseed(void);

#endif
