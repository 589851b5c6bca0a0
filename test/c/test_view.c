/* SPDX-License-Identifier: MIT */
/* The view of files, case by case. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tap.h"
#include "util.h"

#include "../../src/guards/paths.h"
#include "../../src/guards/view.h"

static char base[] = "/tmp/sbx-view-XXXXXX";

static const char *at(const char *name) {
  static char ring[8][PATH_MAX];
  static unsigned next;
  char *text = ring[next++ % 8];
  snprintf(text, PATH_MAX, "%s/%s", base, name);
  return text;
}

static void make_dir(const char *name) {
  if (mkdir(at(name), 0755) < 0)
    abort();
}

static void make_file(const char *name) {
  int fd = open(at(name), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0)
    abort();
  close(fd);
}

static void make_link(const char *target, const char *name) {
  if (symlink(target, at(name)) < 0)
    abort();
}

/* One request; names are relative to `base` unless they begin with '/'. */
struct ask {
  char text[12][PATH_MAX];
  char *grants[5], *run_grants[5], *deny[4];
  struct sbx_view view;
  struct sbx_err err;
};

static int n_of(char **list) {
  int n = 0;
  while (list[n])
    n++;
  return n;
}

static void grant(struct ask *a, char access, const char *name) {
  int n = n_of(a->grants);
  snprintf(a->text[n], PATH_MAX, "%c%s", access, name[0] == '/' ? name : at(name));
  a->grants[n] = a->text[n];
}

static void deny(struct ask *a, const char *name) {
  int n = n_of(a->deny);
  snprintf(a->text[5 + n], PATH_MAX, "%s", name[0] == '/' ? name : at(name));
  a->deny[n] = a->text[5 + n];
}

static void hide(struct ask *a, const char *name) {
  int n = n_of(a->run_grants);
  snprintf(a->text[8 + n], PATH_MAX, "h%s", at(name));
  a->run_grants[n] = a->text[8 + n];
}

static int build(struct ask *a, bool can_mask) {
  struct sbx_view_request request = {a->grants, a->run_grants, a->deny, can_mask};
  return sbx_view_build(&request, &a->view, &a->err);
}

#include "view_text.h"

static void is(struct ask *a, bool can_mask, const char *expected, const char *name) {
  int rc = build(a, can_mask);
  const char *got = rc == 0 ? shown(&a->view) : a->err.text;
  ok(rc == 0 && strcmp(got, expected) == 0, name);
  if (rc != 0 || strcmp(got, expected) != 0)
    printf("# got      %s\n# expected %s\n", got, expected);
  sbx_view_free(&a->view);
  memset(a, 0, sizeof *a);
}

static void fails(struct ask *a, int errnum, const char *part, const char *name) {
  int rc = build(a, false);
  ok(rc == -errnum && a->err.errnum == errnum && a->err.stage == SBX_STAGE_VIEW &&
         strstr(a->err.text, part) && !a->view.grants && !a->view.masks,
     name);
  if (rc != -errnum)
    printf("# got %d, %s\n", rc, a->err.text);
  memset(a, 0, sizeof *a);
}

static void make_tree(void) {
  make_dir("d");
  make_dir("d/sub");
  make_dir("d/sub/deep");
  make_file("d/sub/deep/secret");
  make_file("d/sub/deep/other");
  make_file("d/sub/near");
  make_file("d/top");
  make_dir("d-e");
  make_link("../d/sub", "d/link");
  make_link("d/sub/deep/secret", "to-secret");
  make_link("d/sub/none", "dangling");
  make_link("d", "alias");
  make_link("loop-b", "loop-a");
  make_link("loop-a", "loop-b");
}

