// The host process of one subject: what a user's program would be. It times itself, so that being
// asked is not in the numbers. `node host.js FILE VARIANT` with an IPC channel.
import { setTimeout as sleep } from 'node:timers/promises';

const [file, variant] = process.argv.slice(2);
/** @type {import('./subjects/common.js').Instance} */
let instance;
const collect = /** @type {() => void} */ (globalThis.gc);

/** @param {import('./subjects/common.js').Options} options */
async function open(options) {
  const subject = await import(`./subjects/${file}.js`);
  instance = await subject.open(JSON.parse(variant), options);
}

/** The last of each kind that was made. @type {Map<string, { key: string, value: any }>} */
const made = new Map();

/** What is sent: as it is, or `{ rows: bytes }`, `{ text: bytes }`. @param {any} spec */
function inputFrom(spec) {
  const key = JSON.stringify(spec);
  const kind = Object.keys(spec ?? {}).join();
  if (made.get(kind)?.key !== key) {
    made.set(kind, { key, value: makeInput(spec ?? 1) });
    // What making it left is not the runs' to clean up.
    collect();
  }
  return made.get(kind)?.value;
}

/** @param {any} spec */
function makeInput(spec) {
  // Not repeat(), whose string is put together by whoever reads it first.
  if (spec.text) return Buffer.alloc(spec.text, 'x').toString('latin1');
  if (!spec.rows) return spec;
  const rows = [];
  for (let size = 0; size < spec.rows; size += 86)
    rows.push({
      id: rows.length,
      name: `row number ${rows.length}`,
      tags: ['a', 'b'],
      ratio: 0.5,
      on: true,
    });
  return rows;
}

/** @param {any} a @param {any} b */
const alike = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** An echo that is not one would be fast. @param {any} input @param {any} output */
function check(input, output) {
  const same = Array.isArray(input)
    ? output?.length === input.length && alike(output.at(-1), input.at(-1))
    : input === output || alike(input, output);
  if (!same) throw new Error('the result is not the input');
}

/** @param {string} handler @param {any} input */
async function timed(handler, input) {
  const began = performance.now();
  const output = await instance.run(handler, input);
  const ms = performance.now() - began;
  if (handler === 'echo' && file !== 'bare') check(input, output);
  return ms;
}

/** @type {Record<string, (args: any) => any>} */
const operations = {
  async open({ options, handler, input, warm }) {
    await open({ handler, ...options });
    if (handler) await timed(handler, inputFrom(input));
    if (warm) await operations.rate({ handler, input: inputFrom(input), ...warm });
    return { version: instance.version };
  },

  /** From before anything of the subject is loaded to the first result. */
  async first({ handler, input, options }) {
    const began = performance.now();
    await open({ handler, ...options });
    await instance.run(handler, input);
    return performance.now() - began;
  },

  /** Runs one after the other: at least one, until `ms` have gone by, at most `most`. */
  async visit({ handler, input: spec, ms, most }) {
    const input = inputFrom(spec);
    const numbers = [];
    const end = performance.now() + ms;
    do numbers.push(await timed(handler, input));
    while (numbers.length < most && performance.now() < end);
    return numbers;
  },

  /** Runs that begin `every` so many milliseconds; what is timed begins with the run. */
  async paced({ handler, input, every, runs }) {
    const numbers = [];
    for (let i = 0; i < runs; i++) {
      await sleep(every - (numbers.at(-1) ?? 0));
      numbers.push(await timed(handler, input));
    }
    return numbers;
  },

  result: ({ handler, input }) => instance.run(handler, input),

  /** Runs per second with so many at once; the clock stops when the last is over. */
  async rate({ handler, input, concurrency, ms }) {
    let done = 0;
    const began = performance.now();
    await Promise.all(
      Array.from({ length: concurrency }, async () => {
        do {
          await instance.run(handler, input);
          done++;
        } while (performance.now() - began < ms);
      }),
    );
    return (done * 1000) / (performance.now() - began);
  },

  async end({ handler }) {
    if (!instance.hold) throw new Error('its runs cannot be ended');
    const { end } = await instance.hold(handler);
    const began = performance.now();
    await end();
    return performance.now() - began;
  },

  /** Bytes of lines per second. */
  async print({ lines, length }) {
    if (!instance.print) throw new Error('it takes nothing that is printed');
    const began = performance.now();
    const bytes = await instance.print(lines, length);
    const ms = performance.now() - began;
    if (bytes !== lines * length) throw new Error(`${bytes} of ${lines * length} bytes came`);
    return (bytes * 1000) / ms;
  },

  memory: async (args) => (await import('./probes.js')).memory(instance, settle, args),
  growth: async (args) => (await import('./probes.js')).growth(instance, settle, args),
  scale: async (args) => (await import('./probes.js')).scale(instance, args),
  close: () => instance?.close?.(),
};

async function settle() {
  for (let i = 0; i < 3; i++) {
    collect();
    await sleep(30);
  }
}

process.on('message', async (/** @type {{ operation: string, args: any }} */ message) => {
  /** @type {object} */
  let answer;
  try {
    answer = { value: await operations[message.operation](message.args) };
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(answer);
});
// The suite is gone: so is what was started for it.
process.once('disconnect', () => process.exit());
process.send?.('ready');
