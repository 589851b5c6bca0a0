/* SPDX-License-Identifier: MIT */
/* The launcher as the addon sees it: a program with a control socket and a policy. Guests are shell
 * scripts. Every wait has an end, so that a hang is a failure. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tap.h"
#include "util.h"

#include "../../src/core/control.h"
#include "../../src/core/fd.h"
#include "../../src/core/policy.h"
#include "../../src/core/proc.h"

#define PATIENCE_MS 15000

static char workdir[] = "/tmp/sbx-launcher-XXXXXX";

struct launcher {
  pid_t pid;
  int ctl;
};

/* What is known of a run. */
struct run {
  uint64_t id;
  int out, data; /* our ends */
  bool started, over;
  int times_over;
  struct sbx_ctl last; /* EXIT or FAILED */
  struct sbx_ctl_started info;
};

static struct sbx_policy make_policy(char **argv) {
  static char *env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TRACEPARENT=host", "ONE=1", NULL};
  return (struct sbx_policy){.exec_path = "/bin/sh",
                             .argv = argv,
                             .env = env,
                             .timeout_ms = 10000,
                             .grace_ms = 100,
                             .max_files = 64};
}

/* A policy of the bytes given, on fd 4; the control socket on fd 3. */
static struct launcher start_with(const void *bytes, size_t len, void (*prepare)(void)) {
  int pair[2];
  int memfd = memfd_create("policy", MFD_CLOEXEC);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 || memfd < 0 ||
      (len > 0 && sbx_write_full(memfd, bytes, len) < 0) || lseek(memfd, 0, SEEK_SET) < 0)
    abort();
  fflush(stdout);
  struct launcher l = {.pid = fork(), .ctl = pair[0]};
  if (l.pid == 0) {
    char *argv[] = {"launcher", NULL};
    char *envp[] = {"SECRET=of the launcher", NULL};
    int ctl = fcntl(pair[1], F_DUPFD, 100), policy = fcntl(memfd, F_DUPFD, 100);
    if (prepare)
      prepare();
    dup2(ctl, SBX_CTL_FD);
    dup2(policy, SBX_POLICY_FD);
    execve(getenv("SBX_LAUNCHER"), argv, envp);
    _exit(99);
  }
  close(pair[1]);
  close(memfd);
  return l;
}

/* Waits for one message of the launcher. Returns as sbx_ctl_recv; -ETIMEDOUT when none comes. */
static int receive(struct launcher *l, struct sbx_ctl *msg) {
  int fds[SBX_CTL_MAX_FDS], nfds;
  struct pollfd p = {.fd = l->ctl, .events = POLLIN};
  if (poll(&p, 1, PATIENCE_MS) <= 0)
    return -ETIMEDOUT;
  return sbx_ctl_recv(l->ctl, MSG_DONTWAIT, msg, fds, &nfds);
}

static struct launcher start(const struct sbx_policy *policy, void (*prepare)(void)) {
  uint8_t *bytes = NULL;
  size_t len = 0;
  struct sbx_err err = {0};
  struct sbx_ctl msg;
  if (sbx_policy_encode(policy, &bytes, &len, &err) < 0)
    abort();
  struct launcher l = start_with(bytes, len, prepare);
  free(bytes);
  int rc = receive(&l, &msg);
  if (rc != 1 || msg.type != SBX_CTL_READY) {
    printf("Bail out! The launcher is not ready: %d\n", rc);
    exit(1);
  }
  return l;
}

/* Waits for the end of the launcher; its wait status, -1 when it does not end. */
static int wait_launcher(struct launcher *l) {
  int status;
  for (int i = 0; i < PATIENCE_MS / 10; i++) {
    if (waitpid(l->pid, &status, WNOHANG) == l->pid)
      return status;
    usleep(10000);
  }
  kill(l->pid, SIGKILL);
  waitpid(l->pid, &status, 0);
  return -1;
}

static int stop(struct launcher *l) {
  close(l->ctl);
  return wait_launcher(l);
}

