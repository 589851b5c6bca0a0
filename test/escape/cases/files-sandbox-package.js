export default {
  title: "reads the sandbox's own launcher and addon",
  category: 'files',
  guards: ['landlock', 'namespaces'],
  proof: 'call',
  setup: ({ native }) => ({ launcher: native('../Release/launcher') }),
  act: ({ attempt, fs, input }) =>
    attempt('read', () => fs.readFileSync(input.launcher).subarray(0, 4)),
};
