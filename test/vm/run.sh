#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Plays tests in a virtual machine that has what this one may not: a hierarchy of cgroups of version 2,
# with all controllers, that nobody else uses.
#
#   test/vm/run.sh [SCRIPT]     ./cgroup.sh by default; run as root in /pkg, a copy of this package
#
# Wants Debian or Ubuntu: qemu-system-x86, busybox-static, e2fsprogs, cpio, and `apt-get download`, by
# which it gets the kernel (or $SBX_VM_KERNEL: a directory with boot/vmlinuz-* and lib/modules). The
# package has to be built, with its development dependencies. Emulates the processor, which takes a
# minute or three; SBX_VM_ACCEL=kvm where that works.
set -euo pipefail
cd "$(dirname "$0")/../.."
script=$(realpath "${1:-test/vm/cgroup.sh}") limit=${SBX_VM_SECONDS:-600}
work=$PWD/build/vm && mkdir -p "$work"
kernel=${SBX_VM_KERNEL:-$work/kernel}
if ! compgen -G "$kernel/boot/vmlinuz-*" >/dev/null; then
  name=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: //p' | head -n 1)
  (cd "$work" && apt-get download "$name" && dpkg-deb -x "$name"_*.deb kernel && rm -f "$name"_*.deb)
fi
modules=$(echo "$kernel"/lib/modules/*)

stage=$(mktemp -d) && trap 'rm -rf "$stage"' EXIT

# What boots: modules for the disk, then the disk.
first=$stage/first && mkdir -p "$first"/{bin,m,new,dev,proc}
cp /bin/busybox "$first/bin/"
n=10
for module in virtio virtio_ring virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk \
  crc16 mbcache jbd2 crc32c_generic libcrc32c crc32c-intel ext4; do
  file=$(find "$modules" -name "$module.ko*" -print -quit)
  [ -n "$file" ] || continue
  case $file in
    *.xz) xz -dc "$file" >"$first/m/$n-$module.ko" ;;
    *.zst) zstd -qdc "$file" >"$first/m/$n-$module.ko" ;;
    *) cp "$file" "$first/m/$n-$module.ko" ;;
  esac
  n=$((n + 1))
done
cat >"$first/init" <<'SH'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs d /dev
for m in /m/*.ko; do /bin/busybox insmod "$m" 2>/dev/null; done
n=0; while [ ! -e /dev/vda ] && [ $n -lt 600 ]; do /bin/busybox usleep 100000; n=$((n + 1)); done
/bin/busybox mount -t ext4 /dev/vda /new || { echo "no disk"; exec /bin/busybox poweroff -f; }
exec /bin/busybox switch_root /new /init
SH
chmod +x "$first/init"
(cd "$first" && find . | cpio -o -H newc --quiet | gzip -1 >"$work/initrd.gz")

# The disk: busybox, node and what these load, and the package.
disk=$stage/disk && mkdir -p "$disk"/{bin,sbin,proc,sys,dev,tmp,run,root,etc,usr/bin,pkg/build}
cp /bin/busybox "$disk/bin/" && "$disk/bin/busybox" --install -s "$disk/bin"
for link in "$disk"/bin/*; do [ ! -L "$link" ] || ln -sf /bin/busybox "$link"; done
node=$(node -p process.execPath)
cp "$node" "$disk/usr/bin/node" && cp "$(command -v setpriv)" "$disk/usr/bin/"
for program in "$node" "$(command -v setpriv)"; do
  ldd "$program" | grep -o '/[^ ]*' | while read -r file; do
    mkdir -p "$disk$(dirname "$file")" && cp -Ln "$file" "$disk$file"
  done
done
cp /etc/ld.so.cache "$disk/etc/"
printf 'root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n' >"$disk/etc/passwd"
cp -a package.json lib test "$disk/pkg/"
cp -aL node_modules "$disk/pkg/"
mkdir -p "$disk/pkg/build/Release" && cp build/Release/launcher build/Release/*.node "$disk/pkg/build/Release/"
[ ! -d build/test-c ] || { mkdir "$disk/pkg/build/test-c" && cp build/test-c/test_* "$disk/pkg/build/test-c/"; }
cp "$script" "$disk/script"
cat >"$disk/init" <<'SH'
#!/bin/sh
export PATH=/usr/bin:/bin HOME=/root
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; mkdir -p /dev/shm
mount -t tmpfs -o mode=1777 t /tmp; mount -t tmpfs -o mode=1777 t /dev/shm; ln -sf /proc/self/fd /dev/fd
mount -t cgroup2 c /sys/fs/cgroup; ip link set lo up
exec >/dev/ttyS0 2>&1 </dev/null
cd /pkg && sh /script && echo "status: passed"
sync; echo o >/proc/sysrq-trigger; sleep 60
SH
chmod +x "$disk/init"
rm -f "$work/disk" && mke2fs -q -t ext4 -E root_owner=0:0 -d "$disk" "$work/disk" 1500M
rm -rf "$stage"

accel=(-accel tcg,thread=multi -cpu max)
[ "${SBX_VM_ACCEL:-tcg}" = tcg ] || accel=(-accel "$SBX_VM_ACCEL" -cpu host)
timeout --foreground -k 5 "$limit" qemu-system-x86_64 -machine q35 "${accel[@]}" -smp 2 -m 2048 \
  -display none -no-reboot -nic none -serial stdio -monitor none \
  -kernel "$kernel"/boot/vmlinuz-* -initrd "$work/initrd.gz" \
  -drive file="$work/disk",format=raw,if=virtio,snapshot=on \
  -append "console=ttyS0 quiet loglevel=3 panic=-1" </dev/null | tr -d '\r' | tee "$work/log"
grep -q '^status: passed' "$work/log"
