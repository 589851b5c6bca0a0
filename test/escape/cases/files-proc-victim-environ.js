export default {
  title: "reads the secret in another process's environment",
  category: 'files',
  guards: ['landlock', 'namespaces'],
  victim: true,
  act: ({ attempt, fs, input }) =>
    attempt('environ', () => fs.readFileSync(`/proc/${input.victim.pid}/environ`, 'utf8')),
};
