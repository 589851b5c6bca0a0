// Runs test files, which are TAP programs, as the subtests of one TAP stream, some at a time. Each in
// a plain Node.js process: tap's own runner puts loaders into it and into every Node.js that a test
// starts, and these took more CPU time than the tests.
//
//   node scripts/test.js [file | directory]...   all of test/ by default
//
// SBX_NODE is the Node.js that they run under, SBX_TEST_STARTUP the one way ('spawn', 'fork') in which
// guests start where the test does not say, SBX_JOBS how many files run at a time. A terminal is
// shown the output of what failed, everything else is shown all of it.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const node = process.env.SBX_NODE ? path.resolve(process.env.SBX_NODE) : process.execPath;
const jobs = Number(process.env.SBX_JOBS ?? 3);
/** Seconds for each file, which `t.setTimeout()` in it prolongs. */
const FILE_S = 240;
/** For a file whose own clock does not get to run. */
const HANGING_MS = 900_000;
/** What does not say itself how guests start is played with both ways. */
const BOTH = [
  'test/abuse/',
  'test/denials.test.js',
  'test/monitoring.test.js',
  'test/network/capabilities.test.js',
  'test/network/names.test.js',
  'test/run/codes.test.js',
  'test/run/environment.test.js',
  'test/run/input.test.js',
  'test/run/limits.test.js',
  'test/run/results.test.js',
  'test/run/time.test.js',
];
/** `npm run test:mutation`: it builds, and is not for root. */
const APART = 'test/escape/mutation.test.js';
/** What takes longest begins first, so that no core waits for it in the end. */
const FIRST = ['test/fault/kill.test.js', 'test/escape/escape.test.js'];

/** @param {string} dir @returns {string[]} the test files below it */
function filesIn(dir) {
  return fs
    .readdirSync(path.join(root, dir), { withFileTypes: true })
    .flatMap((entry) => {
      const name = path.join(dir, entry.name);
      if (entry.isDirectory())
        return ['fixtures', 'node_modules'].includes(entry.name) ? [] : filesIn(name);
      return name.endsWith('.test.js') && name !== APART ? [name] : [];
    })
    .sort();
}

/**
 * @param {string} file
 * @param {string} startup
 * @returns {Promise<{ output: string, why: string }>} `why` it failed, or ''
 */
function play(file, startup) {
  const child = spawn(node, [file], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      SBX_TEST_STARTUP: startup,
      TAP_TIMEOUT: String(FILE_S),
      // Programs that a test starts by their name are of the same Node.js.
      PATH: `${path.dirname(node)}:${process.env.PATH}`,
    },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (output += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), HANGING_MS);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const why = code === 0 ? '' : signal ? `signal ${signal}` : `exit code ${code}`;
      resolve({ output, why: why || (/^1\.\.\d+/m.test(output) ? '' : 'no plan') });
    });
  });
}

const named = process.argv.slice(2).map((name) => path.relative(root, path.resolve(name)));
const files = (named.length > 0 ? named : ['test']).flatMap((name) =>
  fs.statSync(path.join(root, name)).isDirectory() ? filesIn(name) : [name],
);
/** @param {string} file */
const startupsOf = (file) =>
  BOTH.some((start) => file.startsWith(start)) ? ['spawn', 'fork'] : ['spawn'];
const queue = [
  ...FIRST.filter((file) => files.includes(file)),
  ...files.filter((file) => !FIRST.includes(file)),
].flatMap((file) => {
  const { SBX_TEST_STARTUP: only } = process.env;
  return (only ? [only] : startupsOf(file)).map((startup) => ({ file, startup }));
});
let count = 0;
console.log('TAP version 14');
await Promise.all(
  Array.from({ length: jobs }, async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { file, startup } = next;
      const name = startup === 'fork' ? `${file}, forked` : file;
      const began = Date.now();
      const { output, why } = await play(file, startup);
      if (why) process.exitCode = 1;
      if (why || !process.stdout.isTTY)
        console.log(`# Subtest: ${name}\n${output.trimEnd().replace(/^(?=.)/gm, '    ')}`);
      const time = `${((Date.now() - began) / 1000).toFixed(1)} s`;
      console.log(
        `${why ? 'not ok' : 'ok'} ${++count} - ${name} # ${why ? `${why}, ` : ''}${time}`,
      );
    }
  }),
);
console.log(`1..${count}`);
if (count === 0) process.exitCode = 1;
