/* SPDX-License-Identifier: MIT */
/* One place for V8's heap. V8 asks for each of its chunks at an address that it has drawn, so that
 * every 256 KB have page tables of their own, three levels of them, which each fork copies and each
 * guest's end gives back. Here they lie side by side instead: the launcher has this module loaded
 * before libc (LD_PRELOAD), and what the runtime takes for mmap(2) and munmap(2) is below. Where it
 * was not loaded so there is no arena, and nothing is different. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "zygote.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define EXPORT __attribute__((visibility("default")))

/* Each has one bit of its slot's word: page sizes are multiples of it. */
#define UNIT ((size_t)4 << 10)
#define UNITS 64
#define SLOT (UNITS * UNIT) /* a chunk of V8 */
#define SLOTS 4096
#define ARENA (SLOTS * SLOT)
#define LARGE_PAGE ((size_t)2 << 20)
/* What is longer is no part of a heap, but has been reserved for something of its own. */
#define MOST ((size_t)16 << 20)

static uintptr_t base; /* 0: there is no arena */
/* Which units are mapped. No lock, which a fork could find taken. */
static _Atomic uint64_t mapped[SLOTS];

static void *address(uintptr_t at) {
  return (void *)at; /* NOLINT(performance-no-int-to-ptr) */
}

static void *map(void *hint, size_t len, int prot, int flags, int fd, off_t offset) {
  return address((uintptr_t)syscall(SYS_mmap, hint, len, prot, flags, fd, offset));
}

/* As V8 draws the addresses of its chunks: from the heap's place nothing follows for libraries'. */
static void *draw_hint(void) {
  uintptr_t hint = 0;
  if (getrandom(&hint, sizeof hint, GRND_NONBLOCK) != (ssize_t)sizeof hint)
    return NULL;
  return address(hint & UINT64_C(0x3fffffe00000));
}

#define VARIABLE "LD_PRELOAD"

/* It is for this process alone: no guest is to see it, nor what it starts. */
static bool take_variable(void) {
  char *value = getenv(VARIABLE);
  if (!value || unsetenv(VARIABLE) < 0)
    return false;
  memset(value - sizeof VARIABLE, 0, sizeof VARIABLE + strlen(value));
  return true;
}

/* Its parts are to become one mapping where they are alike, which takes that they have their first
 * page in common: the one that is written to while all is still one. */
static __attribute__((constructor)) void open_arena(void) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  if (!take_variable())
    return;
  char *at = map(draw_hint(), ARENA + LARGE_PAGE, PROT_NONE, flags, -1, 0);
  if (at == MAP_FAILED)
    return;
  uintptr_t from = ((uintptr_t)at + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
  volatile char *first = address(from);
  if (from > (uintptr_t)at)
    syscall(SYS_munmap, at, from - (uintptr_t)at);
  syscall(SYS_munmap, from + ARENA, (uintptr_t)at + LARGE_PAGE - from);
  /* Else a guest might take 2 MB for the first byte that it needs. */
  madvise(address(from), ARENA, MADV_NOHUGEPAGE);
  if (mprotect(address(from), SLOT, PROT_READ | PROT_WRITE) < 0)
    return;
  *first = 0;
  madvise(address(from), SLOT, MADV_DONTNEED);
  mprotect(address(from), SLOT, PROT_NONE);
  base = from;
}

/* The bits of `slot` that [from, to), offsets in the arena, has units of. */
static uint64_t bits(size_t slot, size_t from, size_t to) {
  size_t start = slot * SLOT, first = from > start ? (from - start) / UNIT : 0;
  size_t end = to < start + SLOT ? (to - start + UNIT - 1) / UNIT : UNITS;
  return (end == UNITS ? UINT64_MAX : (UINT64_C(1) << end) - 1) & (UINT64_MAX << first);
}

static void forget(size_t from, size_t to) {
  for (size_t slot = from / SLOT; slot * SLOT < to; slot++)
    atomic_fetch_and(&mapped[slot], ~bits(slot, from, to));
}

