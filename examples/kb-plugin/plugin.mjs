// A plugin as KB Labs writes them: `input, ctx`, and the platform's services in `ctx`. It runs in the
// platform's own process and in a confined one, and cannot tell which.
import { definePlugin } from './shape.mjs';

export const handle = definePlugin(async ({ documents }, ctx) => {
  const { logger, cache, storage, events } = ctx;
  let fresh = 0;
  for (const [at, { id, text }] of documents.entries()) {
    if ((await cache.get(`words:${id}`)) === undefined) {
      fresh++;
      await cache.set(`words:${id}`, text.split(/\s+/).length, 60_000);
      await storage.write(`index/${id}.json`, JSON.stringify({ id, text: text.toLowerCase() }));
      await events.emit('document.indexed', { id });
    }
    ctx.progress((at + 1) / documents.length, id);
  }
  logger.info('indexed', { fresh, of: documents.length });
  const words = [];
  for await (const { key, value } of await cache.entries('words:')) words.push([key, value]);
  return { fresh, words };
});
