#!/usr/bin/env bats
# T02, T03, T10 to T12 of the security specification by number, through carpeld: what a container of a pod, an exec, an
# exec probe and an ExecSync make of a hostile image or a hostile container.  Each as such: security_paths.bats.

# Each test has a shell of its own.
# shellcheck disable=SC2030,SC2031

load lib/carpel
load lib/pod
load lib/cri
load lib/sentinel

PYTHON=${PYTHON:-/usr/bin/python3}

setup() {
	cri_setup
	sentinel_make "$ROOT/sentinel"
}

teardown() {
	carpel_teardown
}

# hostile_image NAME: what the guest's is, then whatever the caller puts into $ROOT/NAME.
hostile_image() {
	mkdir -p "$ROOT/$1/bin" "$ROOT/$1/tmp" "$ROOT/$1/etc"
	cp "$CARPEL_BIN/test/guest" "$ROOT/$1/bin/guest"
}

has_answered() {
	carpel exec "$1" -- /bin/guest have /tmp/probed
}

# It has met a stranger, at the latest this one.
meets() {
	is_logged "$1" '^met$' && return
	carpel exec "$1" -- /bin/guest-quiet exit 0
	return 1
}

has_said_all() {
	grep -q 'seen [0-9]' "$ROOT/var/log/pods/default_$1_"*/c/*.log
}

@test "T03 racing the joiner: an exec, an exec probe and an ExecSync are not to be had" {
	hostile_image quiet # a program that cannot be read is traced by nobody: see security_paths.bats
	install -m 111 "$CARPEL_BIN/test/guest" "$ROOT/quiet/bin/guest-quiet"
	carpel image import quiet "$ROOT/quiet"
	pod_of a '{name: c, image: quiet, command: [/bin/guest, hunt, ptrace, vm, mem, fd, root, cwd, environ, exe, maps],
		securityContext: {capabilities: {drop: [ALL]}, seccompProfile: {type: Unconfined}},
		livenessProbe: {exec: {command: [/bin/guest-quiet, append, /tmp/probed, x]}, periodSeconds: 1, timeoutSeconds: 30}}' | apply
	wait_for 60 is_logged a hunting
	for _ in $(seq $((SECURITY_FULL ? 1000 : 15))); do
		carpel exec a -- /bin/guest-quiet exit 0
	done
	wait_for 60 carpel exec a -- /bin/guest-quiet have /tmp/probed
	wait_for 60 meets a
	carpel exec a -- /bin/guest-quiet signal 1 15 || :
	wait_for 60 has_restarts a 1
	wait_for 60 has_said_all a
	output=$(cat "$ROOT/var/log/pods/default_a_"*/c/*.log)
	grep -q 'seen [1-9]' <<<"$output"
	[ "$(grep -c caught <<<"$output")" -eq 0 ]
	cri_python test_cri_attack.Hunted
	sentinel_same
}

@test "T10 files of a root: a pod's hosts, resolver, message and directory over links, FIFOs and devices" {
	hostile_image links
	for name in etc/hosts etc/hostname etc/resolv.conf tmp/message dev/termination-log; do
		mkdir -p "$(dirname "$ROOT/links/$name")"
		ln -s "$SENTINEL/file" "$ROOT/links/$name"
	done
	ln -s "$SENTINEL/dir" "$ROOT/links/w"
	carpel image import links "$ROOT/links"
	hostile_image fifos
	mkfifo "$ROOT/fifos/etc/hosts" "$ROOT/fifos/tmp/message"
	mknod "$ROOT/fifos/etc/resolv.conf" c 1 5
	carpel image import fifos "$ROOT/fifos"
	for image in links fifos; do
		pod_of "$image" "{name: c, image: $image, workingDir: /w/x, terminationMessagePath: /tmp/message,
			command: [/bin/guest, all, report, cat /etc/hosts, sleepy up],
			livenessProbe: {exec: {command: [/bin/guest, all, report, cat /etc/hosts, write /tmp/probed x]}, periodSeconds: 1}}" | apply
		wait_for 60 is_logged "$image" up
		wait_for 60 has_answered "$image"
		output=$(guest "$image" all report 'cat /etc/hosts' 'write /tmp/message bye')
		grep -q '^cwd /' <<<"$output"
		[ "$image" = links ] || grep -q '^127.0.0.1' <<<"$output" # where all links lead to one, the last has it
		[ "$(grep -c sentinel\  <<<"$output")" -eq 0 ]
		end_first "$image"
		wait_for 60 has_restarts "$image" 1
		is_status "$image" .lastState.terminated.message bye
	done
	sentinel_same
}

@test "T02 T11 T12: a pod's directory, user and passwd that are none are said, and hold up nobody" {
	hostile_image bad
	mkfifo "$ROOT/bad/etc/passwd"
	carpel image import bad "$ROOT/bad"
	pod_of fifo '{name: c, image: bad, command: [/bin/guest, sleepy, up]}' | apply
	pod_of cwd '{name: c, image: guest, workingDir: /proc/self/fd/3, command: [/bin/guest, sleepy, up]}' | apply
	pod good sleepy up | apply
	wait_for 60 is_logged good up
	wait_for 60 has_event fifo Failed 'etc/passwd is no regular file'
	wait_for 60 has_event cwd Failed 'working directory: open /proc/self/fd/3: Too many levels'
	# an exec reads what the container has made of it by then
	guest good all 'write /etc/passwd x' 'unlink /etc/passwd'
	for user in -1 2147483648 4294967296 '"+0"' '"0"' 1.5; do
		pod_of "u" "{name: c, image: guest, securityContext: {runAsUser: $user}, command: [/bin/guest, report]}" >"$ROOT/u.yaml"
		run carpel apply -f "$ROOT/u.yaml"
		[ "$status" -ne 0 ]
		[[ $output == *runAsUser* ]]
	done
	sentinel_same
}

# An image whose user and working directory have names, both of which its containers may change.
changing_image() {
	cat <<-END | "${PYTHON:-/usr/bin/python3}" "$BATS_TEST_DIRNAME/image_build.py" oci "$ROOT/changing"
		{"layers": [[{"path": "bin/guest", "file": "$CARPEL_BIN/test/guest", "mode": "755"},
			{"path": "bin/busybox", "file": "$(command -v busybox)", "mode": "755"}, {"path": "tmp/", "mode": "1777"},
			{"path": "etc/", "uid": 5}, {"path": "etc/passwd", "data": "web:x:5:6::/:\\n"}, {"path": "w/", "uid": 5},
			{"path": "w/d/", "uid": 5}, {"path": "fake/self/attr/exec", "data": "x", "mode": "666"},
			{"path": "fake/self/uid_map", "data": "0 0 4294967295"}, {"path": "fake/self/oom_score_adj", "data": "x", "mode": "666"}]],
		"config": {"User": "web", "WorkingDir": "/w/d"}}
	END
	carpel image import changing "$ROOT/changing"
}

# changed NAME ACT [MORE]: a container that acts first, with an exec probe.
changed() {
	local probe='livenessProbe: {exec: {command: [/bin/guest, append, /tmp/probed, x]}, periodSeconds: 1, failureThreshold: 1000}'

	echo "{name: $1, image: changing, $probe, command: [/bin/busybox, sh, -c, \"$2 && exec /bin/guest sleepy up\"]${3:+, $3}}"
}

# refused_each_way POD CONTAINER TEXT: an exec says so, and so does the probe.
refused_each_way() {
	run timeout "$(patience 60)" "$CARPEL_BIN/carpel" --root "$ROOT" exec "$1" -c "$2" -- /bin/guest report
	[ "$status" -ne 0 ]
	[[ $output == *"$3"* ]]
	wait_for 60 has_event "$1" Unhealthy "$3"
}

@test "T01 T02 T09 T12: whatever a container has changed since it began, an exec, a probe and an ExecSync are refused or right" {
	local mode pid

	changing_image
	for mode in true false; do
		SPEC="hostUsers: $mode" pod_of "p$mode" "$(changed passwd 'busybox rm /etc/passwd && busybox mkfifo /etc/passwd'),
			$(changed dir 'busybox rmdir /w/d && busybox ln -s /proc/self/fd/5 /w/d'),
			$(changed proc 'busybox mount -o bind /fake /proc' 'securityContext: {runAsUser: 0, capabilities: {add: [SYS_ADMIN]},
				seccompProfile: {type: Unconfined}}')" | sed 's|busybox|/bin/busybox|g; s|/bin//bin/|/bin/|g' | apply
		for name in passwd dir proc; do wait_for 60 is_up "p$mode" $name; done
		refused_each_way "p$mode" passwd 'etc/passwd is no regular file'
		refused_each_way "p$mode" dir 'working directory: open /w/d: Too many levels'
		carpel exec "p$mode" -c proc -- /bin/guest all 'write /tmp/own x' 'stat /tmp/own' >"$ROOT/said"
		grep -qx '/tmp/own file 644 0 0 0:0' "$ROOT/said"
		wait_for 60 carpel exec "p$mode" -c proc -- /bin/guest have /tmp/probed
		# nothing of ours that they could see can be opened for writing
		for pid in $(pids_named "p$mode" carpel-pause) $(pgrep -o -P "$(carpeld_pid)" -x carpel-launch); do
			"${PYTHON:-/usr/bin/python3}" -c 'import os, sys; sys.exit(not os.statvfs(sys.argv[1]).f_flag & os.ST_RDONLY)' "/proc/$pid/exe"
		done
	done
	cri_python test_cri_attack.Changed
	sentinel_same
}

is_up() {
	carpel logs "$1" -c "$2" | grep -qx up
}
