/* SPDX-License-Identifier: MIT */
/* The ordered table of guards, and what joins those with an interface of their own to it. */
#include "guards.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../core/control.h"
#include "../core/fd.h"
#include "cgroup.h"
#include "landlock.h"
#include "listener.h"
#include "mounts.h"
#include "namespaces.h"

static bool uses(const struct sbx_policy *policy, enum sbx_use mechanism) {
  return (policy->use & mechanism) != 0;
}

/* --- cgroup ---------------------------------------------------------------------------------- */

/* A zygote has the launcher's, but for one that will load foreign modules: what may divide a cgroup
 * may lift its limits. */
static int open_cgroup(struct sbx_guard_shared *shared, struct sbx_err *err) {
  const struct sbx_policy *policy = shared->policy;
  shared->pen_fd = -1;
  if (!uses(policy, SBX_USE_CGROUP) || (shared->forked && policy->preload_ms > 0))
    return 0;
  shared->pen_fd = shared->forked ? SBX_CGROUP_FD : sbx_cgroup_open(policy->cgroup[0], err);
  return shared->pen_fd < 0 ? -err->errnum : 0;
}

/* --- namespaces ------------------------------------------------------------------------------ */

/* By rules, its sockets are the broker's, which is in the host's network. */
static bool shares_network(const struct sbx_policy *policy) {
  if (policy->permit & SBX_PERMIT_NET_RULES)
    return false;
  return policy->permit & (SBX_PERMIT_NET | SBX_PERMIT_NET_UDP | SBX_PERMIT_NET_LISTEN);
}

static int open_namespaces(struct sbx_guard_shared *shared, struct sbx_err *err) {
  int net_fd = -1;
  bool enter = uses(shared->policy, SBX_USE_NAMESPACES) && !shared->forked;
  int rc = enter ? sbx_namespaces_enter(&net_fd, err) : 0;
  if (rc == 0 && net_fd >= 0 && shares_network(shared->policy))
    close(net_fd);
  else
    shared->net_fd = net_fd;
  return rc;
}

/* What only the mount namespace has, and the view, made of the host's files, cannot know of. */
static int add_grant(struct sbx_view *view, char access, const char *path, struct sbx_err *err) {
  struct sbx_grant *more = realloc(view->grants, (view->n_grants + 1) * sizeof *more);
  if (more) {
    view->grants = more;
    more[view->n_grants] = (struct sbx_grant){access, strdup(path), strdup(path), true, true};
    if (more[view->n_grants].path && more[view->n_grants].real) {
      view->n_grants++;
      return 0;
    }
  }
  return sbx_err_set(err, SBX_STAGE_VIEW, ENOMEM, "no memory for the view");
}

/* No /tmp for a zygote: guests that have their mounts in common would find what others leave there.
 */
static struct sbx_mounts_options options_of(const struct sbx_guard_run *run) {
  const struct sbx_policy *policy = run->policy;
  bool spawns = policy->permit & SBX_PERMIT_SPAWN;
  return (struct sbx_mounts_options){.workdir = run->workdir,
                                     .tmp_bytes = run->zygote ? 0 : policy->tmp_bytes,
                                     .pids_only = !uses(policy, SBX_USE_LANDLOCK) || spawns,
                                     .all_files = policy->permit & SBX_PERMIT_ALL_FILES,
                                     .hide_others = run->forked};
}

bool sbx_guards_can_make_ready(const struct sbx_guard_run *run) {
  const struct sbx_policy *policy = run->policy;
  return run->forked && uses(policy, SBX_USE_NAMESPACES) && !(policy->deny && policy->deny[0]) &&
         !(policy->permit & (SBX_PERMIT_ALL_FILES | SBX_PERMIT_SPAWN));
}

int sbx_guards_make_ready(const struct sbx_guard_run *run, struct sbx_err *err) {
  struct sbx_mounts_options options = options_of(run);
  options.to_be_joined = true;
  return sbx_mounts_enter(&run->ready->view, &options, err);
}

