import http from 'node:http';
import t from 'tap';
import { handler, project, sandbox, startup, until } from '../run/helper.js';
import { Debugger, listening, projectWithOut } from './helper.js';

/** A forked guest is not debugged, whatever the other tests run with. */
const config = { debug: true, startup: startup === 'fork' ? 'spawn' : startup };
const ref = { file: './handler.mjs', export: 'handle' };
const text = `export async function handle(input) {
  const local = input.a + 1;
  const twice = local * 2;
  return twice;
}
`;

/** @param {any} run with `workdir` @param {(url: string) => Promise<unknown>} debug */
async function debugged(runner, ctx, input, debug) {
  let session;
  const result = await runner.run(ref, input, {
    requestId: 'debugged',
    debugLevel: 'inspect',
    onInspector: (url) => {
      session = debug(url);
      session.catch(() => runner.dispose());
    },
    ...ctx,
  });
  await session;
  return result;
}

t.test(
  'a debugger breaks on the first line, sets a breakpoint, reads, steps, goes on',
  async (t) => {
    const workdir = project(t, text);
    const runner = sandbox(t, config);
    const result = await debugged(runner, { workdir }, { a: 4 }, async (url) => {
      t.match(
        url,
        /^ws:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{8}-[0-9a-f-]{27}$/,
        'with a path not to guess',
      );
      const debug = await Debugger.attach(url);
      await debug.begin();
      await debug.send('Runtime.runIfWaitingForDebugger');
      const first = await debug.next('Debugger.paused');
      t.equal(first.reason, 'Break on start');
      t.same(first.hitBreakpoints, []);
      t.match(debug.urlOf(first), /\/handler\.mjs$/);
      t.equal(first.callFrames[0].location.lineNumber, 1);
      const { breakpointId } = await debug.send('Debugger.setBreakpointByUrl', {
        url: debug.urlOf(first),
        lineNumber: 2,
      });
      await debug.send('Debugger.resume');
      const second = await debug.next('Debugger.paused');
      t.same(second.hitBreakpoints, [breakpointId]);
      const { callFrameId } = second.callFrames[0];
      const { result: local } = await debug.send('Debugger.evaluateOnCallFrame', {
        callFrameId,
        expression: 'local',
      });
      t.equal(local.value, 5, 'a local variable');
      await debug.send('Debugger.evaluateOnCallFrame', { callFrameId, expression: 'input.b = 1' });
      await debug.send('Debugger.stepOver');
      const third = await debug.next('Debugger.paused');
      t.equal(third.callFrames[0].location.lineNumber, 3, 'a step');
      await debug.send('Debugger.resume');
      await debug.closed;
    });
    t.match(result, { ok: true, data: 10, metrics: { startup: 'spawn' } });
    t.same(listening(), [], 'nothing listens any more');
  },
);

t.test('CommonJS, and what was evaluated changes the result', async (t) => {
  const workdir = project(t, {
    'handler.cjs':
      'const one = 1;\nexports.handle = (input) => {\n  const box = { x: input + one };\n  const y = box.x;\n  return y;\n};\n',
  });
  let session;
  const result = await sandbox(t, config).run({ file: './handler', export: 'handle' }, 4, {
    requestId: 'cjs',
    workdir,
    debugLevel: 'inspect',
    onInspector: (url) => {
      session = (async () => {
        const debug = await Debugger.attach(url);
        await debug.begin();
        await debug.send('Runtime.runIfWaitingForDebugger');
        const first = await debug.next('Debugger.paused');
        t.equal(first.callFrames[0].location.lineNumber, 0, 'the first line of the module');
        await debug.send('Debugger.setBreakpointByUrl', {
          url: debug.urlOf(first),
          lineNumber: 3,
        });
        await debug.send('Debugger.resume');
        const second = await debug.next('Debugger.paused');
        await debug.send('Debugger.evaluateOnCallFrame', {
          callFrameId: second.callFrames[0].callFrameId,
          expression: 'box.x = 40',
        });
        await debug.send('Debugger.resume');
      })();
    },
  });
  await session;
  t.match(result, { ok: true, data: 40 });
});