static void grants_alone(void) {
  struct ask a = {0};
  is(&a, true, "", "nothing asked for is an empty view");
  grant(&a, 'r', "d");
  grant(&a, 'w', "none");
  grant(&a, 'w', "d/top/none");
  grant(&a, 'w', "dangling");
  grant(&a, 'w', "loop-a");
  is(&a, false, "r/d/", "what does not exist grants nothing");
  grant(&a, 'r', "d");
  grant(&a, 'r', "d/sub");
  grant(&a, 'w', "d/sub/deep");
  grant(&a, 'r', "d/sub/deep/secret");
  is(&a, false, "r/d/ w/d/sub/deep/", "a grant within a wider one is dropped, a wider one is not");
  grant(&a, 'r', "d");
  grant(&a, 'x', "d");
  grant(&a, 'w', "d");
  grant(&a, 'x', "d");
  is(&a, false, "w/d/ x/d/", "rights of one path add up");
  grant(&a, 'r', "d-e");
  grant(&a, 'r', "d");
  grant(&a, 'r', "d/./sub/../top");
  is(&a, false, "r/d/ r/d/top=/d/./sub/../top r/d-e/",
     "tree order; another spelling is kept beside the path it leads to");
  grant(&a, 'r', "alias");
  grant(&a, 'r', "d/sub");
  is(&a, false, "r/d/=/alias", "links are followed");
  a.run_grants[0] = (char[PATH_MAX]){0};
  snprintf(a.run_grants[0], PATH_MAX, "w%s", at("d/top"));
  is(&a, false, "w/d/top", "a run's own grants count");
}

static void denies(void) {
  struct ask a = {0};
  for (int mask = 0; mask < 2; mask++) {
    grant(&a, 'r', "d/sub/deep");
    grant(&a, 'r', "d/top");
    deny(&a, "d/sub");
    is(&a, mask, "r/d/top", "a grant beneath a deny grants nothing");
    grant(&a, 'r', "d/sub");
    deny(&a, "d/sub");
    is(&a, mask, "", "nor does one at it");
    grant(&a, 'r', "alias/sub/near");
    deny(&a, "d/link");
    is(&a, mask, "", "links are followed on both sides");
    grant(&a, 'r', "d");
    deny(&a, "d/s");
    deny(&a, "d-");
    is(&a, mask, "-r/d/ r/d/sub/ r/d/top", "a name that another begins with is another name");
    grant(&a, 'r', "d");
    deny(&a, "/");
    is(&a, mask, "", "a denied root denies all");
  }
  grant(&a, 'r', "d");
  deny(&a, "d/sub/deep/secret");
  is(&a, true, "r/d/ !/d/sub/deep/secret", "a denied file that exists is masked");
  grant(&a, 'r', "d");
  deny(&a, "d/sub/deep/secret");
  is(&a, false, "-r/d/ -r/d/sub/ -r/d/sub/deep/ r/d/sub/deep/other r/d/sub/near r/d/top",
     "or what is around it is granted one by one, links left out");
  grant(&a, 'w', "d");
  deny(&a, "d/sub");
  is(&a, false, "-w/d/ w/d/top", "a denied directory likewise");
  grant(&a, 'w', "d");
  deny(&a, "d/sub");
  deny(&a, "d/sub/deep/secret");
  is(&a, true, "w/d/ !/d/sub/", "a deny within another adds nothing");
  grant(&a, 'w', "d");
  deny(&a, "to-secret");
  is(&a, true, "w/d/ !/d/sub/deep/secret", "a denied link denies its target");
  grant(&a, 'r', "d");
  grant(&a, 'x', "d");
  deny(&a, "d/sub");
  is(&a, false, "-x/d/ x/d/top", "grants of one path are taken apart alike");
}

