import { optimize } from 'svgo';

export function handle() {
  return optimize(
    '<svg xmlns="http://www.w3.org/2000/svg"><!-- x --><g><path d="M 0 0 L 10 0"/></g></svg>',
  ).data;
}
