export default {
  title: "reads the host's environment variables",
  category: 'environment',
  guards: ['environment'],
  // A forked guest is not dumpable: an ordinary user's may not even read its own.
  deny: ['ERR_NOTHING', 'EACCES'],
  setup: ({ secret }) => ({ hostEnv: { SBX_ESCAPE_SECRET: secret } }),
  act: async ({ attempt, fs, coded }) => {
    await attempt('process.env', () => {
      if (!process.env.SBX_ESCAPE_SECRET) throw coded('ERR_NOTHING', 'not set');
      return process.env.SBX_ESCAPE_SECRET;
    });
    await attempt('/proc/self/environ', () => {
      const text = fs.readFileSync('/proc/self/environ', 'latin1');
      if (!text.includes('SBX_ESCAPE_SECRET')) throw coded('ERR_NOTHING', 'not set');
      return text;
    });
  },
};
