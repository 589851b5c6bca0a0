/* SPDX-License-Identifier: MIT */
/* Whether files are still the same: what a run's grants rest on, some thirty paths looked at before
 * each run; and, on a thread of libuv's, the thousands that are looked at now and then. */
#include "stamps.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "addon.h"
#include "args.h"

/* Of one path, as lib/stamps.js reads it. All zeroes: there is none. */
struct stamp {
  uint64_t device, inode;
  int64_t size;
  int64_t modified, changed; /* seconds since 1970; a directory's change with its entries */
  uint32_t modified_ns, changed_ns;
  uint64_t known;
};
_Static_assert(sizeof(struct stamp) == 56, "lib/stamps.js has its size");

/* stat(2) opens nothing: a FIFO or a device at a path does not block it. */
static struct stamp stamp_of(const char *path) {
  struct stat st;
  if (stat(path, &st) < 0)
    return (struct stamp){0};
  return (struct stamp){.device = st.st_dev,
                        .inode = st.st_ino,
                        .size = st.st_size,
                        .modified = st.st_mtim.tv_sec,
                        .changed = st.st_ctim.tv_sec,
                        .modified_ns = (uint32_t)st.st_mtim.tv_nsec,
                        .changed_ns = (uint32_t)st.st_ctim.tv_nsec,
                        .known = 1};
}

/* The number of paths; each ends with a zero. False with an exception pending. */
static bool count_paths(napi_env napi, const struct sbx_bytes *paths, size_t *count) {
  *count = 0;
  for (size_t i = 0; i < paths->len; i++)
    *count += paths->data[i] == '\0';
  if (paths->len == 0 || paths->data[paths->len - 1] == '\0')
    return true;
  napi_throw_range_error(napi, "ERR_INVALID_ARG_VALUE", "The last path has no zero at its end");
  return false;
}

napi_value sbx_stamp_files(napi_env napi, napi_callback_info info) {
  napi_value options, result = NULL;
  struct sbx_bytes paths = {0}, stamps = {0};
  size_t count;
  if (!sbx_args(napi, info, 1, &options) || !sbx_arg_options(napi, options) ||
      !sbx_arg_bytes(napi, options, "paths", &paths) ||
      !sbx_arg_bytes(napi, options, "stamps", &stamps) || !count_paths(napi, &paths, &count))
    return NULL;
  if (stamps.len != count * sizeof(struct stamp)) {
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

/* --- on a thread of the pool ----------------------------------------------------------------- */

struct job {
  napi_async_work work;
  napi_deferred deferred;
  size_t count;
  struct stamp *stamps;
  char paths[];
};

static void free_job(napi_env napi, struct job *job) {
  if (job->work)
    napi_delete_async_work(napi, job->work);
  free(job->stamps);
  free(job);
}

static void look(napi_env napi, void *data) {
  (void)napi;
  struct job *job = data;
  const char *path = job->paths;
  for (size_t i = 0; i < job->count; i++, path += strlen(path) + 1)
    job->stamps[i] = stamp_of(path);
}

/* While the environment goes down nothing can be resolved, and nobody waits. */
static void looked(napi_env napi, napi_status status, void *data) {
  struct job *job = data;
  napi_value stamps;
  if (status == napi_ok && napi_create_buffer_copy(napi, job->count * sizeof *job->stamps,
                                                   job->stamps, NULL, &stamps) == napi_ok)
    napi_resolve_deferred(napi, job->deferred, stamps);
  free_job(napi, job);
}

napi_value sbx_stamp_files_later(napi_env napi, napi_callback_info info) {
  napi_value options, name, promise;
  struct sbx_bytes paths = {0};
  size_t count;
  if (!sbx_args(napi, info, 1, &options) || !sbx_arg_options(napi, options) ||
      !sbx_arg_bytes(napi, options, "paths", &paths) || !count_paths(napi, &paths, &count))
    return NULL;
  struct job *job = calloc(1, sizeof *job + paths.len);
  struct stamp *stamps = calloc(count + 1, sizeof *stamps);
  if (!job || !stamps) {
    free(job);
    free(stamps);
    napi_throw_error(napi, "ERR_SBX_SYSTEM", "There is no memory to look at files");
    return NULL;
  }
  job->stamps = stamps;
  job->count = count;
  if (paths.len > 0)
    memcpy(job->paths, paths.data, paths.len); /* NOLINT: allocated for it */
  if (napi_create_string_utf8(napi, "kb-sandbox:stamps", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(napi, NULL, name, look, looked, job, &job->work) != napi_ok ||
      napi_create_promise(napi, &job->deferred, &promise) != napi_ok ||
      napi_queue_async_work(napi, job->work) != napi_ok) {
    free_job(napi, job);
    return NULL;
  }
  return promise;
}
