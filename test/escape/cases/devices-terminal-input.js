export default {
  title: 'puts input into a terminal (TIOCSTI)',
  category: 'devices',
  guards: ['seccomp'],
  proof: 'call',
  // What is no terminal says so, once the kernel has let the request through.
  reached: ['ENOTTY'],
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    await attempt('TIOCSTI', () => sys('ioctl', 0, 0x5412, Buffer.from('x')));
  },
};
