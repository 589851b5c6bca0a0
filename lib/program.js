// SPDX-License-Identifier: MIT
// The modules of lib/guest as one frame for a guest that is executed anew (lib/guest/start.cjs):
// found, read and put together once in this process.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { NOTHING } from './startup.js';

const directory = new URL('./guest/', import.meta.url);
const MAIN = './bootstrap.cjs';
/** Bytes of it in JSON. What it is made of is ten times smaller. */
const MAX_COMPILED = 1 << 20;

/** Has an import(), which Node.js 20 refuses to what was compiled before. */
const ON_DISK = './import.cjs';

/** What a guest is executed with. */
export const mainFile = fileURLToPath(new URL('start.cjs', directory));

/** By name. @type {Map<string, Buffer> | undefined} */
let modules;

/** @returns {Map<string, Buffer>} the main module, and what it and the others name in require() */
export function readModules() {
  /** @type {Map<string, Buffer>} */
  const found = new Map();
  const pending = [MAIN];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (found.has(name) || name === ON_DISK) continue;
    const bytes = fs.readFileSync(new URL(name, directory));
    found.set(name, bytes);
    for (const [, next] of bytes.toString().matchAll(/\brequire\('(\.\/[\w-]+\.cjs)'\)/g))
      pending.push(next);
  }
  return found;
}

/**
 * The payload of a PROGRAM frame: u32le length of a list in JSON, the list of names and lengths, and
 * for each its text and what V8 made of it.
 *
 * @param {Record<string, string>} compiled base64, by name
 */
function makeProgram(compiled) {
  modules ??= readModules();
  /** @type {Buffer[]} */
  const parts = [];
  const list = [...modules].map(([name, bytes]) => {
    const made = Buffer.from(Object.hasOwn(compiled, name) ? compiled[name] : '', 'base64');
    parts.push(bytes, made);
    return [name, bytes.length, made.length];
  });
  const head = Buffer.from(JSON.stringify(list));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  return Buffer.concat([length, head, ...parts]);
}

/**
 * @param {string} text what a guest sent
 * @returns {Record<string, string> | undefined} undefined when it is nothing of the kind
 */
function parseCompiled(text) {
  try {
    const value = JSON.parse(text);
    return Object.values(value).every((made) => typeof made === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What a guest is asked to do that is to send what V8 made of its modules. */
export const COMPILE = { ...NOTHING, file: './compiled.cjs', maxResultBytes: MAX_COMPILED };

/** What guests with the same flags are sent: V8 refuses what it compiled under others. */
class Program {
  /** Guests that it was sent to. */
  used = 0;
  /** @type {'no' | 'trying' | 'yes'} */
  compiled = 'no';
  /** @type {Buffer | undefined} */
  bytes;

  /** Whether it is time to have it compiled: one guest alone would not be worth it. */
  get isDue() {
    return this.compiled === 'no' && this.used > 1;
  }

  take() {
    this.used++;
    return (this.bytes ??= makeProgram({}));
  }

  /**
   * Puts in what a guest of ours sent (lib/guest/compiled.cjs). It goes to other guests alone, and V8
   * makes nothing of it in this process.
   *
   * @param {Buffer | null} result null when it sent none
   */
  complete(result) {
    this.compiled = 'yes';
    const compiled = result ? parseCompiled(result.toString()) : undefined;
    if (compiled) this.bytes = makeProgram(compiled);
  }
}

/** By the flags of Node.js. @type {Map<string, Program>} */
const programs = new Map();

/** @param {readonly string[]} flags */
export function programFor(flags) {
  const key = flags.join(' ');
  const program = programs.get(key) ?? new Program();
  programs.set(key, program);
  return program;
}
