import { parse, parseDocument, stringify } from 'yaml';

export function handle() {
  const document = parseDocument('# note\na: &x [1, 2]\nb: *x\n');
  document.set('c', true);
  return {
    value: parse('a: 1\nb: [x, "y"]'),
    kept: String(document),
    text: stringify({ a: [{ b: null }] }),
  };
}
