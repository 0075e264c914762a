#!/bin/busybox sh
# shellcheck shell=dash
# The first program of the guest: loads the disk's driver and makes the disk the root.
bb=/bin/busybox

$bb mount -t devtmpfs none /dev
while read -r module; do
	$bb insmod "/modules/$module"
done </modules/order
for _ in 1 2 3 4 5 6 7 8 9 10; do
	[ ! -b /dev/vda ] || break
	$bb sleep 0.2
done
$bb mount -t ext4 /dev/vda /root
$bb umount /dev
exec $bb switch_root /root /usr/lib/systemd/systemd
