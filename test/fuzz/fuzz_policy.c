/* SPDX-License-Identifier: MIT */
/* The policy decoder on any bytes: refused with a reason, or decoded to a policy that encodes to
 * the very same bytes. */
#include <errno.h>

#include "fuzz.h"

#include "../../src/core/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct sbx_policy zero;
  struct sbx_policy policy;
  struct sbx_err err = {0};
  int rc = sbx_policy_decode(data, size, &policy, &err);
  if (rc == 0) {
    uint8_t *again = NULL;
    size_t n = 0;
    REQUIRE(policy.exec_path[0] == '/' && policy.argv[0] && policy.env && policy.timeout_ms > 0);
    REQUIRE(err.errnum == 0);
    REQUIRE(sbx_policy_encode(&policy, &again, &n, &err) == 0);
    REQUIRE(n == size && memcmp(again, data, n) == 0);
    free(again);
  } else {
    REQUIRE(rc == -EINVAL && err.errnum == EINVAL && err.stage == SBX_STAGE_POLICY);
    REQUIRE(err.text[0] && memcmp(&policy, &zero, sizeof zero) == 0);
  }
  sbx_policy_free(&policy);
  return 0;
}
