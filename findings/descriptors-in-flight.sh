#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Linux: whether a process may send its first descriptor depends on its own soft RLIMIT_NOFILE and on
# what other processes of the user have sent.
#
# Versions: Linux 6.18; Python 3 only makes the system calls. No package from npm is needed.
#
# Expected: RLIMIT_NOFILE limits the descriptors that a process has open. A process that has a handful
# of them can send one over a unix socket (SCM_RIGHTS), and what others send is their affair.
#
# What happens: descriptors that were sent and not yet received count for the user, over all of the
# user's processes, but are compared with the soft limit of the process that sends. So a process with a
# low limit fails with ETOOMANYREFS at its first descriptor, because another process (with a higher
# limit) has some in flight. Raising its own soft limit mends that, though it opens nothing more.
# A launcher that lowers RLIMIT_NOFILE of its children breaks their passing of descriptors in this way.
#
# Seen:
#   another process (soft limit 1024) sent 100 descriptors
#   soft limit 64, first descriptor: ETOOMANYREFS
#   soft limit 256, first descriptor: sent
#   soft limit 64 again, after the other's were closed: sent
#
set -euo pipefail
skip() {
  echo "skipped: $1"
  exit 0
}
[[ $(uname -s) == Linux && $(uname -m) == x86_64 ]] || skip 'needs Linux on x64'
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
compare() { # the comment above is what is expected
  if diff <(sed -n '/^# Seen:/,/^#$/s/^#   //p' "$0") "$dir/seen"; then
    echo 'as described'
  else
    echo 'changed: "<" is what the comment of this script says, ">" is what came out now'
    exit 1
  fi
}

command -v python3 >/dev/null || skip 'python3 is missing'
(($(ulimit -Hn) >= 1024)) 2>/dev/null || [[ $(ulimit -Hn) == unlimited ]] || skip 'the hard limit of open files is below 1024'
if [[ $(id -u) != 0 ]] && ((0x$(awk '/^CapEff/ { print $2 }' /proc/self/status) & 0x1200000)); then
  skip 'this user has CAP_SYS_RESOURCE or CAP_SYS_ADMIN, for which the limit is not looked at'
fi

cat >"$dir/main.py" <<'EOF'
import array, errno, os, resource, socket

if os.getuid() == 0:  # root is not limited
    os.setgroups([])
    os.setgid(54322)
    os.setuid(54322)
null = os.open("/dev/null", os.O_RDONLY)


def send(sock, count):
    files = array.array("i", [null] * count)
    try:
        sock.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
    except OSError as error:
        return errno.errorcode[error.errno]
    return "sent"


def soft_limit(soft):
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, 1024))


soft_limit(1024)
asked, answer = os.pipe()
wait, go_on = os.pipe()
pid = os.fork()
if pid == 0:
    os.close(go_on)
    left, right = socket.socketpair()
    ok = all(send(left, 20) == "sent" for _ in range(5))
    os.write(answer, b"y" if ok else b"n")
    os.read(wait, 1)
    os._exit(0)
os.close(wait)
ok = os.read(asked, 1) == b"y"
print("another process (soft limit 1024) sent 100 descriptors" if ok else "another process could not send")
for soft in (64, 256):
    left, right = socket.socketpair()
    soft_limit(soft)
    print(f"soft limit {soft}, first descriptor: {send(left, 1)}")
os.close(go_on)
os.waitpid(pid, 0)
soft_limit(64)
left2, right2 = socket.socketpair()
print(f"soft limit 64 again, after the other's were closed: {send(left2, 1)}")
EOF
python3 - <"$dir/main.py" >"$dir/seen" 2>&1 || true
compare