t.test('under strict, only with debug: true', async (t) => {
  const ctx = { requestId: 'r', workdir: project(t, text), debugLevel: 'inspect' };
  const told = [];
  const onInspector = (/** @type {string} */ url) => told.push(url);
  const refused = await sandbox(t).run(ref, { a: 1 }, { ...ctx, onInspector });
  t.match(refused, { ok: false, error: { code: 'VALIDATION_ERROR', message: /debug: true/ } });
  const forked = await sandbox(t, { startup: 'fork', debug: true }).run(ref, { a: 1 }, ctx);
  t.match(forked, { ok: false, error: { code: 'VALIDATION_ERROR', message: /startup/ } });
  const within = await sandbox(t, { mode: 'inprocess', debug: true }).run(ref, { a: 1 }, ctx);
  t.match(within, { ok: false, error: { code: 'VALIDATION_ERROR', message: /node --inspect/ } });
  const other = await sandbox(t, config).run(ref, { a: 1 }, { ...ctx, debugLevel: 'trace' });
  t.match(other, { ok: false, error: { code: 'VALIDATION_ERROR', message: /debugLevel/ } });
  const noFunction = await sandbox(t, config).run(ref, { a: 1 }, { ...ctx, onInspector: 1 });
  t.match(noFunction, { ok: false, error: { code: 'VALIDATION_ERROR', message: /onInspector/ } });
  t.same(told, []);
  t.same(listening(), []);
});

t.test('under best-effort it needs no debug: true; the URL is a line for onLog', async (t) => {
  const workdir = project(t, text);
  const lines = [];
  let session;
  const onLog = (/** @type {string} */ line) => {
    lines.push(line);
    const url = /^Debugger listening on (ws:.*)$/.exec(line)?.[1];
    if (url)
      session = Debugger.attach(url).then((debug) => debug.send('Runtime.runIfWaitingForDebugger'));
  };
  const runner = sandbox(t, { ...config, debug: false, isolation: 'best-effort' });
  const result = await runner.run(
    ref,
    { a: 1 },
    { requestId: 'r', workdir, debugLevel: 'inspect', onLog },
  );
  await session;
  t.match(result, { ok: true, data: 4 });
  t.match(lines[0], /^Debugger listening on ws:/);
});

t.test('the guest is as confined as any', async (t) => {
  const workdir = project(
    t,
    handler(`
      const { createServer, connect } = await import('node:net');
      const listens = await new Promise((resolve) => {
        createServer().on('error', (e) => resolve(e.code)).listen(0, '127.0.0.1', () => resolve('listens'));
      });
      const connects = await new Promise((resolve) => {
        connect(input, '127.0.0.1').on('error', (e) => resolve(e.code)).on('connect', () => resolve('connected'));
      });
      const fs = await import('node:fs');
      let reads = 'reads';
      try { fs.readFileSync('/etc/passwd'); } catch (e) { reads = e.code; }
      return { listens, connects, reads };`),
  );
  const runner = sandbox(t, config);
  const server = http.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  const port = /** @type {any} */ (server.address()).port;
  const result = await debugged(runner, { workdir }, port, async (url) => {
    const debug = await Debugger.attach(url);
    await debug.send('Runtime.runIfWaitingForDebugger');
  });
  t.equal(result.ok, true);
  for (const name of ['listens', 'connects', 'reads'])
    t.match(result.data[name], /^E(ACCES|PERM|NOENT)$/, name);
});

/** @param {string} url of the inspector @param {string} path @param {object} headers */
function get(url, path, headers = {}) {
  const { port } = new URL(url);
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path, headers }, (response) => {
        let body = '';
        response.on('data', (chunk) => (body += chunk));
        response.on('end', () => resolve({ status: response.statusCode, body }));
      })
      .on('error', reject);
  });
}

