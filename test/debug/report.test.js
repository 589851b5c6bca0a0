import fs from 'node:fs';
import os from 'node:os';
import t from 'tap';
import { handler, project, sandbox } from '../run/helper.js';
import { projectWithOut } from './helper.js';

const ref = { file: './handler.mjs', export: 'handle' };
process.env.SBX_TEST_SECRET = 'a-secret-of-the-host';
process.env.SBX_TEST_SHARED = 'what-the-guest-may-know';

/** @param {any} result */
function reportOf(result) {
  const file = result.debugFiles?.find((/** @type {string} */ name) => /report-/.test(name));
  return { text: fs.readFileSync(file, 'utf8'), ...JSON.parse(fs.readFileSync(file, 'utf8')) };
}

for (const startup of /** @type {const} */ (['spawn', 'fork'])) {
  t.test(`a crash leaves a report, ${startup}`, async (t) => {
    const crashes = [
      ["throw new TypeError('thrown');", 'HANDLER_ERROR', /thrown/],
      [
        "setTimeout(() => { throw new Error('uncaught'); }); await new Promise(() => {});",
        'HANDLER_ERROR',
        /uncaught/,
      ],
      [
        "Promise.reject(new Error('rejected')); await new Promise((r) => setTimeout(r, 1e6));",
        'HANDLER_ERROR',
        /rejected/,
      ],
      ['process.abort();', 'PROCESS_CRASHED', /abort/],
      ["throw 'no error';", 'HANDLER_ERROR', /no error/],
    ];
    const runner = sandbox(t, { startup });
    for (const [body, code, said] of crashes) {
      const { workdir, outdir } = projectWithOut(t, handler(body));
      const result = await runner.run(ref, 1, { requestId: 'r', workdir, outdir, debug: true });
      t.match(result, { ok: false, error: { code } }, body);
      const { header, javascriptStack } = reportOf(result);
      t.match(`${header.event} ${javascriptStack.message}`, said, body);
    }
  });

  t.test(`a report tells what the guest may know, ${startup}`, async (t) => {
    const { workdir, outdir } = projectWithOut(
      t,
      handler(
        "throw Object.assign(new Error('x'), { name: (await import('node:os')).hostname() });",
      ),
    );
    const runner = sandbox(t, {
      startup,
      permissions: { env: { allow: ['SBX_TEST_SHARED'] } },
    });
    const result = await runner.run(ref, 1, { requestId: 'r', workdir, outdir, debug: true });
    const report = reportOf(result);
    t.same(
      Object.keys(report.environmentVariables).filter((name) => name !== 'TRACEPARENT'),
      ['SBX_TEST_SHARED', 'HOME'],
    );
    t.notMatch(report.text, /a-secret-of-the-host/);
    t.equal(report.header.host, result.error.name, 'the name of the machine is the guest’s');
    t.same(report.header.networkInterfaces ?? [], [], 'and no addresses');
    for (const addresses of Object.values(os.networkInterfaces()))
      for (const { mac, internal } of addresses ?? [])
        if (!internal) t.notMatch(report.text, new RegExp(mac));
  });
}

t.test('no report without debugging, an outdir or a failure', async (t) => {
  const { workdir, outdir } = projectWithOut(t, {
    'handler.mjs': handler("if (input) throw new Error('x'); return 1;"),
  });
  const runner = sandbox(t);
  const ctx = { requestId: 'r', workdir };
  const results = [
    await runner.run(ref, 1, { ...ctx, outdir }),
    await runner.run(ref, 1, { ...ctx, outdir, debug: false }),
    await runner.run(ref, 1, { ...ctx, debug: true }),
    await runner.run(ref, 0, { ...ctx, outdir, debug: true }),
  ];
  t.same(
    results.map(({ ok, debugFiles }) => [ok, debugFiles]),
    [
      [false, undefined],
      [false, undefined],
      [false, undefined],
      [true, undefined],
    ],
  );
  t.same(fs.readdirSync(outdir), []);
});

t.test('an outdir that cannot be written to is no reason for another error', async (t) => {
  const workdir = project(t, handler("throw new Error('the error');"));
  const ctx = { requestId: 'r', workdir, outdir: `${workdir}/absent`, debug: true };
  const result = await sandbox(t).run(ref, 1, ctx);
  t.match(result, { ok: false, error: { code: 'HANDLER_ERROR', message: 'the error' } });
  t.equal(result.debugFiles, undefined);
});
