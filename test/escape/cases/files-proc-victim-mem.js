export default {
  title: "reads and writes another process's memory through /proc/PID/mem",
  category: 'files',
  guards: ['landlock', 'namespaces'],
  victim: true,
  act: async ({ attempt, fs, input }) => {
    const { pid, address } = input.victim;
    await attempt('read', () => {
      const bytes = Buffer.alloc(64);
      fs.readSync(fs.openSync(`/proc/${pid}/mem`, 'r'), bytes, 0, 64, Number(address));
      return bytes;
    });
    await attempt('write', () =>
      fs.writeSync(fs.openSync(`/proc/${pid}/mem`, 'r+'), 'x', Number(address)),
    );
  },
};
