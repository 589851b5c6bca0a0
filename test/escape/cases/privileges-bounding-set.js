export default {
  title: 'could get capabilities back from its bounding set',
  category: 'privileges',
  guards: ['privileges'],
  // Only who has capabilities can drop them from there; no_new_privs keeps them from being used.
  openIn: ['no-userns', 'bare'],
  proof: 'call',
  deny: ['ERR_NOTHING'],
  act: ({ attempt, fs, coded }) =>
    attempt('set', () => {
      const [, bits] = /^CapBnd:\t(.*)$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'));
      if (/^0+$/.test(bits)) throw coded('ERR_NOTHING', 'none');
      return bits;
    }),
};
