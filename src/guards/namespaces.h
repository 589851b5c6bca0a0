/* SPDX-License-Identifier: MIT */
/* Namespaces: user, IPC, UTS and network, one of each per launcher; PID and mount, one of each per
 * run. namespaces(7), user_namespaces(7).
 *
 * An ordinary user gets them through the user namespace, where the host lets it make one. */
#ifndef SBX_NAMESPACES_H
#define SBX_NAMESPACES_H

#include <sys/types.h>
#include "../core/err.h"
#include "report.h"

/* The id that a guest has when the host is root: root of the host is not root in the guest. Files
 * that belong to the host's root belong to this id inside. */
#define SBX_ROOT_AS 1000u

/* Whether this machine lets the calling user make all of them, by making them in a child. */
void sbx_namespaces_probe(struct sbx_report *report);

/* The launcher enters its user, IPC and UTS namespaces, and makes an empty network namespace for
 * the guests, whose descriptor (O_CLOEXEC) it gets; it stays in the host's network itself. The
 * process must have one thread. Returns 0 or -errno with `err` filled. */
int sbx_namespaces_enter(int *net_fd, struct sbx_err *err);

/* inotify.c: part of that. Where /proc/sys cannot be written (some containers), nothing changes. */
void sbx_namespaces_limit_inotify(void);

/* fork(2) into a PID namespace of its own, of which the child is PID 1. For a process with one
 * thread, after sbx_namespaces_enter. */
pid_t sbx_namespaces_fork(void);

/* The guest's child enters the empty network. Async-signal-safe. */
int sbx_namespaces_leave_network(int net_fd, struct sbx_err *err);

#endif
