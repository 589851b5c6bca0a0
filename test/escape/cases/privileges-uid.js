export default {
  title: 'is root',
  category: 'privileges',
  guards: ['privileges', 'namespaces'],
  control: 'root',
  proof: 'call',
  deny: ['ERR_NOTHING'],
  // Without a user namespace root becomes nobody, if nobody may use the files that are granted.
  setup: ({ host, at }) => host.fs.chmodSync(at('out'), 0o777),
  act: ({ attempt, coded }) =>
    attempt('ids', () => {
      const ids = [process.getuid(), process.geteuid(), process.getgid(), process.getegid()];
      if (!ids.includes(0)) throw coded('ERR_NOTHING', `it is ${ids}`);
      return ids;
    }),
};
