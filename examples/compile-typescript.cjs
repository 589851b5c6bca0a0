'use strict';
// A handler that does real work with a real library: compiles a TypeScript file.
const fs = require('node:fs');
const ts = require('typescript');

/**
 * @param {{ file: string }} input relative to the working directory
 * @param {import('@kb-labs/sandbox').HandlerContext} ctx
 */
exports.handle = function handle(input, ctx) {
  const source = fs.readFileSync(input.file, 'utf8');
  ctx.log.info('compiling', { file: input.file, bytes: source.length });
  const { outputText, diagnostics } = ctx.trace.span('transpile', () =>
    ts.transpileModule(source, {
      fileName: input.file,
      reportDiagnostics: true,
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    }),
  );
  console.log(`${outputText.split('\n').length} lines of JavaScript`);
  return { code: outputText, diagnostics: diagnostics?.length ?? 0, typescript: ts.version };
};
