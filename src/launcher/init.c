/* SPDX-License-Identifier: MIT */
/* The init of one run: a fork of the launcher, parent of the guest, reaper of all that descends
 * from it. Holds the deadline, so that nothing above it has to be awake for a run to end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/proc.h"
#include "../supervise/guest.h"
#include "../supervise/tree.h"
#include "connections.h"
#include "launcher.h"

struct init {
  struct sbx_job *job;
  struct sbx_guard_run run;
  int signal_fd, status_fd;
  bool executed; /* the guest's execve worked */
  bool ahead;    /* its run has not begun */
  char **envp;   /* the guest's whole environment */
  char **zygote_argv;
  struct sbx_tree tree;
  struct sbx_guest guest;
  struct sbx_connections connections;
  struct sbx_stall stall; /* the guest's cgroup */
};

static void tell(struct init *s, struct sbx_ctl *msg) {
  int sock = s->job->launcher_fd;
  while (sbx_ctl_send(sock, msg, NULL, 0) == -EAGAIN)
    poll(&(struct pollfd){.fd = sock, .events = POLLOUT}, 1, -1);
}

/* The guest's cgroup, in which nobody is any more, and those of a zygote's guests. Where the
 * launcher is gone, it is for the last init to remove its own. */
static void leave_cgroup(struct init *s) {
  int *pen_fd = &s->job->shared->pen_fd;
  struct pollfd launcher = {.fd = s->job->launcher_fd};
  if (*pen_fd < 0)
    return;
  sbx_cgroup_remove(*pen_fd, &s->stall);
  if (s->zygote_argv)
    sbx_cgroup_sweep(*pen_fd);
  if (poll(&launcher, 1, 0) == 1 && (launcher.revents & POLLHUP))
    sbx_cgroup_close(pen_fd);
}

static void __attribute__((noreturn)) finish_failed(struct init *s, const struct sbx_err *err) {
  leave_cgroup(s);
  struct sbx_ctl msg;
  sbx_ctl_begin(&msg, SBX_CTL_FAILED, s->job->id);
  msg.u.err = *err;
  tell(s, &msg);
  _exit(0);
}

static void __attribute__((noreturn)) fail(struct init *s, enum sbx_stage stage, const char *what) {
  struct sbx_err err = {0};
  sbx_err_set(&err, stage, errno, "%s: %s", what, strerror(errno));
  finish_failed(s, &err);
}

/* Waits for one child that has ended. Returns its pid, 0 when none has, -1 when there are none. */
static pid_t reap_one(struct init *s, int flags) {
  siginfo_t info = {0};
  if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | flags) < 0)
    return errno == EINTR ? 0 : -1;
  if (info.si_pid != 0)
    sbx_guest_reap(&s->guest, info.si_pid);
  return info.si_pid;
}

/* Kills what is below until nothing is left. In a PID namespace of our own that is everybody else,
 * all at once. Otherwise our children, whose children then become ours: only children are killed,
 * whose numbers cannot be reused before we wait for them. */
static void kill_tree(struct init *s) {
  pid_t pid;
  bool own = s->job->policy->use & SBX_USE_NAMESPACES;
  for (;;) {
    if (own)
      kill(-1, SIGKILL);
    while ((pid = reap_one(s, WNOHANG)) > 0)
      ;
    if (pid < 0)
      return;
    sbx_tree_children(&s->tree, getpid());
    for (size_t i = 0; i < s->tree.n; i++)
      kill(s->tree.at[i].pid, SIGKILL);
    if (!s->guest.gone) /* Also where /proc told nothing. */
      kill(s->guest.pid, SIGKILL);
    reap_one(s, 0);
  }
}

/* SIGTERM for all; SIGKILL for all, and waits until they are gone. */
static void signal_tree(struct init *s, int sig) {
  if (sig == SIGKILL)
    kill_tree(s);
  if (sig != SIGTERM)
    return;
  sbx_tree_list(&s->tree);
  for (size_t i = 0; i < s->tree.n; i++)
    sbx_tree_signal(&s->tree.at[i], SIGTERM);
}

static void kill_for(struct init *s, enum sbx_reason reason) {
  sbx_guest_blame(&s->guest, reason);
  kill_tree(s);
}

/* Names that the guest's stub resolver wants to know. */
static void ask_host(struct init *s) {
  struct sbx_ctl msg = {.type = SBX_CTL_ASK};
  while (sbx_connections_ask(&s->connections, &msg.u.ask))
    tell(s, &msg);
}