static void begin_in(struct launcher *l, struct run *run, uint64_t id, const char *dir) {
  int data[2], out[2];
  struct sbx_ctl msg = {.type = SBX_CTL_RUN, .run = id};
  memset(run, 0, sizeof *run);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, data) < 0 || pipe2(out, O_CLOEXEC) < 0)
    abort();
  snprintf(msg.u.run_args.workdir, sizeof msg.u.run_args.workdir, "%s", dir);
  snprintf(msg.u.run_args.traceparent, sizeof msg.u.run_args.traceparent, "00-trace");
  int fds[] = {data[1], out[1], out[1]};
  while (sbx_ctl_send(l->ctl, &msg, fds, 3) == -EAGAIN)
    poll(&(struct pollfd){.fd = l->ctl, .events = POLLOUT}, 1, PATIENCE_MS);
  close(data[1]);
  close(out[1]);
  run->id = id;
  run->out = out[0];
  run->data = data[0];
}

static void begin(struct launcher *l, struct run *run, uint64_t id) {
  begin_in(l, run, id, workdir);
}

static void tell(struct launcher *l, uint32_t type, uint64_t id) {
  struct sbx_ctl msg = {.type = type, .run = id};
  sbx_ctl_send(l->ctl, &msg, NULL, 0);
}

/* Handles one message; false when none comes. */
static bool step(struct launcher *l, struct run *runs, size_t n) {
  struct sbx_ctl msg;
  if (receive(l, &msg) != 1)
    return false;
  for (size_t i = 0; i < n; i++) {
    if (runs[i].id != msg.run)
      continue;
    if (msg.type == SBX_CTL_STARTED) {
      runs[i].started = true;
      runs[i].info = msg.u.started;
    } else {
      runs[i].over = true;
      runs[i].times_over++;
      runs[i].last = msg;
    }
  }
  return true;
}

static bool finish_all(struct launcher *l, struct run *runs, size_t n) {
  for (size_t i = 0; i < n; i++)
    while (!runs[i].over)
      if (!step(l, runs, n))
        return false;
  return true;
}

static bool wait_started(struct launcher *l, struct run *run) {
  while (!run->started && !run->over)
    if (!step(l, run, 1))
      return false;
  return run->started;
}

/* What the guest printed, up to its end. The run is over, so end-of-file is there. */
static char *output(struct run *run) {
  static char text[16384];
  ssize_t n = sbx_read_full(run->out, text, sizeof text - 1);
  text[n > 0 ? n : 0] = '\0';
  return text;
}

static void forget(struct run *run) {
  close(run->out);
  close(run->data);
}

static bool exited(const struct run *run, int code, enum sbx_reason reason) {
  const struct sbx_ctl_exit *e = &run->last.u.exit;
  return run->last.type == SBX_CTL_EXIT && WIFEXITED(e->status) && WEXITSTATUS(e->status) == code &&
         e->reason == reason;
}

static bool killed(const struct run *run, int sig, enum sbx_reason reason) {
  const struct sbx_ctl_exit *e = &run->last.u.exit;
  return run->last.type == SBX_CTL_EXIT && WIFSIGNALED(e->status) && WTERMSIG(e->status) == sig &&
         e->reason == reason;
}

/* One run of a script, from start to end, with a launcher of its own. */
static struct run run_script(const char *script, struct sbx_policy *changes) {
  char *argv[] = {"sh", "-c", (char *)(uintptr_t)script, NULL};
  struct sbx_policy policy = make_policy(argv);
  struct run run;
  if (changes) {
    *changes = (struct sbx_policy){.exec_path = changes->exec_path ? changes->exec_path : "/bin/sh",
                                   .argv = argv,
                                   .env = policy.env,
                                   .timeout_ms = changes->timeout_ms ? changes->timeout_ms : 10000,
                                   .grace_ms = changes->grace_ms,
                                   .cpu_ms = changes->cpu_ms,
                                   .memory_bytes = changes->memory_bytes,
                                   .data_bytes = changes->data_bytes,
                                   .max_files = changes->max_files,
                                   .max_file_bytes = changes->max_file_bytes};
    policy = *changes;
  }
  struct launcher l = start(&policy, NULL);
  begin(&l, &run, 1);
  ok(finish_all(&l, &run, 1), "the run comes to an end");
  ok(stop(&l) == 0, "and so does the launcher");
  return run;
}

