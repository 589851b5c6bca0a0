export default {
  title: 'imports and requires modules outside',
  category: 'code',
  guards: ['landlock', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOENT', 'MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'],
  act: async ({ attempt, require, input }) => {
    await attempt('require', () => require(`${input.outside}/module.cjs`));
    await attempt('import', async () => (await import(`${input.outside}/module.cjs`)).default);
    await attempt('json', () => require(`${input.outside}/data.json`));
  },
};
