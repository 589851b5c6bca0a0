export default {
  title: 'uses key rings, which are not of any namespace',
  category: 'kernel',
  guards: ['seccomp'],
  proof: 'call',
  reached: ['ENOKEY'],
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: async ({ attempt, sys }) => {
    const [KEYCTL_GET_KEYRING_ID, USER_SESSION] = [0, -5];
    await attempt('keyctl', () => sys('keyctl', KEYCTL_GET_KEYRING_ID, USER_SESSION, 1, 0, 0));
    await attempt('add_key', () => sys('add_key', 'user', 'escape', 'text', 4, -2));
    await attempt('request_key', () => sys('request_key', 'user', 'escape-none', null, 0));
  },
};
