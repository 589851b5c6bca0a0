import { marked } from 'marked';

export function handle() {
  return marked.parse('1. a\n2. `b`\n\n> c');
}
