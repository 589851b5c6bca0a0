export default {
  title: "changes its processor's descriptor table",
  category: 'kernel',
  guards: ['seccomp'],
  arch: 'x64',
  proof: 'call',
  absent: ['ENOSYS'],
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, sys }) =>
    attempt('modify_ldt', () => sys('modify_ldt', 0, Buffer.alloc(64), 64)),
};
