// How a guest writes a long text: piece by piece, and as if it were not.
import { spawn } from 'node:child_process';
import t from 'tap';

const frames = new URL('../../lib/guest/frames.cjs', import.meta.url).pathname;
const PIECE = 256 << 10;
const SMALL = 16 << 10;
const execPath = process.env.SBX_TEST_NODE ?? process.execPath;

/** @param {string} expression a text @returns {Promise<Buffer>} the frame */
async function written(expression) {
  const script = `const { byteLength, sendText } = require(${JSON.stringify(frames)});
    const text = ${expression};
    sendText(21, text, byteLength(text));`;
  const child = spawn('/usr/bin/env', ['-i', execPath, '-e', script], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  const chunks = [];
  for await (const chunk of /** @type {any} */ (child.stdio[3])) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const texts = {
  empty: `''`,
  ...Object.fromEntries(
    [SMALL - 1, SMALL, SMALL + 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7].map((length) => [
      `ASCII, ${length}`,
      `'abcdefg'.repeat(${length}).slice(0, ${length})`,
    ]),
  ),
  'two bytes each': `'é'.repeat(${PIECE + 3})`,
  'three bytes each': `'€'.repeat(${PIECE + 3})`,
  'a pair of surrogates across a border': `'x'.repeat(${PIECE - 1}) + '😀'.repeat(${PIECE})`,
  'pairs of surrogates, none across': `'😀'.repeat(${PIECE})`,
  'a lone high one before a border': `'x'.repeat(${PIECE - 1}) + '\\ud800' + 'y'.repeat(9)`,
  'a lone high one at the end': `'x'.repeat(${PIECE - 1}) + '\\ud800'`,
  'lone low ones': `'x'.repeat(${PIECE - 1}) + '\\udc00'.repeat(${PIECE})`,
  'high ones in a row': `'\\ud800'.repeat(${2 * PIECE + 1}) + '\\udc00'`,
};

for (const [name, expression] of Object.entries(texts)) {
  t.test(name, async (t) => {
    const expected = Buffer.from((0, eval)(expression), 'utf8');
    const frame = await written(expression);
    t.equal(frame.readUInt32LE(0), expected.length);
    t.same([...frame.subarray(4, 8)], [1, 21, 0, 0]);
    t.ok(frame.subarray(8).equals(expected));
  });
}
