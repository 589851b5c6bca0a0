import t from 'tap';
import { chooseEnvironment, resolveOverTcp } from '../lib/environment.js';

const from = {
  A: '1',
  AB: '2',
  B: '',
  PATH: '/bin',
  NODE_ENV: 'test',
  NODE_OPTIONS: '--x',
  LD_PRELOAD: 'l',
  UV_USE_IO_URING: '1',
};

t.test('exact names and prefixes', async (t) => {
  t.same(chooseEnvironment([], from), { exec: [], late: {} });
  t.same(chooseEnvironment(['A', 'C'], from).exec, ['A=1']);
  t.same(chooseEnvironment(['A*'], from).exec, ['A=1', 'AB=2']);
  t.same(chooseEnvironment(['B'], from).exec, ['B=']);
});

t.test('names that steer are set late', async (t) => {
  const { exec, late } = chooseEnvironment(['*'], from);
  t.same(exec, ['A=1', 'AB=2', 'B=', 'PATH=/bin', 'NODE_ENV=test']);
  t.same(late, { NODE_OPTIONS: '--x', LD_PRELOAD: 'l', UV_USE_IO_URING: '1' });
});

t.test('guests that go by rules resolve over TCP', (t) => {
  const from = { A: '1', RES_OPTIONS: 'ndots:2' };
  t.same(resolveOverTcp(chooseEnvironment(['A'], from)), {
    exec: ['A=1', 'RES_OPTIONS=use-vc'],
    late: {},
  });
  t.same(resolveOverTcp(chooseEnvironment(['*'], from)).late, { RES_OPTIONS: 'ndots:2 use-vc' });
  t.end();
});
