export default {
  title: "reads the system's list of users",
  category: 'files',
  guards: ['landlock', 'namespaces'],
  harm: (world, attempts) => attempts.some((a) => /^root:/m.test(a.value)) && 'it has /etc/passwd',
  act: ({ attempt, fs }) => attempt('readFileSync', () => fs.readFileSync('/etc/passwd', 'utf8')),
};
