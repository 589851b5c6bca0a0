import { customAlphabet, nanoid } from 'nanoid';

export function handle() {
  const ids = new Set(Array.from({ length: 1000 }, () => nanoid()));
  return {
    distinct: ids.size,
    length: nanoid(10).length,
    own: /^[ab]{5}$/.test(customAlphabet('ab', 5)()),
  };
}
