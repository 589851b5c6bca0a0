import fs from 'node:fs';
import path from 'node:path';
import * as prettier from 'prettier';

export async function handle(_, { outdir }) {
  const file = path.join(outdir, 'in.js');
  fs.writeFileSync(path.join(outdir, '.prettierrc'), 'semi: false');
  const config = await prettier.resolveConfig(file);
  return {
    config,
    js: await prettier.format('a  =  {b:1}', { ...config, filepath: file }),
    css: await prettier.format('a{b:c}', { parser: 'css' }),
    md: await prettier.format('*  a', { parser: 'markdown' }),
  };
}
