export default {
  title: 'may start programs, and starts one that it wrote itself',
  category: 'processes',
  guards: ['landlock', 'namespaces'],
  probe: true,
  config: { permissions: { capabilities: ['process:spawn'] } },
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  act: ({ attempt, run, fs, input }) =>
    attempt('spawn', () => {
      const file = `${input.out}/program`;
      fs.writeFileSync(file, fs.readFileSync(`${input.package}/probe`), { mode: 0o755 });
      return run(file, 'ids');
    }),
};
