/* SPDX-License-Identifier: MIT */
/* V8 leaves some work to threads of the runtime: to collect garbage beside the main thread, to
 * optimise WebAssembly. Nobody needs it, and it stays undone in a guest, whose threads have stayed
 * in the zygote. But where the event loop of a thread has nothing to do, the runtime waits until
 * all such work is done (NodePlatform::DrainTasks): a guest that ran dry would wait for ever, and
 * so would a worker that has ended. Each queue is waited for with a condition of its own, and the
 * launcher has this module loaded before libc (see arena.c): what the runtime takes for
 * pthread_cond_wait(3) is below. In the zygote it takes note of the queues, in a guest it says of
 * them that they are empty.
 *
 * A queue is, in src/node_platform.h of Node.js 20 to 26: its lock, the condition that something
 * came, the condition that all is done, the number of what is not done. Where it is not, nothing
 * differs. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define QUEUES 8
#define MOST_TASKS 1000000

struct queue {
  pthread_mutex_t lock;
  pthread_cond_t came, done;
  int undone;
};

typedef int wait_fn(pthread_cond_t *cond, pthread_mutex_t *mutex);

/* The newest ones that a thread waits for work of, and whose threads those are. */
static _Atomic(struct queue *) queues[QUEUES];
static atomic_uint next_queue;
static pid_t home;

/* dlsym(3) may find the oldest of several versions, which knows of other conditions. */
static wait_fn *find_wait(void) {
  void *found = NULL;
#ifdef __GLIBC__
  static const char *const versions[] = {"GLIBC_2.3.2", "GLIBC_2.17"};
  for (unsigned i = 0; !found && i < sizeof versions / sizeof *versions; i++)
    found = dlvsym(RTLD_NEXT, "pthread_cond_wait", versions[i]);
#endif
  return (wait_fn *)(found ? found : dlsym(RTLD_NEXT, "pthread_cond_wait"));
}

static wait_fn *real_wait(void) {
  static _Atomic(wait_fn *) known;
  wait_fn *found = atomic_load(&known);
  if (!found) {
    found = find_wait();
    atomic_store(&known, found);
  }
  return found;
}

static bool is_known(const struct queue *q) {
  for (unsigned i = 0; i < QUEUES; i++)
    if (atomic_load(&queues[i]) == q)
      return true;
  return false;
}

static __attribute__((constructor)) void come_home(void) {
  home = getpid();
}

EXPORT int sbx_drain_wait(pthread_cond_t *cond,
                          pthread_mutex_t *mutex) __asm__("pthread_cond_wait");
EXPORT int sbx_drain_wait(pthread_cond_t *cond, pthread_mutex_t *mutex) {
  struct queue *q = (struct queue *)(void *)mutex;
  if (cond == &q->came && getpid() == home) {
    if (!is_known(q))
      atomic_store(&queues[atomic_fetch_add(&next_queue, 1) % QUEUES], q);
  } else if (cond == &q->done && getpid() != home && is_known(q) && q->undone > 0 &&
             q->undone < MOST_TASKS) {
    q->undone = 0; /* The caller holds the lock. */
    return 0;
  }
  return real_wait()(cond, mutex);
}
