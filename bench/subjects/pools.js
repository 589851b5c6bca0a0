// Pools of threads, with a fresh one for every run. piscina has no setting for that, so that there it
// is a new pool.
import os from 'node:os';
import { guestFile, load, versionOf } from './common.js';

/** @param {'piscina' | 'tinypool'} which @returns {Promise<import('./common.js').Instance>} */
export async function open(which) {
  const { default: Pool } = await load(which);
  const filename = guestFile('pool');
  const version = versionOf(which);
  if (which === 'piscina')
    return {
      version,
      async run(handler, input) {
        const pool = new Pool({ filename, minThreads: 1, maxThreads: 1 });
        try {
          return await pool.run({ handler, input });
        } finally {
          await pool.destroy();
        }
      },
    };
  const pool = new Pool({
    filename,
    isolateWorkers: true,
    minThreads: 1,
    maxThreads: Math.max(8, os.availableParallelism()),
  });
  return {
    version,
    run: (handler, input) => pool.run({ handler, input }),
    close: () => pool.destroy(),
  };
}