static void tell_started(struct init *s) {
  struct sbx_ctl msg;
  if (!s->executed || s->ahead)
    return;
  sbx_ctl_begin(&msg, SBX_CTL_STARTED, s->job->id);
  msg.u.started = (struct sbx_ctl_started){.pid = s->guest.pid, .start_ns = s->guest.exit.start_ns};
  tell(s, &msg);
}

/* One that has died while it waited has had no run, and the host may give that to another: it is
 * not told that this one has started. */
static void begin_run(struct init *s) {
  while (reap_one(s, WNOHANG) > 0)
    ;
  if (!s->ahead || s->guest.gone)
    return;
  s->ahead = false;
  sbx_guest_begin(&s->guest);
  tell_started(s);
}

static void on_message(struct init *s) {
  struct sbx_ctl msg;
  int fds[SBX_CTL_MAX_FDS], nfds;
  int rc = sbx_ctl_recv(s->job->launcher_fd, MSG_DONTWAIT, &msg, fds, &nfds);
  if (rc == -EAGAIN)
    return;
  if (rc == 1 && msg.type == SBX_CTL_GRANT) {
    sbx_connections_grant(&s->connections, &msg.u.grant);
    msg.type = SBX_CTL_GRANTED;
    msg.run = s->job->id;
    tell(s, &msg);
    ask_host(s);
  } else if (rc == 1 && msg.type == SBX_CTL_READY) /* A zygote: its guests are its own care. */
    sbx_guest_limit(&s->guest, 0);
  else if (rc == 1 && msg.type == SBX_CTL_BEGIN)
    begin_run(s);
  else if (rc == 1 && msg.type == SBX_CTL_TERM)
    signal_tree(s, sbx_guest_end(&s->guest, SBX_REASON_TERM, sbx_now_mono_ns()));
  else /* KILL, or the launcher is gone or broken. */
    kill_for(s, SBX_REASON_KILL);
}

/* The status pipe: end-of-file once execve() has closed it, or the reason why it did not come to
 * that. */
static void on_status(struct init *s) {
  struct sbx_err err;
  ssize_t n = sbx_read_full(s->status_fd, &err, sizeof err);
  sbx_fd_close(&s->status_fd);
  if (n == (ssize_t)sizeof err) {
    kill_tree(s);
    err.text[SBX_ERR_TEXT_MAX - 1] = '\0';
    finish_failed(s, &err);
  }
  s->executed = true;
  tell_started(s);
  /* Not earlier: until execve() the file belongs to root, see core/proc.h. */
  s->guest.io_fd = sbx_proc_io_open(s->guest.pid);
}

static void on_connections(struct init *s) {
  struct sbx_err err = {0};
  uint64_t before = sbx_now_cpu_us();
  if (sbx_connections_dispatch(&s->connections, &err) == 0) {
    ask_host(s);
    sbx_guest_served(&s->guest, sbx_now_cpu_us() - before);
    return;
  }
  kill_tree(s);
  finish_failed(s, &err);
}

static void on_signal(struct init *s) {
  struct signalfd_siginfo info[16];
  while (read(s->signal_fd, info, sizeof info) > 0)
    ;
  while (reap_one(s, WNOHANG) > 0)
    ;
}

static void supervise(struct init *s) {
  while (!s->guest.gone) {
    struct pollfd fds[] = {
        {.fd = s->signal_fd, .events = POLLIN},
        {.fd = s->job->launcher_fd, .events = POLLIN},
        {.fd = s->status_fd, .events = POLLIN}, /* -1 once read: ignored */
        {.fd = sbx_connections_fd(&s->connections), .events = POLLIN},
    };
    uint64_t now = sbx_now_mono_ns(), next = sbx_guest_next_ns(&s->guest);
    uint64_t wait = next > now ? next - now : 0;
    struct timespec timeout = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
    if (ppoll(fds, 4, &timeout, NULL) < 0 && errno != EINTR)
      kill_for(s, SBX_REASON_KILL);
    if (fds[3].revents)
      on_connections(s);
    if (fds[2].revents)
      on_status(s);
    if (fds[1].revents && !s->guest.gone)
      on_message(s);
    if (fds[0].revents && !s->guest.gone)
      on_signal(s);
    if (!s->guest.gone)
      signal_tree(s, sbx_guest_due(&s->guest, sbx_now_mono_ns()));
  }
}

