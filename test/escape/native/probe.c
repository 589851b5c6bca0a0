/* SPDX-License-Identifier: MIT */
/* probe: the escape suite's static program. What a guest with 'process:spawn' runs, the process
 * that guests try to harm, and the user namespace that some controls need.
 *
 * Prints "ok VALUE", or the name of an errno. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_TEXT 256
#define LIFETIME_S 60 /* nothing that this program leaves running lives longer */

static int say(long rc) {
  if (rc >= 0)
    printf("ok %ld\n", rc);
  else
    printf("%s\n", strerrorname_np(errno));
  return rc >= 0 ? 0 : 3;
}

static int die(const char *what) {
  fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
  return 70;
}

static int do_read(char **argv) {
  char text[MAX_TEXT + 1] = "";
  int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, MAX_TEXT);
  if (n < 0)
    return say(-1);
  text[n] = 0;
  printf("ok %s\n", text);
  return 0;
}

static int do_write(char **argv) {
  int fd = open(argv[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  return say(fd < 0 ? -1 : write(fd, argv[1], strlen(argv[1])));
}

static const struct {
  const char *name;
  long nr;
} calls[] = {
#define CALL(name) {#name, SYS_##name},
#define CALL_AT(name, nr) {#name, nr},
#include "calls.h"
};

/* call NAME ARG...: an argument is a number, or text after "s:". */
static int do_call(char **argv) {
  uintptr_t w[6] = {0};
  for (int i = 0; i < 6 && argv[1 + i]; i++) {
    const char *a = argv[1 + i];
    w[i] = strncmp(a, "s:", 2) == 0 ? (uintptr_t)(a + 2) : strtoull(a, NULL, 0);
  }
  for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
    if (strcmp(calls[i].name, argv[0]) == 0)
      return say(syscall(calls[i].nr, w[0], w[1], w[2], w[3], w[4], w[5]));
  fprintf(stderr, "probe: no call %s\n", argv[0]);
  return 64;
}

/* exec PROGRAM ARG... */
static int do_exec(char **argv) {
  fflush(stdout);
  execv(argv[0], argv);
  return say(-1);
}

/* Which users it may act for. */
static int do_ids(char **argv) {
  (void)argv;
  uid_t real, effective, saved;
  if (getresuid(&real, &effective, &saved) < 0)
    return say(-1);
  printf("ok uid=%u euid=%u suid=%u\n", real, effective, saved);
  return 0;
}

/* connect PATH TEXT: over a unix socket; a path that starts with '@' is an abstract name. */
static int do_connect(char **argv) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  size_t n = strlen(argv[0]);
  if (n >= sizeof(to.sun_path))
    return 64;
  memcpy(to.sun_path, argv[0], n);
  if (to.sun_path[0] == '@')
    to.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return say(-1);
  if (connect(fd, (struct sockaddr *)&to, (socklen_t)(sizeof(to.sun_family) + n)) < 0)
    return say(-1);
  return say(write(fd, argv[1], strlen(argv[1])));
}

/* daemon TEXT: leaves a process in a session of its own, with nothing open; the text in its command
 * line is what it can be found by. */
static int do_daemon(char **argv) {
  (void)argv;
  int p[2];
  if (pipe(p) < 0)
    return say(-1);
  pid_t pid = fork();
  if (pid < 0)
    return say(-1);
  if (pid == 0) {
    setsid();
    pid_t deep = fork();
    if (deep == 0) {
      for (int fd = 0; fd < 64; fd++)
        close(fd);
      alarm(LIFETIME_S);
      pause();
      _exit(0);
    }
    _exit(write(p[1], &deep, sizeof(deep)) == sizeof(deep) ? 0 : 1);
  }
  pid_t left = -1;
  if (read(p[0], &left, sizeof(left)) != sizeof(left) || left < 0)
    return say(-1);
  waitpid(pid, NULL, 0);
  return say(left);
}

/* lock PATH: whether nobody else holds it. */
static int do_lock(char **argv) {
  int fd = open(argv[0], O_RDWR | O_CLOEXEC);
  return say(fd < 0 ? -1 : flock(fd, LOCK_EX | LOCK_NB));
}

/* --- what guests try to harm --------------------------------------------------------------------
 */

static char memory[MAX_TEXT];

struct message {
  long type;
  char text[MAX_TEXT];
};

/* What the victim shares with everybody who may ask for it by its id or name. */
struct objects {
  int shm, msg, sem;
  char mq[64];
};

static int make_objects(struct objects *o) {
  struct message m = {.type = 1};
  strncpy(m.text, memory, MAX_TEXT - 1);
  o->shm = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0666);
  o->msg = msgget(IPC_PRIVATE, IPC_CREAT | 0666);
  o->sem = semget(IPC_PRIVATE, 1, IPC_CREAT | 0666);
  if (o->shm < 0 || o->msg < 0 || o->sem < 0)
    return -1;
  char *at = shmat(o->shm, NULL, 0);
  if (at == (char *)-1) /* NOLINT(performance-no-int-to-ptr): what shmat(2) says */
    return -1;
  strncpy(at, memory, MAX_TEXT - 1);
  struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = MAX_TEXT};
  snprintf(o->mq, sizeof(o->mq), "/sbx-escape-%d", getpid());
  umask(0);
  mqd_t q = mq_open(o->mq, O_RDWR | O_CREAT | O_EXCL, 0666, &attr);
  if (q == (mqd_t)-1 || mq_send(q, memory, strlen(memory), 0) < 0)
    return -1;
  return msgsnd(o->msg, &m, MAX_TEXT, 0);
}