static void hides(void) {
  struct ask a = {0};
  grant(&a, 'r', "d");
  hide(&a, "d/sub/near");
  is(&a, true, "r/d/ !/d/sub/near", "a hidden file is masked");
  grant(&a, 'r', "d");
  hide(&a, "d/sub/near");
  hide(&a, "d/sub/deep/none");
  is(&a, false, "l/d/ l/d/sub/ r/d/sub/deep/ r/d/top",
     "or what is around it is granted one by one, and listed");
  for (int mask = 0; mask < 2; mask++) {
    grant(&a, 'r', "d");
    hide(&a, "d/none");
    is(&a, mask, "r/d/", "what is not there hides nothing");
    grant(&a, 'r', "d");
    hide(&a, "d/sub");
    hide(&a, "d/sub/deep");
    is(&a, mask, mask ? "r/d/ !/d/sub/" : "l/d/ r/d/top", "one within another adds nothing");
    grant(&a, 'r', "d");
    hide(&a, "to-secret");
    is(&a, mask,
       mask ? "r/d/ !/d/sub/deep/secret"
            : "l/d/ l/d/sub/ l/d/sub/deep/ r/d/sub/deep/other r/d/sub/near r/d/top",
       "a hidden link hides its target");
  }
  grant(&a, 'r', "d");
  deny(&a, "d/top");
  hide(&a, "d/sub/near");
  is(&a, false, "-r/d/ l/d/sub/ r/d/sub/deep/", "around what is denied nothing is listed");
  grant(&a, 'r', "d");
  deny(&a, "d/sub/deep/secret");
  hide(&a, "d/sub/near");
  is(&a, false, "-r/d/ -r/d/sub/ -r/d/sub/deep/ r/d/sub/deep/other r/d/top",
     "nor where something hidden comes first");
  grant(&a, 'r', "d");
  deny(&a, "d/none");
  hide(&a, "d/sub/near");
  is(&a, true, "-r/d/ r/d/sub/ r/d/top !/d/sub/near", "with a mask beneath what is taken apart");
  grant(&a, 'r', "d");
  grant(&a, 'r', "alias");
  grant(&a, 'w', "d/sub/deep");
  hide(&a, "d/sub/near");
  is(&a, false, "l/d/=/alias l/d/sub/ w/d/sub/deep/ r/d/top",
     "grants of one path, and a wider one in it");
}

static void missing_denies(void) {
  struct ask a = {0};
  grant(&a, 'w', "d");
  deny(&a, "d/sub/none/such");
  deny(&a, "d/sub/deep/secret");
  is(&a, true, "-w/d/ -w/d/sub/ w/d/sub/deep/ w/d/sub/near w/d/top !/d/sub/deep/secret",
     "a denied path that is missing is kept missing; what exists is still masked");
  grant(&a, 'w', "d");
  deny(&a, "dangling");
  is(&a, true, "-w/d/ -w/d/sub/ w/d/sub/deep/ w/d/sub/near w/d/top",
     "so is the target of a link that dangles");
  grant(&a, 'w', "d");
  deny(&a, "d/sub/deep/none/../../near");
  deny(&a, "d/link/deep/./x//");
  is(&a, true, "-w/d/ -w/d/sub/ -w/d/sub/deep/ w/d/sub/deep/other w/d/sub/deep/secret w/d/top",
     "a missing tail is kept as it is written");
  grant(&a, 'w', "d");
  deny(&a, "d/top/none");
  is(&a, true, "-w/d/ w/d/sub/ w/d/top", "a file in a directory's place is granted as a file");
  grant(&a, 'w', "d/sub/deep");
  grant(&a, 'w', "d/sub");
  deny(&a, "d/sub/none");
  is(&a, true, "-w/d/sub/ w/d/sub/deep/ w/d/sub/near", "grants within are not granted twice");
}

static void mistakes(void) {
  static const char *const bad[] = {"", "r", "rd", "q/tmp", "/tmp", "\x80/tmp"};
  struct ask a = {0};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    strcpy(a.text[0], bad[i]);
    a.grants[0] = a.text[0];
    fails(&a, EINVAL, bad[i], "a grant of another form is refused");
  }
  strcpy(a.text[5], "d/sub");
  a.deny[0] = a.text[5];
  fails(&a, EINVAL, "d/sub", "a deny must be absolute");
  deny(&a, "loop-a/x");
  fails(&a, ELOOP, "loop-a/x", "a denied loop of links is an error");
  grant(&a, 'r', "d");
  memset(a.text[5], 'x', 300);
  a.text[5][0] = '/';
  a.deny[0] = a.text[5];
  fails(&a, ENAMETOOLONG, "deny", "so is a denied name that is too long");
}

/* A directory of 700 entries, asked for 100 times: each is read anew. */
static void bounds(void) {
  static char text[PATH_MAX], *grants[101];
  char *list[] = {(char[PATH_MAX]){0}, NULL}, name[32];
  struct sbx_err err = {0};
  struct sbx_view view;
  make_dir("many");
  for (int i = 0; i < 700; i++) {
    snprintf(name, sizeof name, "many/%d", i);
    make_file(name);
  }
  snprintf(text, sizeof text, "r%s", at("many"));
  snprintf(list[0], PATH_MAX, "%s", at("many/none"));
  for (int i = 0; i < 90; i++)
    grants[i] = text;
  struct sbx_view_request request = {grants, NULL, list, false};
  int rc = sbx_view_build(&request, &view, &err);
  ok(rc == 0 && view.n_grants == 701, "63,000 entries are read, and granted once each");
  sbx_view_free(&view);
  for (int i = 90; i < 100; i++)
    grants[i] = text;
  rc = sbx_view_build(&request, &view, &err);
  ok(rc == -E2BIG && err.stage == SBX_STAGE_VIEW && strstr(err.text, "many/none"),
     "70,000 are too many, and the text names the deny");
  for (int i = 0; i < 700; i++) {
    snprintf(name, sizeof name, "many/%d", i);
    unlink(at(name));
  }
  rmdir(at("many"));
}

