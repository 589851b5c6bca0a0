export default {
  title: 'mounts with fsopen, fsconfig, fsmount and move_mount',
  category: 'namespaces',
  guards: ['seccomp', 'landlock', 'privileges'],
  control: 'userns',
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOSYS'],
  act: ({ attempt, sys, AT_FDCWD, input }) =>
    attempt('fsopen', () => {
      const [FSCONFIG_CMD_CREATE, MOVE_MOUNT_F_EMPTY_PATH] = [6, 4];
      const fs = sys('fsopen', 'tmpfs', 0);
      sys('fsconfig', fs, FSCONFIG_CMD_CREATE, null, null, 0);
      const mount = sys('fsmount', fs, 0, 0);
      return sys('move_mount', mount, '', AT_FDCWD, input.out, MOVE_MOUNT_F_EMPTY_PATH);
    }),
};
