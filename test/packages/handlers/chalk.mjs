import { Chalk, supportsColor } from 'chalk';

export function handle() {
  return { text: new Chalk({ level: 3 }).hex('#ff0000').bold('x'), color: supportsColor };
}
