export default {
  title: 'spells an address as names may be spelled: short, octal, hexadecimal, one number',
  category: 'network',
  guards: ['landlock', 'seccomp', 'namespaces'],
  deny: ['EACCES', 'EPERM', 'ENOTFOUND'],
  config: { permissions: { network: { allow: ['*'], deny: ['127.0.0.0/8'] } } },
  act: async ({ attempt, connect, input }) => {
    for (const host of ['127.1', '0177.0.0.1', '0x7f.0.0.1', '2130706433', '0x7f000001'])
      await attempt(host, () => connect({ host, port: input.tcp4 }));
  },
};
