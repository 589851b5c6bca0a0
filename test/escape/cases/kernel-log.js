export default {
  title: "reads the kernel's log",
  category: 'kernel',
  guards: ['seccomp', 'privileges'],
  control: 'root',
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, sys }) =>
    attempt('syslog', () => {
      const READ_ALL = 3;
      const text = Buffer.alloc(200);
      sys('syslog', READ_ALL, text, text.length);
      return text;
    }),
};
