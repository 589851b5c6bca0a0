// child_process.fork, one process per run.
import { fork } from 'node:child_process';
import { environment, guestFile } from './common.js';

/** @param {'json' | 'advanced'} serialization @returns {import('./common.js').Instance} */
export function open(serialization) {
  const start = (/** @type {string} */ handler, /** @type {any} */ input, stdout = 'ignore') => {
    const child = fork(guestFile('forked'), {
      stdio: ['ignore', /** @type {any} */ (stdout), 'ignore', 'ipc'],
      env: environment,
      execArgv: [],
      serialization,
    });
    child.send({ handler, input });
    return child;
  };
  return {
    run: (handler, input) =>
      new Promise((resolve, reject) => {
        /** @type {any} */
        let answer;
        /** @type {string | undefined} */
        let end;
        const child = start(handler, input);
        // On a busy machine its end may be seen before its last message.
        const settle = () => {
          if (end === undefined || child.connected) return;
          if (answer) resolve(answer.result);
          else reject(new Error(`the child ended with ${end}`));
        };
        child
          .once('error', reject)
          .on('message', (/** @type {any} */ message) => {
            if (message.call !== undefined) child.send({ answer: message.call });
            else if (message !== 'up') answer = message;
          })
          .once('disconnect', settle)
          .once('exit', (code, signal) => {
            end = `${signal ?? code}`;
            settle();
          });
      }),
    hold: (handler) =>
      new Promise((resolve, reject) => {
        const child = start(handler, { ms: 600_000 });
        const gone = new Promise((done) => void child.once('exit', done));
        const end = async () => {
          child.kill('SIGKILL');
          await gone;
        };
        child.once('error', reject).once('message', () => resolve({ end }));
      }),
    print: (lines, length) =>
      new Promise((resolve, reject) => {
        let bytes = 0;
        const child = start('print', { lines, length }, 'pipe');
        child.stdout?.on('data', (chunk) => (bytes += chunk.length));
        child.once('error', reject).once('close', () => resolve(bytes));
      }),
  };
}
