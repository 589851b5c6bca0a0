/* SPDX-License-Identifier: MIT */
/* What <linux/landlock.h> of Linux 6.1 (ABI 2) has not yet, up to ABI 7.
 * https://docs.kernel.org/userspace-api/landlock.html */
#ifndef SBX_LANDLOCK_COMPAT_H
#define SBX_LANDLOCK_COMPAT_H

#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif
#ifndef LANDLOCK_ACCESS_NET_BIND_TCP
#define LANDLOCK_ACCESS_NET_BIND_TCP (1ULL << 0)
#define LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
#endif
#ifndef LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define LANDLOCK_SCOPE_SIGNAL (1ULL << 1)
#endif

/* Names of our own, since the kernel's struct grows under its name, and its enumerator cannot be
 * asked for by the preprocessor. */
#define SBX_LANDLOCK_RULE_NET_PORT 2

struct sbx_landlock_ruleset_attr {
  uint64_t handled_access_fs;
  uint64_t handled_access_net; /* ABI 4; an older kernel takes the longer struct while this is 0 */
  uint64_t scoped;             /* ABI 6 */
};

struct sbx_landlock_net_port_attr {
  uint64_t allowed_access;
  uint64_t port; /* in host order */
};

#endif
