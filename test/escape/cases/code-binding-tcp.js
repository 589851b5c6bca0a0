export default {
  title: 'connects with the handle that process.binding gives',
  category: 'code',
  guards: ['landlock', 'seccomp', 'namespaces'],
  act: ({ attempt, result, input }) =>
    attempt('tcp_wrap', async () => {
      const { TCP, TCPConnectWrap, constants } = process.binding('tcp_wrap');
      const handle = new TCP(constants.SOCKET);
      const request = new TCPConnectWrap();
      const done = new Promise((resolve) => (request.oncomplete = resolve));
      result('connect', handle.connect(request, '127.0.0.1', input.tcp4));
      result('connected', await done);
      const net = await import('node:net');
      const socket = new net.Socket({ handle });
      socket.write(input.hello);
      return new Promise((resolve, reject) => {
        socket.once('data', (data) => resolve(data.toString()));
        socket.once('error', reject);
      });
    }),
};
