// Asking the launcher what the machine has: without keeping the event loop, and once.
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { askGuards, probeGuards } from '../lib/probe.js';

/** A launcher that says a line once `go` is there, and notes that it was asked. @param {any} t */
function launcherOf(t, line = 'seccomp\\tenforced\\tyes\\tno') {
  const dir = t.testdir({});
  const file = path.join(dir, 'launcher');
  const script = `echo x >> ${dir}/asked\nuntil [ -e ${dir}/go ]; do sleep 0.01; done\nprintf '${line}\\n'\n`;
  fs.writeFileSync(file, `#!/bin/sh\n${script}`, { mode: 0o755 });
  return { file, dir, asked: () => fs.readFileSync(path.join(dir, 'asked'), 'utf8').length / 2 };
}

t.test('the event loop goes on while a launcher is asked', async (t) => {
  const { file, dir, asked } = launcherOf(t);
  const asking = askGuards(file);
  t.equal(askGuards(file), asking, 'two runs ask once');
  // Nobody but this turn of the loop lets it answer.
  setTimeout(() => fs.writeFileSync(path.join(dir, 'go'), ''), 20);
  await asking;
  const { guards, failure } = probeGuards(file);
  t.same(guards.seccomp, { status: 'enforced', text: 'yes', mend: 'no' });
  t.equal(guards.landlock.status, 'unavailable');
  t.equal(failure, undefined);
  t.equal(askGuards(file), undefined, 'it is known');
  t.equal(asked(), 1);
});

t.test('both ways of asking say the same', async (t) => {
  for (const body of ['exit 3', 'kill -9 $$', 'printf "landlock\\tpartial\\ta\\tb\\n"']) {
    const dir = t.testdir({});
    const [first, second] = ['1', '2'].map((name) => path.join(dir, name));
    for (const file of [first, second])
      fs.writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    await askGuards(first);
    t.same(probeGuards(first), probeGuards(second), body);
  }
  await askGuards('/nonexistent/launcher');
  const { failure } = probeGuards('/nonexistent/launcher');
  t.equal(failure?.exitCode, null);
  t.match(failure?.message, /ENOENT/);
});
