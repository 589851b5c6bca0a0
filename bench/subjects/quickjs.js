// quickjs-emscripten: a fresh runtime and context per run, in one WebAssembly module.
import { echoSource, load, versionOf } from './common.js';

/** @returns {Promise<import('./common.js').Instance>} */
export async function open() {
  const { getQuickJS } = await load('quickjs-emscripten');
  const module = await getQuickJS();
  const source = echoSource();
  const start = () => {
    const runtime = module.newRuntime();
    const context = runtime.newContext();
    return { runtime, context };
  };
  const call = (/** @type {any} */ context, /** @type {any} */ input) => {
    const text = context.newString(JSON.stringify(input));
    context.setProp(context.global, 'input', text);
    text.dispose();
    const result = context.unwrapResult(
      context.evalCode(`JSON.stringify((${source})(JSON.parse(input)))`),
    );
    const answer = JSON.parse(context.getString(result));
    result.dispose();
    return answer;
  };
  return {
    version: versionOf('quickjs-emscripten'),
    async run(_handler, input) {
      const { runtime, context } = start();
      try {
        return call(context, input);
      } finally {
        context.dispose();
        runtime.dispose();
      }
    },
    async keep(count) {
      const kept = Array.from({ length: count }, start);
      for (const { context } of kept) call(context, 1);
      return () =>
        kept.forEach(({ runtime, context }) => {
          context.dispose();
          runtime.dispose();
        });
    },
  };
}