/* The policy's environment, with this run's TRACEPARENT instead of one that the host may have. */
static void build_env(struct init *s) {
  char **env = s->job->policy->env;
  const char *trace = s->job->args.traceparent;
  static char entry[sizeof "TRACEPARENT=" + sizeof s->job->args.traceparent];
  size_t n = 0;
  s->envp = env;
  if (!*trace)
    return;
  while (env[n])
    n++;
  s->envp = calloc(n + 2, sizeof *s->envp);
  if (!s->envp)
    fail(s, SBX_STAGE_FORK, "environment");
  size_t kept = 0;
  for (size_t i = 0; i < n; i++)
    if (strncmp(env[i], "TRACEPARENT=", sizeof "TRACEPARENT=" - 1) != 0)
      s->envp[kept++] = env[i];
  snprintf(entry, sizeof entry, "TRACEPARENT=%s", trace);
  s->envp[kept] = entry;
}

/* A zygote's command line, with what this one is to preload. */
static void build_zygote_argv(struct init *s) {
  char **argv = s->job->policy->zygote_argv;
  size_t n = 0, more = 0;
  while (argv[n])
    n++;
  while (s->run.grants[more])
    more++;
  s->zygote_argv = calloc(n + more + 1, sizeof *argv);
  if (!s->zygote_argv)
    fail(s, SBX_STAGE_FORK, "arguments");
  memcpy(s->zygote_argv, argv, n * sizeof *argv);
  for (char *const *grant = s->run.grants; *grant; grant++)
    if (**grant == SBX_VIEW_PRELOAD)
      s->zygote_argv[n++] = *grant + 1;
}

/* The module has the runtime's heap lie in one place (zygote/arena.c), for which it has to be there
 * before the runtime. The loader takes some characters of a path for its own, and tells of files it
 * does not find: without the variable the heap is where the runtime puts it. */
static void build_zygote_env(struct init *s) {
  char *const *argv = s->job->policy->zygote_argv;
  char **env = s->job->policy->env;
  size_t n = 0, last = 0;
  while (argv[last + 1])
    last++;
  while (env[n])
    n++;
  s->envp = env;
  if (strpbrk(argv[last], " :$"))
    return;
  char *entry;
  s->envp = calloc(n + 2, sizeof *s->envp);
  if (!s->envp || asprintf(&entry, "LD_PRELOAD=%s", argv[last]) < 0)
    fail(s, SBX_STAGE_FORK, "environment");
  memcpy(s->envp, env, n * sizeof *env);
  s->envp[n] = entry;
}

/* What has to be done before there is a guest, and what may fail then. */
static void prepare_guest(struct init *s) {
  struct sbx_job *job = s->job;
  struct sbx_err err = {0};
  s->run = (struct sbx_guard_run){
      .policy = job->policy,
      .shared = job->shared,
      .workdir = job->args.workdir,
      .grants = sbx_ctl_grants(&job->args),
      .data_fd = job->data_fd,
      .stdout_fd = job->stdout_fd,
      .stderr_fd = job->stderr_fd,
      .debug_fd = job->debug_fd,
      .ruleset_fd = -1,
      .listener_fd = -1,
      .exec_fd = -1,
  };
  if (!s->run.grants)
    fail(s, SBX_STAGE_FORK, "grants");
  bool zygote = job->zygote_fd >= 0;
  s->run.zygote = zygote && job->policy->preload_ms > 0;
  if (zygote)
    build_zygote_argv(s);
  bool guards = !zygote || s->run.zygote;
  int rc = guards ? sbx_guards_prepare(&s->run, &err) : sbx_zygote_prepare(job->shared, &err);
  if (rc == 0)
    rc = sbx_connections_open(&s->connections, zygote ? NULL : job->shared->net_rules,
                              job->policy->permit, job->policy->use & SBX_USE_SOCK_DIAG,
                              sbx_policy_boxes_udp(job->policy), &s->run.listener_fd, &err);
  if (rc < 0)
    finish_failed(s, &err);
}

static void __attribute__((noreturn)) become(struct init *s, int status_fd, pid_t self) {
  s->run.status_fd = status_fd;
  if (s->job->zygote_fd >= 0)
    sbx_child_exec_zygote(s->job, &s->run, s->zygote_argv, s->envp, self);
  sbx_child_exec(&s->run, s->envp, self);
}

/* So that its tree is itself, and need not be looked for. */
static bool cannot_fork(const struct sbx_policy *policy) {
  return (policy->use & SBX_USE_SECCOMP) && !(policy->permit & SBX_PERMIT_SPAWN);
}