static int prepare_namespaces(struct sbx_guard_run *run, struct sbx_err *err) {
  const struct sbx_policy *policy = run->policy;
  bool own = uses(policy, SBX_USE_NAMESPACES), spawns = policy->permit & SBX_PERMIT_SPAWN;
  /* The zygote was confined to the same paths, without those that are denied. */
  char **deny = run->nested ? NULL : policy->deny;
  struct sbx_view_request request = {policy->grants, run->grants, deny, own};
  /* Root's guests need it in any case: it tells whether they may become nobody. */
  if (!own && !uses(policy, SBX_USE_LANDLOCK) && geteuid() != 0)
    return 0;
  struct sbx_mounts_options options = options_of(run);
  if (run->ready && run->nested)
    return 0;
  if (run->ready) {
    int joined = sbx_mounts_join(run->ready->ns_fd, &run->ready->view, &options, err);
    return joined < 0 || policy->tmp_bytes == 0 ? joined : add_grant(&run->view, 'o', "/tmp", err);
  }
  int rc = sbx_view_build(&request, &run->view, err);
  if (rc < 0 || !own || run->nested)
    return rc;
  rc = sbx_mounts_enter(&run->view, &options, err);
  if (rc == 0 && options.tmp_bytes > 0)
    rc = add_grant(&run->view, 'o', "/tmp", err);
  /* Its own processes are the only ones there, and they have to see themselves, or are watched. */
  if (rc == 0 && (spawns || run->zygote))
    rc = add_grant(&run->view, 'r', "/proc", err);
  return rc;
}

static int apply_namespaces(struct sbx_guard_run *run, struct sbx_err *err) {
  int fd = run->shared->net_fd;
  return fd < 0 ? 0 : sbx_namespaces_leave_network(fd, err);
}

/* --- Landlock -------------------------------------------------------------------------------- */

static int prepare_landlock(struct sbx_guard_run *run, struct sbx_err *err) {
  if (!uses(run->policy, SBX_USE_LANDLOCK))
    return 0;
  const struct sbx_policy *policy = run->policy;
  int abi = sbx_landlock_abi();
  if (!run->ready)
    return sbx_landlock_prepare(&run->view, policy->permit, abi, &run->ruleset_fd, err);
  return sbx_landlock_prepare_held(&run->ready->view, run->ready->held, &run->view, policy->permit,
                                   abi, &run->ruleset_fd, err);
}

static int apply_landlock(struct sbx_guard_run *run, struct sbx_err *err) {
  if (run->ruleset_fd < 0)
    return 0;
  const struct sbx_policy *policy = run->policy;
  bool own_network = run->forked && uses(policy, SBX_USE_NAMESPACES) && !shares_network(policy);
  int rc = sbx_landlock_allow_self(run->ruleset_fd, own_network, err);
  if (rc == 0)
    rc = sbx_landlock_apply(run->ruleset_fd, err);
  if (run->forked) /* Otherwise it is closed by execve(). */
    sbx_fd_close(&run->ruleset_fd);
  return rc;
}

/* --- seccomp --------------------------------------------------------------------------------- */

/* Without the filter nothing asks the broker, and nothing else keeps to the rules. */
static int open_net_rules(struct sbx_guard_shared *shared, struct sbx_err *err) {
  const struct sbx_policy *policy = shared->policy;
  if (!(policy->permit & SBX_PERMIT_NET_RULES))
    return 0;
  if (!uses(policy, SBX_USE_SECCOMP))
    return sbx_err_set(err, SBX_STAGE_SECCOMP, EOPNOTSUPP,
                       "the rules of the network need the system call filter");
  return sbx_netrules_compile(policy->net_allow, policy->net_deny, &shared->net_rules, err);
}

static int open_seccomp(struct sbx_guard_shared *shared, struct sbx_err *err) {
  const struct sbx_policy *policy = shared->policy;
  int rc = open_net_rules(shared, err);
  if (rc < 0)
    return rc;
  bool own = uses(policy, SBX_USE_NAMESPACES), landlock = uses(policy, SBX_USE_LANDLOCK);
  int abi = sbx_landlock_abi();
  struct sbx_seccomp_options options = {
      .permit = policy->permit,
      .own_pids = own && !shared->forked,
      .signals_scoped = landlock && abi >= 6,
      .connect_governed = (own && !shares_network(policy)) || (landlock && abi >= 4),
      .read_only_mounts = own,
      .boxed_udp = sbx_policy_boxes_udp(policy),
      .exec_fd = shared->forked ? -1 : (int)sbx_guard_max_files(policy),
  };
  if (!uses(policy, SBX_USE_SECCOMP))
    return 0;
  options.part = shared->forked ? SBX_SECCOMP_REST : SBX_SECCOMP_WHOLE;
  rc = sbx_seccomp_build(&options, &shared->filter, err);
  if (rc == 0 && shared->forked) {
    options.part = SBX_SECCOMP_COMMON;
    return sbx_seccomp_build(&options, &shared->common_filter, err);
  }
  if (rc < 0 || policy->preload_ms == 0)
    return rc;
  options.permit |= SBX_PERMIT_SPAWN;
  options.confines = true;
  options.exec_fd = -1;
  return sbx_seccomp_build(&options, &shared->zygote_filter, err);
}

int sbx_guards_apply_common(struct sbx_guard_shared *shared, struct sbx_err *err) {
  if (!uses(shared->policy, SBX_USE_SECCOMP))
    return 0;
  int rc = sbx_seccomp_apply(&shared->common_filter, getpid(), err);
  sbx_seccomp_free(&shared->common_filter);
  return rc;
}

