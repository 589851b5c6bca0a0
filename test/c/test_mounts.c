/* SPDX-License-Identifier: MIT */
/* The namespaces and the mount view: what a process sees that was put into them. As root every case
 * runs twice, once as root and once as uid 65534. */
#include "tap.h"
#include "util.h"

#include "domain.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "../../src/core/compat.h"
#include "../../src/guards/mounts.h"
#include "../../src/guards/namespaces.h"

struct view_case {
  const char *name;
  struct domain domain; /* grants and deny */
  struct sbx_mounts_options options;
  void (*body)(void);
};

static const struct view_case *current;
static bool old_kernel; /* Linux 5.11, which has no mount_setattr(2) */
static uid_t outside;   /* who entered the namespaces */

static int reads(const char *path) {
  char text[8] = "";
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno;
  int rc = read(fd, text, sizeof text) < 0 ? errno : 0;
  close(fd);
  return rc;
}

static int writes(const char *path) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return errno;
  int rc = write(fd, "new", 3) == 3 ? 0 : errno;
  close(fd);
  return rc;
}

static int creates(const char *path) {
  int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0)
    return errno;
  close(fd);
  return unlink(path) < 0 ? errno : 0;
}

static int executes(const char *path) {
  int status = -1;
  pid_t pid = fork();
  if (pid == 0) {
    execl(path, path, (char *)NULL);
    _exit(errno);
  }
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int answer(int rc) {
  return rc < 0 ? errno : 0;
}

#define CHECK(what, got, expected)                                                                 \
  do {                                                                                             \
    int check_got = (got), check_expected = (expected);                                            \
    child_ok(check_got == check_expected, "%s (%d, expected %d)", what, check_got,                 \
             check_expected);                                                                      \
  } while (0)

static void view_of_grants(void) {
  struct stat st;
  CHECK("what is granted is read", reads(at("in/file")), 0);
  CHECK("and not written", writes(at("in/file")), EROFS);
  CHECK("nor made", creates(at("in/new")), EROFS);
  CHECK("its mode is not changed", answer(chmod(at("in/file"), 0600)), EROFS);
  CHECK("nor its times", answer(utimensat(AT_FDCWD, at("in/file"), NULL, 0)), EROFS);
  CHECK("what may be written is", writes(at("out/file")), 0);
  CHECK("and made", creates(at("out/new")), 0);
  CHECK("and its mode changed", answer(chmod(at("out/file"), 0600)), 0);
  CHECK("and executed", executes(at("out/true")), 0);
  CHECK("an outdir is written to", creates(at("outdir/new")), 0);
  CHECK("and nothing in it executed", executes(at("outdir/true")), EACCES);
  CHECK("what is not granted is not there", reads(at("other/file")), ENOENT);
  CHECK("not even to be asked for", answer(stat(at("other"), &st)), ENOENT);
  CHECK("nor is the rest of the machine", answer(stat("/etc/passwd", &st)), ENOENT);
  CHECK("nor the old root", answer(stat("/.old", &st)), ENOENT);
  CHECK("a link on the way is there", reads(at("link/file")), 0);
  CHECK("the root is read-only", creates("/new"), EROFS);
  CHECK("and its directories", creates("/dev/new"), EROFS);
  CHECK("a device works", reads("/dev/zero"), 0);
  CHECK("and no other is there", answer(stat("/dev/full", &st)), ENOENT);
  CHECK("the standard links are", answer(stat("/dev/fd/2", &st)), 0);
}

static void view_of_processes(void) {
  struct stat st;
  struct utsname name;
  char path[64];
  CHECK("init is PID 1", getpid(), 1);
  CHECK("its own /proc is there", answer(stat("/proc/1/status", &st)), 0);
  snprintf(path, sizeof path, "/proc/%d", 32000);
  CHECK("no other process is", answer(stat(path, &st)), ENOENT);
  CHECK("/proc is read-only", writes("/proc/self/comm"), EROFS);
  CHECK("the host's name is hidden", uname(&name) == 0 && strcmp(name.nodename, "sandbox") == 0, 1);
  child_ok(getuid() == (outside == 0 ? SBX_ROOT_AS : outside),
           "root is another here, and others who they were (%u)", getuid());
  CHECK("there is a kernel to ask", reads("/proc/meminfo"),
        current->options.pids_only ? ENOENT : 0);
}

static void view_of_tmp(void) {
  char bytes[4096] = {0};
  int fd = open("/tmp/big", O_CREAT | O_WRONLY | O_CLOEXEC, 0600), n = 0;
  child_ok(fd >= 0, "a file in /tmp");
  while (write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes && n < 1000)
    n++;
  child_ok(n > 0 && n <= 16 && errno == ENOSPC, "as large as /tmp is (%d pages)", n);
  int files = 0;
  for (char name[32]; files < 1000; files++) {
    snprintf(name, sizeof name, "/tmp/f%d", files);
    int made = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    if (made < 0)
      break;
    close(made);
  }
  child_ok(files < 200, "and not any number of files (%d)", files);
  close(fd);
}

static void no_tmp(void) {
  struct stat st;
  CHECK("there is no /tmp but for what is granted in it", creates("/tmp/new"), EROFS);
  CHECK("which is there", answer(stat(at("in"), &st)), 0);
  char cwd[PATH_MAX] = "";
  child_ok(chdir(current->options.workdir) == 0 && getcwd(cwd, sizeof cwd) &&
               strcmp(cwd, "/nowhere/known") == 0,
           "the working directory is there, if empty (%s)", cwd);
}

static void view_of_masks(void) {
  struct stat st;
  CHECK("around a denied file all is as it was", reads(at("in/file")), 0);
  CHECK("also to make new ones", creates(at("in/new")), 0);
  CHECK("a denied file cannot be read", reads(at("in/sub/file")), EACCES);
  CHECK("nor written", writes(at("in/sub/file")), EACCES);
  CHECK("nor moved away", answer(rename(at("in/sub/file"), at("in/mine"))), EBUSY);
  CHECK("nor removed", answer(unlink(at("in/sub/file"))), EBUSY);
  CHECK("nor made readable", answer(chmod(at("in/sub/file"), 0777)), EROFS);
  CHECK("a denied directory cannot be listed", opens(at("in/sub2"), O_DIRECTORY), EACCES);
  CHECK("nor entered", answer(stat(at("in/sub2/x"), &st)), EACCES);
  CHECK("the directory above it can be moved", answer(rename(at("in/sub"), at("in/moved"))), 0);
  CHECK("and takes the mask along", reads(at("in/moved/file")), EACCES);
  rename(at("in/moved"), at("in/sub"));
}

/* Once the view is made, what is granted becomes a link to what is not. */
static void turn_into_links(const struct sbx_view *view) {
  (void)view;
  if (rename(at("in/sub"), at("in/gone")) < 0 || symlink("../other", at("in/sub")) < 0 ||
      rename(at("out"), at("gone")) < 0 || symlink("other", at("out")) < 0)
    abort();
}

static void view_of_new_links(void) {
  struct stat st;
  CHECK("what is beside is there", reads(at("in/sub2/new")), 0);
  CHECK("a link in place of a directory leads nowhere", reads(at("in/sub/file")), ENOENT);
  CHECK("nor does one on the way", answer(stat(at("out/sub/file"), &st)), ENOENT);
}

static void restore_links(void) {
  if (unlink(at("in/sub")) < 0 || rename(at("in/gone"), at("in/sub")) < 0 ||
      unlink(at("out")) < 0 || rename(at("gone"), at("out")) < 0)
    abort();
}

static void all_files(void) {
  struct stat st;
  CHECK("everything is there", answer(stat("/etc/passwd", &st)), 0);
  CHECK("to be read", reads(at("in/file")), 0);
  CHECK("and, where it is granted, written", writes(at("out/file")), 0);
  CHECK("but nowhere else", writes(at("in/file")), EROFS);
  CHECK("what is denied is not", reads(at("other/file")), EACCES);
  CHECK("the processes are one's own", getpid(), 1);
  CHECK("/proc is one's own", answer(stat("/proc/32000", &st)), ENOENT);
}

static void all_writable(void) {
  CHECK("everything may be written", writes(at("in/file")), 0);
  CHECK("but what is denied", writes(at("other/file")), EACCES);
  CHECK("and /proc", writes("/proc/self/comm"), EROFS);
}

/* tmpfs are mounted beneath both grants, one of them read-only (mount_beneath). */
static void beneath(void) {
  CHECK("what is mounted beneath is there", reads(at("in/sub2/made")), 0);
  CHECK("and not written", writes(at("in/sub2/made")), EROFS);
  CHECK("nor made", creates(at("in/sub2/new")), EROFS);
  CHECK("also where its name has spaces", creates(at("in/a b\\/new")), EROFS);
  CHECK("no device works there", opens(at("in/sub2/null"), O_RDONLY), EACCES);
  CHECK("what may be written is", creates(at("out/sub/new")), 0);
  CHECK("what was read-only stays so", creates(at("out/sub2/new")), EROFS);
  CHECK("what was not to be executed stays so", executes(at("out/sub2/true")), EACCES);
}

static void mount_beneath(void) {
  const char *const ro = "in/sub2", *const spaces = "in/a b\\", *const kept = "out/sub2";
  int rc = unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
           mkdir(at(spaces), 0755) || mount("t", at(ro), "tmpfs", 0, NULL) ||
           mount("t", at(spaces), "tmpfs", 0, NULL) ||
           mount("t", at("out/sub"), "tmpfs", 0, NULL) || mount("t", at(kept), "tmpfs", 0, NULL);
  if (rc == 0) {
    make_file("in/sub2/made");
    copy_true("out/sub2/true");
    /* A device that works there, as long as nobody says that none does. */
    make_file("in/sub2/null");
    rc = mount("/dev/null", at("in/sub2/null"), NULL, MS_BIND, NULL) ||
         mount(NULL, at(kept), NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC, NULL);
  }
  child_ok(rc == 0, "something is mounted beneath (%s)", strerror(errno));
}

/* As test/escape/native/without.c does. Whoever is in a user namespace may load it. */
static void forget_mount_setattr(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mount_setattr, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
  child_ok(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 &&
               syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) < 0 && errno == ENOSYS,
           "this kernel has no mount_setattr");
}

