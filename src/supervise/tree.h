/* SPDX-License-Identifier: MIT */
/* Which processes are below a process, and how to signal them without ever hitting another. */
#ifndef SBX_TREE_H
#define SBX_TREE_H

#include <stddef.h>
#include <sys/types.h>

/* A list that is filled again and again; starts zeroed. */
struct sbx_tree {
  struct sbx_tree_member {
    pid_t pid, parent;
  } * at;
  size_t n, room;
  /* Each thread of a process may have children, and is looked at: no more than so many for a list,
   * which then lacks some; 0: all. */
  size_t most, looked_at;
};

/* Lists the children of a process, zombies included. A child stays a child until its parent waits
 * for it, so that the numbers of one's own cannot come to mean another process in between.
 * Returns 0 or -errno. */
int sbx_tree_children(struct sbx_tree *tree, pid_t of);

/* Lists everything below the calling process, parents before their children. A snapshot: processes
 * come and go while it is made. Returns 0 or -errno; -E2BIG when it has looked at `most` threads.
 */
int sbx_tree_list(struct sbx_tree *tree);

/* Makes it the list of one child. Returns 0 or -errno. */
int sbx_tree_one(struct sbx_tree *tree, pid_t child);

/* Sends a signal to a member unless its number has come to mean another process. */
void sbx_tree_signal(const struct sbx_tree_member *member, int sig);

#endif
