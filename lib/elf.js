// SPDX-License-Identifier: MIT
// What an ELF program asks of the dynamic loader, and where that loader finds it: what ldd(1) tells,
// without running anything. 64-bit little-endian alone, as the platforms of this package are.
import fs from 'node:fs';
import path from 'node:path';

const MAX_TABLE = 2 ** 20;
/** Of a path, or of several in a row. */
const MAX_TEXT = 8192;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_RPATH = 15;
const DT_RUNPATH = 29;

const CACHE = '/etc/ld.so.cache';
/** Where Debian's glibc is built to search, and alone where there is no cache. */
const MULTIARCH = /** @type {Partial<Record<NodeJS.Architecture, string>>} */ ({
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
})[process.arch];
/** What the loaders of glibc and musl search when nothing else names a place. */
const DEFAULT_DIRECTORIES = [
  ...(MULTIARCH ? [`/lib/${MULTIARCH}`, `/usr/lib/${MULTIARCH}`] : []),
  '/lib',
  '/usr/lib',
  '/lib64',
  '/usr/lib64',
  '/usr/local/lib',
];

/**
 * @typedef {object} Elf
 * @property {number} machine
 * @property {string | undefined} interpreter the dynamic loader
 * @property {string[]} needed names of libraries
 * @property {string[]} searched directories that come before all others
 */

/**
 * @param {string} file
 * @returns {Elf | undefined} undefined when it is no such file, or cannot be read
 */
export function readElf(file) {
  let fd;
  try {
    fd = fs.openSync(file, 'r');
    return parse(fd, path.dirname(file));
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

/** @param {number} fd @param {number} at @param {number} length */
function readAt(fd, at, length) {
  if (length > MAX_TABLE) throw new RangeError('too large a table');
  const bytes = Buffer.alloc(length);
  if (fs.readSync(fd, bytes, 0, length, at) !== length) throw new RangeError('too short a file');
  return bytes;
}

/**
 * @param {number} fd
 * @param {string} origin
 * @returns {Elf | undefined}
 */
function parse(fd, origin) {
  const header = readAt(fd, 0, 64);
  // Magic number, 64-bit, little-endian.
  if (header.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return undefined;
  const machine = header.readUInt16LE(18);
  const size = header.readUInt16LE(54);
  const table = readAt(fd, Number(header.readBigUInt64LE(32)), size * header.readUInt16LE(56));
  const segments = [];
  for (let at = 0; at + 56 <= table.length; at += size) {
    segments.push({
      type: table.readUInt32LE(at),
      offset: Number(table.readBigUInt64LE(at + 8)),
      address: Number(table.readBigUInt64LE(at + 16)),
      length: Number(table.readBigUInt64LE(at + 32)),
    });
  }
  const interp = segments.find(({ type }) => type === PT_INTERP);
  const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
  const loaded = segments.filter(({ type }) => type === PT_LOAD);
  return {
    machine,
    interpreter: interp && readText(fd, interp.offset),
    ...readDynamic(fd, dynamic, loaded, origin),
  };
}

/** @typedef {{ type: number, offset: number, address: number, length: number }} Segment */

/**
 * @param {number} fd
 * @param {Segment | undefined} dynamic
 * @param {Segment[]} loaded
 * @param {string} origin
 */
function readDynamic(fd, dynamic, loaded, origin) {
  /** @type {string[]} */
  const needed = [];
  /** @type {string[]} */
  const searched = [];
  if (!dynamic) return { needed, searched };
  const entries = readAt(fd, dynamic.offset, dynamic.length);
  /** @type {[tag: number, value: number][]} */
  const tags = [];
  for (let at = 0; at + 16 <= entries.length; at += 16) {
    const tag = Number(entries.readBigInt64LE(at));
    if (tag === 0) break;
    tags.push([tag, Number(entries.readBigUInt64LE(at + 8))]);
  }
  const valueOf = (/** @type {number} */ wanted) => tags.find(([tag]) => tag === wanted)?.[1];
  const address = valueOf(DT_STRTAB) ?? 0;
  const home = loaded.find((s) => address >= s.address && address < s.address + s.length);
  if (!home) return { needed, searched };
  // The whole table has the names of every symbol: megabytes, in Node.js.
  const nameAt = (/** @type {number} */ value) =>
    readText(fd, address - home.address + home.offset + value);
  for (const [tag, value] of tags) {
    if (tag === DT_NEEDED) needed.push(nameAt(value));
    if (tag === DT_RPATH || tag === DT_RUNPATH) {
      for (const dir of nameAt(value).split(':')) {
        searched.push(dir.replace(/\$ORIGIN|\$\{ORIGIN\}/g, origin));
      }
    }
  }
  return { needed, searched: searched.filter((dir) => path.isAbsolute(dir)) };
}

/** @param {number} fd @param {number} at of a text that ends with a zero */
function readText(fd, at) {
  const bytes = Buffer.alloc(MAX_TEXT);
  const length = fs.readSync(fd, bytes, 0, MAX_TEXT, at);
  const end = bytes.subarray(0, length).indexOf(0);
  if (end < 0) throw new RangeError('too long a text');
  return bytes.toString('utf8', 0, end);
}

/**
 * The libraries of a program, and theirs: each as the dynamic loader names it.
 *
 * @param {string} program
 * @param {readonly string[]} [extra] names of libraries that are loaded later, where they exist
 * @returns {{ interpreter: string | undefined, libraries: string[] }}
 */
export function findLibraries(program, extra = []) {
  const elf = readElf(fs.realpathSync(program));
  if (!elf) return { interpreter: undefined, libraries: [] };
  const cache = readCache();
  /** @type {Set<string>} */
  const found = new Set();
  const seen = new Set([path.basename(elf.interpreter ?? '')]);
  /** @type {{ name: string, searched: string[] }[]} */
  const pending = [...elf.needed, ...extra].map((name) => ({ name, searched: elf.searched }));
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { name, searched } = next;
    if (seen.has(name) || name === '') continue;
    seen.add(name);
    const places = name.includes('/')
      ? [name]
      : [
          ...searched.map((dir) => path.join(dir, name)),
          ...(cache.get(name) ?? []),
          ...DEFAULT_DIRECTORIES.map((dir) => path.join(dir, name)),
        ];
    for (const place of places) {
      const library = found.has(place) ? undefined : readElf(place);
      // A library of another architecture has the same name.
      if (library?.machine !== elf.machine) continue;
      found.add(place);
      // An RPATH of the program holds for its libraries too.
      const around = [...library.searched, ...searched];
      pending.push(...library.needed.map((name_) => ({ name: name_, searched: around })));
    }
  }
  return { interpreter: elf.interpreter, libraries: [...found].sort() };
}

/**
 * The paths in the dynamic loader's cache by their last component. The file's tables say which is
 * for which processor; the paths are texts that end with a zero, which is all that matters here.
 *
 * @returns {Map<string, string[]>}
 */
function readCache() {
  /** @type {Map<string, string[]>} */
  const paths = new Map();
  let bytes = '';
  try {
    bytes = fs.readFileSync(CACHE, 'latin1');
  } catch {
    // musl has none, nor have small images.
  }
  for (const [entry] of bytes.matchAll(/\/[^\0]+/g)) {
    const name = path.basename(entry);
    const known = paths.get(name);
    if (!known) paths.set(name, [entry]);
    else if (!known.includes(entry)) known.push(entry);
  }
  return paths;
}
