export default {
  title: 'loads bpf maps and programs',
  category: 'kernel',
  guards: ['seccomp', 'privileges'],
  control: 'root',
  proof: 'call',
  deny: ['EPERM', 'ENOSYS'],
  act: ({ attempt, sys, u32 }) =>
    attempt('BPF_MAP_CREATE', () => {
      const [BPF_MAP_CREATE, BPF_MAP_TYPE_ARRAY] = [0, 2];
      const attr = Buffer.concat([u32(BPF_MAP_TYPE_ARRAY, 4, 4, 1), Buffer.alloc(112)]);
      return sys('bpf', BPF_MAP_CREATE, attr, attr.length);
    }),
};
