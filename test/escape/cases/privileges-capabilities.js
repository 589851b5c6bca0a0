export default {
  title: 'holds capabilities',
  category: 'privileges',
  guards: ['privileges', 'namespaces'],
  control: 'userns',
  proof: 'call',
  deny: ['ERR_NOTHING'],
  act: ({ attempt, fs, coded }) =>
    attempt('sets', () => {
      const status = fs.readFileSync('/proc/self/status', 'utf8');
      const sets = [...status.matchAll(/^Cap(Inh|Prm|Eff|Amb):\t(.*)$/gm)];
      const held = sets.filter(([, , bits]) => /[^0]/.test(bits));
      if (sets.length !== 4) throw new Error('it cannot see them');
      if (held.length === 0) throw coded('ERR_NOTHING', 'none');
      return held.map(([text]) => text);
    }),
};
