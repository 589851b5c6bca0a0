export default {
  title: 'keeps descriptors on their way, which the kernel counts for all processes of a user',
  category: 'limits',
  guards: ['seccomp'],
  proof: 'call',
  deny: ['EACCES'],
  act: ({ attempt, sys, raw, iovec, u64, u32, AF, SOCK }) => {
    const [SOL_SOCKET, SCM_RIGHTS] = [1, 1];
    const pair = Buffer.alloc(8);
    sys('socketpair', AF.UNIX, SOCK.STREAM, 0, pair);
    const byte = Buffer.from('x');
    const parts = iovec(byte);
    const control = Buffer.concat([u64(20), u32(SOL_SOCKET, SCM_RIGHTS, pair.readInt32LE(4), 0)]);
    const message = u64(0, 0, raw().address(parts), 1, raw().address(control), control.length, 0);
    return Promise.all([
      attempt('sendmsg', () => sys('sendmsg', pair.readInt32LE(0), message, 0)),
      attempt('sendmmsg', () => {
        const many = Buffer.concat([message, u64(0)]);
        return sys('sendmmsg', pair.readInt32LE(0), many, 1, 0);
      }),
    ]);
  },
};
