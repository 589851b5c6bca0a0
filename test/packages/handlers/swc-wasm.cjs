'use strict';
const swc = require('@swc/wasm');

exports.handle = () =>
  swc.transformSync('const f = (x: number) => x ?? 1; export default f;', {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2015' },
  }).code;
