#!/bin/bash
# What tests.service runs in the guest: its part of the suites of the selection, two at a time, for many tests wait for
# something most of the time.  Each is a bats of its own that runs its tests one after the other: what bats does to run
# them in parallel takes as long here as a test.
# Their TAP goes to the second serial port, a suite's as soon as it has ended; all else to the console.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp LC_ALL=C.UTF-8
export CARPEL_BIN=/carpel/bin WAIT_FACTOR=10 WAIT_STEP=0.3 BATS_TEST_TIMEOUT=900

# suite FILE FILTER
suite() {
	local began=$SECONDS tap rc=0

	tap=/run/$(basename "$1").tap
	setsid -w bats --formatter tap --timing --print-output-on-failure -f "$2" "$1" </dev/null >"$tap" || rc=$?
	flock /run/tap.lock cat "$tap" >/dev/ttyS1
	echo "guest: $1 took $((SECONDS - began)) s, until $(cut -d . -f 1 /proc/uptime) s, and left $rc"
	[ "$rc" = 0 ] || touch /run/failed
}

mount -o remount,rw /
ip link set lo up
# A network with nobody on it: the node's address is one of it.
ip link add node0 type dummy
ip address add 192.0.2.2/24 dev node0
ip link set node0 up
ip route add default via 192.0.2.1
hostname guest

stty -F /dev/ttyS1 raw
uname -a
echo "guest: systemd $(systemctl --version | sed -n '1s/^systemd //p') started this after $(cut -d ' ' -f 1 /proc/uptime) s"
cd /carpel || exit 1
part=$(grep -o 'part=[0-9/]*' /proc/cmdline)
part=${part#part=}
number=0 running=0
while read -r file filter; do
	[ "$file" != '#' ] || continue
	[ $((number++ % ${part#*/})) = "${part%/*}" ] || continue
	[ $((running++)) -lt 2 ] || wait -n
	suite "$file" "$filter" &
done </carpel/selection
wait
if [ -e /run/failed ]; then
	echo 'guest: all suites ran, and not all passed'
else
	echo 'guest: all suites ran and passed'
fi
sync
