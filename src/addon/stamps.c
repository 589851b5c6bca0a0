/* SPDX-License-Identifier: MIT */
/* Whether files are still the same: what a run's grants rest on, some thirty paths looked at before
 * each run. */
#include "stamps.h"

#include <string.h>
#include <sys/stat.h>

#include "addon.h"
#include "args.h"

/* Of one path, as lib/links.js reads it. All zeroes: there is none. */
struct stamp {
  uint64_t device, inode;
  int64_t seconds; /* of its last change of entries or contents, since 1970 */
  uint32_t nanoseconds, known;
};
_Static_assert(sizeof(struct stamp) == 32, "lib/links.js has its size");

static struct stamp stamp_of(const char *path) {
  struct stat st;
  if (stat(path, &st) < 0)
    return (struct stamp){0};
  return (struct stamp){.device = st.st_dev,
                        .inode = st.st_ino,
                        .seconds = st.st_mtim.tv_sec,
                        .nanoseconds = (uint32_t)st.st_mtim.tv_nsec,
                        .known = 1};
}

napi_value sbx_stamp_files(napi_env napi, napi_callback_info info) {
  napi_value options, result = NULL;
  struct sbx_bytes paths = {0}, stamps = {0};
  if (!sbx_args(napi, info, 1, &options) || !sbx_arg_options(napi, options) ||
      !sbx_arg_bytes(napi, options, "paths", &paths) ||
      !sbx_arg_bytes(napi, options, "stamps", &stamps))
    return NULL;
  size_t count = 0;
  for (size_t i = 0; i < paths.len; i++)
    count += paths.data[i] == '\0';
  if (stamps.len != count * sizeof(struct stamp) ||
      (paths.len > 0 && paths.data[paths.len - 1] != '\0')) {
    napi_throw_range_error(napi, "ERR_INVALID_ARG_VALUE", "There must be a stamp for each path");
    return NULL;
  }
  bool same = true;
  const char *path = (const char *)paths.data;
  uint8_t *at = (uint8_t *)(uintptr_t)stamps.data;
  for (size_t i = 0; i < count; i++, path += strlen(path) + 1, at += sizeof(struct stamp)) {
    struct stamp now = stamp_of(path);
    same = same && memcmp(at, &now, sizeof now) == 0;
    memcpy(at, &now, sizeof now);
  }
  return napi_get_boolean(napi, same, &result) == napi_ok ? result : NULL;
}
