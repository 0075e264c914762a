#!/usr/bin/env bats
# The terminal of `carpel exec -t`: of the container's own devpts, or the host's where that is a trap.

load lib/carpel

setup() {
	carpel_setup
	import_guest
}

teardown() {
	carpel_teardown
}

# in_terminal COMMAND…: as from a terminal of 30 rows and 100 columns.
in_terminal() {
	script -qec "stty rows 30 cols 100; $*" /dev/null </dev/null | tr -d '\r'
}

@test "a program finds its terminal under the container's /dev" {
	carpel run -f - --wait <<-EOF
		apiVersion: v1
		kind: Pod
		metadata: {name: t}
		spec:
		  terminationGracePeriodSeconds: 1
		  containers: [{name: c, image: guest, command: [/bin/guest, sleepy, x]}]
	EOF
	run in_terminal "$CARPEL_BIN/carpel" --root "$ROOT" exec -it t -- /bin/guest readlink /proc/self/fd/0
	[[ "$output" = *"/dev/pts/0"* ]]
	run in_terminal "$CARPEL_BIN/carpel" --root "$ROOT" exec -it t -- /bin/guest stat /dev/pts/0
	[[ "$output" = *"/dev/pts/0 char"* ]]
}

@test "a trap in place of the container's devpts holds nobody" {
	carpel run -f - --wait <<-EOF
		apiVersion: v1
		kind: Pod
		metadata: {name: t}
		spec:
		  terminationGracePeriodSeconds: 1
		  containers:
		  - name: c
		    image: guest
		    command: [/bin/guest, sleepy, x]
		    volumeMounts: [{name: trap, mountPath: /dev/pts}]
		  volumes: [{name: trap, emptyDir: {}}]
	EOF
	mkfifo "$(echo "$ROOT"/var/lib/carpel/pods/*/volumes/trap)/ptmx"
	run timeout "$(patience 20)" script -qec "$CARPEL_BIN/carpel --root $ROOT exec -it t -- /bin/guest print alive" /dev/null </dev/null
	[[ "$output" = *alive* ]]
	# carpeld itself still answers.
	[ "$(carpel exec t -- /bin/guest print fine)" = fine ]
}