/* The part of an init, in a PID namespace of its own. */
static void as_init(void) {
  static char text[12][PATH_MAX];
  const struct domain *d = &current->domain;
  char *grants[9] = {0}, *deny[5] = {0};
  struct sbx_view view;
  struct sbx_err err = {0};
  for (int i = 0; i < 8 && d->grants[i]; i++) {
    snprintf(text[i], PATH_MAX, "%c%s", d->grants[i][0], at(d->grants[i] + 1));
    grants[i] = text[i];
  }
  for (int i = 0; i < 4 && d->deny[i]; i++) {
    snprintf(text[8 + i], PATH_MAX, "%s", at(d->deny[i]));
    deny[i] = text[8 + i];
  }
  struct sbx_view_request request = {grants, NULL, deny, true};
  int rc = sbx_view_build(&request, &view, &err);
  if (rc == 0 && d->between)
    d->between(&view);
  if (rc == 0)
    rc = sbx_mounts_enter(&view, &current->options, &err);
  child_ok(rc == 0, "the view is built (%s)", err.text);
  if (rc == 0) {
    /* What a guest has not: the marks of a file's owner beat the bits of its mode. */
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    child_ok(syscall(SYS_capset, &head, none) == 0, "capabilities are dropped");
    current->body();
  }
  _exit(0);
}

