export default {
  title: 'fetches over HTTP',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  setup: async ({ secret, defer }) => {
    const http = await import('node:http');
    const server = http.createServer((request, response) => response.end(secret));
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    defer(() => (server.closeAllConnections(), server.close()));
    return { http: server.address().port };
  },
  act: async ({ attempt, input }) => {
    const url = `http://127.0.0.1:${input.http}/`;
    await attempt('fetch', async () => (await fetch(url)).text());
    const http = await import('node:http');
    await attempt(
      'http.get',
      () =>
        new Promise((resolve, reject) => {
          http
            .get(url, (r) => r.once('data', (data) => resolve(String(data))))
            .once('error', reject);
        }),
    );
  },
};
