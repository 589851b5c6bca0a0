/* SPDX-License-Identifier: MIT */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../guards/listener.h"
#include "connections.h"
#include "launcher.h"
#include "notify.h"

#define NOBODY 65534u
#define PATIENCE_MS 5000
/* Nothing listens there, and the broker is to know of it before the kernel does. */
#define PORT 1

/* As far as guards/privileges.c goes where the broker may be another user than its guest. Root that
 * may not become another stays who it is, without what capabilities it has. */
static int become_guest(void) {
  struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
  if (geteuid() == 0 &&
      (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
       setresuid(NOBODY, NOBODY, NOBODY) < 0) &&
      (errno != EPERM || syscall(SYS_capset, &head, none) < 0))
    return -errno;
  /* As execve(2) leaves it. */
  return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
             ? -errno
             : 0;
}

/* The guest: a socket, and a connect() to what no rule allows. */
static void __attribute__((noreturn)) try_connect(int pair_fd, int report_fd) {
  struct sbx_err err = {0};
  int rc = become_guest();
  if (rc < 0)
    sbx_err_set(&err, SBX_STAGE_PRIVILEGES, -rc, "becoming a guest: %s", strerror(-rc));
  else
    rc = sbx_listener_install(true, false, 0, pair_fd, &err);
  sbx_fd_close(&pair_fd);
  if (rc == 0) {
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
      sbx_err_set(&err, SBX_STAGE_SECCOMP, errno, "a broker cannot hand sockets over: %s",
                  strerror(errno));
    else if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno != EACCES)
      sbx_err_set(&err, SBX_STAGE_SECCOMP, errno, "a broker does not see connect(2): %s",
                  strerror(errno));
  }
  sbx_write_full(report_fd, &err, sizeof err);
  _exit(0);
}

/* Not what the guest was told: it is the same where its address could not be read. */
static bool judged(const struct sbx_connections *c) {
  struct sbx_net_report report;
  return sbx_connections_report(c, &report) && report.n == 1 && report.seen[0].port == PORT &&
         report.seen[0].verdict == SBX_NET_NO_RULE;
}

/* The part of an init, until the guest has told. */
static void broke(struct sbx_connections *c, int report_fd, struct sbx_err *err) {
  struct sbx_err told, failed = {0};
  for (;;) {
    struct pollfd fds[] = {{.fd = report_fd, .events = POLLIN},
                           {.fd = sbx_connections_fd(c), .events = POLLIN}};
    if (poll(fds, 2, PATIENCE_MS) <= 0)
      return;
    if (fds[1].revents && sbx_connections_dispatch(c, &failed) < 0) {
      *err = failed;
      return;
    }
    if (fds[0].revents) {
      if (sbx_read_full(report_fd, &told, sizeof told) == (ssize_t)sizeof told)
        *err = told;
      if (err->errnum == 0 && !judged(c))
        sbx_err_set(err, SBX_STAGE_SECCOMP, EPERM,
                    "a broker cannot read the addresses of its guest (ptrace(2) is restricted)");
      return;
    }
  }
}

static const char *mend_for(int errnum) {
  if (errnum == EBUSY)
    return "a container without a seccomp listener of its own";
  if (errnum == EPERM && geteuid() == 0)
    return "another user than root (docker run --user, USER in its file), whose guests keep its "
           "id; or "
           "CAP_SYS_PTRACE (--cap-add SYS_PTRACE)";
  if (errnum == EPERM)
    return "a machine that lets a process be read by its parent (kernel.yama.ptrace_scope below 2)";
  return "a kernel of 5.14 or later";
}

static void probe_broker(struct sbx_report *report) {
  struct sbx_err err = {.errnum = EIO, .text = "the probe did not finish"};
  struct sbx_netrules *rules = NULL;
  struct sbx_connections connections;
  int ends[2], guest_fd = -1;
  if (sbx_netrules_compile(NULL, NULL, &rules, &err) == 0 &&
      sbx_connections_open(&connections, rules, 0, false, false, &guest_fd, &err) == 0 &&
      pipe2(ends, O_CLOEXEC) == 0) {
    pid_t child = fork();
    if (child == 0)
      try_connect(guest_fd, ends[1]);
    if (child < 0)
      sbx_err_set(&err, SBX_STAGE_FORK, errno, "fork: %s", strerror(errno));
    sbx_fd_close(&guest_fd);
    sbx_fd_close(&ends[1]);
    if (child > 0)
      broke(&connections, ends[0], &err);
    if (child > 0)
      kill(child, SIGKILL);
    while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
      ;
  }
  err.text[SBX_ERR_TEXT_MAX - 1] = '\0';
  if (err.errnum == 0 && sbx_notify_fd_works())
    sbx_report_set(report, SBX_STATUS_ENFORCED, "", "connections are judged one by one");
  else if (err.errnum == 0)
    sbx_report_set(report, SBX_STATUS_PARTIAL,
                   "CAP_SYS_PTRACE, or a container that allows pidfd_getfd(2)",
                   "TCP connections are judged one by one; UDP and unix sockets cannot be "
                   "(pidfd_getfd(2) is refused)");
  else
    sbx_report_set(report, sbx_report_failure(err.errnum), mend_for(err.errnum), "%.180s",
                   err.text);
}

static void print(const char *name, const struct sbx_report *report) {
  static const char *const names[] = {"enforced", "partial", "unavailable", "untried"};
  dprintf(STDOUT_FILENO, "%s\t%s\t%s\t%s\n", name, names[report->status], report->text,
          report->mend);
}

int sbx_probe(const char *cgroup) {
  struct sbx_report report = {0};
  for (const struct sbx_guard *g = sbx_guards; g->name; g++) {
    if (!g->probe)
      continue;
    report = (struct sbx_report){0};
    g->probe(&report);
    print(g->name, &report);
  }
  report = (struct sbx_report){0};
  probe_broker(&report);
  print("broker", &report);
  report = (struct sbx_report){0};
  sbx_cgroup_probe(cgroup, &report);
  print("cgroup", &report);
  return SBX_LAUNCHER_OK;
}
