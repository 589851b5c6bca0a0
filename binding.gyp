{
  'variables': {
    'napi_include%': '<!(node -p "require(\'node-api-headers\').include_dir")',
  },
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
        'src/core/err.c', 'src/core/fd.c', 'src/core/frame.c', 'src/core/logring.c',
        'src/core/policy.c', 'src/core/control.c', 'src/core/proc.c',
      ],
    },
    {
      'target_name': 'launcher',
      'type': 'executable',
      'dependencies': [ 'core' ],
      'ldflags': [ '-static' ],
      'sources': [
        'src/guards/guards.c', 'src/guards/workdir.c', 'src/guards/rlimits.c', 'src/guards/fds.c',
        'src/guards/privileges.c', 'src/launcher/main.c', 'src/launcher/init.c',
        'src/launcher/child.c', 'src/launcher/tree.c',
      ],
    },
    {
      'target_name': 'sandbox',
      'type': 'loadable_module',
      'dependencies': [ 'core' ],
      'include_dirs': [ '<(napi_include)' ],
      'defines': [ 'NAPI_VERSION=8' ],
      'sources': [
        'src/addon/addon.c', 'src/addon/args.c', 'src/addon/channel.c', 'src/addon/js.c',
        'src/addon/live.c', 'src/addon/outcome.c', 'src/addon/run.c', 'src/addon/runner.c',
        'src/addon/sampler.c', 'src/addon/stream.c',
      ],
    },
  ],
}
