export default {
  title: 'lists the processes of the machine',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  harm: (world, attempts) =>
    attempts.some((a) => a.ok && JSON.parse(a.value).includes(String(process.pid))) &&
    'it sees the host',
  // Its own /proc may be listed.
  act: ({ attempt, fs, input }) =>
    attempt('readdirSync', () => {
      const all = fs.readdirSync('/proc');
      if (all.includes(String(input.hostPid))) return all;
      throw Object.assign(new Error('only its own'), { code: 'EACCES' });
    }),
};
