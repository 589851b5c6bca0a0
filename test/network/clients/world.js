// PID 1 of namespaces of its own (run.sh): an interface whose other end is in one more network
// namespace, where the servers are; this machine's resolver, which asks them; then inside.js, without
// the rights that making all this took.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sandbox-clients-'));
fs.chmodSync(dir, 0o755);

/** @param {string} line */
function does(line) {
  const [command, ...args] = line.split(' ');
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${line}: ${error ?? stderr}`);
}

/** @param {string} target @param {string} text */
function replace(target, text) {
  const file = path.join(dir, path.basename(target));
  fs.writeFileSync(file, text);
  does(`mount --bind ${file} ${target}`);
}

does('ip link set lo up');
const servers = spawn('unshare', ['--net', process.execPath, path.join(here, 'servers.js'), dir], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const said = servers.stdout.setEncoding('utf8');
await once(said, 'data'); // It is in its namespace.
does(`ip link add near type veth peer name far netns ${servers.pid}`);
for (const address of ['203.0.113.1/24', '2001:db8::1/64'])
  does(`ip addr add ${address} dev near${address.includes(':') ? ' nodad' : ''}`);
does('ip link set near up');
does('ip route add default via 203.0.113.10');
servers.stdin.write('the interface is there\n');
const [state] = await once(said, 'data'); // They listen.
if (state.trim() !== 'ready') throw new Error(`the servers: ${state}`);

replace('/etc/resolv.conf', 'nameserver 203.0.113.53\noptions timeout:2 attempts:2\n');
replace('/etc/nsswitch.conf', 'hosts: files dns\n');
replace('/etc/hosts', '127.0.0.1 localhost\n');

const line = [process.execPath, path.join(here, 'inside.js')];
const [command, ...args] =
  process.getuid?.() === 0 ? line : ['setpriv', '--inh-caps=-all', '--ambient-caps=-all', ...line];
const tests = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
const [status] = await once(tests, 'exit');
servers.stdin.end();
await once(servers, 'exit');
fs.rmSync(dir, { recursive: true, force: true });
process.exit(status ?? 1);