/* The start of as many free slots as it takes for `len`, which are taken; ARENA: there are none. */
static size_t take(size_t len) {
  size_t need = (len + SLOT - 1) / SLOT, run = 0;
  for (size_t slot = 0; slot < SLOTS; slot++) {
    size_t from = (slot - run) * SLOT;
    uint64_t nothing = 0;
    if (!atomic_compare_exchange_strong(&mapped[slot], &nothing, bits(slot, from, from + len))) {
      if (run > 0)
        forget(from, slot * SLOT);
      run = 0;
    } else if (++run == need) {
      return from;
    }
  }
  if (run > 0)
    forget(ARENA - run * SLOT, ARENA);
  return ARENA;
}

static void *map_in_arena(void *hint, size_t len, int prot, int flags, int fd, off_t offset) {
  bool plain = (flags & ~MAP_NORESERVE) == (MAP_PRIVATE | MAP_ANONYMOUS);
  if (!base || !hint || !plain || len < SLOT || len > MOST)
    return map(hint, len, prot, flags, fd, offset);
  size_t from = take(len);
  if (from == ARENA)
    return map(hint, len, prot, flags, fd, offset);
  if (mprotect(address(base + from), len, prot) == 0)
    return address(base + from);
  forget(from, from + len);
  return MAP_FAILED;
}

/* What is in the arena stays reserved, and is empty when it is given out again. */
static int unmap_in_arena(void *addr, size_t len) {
  uintptr_t at = (uintptr_t)addr;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  if (!base || at < base || at >= base + ARENA || len > base + ARENA - at)
    return (int)syscall(SYS_munmap, addr, len);
  if (at % UNIT != 0 || len == 0) {
    errno = EINVAL;
    return -1;
  }
  if ((madvise(addr, len, MADV_DONTNEED) < 0 || mprotect(addr, len, PROT_NONE) < 0) &&
      map(addr, len, PROT_NONE, flags, -1, 0) == MAP_FAILED)
    return -1;
  forget(at - base, at - base + len);
  return 0;
}

/* The headers may have one of mmap(2)'s names stand for the other. */
EXPORT void *sbx_arena_mmap(void *hint, size_t len, int prot, int flags, int fd,
                            off_t offset) __asm__("mmap") __attribute__((alias("map_in_arena")));
EXPORT void *sbx_arena_mmap64(void *hint, size_t len, int prot, int flags, int fd,
                              off_t offset) __asm__("mmap64")
    __attribute__((alias("map_in_arena")));
EXPORT int sbx_arena_munmap(void *addr, size_t len) __asm__("munmap")
    __attribute__((alias("unmap_in_arena")));

static bool is_dense(uintptr_t at, size_t page) {
  static unsigned char present[LARGE_PAGE / UNIT];
  size_t n = LARGE_PAGE / page, count = 0;
  if (mincore(address(at), LARGE_PAGE, present) < 0)
    return false;
  for (size_t i = 0; i < n; i++)
    count += present[i] & 1;
  return count > n / 2;
}

static bool is_free(size_t at) {
  return !(atomic_load(&mapped[at / SLOT]) & bits(at / SLOT, at, at + UNIT));
}

/* What is free in between is made like the rest, so that all of it is one mapping. */
static void fill(size_t from, size_t to) {
  for (size_t at = from, end; at < to; at = end + UNIT) {
    for (end = at; end < to && is_free(end); end += UNIT)
      ;
    if (end > at)
      mprotect(address(base + at), end - at, PROT_READ | PROT_WRITE);
  }
}

void sbx_arena_settle(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (!base)
    return;
  madvise(address(base), ARENA, MADV_DOFORK);
  for (size_t at = 0; at < ARENA; at += LARGE_PAGE) {
    if (!is_dense(base + at, page))
      continue;
    fill(at, at + LARGE_PAGE);
    madvise(address(base + at), LARGE_PAGE, MADV_HUGEPAGE);
    madvise(address(base + at), LARGE_PAGE, MADV_COLLAPSE);
    madvise(address(base + at), LARGE_PAGE, MADV_NOHUGEPAGE);
  }
}
