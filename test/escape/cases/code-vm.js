export default {
  title: 'leaves a vm context through the constructor of a foreign object (vm2 GHSA-947f)',
  category: 'code',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, require, input }) =>
    attempt('vm', async () => {
      const vm = await import('node:vm');
      const context = vm.createContext({ require, target: input.target });
      const text = `require.constructor('return process')()
        .getBuiltinModule?.('fs').readFileSync(target, 'utf8')
        ?? require('fs').readFileSync(target, 'utf8')`;
      return vm.runInContext(text, context);
    }),
};
