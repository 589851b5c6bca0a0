/* SPDX-License-Identifier: MIT */
/* Landlock and the ways around it: aliases of a path, links, moves, denied paths, and names that
 * change between the view and the ruleset. One process per case. */
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "tap.h"
#include "util.h"

#include "domain.h"

static int through_link(const char *target) {
  const char *name = at("in/new");
  unlink(name);
  return symlink(at(target), name) < 0 ? SETUP_FAILED : opens(name, O_RDONLY);
}

static int through_new_target(const char *target) {
  const char *name = at("in/new");
  unlink(name);
  if (symlink(at("in/file"), name) < 0 || opens(name, O_RDONLY) != 0 || unlink(name) < 0 ||
      symlink(at(target), name) < 0)
    return SETUP_FAILED;
  return opens(name, O_RDONLY);
}

static int through_root(const char *target) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "/proc/self/root%.4000s", at(target));
  return opens(path, O_RDONLY);
}

static int through_cwd(const char *target) {
  char path[PATH_MAX], *cut;
  snprintf(path, sizeof path, "%s", at(target));
  cut = strrchr(path, '/');
  *cut = '\0';
  if (chdir(path) < 0)
    return SETUP_FAILED;
  snprintf(path, sizeof path, "/proc/self/cwd/%s", cut + 1);
  int alias = opens(path, O_RDONLY), plain = opens(cut + 1, O_RDONLY);
  return alias == plain ? plain : SETUP_FAILED;
}

static int through_openat2(const char *target) {
  struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
  int dir = open(base, O_PATH | O_CLOEXEC);
  return dir < 0                                                   ? SETUP_FAILED
         : syscall(SYS_openat2, dir, target, &how, sizeof how) < 0 ? errno
                                                                   : 0;
}

static int through_o_path(const char *target) {
  char path[64];
  int fd = open(at(target), O_PATH | O_CLOEXEC);
  if (fd < 0)
    return SETUP_FAILED;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return opens(path, O_RDONLY);
}

static int through_hard_link(const char *target) {
  if (link(at(target), at("in/sub/new")) < 0)
    return errno == EXDEV ? EACCES : errno;
  return opens(at("in/sub/new"), O_RDONLY);
}

static int through_rename(const char *target) {
  if (rename(at(target), at("in/sub/new")) < 0)
    return errno == EXDEV ? EACCES : errno;
  return opens(at("in/sub/new"), O_RDONLY);
}

static int through_dots(const char *target) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%.2000s/../../%.2000s", at("in/sub"), target);
  return opens(path, O_RDONLY);
}

static void ways_around(void) {
  const struct domain d = {.grants = {"win"}};
  static const struct {
    const char *name;
    int (*run)(const char *target);
  } ways[] = {
      {"a symbolic link", through_link},  {"a link that is changed", through_new_target},
      {"/proc/self/root", through_root},  {"/proc/self/cwd", through_cwd},
      {"openat2", through_openat2},       {"O_PATH and /proc/self/fd", through_o_path},
      {"a hard link", through_hard_link}, {"a rename", through_rename},
      {"\"..\"", through_dots},
  };
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    expect(act(&d, ways[i].run, "in/file"), 0, "%s leads inside", ways[i].name);
    tidy("in");
    expect(act(&d, ways[i].run, "out/file"), EACCES, "%s does not lead outside", ways[i].name);
    tidy("in");
    tidy("out");
  }
}

static int move_out(const char *name) {
  return rename(at(name), at("out/other")) < 0 ? (errno == EXDEV ? EACCES : errno) : 0;
}

static int swap_out(const char *name) {
  long rc = syscall(SYS_renameat2, AT_FDCWD, at(name), AT_FDCWD, at("out/sub"), 2 /* EXCHANGE */);
  return rc < 0 ? (errno == EXDEV ? EACCES : errno) : 0;
}

static int write_new(const char *name) {
  return opens(at(name), O_CREAT | O_RDWR);
}

static int read_it(const char *name) {
  return opens(at(name), O_RDONLY);
}

