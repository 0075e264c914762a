#!/usr/bin/env bats
# AppArmor in force: for the emulated machine, whose kernel has it.
# bats sets output and status; lib/pod reads what is only set here.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load ../bats/lib/carpel
load ../bats/lib/pod

LABEL=/proc/self/attr/apparmor/current

setup() {
	mountpoint -q /sys/kernel/security || mount -t securityfs none /sys/kernel/security
	carpel_setup
	# One that the tests recognise by what it denies.
	echo 'profile carpel-test flags=(attach_disconnected,mediate_deleted) {
		file, capability, network, signal, ptrace,
		deny /secret r,
	}' | apparmor_parser --replace --skip-cache
	unload carpel-default
	mkdir -p "$ROOT/etc/apparmor.d" "$ROOT/guest-rootfs"
	echo hidden >"$ROOT/guest-rootfs/secret"
}

teardown() {
	carpel_teardown || return
	unload carpel-default
	unload carpel-test
}

is_loaded() {
	grep -q "^$1 (" /sys/kernel/security/apparmor/profiles
}

unload() {
	! is_loaded "$1" || printf '%s' "$1" >/sys/kernel/security/apparmor/.remove
}

# With the default profile, as an installation has it.
with_default() {
	cp "$BATS_TEST_DIRNAME/../../contrib/apparmor/carpel-default" "$ROOT/etc/apparmor.d/"
	start_carpeld
	import_guest
}

# A pod whose first process and whose readiness probe say what they are called; the probe fails with it.
SAYS='readinessProbe: {periodSeconds: 5, exec: {command: [/bin/guest, all, "cat '$LABEL'", "exit 1"]}}'

speaking_pod() {
	local name=$1

	EXTRA="$SAYS${EXTRA:+, $EXTRA}" pod "$name" all "cat $LABEL" 'sleepy up' | carpel run -f - >/dev/null
	wait_for 20 log_says "$name" up
}

log_says() {
	carpel logs "$1" | grep -qx "$2"
}

# is_called POD LABEL: its first process, an exec and its probe.
is_called() {
	[ "$(carpel logs "$1" | head -1)" = "$2" ] || return
	[ "$(guest "$1" cat "$LABEL")" = "$2" ] || return
	wait_for 20 has_event "$1" Unhealthy "${2//[()]/.}"
}

is_waiting() {
	[ "$(status "$1" .state.waiting.reason)" != null ]
}

@test "default profile: carpeld loads it, and who says nothing or RuntimeDefault has it, in create, exec and exec probe" {
	with_default
	is_loaded carpel-default
	[ "$(carpel info -o json | jq -r .apparmor)" = carpel-default ]
	speaking_pod silent
	is_called silent 'carpel-default (enforce)'
	SPEC='securityContext: {runAsUser: 1000, appArmorProfile: {type: RuntimeDefault}}, hostUsers: false' \
		EXTRA='securityContext: {allowPrivilegeEscalation: false}' speaking_pod own
	is_called own 'carpel-default (enforce)'
	# A second fence: the mounts let it through here.
	SPEC='hostUsers: false' EXTRA='securityContext: {procMount: Unmasked}' speaking_pod unmasked
	[[ $(guest unmasked write /proc/sys/kernel/shm_rmid_forced 1) == *EACCES* ]]
	# The next carpeld finds it loaded.
	rm "$ROOT/etc/apparmor.d/carpel-default"
	kill -9 "$(carpeld_pid)"
	wait_for 20 is_serving
	[ "$(guest silent cat "$LABEL")" = 'carpel-default (enforce)' ]
}

@test "Localhost, Unconfined, privileged: the container's word over the pod's" {
	with_default
	SPEC='securityContext: {appArmorProfile: {type: Localhost, localhostProfile: carpel-test}}' speaking_pod local
	is_called local 'carpel-test (enforce)'
	[[ $(guest local open r /secret) == *EACCES* ]]
	SPEC='securityContext: {appArmorProfile: {type: Localhost, localhostProfile: carpel-test}}' \
		EXTRA='securityContext: {appArmorProfile: {type: Unconfined}}' speaking_pod free
	is_called free unconfined
	[[ $(guest free open r /secret) == *ok* ]]
	EXTRA='securityContext: {privileged: true, appArmorProfile: {type: Localhost, localhostProfile: carpel-test}}' \
		speaking_pod strong
	is_called strong unconfined
}

@test "what is not loaded is refused by its name" {
	start_carpeld
	import_guest
	[ "$(carpel info -o json | jq -r .apparmor)" = on ]
	grep -q 'AppArmor profile carpel-default is not loaded' "$ROOT/var/log/carpel/carpeld.log"
	EXTRA='securityContext: {appArmorProfile: {type: Localhost, localhostProfile: not-there}}' pod a sleepy | apply
	EXTRA='securityContext: {appArmorProfile: {type: RuntimeDefault}}' pod b sleepy | apply
	wait_for 20 is_waiting a
	wait_for 20 is_waiting b
	has_event a Failed 'set security labels: AppArmor profile not-there: it is not loaded'
	has_event b Failed 'AppArmor profile carpel-default \(RuntimeDefault\) is not loaded'
	speaking_pod silent
	is_called silent unconfined
}

@test "by CRI: both fields, and ExecSync" {
	local pod ctr

	with_default
	pod=$(carpel cri runp - <<-'EOF'
		{metadata: {name: p, namespace: ns, uid: u}, linux: {security_context: {namespace_options: {network: NODE}}}}
	EOF
	)
	cri_config='metadata: {name: a}, image: {image: guest}, command: [/bin/guest, sleepy, up]'
	echo "{$cri_config, linux: {security_context: {apparmor: {profile_type: Localhost, localhost_ref: carpel-test}}}}" >"$ROOT/a.yaml"
	echo "{${cri_config/name: a/name: b}, linux: {security_context: {apparmor_profile: localhost/not-there}}}" >"$ROOT/b.yaml"
	echo '{metadata: {name: p, namespace: ns, uid: u}, linux: {security_context: {namespace_options: {network: NODE}}}}' >"$ROOT/p.yaml"
	ctr=$(carpel cri create "$pod" "$ROOT/a.yaml" "$ROOT/p.yaml")
	carpel cri start "$ctr"
	[ "$(carpel cri exec -s "$ctr" /bin/guest cat "$LABEL")" = 'carpel-test (enforce)' ]
	[ "$(cat "/proc/$(carpel cri inspect "$ctr" | jq .info.pid)/attr/apparmor/current")" = 'carpel-test (enforce)' ]
	ctr=$(carpel cri create "$pod" "$ROOT/b.yaml" "$ROOT/p.yaml")
	run -1 carpel cri start "$ctr"
	[[ $output == *'AppArmor profile not-there: it is not loaded'* ]]
	carpel cri rmp -f "$pod"
}

@test "by OCI: the container's profile is that of what is executed in it" {
	export LABEL
	bash -euc '
		BATS_TEST_DIRNAME=$0
		. "$0/../bats/lib/oci.bash"
		oci_setup
		trap oci_teardown EXIT
		FILTER=".process.apparmorProfile = \"carpel-test\"" up
		[ "$(cat "/proc/$PID/attr/apparmor/current")" = "carpel-test (enforce)" ]
		[ "$(oci exec c /guest cat "$LABEL")" = "carpel-test (enforce)" ]
		[ "$(oci exec --apparmor unconfined c /guest cat "$LABEL")" = unconfined ]
	' "$BATS_TEST_DIRNAME"
}