static bool is_alive(pid_t pid) {
  struct sbx_proc_stat stat;
  return sbx_proc_stat(pid, &stat) == 0 && stat.state != 'Z';
}

static bool dies(pid_t pid) {
  for (int i = 0; i < PATIENCE_MS / 10 && is_alive(pid); i++)
    usleep(10000);
  return !is_alive(pid);
}

static pid_t parent_of(pid_t pid) {
  struct sbx_proc_stat stat;
  return sbx_proc_stat(pid, &stat) == 0 ? stat.ppid : -1;
}

static int count_children(pid_t pid) {
  char path[64], text[4096];
  int n = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
  FILE *f = fopen(path, "re");
  size_t got = f ? fread(text, 1, sizeof text, f) : 0;
  for (size_t i = 0; i < got; i++)
    n += text[i] == ' ';
  if (f)
    fclose(f);
  return n;
}

static int count_fds_of(pid_t pid) {
  char path[64];
  int n = 0;
  snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
  DIR *dir = opendir(path);
  while (dir && readdir(dir))
    n++;
  if (dir)
    closedir(dir);
  return n - 2;
}

static void expect_fatal(const void *bytes, size_t len, const char *what) {
  char name[128];
  struct sbx_ctl msg;
  struct launcher l = start_with(bytes, len, NULL);
  int rc = receive(&l, &msg);
  snprintf(name, sizeof name, "%s: FATAL names the policy", what);
  ok(rc == 1 && msg.type == SBX_CTL_FATAL && msg.u.err.stage == SBX_STAGE_POLICY, name);
  int status = wait_launcher(&l);
  snprintf(name, sizeof name, "%s: an exit status of its own", what);
  ok(WIFEXITED(status) && WEXITSTATUS(status) == 3, name);
  close(l.ctl);
}

static void test_bad_policies(void) {
  char *argv[] = {"sh", NULL};
  struct sbx_policy policy = make_policy(argv);
  uint8_t *bytes;
  size_t len;
  struct sbx_err err;
  if (sbx_policy_encode(&policy, &bytes, &len, &err) < 0)
    abort();
  expect_fatal("", 0, "an empty policy");
  expect_fatal(bytes, len - 3, "a truncated policy");
  bytes[0] ^= 1;
  expect_fatal(bytes, len, "another magic");
  free(bytes);
  int status = system("\"$SBX_LAUNCHER\" </dev/null >/dev/null 2>&1");
  ok(WIFEXITED(status) && WEXITSTATUS(status) == 2, "started by hand, it says what it is");
}

static void expect_fatal_rules(char *pattern, uint32_t use, enum sbx_stage stage,
                               const char *name) {
  char *argv[] = {"true", NULL}, *allow[] = {pattern, NULL};
  struct sbx_policy policy = make_policy(argv);
  struct sbx_err err = {0};
  struct sbx_ctl msg;
  uint8_t *bytes = NULL;
  size_t n = 0;
  policy.use = use;
  policy.permit = SBX_PERMIT_NET_RULES;
  policy.net_allow = allow;
  if (sbx_policy_encode(&policy, &bytes, &n, &err) < 0)
    abort();
  struct launcher l = start_with(bytes, n, NULL);
  ok(receive(&l, &msg) == 1 && msg.type == SBX_CTL_FATAL && msg.u.err.stage == (uint32_t)stage,
     name);
  wait_launcher(&l);
  close(l.ctl);
  free(bytes);
}

static void test_bad_rules(void) {
  expect_fatal_rules("no pattern", SBX_USE_SECCOMP, SBX_STAGE_POLICY,
                     "rules that do not compile are fatal");
  expect_fatal_rules("a.example", 0, SBX_STAGE_SECCOMP, "and so are rules without the filter");
}

