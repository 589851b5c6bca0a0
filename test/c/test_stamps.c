/* SPDX-License-Identifier: MIT */
/* What counts as another file at the same path, and what does not. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#include "../../src/guards/stamps.h"

static char dir[] = "/tmp/sbx-stamps-XXXXXX", work[64], file[64], other[64], absent[64];
static char grants[3][72];
static char *common[] = {grants[0], grants[1], NULL}, *own[] = {grants[2], NULL};

static int put(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  int rc = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
  close(fd);
  return rc;
}

/* Takes them anew, lets `act` happen, looks. */
static bool hold_over(int (*act)(void)) {
  struct sbx_stamps *stamps = sbx_stamps_take(common, own, work);
  bool held = stamps && sbx_stamps_hold(stamps) && act() == 0 && sbx_stamps_hold(stamps);
  sbx_stamps_free(stamps);
  return held;
}

static int nothing(void) {
  return 0;
}

static int write_more(void) {
  return put(file, "more than there was") || chmod(file, 0400);
}

static int add_entry(void) {
  return put(other, "");
}

static int put_in_place(void) {
  return rename(other, file);
}

/* It may get the same number, so that times of birth, which go by the kernel's ticks, have to tell.
 */
static int make_anew(void) {
  usleep(30000);
  return rmdir(work) || mkdir(work, 0700);
}

static int come(void) {
  return put(absent, "");
}

static int go(void) {
  return unlink(absent);
}

static int become_link(void) {
  return rename(file, other) || symlink(other, file);
}

static int lead_elsewhere(void) {
  return unlink(file) || symlink(work, file);
}

/* A file system whose server never says a word, which whoever looks at it waits for. Returns its
 * descriptor or -1: then `text` says why there can be none. */
static int mount_silence(const char *at, char text[static 100]) {
  char options[80];
  int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  snprintf(text, 100, "/dev/fuse: %s", strerror(errno));
  if (fd < 0)
    return -1;
  snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u", fd, geteuid(),
           getegid());
  if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
      mount("silence", at, "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
    snprintf(text, 100, "mount: %s", strerror(errno));
    close(fd);
    return -1;
  }
  return fd;
}

static void silence(void) {
  char why[100];
  int server = mount_silence(work, why);
  if (server < 0) {
    ok(!getenv("SBX_MUST_WORK") || geteuid() != 0, "a file system that answers can be had");
    printf("# skip: one that does not answer cannot be mounted (%s)\n", why);
    return;
  }
  alarm(60); /* or this test waits for it, too */
  struct sbx_stamps *mute = sbx_stamps_take(common, own, work), *good;
  ok(mute && !sbx_stamps_local(mute), "one that does not answer is not local");
  ok(!sbx_stamps_hold(mute), "and holds nothing");
  sbx_stamps_free(mute);
  bool again = false;
  for (int i = 0; i < 500 && !again; i++) {
    good = sbx_stamps_take(NULL, NULL, dir);
    again = good && sbx_stamps_local(good) && sbx_stamps_hold(good);
    sbx_stamps_free(good);
    usleep(10000);
  }
  ok(again, "the child that waited for it is gone, and others are looked at");
  ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no process is left");
  close(server);
  umount2(work, MNT_DETACH);
  alarm(0);
}

int main(void) {
  if (!mkdtemp(dir))
    return 1;
  snprintf(work, sizeof work, "%s/work", dir);
  snprintf(file, sizeof file, "%s/file", dir);
  snprintf(other, sizeof other, "%s/other", dir);
  snprintf(absent, sizeof absent, "%s/absent", dir);
  snprintf(grants[0], sizeof grants[0], "r%s", dir);
  snprintf(grants[1], sizeof grants[1], "r%s", absent);
  snprintf(grants[2], sizeof grants[2], "w%s", file);
  if (mkdir(work, 0700) < 0 || put(file, "text") < 0)
    return 1;
  ok(hold_over(nothing), "what did not change holds, also what is not there");
  ok(hold_over(write_more), "contents and mode are the file's own matter");
  ok(hold_over(add_entry), "and so are a directory's entries");
  ok(!hold_over(put_in_place), "a file that was put in the place of another");
  ok(!hold_over(make_anew), "a working directory that was made anew");
  ok(!hold_over(come), "what is there now");
  ok(!hold_over(go), "what has gone");
  ok(hold_over(become_link), "a link to the same file leads to the same");
  ok(!hold_over(lead_elsewhere), "a link to another does not");
  struct sbx_stamps *stamps = sbx_stamps_take(NULL, NULL, work);
  ok(stamps && sbx_stamps_hold(stamps), "lists may be missing");
  ok(stamps && sbx_stamps_local(stamps), "a temporary directory is this machine's own");
  sbx_stamps_free(stamps);
  silence();
  unlink(other);
  unlink(file);
  rmdir(work);
  rmdir(dir);
  return tap_done();
}
