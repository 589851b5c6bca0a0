export default {
  title: "leaves files that the machine's other users may read",
  category: 'privileges',
  guards: ['privileges'],
  proof: 'call',
  deny: ['ERR_NOTHING'],
  act: ({ attempt, fs, path, coded, input }) =>
    attempt('mode', () => {
      const file = path.join(input.out, 'made.txt');
      fs.writeFileSync(file, '');
      const others = fs.statSync(file).mode & 0o077;
      if (others === 0) throw coded('ERR_NOTHING', 'for its user only');
      return others;
    }),
};
