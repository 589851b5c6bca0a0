// How a guest writes frames: long texts piece by piece, short ones together, and as if they were not.
import { spawn, spawnSync } from 'node:child_process';
import t from 'tap';

const frames = new URL('../../lib/guest/frames.cjs', import.meta.url).pathname;
const PIECE = 256 << 10;
const SMALL = 16 << 10;
const execPath = process.env.SBX_TEST_NODE ?? process.execPath;

/** @param {string} script that has the module as `frames` @returns {Promise<Buffer>} what it writes */
async function output(script) {
  const text = `const frames = require(${JSON.stringify(frames)}); ${script}`;
  const child = spawn('/usr/bin/env', ['-i', execPath, '-e', text], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  const chunks = [];
  for await (const chunk of /** @type {any} */ (child.stdio[3])) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** @param {string} expression a text */
const written = (expression) => output(`frames.sendText(21, ${expression})`);

/** @param {Buffer} bytes @returns {{ type: number, payload: Buffer }[]} whole frames, and no more */
function split(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 8 + bytes.readUInt32LE(at);
    if (end > bytes.length) throw new Error('a frame that is cut off');
    found.push({ type: bytes[at + 5], payload: bytes.subarray(at + 8, end) });
    at = end;
  }
  return found;
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

t.test('marks go with what is sent next, whatever that is', async (t) => {
  /** @type {Record<string, [script: string, type: number, length: number]>} */
  const nexts = {
    'a short text': [`frames.sendText(21, 'short')`, 21, 5],
    'a text that fills the room': [`frames.sendText(21, 'x'.repeat(${SMALL - 8}))`, 21, SMALL - 8],
    'a text that fills what the marks leave': [
      `frames.sendText(21, 'x'.repeat(${SMALL - 3 * 17 - 8}))`,
      21,
      SMALL - 3 * 17 - 8,
    ],
    'a long text': [`frames.sendText(21, 'é'.repeat(${PIECE}))`, 21, 2 * PIECE],
    'short bytes': [`frames.send(17, new Uint8Array(9), 9)`, 17, 9],
    'long bytes': [`frames.send(17, new Uint8Array(${2 * SMALL}), ${2 * SMALL})`, 17, 2 * SMALL],
    'a frame of the caller’s': [`frames.sendFrame(23, Buffer.alloc(20))`, 23, 12],
    'a piece': [`frames.sendPiece(1, 'piece', 5)`, 24, 6],
  };
  for (const [name, [script, type, length]] of Object.entries(nexts)) {
    const marks = 'frames.markNext(1); frames.markNext(2); frames.markNext(3);';
    const found = split(await output(`${marks} ${script}; frames.mark(9);`));
    t.same(
      found.map((frame) => [frame.type, frame.payload.length]),
      [
        [16, 9],
        [16, 9],
        [16, 9],
        [type, length],
        [16, 9],
      ],
      name,
    );
    t.same(
      found.filter((frame) => frame.type === 16).map(({ payload }) => payload[0]),
      [1, 2, 3, 9],
      name,
    );
  }
});

t.test('the frames that come together are read as if each came alone', async (t) => {
  const script = `
    const fs = require('node:fs');
    const frame = (type, text) => {
      const head = Buffer.alloc(8);
      head.writeUInt32LE(Buffer.byteLength(text));
      head[4] = 1;
      head[5] = type;
      return Buffer.concat([head, Buffer.from(text)]);
    };
    fs.writeFileSync(process.env.FILE, Buffer.concat([frame(1, 'request é'), frame(2, process.env.INPUT)]));
    fs.closeSync(3);
    if (fs.openSync(process.env.FILE) !== 3) throw new Error('another descriptor');
    const frames = require(${JSON.stringify(frames)});
    frames.readAhead();
    const request = frames.receive(1);
    const input = frames.receiveInput(() => {});
    console.log(JSON.stringify([String(request), String(input)]));`;
  for (const length of [0, 5, 2 << 10, 100_000]) {
    const FILE = `${t.testdir()}/frames`;
    const { stdout } = spawnSync(execPath, ['-e', script], {
      env: { FILE, INPUT: 'i'.repeat(length) },
      stdio: ['ignore', 'pipe', 'inherit', 'ignore'],
    });
    t.same(JSON.parse(String(stdout)), ['request é', 'i'.repeat(length)], `${length}`);
  }
});
