/* SPDX-License-Identifier: MIT */
/* A run's connections. In init, or in a process of their own. */
#include "connections.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../core/fd.h"
#include "../guards/listener.h"

int sbx_connections_open(struct sbx_connections *c, const struct sbx_netrules *rules,
                         unsigned permit, bool counts, bool boxes, int *guest_fd,
                         struct sbx_err *err) {
  int pair[2];
  *c = (struct sbx_connections){rules, permit, counts, boxes, -1, NULL};
  *guest_fd = -1;
  if (!rules)
    return 0;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return sbx_err_set(err, SBX_STAGE_SECCOMP, errno, "socketpair: %s", strerror(errno));
  c->pair_fd = pair[0];
  *guest_fd = pair[1];
  return 0;
}

static int begin(struct sbx_connections *c, int listener, struct sbx_err *err) {
  int rc = sbx_broker_open(listener, c->rules, c->permit, &c->broker, err);
  if (rc == 0 && c->counts)
    sbx_broker_count(c->broker);
  if (rc == 0 && c->boxes)
    sbx_broker_box(c->broker);
  return rc;
}

int sbx_connections_begin(struct sbx_connections *c, const struct sbx_netrules *rules,
                          unsigned permit, bool counts, bool boxes, int listener,
                          struct sbx_err *err) {
  *c = (struct sbx_connections){rules, permit, counts, boxes, -1, NULL};
  int rc = begin(c, listener, err);
  if (rc == 0)
    sbx_broker_apart(c->broker);
  return rc;
}

int sbx_connections_fd(const struct sbx_connections *c) {
  return c->broker ? sbx_broker_fd(c->broker) : c->pair_fd;
}

static int take_listener(struct sbx_connections *c, struct sbx_err *err) {
  int listener = sbx_listener_take(c->pair_fd);
  sbx_fd_close(&c->pair_fd);
  /* The guest has failed before, and says why over the status pipe. It was not executed: the
   * listener is sent first. */
  if (listener == -ECONNRESET)
    return 0;
  if (listener < 0)
    return sbx_err_set(err, SBX_STAGE_SECCOMP, -listener, "taking the listener: %s",
                       strerror(-listener));
  return begin(c, listener, err);
}

int sbx_connections_dispatch(struct sbx_connections *c, struct sbx_err *err) {
  if (!c->broker)
    return take_listener(c, err);
  sbx_broker_dispatch(c->broker);
  return 0;
}

pid_t sbx_connections_guest(const struct sbx_connections *c) {
  return c->broker ? sbx_broker_guest(c->broker) : 0;
}

void sbx_connections_grant(struct sbx_connections *c, struct sbx_ctl_grant *grant) {
  size_t len = strnlen(grant->name, sizeof grant->name);
  for (uint32_t i = 0; i < grant->n; i++) {
    struct sockaddr_in6 addr = {.sin6_family = AF_INET6};
    memcpy(&addr.sin6_addr, grant->at[i].ip, sizeof grant->at[i].ip);
    grant->at[i].verdict = c->broker ? sbx_broker_grant(c->broker, grant->name, len,
                                                        (struct sockaddr *)&addr, sizeof addr)
                                     : SBX_NET_NO_RULE;
  }
  if (c->broker && grant->question != 0)
    sbx_broker_answer(c->broker, grant);
}

bool sbx_connections_ask(struct sbx_connections *c, struct sbx_ctl_ask *out) {
  return c->broker && sbx_broker_ask(c->broker, out);
}

bool sbx_connections_report(const struct sbx_connections *c, struct sbx_net_report *report) {
  if (!c->broker)
    return false;
  *report = *sbx_broker_report(c->broker);
  return true;
}
