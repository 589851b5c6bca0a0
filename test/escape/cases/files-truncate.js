export default {
  title: 'truncates a file outside, which needs no descriptor',
  category: 'files',
  guards: ['landlock', 'namespaces'],
  act: ({ attempt, sys, input }) => attempt('truncate', () => sys('truncate', input.target, 0)),
};
