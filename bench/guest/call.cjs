// Calls a function of the host, one call after the other; times itself, so that the start of its
// process is not in the numbers.
'use strict';

exports.run = async ({ calls }, ctx) => {
  for (let i = 0; i < 100; i++) await ctx.host.call('echo', i);
  const numbers = [];
  for (let i = 0; i < calls; i++) {
    const began = performance.now();
    if ((await ctx.host.call('echo', i)) !== i) throw new Error('another answer');
    numbers.push((performance.now() - began) * 1000);
  }
  return numbers;
};
