export default {
  title: 'maps more private memory than it may, outside of the heap of V8',
  category: 'limits',
  guards: ['rlimits'],
  proof: 'call',
  deny: ['ENOMEM'],
  act: async ({ attempt, sys }) => {
    // More than what V8 of Node.js 24 reserves for the code of all threads that there may be.
    const PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
    await attempt('mmap', () => sys('mmap', null, 2 ** 36, 3, PRIVATE_ANONYMOUS_NORESERVE, -1, 0));
  },
};
