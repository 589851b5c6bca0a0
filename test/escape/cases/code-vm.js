export default {
  title: 'reads a file in a vm context that has require',
  category: 'code',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, require, input }) =>
    attempt('vm', async () => {
      const vm = await import('node:vm');
      const context = vm.createContext({ require, target: input.target });
      return vm.runInContext(`require('node:fs').readFileSync(target, 'utf8')`, context);
    }),
};
