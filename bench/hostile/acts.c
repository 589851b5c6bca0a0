// SPDX-License-Identifier: MIT
// Takes of one thing as much as the kernel gives, up to a number, and keeps it: `act(name, count)`
// returns how much there was.
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <node_api.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static void *compute(void *arg) {
  (void)arg;
  for (volatile unsigned long x = 0;; x++) {
  }
  return NULL;
}

static void *write_memory(void *arg) {
  (void)arg;
  size_t bytes = 16u << 20;
  volatile long *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED)
    return NULL;
  for (long value = 0;; value++)
    for (size_t i = 0; i < bytes / sizeof *at; i += 8)
      at[i] = value;
  return NULL;
}

static void *yield_always(void *arg) {
  (void)arg;
  for (;;)
    sched_yield();
  return NULL;
}

static void *fault_always(void *arg) {
  (void)arg;
  size_t bytes = 8u << 20;
  for (;;) {
    char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
      continue;
    for (size_t i = 0; i < bytes; i += 4096)
      at[i] = 1;
    munmap(at, bytes);
  }
  return NULL;
}

static void *connect_always(void *arg) {
  (void)arg;
  struct sockaddr_in_like {
    unsigned short family, port;
    unsigned char address[4], zero[8];
  } to = {.family = AF_INET, .port = 9, .address = {192, 0, 2, 1}};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  for (;;)
    connect(fd, (void *)&to, sizeof to);
  return NULL;
}

static void *sleep_always(void *arg) {
  (void)arg;
  for (;;)
    pause();
  return NULL;
}

static long threads(long count, void *(*run)(void *)) {
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 32768);
  long made = 0;
  for (pthread_t thread; made < count; made++)
    if (pthread_create(&thread, &attr, run, NULL))
      break;
  return made;
}

static long idle(long count) {
  return threads(count, sleep_always);
}
static long spinning(long count) {
  return threads(count, compute);
}
static long memory(long count) {
  return threads(count, write_memory);
}
static long yields(long count) {
  return threads(count, yield_always);
}
static long faults(long count) {
  return threads(count, fault_always);
}
static long connects(long count) {
  return threads(count, connect_always);
}

/* Descriptors that are on their way in unix sockets. */
static long in_flight(long count) {
  long sent = 0;
  for (int round = 0; round < 64 && sent < count; round++) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
      break;
    for (int message = 0; message < 8 && sent < count; message++) {
      enum { MOST = 250 };
      int fds[MOST], n = count - sent > MOST ? MOST : (int)(count - sent);
      for (int i = 0; i < n; i++)
        fds[i] = pair[0];
      char room[CMSG_SPACE(sizeof fds)] = {0}, byte = 0;
      struct iovec io = {&byte, 1};
      struct msghdr msg = {.msg_iov = &io,
                           .msg_iovlen = 1,
                           .msg_control = room,
                           .msg_controllen = CMSG_SPACE((size_t)n * sizeof *fds)};
      struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
      head->cmsg_level = SOL_SOCKET;
      head->cmsg_type = SCM_RIGHTS;
      head->cmsg_len = CMSG_LEN((size_t)n * sizeof *fds);
      memcpy(CMSG_DATA(head), fds, (size_t)n * sizeof *fds);
      if (sendmsg(pair[0], &msg, MSG_DONTWAIT) < 0)
        return sent;
      sent += n;
    }
  }
  return sent;
}

/* One page of zeros in each 2 MiB: of memory there is none, of page tables a page each. */
static long page_tables(long mib) {
  size_t step = 2u << 20, n = (size_t)mib * 256;
  char *at = mmap(NULL, n * step, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED)
    return -errno;
  madvise(at, n * step, MADV_NOHUGEPAGE);
  long sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += ((volatile char *)at)[i * step];
  return (long)n + sum;
}

static long socket_buffers(long count) {
  static char bytes[65536];
  long made = 0;
  for (; made < count; made++) {
    int pair[2], size = 1 << 20;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
      break;
    for (int end = 0; end < 2; end++) {
      setsockopt(pair[end], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
      while (write(pair[end], bytes, sizeof bytes) > 0) {
      }
    }
  }
  return made;
}

static long pipes(long count) {
  static char bytes[65536];
  long made = 0;
  for (; made < count; made++) {
    int pair[2];
    if (pipe2(pair, O_NONBLOCK) < 0)
      break;
    fcntl(pair[1], F_SETPIPE_SZ, 1 << 20);
    while (write(pair[1], bytes, sizeof bytes) > 0) {
    }
  }
  return made;
}

static long watches(long count) {
  long made = 0;
  while (made < count && inotify_init1(0) >= 0)
    made++;
  return made;
}

static long epolls(long count) {
  long made = 0;
  while (made < count && epoll_create1(0) >= 0)
    made++;
  return made;
}

static long timers(long count) {
  long made = 0;
  for (; made < count; made++) {
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    int id;
    if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id) < 0)
      break;
  }
  return made;
}

static long signals(long count) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 5);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  long made = 0;
  while (made < count && sigqueue(getpid(), SIGRTMIN + 5, (union sigval){0}) == 0)
    made++;
  return made;
}

static long locks(long count) {
  int fd = open("/tmp/locked", O_RDWR | O_CREAT, 0600);
  if (fd < 0)
    return -errno;
  long made = 0;
  for (; made < count; made++) {
    struct flock lock = {.l_type = F_WRLCK, .l_start = made * 2, .l_len = 1};
    if (fcntl(fd, F_SETLK, &lock) < 0)
      break;
  }
  return made;
}

/* What the kernel keeps of the Node.js that all guests execute. */
static long drop_cache(long count) {
  int fd = open("/proc/self/exe", O_RDONLY);
  if (fd < 0)
    return -errno;
  for (long i = 0; i < count; i++)
    if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
      return -1;
  return count;
}

static napi_value act(napi_env env, napi_callback_info info) {
  static const struct {
    const char *name;
    long (*take)(long);
  } acts[] = {
      {"idle", idle},
      {"spinning", spinning},
      {"memory", memory},
      {"yields", yields},
      {"faults", faults},
      {"connects", connects},
      {"in_flight", in_flight},
      {"page_tables", page_tables},
      {"socket_buffers", socket_buffers},
      {"pipes", pipes},
      {"watches", watches},
      {"epolls", epolls},
      {"timers", timers},
      {"signals", signals},
      {"locks", locks},
      {"drop_cache", drop_cache},
  };
  size_t argc = 2, length;
  napi_value argv[2], result;
  char name[32];
  double count;
  napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
  napi_get_value_string_utf8(env, argv[0], name, sizeof name, &length);
  napi_get_value_double(env, argv[1], &count);
  long took = -ENOSYS;
  for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
    if (strcmp(acts[i].name, name) == 0)
      took = acts[i].take((long)count);
  napi_create_double(env, (double)took, &result);
  return result;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "act", NAPI_AUTO_LENGTH, act, NULL, &function);
  napi_set_named_property(env, exports, "act", function);
  return exports;
}
