// Names of a guest whose host says nothing more: each look-up ends, and none keeps the guest there.
import path from 'node:path';
import t from 'tap';
import { run } from './helper.js';

t.test(
  'look-ups that are under way, that wait, and that come later end with the connection',
  async (t) => {
    const root = t.testdir({
      'names.cjs': `
      const dns = require('node:dns/promises');
      const codes = (list) => list.map(({ reason }) => reason?.code);
      exports.handle = async () => {
        const all = Array.from({ length: 40 }, (_, i) => dns.lookup(i + '.test'));
        const first = codes(await Promise.allSettled(all));
        const later = codes(await Promise.allSettled([dns.lookup('late.test')]));
        return [...first, ...later];
      };`,
    });
    const { data, code } = await run(
      { file: path.join(root, 'names.cjs'), root, lookups: true },
      {
        // Its own half of the socket stays open, as with a host that has nothing more to say.
        onFrame: ({ name }, child) => {
          if (name === 'unknown 22') child.stdio[3].end();
        },
      },
    );
    t.same(data, Array(41).fill('EAI_AGAIN'));
    t.equal(code, 0);
  },
);