static void test_exit(void) {
  struct run run = run_script("echo out; echo err >&2; sleep 0.2; exit 7", NULL);
  ok(run.started && run.info.pid > 1 && run.info.start_ns > 0, "STARTED has pid and time");
  ok(exited(&run, 7, SBX_REASON_NONE), "the exit status arrives");
  ok(strcmp(output(&run), "out\nerr\n") == 0, "stdout and stderr arrive");
  const struct sbx_ctl_exit *e = &run.last.u.exit;
  ok(e->usage.max_rss_kb > 0 && e->usage.minor_faults > 0, "usage is told");
  ok(e->usage.write_chars >= 8, "/proc/PID/io was read before it was reaped");
  ok(e->end_ns >= e->start_ns && e->start_ns > 0, "times are told");
  forget(&run);
  run = run_script("kill -SEGV $$", NULL);
  ok(killed(&run, SIGSEGV, SBX_REASON_NONE), "a signal of its own arrives");
  forget(&run);
}

static void test_setup_failures(void) {
  char *argv[] = {"sh", NULL};
  struct sbx_policy policy = make_policy(argv);
  struct run runs[3];
  policy.exec_path = "/nowhere/node";
  struct launcher l = start(&policy, NULL);
  begin(&l, &runs[0], 1);
  begin_in(&l, &runs[1], 2, "/nowhere/at/all");
  begin_in(&l, &runs[2], 3, "/etc/passwd");
  ok(finish_all(&l, runs, 3), "all are told");
  const struct sbx_err *err = &runs[0].last.u.err;
  ok(runs[0].last.type == SBX_CTL_FAILED && err->stage == SBX_STAGE_EXEC && err->errnum == ENOENT &&
         strstr(err->text, "/nowhere/node"),
     "a runtime that is not there: stage exec, ENOENT, its path");
  err = &runs[1].last.u.err;
  ok(runs[1].last.type == SBX_CTL_FAILED && err->stage == SBX_STAGE_WORKDIR &&
         err->errnum == ENOENT && strstr(err->text, "/nowhere/at/all"),
     "a directory that is not there: stage workdir, ENOENT, its path");
  err = &runs[2].last.u.err;
  ok(runs[2].last.type == SBX_CTL_FAILED && err->stage == SBX_STAGE_WORKDIR &&
         err->errnum == ENOTDIR,
     "a file for a directory: ENOTDIR");
  ok(stop(&l) == 0, "the launcher goes on until it is told to end");
  for (int i = 0; i < 3; i++)
    forget(&runs[i]);
}

static void test_deadlines(void) {
  struct run run = run_script("trap 'exit 3' TERM; sleep 60 & wait",
                              &(struct sbx_policy){.timeout_ms = 200, .grace_ms = 9000});
  ok(exited(&run, 3, SBX_REASON_TIMEOUT), "SIGTERM comes at the deadline and can be handled");
  forget(&run);
  run = run_script("trap '' TERM; while :; do sleep 1; done",
                   &(struct sbx_policy){.timeout_ms = 200, .grace_ms = 200});
  ok(killed(&run, SIGKILL, SBX_REASON_TIMEOUT), "who ignores it is killed");
  uint64_t took_ms = (run.last.u.exit.end_ns - run.last.u.exit.start_ns) / 1000000;
  ok(took_ms >= 399, "and not before the grace is over");
  printf("# killed after %d ms, 400 wanted\n", (int)took_ms);
  forget(&run);
  run = run_script("kill -STOP $$; sleep 60",
                   &(struct sbx_policy){.timeout_ms = 200, .grace_ms = 100});
  ok(killed(&run, SIGKILL, SBX_REASON_TIMEOUT), "a stopped guest is killed, too");
  forget(&run);
}

static void test_commands(void) {
  char *argv[] = {"sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done", NULL};
  struct sbx_policy policy = make_policy(argv);
  struct launcher l = start(&policy, NULL);
  struct run run;
  char newline;
  begin(&l, &run, 1);
  ok(wait_started(&l, &run) && read(run.out, &newline, 1) == 1, "it runs");
  tell(&l, SBX_CTL_TERM, 99);
  tell(&l, SBX_CTL_KILL, 98);
  tell(&l, SBX_CTL_TERM, 1);
  ok(finish_all(&l, &run, 1) && killed(&run, SIGKILL, SBX_REASON_TERM), "TERM, then SIGKILL");
  forget(&run);
  begin(&l, &run, 2);
  ok(wait_started(&l, &run), "another runs");
  tell(&l, SBX_CTL_KILL, 2);
  ok(finish_all(&l, &run, 1) && killed(&run, SIGKILL, SBX_REASON_KILL), "KILL is at once");
  forget(&run);
  ok(stop(&l) == 0, "end");
}

