/* SPDX-License-Identifier: MIT */
/* Landlock and files, on the kernel: each operation inside of what is granted and outside of it,
 * for each access and each ABI. One process per case. */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <termios.h>

#include "tap.h"
#include "util.h"

#include "domain.h"

/* ---- operations; each answers 0 or errno ---- */

static int op_read(const char *dir) {
  return opens(in_dir(dir, "file"), O_RDONLY);
}

static int op_write(const char *dir) {
  return opens(in_dir(dir, "file"), O_WRONLY);
}

static int op_append(const char *dir) {
  return opens(in_dir(dir, "file"), O_RDWR | O_APPEND);
}

static int op_open_truncate(const char *dir) {
  return opens(in_dir(dir, "file"), O_WRONLY | O_TRUNC);
}

static int op_read_truncate(const char *dir) {
  return opens(in_dir(dir, "file"), O_RDONLY | O_TRUNC);
}

static int op_truncate(const char *dir) {
  return truncate(in_dir(dir, "file"), 1) < 0 ? errno : 0;
}

static int op_list(const char *dir) {
  return opens(at(dir), O_RDONLY | O_DIRECTORY);
}

static int op_exec(const char *dir) {
  char *argv[] = {"true", NULL}, *env[] = {NULL};
  execve(in_dir(dir, "true"), argv, env);
  return errno;
}

static int op_create(const char *dir) {
  return opens(in_dir(dir, "new"), O_CREAT | O_EXCL | O_WRONLY);
}

static int op_mkdir(const char *dir) {
  return mkdir(in_dir(dir, "new"), 0700) < 0 ? errno : 0;
}

static int op_rmdir(const char *dir) {
  return rmdir(in_dir(dir, "empty")) < 0 ? errno : 0;
}

static int op_unlink(const char *dir) {
  return unlink(in_dir(dir, "file")) < 0 ? errno : 0;
}

static int op_symlink(const char *dir) {
  return symlink("anywhere", in_dir(dir, "new")) < 0 ? errno : 0;
}

static int op_mkfifo(const char *dir) {
  return mkfifo(in_dir(dir, "new"), 0600) < 0 ? errno : 0;
}

static int op_rename(const char *dir) {
  return rename(in_dir(dir, "file"), in_dir(dir, "other")) < 0 ? errno : 0;
}

static int op_rename_dir(const char *dir) {
  return rename(in_dir(dir, "empty"), in_dir(dir, "other")) < 0 ? errno : 0;
}

static int op_link(const char *dir) {
  return link(in_dir(dir, "file"), in_dir(dir, "other")) < 0 ? errno : 0;
}

static int op_move(const char *dir) {
  return rename(in_dir(dir, "file"), in_dir(dir, "sub/moved")) < 0 ? errno : 0;
}

static int op_link_across(const char *dir) {
  return link(in_dir(dir, "file"), in_dir(dir, "sub/new")) < 0 ? errno : 0;
}

static int op_device(const char *dir) {
  return mknod(in_dir(dir, "new"), S_IFCHR | 0600, makedev(1, 3)) < 0 ? errno : 0;
}

static int op_block_device(const char *dir) {
  return mknod(in_dir(dir, "new"), S_IFBLK | 0600, makedev(7, 0)) < 0 ? errno : 0;
}

static int op_socket(const char *dir) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  snprintf(name.sun_path, sizeof name.sun_path, "%.100s", in_dir(dir, "new"));
  return bind(fd, (struct sockaddr *)&name, sizeof name) < 0 ? errno : 0;
}

static const struct operation {
  const char *name;
  int (*run)(const char *dir);
  const char *letters; /* of the accesses that allow it */
  int abi;             /* the first that can refuse it inside; outside too if it opens nothing */
  bool across; /* needs two directories: never without REFER; refused with EXDEV or EACCES */
} operations[] = {
    {"reading", op_read, "rxwd", 1, false},
    {"writing", op_write, "wd", 1, false},
    {"appending", op_append, "wd", 1, false},
    {"O_TRUNC", op_open_truncate, "wd", 1, false},
    {"O_RDONLY | O_TRUNC", op_read_truncate, "wd", 3, false},
    {"truncate", op_truncate, "wd", 3, false},
    {"listing", op_list, "rxwd", 1, false},
    {"executing", op_exec, "x", 1, false},
    {"creating", op_create, "w", 1, false},
    {"mkdir", op_mkdir, "w", 1, false},
    {"rmdir", op_rmdir, "w", 1, false},
    {"unlink", op_unlink, "w", 1, false},
    {"symlink", op_symlink, "w", 1, false},
    {"mkfifo", op_mkfifo, "w", 1, false},
    {"renaming", op_rename, "w", 1, false},
    {"renaming a directory", op_rename_dir, "w", 1, false},
    {"link", op_link, "w", 1, false},
    {"moving", op_move, "w", 1, true},
    {"link across directories", op_link_across, "w", 1, true},
    {"binding a socket", op_socket, "", 1, false},
};

#define N_OPERATIONS ((int)(sizeof operations / sizeof operations[0]))

/* A guest's loader and libraries, which execve(2) opens as well. */
#define RUNTIME "x/usr/lib", "x/lib", "x/lib64"