static int rename_parent(const char *name) {
  return rename(at(name), at("new-name")) < 0 ? errno : 0;
}

static void moves(void) {
  const struct domain d = {.grants = {"win"}};
  expect(act(&d, move_out, "in/file"), EACCES, "%s cannot be moved outside", "a file");
  expect(act(&d, move_out, "in/sub"), EACCES, "%s cannot be moved outside", "a directory");
  expect(act(&d, swap_out, "in/sub"), EACCES, "%s cannot be swapped with one outside",
         "a directory");
  expect(act(&d, rename_parent, "in"), EACCES, "%s cannot be renamed", "the granted directory");
}

/* ---- deny ---- */

static void denies(void) {
  const struct domain d = {.grants = {"win"}, .deny = {"in/sub/file"}};
  const struct domain missing = {.grants = {"win"}, .deny = {"in/sub/none"}, .can_mask = true};
  const struct domain beneath = {.grants = {"win", "win/sub"}, .deny = {"in/sub"}};
  const struct domain all = {
      .grants = {"w/"}, .deny = {"out/file"}, .permit = SBX_PERMIT_ALL_FILES};
  expect(act(&d, read_it, "in/sub/file"), EACCES, "%s: not read", "a denied file");
  expect(act(&d, write_new, "in/sub/file"), EACCES, "%s: not written", "a denied file");
  expect(act(&d, write_new, "in/file"), 0, "%s is still written", "a file beside the denied path");
  expect(act(&d, write_new, "in/sub2/new"), 0, "%s too", "a new file in a directory beside it");
  expect(act(&d, rename_parent, "in/sub"), EACCES, "%s is not renamed", "what leads to it");
  expect(act(&d, write_new, "in/sub/new"), EACCES, "%s is not made around it", "a new file");
  expect(act(&missing, write_new, "in/sub/none"), EACCES, "%s is not made", "a denied path");
  expect(act(&missing, write_new, "in/sub/file"), 0, "%s is still written", "what is beside it");
  expect(act(&beneath, read_it, "in/sub/file"), EACCES, "%s: nothing", "a grant beneath a deny");
  expect(act(&beneath, read_it, "in/file"), 0, "%s is still read", "what is around it");
  expect(act(&all, read_it, "out/file"), EACCES, "%s, with all files: not read", "a denied file");
  expect(act(&all, write_new, "in/file"), 0, "%s, with all files: written", "another");
  clean();
  fresh();
}

static int list(const char *name) {
  return opens(at(name), O_RDONLY | O_DIRECTORY);
}

static void hides(void) {
  const struct domain d = {.grants = {"win", "hin/sub/file"}};
  const struct domain denied = {.grants = {"win", "hin/sub/file"}, .deny = {"in/sub2/none"}};
  make_file("in/sub/beside");
  expect(act(&d, read_it, "in/sub/file"), EACCES, "%s: not read", "a hidden file");
  expect(act(&d, write_new, "in/sub/file"), EACCES, "%s: not written", "a hidden file");
  expect(act(&d, read_it, "in/sub/beside"), 0, "%s is still read", "the file beside it");
  expect(act(&d, list, "in/sub"), 0, "%s is still listed", "the directory that it is in");
  expect(act(&d, list, "in"), 0, "%s too", "the one above");
  expect(act(&d, list, "out"), EACCES, "%s is not", "another");
  expect(act(&denied, list, "in"), EACCES, "%s is not, where something in it is denied",
         "a directory");
  clean();
  fresh();
}

/* Covers the masks as the mount namespace of a run does. */
static void mount_masks(const struct sbx_view *view) {
  if (unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) < 0 ||
      mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
    _exit(SETUP_FAILED);
  for (size_t i = 0; i < view->n_masks; i++) {
    const char *cover = at(view->masks[i].dir ? "out/empty" : "out/blank");
    if (mount(cover, view->masks[i].real, NULL, MS_BIND, NULL) < 0)
      _exit(SETUP_FAILED);
  }
}