t.test('who may attach', async (t) => {
  const workdir = project(t, text);
  const result = await debugged(sandbox(t, config), { workdir }, { a: 1 }, async (url) => {
    const { port, pathname } = new URL(url);
    const list = await get(url, '/json/list');
    t.equal(list.status, 200);
    t.match(JSON.parse(list.body), [{ type: 'node', webSocketDebuggerUrl: url }]);
    t.equal((await get(url, '/json')).body, list.body);
    t.match(JSON.parse((await get(url, '/json/version')).body), { 'Protocol-Version': '1.1' });
    t.equal((await get(url, '/json/list', { host: `localhost:${port}` })).status, 200);
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1:1', 'localhost'])
      t.equal((await get(url, '/json/list', { host })).status, 403, `no ${host}`);
    t.equal((await get(url, '/other')).status, 404);
    const refusals = [
      [url.replace(pathname, '/'), {}],
      [url.replace(/.$/, (last) => (last === '0' ? '1' : '0')), {}],
      [url, { headers: { host: `evil.example:${port}` } }],
      [url, { origin: 'http://evil.example' }],
      [url, { origin: 'https://127.0.0.1' }],
    ];
    for (const [address, options] of refusals)
      await t.rejects(Debugger.attach(address, options), /40[34]/);
    const all = await Promise.all(
      [1, 2, 3, 4].map(() => Debugger.attach(url, { origin: 'devtools://devtools' })),
    );
    await t.rejects(Debugger.attach(url), /503/, 'no fifth');
    all[3].sendRaw('no JSON');
    await all[3].closed;
    t.match(await all[0].ask('No.such'), { error: { code: -32601, message: /No\.such/ } });
    t.match(await all[1].send('Runtime.evaluate', { expression: '6 * 7' }), {
      result: { value: 42 },
    });
    await all[2].send('Runtime.runIfWaitingForDebugger');
  });
  t.match(result, { ok: true, data: 4 });
});

t.test('the worker that speaks with debuggers is none of theirs', async (t) => {
  const workdir = project(
    t,
    handler(`
      const { Worker } = await import('node:worker_threads');
      const worker = new Worker('require("node:worker_threads").parentPort.postMessage(1)', { eval: true });
      return new Promise((resolve) => worker.once('message', resolve));`),
  );
  const result = await debugged(sandbox(t, config), { workdir }, undefined, async (url) => {
    const debug = await Debugger.attach(url);
    await debug.begin();
    await debug.send('NodeWorker.enable', { waitForDebuggerOnStart: false });
    await debug.send('Runtime.runIfWaitingForDebugger');
    await debug.next('Debugger.paused');
    await debug.send('Debugger.resume');
    const { workerInfo } = await debug.next('NodeWorker.attachedToWorker');
    t.notMatch(workerInfo.url, /inspect-worker/, 'the handler’s worker is the first');
    await debug.closed;
  });
  t.match(result, { ok: true, data: 1 });
});

t.test('an abort while the guest is paused', async (t) => {
  const workdir = project(t, text);
  const abort = new AbortController();
  let debug;
  const result = await debugged(
    sandbox(t, config),
    { workdir, signal: abort.signal },
    { a: 1 },
    async (url) => {
      debug = await Debugger.attach(url);
      await debug.begin();
      await debug.send('Runtime.runIfWaitingForDebugger');
      await debug.next('Debugger.paused');
      abort.abort(new Error('enough'));
      await debug.closed;
    },
  );
  t.match(result, { ok: false, error: { code: 'ABORTED', message: /enough/ } });
  t.same(listening(), []);
});

t.test('dispose while it waits for a debugger', async (t) => {
  const workdir = project(t, text);
  const runner = sandbox(t, config);
  let disposal;
  const result = await debugged(runner, { workdir }, { a: 1 }, async () => {
    disposal = runner.dispose();
  });
  t.match(result, { ok: false, error: { code: 'DISPOSED' } });
  await disposal;
  t.same(listening(), []);
});