/* A zygote is not in a cgroup of its own: it runs nothing of a guest's. */
static pid_t fork_guest(struct init *s) {
  struct sbx_err err = {0};
  int pen_fd = s->job->zygote_fd < 0 ? s->job->shared->pen_fd : -1;
  pid_t pid = pen_fd < 0 ? fork() : sbx_cgroup_fork(pen_fd, s->job->policy, &s->stall, &err);
  if (pid < 0 && err.errnum != 0)
    finish_failed(s, &err);
  if (pid < 0)
    fail(s, SBX_STAGE_FORK, "fork");
  return pid;
}

/* What the kernel says of it as a whole: that it ended the guest for its memory, and CPU time also
 * of those that the guest's processes have left to be waited for by nobody. */
static void read_cgroup(struct init *s) {
  struct sbx_usage *u = &s->guest.exit.usage;
  uint64_t user_us, system_us;
  int status = s->guest.exit.status;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && sbx_cgroup_ran_out(&s->stall))
    sbx_guest_blame(&s->guest, SBX_REASON_MEMORY);
  if (!sbx_cgroup_cpu(&s->stall, &user_us, &system_us) ||
      user_us + system_us < u->user_us + u->system_us)
    return;
  u->user_us = user_us;
  u->system_us = system_us;
}

static void start_guest(struct init *s) {
  struct sbx_job *job = s->job;
  int status[2];
  sigset_t chld;
  if (job->zygote_fd >= 0)
    build_zygote_env(s);
  else
    build_env(s);
  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD); /* Blocked since the launcher's start. */
  s->signal_fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
  if (s->signal_fd < 0)
    fail(s, SBX_STAGE_FORK, "signalfd");
  if (pipe2(status, O_CLOEXEC) < 0)
    fail(s, SBX_STAGE_FORK, "pipe2");
  pid_t self = getpid(), pid = fork_guest(s);
  if (pid == 0)
    become(s, status[1], self);
  s->ahead = job->args.ahead;
  bool zygote = job->zygote_fd >= 0;
  if (!zygote && job->policy->max_threads) /* One more than a run may have, and this process. */
    s->tree.most = job->policy->max_threads + 2;
  sbx_guest_start(&s->guest, job->policy, pid, !zygote && cannot_fork(job->policy), &s->tree,
                  !zygote && !s->ahead);
  if (s->run.zygote)
    sbx_guest_limit(&s->guest, job->policy->preload_ms);
  sbx_fd_close(&status[1]);
  s->status_fd = status[0];
  /* The host waits for end-of-file on these, the launcher on the zygote's. */
  sbx_fd_close(&job->data_fd);
  sbx_fd_close(&job->stdout_fd);
  sbx_fd_close(&job->stderr_fd);
  sbx_fd_close(&job->debug_fd);
  sbx_fd_close(&job->zygote_fd);
  sbx_fd_close(&s->run.ruleset_fd);
  sbx_fd_close(&s->run.listener_fd);
}

void sbx_init_run(struct sbx_job *job) {
  struct init s = {.job = job, .signal_fd = -1, .status_fd = -1, .stall = {.fd = -1}};
  int policy_fd = job->zygote_fd < 0 ? -1 : SBX_POLICY_FD;
  const int keep[] = {job->launcher_fd,    job->data_fd,  job->stdout_fd,
                      job->stderr_fd,      policy_fd,     job->zygote_fd,
                      job->shared->net_fd, job->debug_fd, job->shared->pen_fd};
  /* What the launcher has open is none of a run's business: above all the control socket, whose
   * last copy must be the launcher's, and the sockets of other inits. */
  int rc = sbx_fd_close_all_but(keep, sizeof keep / sizeof *keep);
  if (rc < 0) {
    errno = -rc;
    fail(&s, SBX_STAGE_FORK, "close_range");
  }
  /* Whatever the run leaves behind, however it detaches, becomes a child of this process. */
  if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
    fail(&s, SBX_STAGE_FORK, "PR_SET_CHILD_SUBREAPER");
  prepare_guest(&s);
  start_guest(&s);
  supervise(&s);
  if (s.status_fd >= 0)
    on_status(&s);
  kill_tree(&s);
  read_cgroup(&s);
  leave_cgroup(&s);
  struct sbx_ctl msg;
  sbx_ctl_begin(&msg, SBX_CTL_NET, job->id);
  if (sbx_connections_report(&s.connections, &msg.u.net))
    tell(&s, &msg);
  sbx_ctl_begin(&msg, SBX_CTL_EXIT, job->id);
  msg.u.exit = *sbx_guest_report(&s.guest);
  tell(&s, &msg);
  _exit(0);
}
