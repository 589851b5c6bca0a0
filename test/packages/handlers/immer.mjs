import { produce } from 'immer';

export function handle() {
  const before = { a: { b: [1] }, c: {} };
  const after = produce(before, (draft) => void draft.a.b.push(2));
  return { before, after, shared: before.c === after.c, frozen: Object.isFrozen(after.a) };
}
