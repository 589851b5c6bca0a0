/* SPDX-License-Identifier: MIT */
/* What of the zygote's memory comes along over fork(), and what a guest has to do about it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../core/fd.h"
#include "zygote.h"

static bool read_mapping(const char *line, struct sbx_mapping *out) {
  struct sbx_mapping at;
  if (sscanf(line, "%lx-%lx %4s %*s %*s %lu", &at.from, &at.to, at.access, &at.inode) != 4)
    return false;
  *out = at;
  return true;
}

int sbx_each_mapping(int (*visit)(const struct sbx_mapping *at, void *context), void *context) {
  FILE *maps = fopen("/proc/self/maps", "re");
  char *line = NULL;
  size_t room = 0;
  int rc = 0;
  if (!maps)
    return -errno;
  while (rc == 0 && getline(&line, &room, maps) > 0) {
    struct sbx_mapping at;
    if (read_mapping(line, &at))
      rc = visit(&at, context);
  }
  if (rc == 0 && ferror(maps))
    rc = -EIO;
  free(line);
  fclose(maps);
  return rc;
}

static void *address(const struct sbx_mapping *at) {
  return (void *)at->from; /* NOLINT(performance-no-int-to-ptr) */
}

static int share(const struct sbx_mapping *at, void *unused) {
  (void)unused;
  if (at->access[3] == 'p') {
    madvise(address(at), at->to - at->from, MADV_DOFORK);
    return 0;
  }
  return at->access[1] == 'w' ? -EBADF : 0; /* Guests could talk to each other by it. */
}

/* One fault brings 16 pages of a file. To copy what belongs to a mapping costs a fork more than the
 * few that a small one may take. */
#define SMALL ((size_t)256 << 10)

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* of files: Linux 6.15 */
#define MADV_GUARD_REMOVE 103
#endif

/* For a moment there is no first page, which then comes back from the file. */
static void guard_once(const struct sbx_mapping *at) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  unsigned long mine = (unsigned long)(uintptr_t)&madvise;
  if (mine - at->from >= page && madvise(address(at), page, MADV_GUARD_INSTALL) == 0)
    madvise(address(at), page, MADV_GUARD_REMOVE);
}

/* fork() leaves the page tables of files out, so that each guest would have to fault them in anew:
 * some 250 times. It does take those of a mapping that a page of was ever written to, so one byte
 * is, with what it is already; past the protection, as a debugger does it. A zygote that is
 * confined may not open its memory so; its kernel counts a guard page as well, if it knows them.
 * Where all that is refused guests are slower. */
static int keep_tables(const struct sbx_mapping *at, void *mem) {
  unsigned char byte;
  int fd = *(int *)mem;
  if (at->access[3] != 'p' || at->access[0] != 'r' || at->access[1] != '-' || at->inode == 0 ||
      at->to - at->from < SMALL)
    return 0;
  if (fd < 0)
    guard_once(at);
  else if (pread(fd, &byte, 1, (off_t)at->from) == 1 && pwrite(fd, &byte, 1, (off_t)at->from) != 1)
    return -errno;
  return 0;
}

/* In namespaces of its own the zygote has a read-only /proc; this is another one. */
static int open_memory(void) {
  int mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  if (mem >= 0 || errno != EROFS)
    return mem;
  SBX_AUTO_FD int fs = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
  if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
    return -1;
  SBX_AUTO_FD int proc = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
  return proc < 0 ? -1 : openat(proc, "self/mem", O_RDWR | O_CLOEXEC);
}

int sbx_zygote_share_memory(struct sbx_err *err) {
  SBX_AUTO_FD int mem = open_memory();
  sbx_each_mapping(keep_tables, &mem);
  int rc = sbx_each_mapping(share, NULL);
  return rc < 0
             ? sbx_err_set(err, SBX_STAGE_FORK, -rc, "the memory of the zygote: %s", strerror(-rc))
             : 0;
}

/* Code and constants that only the start of the runtime needed, which would be of no use in the
 * page tables of guests. They come back from the page cache. What was changed in memory would not.
 */
void sbx_zygote_forget_code(void) {
  FILE *smaps = fopen("/proc/self/smaps", "re");
  struct sbx_mapping at = {0};
  char *line = NULL;
  size_t room = 0;
  unsigned long changed;
  while (smaps && getline(&line, &room, smaps) > 0) {
    if (read_mapping(line, &at))
      continue;
    if (sscanf(line, "Anonymous: %lu kB", &changed) == 1 && changed == 0 && at.inode != 0 &&
        at.access[0] == 'r' && at.access[1] == '-' && at.access[3] == 'p')
      madvise(address(&at), at.to - at.from, MADV_DONTNEED);
  }
  free(line);
  if (smaps)
    fclose(smaps);
}

#ifdef __GLIBC__
/* Below what an allocation is mapped for. */
#define LARGE ((size_t)96 << 10)

/* Gives back the pages in the holes that the start of the runtime has left in the heap, half of it,
 * and fills the holes, for good. What a guest allocates then lies close together, behind them, and
 * takes a few pages for itself; in the holes it would take one for almost every block. */
void sbx_zygote_fill_heap(void) {
  static char *edge;
  malloc_trim(0);
  char *end = sbrk(0);
  /* The block that makes the heap grow is the first behind all holes. */
  for (int i = 0; i < 64 && sbrk(0) == end; i++)
    edge = malloc(LARGE);
  if (!edge || sbrk(0) == end)
    return;
  for (size_t size = LARGE; size >= 24; size -= size > 1024 ? size / 16 & ~(size_t)15 : 16) {
    char *block;
    while ((block = malloc(size)) && block < edge) /* NOLINT(clang-analyzer-unix.Malloc): kept */
      ;
    free(block);
  }
}
#else
void sbx_zygote_fill_heap(void) {
}
#endif
