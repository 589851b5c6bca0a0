/* SPDX-License-Identifier: MIT */
#include "remount.h"

#include <errno.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "paths.h"

/* <sys/mount.h> and <linux/mount.h> cannot be included together. */
int mount(const char *, const char *, const char *, unsigned long, const void *);

#define NOSYMFOLLOW_OF_STATFS 0x2000 /* ST_NOSYMFOLLOW, which no C library has */

static int fail(struct sbx_err *err, const char *what, const char *path) {
  return sbx_err_set(err, SBX_STAGE_NAMESPACES, errno, "%s %.160s: %s", what, path,
                     strerror(errno));
}

/* The kernel writes what would end a field as \\ and three octal digits. */
static void unescape(char *text) {
  char *to = text;
  for (const char *from = text; *from; to++) {
    if (from[0] == '\\' && from[1] && from[2] && from[3]) {
      *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
      from += 4;
    } else {
      *to = *from++;
    }
  }
  *to = '\0';
}

/* A remount takes the flags away that it does not name. Those of access times it leaves alone when
 * it names none. */
static int remount(const char *path, uint64_t attributes, struct sbx_err *err) {
  struct statvfs st;
  unsigned long flags = MS_REMOUNT | MS_BIND;
  if (statvfs(path, &st) < 0)
    return fail(err, "statvfs", path);
  flags |= st.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC); /* The same bits in both. */
  flags |= st.f_flag & NOSYMFOLLOW_OF_STATFS ? MS_NOSYMFOLLOW : 0;
  flags |= attributes & MOUNT_ATTR_RDONLY ? MS_RDONLY : 0;
  flags |= attributes & MOUNT_ATTR_NOSUID ? MS_NOSUID : 0;
  flags |= attributes & MOUNT_ATTR_NODEV ? MS_NODEV : 0;
  flags |= attributes & MOUNT_ATTR_NOEXEC ? MS_NOEXEC : 0;
  return mount(NULL, path, NULL, flags, NULL) < 0 ? fail(err, "remounting", path) : 0;
}

int sbx_remount_tree(const char *top, const char *mountinfo, uint64_t attributes,
                     struct sbx_err *err) {
  char *line = NULL, *where;
  size_t room = 0;
  int rc = remount(top, attributes, err);
  if (rc < 0 || !mountinfo)
    return rc;
  FILE *file = fopen(mountinfo, "re");
  if (!file)
    return fail(err, "reading", mountinfo);
  /* 36 35 98:0 /root /where options ... */
  while (rc == 0 && getline(&line, &room, file) > 0) {
    char *rest = line;
    for (int i = 0; i < 4 && rest; i++)
      strsep(&rest, " ");
    where = rest ? strsep(&rest, " ") : NULL;
    if (!where || !rest) {
      errno = EPROTO;
      rc = fail(err, "reading", mountinfo);
      break;
    }
    unescape(where);
    if (strcmp(where, top) == 0 || !sbx_path_within(where, top))
      continue;
    rc = remount(where, attributes, err);
    /* Something else is mounted above it: its path leads nowhere, or to what is no mount. */
    if (rc == -ENOENT || rc == -ENOTDIR || rc == -EINVAL)
      rc = 0;
  }
  if (rc == 0 && ferror(file)) {
    errno = EIO;
    rc = fail(err, "reading", mountinfo);
  }
  free(line);
  fclose(file);
  return rc;
}
