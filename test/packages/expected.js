// What each handler returns: the work of its package, the same on every version of Node.js.

/** @type {Record<string, unknown>} */
export const expected = {
  'acorn.cjs': 'ExportNamedDeclaration',
  'ajv.cjs': { good: true, bad: ['required', 'minimum'] },
  'babel.cjs': 'const a = 2;',
  'bcryptjs.mjs': [true, false],
  'chalk.mjs': { text: '\x1b[38;2;255;0;0m\x1b[1mx\x1b[22m\x1b[39m', color: false },
  'cheerio.mjs': {
    texts: ['One', 'Two'],
    html: '<ul><li class="a">One</li><li class="b">Two</li></ul>',
  },
  'chokidar.mjs': ['add', 'new.txt'],
  'commander.mjs': { number: 3, rest: ['go', 'home'], help: true },
  'csv-parse.mjs': {
    rows: [{ a: '1', b: 'x, y' }],
    sync: [
      [1, 2],
      [3, 4],
    ],
  },
  'date-fns.mjs': { text: 'Donnerstag, 29. Februar 2024', days: 29 },
  'dayjs.cjs': '2024-02-29T21:00:00+09:00',
  'esbuild-wasm.mjs': 'let e=3;export{e as x};\n',
  'eslint.mjs': { output: 'let a = 1; a;', rules: ['no-unused-vars', 'no-var'] },
  'fast-xml-parser.mjs': {
    value: { a: { b: [{ '#text': 'x', '@_c': '1' }, 2] } },
    text: '<a><b c="1">x</b><b>2</b></a>',
  },
  'fs-extra.mjs': { value: { x: 1 }, left: ['moved', 'z'] },
  'glob.mjs': ['glob.mjs', 'zod.mjs'],
  'graphql.mjs': { hello: 'Hello you' },
  'handlebars.cjs': 'A,B,',
  'immer.mjs': {
    before: { a: { b: [1] }, c: {} },
    after: { a: { b: [1, 2] }, c: {} },
    shared: true,
    frozen: true,
  },
  'jimp.mjs': { size: [2, 2], pixel: '363636ff' },
  'joi.cjs': { good: true, bad: 'string.email' },
  'jsonwebtoken.cjs': { sub: 'me' },
  'jszip.cjs': { small: true, text: 600 },
  'lodash.cjs': { groups: { odd: [1, 3], even: [2, 4] }, text: 'Hello World', same: true },
  'luxon.cjs': '31 mars 2024 à 03:30 UTC+2',
  'markdown-it.mjs':
    '<h1>Hi</h1>\n<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n' +
    '<td><strong>b</strong></td>\n</tr>\n</tbody>\n</table>\n',
  'marked.mjs':
    '<ol>\n<li>a</li>\n<li><code>b</code></li>\n</ol>\n<blockquote>\n<p>c</p>\n</blockquote>\n',
  'mathjs.cjs': {
    value: 3,
    derivative: '2 * x + 3',
    unit: '5 inch',
    big: '0.333333333333333333333333333333',
  },
  'nanoid.mjs': { distinct: 1000, length: 10, own: true },
  'pdf-lib.cjs': { head: '%PDF-', title: 'A title', pages: 1, width: 46 },
  'pino.cjs': [{ level: 40, part: 'x', n: 1, msg: 'hello you' }],
  'postcss.cjs': 'a { b: 2px }',
  'prettier.mjs': {
    config: { semi: false },
    js: 'a = { b: 1 }\n',
    css: 'a {\n  b: c;\n}\n',
    md: '- a\n',
  },
  'ramda.cjs': { 1: ['a', 'b'], 2: ['aa'] },
  'rollup.mjs': { has: true, shaken: true },
  'rxjs.cjs': 4,
  'sass.mjs': { css: 'a b {\n  width: 2.5px;\n}', same: true },
  'semver.cjs': { max: '1.9.0', next: '1.2.3-beta.2' },
  'sharp.cjs': { format: 'webp', width: 4, height: 2, pixel: [255, 0, 0] },
  'sql.js.cjs': [[3, 'x,y']],
  'svgo.mjs': '<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0h10"/></svg>',
  'swc-wasm.cjs': 'const f = (x)=>x !== null && x !== void 0 ? x : 1;\nexport default f;\n',
  'terser.mjs': { code: 'function n(n,o){return n*o}console.log(n,n(a,b));', version: 3 },
  'typescript.cjs': {
    outputText: '"use strict";\nvar x = 1;\nmodule.exports = x;\n',
    problems: 0,
    codes: [2322],
  },
  'uuid.mjs': {
    v5: 'cfbff0d1-9375-5685-968c-48ce8b15ae17',
    valid: [
      [true, 4],
      [true, 7],
    ],
    distinct: 4,
  },
  'winston.cjs': [{ level: 'info', message: 'hello', n: 1 }],
  'xml2js.cjs': { value: { a: { $: { b: '1' }, c: ['x'] } }, text: '<a><b>1</b></a>' },
  'yaml.mjs': {
    value: { a: 1, b: ['x', 'y'] },
    kept: '# note\na: &x [ 1, 2 ]\nb: *x\nc: true\n',
    text: 'a:\n  - b: null\n',
  },
  'zod.mjs': { good: { name: 'Ada', age: 36 }, bad: ['name', 'age'] },
};

const NO_SOCKET = ['EACCES', 'EPERM'];

/**
 * Handlers that are refused something: they return the `code` of the error beside the rest of their
 * work. `layer` is what refuses; `open` is what they get where that layer is not there.
 *
 * @type {Record<string, { codes: string[], layer: string, open: string[], rest: object }>}
 */
export const refused = {
  'axios.cjs': {
    codes: NO_SOCKET,
    layer: 'network',
    open: ['ECONNREFUSED'],
    rest: { url: 'http://127.0.0.1:1/?a%5B%5D=1&a%5B%5D=2' },
  },
  'dotenv.cjs': {
    codes: ['ENOENT', 'EACCES'],
    layer: 'filesystem',
    open: ['ENOENT'],
    rest: { parsed: { A: '1', B: 'x y' } },
  },
  'execa.mjs': {
    codes: ['EACCES', 'EPERM'],
    layer: 'system calls',
    open: ['it ran', 'ENOENT'],
    rest: {},
  },
  'express.cjs': { codes: NO_SOCKET, layer: 'network', open: ['it listens'], rest: {} },
  'ioredis.cjs': {
    codes: NO_SOCKET,
    layer: 'network',
    open: ['ECONNREFUSED'],
    rest: { status: 'end' },
  },
  'pg.mjs': {
    codes: NO_SOCKET,
    layer: 'network',
    open: ['ECONNREFUSED'],
    rest: { literal: "'it''s'" },
  },
  'undici.mjs': {
    codes: NO_SOCKET,
    layer: 'network',
    open: ['ECONNREFUSED'],
    rest: { mocked: { a: 1 } },
  },
  'ws.mjs': { codes: NO_SOCKET, layer: 'network', open: ['ECONNREFUSED'], rest: {} },
};
