/* SPDX-License-Identifier: MIT */
/* Launcher at its start; guest between fork() and execve(). Async-signal-safe. */
#include "signals.h"

#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

void sbx_signals_default(void) {
  /* The kernel's struct sigaction, of at most four words before the mask of 64 bits, is not libc's
   * (rt_sigaction(2), "C library/kernel differences"). All zero: SIG_DFL, no flags, empty mask. */
  static const uint64_t none[5];
  for (int sig = 1; sig < NSIG; sig++)
    syscall(SYS_rt_sigaction, sig, none, NULL, sizeof none[0]);
}
