export default {
  title: "learns the machine's addresses from Node.js (os.networkInterfaces)",
  category: 'network',
  guards: ['seccomp', 'namespaces'],
  proof: 'call',
  deny: ['EACCES', 'EPERM', 'ERR_SYSTEM_ERROR'],
  act: ({ attempt, coded }) =>
    attempt('networkInterfaces', async () => {
      const os = await import('node:os');
      const found = Object.keys(os.networkInterfaces());
      if (found.length === 0) throw coded('EACCES', 'none');
      return found;
    }),
};