static void in_namespaces(void *arg) {
  struct sbx_err err = {0};
  int net_fd = -1, status = -1;
  (void)arg;
  outside = getuid();
  int rc = sbx_namespaces_enter(&net_fd, &err);
  child_ok(rc == 0 && net_fd >= 0, "the namespaces are entered (%s)", err.text);
  if (old_kernel)
    forget_mount_setattr();
  if (current->body == beneath)
    mount_beneath();
  pid_t pid = rc == 0 ? sbx_namespaces_fork() : -1;
  if (pid == 0)
    as_init();
  child_ok(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "init ends");
}

static void empty_network(void *arg) {
  struct sbx_err err = {0};
  int net_fd = -1;
  (void)arg;
  int rc = sbx_namespaces_enter(&net_fd, &err);
  child_ok(rc == 0, "the namespaces are entered (%s)", err.text);
  child_ok(access("/sys/class/net", F_OK) == 0 && fcntl(net_fd, F_GETFD) == FD_CLOEXEC,
           "the launcher stays in the host's network");
  child_ok(sbx_namespaces_leave_network(net_fd, &err) == 0, "a guest leaves it (%s)", err.text);
  FILE *dev = fopen("/proc/self/net/dev", "re");
  char line[256];
  int devices = 0;
  while (dev && fgets(line, sizeof line, dev))
    devices += strchr(line, ':') != NULL && !strstr(line, "lo:");
  if (dev)
    fclose(dev);
  child_ok(devices == 0, "for one without a device");
}

