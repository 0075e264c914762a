#!/usr/bin/env bats
# Many pods, many clients, many rounds; and two instances that meet nowhere.  scale_driver.py is the client:
# python3-h2, so that nothing of carpel's own stands between.

load lib/carpel

setup() {
	carpel_setup
}

teardown() {
	local left=0
	[ -z "${OTHER:-}" ] || end_other || left=1
	carpel_teardown || left=1
	return $left
}

driver() {
	"${PYTHON:-/usr/bin/python3}" -B "$BATS_TEST_DIRNAME/scale_driver.py" "$ROOT" "$@"
}

@test "200 pods at once run, and leave nothing behind" {
	import_guest
	driver burst "$(load_of 200)"
}

@test "300 pods in rounds: carpeld's memory and descriptors stay as they are" {
	import_guest
	driver rounds 10 "$(load_of 30)"
}

@test "10,000 rounds of list and watch: carpeld's memory and descriptors stay as they are" {
	import_guest
	driver lists "$(load_of 10000)"
}

@test "200 idle watchers cost little and see the same" {
	import_guest
	driver watchers "$(load_of 200)"
}

# ---- two instances ----

in_other() {
	ROOT=$OTHER "$@"
}

end_other() {
	local BATS_TEST_COMPLETED=${BATS_TEST_COMPLETED:-}

	ROOT=$OTHER carpel_teardown
}

pod() {
	cat <<-EOF
		apiVersion: v1
		kind: Pod
		metadata: {name: $1}
		spec:
		  terminationGracePeriodSeconds: 1
		  containers:
		  - {name: c, image: guest, command: [/bin/guest, sleepy, "$2"]}
	EOF
}

has_log() { # has_log POD TEXT
	[ "$(carpel logs "$1")" = "$2" ]
}

# The v2 cgroups of an instance's pods.
pod_cgroups() {
	# shellcheck disable=SC2046 # several words
	find $(cgroup_dirs) -maxdepth 2 -name 'pod*' | sort
}

@test "two instances with pods of the same names meet nowhere" {
	OTHER=$(mktemp -d "${BATS_TMPDIR:-/tmp}/carpel.XXXXXX")
	import_guest
	in_other import_guest
	local instance name
	for instance in "$ROOT" "$OTHER"; do
		for name in a b c; do
			pod $name "$name of $instance" | ROOT=$instance carpel run -f - --wait
		done
	done
	[ "$(carpeld_pid)" != "$(in_other carpeld_pid)" ]
	[ "$(instance_cgroup)" != "$(in_other instance_cgroup)" ]
	for name in a b c; do
		# The same name, another pod: it says other things, elsewhere.
		[ "$(pod_json $name .metadata.uid)" != "$(in_other pod_json $name .metadata.uid)" ]
		wait_for 20 has_log $name "$name of $ROOT"
		in_other wait_for 20 has_log $name "$name of $OTHER"
	done
	# No file or socket of one is open in the daemons of the other.
	is_apart "$ROOT" "$OTHER"
	is_apart "$OTHER" "$ROOT"
	# An image is known where it was imported.
	mkdir -p "$ROOT/extra/bin"
	cp "$CARPEL_BIN/test/guest" "$ROOT/extra/bin/guest"
	carpel image import extra "$ROOT/extra"
	carpel image list | grep -q extra
	[ "$(in_other carpel image list | grep -c extra)" = 0 ]
	# What happens to one does not happen to the other.
	in_other pod_cgroups >"$ROOT/cgroups"
	in_other carpel get pods -o json | jq -S 'del(.metadata)' >"$ROOT/pods"
	carpel delete pod a --now
	carpel down --grace-period 0
	wait_for 20 has_no_process
	[ -z "$(instance_leftovers)" ]
	in_other pod_cgroups | cmp - "$ROOT/cgroups"
	in_other carpel get pods -o json | jq -S 'del(.metadata)' | cmp - "$ROOT/pods"
	for name in a b c; do
		[ "$(in_other carpel exec $name -- /bin/guest print alive)" = alive ]
	done
}

# Pids of carpeld and its helpers.
daemons_of() {
	local dir

	ROOT=$1 carpeld_pid
	for dir in $(ROOT=$1 cgroup_dirs); do
		cat "$dir/daemons/cgroup.procs" 2>/dev/null || :
	done
}

# is_apart ROOT OTHER: the daemons of ROOT have files of ROOT open and none of OTHER.
is_apart() {
	local files

	files=$(for pid in $(daemons_of "$1" | sort -u); do
		find "/proc/$pid/fd" -type l -printf '%l\n'
	done)
	grep -qF "$1/" <<<"$files" && ! grep -qF "$2/" <<<"$files"
}
