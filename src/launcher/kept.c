/* SPDX-License-Identifier: MIT */
/* Sockets that were made for a guest and are not connected yet. */
#include "kept.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "../core/fd.h"

void sbx_kept_init(struct sbx_kept *kept) {
  kept->active = !sbx_notify_fd_works();
  kept->next = 0;
  for (int i = 0; i < SBX_KEPT_MAX; i++)
    kept->at[i].fd = -1;
}

void sbx_kept_add(struct sbx_kept *kept, int fd) {
  struct stat st;
  if (!kept->active || fstat(fd, &st) < 0)
    return;
  /* A free place, or else the one that was taken first. */
  int i = 0;
  for (int j = 0; j < SBX_KEPT_MAX && kept->at[i].fd >= 0; j++)
    if (kept->at[j].fd < 0 || kept->at[j].age < kept->at[i].age)
      i = j;
  sbx_fd_close(&kept->at[i].fd);
  kept->at[i].age = kept->next++;
  kept->at[i].fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  kept->at[i].inode = st.st_ino;
}

int sbx_kept_take(struct sbx_kept *kept, const struct sbx_notify_call *call, int fd) {
  ino_t inode;
  int rc = sbx_notify_inode(call, fd, &inode);
  if (rc < 0)
    return rc;
  /* As long as one is kept its inode's number is no other socket's. */
  for (int i = 0; i < SBX_KEPT_MAX; i++)
    if (kept->at[i].fd >= 0 && kept->at[i].inode == inode)
      return sbx_fd_steal(&kept->at[i].fd);
  return -EPERM;
}

void sbx_kept_close(struct sbx_kept *kept) {
  for (int i = 0; i < SBX_KEPT_MAX; i++)
    sbx_fd_close(&kept->at[i].fd);
}