static unsigned long number_in(const char *path) {
  char text[32] = "";
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
    abort();
  close(fd);
  return strtoul(text, NULL, 10);
}

/* As many as can be had, up to `most`; closed again unless they are kept. */
static unsigned long instances(unsigned long most, int keep) {
  unsigned long n = 0;
  int first = -1, fd;
  while (n < most && (fd = inotify_init1(IN_CLOEXEC)) >= 0) {
    first = first < 0 ? fd : first;
    n++;
  }
  if (!keep && n > 0)
    close_range((unsigned)first, (unsigned)first + (unsigned)n - 1, 0);
  return n;
}

/* Guests together have a part of what the host's user has. */
static void inotify_is_shared(void *arg) {
  struct sbx_err err = {0};
  int net_fd = -1, ask[2], answer[2];
  unsigned long share = number_in("/proc/sys/fs/inotify/max_user_instances") / 8;
  unsigned long outside_has = 0;
  char byte = 0;
  (void)arg;
  share = share < 8 ? 8 : share;
  if (share > 200 || pipe(ask) < 0 || pipe(answer) < 0) {
    child_ok(share > 200, "there are enough for all");
    return;
  }
  if (fork() == 0) { /* Another process of the user, not in the namespace. */
    if (read(ask[0], &byte, 1) == 1)
      outside_has = instances(share, 0);
    _exit(write(answer[1], &outside_has, sizeof outside_has) != sizeof outside_has);
  }
  child_ok(instances(share + 1, 0) == share + 1, "a user has more than %lu instances", share);
  int rc = sbx_namespaces_enter(&net_fd, &err);
  child_ok(rc == 0, "the namespaces are entered (%s)", err.text);
  unsigned long n = instances(2 * share, 1);
  child_ok(n == share && errno == EMFILE, "in them there are so many (%lu)", n);
  child_ok(write(ask[1], &byte, 1) == 1 &&
               read(answer[0], &outside_has, sizeof outside_has) == sizeof outside_has &&
               outside_has == share,
           "and outside there are more");
  unsigned long watches = number_in("/proc/sys/user/max_inotify_watches");
  child_ok(watches < number_in("/proc/sys/fs/inotify/max_user_watches"), "watches too (%lu)",
           watches);
}

static void killed(void) {
  raise(SIGKILL);
}

