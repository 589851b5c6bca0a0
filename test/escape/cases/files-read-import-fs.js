export default {
  title: "reads a file with what await import('node:fs/promises') gives",
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, input }) =>
    attempt('readFile', async () => {
      const { readFile } = await import('node:fs/promises');
      return readFile(input.target, 'utf8');
    }),
};
