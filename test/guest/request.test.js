// A rehearsal's request has the shape of every other.
import t from 'tap';
import guestRequest from '../../lib/guest/request.cjs';

const own = {
  file: './handler.js',
  root: '/',
  export: 'handle',
  ctx: {},
  capabilities: [],
  env: {},
  timeoutMs: 1,
  serialization: 'json',
  maxResultBytes: 1,
};

t.test('members are the same, in the same order, whatever is left out', async (t) => {
  const members = (/** @type {object} */ fields) =>
    Object.keys(JSON.parse(JSON.stringify(guestRequest.makeRequest(fields))));
  const all = members({
    ...own,
    found: '/handler.js',
    host: ['now'],
    maxHostCalls: 1,
    maxMessageBytes: 2,
    lookups: true,
    traces: true,
    traceId: 'a',
    spanId: 'b',
    carrier: { traceparent: 'c' },
    structured: true,
  });
  t.same(members(own), all);
  t.same(members({ ...own, spanId: undefined }), all);
});

t.test('pieces are for JSON', async (t) => {
  t.equal(guestRequest.makeRequest(own).inPieces, true);
  t.equal(guestRequest.makeRequest({ ...own, serialization: 'advanced' }).inPieces, false);
});
