// The platform's side: the services that plugins of one tenant may use, as host functions. Arguments
// come from a plugin that nobody trusts: schemas say what they may be, and what is whose is taken from
// the context of the run, never from an argument.
import { EventEmitter } from 'node:events';
import { z } from 'zod';

const key = z.string().min(1).max(256);
const name = z
  .string()
  .max(256)
  .regex(/^[\w-]+(?:\/[\w-]+)*(?:\.\w+)?$/, 'must be a plain relative path');

export function createPlatform() {
  /** @type {Map<string, { value: unknown, until: number }>} */
  const cache = new Map();
  /** @type {Map<string, string>} */
  const files = new Map();
  const events = new EventEmitter();
  const own = (/** @type {any} */ context, /** @type {string} */ what) =>
    `${context.ctx.tenant}/${what}`;

  /** @type {import('@kb-labs/sandbox').HostFunctions} */
  const host = {
    'cache.get': {
      capability: 'host:cache',
      schema: z.tuple([key]),
      call(context, what) {
        const found = cache.get(own(context, what));
        return found && found.until > Date.now() ? found.value : undefined;
      },
    },
    'cache.set': {
      capability: 'host:cache',
      schema: z.tuple([key, z.json(), z.int().positive()]),
      call(context, what, value, ms) {
        cache.set(own(context, what), { value, until: Date.now() + ms });
      },
    },
    'cache.entries': {
      capability: 'host:cache',
      schema: z.tuple([z.string()]),
      async *call(context, prefix) {
        const before = own(context, '');
        for (const [what, { value }] of cache)
          if (what.startsWith(before + prefix)) yield { key: what.slice(before.length), value };
      },
    },
    'storage.write': {
      capability: 'host:storage',
      schema: z.tuple([name, z.string().max(1 << 20)]),
      timeoutMs: 5_000,
      maxConcurrent: 8,
      async call(context, file, text) {
        files.set(own(context, file), text);
      },
    },
    'events.emit': {
      capability: 'host:events',
      schema: z.tuple([z.enum(['document.indexed']), z.json()]),
      call(context, event, payload) {
        events.emit(event, { ...payload, tenant: context.ctx.tenant });
      },
    },
  };
  return { host, events, files };
}
