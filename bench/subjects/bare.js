// The bare start and end of a Node.js process: what no run in a new one can do without.
import { spawn } from 'node:child_process';
import { environment } from './common.js';

/** @returns {import('./common.js').Instance} */
export function open() {
  return {
    run: () =>
      new Promise((resolve, reject) => {
        spawn(process.execPath, ['-e', '0'], { stdio: 'ignore', env: environment })
          .once('error', reject)
          .once('exit', resolve);
      }),
  };
}