static bool as_expected(const struct operation *o, char letter, int abi, const char *side,
                        int got) {
  bool inside = strcmp(side, "in") == 0;
  bool allowed = inside && (strchr(o->letters, letter) || abi < o->abi);
  if (o->run == op_truncate && abi < o->abi)
    allowed = true; /* it opens nothing, so not even reading is asked for */
  if (o->across && abi < 2)
    allowed = false;
  return allowed ? got == 0 : got == EACCES || (o->across && got == EXDEV);
}

static void controls(void) {
  const struct domain open_domain = {.none = true};
  for (int i = 0; i < N_OPERATIONS; i++) {
    expect(act(&open_domain, operations[i].run, "out"), 0, "%s works without Landlock",
           operations[i].name);
    tidy("out");
  }
}

/* All operations with one access, inside and outside. */
static void access_at(char letter, int abi, bool each) {
  char grant_in[] = {letter, 'i', 'n', '\0'}, text[160];
  const struct domain d = {.grants = {grant_in, RUNTIME}, .abi = abi};
  static const char *const sides[] = {"in", "out"};
  int good = 0;
  for (int i = 0; i < 2 * N_OPERATIONS; i++) {
    const struct operation *o = &operations[i / 2];
    const char *side = sides[i % 2];
    int got = act(&d, o->run, side);
    bool right = as_expected(o, letter, abi, side, got);
    good += right;
    snprintf(text, sizeof text, "ABI %d, '%c' on \"in\": %s %s", abi, letter, o->name, side);
    if (each)
      expect(right, 1, "%s", text);
    if (!right)
      printf("# %s: %s\n", text, strerror(got));
    tidy(side);
  }
  snprintf(text, sizeof text, "ABI %d, '%c': every operation is allowed or refused", abi, letter);
  expect(good, 2 * N_OPERATIONS, "%s", text);
}

static void accesses(void) {
  int newest = sbx_landlock_abi();
  controls();
  for (int abi = 1; abi <= newest; abi++)
    for (const char *letter = "rxwd"; *letter; letter++)
      access_at(*letter, abi, abi == newest);
}

static void special_files(void) {
  const struct domain writer = {.grants = {"win"}};
  const struct domain sockets = {.grants = {"win"}, .permit = SBX_PERMIT_NET_UNIX};
  const struct domain all = {.grants = {"w/"}, .permit = SBX_PERMIT_ALL_FILES};
  expect(act(&sockets, op_socket, "in"), 0, "%s binds a socket where it may write", "net:unix");
  tidy("in");
  expect(act(&sockets, op_socket, "out"), EACCES, "%s binds none elsewhere", "net:unix");
  expect(act(&writer, op_device, "in"), EACCES, "%s is never made", "a character device");
  expect(act(&writer, op_block_device, "in"), EACCES, "%s is never made", "a block device");
  expect(act(&all, op_device, "in"), EACCES, "%s is never made", "nor with all files: a device");
  for (int i = 0; i < N_OPERATIONS; i++) {
    expect(act(&all, operations[i].run, "out"), 0, "with all files: %s", operations[i].name);
    tidy("out");
  }
}

/* ---- devices ---- */

static int ioctl_of(const char *path) {
  struct termios mode;
  int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    return SETUP_FAILED;
  return ioctl(fd, TCGETS, &mode) < 0 ? errno : 0;
}

static void devices(void) {
  const struct domain d = {.grants = {"d/dev/null"}}, w = {.grants = {"w/dev/null"}};
  const struct domain old = {.grants = {"w/dev/null"}, .abi = 4};
  const struct domain tty_d = {.grants = {"d/dev/ptmx", "d/dev/pts"}};
  const struct domain tty_w = {.grants = {"w/dev/ptmx", "w/dev/pts"}};
  const struct domain none = {.none = true},
                      all = {.grants = {"w/"}, .permit = SBX_PERMIT_ALL_FILES};
  if (sbx_landlock_abi() < 5) {
    skip("ioctl of devices", "Landlock ABI 5 is the first to govern it");
    return;
  }
  expect(act(&d, ioctl_of, "/dev/null"), ENOTTY, "'d' lets ioctl reach %s", "/dev/null");
  expect(act(&w, ioctl_of, "/dev/null"), EACCES, "'w' does not, %s", "/dev/null");
  expect(act(&all, ioctl_of, "/dev/null"), ENOTTY, "all files do, %s", "/dev/null");
  expect(act(&old, ioctl_of, "/dev/null"), ENOTTY, "ABI 4 cannot refuse it, %s", "/dev/null");
  expect(act(&d, ioctl_of, "/dev/zero"), SETUP_FAILED, "another device does not open, %s",
         "/dev/zero");
  if (act(&none, ioctl_of, "/dev/ptmx") != 0) {
    skip("ioctl of a terminal", "there is no /dev/ptmx");
    return;
  }
  expect(act(&tty_d, ioctl_of, "/dev/ptmx"), 0, "'d' lets ioctl reach %s", "a terminal");
  expect(act(&tty_w, ioctl_of, "/dev/ptmx"), EACCES, "'w' does not, %s", "a terminal");
}

static void cases(void) {
  fresh();
  accesses();
  special_files();
  devices();
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