/* Prints the pids of processes that try to outlive their run. */
static const char escape[] =
    "trap '' TERM HUP INT\n"
    "setsid sh -c 'trap \"\" TERM HUP; echo $$; while :; do sleep 1; done' &\n"
    "(sh -c 'trap \"\" TERM HUP; (echo $(sh -c \"echo \\$PPID\"); while :; do sleep 1; done) & ' "
    "&)\n"
    "sleep 0.3\n";

static void expect_all_gone(struct run *run, int at_least, const char *name) {
  int count = 0, alive = 0;
  char *rest = output(run), *line;
  while ((line = strsep(&rest, "\n")) && *line) {
    count++;
    alive += is_alive((pid_t)atoi(line));
  }
  printf("# %d processes, %d alive\n", count, alive);
  ok(count >= at_least && alive == 0, name);
}

static void test_escapes(void) {
  char script[1024];
  snprintf(script, sizeof script, "%sexit 0", escape);
  struct run run = run_script(script, NULL);
  ok(exited(&run, 0, SBX_REASON_NONE), "it returns");
  expect_all_gone(&run, 2, "daemons are gone when EXIT comes, after a return");
  forget(&run);
  snprintf(script, sizeof script, "%swhile :; do sleep 1; done", escape);
  run = run_script(script, &(struct sbx_policy){.timeout_ms = 800, .grace_ms = 100});
  ok(killed(&run, SIGKILL, SBX_REASON_TIMEOUT), "it is late");
  expect_all_gone(&run, 2, "and after a deadline");
  forget(&run);
  run = run_script(
      "b() { while :; do (echo $(sh -c 'echo $PPID'); sleep 0.02) & sleep 0.01; done; }\n"
      "for i in 1 2 3 4 5 6; do b & done; wait",
      &(struct sbx_policy){.timeout_ms = 700, .grace_ms = 100});
  expect_all_gone(&run, 20, "processes that keep forking");
  forget(&run);
}

static void leak_and_block(void) {
  sigset_t all;
  open("/etc/passwd", O_RDONLY); /* NOLINT: meant to leak */
  signal(SIGCHLD, SIG_IGN);
  signal(SIGUSR2, SIG_IGN);
  /* What libc keeps for itself, and signal(2) refuses. The kernel's struct: SIG_IGN, then zeros. */
  const uint64_t ignore[5] = {1};
  for (int sig = 32; sig <= 33; sig++)
    syscall(SYS_rt_sigaction, sig, ignore, NULL, sizeof ignore[0]);
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
}

