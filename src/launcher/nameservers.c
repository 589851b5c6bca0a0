/* SPDX-License-Identifier: MIT */
/* The name servers of /etc/resolv.conf, which may be the guest's to write. */
#include "nameservers.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../core/netaddr.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

#define FILE_MAX 4096u

static bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

static void take_line(struct sbx_nameservers *servers, const char *line, size_t len) {
  static const char word[] = "nameserver";
  size_t at = sizeof word - 1;
  if (len <= at || memcmp(line, word, at) != 0 || !is_blank(line[at]) ||
      servers->n == SBX_NAMESERVERS_MAX)
    return;
  while (at < len && is_blank(line[at]))
    at++;
  size_t end = at;
  /* A zone says which interface, not which server. */
  while (end < len && !is_blank(line[end]) && line[end] != '\r' && line[end] != '%')
    end++;
  if (sbx_netaddr_parse(line + at, end - at, servers->at[servers->n]))
    servers->n++;
}

void sbx_nameservers_parse(struct sbx_nameservers *servers, const char *text, size_t len) {
  while (len > 0) {
    const char *end = memchr(text, '\n', len);
    size_t line = end ? (size_t)(end - text) : len;
    take_line(servers, text, line);
    line += end != NULL;
    text += line;
    len -= line;
  }
}

static void read_file(struct sbx_nameservers *servers) {
  /* Links of /proc would lead to what this process has open; a pipe must not make it wait. */
  struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                         .resolve = RESOLVE_NO_MAGICLINKS};
  char text[FILE_MAX];
  struct stat st;
  SBX_AUTO_FD int fd = (int)syscall(SYS_openat2, AT_FDCWD, "/etc/resolv.conf", &how, sizeof how);
  if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
    return;
  ssize_t n = sbx_read_full(fd, text, sizeof text);
  if (n > 0)
    sbx_nameservers_parse(servers, text, (size_t)n);
}

void sbx_nameservers_read(struct sbx_nameservers *servers) {
  if (!servers->read)
    read_file(servers);
  servers->read = true;
}

bool sbx_nameservers_has(struct sbx_nameservers *servers, const uint8_t ip[16]) {
  if (sbx_net_special(ip) == SBX_NET_LOOPBACK)
    return true;
  sbx_nameservers_read(servers);
  for (unsigned i = 0; i < servers->n; i++)
    if (memcmp(servers->at[i], ip, 16) == 0)
      return true;
  return false;
}
