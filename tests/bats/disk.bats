#!/usr/bin/env bats
# Limits of disk space: who has more than they allow is evicted, and what is used can be seen.
#
# bats sets output and status.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/pod
load lib/user

setup() {
	carpel_setup
	DAEMON_OPTIONS='--disk-period 200'
	start_carpeld
	import_guest
}

teardown() {
	carpel_teardown
}

# evicted POD MESSAGE: it failed for that reason, nothing of it runs, nothing of it is on the disk.
evicted() {
	local uid

	wait_for 20 is_field "$1" .status.phase Failed
	[ "$(field "$1" .status.reason)" = Evicted ]
	[ "$(field "$1" .status.message)" = "$2" ]
	has_event "$1" Evicted "^$2$"
	[ "$(carpel events --for "$1" -o json | jq -r '.items[] | select(.reason == "Evicted") | .type')" = Warning ]
	wait_for 20 has_pids "$1" 0
	[ "$(restarts "$1")" = 0 ]
	uid=$(field "$1" .metadata.uid)
	wait_for 20 is_away "$ROOT/var/lib/carpel/pods/$uid"
}

is_away() {
	[ ! -e "$1" ]
}

# has_counted POD CONTAINER JQ: a condition on its usage, true at some time.
has_counted() {
	rest /apis/carpel/v1/usage | jq -e ".items[] | select(.metadata.name == \"$1\") | $2"
}

LIMIT='resources: {limits: {ephemeral-storage: 4Mi}}'

# What goes above a limit may be killed by that before it is heard that it is done.
is_killed() {
	[ "$1" = 137 ]
}

@test "a container's writable layer and log count for its limit, those of others do not" {
	pod_of a "{name: c, image: guest, command: [/bin/guest, sleepy], $LIMIT},
		{name: d, image: guest, command: [/bin/guest, sleepy], resources: {limits: {ephemeral-storage: 1Gi}}}" | apply
	RESTART=Never pod_of b "{name: c, image: guest, command: [/bin/guest, sleepy], $LIMIT},
		{name: d, image: guest, command: [/bin/guest, bytes, '4200000'], resources: {limits: {ephemeral-storage: 6Mi}}}" | apply
	wait_for 20 is_field a .status.phase Running
	carpel exec a -c d -- /bin/guest fill /f 6000000
	carpel exec a -c c -- /bin/guest fill /f 3500000 || is_killed $?
	evicted b 'Container d exceeded its local ephemeral storage limit "6Mi". '
	wait_for 20 has_counted a '.containers | any(.name == "c" and .rootfs.usedBytes > 3500000) and
		any(.name == "d" and .rootfs.usedBytes > 6000000)'
	is_field a .status.phase Running
	carpel exec a -c c -- /bin/guest fill /tmp/g 800000 || is_killed $?
	evicted a 'Container c exceeded its local ephemeral storage limit "4Mi". '
}

@test "an emptyDir has a limit of its own; without one it counts for the pod's" {
	local volumes='volumes: [{name: v, emptyDir: {sizeLimit: 2Mi}}, {name: w, emptyDir: {}}]'
	local mounts='volumeMounts: [{name: v, mountPath: /v}, {name: w, mountPath: /w}]'

	SPEC=$volumes EXTRA=$mounts pod a sleepy | carpel run -f - --wait
	SPEC=$volumes EXTRA="$LIMIT, $mounts" pod b sleepy | carpel run -f - --wait
	guest a fill /w/f 9000000
	guest a fill /f 9000000
	guest a fill /v/f 1900000
	guest b fill /w/f 4300000 || is_killed $?
	evicted b 'Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. '
	wait_for 20 has_counted a '.volume | any(.name == "v" and .usedBytes > 1900000) and any(.name == "w" and .usedBytes > 9000000)'
	is_field a .status.phase Running
	guest a mkdir /v/d
	guest a fill /v/d/f 200000 || is_killed $?
	evicted a 'Usage of EmptyDir volume "v" exceeds the limit "2Mi". '
}