static void test_inheritance(void) {
  char *argv[] = {"sh", "-c",
                  "cat /proc/self/environ | tr '\\0' '\\n'; pwd; ls /proc/self/fd | tr '\\n' ' ';"
                  "grep -E '^(Sig(Blk|Ign)|Cap(Inh|Prm|Eff|Amb)|NoNewPrivs)' /proc/self/status;"
                  "cat /proc/$$/limits",
                  NULL};
  struct sbx_policy policy = make_policy(argv);
  struct run run;
  policy.max_files = 33;
  policy.max_file_bytes = 12345;
  policy.data_bytes = 77 << 20;
  policy.cpu_ms = 5000;
  struct launcher l = start(&policy, leak_and_block);
  begin(&l, &run, 1);
  ok(finish_all(&l, &run, 1) && exited(&run, 0, SBX_REASON_NONE), "it runs");
  char *text = output(&run);
  char dir[PATH_MAX];
  ok(strstr(text, "ONE=1\n") && strstr(text, "TRACEPARENT=00-trace\n"), "its environment");
  ok(!strstr(text, "TRACEPARENT=host"), "its own trace instead of the host's");
  ok(!strstr(text, "SECRET"), "nothing of the launcher's");
  ok(realpath(workdir, dir) && strstr(text, dir), "its working directory");
  ok(strstr(text, "\n0 1 2 3 ") && !strstr(text, "0 1 2 3 4 5"),
     "descriptors 0 to 3 (and ls's own)");
  ok(strstr(text, "SigBlk:\t0000000000000000"), "no signal blocked");
  ok(strstr(text, "SigIgn:\t0000000000000000"), "no signal ignored");
  ok(strstr(text, "CapInh:\t0000000000000000") && strstr(text, "CapPrm:\t0000000000000000") &&
         strstr(text, "CapEff:\t0000000000000000") && strstr(text, "CapAmb:\t0000000000000000"),
     "no capability");
  ok(strstr(text, "NoNewPrivs:\t1"), "no new privileges");
  ok(strstr(text, "Max open files            33                   33"), "RLIMIT_NOFILE");
  ok(strstr(text, "Max file size             12345                12345"), "RLIMIT_FSIZE");
  ok(strstr(text, "Max data size             80740352             80740352"), "RLIMIT_DATA");
  ok(strstr(text, "Max cpu time              6                    7"), "RLIMIT_CPU");
  ok(strstr(text, "Max core file size        1                    1"), "RLIMIT_CORE");
  forget(&run);
  ok(stop(&l) == 0, "end");
}

static void test_usage_limits(void) {
  struct run run = run_script("while :; do :; done", &(struct sbx_policy){.cpu_ms = 300});
  ok(killed(&run, SIGKILL, SBX_REASON_CPU), "CPU time of the guest");
  forget(&run);
  run = run_script("(while :; do :; done) & wait", &(struct sbx_policy){.cpu_ms = 300});
  ok(run.last.u.exit.reason == SBX_REASON_CPU, "CPU time of a child");
  forget(&run);
  run =
      run_script("i=0; while [ $i -lt 400 ]; do sh -c 'i=0; while [ $i -lt 9999 ]; do i=$((i+1)); "
                 "done'; i=$((i+1)); done",
                 &(struct sbx_policy){.cpu_ms = 500});
  ok(run.last.u.exit.reason == SBX_REASON_CPU, "CPU time of many short children");
  forget(&run);
  run = run_script("sleep 1", &(struct sbx_policy){.cpu_ms = 500});
  ok(exited(&run, 0, SBX_REASON_NONE), "idling is no CPU time");
  forget(&run);
  /* dd holds one block: what an rlimit counts. */
  run = run_script("dd if=/dev/zero of=/dev/null bs=64M count=1 2>&1",
                   &(struct sbx_policy){.data_bytes = 32 << 20});
  ok(exited(&run, 1, SBX_REASON_NONE), "memory beyond RLIMIT_DATA is refused");
  forget(&run);
  run = run_script("dd if=/dev/zero of=/dev/null bs=64M count=1 2>&1",
                   &(struct sbx_policy){.data_bytes = 128 << 20});
  ok(exited(&run, 0, SBX_REASON_NONE), "and below it is granted");
  forget(&run);
}

/* The guest of a run, by its report, and its init. */
static pid_t init_of(const struct run *run) {
  return parent_of(run->info.pid);
}

static void test_lost_init(void) {
  char script[1024];
  snprintf(script, sizeof script, "%swhile :; do sleep 1; done", escape);
  char *argv[] = {"sh", "-c", script, NULL};
  struct sbx_policy policy = make_policy(argv);
  policy.timeout_ms = 60000;
  struct launcher l = start(&policy, NULL);
  struct run run, other;
  begin(&l, &run, 1);
  ok(wait_started(&l, &run), "it runs");
  usleep(600000); /* Time for its daemons. */
  pid_t init = init_of(&run);
  ok(parent_of(init) == l.pid, "init is the launcher's child and the guest's parent");
  kill(init, SIGKILL);
  ok(finish_all(&l, &run, 1) && killed(&run, SIGKILL, SBX_REASON_LOST),
     "an init that is killed: LOST");
  expect_all_gone(&run, 2, "and its daemons are gone");
  forget(&run);
  begin(&l, &run, 2);
  ok(wait_started(&l, &run), "another runs");
  kill(init_of(&run), SIGSTOP);
  ok(finish_all(&l, &run, 1) && killed(&run, SIGKILL, SBX_REASON_LOST),
     "an init that is stopped: LOST");
  forget(&run);
  begin(&l, &other, 3);
  ok(wait_started(&l, &other), "the next run is as any other");
  tell(&l, SBX_CTL_KILL, 3);
  ok(finish_all(&l, &other, 1) && killed(&other, SIGKILL, SBX_REASON_KILL), "to its end");
  forget(&other);
  ok(stop(&l) == 0, "end");
}

