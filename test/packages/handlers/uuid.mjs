import { v4, v5, v7, validate, version } from 'uuid';

export function handle() {
  return {
    v5: v5('example.com', v5.DNS),
    valid: [v4(), v7()].map((id) => [validate(id), version(id)]),
    distinct: new Set([v4(), v4(), v7(), v7()]).size,
  };
}
