/* SPDX-License-Identifier: MIT */
#include "stamps.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/fd.h"

/* Of a look that is made for the first time, or at what others have to answer for. */
#define PATIENCE_MS 500

/* What a path that was asked for led to. A file that is put in the place of another has another
 * number, or the same number and another time of birth. */
struct stamp {
  int errnum;
  unsigned mode, major, minor;
  uint64_t inode;
  int64_t born_s;
  uint32_t born_ns, pad;
};

struct sbx_stamps {
  char *const *lists[2];
  const char *workdir;
  size_t n;
  bool known;          /* the list is */
  bool local;          /* no path leads to a file system that may keep whoever asks waiting */
  struct stamp list[]; /* of the lists, of the working directory */
};

/* What a child found out, see ask_child(). */
struct finding {
  bool done, local;
  struct stamp list[];
};

static struct stamp stamp_of(const char *path) {
  struct stamp now;
  struct statx st;
  memset(&now, 0, sizeof now); /* They are compared as they lie there. */
  if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_TYPE | STATX_INO | STATX_BTIME, &st) < 0) {
    now.errnum = errno;
    return now;
  }
  now.mode = st.stx_mode & S_IFMT;
  now.major = st.stx_dev_major;
  now.minor = st.stx_dev_minor;
  now.inode = st.stx_ino;
  now.born_s = st.stx_mask & STATX_BTIME ? st.stx_btime.tv_sec : 0;
  now.born_ns = st.stx_mask & STATX_BTIME ? st.stx_btime.tv_nsec : 0;
  return now;
}

static size_t count(char *const *list) {
  size_t n = 0;
  while (list && list[n])
    n++;
  return n;
}

static bool same(const char *path, const struct stamp *stamp) {
  struct stamp now = stamp_of(path);
  return memcmp(&now, stamp, sizeof now) == 0;
}

/* File systems of this machine's own, statfs(2). All others may be somebody else's: NFS, FUSE,
 * autofs wait for a server, for good if need be. */
static bool is_local(const char *path) {
  static const uint32_t own[] = {
      0xef53 /* ext */,          0x58465342 /* xfs */,      0x9123683e /* btrfs */,
      0x01021994 /* tmpfs */,    0x858458f6 /* ramfs */,    0x794c7630 /* overlayfs */,
      0x73717368 /* squashfs */, 0xe0f5e1e2 /* erofs */,    0x9fa0 /* proc */,
      0x62656572 /* sysfs */,    0x1cd1 /* devpts */,       0xf2f52010 /* f2fs */,
      0x2fc12fc1 /* zfs */,      0x9660 /* iso9660 */,      0x4d44 /* vfat */,
      0x2011bab0 /* exfat */,    0xca451a4e /* bcachefs */, 0x52654973 /* reiserfs */,
      0x3153464a /* jfs */,      0x6e736673 /* nsfs */,     0x27e0eb /* cgroup */,
      0x63677270 /* cgroup2 */,  0x61756673 /* aufs */,
  };
  struct statfs fs;
  if (statfs(path, &fs) < 0) /* There is nothing that could answer late. */
    return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if ((uint32_t)fs.f_type == own[i])
      return true;
  return false;
}

/* The path of the stamp with that number. */
static const char *path_at(const struct sbx_stamps *stamps, size_t i) {
  for (size_t list = 0; list < 2; list++) {
    size_t n = count(stamps->lists[list]);
    if (i < n)
      return stamps->lists[list][i] + 1;
    i -= n;
  }
  return stamps->workdir;
}

static void __attribute__((noreturn))
find_out(const struct sbx_stamps *stamps, struct finding *found, int pipe_fd) {
  /* Whatever this process holds nobody else sees the end of, for as long as it has to wait. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || sbx_fd_close_all_but(&pipe_fd, 1) < 0)
    _exit(1);
  found->local = true;
  for (size_t i = 0; i < stamps->n; i++) {
    const char *path = path_at(stamps, i);
    found->list[i] = stamp_of(path);
    found->local = is_local(path) && found->local;
  }
  found->done = true;
  _exit(0);
}

/* A child that was not back in time, and has been killed. As long as there is one, nothing is
 * asked. */
static pid_t stuck;

static bool is_stuck(void) {
  /* Where the caller reaps whatever ends, ECHILD. */
  if (stuck > 0 && waitpid(stuck, NULL, WNOHANG) != 0)
    stuck = 0;
  return stuck > 0;
}

/* Returns whether the child was back in time. */
static bool wait_for(pid_t pid, int pipe_fd) {
  struct pollfd p = {.fd = pipe_fd, .events = POLLIN};
  int rc;
  do
    rc = poll(&p, 1, PATIENCE_MS);
  while (rc < 0 && errno == EINTR);
  if (rc == 1) {
    waitpid(pid, NULL, 0);
    return true;
  }
  kill(pid, SIGKILL);
  stuck = pid;
  return false;
}

/* Has a child look, with which nobody waits for longer than so much. */
static bool ask_child(const struct sbx_stamps *stamps, struct finding *found) {
  int ends[2];
  if (is_stuck() || pipe2(ends, O_CLOEXEC) < 0)
    return false;
  pid_t pid = fork();
  if (pid == 0)
    find_out(stamps, found, ends[1]);
  sbx_fd_close(&ends[1]);
  bool back = pid > 0 && wait_for(pid, ends[0]);
  sbx_fd_close(&ends[0]);
  return back && found->done;
}

/* Takes them, or tells whether they are still the same, by a child. */
static bool each_by_child(struct sbx_stamps *stamps, bool take) {
  const size_t bytes = stamps->n * sizeof *stamps->list;
  size_t size = sizeof(struct finding) + bytes;
  struct finding *found =
      mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (found == MAP_FAILED)
    return false;
  bool good = ask_child(stamps, found);
  if (good && take) {
    memcpy(stamps->list, found->list, bytes);
    stamps->local = found->local;
  } else if (good) {
    good = memcmp(stamps->list, found->list, bytes) == 0;
  }
  munmap(found, size);
  return good;
}

static bool each(const struct sbx_stamps *stamps) {
  const struct stamp *at = stamps->list;
  for (size_t i = 0; i < 2; i++)
    for (char *const *grant = stamps->lists[i]; grant && *grant; grant++, at++)
      if (!same(*grant + 1, at))
        return false;
  return same(stamps->workdir, at);
}

struct sbx_stamps *sbx_stamps_take(char *const *common, char *const *own, const char *workdir) {
  size_t n = count(common) + count(own) + 1;
  struct sbx_stamps *stamps = malloc(sizeof *stamps + n * sizeof *stamps->list);
  if (!stamps)
    return NULL;
  *stamps = (struct sbx_stamps){.lists = {common, own}, .workdir = workdir, .n = n};
  stamps->known = each_by_child(stamps, true);
  return stamps;
}

bool sbx_stamps_local(const struct sbx_stamps *stamps) {
  return stamps->known && stamps->local;
}

bool sbx_stamps_hold(struct sbx_stamps *stamps) {
  if (!stamps->known)
    return false;
  return stamps->local ? each(stamps) : each_by_child(stamps, false);
}

void sbx_stamps_free(struct sbx_stamps *stamps) {
  free(stamps);
}
