/* SPDX-License-Identifier: MIT */
/* Which pages a run writes to. Each is one that a guest has to copy, by a fault of its own, and
 * they are almost the same for every run: a child that rehearses one tells which, and spares copy
 * them while they wait. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/fd.h"
#include "zygote.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define PATIENCE_MS 2000
#define MAX_RANGES 4096u

/* Of an entry of /proc/PID/pagemap. */
#define PRESENT (UINT64_C(1) << 63)
#define OURS_ALONE (UINT64_C(1) << 56)

struct study {
  int pagemap, to;
  unsigned long page;
  struct sbx_range open;
};

static void tell(const struct study *s) {
  if (s->open.from < s->open.to)
    sbx_write_full(s->to, &s->open, sizeof s->open);
}

static void add(struct study *s, unsigned long at) {
  if (at > s->open.to || s->open.from == s->open.to) {
    tell(s);
    s->open.from = at;
  }
  s->open.to = at + s->page;
}

static int look(const struct sbx_mapping *at, void *context) {
  struct study *s = context;
  uint64_t entries[512];
  if (at->access[1] != 'w' || at->access[3] != 'p')
    return 0;
  for (unsigned long from = at->from; from < at->to;) {
    unsigned long n = (at->to - from) / s->page;
    n = n < 512 ? n : 512;
    ssize_t got =
        pread(s->pagemap, entries, n * sizeof *entries, (off_t)(from / s->page * sizeof *entries));
    if (got <= 0)
      return 0;
    n = (unsigned long)got / sizeof *entries;
    for (unsigned long i = 0; i < n; i++)
      if ((entries[i] & PRESENT) && (entries[i] & OURS_ALONE))
        add(s, from + i * s->page);
    from += n * s->page;
  }
  return 0;
}

void sbx_zygote_end_study(const struct sbx_zygote *zygote) {
  struct study s = {.to = zygote->study_fd, .page = (unsigned long)sysconf(_SC_PAGESIZE)};
  s.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (s.pagemap >= 0 && s.to >= 0) {
    sbx_each_mapping(look, &s);
    tell(&s);
  }
  _exit(0);
}

static void take_notes(struct sbx_zygote *z, int from) {
  struct pollfd readable = {.fd = from, .events = POLLIN};
  struct sbx_range range;
  z->written = calloc(MAX_RANGES, sizeof *z->written);
  while (z->written && z->n_written < MAX_RANGES && poll(&readable, 1, PATIENCE_MS) == 1 &&
         sbx_read_full(from, &range, sizeof range) == (ssize_t)sizeof range)
    z->written[z->n_written++] = range;
}

bool sbx_zygote_study(struct sbx_zygote *zygote) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    return false;
  pid_t self = getpid(), pid = fork();
  if (pid == 0) {
    struct sbx_err err;
    sbx_fd_close(&ends[0]);
    zygote->study_fd = ends[1];
    if (sbx_zygote_begin_guest(zygote, self, &err) < 0)
      _exit(127);
    return true;
  }
  sbx_fd_close(&ends[1]);
  if (pid > 0) {
    take_notes(zygote, ends[0]);
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
      ;
  }
  sbx_fd_close(&ends[0]);
  return false;
}

/* What is not mapped any more, or a kernel that cannot do it, changes nothing. */
void sbx_zygote_touch(const struct sbx_zygote *zygote) {
  for (size_t i = 0; i < zygote->n_written; i++) {
    const struct sbx_range *r = &zygote->written[i];
    madvise((void *)r->from, r->to - r->from, /* NOLINT(performance-no-int-to-ptr) */
            MADV_POPULATE_WRITE);
  }
}
