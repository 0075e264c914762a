#!/usr/bin/env bats
# Annotations that limit a container's block IO and a pod's processes: what is refused, what the kernel
# is told, and that it holds.
#
# bats sets output and status.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/pod

setup() {
	carpel_setup
	import_guest
}

teardown() {
	carpel down --grace-period 0 >/dev/null || :
	! mountpoint -q "$ROOT/var/lib/carpel" || umount "$ROOT/var/lib/carpel"
	carpel_teardown
}

# needs_device: below the instance there is a block device that can be limited.
needs_device() {
	DEVICE=$(stat -c '%Hd:%Ld' "$ROOT")
	[ -e "/sys/dev/block/$DEVICE" ] || skip "$ROOT is on no block device"
	[ ! -e "/sys/dev/block/$DEVICE/partition" ] || DEVICE=$(cat "/sys/dev/block/$DEVICE/../dev")
	[ -d /sys/fs/cgroup/blkio ] || grep -qw io /sys/fs/cgroup/cgroup.controllers || skip 'no controller of block IO'
}

# told POD: what the kernel was told of the pod's container, a line each.
told() {
	local uid dir

	uid=$(field "$1" .metadata.uid)
	for dir in /sys/fs/cgroup{,/blkio}/"$(instance_cgroup)"/*/pod"$uid"/[0-9a-f]*; do
		[ -d "$dir" ] || continue
		[ ! -e "$dir/io.max" ] || cat "$dir/io.max"
		grep -s . "$dir"/blkio.throttle.*_device | sed "s|^$dir/blkio.throttle.||"
	done
}

@test "limits of block IO: the kernel is told, a writer is slowed, stats counts its bytes" {
	local slow fast written=0

	needs_device
	{
		META='annotations: {carpel/io.c.max-write-bps: 1Mi, carpel/io.c.max-read-iops: "1000"}' pod slow sleepy
		echo ---
		pod fast sleepy
	} | carpel run -f - --wait
	if [ -d /sys/fs/cgroup/blkio ]; then
		[ "$(told slow | sort)" = "read_iops_device:$DEVICE 1000
write_bps_device:$DEVICE 1048576" ]
	else
		[ "$(told slow)" = "$DEVICE rbps=max wbps=1048576 riops=1000 wiops=max" ]
	fi
	[ -z "$(told fast)" ]
	wait_for 60 is_slowed # who is kept from running for a while shows nothing
	echo "in two seconds: $slow, without a limit $fast"
	carpel stats slow --interval 10ms -o json | jq -e --argjson n "$written" \
		'.containers[0].io | .writeBytes >= $n and .writeBytes < 2 * $n + 4e6 and .writeOperations >= 4 and .readBytes >= 0'
}

# Sets fast and slow, and adds to written.
is_slowed() {
	fast=$(guest fast pour /f 2000)
	slow=$(guest slow pour /f 2000)
	written=$((written + slow))
	[ "$slow" -ge 262144 ] && [ "$slow" -le $((4 << 20)) ] && [ "$fast" -ge $((3 * slow)) ]
}

@test "a container that waits for slow IO is killed at once, alone and with its pod" {
	needs_device
	META='annotations: {carpel/io.c.max-write-bps: 1Ki}' pod a pour /f 100000 | carpel run -f - --wait
	[ "$(told a)" ]
	# One block takes a minute.
	wait_for 10 is_blocked a
	timeout "$(patience 20)" "$CARPEL_BIN/carpel" --root "$ROOT" stop a --grace-period 0
	META='annotations: {carpel/io.c.max-write-bps: 1Ki}' pod b pour /f 100000 | carpel run -f - --wait
	wait_for 10 is_blocked b
	timeout "$(patience 20)" "$CARPEL_BIN/carpel" --root "$ROOT" delete pod b --now
}

# Its first process is in uninterruptible sleep.
is_blocked() {
	local pid

	for pid in $(pids_named "$1" guest); do
		[ "$(sed 's/.*) //; s/ .*//' "/proc/$pid/stat")" = D ] || return 1
	done
	[ "$pid" ]
}

@test "limits that cannot hold: the container does not start, and an event says why" {
	needs_device
	grep -q '\[bfq\]' "/sys/dev/block/$DEVICE/queue/scheduler" && skip "$DEVICE knows weights"
	META='annotations: {carpel/io.c.weight: "200"}' pod a sleepy | apply
	wait_for 10 has_event a Failed "block IO: weight: the scheduler of block device $DEVICE knows none"
	is_field a '.status.containerStatuses[0].state.running' ''
}

@test "a writable layer on no block device has no limits of block IO" {
	mkdir -p "$ROOT/var/lib/carpel"
	mount -t tmpfs none "$ROOT/var/lib/carpel"
	import_guest
	META='annotations: {carpel/io.c.max-read-bps: 1Mi}' pod a sleepy | apply
	wait_for 10 has_event a Failed 'no block IO of .* can be limited: its file system is on no block device \(0:[0-9]+\)'
}

@test "annotations that are wrong are refused by name" {
	META='annotations: {carpel/io.c.max-read-bps: quick}' pod a sleepy >"$ROOT/a.yaml"
	run carpel run -f "$ROOT/a.yaml"
	[ "$status" = 1 ]
	[[ $output == *'metadata.annotations[carpel/io.c.max-read-bps]: Invalid value: "quick": must be a quantity of bytes a second, at least 1024'* ]]
	META='annotations: {carpel/io.c.max-bps: "1"}' pod a sleepy >"$ROOT/a.yaml"
	run carpel run -f "$ROOT/a.yaml"
	[ "$status" = 1 ]
	[[ $output == *'metadata.annotations[carpel/io.c.max-bps]: Forbidden: carpel has no such annotation'* ]]
	META='annotations: {carpel/pids-limit: "3"}' pod a sleepy >"$ROOT/a.yaml"
	run carpel run -f "$ROOT/a.yaml"
	[ "$status" = 1 ]
	[[ $output == *'metadata.annotations[carpel/pids-limit]: Invalid value: "3": must be between 16 and 4194304, inclusive'* ]]
}

# pids_max POD: of the pod's cgroup.
pids_max() {
	cat /sys/fs/cgroup{,/pids}/"$(instance_cgroup)"/*/pod"$(field "$1" .metadata.uid)"/pids.max 2>/dev/null
}

@test "carpel/pids-limit: so many processes a pod, 2048 without it" {
	{
		META='annotations: {carpel/pids-limit: "20"}' pod few sleepy
		echo ---
		pod many sleepy
	} | carpel run -f - --wait
	[ "$(pids_max few)" = 20 ]
	[ "$(pids_max many)" = 2048 ]
	# Beside pause, the container's own and the one that forks.
	run guest few fork-bomb 200
	[[ $output =~ ^forked\ 1[67]\ EAGAIN$ ]]
	[ "$(guest many fork-bomb 200)" = 'forked 200 all' ]
}

@test "annotations of carpel's own cannot be changed afterwards, others can" {
	META='annotations: {carpel/pids-limit: "20", a: b}' pod a sleepy | carpel run -f - --wait
	for change in carpel/pids-limit=30 carpel/pids-limit- carpel/io.c.max-read-iops=5; do
		run carpel annotate a "$change" --overwrite
		[ "$status" = 1 ]
		[[ $output == *"metadata.annotations: Forbidden: pod updates may not change ${change%[-=]*}"* ]]
	done
	carpel annotate a a=c x=y carpel/pids-limit=20 --overwrite
	[ "$(carpel get pod a -o json | jq -cS .metadata.annotations)" = '{"a":"c","carpel/pids-limit":"20","x":"y"}' ]
}
