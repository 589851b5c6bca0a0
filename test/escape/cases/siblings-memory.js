export default {
  title: "reads another run's memory and environment",
  category: 'siblings',
  guards: ['landlock', 'namespaces'],
  proof: 'call',
  deny: ['EPERM', 'ESRCH', 'EACCES', 'ENOENT', 'ENOSYS'],
  beside: async ({ fs, raw, input }) => {
    process.title = `${input.dir}#beside`;
    const theirs = Buffer.from('theirs-theirs-theirs-theirs');
    fs.writeFileSync(`${input.out}/ready`, String(raw().address(theirs)));
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    return theirs;
  },
  act: async ({ attempt, sys, fs, iovec, u64, input }) => {
    const { pid, text } = input.beside;
    const bytes = Buffer.alloc(27);
    await attempt('process_vm_readv', () => {
      sys('process_vm_readv', pid, iovec(bytes), 1, u64(BigInt(text), 27), 1, 0);
      return bytes;
    });
    await attempt('mem', () => {
      fs.readSync(fs.openSync(`/proc/${pid}/mem`, 'r'), bytes, 0, 27, Number(text));
      return bytes;
    });
    await attempt('environ', () => fs.readFileSync(`/proc/${pid}/environ`, 'utf8'));
    await attempt('maps', () => fs.readFileSync(`/proc/${pid}/maps`, 'utf8').slice(0, 100));
  },
};