/* It says nothing of the machine, so that it is not to be taken for a missing guard. */
static void helper_is_killed(void *arg) {
  struct sbx_err err = {0};
  int net_fd = -1, before = count_fds();
  (void)arg;
  child_ok(pthread_atfork(NULL, NULL, killed) == 0, "whoever is forked from here is killed");
  child_ok(sbx_namespaces_enter(&net_fd, &err) == -EIO && net_fd < 0, "there is no network");
  child_ok(err.stage == SBX_STAGE_FORK && strstr(err.text, "Killed"), "since a process was (%s)",
           err.text);
  child_ok(count_fds() == before, "and no descriptor is left");
}

static const char *const tree[] = {"rin", "wout", "ooutdir", "rlink", "d/dev/zero", "d/dev/null"};
static struct view_case cases[] = {
    {"grants", {.can_mask = true}, {.workdir = "/", .tmp_bytes = 1 << 16}, view_of_grants},
    {"processes", {.grants = {"rin"}}, {.workdir = "/"}, view_of_processes},
    {"processes alone",
     {.grants = {"rin"}},
     {.workdir = "/", .pids_only = true},
     view_of_processes},
    {"tmp", {.grants = {"rin"}}, {.workdir = "/", .tmp_bytes = 1 << 16}, view_of_tmp},
    {"no tmp", {.grants = {"rin"}}, {.workdir = "/nowhere/known"}, no_tmp},
    {"denied",
     {.grants = {"win"}, .deny = {"in/sub/file", "in/sub2"}},
     {.workdir = "/"},
     view_of_masks},
    {"links in between",
     {.grants = {"rin/sub", "rin/sub2", "rout/sub"}, .between = turn_into_links},
     {.workdir = "/"},
     view_of_new_links},
    {"all, read-only",
     {.grants = {"r/", "wout"}, .deny = {"other"}},
     {.workdir = "/", .all_files = true},
     all_files},
    {"all",
     {.grants = {"w/"}, .deny = {"other"}},
     {.workdir = "/", .all_files = true},
     all_writable},
    {"mounts beneath", {.grants = {"rin", "wout"}}, {.workdir = "/"}, beneath},
};

static void every_view(void) {
  char name[64];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fresh();
    clear("outdir");
    clear("other");
    clear("link");
    make_side("outdir");
    make_side("other");
    if (symlink("in", at("link")) < 0)
      abort();
    current = &cases[i];
    snprintf(name, sizeof name, "%s, %s%s", who, cases[i].name, old_kernel ? ", Linux 5.11" : "");
    if (cases[i].domain.between)
      make_file("in/sub2/new");
    in_child(name, in_namespaces, NULL);
    if (cases[i].domain.between)
      restore_links();
  }
}

static void every_case(void) {
  char name[64];
  struct sbx_report report;
  sbx_namespaces_probe(&report);
  if (report.status != SBX_STATUS_ENFORCED) {
    skip("namespaces and mounts", report.text);
    return;
  }
  for (int i = 0; i < 6; i++)
    cases[0].domain.grants[i] = tree[i];
  /* What programs need that are executed. */
  cases[0].domain.grants[6] = "x/usr";
#ifdef __aarch64__
  cases[0].domain.grants[7] = "x/lib/ld-linux-aarch64.so.1";
#else
  cases[0].domain.grants[7] = "x/lib64/ld-linux-x86-64.so.2";
#endif
  every_view();
  old_kernel = true;
  every_view();
  old_kernel = false;
  snprintf(name, sizeof name, "%s, network", who);
  in_child(name, empty_network, NULL);
  snprintf(name, sizeof name, "%s, helper killed", who);
  in_child(name, helper_is_killed, NULL);
  snprintf(name, sizeof name, "%s, inotify", who);
  in_child(name, inotify_is_shared, NULL);
  clean();
  clear("outdir");
  clear("other");
  clear("link");
}

int main(void) {
  if (!mkdtemp(base))
    abort();
  as_both_users(every_case);
  rmdir(base);
  return tap_done();
}
