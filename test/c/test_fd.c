/* SPDX-License-Identifier: MIT */
/* Descriptors with an owner, and reads and writes that finish in spite of signals and small pipes.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "util.h"

#include "../../src/core/fd.h"

static void owners(void) {
  int before = count_fds();
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  errno = EBUSY;
  sbx_fd_close(&fd);
  ok(fd == -1 && count_fds() == before, "a closed descriptor is closed and becomes -1");
  ok(errno == EBUSY, "closing keeps errno");
  sbx_fd_close(&fd);
  fd = -5;
  sbx_fd_close(&fd);
  ok(fd == -1 && errno == EBUSY, "closing a negative number does nothing");
  fd = 987654;
  sbx_fd_close(&fd);
  ok(fd == -1 && errno == EBUSY, "errno is kept also when close(2) fails");
  {
    SBX_AUTO_FD int scoped = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ok(scoped >= 0 && count_fds() == before + 1, "a scoped descriptor is open inside its scope");
  }
  ok(count_fds() == before, "and closed behind it");
  {
    SBX_AUTO_FD int scoped = open("/dev/null", O_RDONLY | O_CLOEXEC);
    fd = sbx_fd_steal(&scoped);
    ok(scoped == -1, "a descriptor handed over leaves -1");
  }
  ok(fcntl(fd, F_GETFD) >= 0, "and stays open behind the scope");
  sbx_fd_close(&fd);
}

static void tick(int sig) {
  (void)sig;
}

/* Without SA_RESTART, every tick interrupts a read or write that blocks. */
static void ticking(int on) {
  struct sigaction action = {.sa_handler = tick};
  struct itimerval every = {{0, on ? 2000 : 0}, {0, on ? 2000 : 0}};
  sigaction(SIGALRM, &action, NULL);
  setitimer(ITIMER_REAL, &every, NULL);
}

#define BIG ((size_t)300 << 10)
static unsigned char sent[BIG], got[BIG];

static void interrupted_read(void) {
  int p[2];
  if (pipe2(p, O_CLOEXEC) < 0)
    abort();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    for (size_t at = 0; at < BIG; at += BIG / 10) {
      usleep(5000);
      if (write(p[1], sent + at, BIG / 10) < 0)
        _exit(1);
    }
    _exit(0);
  }
  close(p[1]);
  ticking(1);
  ssize_t n = sbx_read_full(p[0], got, BIG);
  ticking(0);
  ok(n == (ssize_t)BIG && memcmp(sent, got, BIG) == 0,
     "a read in many pieces, interrupted by signals, is whole");
  ok(sbx_read_full(p[0], got, BIG) == 0, "at end-of-file nothing is read");
  close(p[0]);
  waitpid(pid, NULL, 0);
}

static void interrupted_write(void) {
  int p[2];
  if (pipe2(p, O_CLOEXEC) < 0)
    abort();
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    close(p[1]);
    for (size_t at = 0; at < BIG;) {
      usleep(3000);
      ssize_t n = read(p[0], got + at, BIG - at < 40000 ? BIG - at : 40000);
      if (n <= 0)
        _exit(1);
      at += (size_t)n;
    }
    _exit(memcmp(sent, got, BIG) == 0 ? 0 : 2);
  }
  close(p[0]);
  ticking(1);
  int rc = sbx_write_full(p[1], sent, BIG);
  ticking(0);
  int status = -1;
  close(p[1]);
  waitpid(pid, &status, 0);
  ok(rc == 0 && status == 0, "a write larger than the pipe, interrupted by signals, is whole");
}

static void ends(void) {
  int p[2];
  if (pipe2(p, O_CLOEXEC) < 0 || write(p[1], "abc", 3) != 3)
    abort();
  close(p[1]);
  ok(sbx_read_full(p[0], got, 10) == 3 && memcmp(got, "abc", 3) == 0,
     "end-of-file gives the count so far");
  ok(sbx_write_full(p[0], "x", 1) == -EBADF, "a failed write is -errno");
  ok(sbx_read_full(-1, got, 1) == -EBADF, "a failed read is -errno");
  ok(sbx_write_full(-1, "", 0) == 0 && sbx_read_full(-1, got, 0) == 0, "nothing is no work");
  close(p[0]);
}

int main(void) {
  uint64_t seed = 42;
  for (size_t i = 0; i < BIG; i++)
    sent[i] = (unsigned char)next_random(&seed);
  owners();
  interrupted_read();
  interrupted_write();
  ends();
  return tap_done();
}
