// `npm run bench`: installs what is missing, then runs the suite in a process of its own.
// Only modules of Node.js are imported here, since nothing else may be installed yet.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { install } from './install.js';

/** What makes Node.js start later or collect less often has no place in the numbers. */
const CLEAN = ['PATH', 'HOME', 'LANG', 'TERM', 'TMPDIR', 'BENCH_DEBUG'];

const OPTIONS = /** @type {const} */ ({
  quick: { type: 'boolean', default: false },
  long: { type: 'boolean', default: false },
  compare: { type: 'boolean', default: false },
  only: { type: 'string' },
  install: { type: 'boolean', default: false },
  try: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
});

const USAGE = `npm run bench                         all questions, under 15 minutes
npm run bench -- --quick              a glance at all of them, under 2 minutes
npm run bench -- latency kill         these alone
npm run bench -- --long growth        for as long as it takes
npm run bench -- --try                one round of everything, to see whether it can be had
npm run bench -- --only fork,cp-fork  of these subjects alone
npm run bench -- --compare A B        what changed between two results
npm run bench -- --install            what is missing is installed, and nothing else done`;

const { values, positionals } = readArguments();
if (values.help) {
  console.log(USAGE);
  process.exit();
}

await install();
if (values.compare) {
  if (positionals.length !== 2) fail('--compare takes two files of results');
  const { printComparison } = await import('./compare.js');
  printComparison(positionals[0], positionals[1]);
} else if (!values.install) {
  process.exitCode = await runSuite();
}

function readArguments() {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return fail(`${/** @type {Error} */ (error).message}\n\n${USAGE}`);
  }
}
/** @returns {Promise<number>} its exit status */
function runSuite() {
  const env = Object.fromEntries(CLEAN.map((name) => [name, process.env[name]]));
  const suite = fileURLToPath(new URL('./suite.js', import.meta.url));
  const child = spawn(process.execPath, [suite, ...process.argv.slice(2)], {
    env,
    stdio: 'inherit',
    // A process group of its own, so that all of it can be ended.
    detached: true,
  });
  const end = () => {
    try {
      process.kill(-Number(child.pid), 'SIGKILL');
    } catch {
      // Nothing is left of it.
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, end);
  // It stops by itself long before.
  const limit =
    values.long || values.try ? undefined : setTimeout(end, (values.quick ? 3 : 20) * 60_000);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(limit);
      end();
      resolve(code ?? 1);
    });
  });
}

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(message);
  process.exit(2);
}
