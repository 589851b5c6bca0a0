export default {
  title: 'may start programs, and leaves one behind in a session of its own',
  category: 'processes',
  guards: ['tree'],
  probe: true,
  proof: 'harm',
  config: { permissions: { capabilities: ['process:spawn'] } },
  harm: ({ host, dir }) => {
    const left = host.findProcess(`${dir}#daemon`);
    for (const pid of left) process.kill(pid, 'SIGKILL');
    return left.length > 0 && 'it lives on';
  },
  act: ({ attempt, probe, input }) =>
    attempt('daemon', () => probe('daemon', `${input.dir}#daemon`)),
};
