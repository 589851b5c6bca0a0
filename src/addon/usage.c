/* SPDX-License-Identifier: MIT */
/* What a directory holds that a guest writes to, perhaps at this very moment. No link is followed,
 * no other file system entered, and no more entries looked at than the caller bounds. */
#include "usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "addon.h"
#include "args.h"
#include "js.h"

/* A descriptor each while a walk is that deep. What lies deeper counts as unseen. */
#define MAX_DEPTH 64
/* st_blocks counts these, whatever the file system's own blocks are (stat(2)). */
#define BLOCK 512
#define MAX_NUMBER ((uint64_t)1 << 53)

struct usage {
  uint64_t bytes, files, unseen;
  uint64_t max_bytes, max_files;
  dev_t device;
  ino_t root; /* 0: there is none */
  size_t depth;
  DIR *dirs[MAX_DEPTH];
  int errnum; /* of what keeps the host from looking */
};

struct job {
  napi_async_work work;
  napi_deferred deferred;
  char *path;
  struct usage usage;
};

/* What an entry that was not to be looked at means. The guest may have taken it away meanwhile. */
static void note_failure(struct usage *usage, int errnum) {
  if (errnum == EACCES || errnum == EPERM)
    usage->unseen++;
  else if (errnum != ENOENT && errnum != ENOTDIR && errnum != ELOOP)
    usage->errnum = errnum;
}

/* Takes the descriptor. */
static void enter(struct usage *usage, int fd) {
  DIR *dir = fdopendir(fd);
  if (dir) {
    usage->dirs[usage->depth++] = dir;
    return;
  }
  usage->errnum = errno;
  close(fd);
}

/* The guest may have put another directory there since: this one is asked again. */
static void enter_below(struct usage *usage, int at, const char *name) {
  struct stat st;
  int fd;
  if (usage->depth == MAX_DEPTH) {
    usage->unseen++;
    return;
  }
  fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    note_failure(usage, errno);
  } else if (fstat(fd, &st) < 0) {
    usage->errnum = errno;
    close(fd);
  } else if (st.st_dev != usage->device) {
    usage->unseen++;
    close(fd);
  } else {
    enter(usage, fd);
  }
}

static void count_entry(struct usage *usage, int at, const char *name) {
  struct stat st;
  usage->files++;
  if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
    note_failure(usage, errno);
    return;
  }
  usage->bytes += (uint64_t)st.st_blocks * BLOCK;
  if (S_ISDIR(st.st_mode))
    enter_below(usage, at, name);
}

/* One entry, or the end, of the directory that was entered last. */
static void step(struct usage *usage) {
  DIR *dir = usage->dirs[usage->depth - 1];
  errno = 0;
  const struct dirent *entry = readdir(dir); /* NOLINT(concurrency-mt-unsafe): its own stream */
  if (entry) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      count_entry(usage, dirfd(dir), entry->d_name);
    return;
  }
  if (errno != 0)
    note_failure(usage, errno);
  closedir(dir);
  usage->depth--;
}

static void measure(const char *path, struct usage *usage) {
  struct stat st;
  if (stat(path, &st) < 0) {
    note_failure(usage, errno);
    return;
  }
  usage->device = st.st_dev;
  usage->root = st.st_ino;
  if (!S_ISDIR(st.st_mode)) {
    usage->bytes = (uint64_t)st.st_blocks * BLOCK;
    return;
  }
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    note_failure(usage, errno);
  else
    enter(usage, fd);
  while (usage->depth > 0 && usage->errnum == 0 && usage->bytes <= usage->max_bytes &&
         usage->files <= usage->max_files)
    step(usage);
  while (usage->depth > 0)
    closedir(usage->dirs[--usage->depth]);
}

/* --- on a thread of the pool ----------------------------------------------------------------- */

static void free_job(napi_env napi, struct job *job) {
  if (job->work)
    napi_delete_async_work(napi, job->work);
  free(job->path);
  free(job);
}

static void look(napi_env napi, void *data) {
  (void)napi;
  struct job *job = data;
  measure(job->path, &job->usage);
}

static napi_value to_object(napi_env napi, const struct usage *usage) {
  char root[64] = "";
  if (usage->root != 0)
    snprintf(root, sizeof root, "%llu:%llu", (unsigned long long)usage->device,
             (unsigned long long)usage->root);
  struct sbx_obj obj = sbx_obj_new(napi);
  sbx_obj_num(&obj, "bytes", (double)usage->bytes);
  sbx_obj_num(&obj, "files", (double)usage->files);
  sbx_obj_num(&obj, "unseen", (double)usage->unseen);
  sbx_obj_str(&obj, "root", root);
  return sbx_obj_end(&obj);
}

static napi_value to_error(napi_env napi, int errnum) {
  char room[64], what[128];
  napi_value code, message, error;
  if (napi_create_string_utf8(napi, sbx_errno_name(errnum, room), NAPI_AUTO_LENGTH, &code) !=
          napi_ok ||
      napi_create_string_utf8(napi, uv_strerror_r(-errnum, what, sizeof what), NAPI_AUTO_LENGTH,
                              &message) != napi_ok ||
      napi_create_error(napi, code, message, &error) != napi_ok)
    return NULL;
  return error;
}

/* While the environment goes down nothing can be resolved, and nobody waits. */
static void looked(napi_env napi, napi_status status, void *data) {
  struct job *job = data;
  int errnum = job->usage.errnum;
  napi_value value = NULL;
  if (status == napi_ok)
    value = errnum ? to_error(napi, errnum) : to_object(napi, &job->usage);
  if (value && errnum)
    napi_reject_deferred(napi, job->deferred, value);
  else if (value)
    napi_resolve_deferred(napi, job->deferred, value);
  free_job(napi, job);
}

napi_value sbx_usage_measure_later(napi_env napi, napi_callback_info info) {
  napi_value options, name, promise;
  struct job *job = calloc(1, sizeof *job);
  if (!job) {
    napi_throw_error(napi, "ERR_SBX_SYSTEM", "There is no memory to look at files");
    return NULL;
  }
  struct usage *usage = &job->usage;
  if (!sbx_args(napi, info, 1, &options) || !sbx_arg_options(napi, options) ||
      !sbx_arg_string(napi, options, "path", PATH_MAX - 1, &job->path) ||
      !sbx_arg_uint(napi, options, "maxBytes", 0, MAX_NUMBER, &usage->max_bytes) ||
      !sbx_arg_uint(napi, options, "maxFiles", 0, MAX_NUMBER, &usage->max_files) ||
      napi_create_string_utf8(napi, "kb-sandbox:usage", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(napi, NULL, name, look, looked, job, &job->work) != napi_ok ||
      napi_create_promise(napi, &job->deferred, &promise) != napi_ok ||
      napi_queue_async_work(napi, job->work) != napi_ok) {
    free_job(napi, job);
    return NULL;
  }
  return promise;
}
