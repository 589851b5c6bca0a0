// execa, the program of ./guest/main.cjs.
import { environment, guestFile, load, parse, versionOf } from './common.js';

/** @returns {Promise<import('./common.js').Instance>} */
export async function open() {
  const { execa } = await load('execa');
  const start = (/** @type {string} */ handler, /** @type {any} */ input) =>
    execa(process.execPath, [guestFile('main'), handler], {
      input: JSON.stringify(input),
      env: environment,
      extendEnv: false,
      maxBuffer: 2 ** 30,
      stripFinalNewline: false,
    });
  return {
    version: versionOf('execa'),
    run: async (handler, input) => parse((await start(handler, input)).stdout),
    print: async (lines, length) => {
      const { stdout } = await start('print', { lines, length });
      return stdout.lastIndexOf('\n') + 1;
    },
  };
}