@test "limits hold after kill -9 of carpeld, and a pod that was evicted stays so" {
	local pid

	{
		EXTRA=$LIMIT pod a sleepy
		EXTRA=$LIMIT pod b sleepy
	} | carpel run -f - --wait
	guest b fill /f 5000000 || is_killed $?
	evicted b 'Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. '
	pid=$(carpeld_pid)
	kill -9 "$pid"
	wait_for 20 is_other_pid "$pid"
	[ "$(field b .status.reason)" = Evicted ]
	guest a fill /f 5000000 || is_killed $?
	evicted a 'Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. '
	[ "$(event_count b Evicted)" = 1 ]
	carpel delete pod a b
}

is_other_pid() {
	local now

	now=$(carpeld_pid)
	[ "$now" -gt 0 ] && [ "$now" != "$1" ]
}

@test "what is used: of pods, their volumes, containers and logs, also without limits" {
	SPEC='volumes: [{name: v, emptyDir: {}}]' EXTRA='volumeMounts: [{name: v, mountPath: /v}]' pod a sleepy | carpel run -f - --wait
	guest a fill /v/f 1000000
	guest a fill /f 2000000
	wait_for 20 has_counted a '.containers[0] | .rootfs.usedBytes >= 2000000 and .rootfs.inodesUsed >= 4 and
		.logs.usedBytes >= 0 and (.rootfs.time | test("^20"))'
	wait_for 20 has_counted a '.["ephemeral-storage"].usedBytes >= 3000000'
	rest /apis/carpel/v1/usage | jq -e '.items[0] | .["ephemeral-storage"].usedBytes >= 3000000 and
		.["ephemeral-storage"].usedBytes == .containers[0].rootfs.usedBytes + .containers[0].logs.usedBytes + .volume[0].usedBytes'
	carpel stats --interval 50ms --no-headers a | grep -Eq ' (29|30)[0-9][0-9]Ki$'
	carpel stats --interval 50ms --no-headers --containers a | grep -Eq ' (19|20)[0-9][0-9]Ki$'
}

MEMORY='volumes: [{name: m, emptyDir: {medium: Memory, sizeLimit: 2Mi}}]'

@test "an emptyDir in memory: the pod's containers share it and it outlives them; it is never larger than it may be" {
	local pid

	SPEC="securityContext: {fsGroup: 77}, $MEMORY" pod_of a "{name: c, image: guest, command: [/bin/guest, sleepy], volumeMounts: [{name: m, mountPath: /m}]},
		{name: d, image: guest, command: [/bin/guest, sleepy], volumeMounts:
			[{name: m, mountPath: /m, readOnly: true}, {name: m, mountPath: /s, subPath: x/y}]}" | carpel run -f - --wait
	run carpel exec a -c c -- /bin/guest fill /m/f 4000000
	[ "${lines[-1]}" = '2097152 ENOSPC' ] || [ "${lines[-2]}" = '2097152 ENOSPC' ]
	carpel exec a -c c -- /bin/guest stat /m | grep -q ' 3777 0 77 '
	carpel exec a -c d -- /bin/guest mounts >"$ROOT/mounts"
	grep -q ' / /m ro,nosuid,nodev,' "$ROOT/mounts"
	grep -q ' /x/y /s rw,nosuid,nodev,' "$ROOT/mounts"
	run carpel exec a -c d -- /bin/guest write /m/g x
	[[ "$output" =~ EROFS ]]
	# It is the pod's memory, and no disk.
	rest /apis/carpel/v1/usage | jq -e '.items[0] | .memory.usageBytes >= 2097152 and .volume == []'
	carpel exec a -c c -- /bin/guest unlink /m/f
	carpel exec a -c d -- /bin/guest write /s/f hello
	pid=$(carpeld_pid)
	kill -9 "$pid"
	wait_for 20 is_other_pid "$pid"
	end_first a c
	wait_for 20 has_restarts a 1
	wait_for 20 is_status a .state.running.startedAt!=null true
	[ "$(carpel exec a -c c -- /bin/guest cat /m/x/y/f)" = hello ]
	# Nowhere on the host.
	[ "$(grep -c "$ROOT/" /proc/self/mountinfo)" = 0 ]
	[ ! -e "$ROOT/var/lib/carpel/pods/$(field a .metadata.uid)/volumes/m" ]
}

