#!/usr/bin/env bats
# SELinux labels in force, by a policy that knows little else: for the emulated machine, started with SELinux
# instead of AppArmor (see tests/vm/lsm-selinux).  The policy stays loaded, so this is one test.
# bats sets output and status; lib/pod reads what is only set here.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load ../bats/lib/carpel
load ../bats/lib/pod

LABEL=/proc/self/attr/current
LEVEL='level: "s0:c1,c2"'
NAME=system_u:system_r:container_t:s0:c1,c2
FILES=system_u:object_r:container_file_t:s0:c1,c2

setup() {
	mountpoint -q /sys/fs/selinux || mount -t selinuxfs none /sys/fs/selinux
	carpel_setup
	(cd "$ROOT" && secilc -o policy -f /dev/null "$BATS_TEST_DIRNAME/selinux.cil" && cat policy >/sys/fs/selinux/load)
	echo 1 >/sys/fs/selinux/enforce
}

teardown() {
	carpel_teardown
}

speaking_pod() {
	local name=$1

	EXTRA="readinessProbe: {periodSeconds: 5, exec: {command: [/bin/guest, all, \"cat $LABEL\", \"exit 1\"]}}${EXTRA:+, $EXTRA}" \
		pod "$name" all "cat $LABEL" 'sleepy up' | carpel run -f - >/dev/null
	wait_for 20 log_says "$name" up
}

# The kernel closes a label with a NUL.
log_says() {
	carpel logs "$1" | tr '\0' '\n' | grep -qx "$2"
}

# is_called POD LABEL: its first process, an exec and its probe.
is_called() {
	log_says "$1" "$2" || return
	[ "$(guest "$1" cat "$LABEL" | tr -d '\0\n')" = "$2" ] || return
	wait_for 20 has_event "$1" Unhealthy "$2"
}

# is_file PATH LABEL
is_file() {
	python3 -c 'import os, sys; sys.exit(os.getxattr(sys.argv[1], "security.selinux").rstrip(b"\0").decode() != sys.argv[2])' "$@"
}

is_waiting() {
	[ "$(status "$1" .state.waiting.reason)" != null ]
}

@test "SELinux: a container's label and level, in create, exec and exec probe, and its files'; what cannot be is refused" {
	local name path pid

	start_carpeld
	import_guest
	[ "$(carpel info -o json | jq -r .selinux)" = on ]
	SPEC="securityContext: {seLinuxOptions: {$LEVEL}}" speaking_pod a
	is_called a "$NAME"
	pid=$(pids_named a guest | head -1)
	for path in '' bin/guest dev dev/pts dev/shm; do
		is_file "/proc/$pid/root/$path" "$FILES" || { echo "/$path" >&2; return 1; }
	done
	[ "$(tr -d '\0' <"/proc/$(pids_named a carpel-pause | head -1)/attr/current")" = "$NAME" ]
	carpel delete pod a --now
	SPEC="securityContext: {runAsUser: 1000, seLinuxOptions: {$LEVEL}}, hostUsers: false" \
		EXTRA='securityContext: {allowPrivilegeEscalation: false}' speaking_pod own
	is_called own "$NAME"
	carpel delete pod own --now
	SPEC="securityContext: {seLinuxOptions: {$LEVEL}}" EXTRA='securityContext: {privileged: true}' speaking_pod strong
	is_called strong system_u:system_r:kernel_t:s0
	carpel delete pod strong --now
	# The policy lets carpel make no such process; and there is no such type.
	EXTRA='securityContext: {seLinuxOptions: {type: other_t}}' pod b sleepy | apply
	EXTRA='securityContext: {seLinuxOptions: {type: none_t}}' pod c sleepy | apply
	for name in b c; do
		wait_for 20 is_waiting "$name"
	done
	has_event b Failed 'Permission denied'
	has_event c Failed 'set security labels: SELinux label system_u:system_r:none_t:s0: set it for exec: Invalid argument'
}
