// SPDX-License-Identifier: MIT
// The guest's environment: what the allow-list lets through of the host's.

/**
 * Names that steer the dynamic loader (ld.so(8)), libc, OpenSSL, ICU, V8, libuv or Node.js itself
 * (node(1), "Environment"). They never reach execve: what they do would be done before the first
 * line of ours, by a process that still has the host's rights to read files.
 */
const STEERING = [
  /^LD_/,
  /^GLIBC_TUNABLES$/,
  /^MALLOC_/,
  /^GCONV_PATH$/,
  /^LOCPATH$/,
  /^NLSPATH$/,
  /^(?:LOCALDOMAIN|RES_OPTIONS|HOSTALIASES|RESOLV_)/,
  /^NODE_(?!ENV$)/,
  /^UV_/,
  /^OPENSSL_/,
  /^SSL_CERT_/,
  /^ICU_/,
  /^TZDIR$/,
];

/** There is no UDP where connections are judged one by one: src/launcher/stub.h answers over TCP. */
const OVER_TCP = 'use-vc';

/**
 * For guests that go by rules: resolvers of C libraries ask name servers over TCP.
 *
 * @param {ReturnType<typeof chooseEnvironment>} chosen
 */
export function resolveOverTcp({ exec, late }) {
  const { RES_OPTIONS: own } = late;
  return {
    exec: [...exec, `RES_OPTIONS=${OVER_TCP}`],
    late: own === undefined ? late : { ...late, RES_OPTIONS: `${own} ${OVER_TCP}` },
  };
}

/**
 * A guest is at home where nothing is of the host's, unless it is told of another HOME: many libraries fail
 * without one, or look for it in /etc/passwd, which a guest does not see.
 *
 * @param {readonly string[]} exec "NAME=value"
 * @param {{ ownTmp: boolean, all: boolean }} files whether it has a /tmp of its own, and sees all files
 */
export function addHome(exec, { ownTmp, all }) {
  if (all || exec.some((entry) => entry.startsWith('HOME='))) return [...exec];
  return [...exec, `HOME=${ownTmp ? '/tmp' : '/nonexistent'}`];
}

/**
 * @param {readonly string[]} allow exact names, and prefixes that end with '*'
 * @param {NodeJS.ProcessEnv} from
 * @returns {{ exec: string[], late: Record<string, string> }} `exec`: "NAME=value" for execve;
 *   `late`: what is set in the guest's process.env before the handler is loaded
 */
export function chooseEnvironment(allow, from) {
  /** @type {string[]} */
  const exec = [];
  /** @type {Record<string, string>} */
  const late = {};
  const names = new Set(allow.filter((name) => !name.endsWith('*')));
  const prefixes = allow.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
  for (const [name, value] of Object.entries(from)) {
    if (value === undefined) continue;
    if (!names.has(name) && !prefixes.some((prefix) => name.startsWith(prefix))) continue;
    if (STEERING.some((pattern) => pattern.test(name))) late[name] = value;
    else exec.push(`${name}=${value}`);
  }
  return { exec, late };
}
