// Random messages, of a seed: mostly right in form, so that they get far.
import kinds from '../../lib/guest/kinds.cjs';
import { parseConfig } from '../../lib/config.js';
import { hostFunctions } from '../../lib/host.js';
import { Session } from '../../lib/session.js';
import { Collector } from '../../lib/stream.js';

const { MESSAGE } = kinds;
const NAMES = [
  'add',
  'waits',
  'secret',
  'count',
  'fails',
  '__proto__',
  'constructor',
  'toString',
  '',
];
const TEXTS = [
  '[]',
  '[1,2]',
  '',
  'null',
  '{}',
  '[{"__proto__":{"polluted":1}}]',
  '[{"constructor":{"prototype":{"polluted":1}}}]',
  '[1e999]',
  '[[[[[[[[',
  `[${'['.repeat(500)}${']'.repeat(500)}]`,
  '{"fraction":0.5}',
  '{"fraction":-1}',
  '\0"chunk"',
  '\x01\xff\xfe',
];

/** A generator of numbers below 2^32 (mulberry32). @param {number} seed */
function generator(seed) {
  let state = seed >>> 0;
  return (/** @type {number} */ below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** @param {(below: number) => number} random @param {{ lastId: number }} state */
function randomMessage(random, state) {
  const kind = random(20) === 0 ? random(256) : 1 + random(6);
  let id = random(10) === 0 ? random(2 ** 32) : random(state.lastId + 2);
  let body = Buffer.from(TEXTS[random(TEXTS.length)], 'latin1');
  if (kind === MESSAGE.CALL) {
    if (random(15) > 0) id = ++state.lastId;
    const name = NAMES[random(NAMES.length)];
    const length = random(20) === 0 ? random(256) : name.length;
    body = Buffer.concat([Buffer.from([length]), Buffer.from(name), body]);
  } else if (kind === MESSAGE.PULL) {
    body = Buffer.alloc(4);
    body.writeUInt32LE(random(10) === 0 ? random(2 ** 32) : 1 + random(8));
  } else if (random(12) > 0) {
    if (kind === MESSAGE.CANCEL || kind === MESSAGE.STREAM) body = Buffer.alloc(0);
    if (kind >= MESSAGE.STREAM) id = 0;
  }
  const message = Buffer.alloc(5 + body.length);
  message[0] = kind;
  message.writeUInt32LE(id, 1);
  body.copy(message, 5);
  return random(30) === 0 ? message.subarray(0, random(message.length + 1)) : message;
}

/** Frames of a guest, one in some broken itself. @param {number} seed */
export function randomMessages(seed) {
  const random = generator(seed);
  const state = { lastId: 0 };
  const frames = [];
  for (let i = 0; i < 200; i++) {
    const message = randomMessage(random, state);
    const head = Buffer.alloc(8);
    head.writeUInt32LE(random(200) === 0 ? random(2 ** 32) : message.length);
    head[4] = 1;
    head[5] = random(200) === 0 ? random(256) : 23;
    // A RESULT of the guest's own choice is no crash, but it ends the game.
    if (head[5] === 20 || head[5] === 21) head[5] = 23;
    frames.push(head, message);
  }
  return Buffer.concat(frames);
}

/**
 * Feeds a session of a run without capabilities.
 *
 * @param {number} seed
 * @returns {Promise<{ secret: number, codes: string[] }>} how often it got where it may not, and the
 *   codes of its end
 */
export async function fuzzMessages(seed) {
  const random = generator(seed);
  let secret = 0;
  /** @type {string[]} */
  const codes = [];
  const config = parseConfig({
    execution: { maxHostCalls: 1 + random(32), maxMessageBytes: 4096, maxResultBytes: 200 },
    host: {
      add: (/** @type {any} */ _, /** @type {any} */ a, /** @type {any} */ b) => a + b,
      waits: () => new Promise(() => {}),
      secret: { call: () => ++secret, capability: 'host:secret' },
      fails: async () => {
        throw new Error('no');
      },
      async *count() {
        for (let i = 0; ; i++) yield i;
      },
    },
  });
  const session = new Session({
    config,
    functions: hostFunctions(config.host),
    request: /** @type {any} */ ({ fields: { requestId: 'r' }, onProgress: () => {} }),
    sink: new Collector(config.execution.maxResultBytes),
    send: () => (random(4) === 0 ? 1 : 0),
    fail: ({ code }) => void codes.push(code),
  });
  const state = { lastId: 0 };
  for (let turn = 0; turn < 40; turn++) {
    session.take(Array.from({ length: 1 + random(8) }, () => randomMessage(random, state)));
    await new Promise((resolve) => setImmediate(resolve));
    if (random(2) === 0) session.room();
  }
  session.end();
  if (/** @type {any} */ ({}).polluted !== undefined) secret++;
  if (codes.length > 1) codes.push('more than one end');
  return { secret, codes };
}
