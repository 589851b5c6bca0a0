export default {
  title: 'asks for the right to use the ports of the hardware',
  category: 'kernel',
  guards: ['seccomp', 'privileges'],
  arch: 'x64',
  control: 'root',
  proof: 'call',
  absent: ['ENOSYS'],
  deny: ['EPERM', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    await attempt('iopl', () => sys('iopl', 3));
    await attempt('ioperm', () => sys('ioperm', 0x80, 1, 1));
  },
};
