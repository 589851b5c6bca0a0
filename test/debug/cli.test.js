import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { handler, project } from '../run/helper.js';
import { Debugger, projectWithOut } from './helper.js';

const cli = fileURLToPath(new URL('../../lib/cli.js', import.meta.url));

/**
 * @param {string[]} args
 * @param {(line: string) => void} [onError] each line of stderr
 * @returns {Promise<{ status: number | null, stdout: string, stderr: string }>}
 */
function command(args, onError = () => {}) {
  const child = spawn(process.execPath, [cli, 'run', ...args]);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => {
    const seen = stderr.split('\n').length - 1;
    stderr += chunk;
    stderr.split('\n').slice(seen, -1).forEach(onError);
  });
  return new Promise((resolve) => {
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

t.test('run --inspect prints a URL and waits', async (t) => {
  const dir = project(t, handler('return [input];'));
  let session;
  const { status, stdout } = await command(
    [path.join(dir, 'handler.mjs'), '--workdir', dir, '--input', '7', '--inspect'],
    (line) => {
      const url = /^Debugger listening on (ws:.*)$/.exec(line)?.[1];
      if (url)
        session = Debugger.attach(url).then((debug) =>
          debug.send('Runtime.runIfWaitingForDebugger'),
        );
    },
  );
  await session;
  t.ok(session, 'the URL was there');
  t.equal(status, 0);
  t.same(JSON.parse(stdout), [7]);
});

t.test('run --profile says what it has written', async (t) => {
  const { workdir, outdir } = projectWithOut(t, handler('return 1;'));
  const file = path.join(workdir, 'handler.mjs');
  const args = [file, '--workdir', workdir, '--outdir', outdir, '--profile'];
  const { status, stderr } = await command(args);
  t.equal(status, 0);
  const written = String(/^Wrote (.*\.cpuprofile)$/m.exec(stderr)?.[1]);
  t.ok(Array.isArray(JSON.parse(fs.readFileSync(written, 'utf8')).nodes));
  t.match(await command([file, '--profile']), { stderr: /ctx\.outdir/ }, 'which takes an outdir');
  t.match(await command([file, '--profile', '--inspect']), { status: 2, stderr: /together/ });
});
