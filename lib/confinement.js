// SPDX-License-Identifier: MIT
// From a configuration and what the machine offers to what guests are confined by: which guards are
// used (`use` and `permit` of src/core/policy.h), what each layer holds, and whether every promise of
// the configuration is held by something.
import { loadBinding } from './binding.js';
import { probeGuards } from './probe.js';
import { runtimeProblem } from './runtime.js';
import { chooseStartup, explainStartup } from './startup.js';

/** @typedef {import('./index.js').IsolationLayer} IsolationLayer */
/** @typedef {import('./probe.js').GuardReport} GuardReport */

/** enum sbx_use */
export const USE = {
  landlock: 1,
  seccomp: 2,
  namespaces: 4,
  selfTest: 8,
  sockDiag: 16,
  cgroup: 32,
};
/** enum sbx_permit */
export const PERMIT = {
  spawn: 1,
  net: 2,
  listen: 4,
  udp: 8,
  unix: 16,
  write: 32,
  allFiles: 64,
  rules: 128,
};

/** The reserved capabilities: each opens one thing. @type {Record<string, number>} */
export const RESERVED_CAPABILITIES = {
  'process:spawn': PERMIT.spawn,
  'net:listen': PERMIT.listen,
  'net:udp': PERMIT.udp,
  'net:unix': PERMIT.unix,
};

/** Those that the broker holds by taking the guest's own sockets, which not every container lets it. */
const BY_DESCRIPTOR = ['net:udp', 'net:unix'];

/** What holds whatever the kernel offers. @type {[name: string, detail: string][]} */
const ALWAYS = [
  ['process', 'a process of its own for every run; its whole tree is ended with it'],
  ['deadline', 'kept by a process outside of the guest: SIGTERM, then SIGKILL'],
  ['memory', 'RLIMIT_DATA, --max-old-space-size, and a watch over shared memory and page tables'],
  ['threads', 'a watch over the process tree'],
  ['cpu', 'RLIMIT_CPU and a watch over the process tree, when execution.cpuMs is set'],
  ['limits', 'RLIMIT_NOFILE, RLIMIT_FSIZE, no core files'],
  ['descriptors', 'nothing of the host is inherited'],
  ['environment', 'only what permissions.env.allow names'],
  ['privileges', 'no capabilities, no_new_privs; root becomes another id, see docs/security.md'],
];

/** What stays open where there are no namespaces, said in the report and in docs/security.md. */
const WITHOUT_NAMESPACES =
  'without them a guest can tell whether a path exists, read its size and times and where links ' +
  'lead, watch a directory for names, sees which processes and mounts there are, reaches unix ' +
  "sockets by any path with 'net:unix', has no /tmp of its own, and may change no mode, owner or " +
  'time of a file; an ordinary user keeps its bounding set';

/** The same of cgroups, for which there is a watch that looks now and then. */
const WITHOUT_CGROUP =
  "without it a run's memory is looked at every few milliseconds instead of being refused, what the " +
  'kernel holds for a run is not counted, and processors are shared by thread, not by run';

/**
 * @typedef {object} Confinement
 * @property {number} use
 * @property {number} permit
 * @property {'auto' | 'spawn' | 'fork'} startup what is asked for
 * @property {string} why
 * @property {IsolationLayer[]} layers
 * @property {string[]} broken which promises nothing holds on this machine, and the mend
 * @property {import('./probe.js').Probe['failure']} failure why the launcher could not be asked
 */

/**
 * @param {Readonly<import('./config.js').Config>} config
 * @param {string} launcher its path
 * @returns {Confinement}
 */
export function planConfinement(config, launcher) {
  const { guards: reports, failure } = probeGuards(launcher, config.execution.cgroup);
  const { execution, permissions, isolation, monitoring } = config;
  const works = (/** @type {GuardReport} */ { status }) => status !== 'unavailable';
  const use =
    (works(reports.landlock) ? USE.landlock : 0) |
    (works(reports.seccomp) ? USE.seccomp : 0) |
    (works(reports.namespaces) ? USE.namespaces : 0) |
    (works(reports.cgroup) && execution.cgroup !== 'off' ? USE.cgroup : 0) |
    (isolation === 'strict' ? USE.selfTest : 0) |
    (monitoring.collectNetwork ? USE.sockDiag : 0);
  const broken = [...missingPromises(permissions, reports), ...missingCgroup(execution, reports)];
  const layers = layersOf(config, reports);
  const { startup, why } = chooseStartup(config, {
    filtered: works(reports.seccomp),
    complete: works(reports.namespaces) && works(reports.landlock),
    brokered: !goesByRules(permissions.network) || canBrokerForks(reports),
  });
  return { use, permit: permitOf(permissions, reports), startup, why, layers, broken, failure };
}

