export function handle(input, ctx) {
  console.log('greeting');
  return { greeting: `${input.message}, world`, capabilities: ctx.capabilities };
}
