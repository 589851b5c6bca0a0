// Never gives way.
'use strict';

exports.run = (_input, ctx) => {
  if (ctx?.up) ctx.up();
  else ctx?.log?.info('up');
  for (;;);
};
