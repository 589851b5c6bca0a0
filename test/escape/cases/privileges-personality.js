export default {
  title: 'switches address randomisation off, or to the personality of a 32-bit machine',
  category: 'privileges',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    const [ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, PER_LINUX32] = [0x40000, 0x400000, 8];
    for (const kind of [ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC, PER_LINUX32])
      await attempt(`${kind}`, () => sys('personality', kind));
  },
};
