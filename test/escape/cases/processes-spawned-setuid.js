export default {
  title: 'may start programs, and starts one that is set-user-id root',
  category: 'processes',
  guards: ['privileges', 'namespaces'],
  probe: true,
  control: 'nobody',
  proof: 'call',
  deny: ['ERR_NOTHING'],
  config: { permissions: { capabilities: ['process:spawn'] } },
  setup: ({ host, at }) => {
    if (process.getuid() !== 0) return;
    host.fs.chownSync(at('package', 'probe'), 0, 0); // a copy may keep its owner
    host.fs.chmodSync(at('package', 'probe'), 0o4755);
    if (host.role === 'control') host.fs.chownSync(at('out'), 65534, 65534);
  },
  act: ({ attempt, probe, coded }) =>
    attempt('ids', () => {
      const ids = probe('ids');
      // As root before, or as nobody more than before: only the latter is something new.
      if (ids.includes(`euid=${process.geteuid()} `)) throw coded('ERR_NOTHING', ids);
      return ids;
    }),
};
