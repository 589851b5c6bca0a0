// A new V8 context per run, in the host's own heap. Input and result cross as JSON text, since an
// object of the host would hand its whole world to the guest.
import vm from 'node:vm';
import { echoSource, load, versionOf } from './common.js';

/** @param {'vm' | 'vm2'} which @returns {Promise<import('./common.js').Instance>} */
export async function open(which) {
  const source = `(text) => JSON.stringify((${echoSource()})(JSON.parse(text)))`;
  if (which === 'vm') {
    const script = new vm.Script(source);
    return instance(() => script.runInContext(vm.createContext({})));
  }
  const { default: vm2 } = await load('vm2');
  const script = new vm2.VMScript(source);
  return {
    version: versionOf('vm2'),
    ...instance(() => new vm2.VM({ allowAsync: false }).run(script)),
  };
}

/** @param {() => (text: string) => string} start @returns {import('./common.js').Instance} */
function instance(start) {
  const call = (/** @type {(text: string) => string} */ handle, /** @type {any} */ input) =>
    JSON.parse(handle(JSON.stringify(input)));
  return {
    run: async (_handler, input) => call(start(), input),
    async keep(count) {
      const kept = Array.from({ length: count }, start);
      for (const handle of kept) call(handle, 1);
      return () => kept.splice(0);
    },
  };
}