static void test_host_gone(void) {
  char *argv[] = {"sh", "-c", "trap '' TERM; while :; do sleep 1; done", NULL};
  struct sbx_policy policy = make_policy(argv);
  policy.timeout_ms = policy.grace_ms = 60000;
  struct launcher l = start(&policy, NULL);
  struct run runs[3];
  for (int i = 0; i < 3; i++)
    begin(&l, &runs[i], (uint64_t)i + 1);
  for (int i = 0; i < 3; i++)
    while (!runs[i].started && step(&l, runs, 3))
      ;
  shutdown(l.ctl, SHUT_WR);
  ok(finish_all(&l, runs, 3), "half a close: every run is still reported");
  for (int i = 0; i < 3; i++) {
    ok(killed(&runs[i], SIGKILL, SBX_REASON_KILL) && !is_alive(runs[i].info.pid), "as killed");
    forget(&runs[i]);
  }
  ok(wait_launcher(&l) == 0, "then the launcher ends");
  close(l.ctl);

  l = start(&policy, NULL);
  begin(&l, &runs[0], 1);
  ok(wait_started(&l, &runs[0]), "it runs");
  ok(stop(&l) == 0 && !is_alive(runs[0].info.pid), "a close: gone before the launcher is");
  forget(&runs[0]);

  l = start(&policy, NULL);
  begin(&l, &runs[0], 1);
  ok(wait_started(&l, &runs[0]), "it runs");
  kill(l.pid, SIGKILL);
  ok(dies(runs[0].info.pid), "a launcher that is killed takes its guests along");
  wait_launcher(&l);
  close(l.ctl);
  forget(&runs[0]);
}

static void send_raw(struct launcher *l, const void *bytes, size_t n, int fd, int copies) {
  struct iovec iov = {(void *)(uintptr_t)bytes, n};
  union {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(int) * 8)];
  } control = {0};
  struct msghdr head = {.msg_iov = &iov, .msg_iovlen = 1};
  if (copies > 0) {
    head.msg_control = control.room;
    head.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)copies);
    struct cmsghdr *c = CMSG_FIRSTHDR(&head);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)copies);
    for (int i = 0; i < copies; i++)
      memcpy(CMSG_DATA(c) + sizeof(int) * (size_t)i, &fd, sizeof fd);
  }
  if (sendmsg(l->ctl, &head, MSG_NOSIGNAL) < 0)
    abort();
}

