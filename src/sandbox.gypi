# SPDX-License-Identifier: MIT
# The build: static libraries, the launcher, the addon and the zygote's module. It is not ../binding.gyp itself, because
# pnpm and Yarn take a published package with that file for one that must be compiled when it is
# installed; ../lib/build.js writes the one line of that file where it is missing.
{
  # gyp links everything with g++ unless told otherwise. All of this is C, so it is linked by the
  # C compiler, and a machine without a C++ compiler can build it. The headers (node_api.h, uv.h)
  # are those of the running Node.js, which node-gyp puts on the include path by itself.
  'make_global_settings': [ [ 'LINK', '$(CC.target)' ] ],
  'target_defaults': {
    'cflags': [
      '-std=gnu11', '-Wall', '-Wextra', '-Wshadow', '-Wstrict-prototypes', '-Wmissing-prototypes',
      '-Wformat=2', '-fvisibility=hidden', '-fstack-protector-strong', '-D_FORTIFY_SOURCE=2', '-O2',
    ],
    'cflags!': [ '-Wno-unused-parameter' ],
    'defines': [ '_GNU_SOURCE' ],
    'conditions': [
      [ '"<!(node -p "process.env.SBX_WERROR||0")"=="1"', { 'cflags': [ '-Werror' ] } ],
    ],
  },
  'targets': [
    {
      'target_name': 'core',
      'type': 'static_library',
      'cflags': [ '-fPIC' ],
      'sources': [
        'core/err.c', 'core/fd.c', 'core/charge.c', 'core/frame.c', 'core/logring.c',
        'core/policy.c', 'core/control.c', 'core/proc.c', 'core/signals.c', 'core/netaddr.c',
        'core/netrules.c', 'core/dns.c',
      ],
    },
    {
      'target_name': 'confine',
      'type': 'static_library',
      'dependencies': [ 'core' ],
      'cflags': [ '-fPIC' ],
      'sources': [
        'guards/guards.c', 'guards/workdir.c', 'guards/rlimits.c', 'guards/fds.c',
        'guards/privileges.c', 'guards/report.c', 'guards/namespaces.c', 'guards/inotify.c',
        'guards/mounts.c', 'guards/remount.c',
        'guards/bpf.c', 'guards/syscalls.c', 'guards/rules.c', 'guards/rules_net.c',
        'guards/seccomp.c', 'guards/view.c', 'guards/paths.c', 'guards/landlock.c',
        'guards/landlock_probe.c', 'guards/listener.c', 'guards/confine_zygote.c', 'guards/stamps.c',
        'guards/cgroup.c',
        'supervise/guest.c', 'supervise/tree.c', 'supervise/watch.c',
      ],
    },
    {
      'target_name': 'launcher',
      'type': 'executable',
      'dependencies': [ 'confine', 'core' ],
      'cflags': [ '-pthread' ],
      'ldflags': [ '-static', '-pthread' ],
      'sources': [
        'launcher/main.c', 'launcher/serve.c', 'launcher/init.c', 'launcher/zygote.c',
        'launcher/selftest.c', 'launcher/child.c', 'launcher/broker.c', 'launcher/notify.c',
        'launcher/kept.c', 'launcher/answered.c', 'launcher/pace.c', 'launcher/pending.c', 'launcher/local.c', 'launcher/datagram.c', 'launcher/sock.c',
        'launcher/stub.c', 'launcher/asker.c', 'launcher/netbox.c', 'launcher/nameservers.c',
        'launcher/traffic.c',
        'launcher/connections.c', 'launcher/forked.c', 'launcher/probe.c',
      ],
    },
    {
      'target_name': 'zygote',
      'type': 'loadable_module',
      'dependencies': [ 'confine', 'core' ],
      'ldflags': [ '-Wl,-z,now' ], # What is looked up here is not looked up in every guest.
      'defines': [ 'NAPI_VERSION=8' ],
      'sources': [
        'zygote/zygote.c', 'zygote/serve.c', 'zygote/guest.c', 'zygote/memory.c',
        'zygote/entropy.c', 'zygote/descriptors.c', 'zygote/ready.c',
        'zygote/spares.c', 'zygote/study.c', 'zygote/arena.c', 'zygote/drain.c',
        'zygote/stalls.c',
      ],
    },
    {
      'target_name': 'sandbox',
      'type': 'loadable_module',
      'dependencies': [ 'core' ],
      'defines': [ 'NAPI_VERSION=8' ],
      'sources': [
        'addon/addon.c', 'addon/args.c', 'addon/channel.c', 'addon/js.c',
        'addon/live.c', 'addon/lookup.c', 'addon/message.c', 'addon/outbox.c', 'addon/outcome.c', 'addon/pace.c',
        'addon/pieces.c', 'addon/request.c', 'addon/run.c', 'addon/runner.c',
        'addon/sampler.c', 'addon/stamps.c', 'addon/start.c', 'addon/stream.c',
 'addon/text.c', 'addon/usage.c',
      ],
    },
  ],
}