/**
 * @param {Readonly<import('./config.js').Config>['permissions']} permissions
 * @param {import('./probe.js').Probe['guards']} reports
 */
function missingPromises({ capabilities, filesystem, network }, reports) {
  const { broker, landlock, namespaces, seccomp } = reports;
  const broken = [];
  const { allow, deny, readOnly } = filesystem;
  const open = allow.includes('*') && deny.length === 0 && !readOnly;
  if (!open && namespaces.status === 'unavailable' && landlock.status === 'unavailable')
    broken.push(
      `permissions.filesystem cannot be enforced: no Landlock (${explain(landlock)}) and no ` +
        `namespaces (${explain(namespaces)})`,
    );
  if (capabilities.includes('net:unix') && namespaces.status === 'unavailable')
    broken.push(
      "permissions.capabilities 'net:unix' cannot be held to allowed paths: no namespaces " +
        `(${explain(namespaces)})`,
    );
  if (seccomp.status === 'unavailable')
    broken.push(
      `permissions.network and permissions.capabilities cannot be enforced: no system call filter (${explain(seccomp)})`,
    );
  if (!goesByRules(network)) return broken;
  if (broker.status === 'unavailable')
    broken.push(
      `permissions.network names hosts, which cannot be enforced one by one: ${explain(broker)}`,
    );
  // A broker that sees TCP alone keeps these closed: they would be promised in vain.
  const closed = capabilities.filter((name) => BY_DESCRIPTOR.includes(name));
  if (broker.status === 'partial' && closed.length > 0)
    broken.push(
      `permissions.capabilities ${closed.map((name) => `'${name}'`).join(' and ')} stay closed beside ` +
        `permissions.network's hosts: ${explain(broker)}`,
    );
  return broken;
}

/**
 * 'auto' promises nothing.
 *
 * @param {Readonly<import('./config.js').Config>['execution']} execution
 * @param {import('./probe.js').Probe['guards']} reports
 */
function missingCgroup({ cgroup: place, preload }, { cgroup }) {
  if (place === 'auto' || place === 'off') return [];
  if (cgroup.status === 'unavailable')
    return [`execution.cgroup '${place}' cannot be used: ${explain(cgroup)}`];
  if (preload.length === 0) return [];
  return [
    `execution.cgroup '${place}' does not hold guests that are forked with execution.preload`,
  ];
}

/** @param {GuardReport} report */
function explain({ text, mend }) {
  return mend ? `${text}; ${mend}` : text;
}

/**
 * Neither nothing ([]) nor everything (['*']): connections are judged one by one.
 *
 * @param {Readonly<{ allow: readonly string[], deny: readonly string[] }>} network
 */
export function goesByRules({ allow, deny }) {
  return allow.length > 0 && !(allow.includes('*') && deny.length === 0);
}

/**
 * @param {Readonly<import('./config.js').Config>['permissions']} permissions
 * @param {import('./probe.js').Probe['guards']} reports
 */
function permitOf({ capabilities, filesystem, network }, { broker, namespaces, seccomp }) {
  let permit = 0;
  const rules = goesByRules(network);
  for (const name of capabilities) permit |= RESERVED_CAPABILITIES[name] ?? 0;
  // Rules that cannot be enforced open nothing, and neither does what they would have to bound.
  if (rules && (broker.status === 'unavailable' || seccomp.status === 'unavailable'))
    permit &= ~(PERMIT.listen | PERMIT.udp | PERMIT.unix);
  else if (rules) permit |= PERMIT.rules;
  else if (network.allow.length > 0) permit |= PERMIT.net;
  if (rules && broker.status === 'partial')
    for (const name of BY_DESCRIPTOR) permit &= ~RESERVED_CAPABILITIES[name];
  // The broker, which looks paths up, is in the guest's mount namespace or in the host's.
  if (rules && namespaces.status === 'unavailable') permit &= ~PERMIT.unix;
  if (filesystem.allow.includes('*')) permit |= PERMIT.allFiles;
  if (!filesystem.readOnly) permit |= PERMIT.write;
  return permit;
}

/**
 * @param {Readonly<import('./config.js').Config>} config
 * @param {import('./probe.js').Probe['guards']} reports
 * @returns {IsolationLayer[]}
 */
