import { Command } from 'commander';

export function handle() {
  const program = new Command('tool').exitOverride().option('-n, --number <n>', 'a number', Number);
  program.command('go <where>').action(() => {});
  program.parse(['-n', '3', 'go', 'home'], { from: 'user' });
  return {
    ...program.opts(),
    rest: program.args,
    help: program.helpInformation().includes('--number <n>'),
  };
}
