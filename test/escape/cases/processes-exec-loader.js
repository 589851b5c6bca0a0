export default {
  title: 'becomes a program by way of the dynamic loader, which only needs to read it',
  category: 'processes',
  guards: ['seccomp'],
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  // Nothing of outdir could be mapped to be executed; the package's own is, for its addons.
  setup: ({ host, at }) => {
    host.fs.copyFileSync(process.execPath, at('package', 'program'));
    host.fs.chmodSync(at('package', 'program'), 0o644);
  },
  harm: ({ host, at }) => host.fs.existsSync(at('out', 'proof')) && 'the program ran',
  act: ({ attempt, sys, vector, input }) =>
    attempt('execve', () => {
      const loader =
        process.arch === 'x64' ? '/lib64/ld-linux-x86-64.so.2' : '/lib/ld-linux-aarch64.so.1';
      const node = `${input.package}/program`;
      const text = `fs.writeFileSync(${JSON.stringify(`${input.out}/proof`)}, '')`;
      return sys('execve', loader, vector(loader, node, '-e', text), vector());
    }),
};
