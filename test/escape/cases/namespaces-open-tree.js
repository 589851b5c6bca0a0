export default {
  title: 'clones a tree of mounts with open_tree, and changes its attributes',
  category: 'namespaces',
  guards: ['seccomp', 'privileges'],
  control: 'userns',
  proof: 'call',
  deny: ['EPERM', 'EACCES', 'ENOENT', 'ENOSYS'],
  act: ({ attempt, sys, u64, AT_FDCWD, AT_EMPTY_PATH, input }) =>
    attempt('open_tree', () => {
      const OPEN_TREE_CLONE = 1;
      const AT_RECURSIVE = 0x8000;
      const tree = sys('open_tree', AT_FDCWD, input.package, OPEN_TREE_CLONE | AT_RECURSIVE);
      const attributes = u64(0, 0, 0, 0);
      return sys('mount_setattr', tree, '', AT_EMPTY_PATH, attributes, attributes.length);
    }),
};
