// Puts the platform's services where plugins look for them: `ctx.logger`, `ctx.cache`, `ctx.storage`,
// `ctx.events`. They are host functions; the plugin need not know.

/** @param {(input: any, ctx: any) => unknown} handler */
export function definePlugin(handler) {
  return (/** @type {any} */ input, /** @type {any} */ ctx) => {
    const { cache, storage, events } = ctx.host;
    return handler(input, { ...ctx, logger: ctx.log, cache, storage, events, signal: ctx.signal });
  };
}
