export default {
  title: 'reads a file with the calls of WASI, a directory outside preopened',
  category: 'code',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'UVWASI_EACCES', 'UVWASI_EPERM', 'UVWASI_ENOENT'],
  act: ({ attempt, coded, input }) =>
    attempt('path_open', async () => {
      process.removeAllListeners('warning');
      const { WASI } = await import('node:wasi');
      const wasi = new WASI({ version: 'preview1', preopens: { '/': input.outside } });
      const memory = new WebAssembly.Memory({ initial: 1 });
      wasi.initialize({ exports: { memory } });
      // What a module would call; where it keeps name, descriptor, iovec, length and text:
      const at = { name: 0, fd: 64, iovec: 128, length: 256, text: 1024 };
      const view = Buffer.from(memory.buffer);
      const length = view.write('secret.txt', at.name);
      const FD_READ = 2n;
      const { path_open, fd_read } = wasi.wasiImport;
      const failed = path_open(3, 0, at.name, length, 0, FD_READ, 0n, 0, at.fd);
      const names = { 2: 'EACCES', 44: 'ENOENT', 63: 'EPERM' };
      if (failed) throw coded(names[failed] ?? `wasi ${failed}`, 'path_open');
      view.writeUInt32LE(at.text, at.iovec);
      view.writeUInt32LE(100, at.iovec + 4);
      fd_read(view.readUInt32LE(at.fd), at.iovec, 1, at.length);
      return view.subarray(at.text, at.text + 100);
    }),
};
