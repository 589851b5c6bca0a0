/* SPDX-License-Identifier: MIT */
/* The guest's descriptor table: /dev/null, stdout, stderr, the data socket, the way to a debugger
 * where one is waited for, and nothing else but what execve() closes: the status pipe, the ruleset,
 * the way to init for the listener, and the runtime that is to be executed. Guest's process,
 * between fork() and execve(). */
#include "guards.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../core/control.h"
#include "../core/fd.h"

/* In a row, so that what is above can be closed by range. */
enum { STATUS_FD = SBX_GUEST_DATA_FD + 1, RULESET_FD, LISTENER_FD, DEBUG_FD, FIRST_FREE };
_Static_assert(DEBUG_FD == SBX_GUEST_DEBUG_FD, "the guest looks for it there");
/* The kernel's table is as large as its largest number: eight bytes for each. */
#define MAX_FILES_UNLIMITED 65536u

static int fail(struct sbx_err *err, const char *what) {
  return sbx_err_set(err, SBX_STAGE_FDS, errno, "%s: %s", what, strerror(errno));
}

uint64_t sbx_guard_most_files(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
    return MAX_FILES_UNLIMITED;
  return limit.rlim_max - limit.rlim_max / 4 - 1;
}

uint64_t sbx_guard_max_files(const struct sbx_policy *policy) {
  uint64_t max = policy->max_files ? policy->max_files : MAX_FILES_UNLIMITED;
  uint64_t most = sbx_guard_most_files();
  return max < most ? max : most;
}

/* The runtime at the first number that the guest's limit will forbid. */
static int place_runtime(struct sbx_guard_run *run, struct sbx_err *err) {
  int number = (int)sbx_guard_max_files(run->policy);
  const char *path = run->policy->exec_path;
  if (sbx_fd_raise_limit() < 0)
    return fail(err, "RLIMIT_NOFILE");
  int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0)
    return sbx_err_set(err, SBX_STAGE_EXEC, errno, "open %.160s: %s", path, strerror(errno));
  if (fd != number && dup3(fd, number, O_CLOEXEC) < 0)
    return fail(err, "dup3");
  run->exec_fd = number;
  return 0;
}

static int close_others(const struct sbx_guard_run *run, struct sbx_err *err) {
  int rc = sbx_fd_close_range(FIRST_FREE, (unsigned)run->exec_fd - 1);
  if (rc == 0)
    rc = sbx_fd_close_range((unsigned)run->exec_fd + 1, ~0U);
  return rc < 0 ? sbx_err_set(err, SBX_STAGE_FDS, -rc, "close_range: %s", strerror(-rc)) : 0;
}

int sbx_guard_fds(struct sbx_guard_run *run, struct sbx_err *err) {
  /* Its runtime has descriptors of its own, which only the zygote knows; those of a zygote are
   * placed before it is executed, see launcher/child.c. */
  if (run->shared->forked || run->zygote)
    return 0;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0)
    return fail(err, "open /dev/null");
  /* To its index each; /dev/null also stands in for what there is not. */
  int from[FIRST_FREE] = {null,
                          run->stdout_fd,
                          run->stderr_fd,
                          run->data_fd,
                          run->status_fd,
                          run->ruleset_fd < 0 ? null : run->ruleset_fd,
                          run->listener_fd < 0 ? null : run->listener_fd,
                          run->debug_fd <= 0 ? null : run->debug_fd};
  /* The sources may lie among the targets: lift all of them out of the way first, the one that
   * tells of a failure before the others. */
  int high = fcntl(run->status_fd, F_DUPFD_CLOEXEC, 16);
  if (high < 0)
    return fail(err, "duplicating the status pipe");
  run->status_fd = from[STATUS_FD] = high;
  for (int i = 0; i < FIRST_FREE; i++)
    if ((from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 16)) < 0)
      return fail(err, "duplicating a descriptor");
  for (int i = 0; i < FIRST_FREE; i++)
    if (dup3(from[i], i, i < STATUS_FD || (i == DEBUG_FD && run->debug_fd > 0) ? 0 : O_CLOEXEC) < 0)
      return fail(err, "dup3");
  run->data_fd = SBX_GUEST_DATA_FD;
  run->stdout_fd = STDOUT_FILENO;
  run->stderr_fd = STDERR_FILENO;
  run->status_fd = STATUS_FD;
  run->ruleset_fd = run->ruleset_fd < 0 ? -1 : RULESET_FD;
  run->listener_fd = run->listener_fd < 0 ? -1 : LISTENER_FD;
  run->debug_fd = run->debug_fd <= 0 ? -1 : DEBUG_FD;
  int rc = place_runtime(run, err);
  return rc < 0 ? rc : close_others(run, err);
}
