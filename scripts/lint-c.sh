#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# lint-c.sh format   checks the format of every C file (clang-format)
# lint-c.sh fix      formats them
# lint-c.sh tidy     looks for mistakes in src/ (clang-tidy); after `npm run build`, which has found
#                    the headers of Node.js
set -euo pipefail
cd "$(dirname "$0")/.."

sources() {
  find "$@" -name node_modules -prune -o -name '*.[ch]' -print0 | sort -z
}

case "${1:-}" in
  format) sources src test | xargs -0 clang-format --dry-run -Werror ;;
  fix) sources src test | xargs -0 clang-format -i ;;
  tidy)
    headers=$(node -p 'JSON.parse(fs.readFileSync("build/config.gypi", "utf8").replace(/^#.*/, "")).variables.nodedir')/include/node
    # shellcheck disable=SC2016 # $0 and $1 are those of the inner shell
    sources src | grep -z '\.c$' | xargs -0 -P "$(nproc)" -n 1 bash -c '
      clang-tidy --quiet "$1" -- -std=gnu11 -D_GNU_SOURCE -DNAPI_VERSION=8 -isystem "$0" 2>&1 |
        { grep -Ev "^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -(header|system)" || true; }
      exit "${PIPESTATUS[0]}"' "$headers"
    ;;
  *)
    echo "usage: $0 format|fix|tidy" >&2
    exit 64
    ;;
esac
