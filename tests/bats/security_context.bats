#!/usr/bin/env bats
# A manifest's security context where it needs files: profiles of the node's, groups of the image's.
#
# bats sets output and status.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/pod

setup() {
	carpel_setup
	mkdir -p "$ROOT/guest-rootfs/etc" "$ROOT/etc/carpel/seccomp/team"
	echo 'app:x:1000:1000::/:/bin/guest' >"$ROOT/guest-rootfs/etc/passwd"
	printf '%s\n' 'app:x:1000:' 'extra:x:2000:app' >"$ROOT/guest-rootfs/etc/group"
	import_guest
}

teardown() {
	carpel_teardown
}

is_refused() {
	matches "$1" '.status.containerStatuses[0].state.waiting.reason == "CreateContainerError"'
}

@test "seccompProfile: Localhost is a file below etc/carpel/seccomp, the container's before the pod's" {
	echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 17}]}' \
		>"$ROOT/etc/carpel/seccomp/team/no-mkdir.json"
	SPEC='securityContext: {seccompProfile: {type: Localhost, localhostProfile: team/no-mkdir.json}}' pod a sleepy | carpel run -f - --wait
	SPEC='securityContext: {seccompProfile: {type: Localhost, localhostProfile: team/no-mkdir.json}}' \
		EXTRA='securityContext: {seccompProfile: {type: RuntimeDefault}}' pod b sleepy | carpel run -f - --wait
	[[ $(guest a mkdir /new) == *EEXIST* ]]
	[[ $(guest b mkdir /new) == *ok* ]]
	# One that is not there is an error, and not another profile.
	SPEC='securityContext: {seccompProfile: {type: Localhost, localhostProfile: none.json}}' pod c sleepy | apply
	wait_for 10 is_refused c
	has_event c Failed 'seccomp profile: open .*/etc/carpel/seccomp/none.json: No such file'
	SPEC='securityContext: {seccompProfile: {type: Localhost, localhostProfile: ../none.json}}' pod d sleepy >"$ROOT/d"
	run carpel run -f "$ROOT/d"
	[ "$status" = 1 ]
	[[ $output == *"spec.securityContext.seccompProfile.localhostProfile: "*"must not contain '..'"* ]]
}

@test "supplementalGroupsPolicy: Strict leaves out what the image's /etc/group adds, for execs too" {
	local name

	SPEC='securityContext: {runAsUser: 1000, supplementalGroups: [3000]}' pod merge sleepy | carpel run -f - --wait
	SPEC='securityContext: {runAsUser: 1000, supplementalGroups: [3000], supplementalGroupsPolicy: Strict}' pod strict sleepy |
		carpel run -f - --wait
	[ "$(guest merge report | sed -n 's/^groups //p')" = '1000 2000 3000' ]
	[ "$(guest strict report | sed -n 's/^groups //p')" = '1000 3000' ]
	for name in merge strict; do
		grep ^Groups "/proc/$(pids_named "$name" guest)/status"
	done >"$ROOT/groups"
	[ "$(tr -s '\t ' ' ' <"$ROOT/groups" | sed 's/ $//')" = $'Groups: 1000 2000 3000\nGroups: 1000 3000' ]
}
