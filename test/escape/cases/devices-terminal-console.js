export default {
  title: 'pastes into consoles and takes terminals (TIOCLINUX, TIOCSCTTY, TIOCCONS, TIOCSETD)',
  category: 'devices',
  guards: ['seccomp'],
  proof: 'call',
  reached: ['ENOTTY'],
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    const requests = { TIOCLINUX: 0x541c, TIOCSCTTY: 0x540e, TIOCCONS: 0x541d, TIOCSETD: 0x5423 };
    for (const [name, request] of Object.entries(requests))
      await attempt(name, () => sys('ioctl', 0, request, Buffer.alloc(8)));
  },
};
