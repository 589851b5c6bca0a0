import { z } from 'zod';

export function handle() {
  const schema = z.object({ name: z.string().min(2), age: z.coerce.number().int() });
  const bad = schema.safeParse({ name: 'x', age: 'y' });
  return {
    good: schema.parse({ name: 'Ada', age: '36' }),
    bad: bad.error.issues.map((i) => i.path[0]),
  };
}
