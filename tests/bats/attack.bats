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

says() {
	grep -Fqx -- "$1" <<<"$output" || {
		echo "no line \"$1\" in:" >&2
		echo "$output" >&2
		return 1
	}
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
	wait_for 20 in_log a halt halted
	run timeout 30 "$CARPEL_BIN/carpel" --root "$ROOT" delete pod a
	[ "$status" = 0 ]
}
