export default {
  title: 'becomes a script of its own, with an interpreter in its first line',
  category: 'processes',
  guards: ['landlock', 'seccomp'],
  probe: true,
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  harm: ({ host, at }) => host.fs.existsSync(at('out', 'proof')) && 'the program ran',
  act: ({ attempt, fs, sys, vector, input }) =>
    attempt('execve', () => {
      const script = `${input.out}/script`;
      fs.writeFileSync(
        script,
        `#!${process.execPath}\nrequire('node:fs').writeFileSync(__dirname + '/proof', '');`,
        { mode: 0o755 },
      );
      return sys('execve', script, vector(script), vector());
    }),
};
