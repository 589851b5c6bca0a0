'use strict';
// What every run does, done a few times before the zygote forks, so that functions are compiled, the
// module loaders have started and inline caches are filled.

const { TYPE } = require('./frames.cjs');
const { Joiner, split, write } = require('./pieces.cjs');
const { makeRequest } = require('./request.cjs');

const HEADER = 8;

/** @param {number} type @param {Buffer} payload */
function frame(type, payload) {
  const head = Buffer.alloc(HEADER);
  head.writeUInt32LE(payload.length, 0);
  head[4] = 1;
  head[5] = type;
  return Buffer.concat([head, payload]);
}

/** @param {string} file */
function messages(file) {
  const request = makeRequest({
    file: `./${file}`,
    found: `${__dirname}/${file}`,
    root: __dirname,
    export: 'handle',
    ctx: { requestId: 'rehearsal', workdir: __dirname },
    capabilities: [],
    env: {},
    timeoutMs: 1000,
    serialization: 'json',
    maxResultBytes: 1024,
  });
  return Buffer.concat([
    frame(TYPE.REQUEST, Buffer.from(JSON.stringify(request))),
    frame(TYPE.INPUT, Buffer.from('{"rehearsal":[1,"2"]}')),
  ]);
}

/**
 * @param {any} native the zygote's module
 * @param {(exit: () => void, isFork: boolean) => Promise<void>} run
 * @param {number} times
 */
async function rehearse(native, run, times) {
  for (let i = 0; i < times; i++) {
    for (const file of ['warm-handler.cjs', 'warm-handler.mjs']) {
      native.rehearse(messages(file));
      try {
        await run(() => {}, true);
      } finally {
        native.rehearsed();
      }
      // Loaded once more the next time.
      delete require.cache[require.resolve(`./${file}`)];
    }
  }
  // An ES module is loaded once only, whatever one deletes.
  await import('./warm-handler.mjs');
}

/** What large values go through. */
function rehearsePieces() {
  const rows = [];
  for (let id = 0; id < 4096; id++) rows[id] = { id, on: true };
  const large = split({ rows });
  const joiner = new Joiner();
  if (large) joiner.finish(write(large, (form, text) => joiner.take(form, text)).text);
}

module.exports = { rehearse, rehearsePieces };
