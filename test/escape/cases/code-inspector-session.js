export default {
  title: 'evaluates with an inspector session that has access to require',
  category: 'code',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, coded, input }) =>
    attempt('evaluate', async () => {
      const { Session } = await import('node:inspector/promises');
      const session = new Session();
      session.connect();
      const { result } = await session.post('Runtime.evaluate', {
        includeCommandLineAPI: true,
        returnByValue: true,
        expression: `(() => {
          try { return require('node:fs').readFileSync(${JSON.stringify(input.target)}, 'utf8'); }
          catch (error) { return { code: error.code }; }
        })()`,
      });
      if (result.value.code) throw coded(result.value.code, 'in the session');
      return result.value;
    }),
};
