import * as sass from 'sass';

export async function handle() {
  const text = '@use "sass:math"; $w: 10px; a { b { width: math.div($w, 4) } }';
  return {
    css: sass.compileString(text).css,
    same: (await sass.compileStringAsync(text)).css === sass.compileString(text).css,
  };
}
