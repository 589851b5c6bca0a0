export default {
  title: "reads a file in the loader's thread, with module.register",
  category: 'code',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, coded, input }) =>
    attempt('register', async () => {
      const { register } = await import('node:module');
      const text = `
        import fs from 'node:fs';
        export async function initialize({ port, file }) {
          try { port.postMessage({ text: fs.readFileSync(file, 'utf8') }); }
          catch ({ code }) { port.postMessage({ code }); }
        }`;
      const { port1, port2 } = new MessageChannel();
      const answer = new Promise((resolve) => port1.once('message', resolve));
      register(`data:text/javascript,${encodeURIComponent(text)}`, {
        data: { port: port2, file: input.target },
        transferList: [port2],
      });
      const { code, text: read } = await answer;
      port1.close();
      if (code) throw coded(code, 'in the thread');
      return read;
    }),
};
