// Stays alive for `ms`, doing nothing, and says when it was.
'use strict';

exports.run = async ({ ms }, ctx) => {
  const from = Date.now();
  if (ctx?.up) ctx.up();
  else ctx?.log?.info('up');
  await new Promise((resolve) => void setTimeout(resolve, ms));
  return { from, to: Date.now() };
};
