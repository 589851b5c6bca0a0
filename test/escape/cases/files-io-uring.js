// struct io_uring_params: 40 bytes of fields, then the offsets of both rings.
const SQ_OFF = 40;
const OP_OPENAT = 18;
const OP_READ = 22;

export default {
  title: 'opens and reads a file with io_uring, which seccomp does not see',
  category: 'files',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOSYS', 'ENOENT'],
  act: ({ attempt, sys, raw, u32, input }) =>
    attempt('io_uring', () => {
      const params = Buffer.alloc(120);
      const fd = sys('io_uring_setup', 4, params);
      const map = (length, offset) => sys('mmap', null, length, 3, 1, fd, offset);
      const sq = map(4096, 0);
      const sqes = map(4096, 0x10000000);
      const cqOffset = params.readUInt32LE(80 + 20);
      const field = (n) => params.readUInt32LE(SQ_OFF + 4 * n);
      const number = (at) => raw().peek(at, 4).readUInt32LE(0);
      let done = 0;
      const submit = (op, target, address, length) => {
        const sqe = Buffer.alloc(64);
        sqe.writeUInt8(op, 0);
        sqe.writeInt32LE(target, 4);
        sqe.writeBigUInt64LE(raw().address(address), 16);
        sqe.writeUInt32LE(length, 24);
        const tail = number(sq + field(1));
        raw().poke(sqes + 64 * (tail & 3), sqe, 64);
        raw().poke(sq + field(6) + 4 * (tail & 3), u32(tail & 3), 4);
        raw().poke(sq + field(1), u32(tail + 1), 4);
        sys('io_uring_enter', fd, 1, 1, 1, null, 0);
        return raw()
          .peek(sq + cqOffset + 16 * done++ + 8, 4)
          .readInt32LE(0);
      };
      // It may be that the kernel keeps both rings in one mapping; see IORING_FEAT_SINGLE_MMAP.
      const opened = submit(OP_OPENAT, -100, Buffer.from(`${input.target}\0`), 0);
      if (opened < 0) throw Object.assign(new Error('openat'), { code: codeOf(opened) });
      const bytes = Buffer.alloc(100);
      submit(OP_READ, opened, bytes, bytes.length);
      return bytes;
    }),
};

const codeOf = (rc) => ({ [-13]: 'EACCES', [-1]: 'EPERM', [-2]: 'ENOENT' })[rc] ?? `errno ${rc}`;
