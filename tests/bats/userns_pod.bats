#!/usr/bin/env bats
# hostUsers: false in a manifest: whose ids a pod has, that they are its own for as long as it lives,
# and what is refused.  Security test T23 of the whole system; carpel-launch's part is userns.bats.
#
# bats sets output and status.
# shellcheck disable=SC2030,SC2031,SC2154

load lib/carpel
load lib/pod

setup() {
	carpel_setup
	import_guest
}

teardown() {
	carpel_teardown
}

# maps POD: the uid_map of its processes, one "FIRST SIZE" for each that differs.
maps() {
	local pid

	for pid in $(pod_pids "$1"); do
		# a probe's comes and goes
		awk '{ print $2, $3 }' "/proc/$pid/uid_map" "/proc/$pid/gid_map" 2>/dev/null || [ ! -d "/proc/$pid" ]
	done | sort -u
}

# base POD: the first of its ids; an error unless all its processes have one block of 65536.
base() {
	local all

	all=$(maps "$1")
	[[ $all =~ ^([0-9]+)\ 65536$ ]] || {
		echo "$1 has the maps $all" >&2
		return 1
	}
	echo "${BASH_REMATCH[1]}"
}

# first POD: the host's pid of the container's first process.
first() {
	local pid

	for pid in $(pids_named "$1" guest); do
		! grep -qzx sleepy "/proc/$pid/cmdline" 2>/dev/null || echo "$pid"
	done
}

@test "hostUsers: false: root in the pod is nobody on the host, and files keep the ids that they have in the pod" {
	mkdir -m 755 "$ROOT/host"
	SPEC="hostUsers: false, securityContext: {fsGroup: 3000}, volumes: [{name: e, emptyDir: {}}, {name: h, hostPath: {path: $ROOT/host}}]" \
		EXTRA='volumeMounts: [{name: e, mountPath: /e}, {name: h, mountPath: /h}], readinessProbe: {exec: {command: [/bin/guest, write, /e/probed, x]}, periodSeconds: 1}' \
		pod a sleepy x | carpel apply -f - --wait=ready --timeout 60s
	base a >"$ROOT/base"
	BASE=$(cat "$ROOT/base")
	for pid in "$(pids_named a carpel-pause)" "$(first a)"; do
		[ "$(readlink "/proc/$pid/ns/user")" != "$(readlink /proc/self/ns/user)" ]
		[ "$(awk '$1 == "Uid:" { print $2, $3, $4, $5 }' "/proc/$pid/status")" = "$BASE $BASE $BASE $BASE" ]
	done
	guest a all report 'stat /e /h /etc/hosts /etc/hostname /dev/termination-log /' 'write /h/new x' 'write /own x' 'write /dev/termination-log x' >"$ROOT/out"
	grep -x 'uid 0 0 0 0' "$ROOT/out"
	grep -x 'groups 0 3000' "$ROOT/out" || grep -x 'groups 3000 0' "$ROOT/out"
	grep -x 'seccomp 2' "$ROOT/out"
	grep -x '/e dir 2777 0 3000 0:0' "$ROOT/out"
	for f in '/h dir 755' '/etc/hosts file 644' '/etc/hostname file 644' '/dev/termination-log file 666' '/ dir 755'; do
		grep -x "$f 0 0 0:0" "$ROOT/out"
	done
	[ "$(grep -c ' ok$' "$ROOT/out")" = 3 ]
	[ "$(stat -c %u:%g "$ROOT/host/new")" = 0:0 ]
	[ "$(find "$ROOT/var/lib/carpel/pods" -name probed -printf '%U:%G')" = 0:3000 ]
	[ "$(find "$ROOT/var/lib/carpel/pods" -path '*/upper/own' -printf '%U:%G')" = "$BASE:$BASE" ]
}

@test "each pod has a block of its own that no account has, before and after a crash, and free when it is gone" {
	for i in a b; do
		SPEC='hostUsers: false' pod $i sleepy x | carpel apply -f - --wait=ready --timeout 60s
	done
	A=$(base a)
	B=$(base b)
	[ "$A" != "$B" ]
	for i in "$A" "$B"; do
		[ $((i % 65536)) = 0 ]
		[ "$i" -ge 1879048192 ]
		[ "$i" -le 2147418112 ]
		awk -F: -v first="$i" '$3 >= first && $3 < first + 65536 { exit 1 }' /etc/passwd /etc/group
	done
	kill -9 "$(carpeld_pid)"
	wait_for 60 is_serving
	SPEC='hostUsers: false' pod c sleepy x | carpel apply -f - --wait=ready --timeout 60s
	[ "$(base a)" = "$A" ]
	[ "$(base b)" = "$B" ]
	C=$(base c)
	[ "$C" != "$A" ]
	[ "$C" != "$B" ]
	# An exec and a container that is started again are in the same one.
	[ "$(guest a cat /proc/self/uid_map | awk '{ print $2 }')" = "$A" ]
	kill -9 "$(first a)"
	wait_for 60 has_restarts a 1
	wait_for 60 is_status a .ready true
	[ "$(base a)" = "$A" ]
	carpel delete pod a --now >/dev/null
	SPEC='hostUsers: false' pod d sleepy x | carpel apply -f - --wait=ready --timeout 60s
	[ "$(base d)" = "$A" ]
}

@test "hostUsers: false with a namespace of the host is refused, and so is a file system that maps no ids" {
	for f in hostNetwork:hostNetwork hostPID:HostPID hostIPC:HostIPC; do
		run carpel apply -f - < <(SPEC="hostUsers: false, ${f%:*}: true" pod a sleepy x)
		[ "$status" != 0 ]
		grep -F "spec.${f#*:}: Forbidden: when \`hostUsers\` is false" <<<"$output"
	done
	SPEC='hostUsers: false, volumes: [{name: v, hostPath: {path: /sys/kernel}}]' EXTRA='volumeMounts: [{name: v, mountPath: /v}]' \
		pod vain sleepy x | apply
	wait_for 60 matches vain '.status.containerStatuses[0].lastState.terminated.message // .status.containerStatuses[0].state.waiting.message | contains("copy mounts: /sys/kernel: map the ids of the mount: mount_setattr: Invalid argument")'
	[ -z "$(pids_named vain guest)" ]
	run carpel apply -f - < <(SPEC='hostUsers: false' EXTRA='securityContext: {runAsUser: 65536}' pod far sleepy x)
	[ "$status" = 0 ]
	wait_for 60 matches far '.status.containerStatuses[0].lastState.terminated.message // .status.containerStatuses[0].state.waiting.message | contains("uid 65536 is not in the user namespace")'
}

has_users() {
	[ "$(carpel cri info | jq '.runtimeHandlers[0].features.userNamespaces')" = "$1" ]
}

@test "a try-out of user namespaces that was killed is no answer for ever" {
	carpel down
	mkdir "$ROOT/bin"
	cp "$CARPEL_BIN"/carpel* "$ROOT/bin" # a link would show in the programs, which others watch
	CARPEL_BIN=$ROOT/bin
	start_carpeld
	mv "$ROOT/bin/carpel-launch" "$ROOT"
	cat >"$ROOT/bin/carpel-launch" <<-EOF
		#!/bin/sh
		echo "\$1" >>$ROOT/tried
		kill -9 \$\$
	EOF
	chmod 755 "$ROOT/bin/carpel-launch"
	has_users false
	[ "$(head -n 1 "$ROOT/tried")" = --try-users ]
	mv "$ROOT/carpel-launch" "$ROOT/bin"
	wait_for 30 has_users true
}