static int apply_seccomp(struct sbx_guard_run *run, struct sbx_err *err) {
  if (!uses(run->policy, SBX_USE_SECCOMP))
    return 0;
  /* Not of a zygote, which is no guest: one filter of a chain can have a listener, its guests'. */
  bool by_rules = (run->policy->permit & SBX_PERMIT_NET_RULES) && !run->zygote;
  int rc = by_rules && run->readable ? sbx_listener_admit(run->listener_fd, err) : 0;
  /* TCP sockets are the broker's as well: the guest's network may be an empty one. */
  bool binds = sbx_policy_boxes_udp(run->policy) && !(run->policy->permit & SBX_PERMIT_NET_LISTEN);
  if (rc == 0 && by_rules)
    rc = sbx_listener_install(true, binds, run->policy->permit, run->listener_fd, err);
  if (rc == 0 && by_rules)
    rc = sbx_guard_limit_files(run->policy, err);
  if (run->forked) /* Otherwise it is closed by execve(). */
    sbx_fd_close(&run->listener_fd);
  struct sbx_guard_shared *shared = run->shared;
  struct sbx_seccomp *filter = run->zygote ? &shared->zygote_filter : &shared->filter;
  return rc < 0 ? rc : sbx_seccomp_apply(filter, getpid(), err);
}

/* --- the table ------------------------------------------------------------------------------- */

const struct sbx_guard sbx_guards[] = {
    /* As who the host is, who was given the place. A guest is in its own from its fork on, see
     * sbx_cgroup_fork(). The probe is told where to look, see launcher/probe.c. */
    {"cgroup", NULL, open_cgroup, NULL, NULL},
    /* Prepared on the host's files, where it has to exist, and applied on those of the view. */
    {"workdir", NULL, NULL, sbx_guard_workdir, sbx_guard_workdir},
    /* Before the descriptors, which close the one it needs. All that follow look at its view. */
    {"namespaces", sbx_namespaces_probe, open_namespaces, prepare_namespaces, apply_namespaces},
    /* What follows opens nothing it could leak. */
    {"descriptors", NULL, NULL, NULL, sbx_guard_fds},
    /* Lowering needs no privilege, raising back would. */
    {"rlimits", NULL, sbx_guard_rlimits_open, NULL, sbx_guard_rlimits},
    /* Nothing after it needs a capability; the next two need its no_new_privs. */
    {"privileges", NULL, sbx_guard_privileges_open, sbx_guard_privileges_prepare,
     sbx_guard_privileges},
    {"landlock", sbx_landlock_probe, NULL, prepare_landlock, apply_landlock},
    /* Last: it refuses what the others call. */
    {"seccomp", sbx_seccomp_probe, open_seccomp, NULL, apply_seccomp},
    {0},
};

int sbx_guards_open(struct sbx_guard_shared *shared, struct sbx_err *err) {
  int rc = 0;
  for (const struct sbx_guard *g = sbx_guards; g->name && rc == 0; g++)
    if (g->open)
      rc = g->open(shared, err);
  return rc;
}

/* Foreign code in a zygote is kept from its own guests, and from what is not the runner's, by these
 * together. */
static int check_zygote(const struct sbx_policy *policy, struct sbx_err *err) {
  const uint32_t needed = SBX_USE_NAMESPACES | SBX_USE_LANDLOCK | SBX_USE_SECCOMP;
  if ((policy->use & needed) == needed)
    return 0;
  return sbx_err_set(err, SBX_STAGE_NAMESPACES, EOPNOTSUPP,
                     "execution.preload needs namespaces, Landlock and the system call filter");
}

int sbx_guards_prepare(struct sbx_guard_run *run, struct sbx_err *err) {
  int rc = run->zygote ? check_zygote(run->policy, err) : 0;
  for (const struct sbx_guard *g = sbx_guards; g->name && rc == 0; g++)
    if (g->prepare)
      rc = g->prepare(run, err);
  return rc;
}

static bool left_out(const struct sbx_guard *guard) {
#ifdef SBX_TEST_WITHOUT_APPLY /* test/escape/mutants: a launcher that leaves a guard out */
  return strcmp(guard->name, SBX_TEST_WITHOUT_APPLY) == 0;
#else
  (void)guard;
  return false;
#endif
}

int sbx_guards_apply(struct sbx_guard_run *run, struct sbx_err *err) {
  int rc = 0;
  for (const struct sbx_guard *g = sbx_guards; g->name && rc == 0; g++)
    if (g->apply && !left_out(g))
      rc = g->apply(run, err);
  return rc;
}
