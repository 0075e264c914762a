#!/bin/bash
# The guest's init: what systemd would mount, a cgroup like a service's, the tests, and off.
# Their TAP goes to the second serial port, all else to the console.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp LC_ALL=C.UTF-8

off() {
	sync
	echo o >/proc/sysrq-trigger
	sleep 60 # or it ends here, which the kernel answers with a panic and qemu with its end
}

mount -t proc -o nosuid,nodev,noexec proc /proc
trap off EXIT
mount -t sysfs -o nosuid,nodev,noexec sysfs /sys
mount -t devtmpfs -o nosuid devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o nosuid,nodev tmpfs /dev/shm
mount -t tmpfs -o nosuid,nodev,mode=755 tmpfs /run
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs /tmp
ln -s /proc/self/fd /dev/fd
# The options that systemd gives it.
mount -t cgroup2 -o nosuid,nodev,noexec,nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
mount --make-rshared /
ip link set lo up
hostname guest

# systemd enables these at its top, and not cpu until some unit asks for it; the tests run where a service would.
for controller in memory pids; do
	echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control
done
mkdir -p /sys/fs/cgroup/system.slice/tests.service
echo $$ >/sys/fs/cgroup/system.slice/tests.service/cgroup.procs

stty -F /dev/ttyS1 raw
uname -a
export CARPEL_BIN=/carpel/bin WAIT_FACTOR=10 BATS_TEST_TIMEOUT=900
cd /carpel || exit 1
result=passed
while read -r suite filter; do
	[ "$suite" != '#' ] || continue
	setsid -w bats --formatter tap --timing --print-output-on-failure -j "$(nproc)" -f "$filter" "$suite" \
		</dev/null >/dev/ttyS1 2>/dev/console || result=failed
done </carpel/selection
echo "guest: all suites ran and $result"
