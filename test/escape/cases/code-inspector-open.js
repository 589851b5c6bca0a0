export default {
  title: 'opens the inspector, which listens on a port',
  category: 'code',
  guards: ['landlock', 'seccomp'],
  proof: 'call',
  deny: ['EACCES', 'EPERM'],
  // Node.js starts a thread for it that only prints what went wrong.
  act: ({ attempt, coded }) =>
    attempt('open', async () => {
      const inspector = await import('node:inspector');
      inspector.open(0, '127.0.0.1');
      const url = inspector.url();
      inspector.close();
      if (!url) throw coded('EACCES', 'no port');
      return url;
    }),
};
