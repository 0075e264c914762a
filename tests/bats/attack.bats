#!/usr/bin/env bats
# What a hostile image, a hostile container or a careless client tries, and what it gets.  The tables
# of what is denied stand in launch.bats; here is what takes the whole system: a pod, its daemons, and
# everybody else's pods.

load lib/carpel
load lib/pod

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

has_failed() {
	[ "$(event_count "$1" Unhealthy)" -ge "$2" ]
}

# in_log POD CONTAINER TEXT: by the file, since a start that hangs keeps `carpel logs` waiting.
in_log() {
	cat "$ROOT/var/log/pods/default_$1_"*"/$2/0.log" | grep -q " $3\$"
}

@test "a container that stops all it sees cannot keep its pod" {
	import_guest
	SPEC='shareProcessNamespace: true' pod_of a '{name: halt, image: guest, command: [/bin/guest, halt]},
		{name: late, image: guest, command: [/bin/guest, sleepy, x]}' | apply
	# It stopped what carpel-launch made to start the second one, or itself, or the second one.
	wait_for 60 in_log a halt halted
	run timeout "$(patience 30)" "$CARPEL_BIN/carpel" --root "$ROOT" delete pod a
	[ "$status" = 0 ]
}

@test "an exec probe that its container stops fails at its timeout" {
	import_guest
	EXTRA='livenessProbe: {exec: {command: [/bin/guest, exit, "0"]}, periodSeconds: 1, timeoutSeconds: 1, failureThreshold: 100}' \
		pod a halt | apply
	wait_for 60 has_failed a 4
	# carpel-probe gives carpeld five seconds beyond the timeout, and then gives up: not each time.
	grep -q 'Unhealthy: .* after [1-5][0-9][0-9][0-9]ms' "$ROOT/var/log/carpel/carpeld.log"
	# Nobody waits for what was stopped and then killed.
	timeout "$(patience 30)" "$CARPEL_BIN/carpel" --root "$ROOT" delete pod a --now
}
