/* SPDX-License-Identifier: MIT */
/* Error values: what is filled, what is returned, and that errno survives. */
#include <errno.h>
#include <string.h>

#include "tap.h"

#include "../../src/core/err.h"

static void fills(void) {
  struct sbx_err err;
  memset(&err, 0xAA, sizeof err);
  errno = EBUSY;
  int rc = sbx_err_set(&err, SBX_STAGE_RLIMITS, ENOENT, "no %s number %d", "file", 7);
  ok(rc == -ENOENT, "the negative errno is returned");
  ok(errno == EBUSY, "errno is left alone");
  ok(err.errnum == ENOENT && err.stage == SBX_STAGE_RLIMITS, "errno and stage are filled");
  ok(strcmp(err.text, "no file number 7") == 0, "the sentence is formatted");
  int clean = 1;
  for (size_t i = strlen(err.text); i < sizeof err.text; i++)
    clean &= err.text[i] == '\0';
  ok(clean, "nothing of the old memory is left behind the sentence: it crosses a socket");
}

static void odd_arguments(void) {
  struct sbx_err err;
  char long_text[SBX_ERR_TEXT_MAX * 2];
  ok(sbx_err_set(NULL, SBX_STAGE_EXEC, EACCES, "x") == -EACCES, "err may be NULL");
  ok(sbx_err_set(&err, SBX_STAGE_EXEC, 0, "x") == -EINVAL && err.errnum == EINVAL,
     "errno 0 becomes EINVAL, so that a failure never looks like success");
  ok(sbx_err_set(&err, SBX_STAGE_EXEC, -EACCES, "x") == -EINVAL && err.errnum == EINVAL,
     "a negative errno becomes EINVAL");
  memset(long_text, 'y', sizeof long_text - 1);
  long_text[sizeof long_text - 1] = '\0';
  sbx_err_set(&err, SBX_STAGE_EXEC, EACCES, "%s", long_text);
  ok(strlen(err.text) == SBX_ERR_TEXT_MAX - 1, "a long sentence is cut and terminated");
}

static void names(void) {
  static const char *const expected[] = {
      "none", "policy", "control",    "fork",     "fds",     "workdir", "rlimits", "namespaces",
      "view", "cgroup", "privileges", "landlock", "seccomp", "exec",    "preload", "supervise"};
  int good = sizeof expected / sizeof expected[0] == SBX_STAGE_COUNT;
  for (uint32_t i = 0; good && i < SBX_STAGE_COUNT; i++)
    good &= strcmp(sbx_stage_name(i), expected[i]) == 0;
  ok(good, "every stage has its stable name");
  ok(strcmp(sbx_stage_name(SBX_STAGE_COUNT), "unknown") == 0 &&
         strcmp(sbx_stage_name(UINT32_MAX), "unknown") == 0,
     "a stage out of range is unknown");
}

int main(void) {
  fills();
  odd_arguments();
  names();
  return tap_done();
}