t.test('the deadline: it counts while nobody is attached', async (t) => {
  const workdir = project(t, text);
  const short = { ...config, execution: { timeoutMs: 1500 } };
  const nobody = await debugged(sandbox(t, short), { workdir }, { a: 1 }, async () => {});
  t.match(nobody, {
    ok: false,
    error: { code: 'TIMEOUT', details: { timeoutMs: 1500, phase: 'run' } },
  });

  const result = await debugged(sandbox(t, short), { workdir }, { a: 1 }, async (url) => {
    const debug = await Debugger.attach(url);
    await debug.begin();
    await debug.send('Runtime.runIfWaitingForDebugger');
    await debug.next('Debugger.paused');
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await debug.send('Debugger.resume');
  });
  t.match(result, { ok: true, data: 4 }, 'and stands still while somebody is');

  const endless = project(t, handler('for (;;);'));
  const left = await debugged(sandbox(t, short), { workdir: endless }, 1, async (url) => {
    const debug = await Debugger.attach(url);
    await debug.send('Runtime.runIfWaitingForDebugger');
    await debug.close();
  });
  t.match(
    left,
    { ok: false, error: { code: 'TIMEOUT' } },
    'and goes on when the last one has gone',
  );
});

t.test('a debugger that goes while the guest is paused lets it run', async (t) => {
  const workdir = project(t, text);
  const result = await debugged(sandbox(t, config), { workdir }, { a: 1 }, async (url) => {
    const debug = await Debugger.attach(url);
    await debug.begin();
    await debug.send('Runtime.runIfWaitingForDebugger');
    await debug.next('Debugger.paused');
    await debug.close();
  });
  t.match(result, { ok: true, data: 4 });
});

t.test('a guest that writes to the debugger’s socket itself', async (t) => {
  const workdir = project(
    t,
    handler(`
      const fs = await import('node:fs');
      const bytes = Buffer.from(input, 'hex');
      try { fs.writeSync(7, bytes); } catch {}
      await new Promise((resolve) => setTimeout(resolve, 50));
      return 'went on';`),
  );
  const framed = (/** @type {string} */ body) => {
    const head = Buffer.alloc(4);
    head.writeUInt32LE(Buffer.byteLength(body));
    return Buffer.concat([head, Buffer.from(body)]).toString('hex');
  };
  const hostile = [
    'ffffffff', // longer than allowed
    framed('not JSON'),
    framed('null'),
    framed('{"session":"__proto__","message":{}}'),
    framed('{"session":1}'),
    framed('[1,2]'),
    '05000000', // a frame that never ends
  ];
  for (const bytes of hostile) {
    const result = await debugged(sandbox(t, config), { workdir }, bytes, async (url) => {
      const debug = await Debugger.attach(url);
      await debug.send('Runtime.runIfWaitingForDebugger');
    });
    t.match(result, { ok: true, data: 'went on' }, bytes);
  }
  t.same(listening(), []);
});

t.test('several at a time, each with a port of its own', async (t) => {
  const workdir = project(t, text);
  const runner = sandbox(t, config);
  const urls = new Set();
  const results = await Promise.all(
    [1, 2, 3].map((a) =>
      debugged(runner, { workdir }, { a }, async (url) => {
        urls.add(url);
        await until(() => urls.size === 3, 'all of them');
        const debug = await Debugger.attach(url);
        await debug.send('Runtime.runIfWaitingForDebugger');
      }),
    ),
  );
  t.same(
    results.map(({ data }) => data),
    [4, 6, 8],
  );
});

t.test('what fails under a debugger leaves a report as well', async (t) => {
  const { workdir, outdir } = projectWithOut(t, handler("throw new TypeError('it broke');"));
  const result = await debugged(sandbox(t, config), { workdir, outdir }, 1, async (url) => {
    const debug = await Debugger.attach(url);
    await debug.send('Runtime.runIfWaitingForDebugger');
  });
  t.match(result, { ok: false, error: { code: 'HANDLER_ERROR', message: 'it broke' } });
  t.match(result.debugFiles, [/\/report-[0-9a-f]{12}\.json$/]);
});
