export default {
  title: 'loads a filter of its own, to answer in place of the broker',
  category: 'network',
  guards: ['seccomp'],
  deny: ['EACCES', 'EPERM'],
  config: { permissions: { network: { allow: ['127.0.0.1:9'] } } },
  proof: 'call',
  act: ({ attempt, sys, raw, u64 }) =>
    attempt('NEW_LISTENER', () => {
      const [SECCOMP_SET_MODE_FILTER, NEW_LISTENER, PR_SET_NO_NEW_PRIVS] = [1, 8, 38];
      const RET_ALLOW = Buffer.from([6, 0, 0, 0, 0, 0, 0xff, 0x7f]);
      sys('prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      const program = u64(1, raw().address(RET_ALLOW));
      return sys('seccomp', SECCOMP_SET_MODE_FILTER, NEW_LISTENER, program);
    }),
};
