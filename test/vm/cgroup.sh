# SPDX-License-Identifier: MIT
# In the virtual machine: all that needs a cgroup to divide. As root in the topmost one; as root and as
# an ordinary user in one of those that systemd makes with Delegate=yes and DelegateSubgroup=host.
export SBX_MUST_DIVIDE=1
failed=0
try() {
  echo "# $*"
  "$@" || failed=1
}
try build/test-c/test_cgroup
try node test/cgroup.test.js

top=/sys/fs/cgroup
echo '+memory +pids +cpu +io' >$top/cgroup.subtree_control
mkdir -p $top/user.service/host
chown 1000:1000 $top/user.service $top/user.service/host
for file in cgroup.procs cgroup.threads cgroup.subtree_control; do
  chown 1000:1000 $top/user.service/$file $top/user.service/host/$file
done
chmod 755 /pkg
sh -c 'echo $$ >/sys/fs/cgroup/user.service/host/cgroup.procs; shift
  exec /usr/bin/setpriv --reuid 1000 --regid 1000 --clear-groups "$@"' sh - node test/cgroup.test.js || failed=1
ls $top/user.service | grep sbx- && failed=1
exit $failed