static void test_malformed(void) {
  char *argv[] = {"sh", "-c", "exit 5", NULL};
  struct sbx_policy policy = make_policy(argv);
  struct launcher l = start(&policy, NULL);
  struct run run;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  usleep(50000);
  int before = count_fds_of(l.pid);
  struct sbx_ctl msg = {.version = SBX_CTL_VERSION, .type = SBX_CTL_RUN, .run = 7};
  size_t size = sbx_ctl_size(&msg);
  for (size_t n = 1; n < size; n += 97)
    send_raw(&l, &msg, n, null, (int)(n % 4));
  msg.version = 77;
  send_raw(&l, &msg, size, null, 3);
  msg.version = SBX_CTL_VERSION;
  msg.type = 4711;
  send_raw(&l, &msg, size, null, 3);
  msg.type = SBX_CTL_RUN;
  send_raw(&l, &msg, size, null, 8);
  msg.type = SBX_CTL_EXIT; /* the launcher's own to send */
  send_raw(&l, &msg, sbx_ctl_size(&msg), null, 0);
  run = (struct run){.id = 7};
  msg.type = SBX_CTL_RUN;
  send_raw(&l, &msg, size, null, 2);
  ok(finish_all(&l, &run, 1) && run.last.type == SBX_CTL_FAILED &&
         run.last.u.err.stage == SBX_STAGE_CONTROL,
     "a RUN with too few descriptors is refused by its id");
  run = (struct run){.id = 8};
  msg.run = 8;
  memset(msg.u.run_args.workdir, 'x', sizeof msg.u.run_args.workdir);
  send_raw(&l, &msg, size, null, 3);
  ok(finish_all(&l, &run, 1) && run.last.type == SBX_CTL_FAILED, "a path without an end, too");
  begin(&l, &run, 9);
  ok(finish_all(&l, &run, 1) && exited(&run, 5, SBX_REASON_NONE), "a good one still runs");
  forget(&run);
  usleep(50000);
  ok(count_fds_of(l.pid) == before, "no descriptor was kept");
  close(null);
  ok(stop(&l) == 0, "end");
}

static void test_many(void) {
  enum { MANY = 200 };
  static struct run runs[MANY];
  char *argv[] = {"sh", "-c", "read x < /dev/null; exit 6", NULL};
  struct sbx_policy policy = make_policy(argv);
  struct launcher l = start(&policy, NULL);
  struct run warm;
  begin(&l, &warm, 5000);
  finish_all(&l, &warm, 1);
  forget(&warm);
  usleep(50000); /* Its report comes a moment before its descriptor goes. */
  int fds = count_fds_of(l.pid);
  for (int i = 0; i < MANY; i++)
    begin(&l, &runs[i], (uint64_t)i + 1);
  ok(finish_all(&l, runs, MANY), "200 at once");
  int good = 0;
  for (int i = 0; i < MANY; i++) {
    good += exited(&runs[i], 6, SBX_REASON_NONE) && runs[i].times_over == 1;
    forget(&runs[i]);
  }
  ok(good == MANY, "each told once, with its status");

  /* More reports than a socket holds, for a host that does not read them. */
  enum { ROUNDS = 8 };
  int told = 0;
  for (int round = 0; round < ROUNDS; round++)
    for (int i = 0; i < MANY; i++) {
      struct run run;
      begin(&l, &run, (uint64_t)(1000 + round * MANY + i));
      forget(&run);
    }
  for (int i = 0; i < PATIENCE_MS / 10 && count_children(l.pid) > 0; i++)
    usleep(10000);
  struct sbx_ctl msg;
  while (told < ROUNDS * MANY && receive(&l, &msg) == 1)
    told += msg.type == SBX_CTL_EXIT;
  ok(told == ROUNDS * MANY, "reports wait for a host that does not read");
  for (int i = 0; i < PATIENCE_MS / 10 && count_children(l.pid) > 0; i++)
    usleep(10000);
  ok(count_children(l.pid) == 0, "no process is left");
  printf("# descriptors: %d, then %d\n", fds, count_fds_of(l.pid));
  ok(count_fds_of(l.pid) == fds, "no descriptor is left");
  struct sbx_proc_mem mem;
  if (sbx_proc_mem(l.pid, &mem) == 0)
    printf("# RSS of the launcher: %d kB\n",
           (int)(mem.rss_anon_kb + mem.rss_file_kb + mem.rss_shmem_kb));
  ok(stop(&l) == 0, "end");
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  alarm(170);
  if (!mkdtemp(workdir) || !getenv("SBX_LAUNCHER") || access(getenv("SBX_LAUNCHER"), X_OK) != 0) {
    printf("Bail out! SBX_LAUNCHER names no launcher\n");
    return 1;
  }
  chmod(workdir, 0755);
  test_bad_policies();
  test_bad_rules();
  test_exit();
  test_setup_failures();
  test_deadlines();
  test_commands();
  test_escapes();
  test_inheritance();
  test_usage_limits();
  test_lost_init();
  test_host_gone();
  test_malformed();
  test_many();
  rmdir(workdir);
  return tap_done();
}