static int size_of(const char *name) {
  char bytes[64];
  int fd = open(at(name), O_RDONLY | O_CLOEXEC);
  return fd < 0 ? errno : 100 + (int)read(fd, bytes, sizeof bytes);
}

static void masks(void) {
  const struct domain d = {.grants = {"win"},
                           .deny = {"in/sub/file", "in/sub2", "in/file/none"},
                           .can_mask = true,
                           .between = mount_masks};
  int fd = open(at("out/blank"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  close(fd);
  make_file("in/sub2/inner");
  make_file("in/sub/beside");
  if (act(&d, size_of, "in/sub/beside") == SETUP_FAILED) {
    skip("masks", "no mount namespace may be made here");
    return;
  }
  expect(act(&d, size_of, "in/sub/file"), 100, "a masked file is empty");
  expect(act(&d, read_it, "in/sub2/inner"), EACCES, "a denied directory is not there");
  expect(act(&d, size_of, "in/sub/beside"), 104, "the file beside is not covered");
  expect(act(&d, write_new, "in/sub/new"), 0, "a file can be made beside a mask");
  expect(act(&d, write_new, "in/new"), EACCES, "none where a denied path is missing");
}

static void vanish(const struct sbx_view *view) {
  (void)view;
  clear("in/sub");
}

static void turn_into_link(const struct sbx_view *view) {
  vanish(view);
  if (symlink(at("out/sub"), at("in/sub")) < 0)
    abort();
}

static void turn_parent_into_link(const struct sbx_view *view) {
  (void)view;
  clear("in");
  if (symlink(at("out"), at("in")) < 0)
    abort();
}

static void turn_into_dir(const struct sbx_view *view) {
  (void)view;
  if (unlink(at("in/file")) < 0 || mkdir(at("in/file"), 0700) < 0)
    abort();
  make_file("in/file/inner");
}

static void races(void) {
  const struct domain gone = {.grants = {"rin/sub", "rin/file"}, .between = vanish};
  const struct domain link = {.grants = {"rin/sub", "rin/file"}, .between = turn_into_link};
  const struct domain up = {.grants = {"rin/sub"}, .between = turn_parent_into_link};
  const struct domain dir = {.grants = {"win/file"}, .between = turn_into_dir};
  expect(act(&gone, read_it, "in/file"), 0, "%s: the rest is granted", "a grant that is gone");
  fresh();
  expect(act(&link, read_it, "out/sub/file"), EACCES, "%s grants nothing there",
         "a directory that became a link");
  fresh();
  expect(act(&up, read_it, "out/sub/file"), EACCES, "%s grants nothing there",
         "a parent that became a link");
  fresh();
  expect(act(&dir, read_it, "in/file/inner"), EACCES, "%s grants nothing in it",
         "a file that became a directory");
  fresh();
}

static int hold(const char *name, bool dir) {
  struct sbx_grant grant = {'r', NULL, (char *)at(name), dir, true};
  int fd = sbx_landlock_hold(&grant);
  if (fd < 0)
    return fd;
  close(fd);
  return 0;
}

static void holds(void) {
  fresh();
  expect(hold("in/file", false), 0, "%s is held", "a file");
  expect(hold("in", true), 0, "%s is held", "a directory");
  expect(hold("in", false), -EISDIR, "%s is not", "a directory in a file's place");
  expect(hold("in/file", true), -ENOTDIR, "%s is not", "a file in a directory's place");
  expect(hold("in/none", false), -ENOENT, "%s is not", "what is gone");
}

static void cases(void) {
  holds();
  fresh();
  ways_around();
  moves();
  fresh();
  denies();
  hides();
  masks();
  fresh();
  races();
  clean();
}

int main(void) {
  if (!mkdtemp(base))
    abort();
  if (sbx_landlock_abi() == 0) {
    who = "all";
    skip("Landlock", "this kernel has none");
  } else {
    as_both_users(cases);
  }
  ok(rmdir(base) == 0, "nothing is left behind");
  return tap_done();
}
