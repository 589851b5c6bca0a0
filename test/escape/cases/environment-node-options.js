export default {
  title: 'is started with a module of its choice, by NODE_OPTIONS that it is allowed to see',
  category: 'environment',
  guards: ['environment'],
  setup: ({ host, at }) => {
    const text = `require('node:fs').writeFileSync(process.env.SBX_EVIL, 'loaded');`;
    host.fs.writeFileSync(at('package', 'evil.cjs'), text);
    return {
      hostEnv: {
        NODE_OPTIONS: `--require=${at('package', 'evil.cjs')}`,
        SBX_EVIL: at('out', 'loaded'),
      },
    };
  },
  config: { permissions: { env: { allow: ['NODE_OPTIONS', 'SBX_EVIL'] } } },
  proof: 'call',
  act: ({ attempt, fs, input }) => attempt('loaded', () => fs.readFileSync(`${input.out}/loaded`)),
};
