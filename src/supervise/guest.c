/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "../core/fd.h"
#include "../core/proc.h"

#define MS UINT64_C(1000000) /* nanoseconds */

/* Saturates: a duration may be as long as anybody likes. */
static uint64_t later(uint64_t now_ns, uint64_t ms) {
  return ms > (UINT64_MAX - now_ns) / MS ? UINT64_MAX : now_ns + ms * MS;
}

void sbx_guest_start(struct sbx_guest *guest, const struct sbx_policy *policy, pid_t pid,
                     bool alone, struct sbx_tree *tree, bool timed) {
  *guest = (struct sbx_guest){.policy = policy, .pid = pid, .io_fd = -1, .waiter_io_fd = -1};
  guest->exit.start_ns = sbx_now_real_ns();
  guest->next_signal_ns = UINT64_MAX;
  sbx_watch_start(&guest->watch, policy, pid, alone, tree);
  if (timed)
    sbx_guest_begin(guest);
}

void sbx_guest_begin(struct sbx_guest *guest) {
  uint64_t now = sbx_now_mono_ns();
  guest->exit.start_ns = sbx_now_real_ns();
  guest->next_signal_ns = later(now, guest->policy->timeout_ms);
  sbx_watch_begin(&guest->watch, now);
}

void sbx_guest_limit(struct sbx_guest *guest, uint64_t ms) {
  uint64_t now = sbx_now_mono_ns();
  if (guest->ending)
    return;
  guest->next_signal_ns = ms > 0 ? later(now, ms) : UINT64_MAX;
  guest->watch.next_memory_ns = ms > 0 && guest->policy->memory_bytes ? now : UINT64_MAX;
}

uint64_t sbx_guest_next_ns(const struct sbx_guest *guest) {
  uint64_t next = guest->next_signal_ns;
  if (guest->watch.next_cpu_ns < next)
    next = guest->watch.next_cpu_ns;
  return guest->watch.next_memory_ns < next ? guest->watch.next_memory_ns : next;
}

void sbx_guest_blame(struct sbx_guest *guest, enum sbx_reason reason) {
  if (guest->reason == SBX_REASON_NONE)
    guest->reason = reason;
}

int sbx_guest_end(struct sbx_guest *guest, enum sbx_reason reason, uint64_t now_ns) {
  if (guest->ending)
    return 0;
  guest->ending = true;
  sbx_guest_blame(guest, reason);
  guest->next_signal_ns = later(now_ns, guest->policy->grace_ms);
  return SIGTERM;
}

int sbx_guest_due(struct sbx_guest *guest, uint64_t now_ns) {
  if (now_ns >= guest->next_signal_ns) {
    if (!guest->ending)
      return sbx_guest_end(guest, SBX_REASON_TIMEOUT, now_ns);
    guest->next_signal_ns = UINT64_MAX;
    return SIGKILL;
  }
  enum sbx_reason over = sbx_watch_check(&guest->watch, now_ns);
  if (over == SBX_REASON_NONE)
    return 0;
  sbx_guest_blame(guest, over);
  guest->next_signal_ns = guest->watch.next_cpu_ns = guest->watch.next_memory_ns = UINT64_MAX;
  return SIGKILL;
}

static void add_usage(struct sbx_guest *guest, const struct rusage *r) {
  struct sbx_usage *u = &guest->exit.usage;
  u->user_us += (uint64_t)r->ru_utime.tv_sec * 1000000u + (uint64_t)r->ru_utime.tv_usec;
  u->system_us += (uint64_t)r->ru_stime.tv_sec * 1000000u + (uint64_t)r->ru_stime.tv_usec;
  if ((uint64_t)r->ru_maxrss > u->max_rss_kb)
    u->max_rss_kb = (uint64_t)r->ru_maxrss;
  u->minor_faults += (uint64_t)r->ru_minflt;
  u->major_faults += (uint64_t)r->ru_majflt;
  u->voluntary_switches += (uint64_t)r->ru_nvcsw;
  u->involuntary_switches += (uint64_t)r->ru_nivcsw;
}

static void set_io(struct sbx_usage *u, const struct sbx_proc_io *io) {
  u->read_chars = io->read_chars;
  u->write_chars = io->write_chars;
  u->read_bytes = io->read_bytes;
  u->write_bytes = io->write_bytes;
}

/* The guest is a zombie: what only /proc knows has to be read before it is reaped. */
static void read_io(struct sbx_guest *guest) {
  struct sbx_proc_io io;
  if (guest->io_fd >= 0 && sbx_proc_io_read(guest->io_fd, &io) >= 0)
    set_io(&guest->exit.usage, &io);
}

/* A guest that is not dumpable shows that to nobody once it is a zombie (from Linux 6.18 on, before
 * to its parent). But who waits for it gets all that it has read and written to its own account. */
static bool wait_for_guest(struct sbx_guest *guest, int *status, struct rusage *used) {
  struct sbx_proc_io before, after;
  int fd = guest->waiter_io_fd, cost = fd < 0 ? -1 : sbx_proc_io_read(fd, &before);
  if (wait4(guest->pid, status, WNOHANG, used) != guest->pid)
    return false;
  if (cost < 0 || sbx_proc_io_read(fd, &after) < 0)
    return true;
  after.read_chars -= before.read_chars + (uint64_t)cost;
  after.write_chars -= before.write_chars;
  after.read_bytes -= before.read_bytes;
  after.write_bytes -= before.write_bytes;
  set_io(&guest->exit.usage, &after);
  return true;
}

bool sbx_guest_reap(struct sbx_guest *guest, pid_t pid) {
  struct rusage used;
  int status;
  if (pid == guest->pid) {
    guest->exit.end_ns = sbx_now_real_ns();
    read_io(guest);
    if (!wait_for_guest(guest, &status, &used))
      return false;
  } else if (wait4(pid, &status, WNOHANG, &used) != pid) {
    return false;
  }
  add_usage(guest, &used);
  sbx_watch_reaped(&guest->watch, &used);
  if (pid == guest->pid) {
    guest->gone = true;
    guest->exit.status = status;
    sbx_fd_close(&guest->io_fd);
  }
  return true;
}

void sbx_guest_served(struct sbx_guest *guest, uint64_t cpu_us) {
  guest->exit.usage.system_us += cpu_us;
  guest->watch.reaped_cpu_us += cpu_us;
}

const struct sbx_ctl_exit *sbx_guest_report(struct sbx_guest *guest) {
  if (WIFSIGNALED(guest->exit.status) && WTERMSIG(guest->exit.status) == SIGXCPU)
    sbx_guest_blame(guest, SBX_REASON_CPU);
  guest->exit.reason = guest->reason;
  guest->exit.usage.peak_data_kb = guest->watch.peak_data_kb;
  return &guest->exit;
}
