export default {
  title: "reads its parent's environment",
  category: 'files',
  guards: ['landlock', 'namespaces', 'privileges'],
  proof: 'call',
  act: ({ attempt, fs }) =>
    attempt('environ', () => fs.readFileSync(`/proc/${process.ppid}/environ`, 'utf8')),
};
