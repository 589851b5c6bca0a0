// What is compared. Nothing of a subject is loaded here: that is for the hosts (./host.js).

/**
 * @typedef {'echo' | 'files' | 'end' | 'print'} Ability
 *   `echo`: runs the small handler and gives back its input; `files`: runs handlers from files, with
 *   the modules of Node.js; `end`: a run that goes on can be ended from outside; `print`: takes what
 *   a handler prints
 *
 * @typedef {object} Subject
 * @property {string} id
 * @property {string} name
 * @property {string} file in ./subjects
 * @property {any} [variant] for that file
 * @property {'ours' | 'process' | 'confined' | 'thread' | 'heap' | 'none'} kind
 * @property {string} isolation what is between the handler and its host
 * @property {readonly Ability[]} can
 * @property {readonly string[]} [flags] of its host
 */

const PROCESS = 'a process, nothing refused';
const OURS = 'a process, kernel guards';
const WHOLE = /** @type {const} */ (['echo', 'files', 'end', 'print']);
const PROGRAM = /** @type {const} */ (['echo', 'files', 'end']);
/** Where it is not set, isolated-vm crashes on Node.js 20 and later. */
const NO_SNAPSHOT = ['--no-node-snapshot'];

/** @type {readonly Subject[]} */
export const subjects = [
  { id: 'node', name: 'node -e 0', file: 'bare', kind: 'process', isolation: '–', can: [] },
  ours('spawn', 'sandbox, spawn', { startup: 'spawn' }),
  ours('fork', 'sandbox, fork', { startup: 'fork' }),
  // As it is by default: spawned at first, forked once a fork has been tried behind the first run.
  { ...ours('auto', 'sandbox, by default', {}), can: [] },
  ours('preload', 'sandbox, fork, preload', { startup: 'fork', preload: true }),
  ours('fork-fresh', 'sandbox, fork, no spares', { startup: 'fork', spares: 0 }),
  {
    ...ours('spawn-open', 'sandbox, spawn, guards off', { startup: 'spawn', guards: 0 }),
    isolation: 'a process, limits only',
  },
  {
    // A guest is forked only where there is a filter, which keeps it one process.
    ...ours('fork-open', 'sandbox, fork, filter alone', { startup: 'fork', guards: 2 }),
    isolation: 'a process, limits, system calls',
  },
  {
    ...ours('inprocess', 'sandbox, in-process', { mode: 'inprocess' }),
    kind: 'none',
    isolation: 'none',
    can: ['echo', 'files', 'print'],
  },
  {
    id: 'cp-fork',
    name: 'child_process.fork',
    file: 'fork',
    variant: 'json',
    kind: 'process',
    isolation: PROCESS,
    can: WHOLE,
  },
  {
    id: 'cp-fork-advanced',
    name: 'child_process.fork, advanced',
    file: 'fork',
    variant: 'advanced',
    kind: 'process',
    isolation: PROCESS,
    can: WHOLE,
  },
  {
    id: 'execa',
    name: 'execa',
    file: 'execa',
    kind: 'process',
    isolation: PROCESS,
    can: ['echo', 'files', 'print'],
  },
  {
    id: 'permission',
    name: 'node --permission',
    file: 'program',
    variant: 'permission',
    kind: 'confined',
    isolation: "a process, Node.js's own checks",
    can: PROGRAM,
  },
  {
    id: 'bubblewrap',
    name: 'bubblewrap + node',
    file: 'program',
    variant: 'bubblewrap',
    kind: 'confined',
    isolation: 'a process, namespaces',
    can: PROGRAM,
  },
  {
    id: 'srt',
    name: 'sandbox-runtime',
    file: 'sandbox-runtime',
    kind: 'confined',
    isolation: 'a process, namespaces, seccomp for unix sockets',
    can: ['echo', 'files'],
  },
  {
    id: 'deno',
    name: 'deno run',
    file: 'program',
    variant: 'deno',
    kind: 'confined',
    isolation: "a process, Deno's own checks",
    can: PROGRAM,
  },
  {
    id: 'bun',
    name: 'bun run',
    file: 'program',
    variant: 'bun',
    kind: 'process',
    isolation: PROCESS,
    can: PROGRAM,
  },
  {
    id: 'worker',
    name: 'new Worker',
    file: 'worker',
    kind: 'thread',
    isolation: 'a thread of the host',
    can: WHOLE,
  },
  {
    id: 'piscina',
    name: 'piscina, new pool',
    file: 'pools',
    variant: 'piscina',
    kind: 'thread',
    isolation: 'a thread of the host',
    can: ['echo', 'files'],
  },
  {
    id: 'tinypool',
    name: 'tinypool, fresh threads',
    file: 'pools',
    variant: 'tinypool',
    kind: 'thread',
    isolation: 'a thread of the host',
    can: ['echo', 'files'],
  },
  {
    id: 'isolated-vm',
    name: 'isolated-vm',
    file: 'isolated-vm',
    variant: 'plain',
    kind: 'heap',
    isolation: 'a V8 isolate of the host, no Node.js',
    can: ['echo'],
    flags: NO_SNAPSHOT,
  },
  {
    id: 'isolated-vm-snapshot',
    name: 'isolated-vm, snapshot',
    file: 'isolated-vm',
    variant: 'snapshot',
    kind: 'heap',
    isolation: 'a V8 isolate of the host, no Node.js',
    can: ['echo'],
    flags: NO_SNAPSHOT,
  },
  {
    id: 'quickjs',
    name: 'quickjs-emscripten',
    file: 'quickjs',
    kind: 'heap',
    isolation: 'an interpreter in WebAssembly, no Node.js',
    can: ['echo'],
  },
  {
    id: 'vm2',
    name: 'vm2',
    file: 'contexts',
    variant: 'vm2',
    kind: 'none',
    isolation: 'a V8 context of the host: escapes are known, no Node.js',
    can: ['echo'],
  },
  {
    id: 'vm',
    name: 'node:vm',
    file: 'contexts',
    variant: 'vm',
    kind: 'none',
    isolation: 'a V8 context of the host: no boundary, no Node.js',
    can: ['echo'],
  },
];

/**
 * @param {string} id
 * @param {string} name
 * @param {object} variant
 * @returns {Subject}
 */
function ours(id, name, variant) {
  return { id, name, file: 'sandbox', variant, kind: 'ours', isolation: OURS, can: WHOLE };
}

/** @param {string} id @returns {Subject} */
export function subject(id) {
  const found = subjects.find((one) => one.id === id);
  if (!found) throw new Error(`no subject ${id}`);
  return found;
}

/** Where the suite was asked for some alone: their ids. @type {Set<string>} */
const only = new Set();

/** @param {readonly string[]} ids */
export function choose(ids) {
  for (const id of ids) only.add(subject(id).id);
}

/** @param {{ id: string }} of */
export const chosen = ({ id }) => only.size === 0 || only.has(id);

/** @param {...Ability} abilities */
export function able(...abilities) {
  return subjects.filter(
    (one) => chosen(one) && abilities.every((ability) => one.can.includes(ability)),
  );
}
