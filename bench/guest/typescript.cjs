// A heavy import, and a little work with it.
'use strict';

const ts = require('typescript');

exports.warmup = () => exports.run();
exports.run = () =>
  ts.transpileModule('const a: number = 1; export default a;', {
    compilerOptions: { module: ts.ModuleKind.ESNext },
  }).outputText.length;
