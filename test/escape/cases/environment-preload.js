export default {
  title: 'is started with a library of its choice, by LD_PRELOAD that it is allowed to see',
  category: 'environment',
  guards: ['environment'],
  setup: ({ host, at, native }) => {
    host.fs.copyFileSync(native('evil.so'), at('package', 'evil.so'));
    return {
      hostEnv: { LD_PRELOAD: at('package', 'evil.so'), SBX_EVIL: at('out', 'loaded') },
    };
  },
  config: { permissions: { env: { allow: ['LD_PRELOAD', 'SBX_EVIL'] } } },
  proof: 'call',
  act: ({ attempt, fs, input }) => attempt('loaded', () => fs.readFileSync(`${input.out}/loaded`)),
};
