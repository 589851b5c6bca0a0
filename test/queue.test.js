import t from 'tap';
import { Queue } from '../lib/queue.js';

t.test('first in, first out', async (t) => {
  const queue = new Queue(1, 10);
  t.equal(await queue.enter(), undefined);
  /** @type {number[]} */
  const order = [];
  const waiting = [1, 2, 3].map((n) => queue.enter().then(() => order.push(n)));
  for (let i = 0; i < 3; i++) {
    t.equal(order.length, i);
    queue.release();
    await waiting[i];
  }
  t.same(order, [1, 2, 3]);
});

t.test('as many places as there are', async (t) => {
  const queue = new Queue(2, 0);
  t.equal(await queue.enter(), undefined);
  t.equal(await queue.enter(), undefined);
  t.equal(await queue.enter(), 'full');
  queue.release();
  t.equal(await queue.enter(), undefined);
  queue.release();
  queue.release();
  t.equal(await queue.enter(), undefined);
  t.equal(await queue.enter(), undefined);
  t.equal(await queue.enter(), 'full');
});

t.test('who leaves gives up its turn', async (t) => {
  const queue = new Queue(1, 10, 50);
  await queue.enter();
  const controller = new AbortController();
  const first = queue.enter(controller.signal);
  const second = queue.enter();
  const third = queue.enter();
  controller.abort();
  t.equal(await first, 'aborted');
  queue.release();
  t.equal(await second, undefined);
  t.equal(await third, 'timeout');
  queue.release();
  t.equal(await queue.enter(), undefined);
});

t.test('close', async (t) => {
  const queue = new Queue(1, 10);
  await queue.enter();
  const waiting = [queue.enter(), queue.enter()];
  queue.close();
  t.same(await Promise.all(waiting), ['closed', 'closed']);
});
