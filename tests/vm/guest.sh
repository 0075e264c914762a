#!/bin/bash
# What tests.service runs in the guest: the suites of the selection, one after the other.
# Their TAP goes to the second serial port, all else to the console.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp LC_ALL=C.UTF-8

mount -o remount,rw /
ip link set lo up
hostname guest

stty -F /dev/ttyS1 raw
uname -a
echo "guest: systemd $(systemctl --version | sed -n '1s/^systemd //p') started this after $(cut -d ' ' -f 1 /proc/uptime) s"
export CARPEL_BIN=/carpel/bin WAIT_FACTOR=10 WAIT_STEP=0.3 BATS_TEST_TIMEOUT=900
cd /carpel || exit 1
result=passed
while read -r suite filter; do
	[ "$suite" != '#' ] || continue
	setsid -w bats --formatter tap --timing --print-output-on-failure -j "$(nproc)" -f "$filter" "$suite" \
		</dev/null >/dev/ttyS1 2>/dev/console || result=failed
done </carpel/selection
echo "guest: all suites ran and $result"
sync
