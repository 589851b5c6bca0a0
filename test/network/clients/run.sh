#!/usr/bin/env bash
# Clients that know nothing of the sandbox, against real servers behind a real interface, by names that
# a real name server answers. No part of `npm test`: it needs PostgreSQL, Redis and iproute2. `npm ci` in
# this directory, then `npm run test:clients`; SBX_NODE is the Node.js to do it with.
#
# Root plays it as itself and as an ordinary user, who makes the same world in a user namespace.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
node=${SBX_NODE:-node}

# What it starts lives in a PID namespace that ends with its first process, whatever happens here.
apart=(--net --mount --pid --fork --kill-child --mount-proc "$node" world.js)
own=(unshare --user --map-current-user --keep-caps "${apart[@]}")
status=0
if [ "$(id -u)" -eq 0 ]; then
  unshare "${apart[@]}" || status=$?
  setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "${own[@]}" || status=$?
else
  "${own[@]}" || status=$?
fi
exit "$status"