function layersOf({ execution, permissions }, reports) {
  const { broker, cgroup, landlock, namespaces, seccomp } = reports;
  const { filesystem, network } = permissions;
  const allFiles = filesystem.allow.includes('*') && filesystem.deny.length === 0;
  const allNetwork = network.allow.includes('*') && network.deny.length === 0;
  return [
    ...ALWAYS.map(([name, detail]) => layer(name, 'active', detail)),
    allFiles && !filesystem.readOnly
      ? layer('filesystem', 'not-needed', "permissions.filesystem.allow is ['*']")
      : held('filesystem', [
          ['Landlock', landlock],
          ['the mount namespace', namespaces],
        ]),
    allNetwork
      ? layer('network', 'not-needed', "permissions.network.allow is ['*']")
      : goesByRules(network)
        ? byBroker(broker)
        : held('network', [
            ['the system call filter', seccomp],
            ['the network namespace', namespaces],
          ]),
    guardLayer('landlock', landlock),
    guardLayer('seccomp', seccomp),
    guardLayer('namespaces', namespaces, WITHOUT_NAMESPACES),
    cgroupLayer(execution, cgroup),
  ];
}

/**
 * A promise, and the guards of which one has to hold it.
 *
 * @param {string} name
 * @param {[by: string, report: GuardReport][]} guards
 */
function held(name, guards) {
  const by = guards.filter(([, { status }]) => status !== 'unavailable').map(([guard]) => guard);
  return by.length
    ? layer(name, 'active', `held by ${by.join(' and ')}`)
    : layer(
        name,
        'unavailable',
        guards.map(([guard, report]) => `${guard}: ${report.text}`).join('; '),
      );
}

/**
 * A broker that may not take its guest's sockets has to find them in /proc, where only root looks into
 * a process that is not dumpable. Where Landlock keeps siblings out, or there is no user namespace, a
 * guest is (has_to_admit in src/launcher/forked.c).
 *
 * @param {import('./probe.js').Probe['guards']} reports
 */
function canBrokerForks({ broker, landlock, namespaces }) {
  const hidden = namespaces.status !== 'unavailable' && landlock.status === 'unavailable';
  return broker.status !== 'partial' || !hidden || process.geteuid?.() === 0;
}

/** @param {GuardReport} broker */
function byBroker(broker) {
  return broker.status === 'partial'
    ? layer('network', 'partial', `held by the broker of connections: ${broker.text}`, broker.mend)
    : held('network', [['the broker of connections', broker]]);
}

/**
 * @param {Readonly<import('./config.js').Config>['execution']} execution
 * @param {GuardReport} report
 */
function cgroupLayer({ cgroup: place, preload }, report) {
  if (place === 'off') return layer('cgroup', 'not-needed', "execution.cgroup is 'off'");
  if (report.status === 'unavailable' || preload.length === 0)
    return guardLayer('cgroup', report, WITHOUT_CGROUP);
  const detail = `${report.text}; of guests that are executed, not of those forked with execution.preload`;
  return layer('cgroup', 'partial', detail);
}

/** @param {string} name @param {GuardReport} report @param {string} [without] what is open then */
function guardLayer(name, { status, text, mend }, without) {
  const detail = status === 'unavailable' && without ? `${text}; ${without}` : text;
  return layer(name, status === 'enforced' ? 'active' : status, detail, mend);
}

/**
 * @param {string} name
 * @param {IsolationLayer['status']} status
 * @param {string} detail
 * @param {string} [mend]
 * @returns {IsolationLayer}
 */
function layer(name, status, detail, mend) {
  return { name, status, detail, ...(mend && { mend }) };
}

/**
 * What confines the guests of a configuration on this machine, said as it is.
 *
 * @param {Readonly<import('./config.js').Config>} config
 * @param {boolean} subprocess
 * @param {string} [trouble] why this runner does not fork
 * @returns {import('./index.js').IsolationReport}
 */
export function describeIsolation(config, subprocess, trouble) {
  const { binding, problem: absent } = loadBinding();
  const problem = absent ?? runtimeProblem(config.runtime);
  const { isolation } = config;
  if (subprocess && binding && !problem) {
    const plan = planConfinement(config, binding.launcher);
    const { layers, broken } = plan;
    const startup = explainStartup(plan, binding.zygote, trouble);
    return { mode: 'subprocess', ...startup, isolation, layers, broken, warnings: [] };
  }
  const why = subprocess ? String(problem) : 'in-process mode confines nothing';
  const names = [...ALWAYS.map(([name]) => name), 'filesystem', 'network'];
  const layers = names.map((name) => layer(name, 'unavailable', why));
  return {
    mode: subprocess ? 'subprocess' : 'inprocess',
    startup: subprocess ? 'spawn' : 'none',
    startupReason: why,
    isolation,
    layers,
    broken: subprocess ? [why] : [],
    warnings: [],
  };
}
