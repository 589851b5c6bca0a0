/* SPDX-License-Identifier: MIT */
/* What a broker asks of, and does with, a socket that it shares with its guest. */
#ifndef SBX_SOCK_H
#define SBX_SOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/netaddr.h"

#define SBX_SOCK_FOREVER UINT64_MAX

/* The kinds that a guest may have. */
enum sbx_sock_kind { SBX_SOCK_OTHER, SBX_SOCK_TCP, SBX_SOCK_UDP, SBX_SOCK_UNIX };

enum sbx_sock_kind sbx_sock_kind(int sock);

/* Installs a handler for SIGALRM, which sbx_sock_connect() needs. Returns 0 or -errno. */
int sbx_sock_init(void);

/* connect(2) without waiting, with `flags` as the socket's own. Returns 0 or the errno. */
int sbx_sock_connect(int sock, int flags, const struct sbx_netaddr *addr);

/* Whether such an errno says that there is no result yet. */
bool sbx_sock_is_under_way(int error);

/* Until when (CLOCK_MONOTONIC) a blocking connect(2) waits: SO_SNDTIMEO. */
uint64_t sbx_sock_patience(int sock);

#endif
