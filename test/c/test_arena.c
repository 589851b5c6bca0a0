/* SPDX-License-Identifier: MIT */
/* The place for V8's heap: what lies in it and what does not, and what is given out twice. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

/* Here mmap(2) itself stays what it is. */
#define __asm__(name)
#include "../../src/zygote/arena.c"
#undef __asm__

#define PLAIN (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define RW (PROT_READ | PROT_WRITE)

static char hint_storage;
#define HINT ((void *)((uintptr_t)&hint_storage & ~(uintptr_t)0xfff))

static bool inside(const void *at) {
  return base && (uintptr_t)at >= base && (uintptr_t)at < base + ARENA;
}

static char *get(size_t len, int prot) {
  return sbx_arena_mmap(HINT, len, prot, PLAIN, -1, 0);
}

/* As V8 takes a chunk: more than it needs, of which it gives back what is not aligned. */
static char *get_chunk(void) {
  char *at = get(2 * SLOT - UNIT, PROT_NONE);
  sbx_arena_munmap(at + SLOT, SLOT - UNIT);
  return at;
}

static bool is_empty(const char *at, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (at[i])
      return false;
  return true;
}

/* Whether [from, to) is one mapping. */
static bool is_one(const char *from, const char *to) {
  char line[256];
  bool one = false;
  FILE *maps = fopen("/proc/self/maps", "re");
  while (maps && fgets(line, sizeof line, maps)) {
    unsigned long start, end;
    if (sscanf(line, "%lx-%lx rw-p", &start, &end) == 2 && start <= (uintptr_t)from &&
        end >= (uintptr_t)to)
      one = true;
  }
  if (maps)
    fclose(maps);
  return one;
}

static int access_ends(volatile char *at) {
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) {
    *at = 1;
    _exit(0);
  }
  waitpid(pid, &status, 0);
  return status;
}

static void without(void) {
  open_arena();
  char *at = get(SLOT, RW);
  ok(!base && at != MAP_FAILED && !inside(at), "without the variable there is no arena");
  at[SLOT - 1] = 1;
  ok(sbx_arena_munmap(at, SLOT) == 0, "and what is mapped all the same goes as it came");
  sbx_arena_settle();
}

static void chunks(void) {
  char *one = get_chunk(), *two = get_chunk(), *three = get_chunk();
  ok(inside(one) && two == one + SLOT && three == two + SLOT, "chunks lie side by side");
  ok((uintptr_t)one % SLOT == 0, "and are aligned");
  ok(access_ends(one) != 0, "they are not there to be used before that is asked for");
  mprotect(one, 3 * SLOT, RW);
  memset(one, 1, 3 * SLOT);
  ok(is_one(one, one + 3 * SLOT), "alike, they are one mapping");
  ok(sbx_arena_munmap(two, SLOT) == 0 && access_ends(two) != 0, "one that is given back is gone");
  ok(one[SLOT - 1] == 1 && three[0] == 1, "and its neighbours are not");
  char *again = get(SLOT, RW);
  ok(again == two && is_empty(again, SLOT), "what is given out again is empty");
  memset(again, 1, SLOT);
  ok(is_one(one, one + 3 * SLOT), "and one mapping with the rest");
  sbx_arena_munmap(one, 3 * SLOT);
}

static void parts(void) {
  char *at = get(SLOT + 3 * UNIT, RW);
  memset(at, 1, SLOT + 3 * UNIT);
  ok(get(SLOT, RW) == at + 2 * SLOT, "what begins in a slot has it to itself");
  sbx_arena_munmap(at, SLOT);
  sbx_arena_munmap(at + SLOT, UNIT);
  ok(get(2 * SLOT, RW) != at, "a slot is not free while a part of it is in use");
  ok(at[SLOT + UNIT] == 1 && at[SLOT + 3 * UNIT - 1] == 1, "and that keeps what it holds");
  sbx_arena_munmap(at, SLOT);
  char *other = get(SLOT, RW);
  ok(other == at, "to give back what is not there frees nothing else");
  sbx_arena_munmap(at + SLOT + UNIT, 2 * UNIT);
  ok(get(SLOT, RW) == at + SLOT, "a slot is free with the last of its parts");
  sbx_arena_munmap((void *)base, 8 * SLOT);
}

static void others(void) {
  const struct {
    void *hint;
    size_t len;
    int flags;
    const char *what;
  } cases[] = {
      {NULL, SLOT, PLAIN, "what has no hint"},
      {HINT, SLOT - UNIT, PLAIN, "what is smaller than a chunk"},
      {HINT, MOST + UNIT, PLAIN, "what is larger than a heap's parts"},
      {HINT, SLOT, MAP_SHARED | MAP_ANONYMOUS, "what is shared"},
      {HINT, SLOT, PLAIN | MAP_POPULATE, "what wants something of its own"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *at = sbx_arena_mmap(cases[i].hint, cases[i].len, RW, cases[i].flags, -1, 0), name[96];
    snprintf(name, sizeof name, "%s is elsewhere", cases[i].what);
    ok(at != MAP_FAILED && !inside(at), name);
    sbx_arena_munmap(at, cases[i].len);
  }
  errno = 0;
  ok(sbx_arena_munmap((char *)base + 1, SLOT) == -1 && errno == EINVAL, "munmap(2) of half a page");
  errno = 0;
  ok(sbx_arena_munmap((void *)base, 0) == -1 && errno == EINVAL, "munmap(2) of nothing");
}

static void full(void) {
  size_t n = 0;
  char *at;
  while (inside(at = get(MOST, PROT_NONE)))
    n++;
  ok(n == ARENA / MOST, "all of it can be taken");
  ok(at != MAP_FAILED, "what comes then is elsewhere");
  sbx_arena_munmap(at, MOST);
  char *last = (char *)base + ARENA - MOST;
  sbx_arena_munmap(last, SLOT);
  ok(get(SLOT, RW) == last, "and in it again, where there is room");
  sbx_arena_munmap((void *)base, ARENA);
  ok(get(MOST, PROT_NONE) == (void *)base, "all of it can be given back");
  sbx_arena_munmap((void *)base, MOST);
}

/* Large pages are the machine's to give: what is in them has to stay what it is. */
static void settled(void) {
  char *at = get(LARGE_PAGE, RW), *behind = get(SLOT, PROT_NONE);
  memset(at, 1, LARGE_PAGE);
  madvise(at, SLOT, MADV_DONTFORK);
  sbx_arena_munmap(at + 3 * SLOT, SLOT);
  sbx_arena_settle();
  ok(is_one(at, at + LARGE_PAGE), "where most is in use, it is one mapping");
  ok(at[3 * SLOT - 1] == 1 && at[4 * SLOT] == 1 && at[LARGE_PAGE - 1] == 1, "and holds the same");
  ok(access_ends(at) == 0, "a fork has it");
  ok(access_ends(behind) != 0, "where little is, nothing changes");
  at[3 * SLOT] = 0;
  char *again = get(SLOT, RW);
  ok(again == at + 3 * SLOT && is_empty(again, SLOT), "what was free in it is free, and empty");
}

int main(void) {
  unsetenv("LD_PRELOAD");
  without();
  static char entry[] = "LD_PRELOAD=/nowhere/zygote.node";
  putenv(entry);
  open_arena();
  ok(base && base % LARGE_PAGE == 0, "with it there is one");
  ok(!getenv("LD_PRELOAD") && is_empty(entry, sizeof entry), "and nothing is left of the variable");
  chunks();
  parts();
  others();
  full();
  settled();
  return tap_done();
}
