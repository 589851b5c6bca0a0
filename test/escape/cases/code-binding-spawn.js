export default {
  title: 'starts a program with process.binding',
  category: 'code',
  guards: ['landlock', 'seccomp'],
  probe: true,
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: ({ attempt, result, input }) =>
    attempt('spawn_sync', () => {
      const file = `${input.package}/probe`;
      const { error, output } = process.binding('spawn_sync').spawn({
        file,
        args: [file, 'read', input.target],
        envPairs: [],
        stdio: [
          { type: 'pipe', readable: true, writable: false },
          { type: 'pipe', readable: false, writable: true },
          { type: 'pipe', readable: false, writable: true },
        ],
      });
      if (error) result('spawn', error);
      return String(output[1]);
    }),
};
