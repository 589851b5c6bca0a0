// What a guest is told of the machine is the same in each run, however the guest was started: the first
// forked runs make their own view, later ones enter one that stands ready, spares have entered it before.
import t from 'tap';
import { needs } from '../needs.js';
import { project, sandbox } from '../run/helper.js';

const TIMES = 10;
const files = {
  'loaded.cjs': '',
  'handler.cjs': `const os = require('node:os');
    const fs = require('node:fs');
    const look = (f) => { try { return f(); } catch (e) { return e.code; } };
    const read = (name) => look(() => fs.readFileSync('/proc/' + name, 'latin1').length > 0);
    exports.handle = () => ({
      cpus: os.cpus().map((cpu) => cpu.model),
      times: os.cpus().every((cpu) => cpu.times.user > 0),
      parallel: os.availableParallelism(),
      totalmem: os.totalmem(), freemem: os.freemem() > 0,
      available: process.availableMemory() > 0,
      uptime: os.uptime() > 0, loadavg: os.loadavg().length, hostname: look(os.hostname),
      type: os.type(), release: os.release(), version: os.version(), machine: os.machine(), arch: os.arch(),
      endianness: os.endianness(), platform: os.platform(), tmpdir: os.tmpdir(), priority: os.getPriority(),
      proc: ['meminfo', 'stat', 'cpuinfo', 'uptime', 'loadavg'].map(read),
      others: ['version', 'modules', 'sys/kernel/ostype', '1/status'].map(read),
      kernel: read('sys/kernel/osrelease'),
    });`,
};
const ref = { file: './handler.cjs', export: 'handle' };

/** @param {any} t @param {any} config @param {number} count */
async function ask(t, config, count) {
  const runner = sandbox(t, config);
  const workdir = project(t, files);
  const answers = [];
  for (let i = 0; i < count; i++) {
    const { ok, data, error } = await runner.run(ref, null, { requestId: 'r', workdir });
    answers.push(ok ? data : error);
  }
  return answers;
}

for (const [name, permissions] of Object.entries({
  'by default': {},
  'with a directory of /proc granted': { filesystem: { allow: ['/proc/sys/kernel'] } },
  'with network rules': { network: { allow: ['example.com'] } },
}))
  t.test(name, async (t) => {
    // Without Landlock a guest's /proc shows processes alone, and nothing is preloaded without either.
    if (!needs(t, 'namespaces', 'landlock')) return;
    const [spawned] = await ask(t, { startup: 'spawn', permissions }, 1);
    t.ok(spawned.cpus.length > 0 && spawned.cpus.length >= spawned.parallel, 'it has processors');
    t.same(spawned.proc, Array(5).fill(true));
    for (const other of spawned.others.slice(0, 2)) t.match(other, /^(EACCES|ENOENT)$/);
    t.equal(spawned.kernel === true, name.includes('granted'));
    for (const [how, execution] of Object.entries({
      'without spares': { spares: 0 },
      'with spares': { spares: 2 },
      preloading: { preload: ['./loaded.cjs'] },
    })) {
      const answers = await ask(t, { startup: 'fork', permissions, execution }, TIMES);
      answers.forEach((answer, i) => {
        t.same({ ...answer, others: null }, { ...spawned, others: null }, `${how}, run ${i + 1}`);
        t.notOk(answer.others.includes(true) && !name.includes('granted'), 'and nothing else');
      });
    }
  });
