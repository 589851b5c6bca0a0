export default {
  title: 'puts input into a terminal (TIOCSTI), also with rubbish in the upper half of the number',
  category: 'devices',
  guards: ['seccomp'],
  proof: 'call',
  // What is no terminal says so, once the kernel has let the request through.
  reached: ['ENOTTY'],
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    const TIOCSTI = 0x5412n;
    for (const request of [TIOCSTI, TIOCSTI | (1n << 32n), TIOCSTI | (0xdeadbeefn << 32n)])
      await attempt(`0x${request.toString(16)}`, () => sys('ioctl', 0, request, Buffer.from('x')));
  },
};
