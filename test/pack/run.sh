#!/usr/bin/env bash
# What a user of the published package meets: a TypeScript project adds the packed tarball with pnpm,
# whose default is to run no install scripts, on a machine without a compiler. It compiles under
# `strict` and runs in both modes. TAP.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
root=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export HOME=$scratch/home npm_config_update_notifier=false npm_config_fund=false
mkdir "$HOME" "$scratch/bin"
# Where packages come from is the machine's business.
npm_config_registry=$(npm config get registry)
export npm_config_registry npm_config_cache=$scratch/cache

count=0
failed=0
# ok NAME COMMAND...: one assertion; what the command prints is shown when it fails.
ok() {
  local name=$1
  shift
  count=$((count + 1))
  if "$@" > "$scratch/out" 2>&1; then
    echo "ok $count - $name"
  else
    failed=$((failed + 1))
    sed 's/^/# /' "$scratch/out"
    echo "not ok $count - $name"
  fi
}
# prints PATTERN COMMAND...: succeeds when the command does and its output has the pattern.
prints() {
  local pattern=$1
  shift
  "$@" 2>&1 | tee "$scratch/printed"
  grep -qE -- "$pattern" "$scratch/printed"
}
not() { ! "$@"; }

npm pack --pack-destination "$scratch" > "$scratch/packed" 2> "$scratch/pack.err" ||
  { cat "$scratch/pack.err"; exit 1; }
tarball=$scratch/$(tail -n 1 "$scratch/packed")
tar -tzf "$tarball" | sort > "$scratch/files"
arch=$(node -p 'process.arch')
for file in lib/index.js lib/index.d.ts lib/cli.js "prebuilds/linux-$arch/sandbox.node" \
  "prebuilds/linux-$arch/launcher" src/sandbox.gypi README.md LICENSE; do
  ok "the package has $file" grep -qx "package/$file" "$scratch/files"
done
ok 'the package has no tests, build leftovers or binding.gyp' \
  not grep -E '^package/(test|build|bench|node_modules|examples|binding\.gyp)' "$scratch/files"

# From here on: node, the package manager, and no compiler.
for tool in node sh sed cat env dirname basename uname readlink realpath ls mkdir rm cp grep tee; do
  ln -s "$(command -v "$tool")" "$scratch/bin/$tool"
done
full_path=$PATH
export PATH=$scratch/bin
pnpm() { node "$root/node_modules/pnpm/bin/pnpm.cjs" "$@"; }
ok 'no compiler is on the PATH' not command -v gcc cc clang make python3

project=$scratch/project
cp -r test/pack/project "$project"
cp test/types/api.ts "$project/"
cd "$project"
cat > package.json << 'JSON'
{ "name": "user", "private": true, "type": "module" }
JSON
versions=$(node -p "
  const { devDependencies: d } = JSON.parse(fs.readFileSync('$root/package.json', 'utf8'));
  ['typescript', '@types/node'].map((name) => name + '@' + d[name]).join(' ')")
# shellcheck disable=SC2086
ok 'pnpm add, build scripts blocked' prints '@kb-labs/sandbox' \
  pnpm add --store-dir "$scratch/store" "$tarball" $versions
ok 'pnpm has nothing to say about build scripts' \
  not grep -iE 'ignored build scripts' "$scratch/printed"

for resolution in node16:node16 nodenext:nodenext bundler:esnext; do
  cat > tsconfig.json << JSON
{
  "compilerOptions": {
    "strict": true, "noUncheckedIndexedAccess": true, "exactOptionalPropertyTypes": true,
    "target": "es2022", "lib": ["es2022", "esnext.disposable"], "types": ["node"], "outDir": "out-${resolution%:*}", "rootDir": ".",
    "moduleResolution": "${resolution%:*}", "module": "${resolution#*:}"
  },
  "files": ["basic.ts", "plugin-runtime.ts", "cli-runtime.ts", "api.ts"]
}
JSON
  ok "it compiles under strict with moduleResolution ${resolution%:*}" \
    node node_modules/typescript/bin/tsc
done

out=out-nodenext
for mode in subprocess inprocess; do
  sed "s/mode: 'subprocess'/mode: '$mode'/" "$out/basic.js" > "basic-$mode.mjs"
  sed "s/mode: 'subprocess'/mode: '$mode'/" "$out/cli-runtime.js" > "cli-$mode.mjs"
  ok "the basic example, $mode" prints "Success: \{ greeting: 'Hello, world'" node "basic-$mode.mjs"
  ok "the plugin runtime, $mode" prints 'Hello, world.*kv:read.*"greeting"\],5' \
    node "$out/plugin-runtime.js" "$mode"
  ok "the CLI runtime, $mode" prints '^Hello, world$' node "cli-$mode.mjs"
  ok "require(), $mode" prints '^Hello, world$' node common.cjs "$mode"
done
ok 'kb-sandbox doctor' prints '^process +active' node_modules/.bin/kb-sandbox doctor
ok 'kb-sandbox run' prints 'Hello, world' \
  node_modules/.bin/kb-sandbox run handler.js --input '{"message":"Hello"}'

# A platform without binaries.
package=$(node -p 'fs.realpathSync("node_modules/@kb-labs/sandbox")')
rm -r "$package/prebuilds"
ok 'without binaries, inprocess works' prints '^Hello, world$' node common.cjs inprocess
ok 'without binaries, subprocess says so' prints 'UNSUPPORTED_PLATFORM' node common.cjs subprocess
ok 'and what to do' grep -q 'npx kb-sandbox build' "$scratch/printed"
PATH=$full_path
ok 'kb-sandbox build compiles them' node_modules/.bin/kb-sandbox build
PATH=$scratch/bin
ok 'then subprocess works' prints '^Hello, world$' node common.cjs subprocess

echo "1..$count"
[ "$failed" -eq 0 ]