static void remove_objects(const struct objects *o) {
  shmctl(o->shm, IPC_RMID, NULL);
  msgctl(o->msg, IPC_RMID, NULL);
  semctl(o->sem, 0, IPC_RMID);
  mq_unlink(o->mq);
}

static int semaphore_of(const struct objects *o) {
  return semctl(o->sem, 0, GETVAL);
}

/* What can be seen to have changed, as JSON. */
static void show_state(const struct objects *o) {
  struct rlimit files;
  cpu_set_t cpus;
  getrlimit(RLIMIT_NOFILE, &files);
  sched_getaffinity(0, sizeof(cpus), &cpus);
  printf("{\"pid\":%d,\"address\":\"%p\",\"memory\":\"%s\",\"nice\":%d,\"files\":%llu,\"cpus\":%d,"
         "\"policy\":%d,\"io\":%ld,\"shm\":%d,\"msg\":%d,\"sem\":%d,\"mq\":\"%s\",\"value\":%d}\n",
         getpid(), (void *)memory, memory, getpriority(PRIO_PROCESS, 0),
         (unsigned long long)files.rlim_cur, CPU_COUNT(&cpus), sched_getscheduler(0),
         syscall(SYS_ioprio_get, 1, 0), o->shm, o->msg, o->sem, o->mq + 1, semaphore_of(o));
  fflush(stdout);
}

/* victim TEXT: holds the text in its memory and in all kinds of shared objects; tells its state
 * when it starts and whenever it is asked; ends with its standard input. */
static int do_victim(char **argv) {
  struct objects o = {0};
  strncpy(memory, argv[0], MAX_TEXT - 1);
  memset(argv[0], '*', strlen(argv[0]));
  if (make_objects(&o) < 0)
    return die("objects");
  char c;
  do
    show_state(&o);
  while (read(0, &c, 1) == 1);
  remove_objects(&o);
  return 0;
}

/* --- a user namespace for controls --------------------------------------------------------------
 */

static int put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  ssize_t n = write(fd, text, strlen(text));
  close(fd);
  return n < 0 ? -1 : 0;
}

/* userns COMMAND...: root of namespaces of its own, so that nothing it does is the machine's. */
static int do_userns(char **argv) {
  char map[64];
  unsigned uid = getuid(), gid = getgid();
  prctl(PR_SET_DUMPABLE, 1);
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
              CLONE_NEWNET) < 0)
    return die("unshare");
  snprintf(map, sizeof(map), "0 %u 1", uid);
  if (put("/proc/self/setgroups", "deny") < 0 || put("/proc/self/uid_map", map) < 0)
    return die("uid_map");
  snprintf(map, sizeof(map), "0 %u 1", gid);
  if (put("/proc/self/gid_map", map) < 0)
    return die("gid_map");
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    return die("private mounts");
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (mount("proc", "/proc", "proc", 0, NULL) < 0)
      _exit(die("proc"));
    execvp(argv[0], argv);
    _exit(die(argv[0]));
  }
  int status;
  if (pid < 0 || waitpid(pid, &status, 0) < 0)
    return die("child");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const struct {
  const char *name;
  int least;
  int (*run)(char **argv);
} commands[] = {
    {"read", 1, do_read},     {"write", 2, do_write}, {"call", 1, do_call},
    {"exec", 1, do_exec},     {"ids", 0, do_ids},     {"connect", 2, do_connect},
    {"daemon", 1, do_daemon}, {"lock", 1, do_lock},   {"victim", 1, do_victim},
    {"userns", 1, do_userns},
};

int main(int argc, char **argv) {
  for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
    if (strcmp(commands[i].name, argv[1]) == 0 && argc - 2 >= commands[i].least)
      return commands[i].run(argv + 2);
  fprintf(stderr, "usage: probe COMMAND ARG...\n");
  return 64;
}
