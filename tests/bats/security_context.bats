#!/usr/bin/env bats
# A manifest's security context where it depends on the node: its profiles and its rules, and on files of the image.
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
	wait_for 30 is_refused c
	wait_for 30 has_event c Failed 'seccomp profile: open .*/etc/carpel/seccomp/none.json: No such file'
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
	# As who they began, in the status too, in their own ids.
	[ "$(status merge '.user.linux | [.uid, .gid, .supplementalGroups] | tojson')" = '[1000,1000,[1000,2000,3000]]' ]
	[ "$(status strict '.user.linux | [.uid, .gid, .supplementalGroups] | tojson')" = '[1000,1000,[1000,3000]]' ]
	kill -9 "$(carpeld_pid)"
	wait_for 30 is_serving
	[ "$(status strict '.user.linux | [.uid, .gid, .supplementalGroups] | tojson')" = '[1000,1000,[1000,3000]]' ]
	for name in merge strict; do
		grep ^Groups "/proc/$(pids_named "$name" guest)/status"
	done >"$ROOT/groups"
	[ "$(tr -s '\t ' ' ' <"$ROOT/groups" | sed 's/ $//')" = $'Groups: 1000 2000 3000\nGroups: 1000 3000' ]
}

@test "sysctls: beside the safe ones those that the node allows, in the pod's namespaces only" {
	carpel down >/dev/null
	DAEMON_OPTIONS='--allowed-unsafe-sysctls=kernel.msg*,net.core.somaxconn --allowed-unsafe-sysctls net.ipv4.conf.*' start_carpeld
	SPEC='securityContext: {sysctls: [{name: kernel/msgmax, value: "4097"}, {name: net.core.somaxconn, value: "77"},
		{name: net.ipv4.tcp_syncookies, value: "0"}]}' pod a sleepy | carpel run -f - --wait
	[ "$(guest a cat /proc/sys/kernel/msgmax /proc/sys/net/core/somaxconn /proc/sys/net/ipv4/tcp_syncookies | tr '\n' ' ')" = '4097 77 0 ' ]
	[ "$(cat /proc/sys/kernel/msgmax)" != 4097 ]
	SPEC='securityContext: {sysctls: [{name: net.core.somaxconn, value: "77"}, {name: net.ipv4.ip_forward, value: "1"}]}' pod b sleepy >"$ROOT/b"
	is_rejected SysctlForbidden 'forbidden sysctl: "net.ipv4.ip_forward" not allowlisted' b <"$ROOT/b"
	SPEC='hostNetwork: true, securityContext: {sysctls: [{name: net.core.somaxconn, value: "77"}]}' pod b sleepy >"$ROOT/b"
	run -1 carpel run -f "$ROOT/b"
	[[ $output == *"may not be specified when 'hostNetwork' is true"* ]]
	run -2 "$CARPEL_BIN/carpeld" --root "$ROOT" --allowed-unsafe-sysctls=net.core.somaxconn,kernel.panic
	[[ $output == *'--allowed-unsafe-sysctls takes names of sysctls'*'kernel.panic'* ]]
	# The next carpeld allows nothing, and keeps what was admitted.
	kill "$(carpeld_pid)"
	wait_for 30 is_gone
	[ "$(field a .status.phase)" = Running ]
	sed 's/name: a/name: c/' <(SPEC='securityContext: {sysctls: [{name: net.core.somaxconn, value: "77"}]}' pod a sleepy) >"$ROOT/c"
	is_rejected SysctlForbidden 'forbidden sysctl: "net.core.somaxconn" not allowlisted' c <"$ROOT/c"
}

# is_rejected REASON TEXT NAME: of the pod on standard input, as by a kubelet; and it stays so.
is_rejected() {
	run -1 --separate-stderr carpel run -f - --wait --timeout 20s
	[[ $stderr == *"Pod was rejected: $2"* ]] || { echo "$stderr"; return 1; }
	[ "$(carpel get pod "$3" -o json | jq -c '.status | [.phase, .reason, .message, .conditions, .containerStatuses]')" = \
		"$(jq -cn --arg r "$1" --arg t "$2" '["Failed", $r, "Pod was rejected: \($t)", null, null]')" ]
	[ "$(events "$3" "$1")" = "$2" ]
	[ "$(events "$3" | wc -l)" = 1 ]
	carpel delete pod "$3"
}

is_gone() {
	! is_serving
}

@test "AppArmor and SELinux: asked for and not in the kernel is an error, of pods and by CRI" {
	local pod context

	META='annotations: {container.apparmor.security.beta.kubernetes.io/c: runtime/default}' pod a sleepy >"$ROOT/a"
	run -1 carpel run -f "$ROOT/a"
	[[ $output == *'Forbidden: use securityContext.appArmorProfile instead'* ]]
	echo '{metadata: {name: p, namespace: ns, uid: u}, linux: {security_context: {namespace_options: {network: NODE}}}}' >"$ROOT/p"
	pod=$(carpel cri runp "$ROOT/p")
	[ "$(carpel info -o json | jq -r .selinux)" = off ]
	SPEC='securityContext: {seLinuxOptions: {level: "s0:c1,c2"}}' pod a sleepy >"$ROOT/a"
	run -1 carpel run -f "$ROOT/a"
	[[ $output == *'spec.securityContext.seLinuxOptions: Forbidden: SELinux is not enabled on the host'* ]]
	is_not_created 'selinux_options: {level: s0}'
	# Where the kernel has it, tests/vm/apparmor.bats shows it.
	if [ "$(carpel info -o json | jq -r .apparmor)" = off ]; then
		EXTRA='securityContext: {appArmorProfile: {type: Localhost, localhostProfile: p}}' pod a sleepy >"$ROOT/a"
		is_rejected AppArmor 'Cannot enforce AppArmor: AppArmor is not enabled on the host' a <"$ROOT/a"
		EXTRA='securityContext: {appArmorProfile: {type: RuntimeDefault}}' pod a sleepy | carpel run -f - --wait
		is_not_created 'apparmor: {profile_type: Localhost, localhost_ref: p}'
		is_not_created 'apparmor_profile: localhost/p'
	fi
	carpel cri rmp -f "$pod"
}

# is_not_created CONTEXT: a container of the sandbox $pod with that security context.
is_not_created() {
	echo "{metadata: {name: c}, image: {image: guest}, linux: {security_context: {$1}}}" >"$ROOT/c"
	run -1 carpel cri create "$pod" "$ROOT/c" "$ROOT/p"
	[[ $output == *'is not enabled on the host'* ]]
}
