// isolated-vm, a fresh isolate per run. Of the versions in ../package.json npm installs those that
// say they work with this Node.js; the newest is taken.
import { Missing, echoSource, load, versionOf } from './common.js';

/** @param {'plain' | 'snapshot'} variant @returns {Promise<import('./common.js').Instance>} */
export async function open(variant) {
  const name = installed();
  const { default: ivm } = await load(name);
  const source = echoSource();
  const snapshot =
    variant === 'snapshot'
      ? ivm.Isolate.createSnapshot([{ code: `globalThis.handle = ${source};` }])
      : undefined;
  const start = async () => {
    const isolate = new ivm.Isolate({ memoryLimit: 1024, ...(snapshot && { snapshot }) });
    const context = await isolate.createContext();
    const handle = snapshot
      ? await context.global.get('handle', { reference: true })
      : await (await isolate.compileScript(source)).run(context, { reference: true });
    return { isolate, handle };
  };
  const call = (/** @type {any} */ handle, /** @type {any} */ input) =>
    handle.apply(undefined, [input], { arguments: { copy: true }, result: { copy: true } });
  return {
    version: versionOf(name),
    async run(_handler, input) {
      const { isolate, handle } = await start();
      try {
        return await call(handle, input);
      } finally {
        isolate.dispose();
      }
    },
    async keep(count) {
      /** @type {any[]} */
      const kept = [];
      for (let i = 0; i < count; i++) {
        const { isolate, handle } = await start();
        await call(handle, 1);
        kept.push(isolate);
      }
      return () => kept.forEach((isolate) => isolate.dispose());
    },
  };
}

function installed() {
  for (const name of ['isolated-vm-7', 'isolated-vm-6', 'isolated-vm-5'])
    try {
      versionOf(name);
      return name;
    } catch {}
  throw new Missing('package isolated-vm is not installed');
}
