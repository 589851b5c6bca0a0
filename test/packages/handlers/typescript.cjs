'use strict';
const ts = require('typescript');

exports.handle = () => {
  const { outputText, diagnostics } = ts.transpileModule('const x: number = 1; export = x;', {
    reportDiagnostics: true,
    compilerOptions: { module: ts.ModuleKind.CommonJS },
  });
  // The type checker, which reads lib.d.ts of the package.
  const options = { noEmit: true, strict: true, target: ts.ScriptTarget.ES2022, types: [] };
  const host = ts.createCompilerHost(options);
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (name, ...rest) =>
    name === 'in.ts'
      ? ts.createSourceFile(name, "const n: number = 'text'; export {};", ...rest)
      : getSourceFile(name, ...rest);
  const program = ts.createProgram(['in.ts'], options, host);
  const codes = ts.getPreEmitDiagnostics(program).map((diagnostic) => diagnostic.code);
  return { outputText, problems: diagnostics.length, codes };
};