@test "carpel-image usage: counts what is anybody's, and follows no link" {
	mkdir -p "$ROOT/t/shut"
	head -c 100000 /dev/zero >"$ROOT/t/shut/f"
	chown 7:7 "$ROOT/t/shut" "$ROOT/t/shut/f"
	chmod 0 "$ROOT/t/shut" "$ROOT/t/shut/f"
	ln -s / "$ROOT/t/root"
	[ "$(printf '%s\0' "$ROOT/t" "$ROOT/none" "$ROOT/t/shut/f" "$ROOT/t/root" | "$CARPEL_BIN/carpel-image" usage | tr '\n' ' ')" = \
		"0 0 $(du -s -B1 "$ROOT/t" | cut -f 1) 4 0 1 1 0 0 0 2 2 0 0 1 3 3 0 0 1 " ]
	run "$CARPEL_BIN/carpel-image" usage <<<no-nul
	[ "$status" = 22 ]
	[ "$output" = 'list of directories: the last is not closed by NUL' ]
}

# The programs anew, with a carpel-image that hangs at what the patterns in $ROOT/silent name, as one does whose
# file system does not answer, and notes it in $ROOT/stuck.  While there is $ROOT/lies it counts the first tree of a
# pod's as often as there are trees, which it notes in $ROOT/lied.
fake_counter() {
	mkdir "$ROOT/bin"
	cp "$CARPEL_BIN"/carpel* "$ROOT/bin" # a link would show in the programs, which others watch
	rm "$ROOT/bin/carpel-image"
	cat >"$ROOT/bin/carpel-image" <<-EOF
		#!/bin/bash
		[ "\$1" = usage ] || exec $CARPEL_BIN/carpel-image "\$@"
		mapfile -d '' paths
		if [[ -e $ROOT/lies && \${paths[0]} = */pods/* ]]; then
			printf '%s\n' "\${paths[@]}" >>$ROOT/lied
			printf '0 0 0 0\n%.0s' "\${paths[@]}"
			exit
		fi
		for i in "\${!paths[@]}"; do
			echo "\$i"
			while read -r pattern; do
				[[ \${paths[i]} != \$pattern ]] || { echo "\$pattern" >>$ROOT/stuck; exec /bin/sleep 1000; }
			done <$ROOT/silent
			printf '%s\0' "\${paths[i]}" | $CARPEL_BIN/carpel-image usage | sed -n "2s/0/\$i/p"
		done
	EOF
	chmod 755 "$ROOT/bin/carpel-image"
	CARPEL_BIN=$ROOT/bin
}

limited() {
	pod_of "$1" "{name: c, image: guest, command: [/bin/guest, sleepy], $LIMIT}" | carpel run -f - --wait
}

outgrows() {
	carpel exec "$1" -- /bin/guest fill /f 6000000 || is_killed $?
	wait_for 30 is_field "$1" .status.phase Failed
}

has_lied() {
	for name in a b c d; do
		grep -q "/pods/$(field $name .metadata.uid)/" "$ROOT/lied" || return 1
	done
}

has_layers() {
	carpel cri imagefsinfo -o json | jq -e '.status.containerFilesystems[0].inodesUsed.value | tonumber > 0'
}

@test "a file system that does not answer keeps neither pods nor CRI from what is counted elsewhere" {
	carpel down
	fake_counter
	echo "$ROOT/var/lib/carpel/images" >"$ROOT/silent"
	touch "$ROOT/lies" "$ROOT/lied"
	# So long that whoever else is stopped for a while does not look like it.
	DAEMON_OPTIONS="--disk-period 200 --start-deadline $((5000 * ${WAIT_FACTOR:-1}))" start_carpeld
	for name in a b c d; do
		limited $name
	done
	wait_for 30 has_lied
	rm "$ROOT/lies" # what it left out is counted by the next
	# Some come after it in a round, whatever the order is.
	echo "*/pods/$(field c .metadata.uid)/*" >>"$ROOT/silent"
	wait_for 30 grep -q pods "$ROOT/stuck"
	outgrows d
	outgrows b
	[ "$(field c .status.phase)" = Running ]
	wait_for 30 has_layers
	# It is not in the next ones.
	outgrows a
	[ "$(sort "$ROOT/stuck" | uniq -d)" = '' ]
}
