'use strict';
// What node:os asks the system for and a guest's has no answer to: who it is and where it is at home
// (getpwuid(3): there is no /etc/passwd), and its network interfaces (getifaddrs(3): there are no netlink
// sockets). Its binding is told, so that node:os itself, which few handlers load, need not be loaded.
// In the main thread: workers have bindings of their own.

const { apply } = Reflect;
const { entries } = Object;
const { from } = Buffer;
const NAME = 'sandbox';
const NOWHERE = '/nonexistent';
/** As node:os has it from the system: a list, seven values for each address. @type {unknown[]} */
let interfaces = [];

/** @param {any} binding @param {string} name @param {(args: any[]) => unknown} otherwise */
function extend(binding, name, otherwise) {
  const original = binding[name];
  binding[name] = (/** @type {any[]} */ ...args) => {
    // The last argument is where it says what went wrong.
    const own = [...args.slice(0, -1), {}];
    return apply(original, binding, own) ?? otherwise(args);
  };
}

/** @param {any} options */
function userInfo(options) {
  const text = (/** @type {string} */ value) =>
    options?.encoding === 'buffer' ? from(value) : value;
  const { HOME = NOWHERE } = process.env;
  const ids = { uid: process.getuid?.(), gid: process.getgid?.() };
  return { ...ids, username: text(NAME), homedir: text(HOME), shell: null };
}

function answerForSystem() {
  // Not deprecated for this one, and there is no other way to it from here.
  const binding = /** @type {any} */ (process).binding('os');
  extend(binding, 'getUserInfo', ([options]) => userInfo(options));
  extend(binding, 'getHomeDirectory', () => NOWHERE);
  extend(binding, 'getInterfaceAddresses', () => interfaces);
}

/** @param {Record<string, any[]>} given as os.networkInterfaces() of the host says */
function setInterfaces(given) {
  interfaces = [];
  for (const [name, list] of entries(given))
    for (const { address, netmask, family, mac, internal, scopeid = -1 } of list)
      interfaces.push(name, address, netmask, family, mac, internal, scopeid);
}

module.exports = { answerForSystem, setInterfaces };