static void check_unreachable(void *arg) {
  struct ask a = {0};
  (void)arg;
  if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0))
    abort();
  grant(&a, 'r', "shut/inner");
  grant(&a, 'r', "d/top");
  deny(&a, "shut/inner/file");
  child_ok(build(&a, false) == 0 && strcmp(shown(&a.view), "r/d/top") == 0,
           "what the user cannot reach grants nothing");
  memset(&a, 0, sizeof a);
  grant(&a, 'r', "d");
  grant(&a, 'r', "shut");
  deny(&a, "shut/inner/file");
  child_ok(build(&a, true) == 0 && strcmp(shown(&a.view), "r/d/") == 0,
           "a deny behind a shut directory denies that directory");
  memset(&a, 0, sizeof a);
  deny(&a, "shut/inner/../../d");
  child_ok(build(&a, true) == -EACCES && strstr(a.err.text, "shut/inner"),
           "one that leads out of it again is an error");
  memset(&a, 0, sizeof a);
  grant(&a, 'r', "dark");
  grant(&a, 'r', "dark/known");
  deny(&a, "dark/none");
  child_ok(build(&a, true) == 0 && strcmp(shown(&a.view), "-r/dark/ r/dark/known") == 0,
           "of a directory that cannot be listed only what is named is granted");
}

static void unreachable(void) {
  make_dir("shut");
  make_dir("shut/inner");
  make_dir("dark");
  make_file("dark/known");
  make_file("dark/unknown");
  if (chmod(at("shut"), 0) < 0 || chmod(at("dark"), 0711) < 0 || chmod(base, 0755) < 0)
    abort();
  if (geteuid() == 0) {
    in_child("user", check_unreachable, NULL);
  } else {
    chmod(at("dark"), 0111);
    in_child("user", check_unreachable, NULL);
  }
}

static void check_opening(void *arg) {
  int fd = sbx_path_open(at("d/sub/deep"), true);
  (void)arg;
  child_ok(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_PATH),
           "a directory opens");
  close(fd);
  fd = sbx_path_open(at("d/top"), false);
  child_ok(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_PATH),
           "a file opens");
  close(fd);
  child_ok(sbx_path_open(at("d/link/deep"), true) == -ELOOP ||
               sbx_path_open(at("d/link/deep"), true) == -ENOTDIR,
           "not through a link");
  child_ok(sbx_path_open(at("to-secret"), false) == -ELOOP, "nor by one");
  child_ok(sbx_path_open(at("d/top"), true) == -ENOTDIR, "a file is no directory");
  child_ok(sbx_path_open(at("d/none"), false) == -ENOENT, "what is gone is ENOENT");
  fd = sbx_path_open("/", true);
  child_ok(fd >= 0, "the root opens");
  close(fd);
  child_ok(count_fds() == *(int *)arg, "no descriptor is left open");
}

/* As the seccomp profiles of older container engines do. */
static void check_opening_by_steps(void *arg) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = {4, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
    abort();
  check_opening(arg);
}

static void opening(void) {
  int fds = count_fds();
  in_child("openat2", check_opening, &fds);
  in_child("step by step", check_opening_by_steps, &fds);
}

int main(void) {
  if (!mkdtemp(base))
    abort();
  make_tree();
  grants_alone();
  denies();
  hides();
  missing_denies();
  mistakes();
  bounds();
  opening();
  unreachable();
  char command[PATH_MAX];
  chmod(at("shut"), 0700);
  chmod(at("dark"), 0700);
  snprintf(command, sizeof command, "rm -rf '%s'", base);
  ok(system(command) == 0, "cleaned up");
  return tap_done();
}
