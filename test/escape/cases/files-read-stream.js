export default {
  title: 'reads a file as a stream, in the thread pool',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, fs, input }) =>
    attempt('createReadStream', async () => {
      let text = '';
      for await (const chunk of fs.createReadStream(input.target)) text += chunk;
      return text;
    }),
};
