#!/usr/bin/env bats
# Probes in time: when they begin, what they leave behind, and what the end of an instance or a pod does to them.

load lib/carpel
load lib/pod

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

# has_age POD FILE: sets AGE to the first line that `guest age` left there.
has_age() {
	guest "$1" cat "$2" >"$ROOT/age" && grep -Eq '^[0-9]+$' "$ROOT/age"
}

@test "the first attempt is at the container's start plus the delay, not at a tick of a period" {
	import_guest
	# The probe itself measures, by the kernel's record of its container's first process.
	EXTRA='readinessProbe: {exec: {command: [/bin/guest, age, /tmp/age]}, initialDelaySeconds: 2, periodSeconds: 3600}' pod a sleepy x | apply
	EXTRA='livenessProbe: {exec: {command: [/bin/guest, age, /tmp/age]}, initialDelaySeconds: 1, periodSeconds: 3600}' pod b sleepy x | apply
	EXTRA='startupProbe: {exec: {command: [/bin/guest, age, /tmp/age]}, periodSeconds: 3600}' pod c sleepy x | apply
	META='annotations: {carpel/probe.c.readiness.delay-ms: "700"}' \
		EXTRA='readinessProbe: {exec: {command: [/bin/guest, age, /tmp/age]}, initialDelaySeconds: 60, periodSeconds: 3600}' pod d sleepy x | apply
	local pod
	for pod in a b c d; do
		wait_for 20 has_age $pod /tmp/age
		printf '%s ' "$(head -n 1 "$ROOT/age")"
	done >"$ROOT/ages"
	echo >>"$ROOT/ages"
	local at
	read -ra at <"$ROOT/ages"
	# 10 ms is the grain of that record.
	[ "${at[0]}" -ge 1990 ]
	[ "${at[0]}" -lt 10000 ]
	[ "${at[1]}" -ge 990 ]
	[ "${at[1]}" -lt 9000 ]
	[ "${at[2]}" -lt 8000 ]
	[ "${at[3]}" -ge 690 ]
	[ "${at[3]}" -lt 9000 ]
	carpel wait --for=ready pod/a pod/c pod/d --timeout 20s
}

@test "periods count from the first attempt, however long attempts take" {
	import_guest
	# An attempt takes 250 ms of a period of 400 ms.
	META='annotations: {carpel/probe.c.readiness.period-ms: "400"}' \
		EXTRA='readinessProbe: {exec: {command: [/bin/guest, all, "age /tmp/age", "nap 250"]}}' pod a sleepy x | apply
	wait_for 30 has_lines a /tmp/age 8
	# Were the period counted from an attempt's end, none could follow the former one within 650 ms.
	guest a cat /tmp/age | jq -se '[range(1; length) as $i | .[$i] - .[$i - 1]] | min < 640' || { guest a cat /tmp/age >&2; return 1; }
}

@test "an exec that times out is killed with everything that it began, reaped by the pod's init" {
	import_guest
	META='annotations: {carpel/probe.c.readiness.timeout-ms: "300"}' \
		SPEC='shareProcessNamespace: true' EXTRA='readinessProbe: {exec: {command: [/bin/guest, family, "3"]}, periodSeconds: 3600}' \
		pod a sleepy x | carpel apply -f - --wait=running --timeout 20s
	wait_for 20 has_event a Unhealthy '^Readiness probe failed: command timed out: "/bin/guest family 3" timed out after 300ms \(failure 1 of 3, after [0-9]+ms\)$'
	# pause and the container's first process; whatever it began is reaped where pause is the init.
	wait_for 10 has_pids a 2
	[ "$(guest a procs | grep -c guest)" = 2 ] # and the one that looks
	is_status a '"\(.ready) \(.restartCount)"' 'false 0'
	# One that ended well, but left something behind.
	META='annotations: {carpel/probe.c.readiness.period-ms: "100"}' \
		EXTRA='readinessProbe: {exec: {command: [/bin/guest, litter, "2"]}}' pod b sleepy x | carpel apply -f - --wait=ready --timeout 20s
	carpel probe run b c --type readiness
	wait_for 10 has_few_pids b
}

# Never more than one attempt's worth, however many attempts there were.
has_few_pids() {
	[ "$(pod_pids "$1" | wc -l)" -le 5 ]
}

@test "an attempt in flight ends with its instance" {
	DAEMON_OPTIONS='--back-off 50,100,600000'
	start_carpeld
	import_guest
	EXTRA='readinessProbe: {exec: {command: [/bin/guest, family, "2"]}, timeoutSeconds: 3600, periodSeconds: 3600}' \
		pod a sleepy x | carpel apply -f - --wait=running --timeout 20s
	wait_for 20 has_pids a 5
	local first
	first=$(pod_pids a)
	end_first a
	wait_for 20 has_restarts a 1
	wait_for 20 has_pids a 5
	local pid
	for pid in $(pids_named a guest); do
		if grep -qx "$pid" <<<"$first"; then
			return 1
		fi
	done
	# A cancelled attempt is no failure.
	[ "$(event_count a Unhealthy)" = 0 ]
	carpel delete pod a --timeout 20s
}

@test "counters begin anew with each instance" {
	DAEMON_OPTIONS='--back-off 50,100,600000'
	start_carpeld
	import_guest
	# Each instance lives for two failures of three; only a count that goes on would reach the threshold.
	META='annotations: {carpel/probe.c.liveness.period-ms: "400"}' \
		EXTRA='livenessProbe: {exec: {command: [/bin/guest, have, /tmp/no]}, failureThreshold: 3}' pod a nap 600 | apply
	wait_for 30 has_restarts a 4
	had_events a Unhealthy 5
	[ "$(event_count a Killing)" = 0 ]
	is_status a '.lastState.terminated.exitCode' 0
	# So do success and readiness: a new instance is not ready before it has said so itself.
	META='annotations: {carpel/probe.c.readiness.period-ms: "100"}' \
		EXTRA='readinessProbe: {exec: {command: [/bin/guest, have, /tmp/ok]}}' pod b sleepy x | carpel apply -f - --wait=running --timeout 20s
	guest b write /tmp/ok yes >/dev/null
	carpel wait --for=ready pod/b --timeout 20s
	end_first b
	wait_for 20 has_restarts b 1
	sleep 0.5
	is_status b '"\(.started) \(.ready)"' 'true false'
}

@test "a restarted container is not started until its startup probe says so" {
	import_guest
	META='annotations: {carpel/probe.c.startup.period-ms: "100", carpel/probe.c.liveness.period-ms: "100"}' \
		EXTRA='startupProbe: {exec: {command: [/bin/guest, have, /tmp/up]}, failureThreshold: 10000},
		livenessProbe: {exec: {command: [/bin/guest, have, /tmp/alive]}, failureThreshold: 1}' pod a sleepy x | carpel apply -f - --wait=running --timeout 20s
	guest a write /tmp/alive yes >/dev/null
	guest a write /tmp/up yes >/dev/null
	carpel wait --for=ready pod/a --timeout 20s
	guest a unlink /tmp/alive >/dev/null
	wait_for 20 has_restarts a 1
	# Its files are new, so neither probe can succeed; liveness would kill once more if it ran.
	sleep 0.6
	is_status a '"\(.started) \(.ready) \(.restartCount)"' 'false false 1'
	[ "$(event_count a Killing)" = 1 ]
}

@test "the first probe kill restarts at once, later ones back off" {
	DAEMON_OPTIONS='--back-off 600000,600000,6000000'
	start_carpeld
	import_guest
	META='annotations: {carpel/probe.c.liveness.period-ms: "100"}' \
		EXTRA='livenessProbe: {exec: {command: [/bin/guest, have, /tmp/no]}, failureThreshold: 1}' pod a sleepy x | apply
	wait_for 20 has_restarts a 2
	wait_for 20 matches a '.status.containerStatuses[0].state.waiting.reason == "CrashLoopBackOff"'
	is_status a .restartCount 2
	is_field a .status.phase Running
}

@test "while a pod stops readiness goes on and may turn false; liveness and startup end" {
	import_guest
	GRACE=3600 META='annotations: {carpel/probe.c.readiness.period-ms: "100", carpel/probe.c.liveness.period-ms: "100"}' \
		EXTRA='readinessProbe: {exec: {command: [/bin/guest, have, /tmp/ok]}, failureThreshold: 2},
		livenessProbe: {exec: {command: [/bin/guest, age, /tmp/lively]}, failureThreshold: 1}' pod a stubborn x | carpel apply -f - --wait=running --timeout 20s
	guest a write /tmp/ok yes >/dev/null
	carpel wait --for=ready pod/a --timeout 20s
	wait_for 10 has_age a /tmp/lively
	carpel delete pod a --wait=false
	matches a '.metadata.deletionTimestamp != null'
	local lively
	sleep 0.3 # one that was on its way
	lively=$(guest a cat /tmp/lively | wc -l)
	# Not forced to false by the stop, and not stuck either.
	is_status a .ready true
	matches a '[.status.conditions[] | select(.type == "Ready")][0].status == "True"'
	guest a unlink /tmp/ok >/dev/null
	carpel wait --for=condition=Ready=False pod/a --timeout 20s
	guest a write /tmp/ok yes >/dev/null
	carpel wait --for=condition=Ready=True pod/a --timeout 20s
	[ "$(guest a cat /tmp/lively | wc -l)" = "$lively" ]
	carpel delete pod a --now
}

# shellcheck disable=SC2016 # $(NAME) is for carpel to expand, not for this shell
@test "exec: \$(NAME) of the container's env, its user, its directory; output joined and cut" {
	import_guest
	META='annotations: {carpel/probe.c.readiness.period-ms: "100"}' SPEC='securityContext: {runAsUser: 1234}' \
		EXTRA='workingDir: /tmp, env: [{name: A, value: one}, {name: R, valueFrom: {fieldRef: {fieldPath: metadata.name}}}],
		readinessProbe: {exec: {command: [/bin/guest, all, "print $(A) [$(R)] $(NONE) $$(A)", report, "exit 7"]}}' pod a sleepy x | apply
	wait_for 20 had_events a Unhealthy 1
	events a Unhealthy >"$ROOT/said"
	grep -q '^Readiness probe failed: one$' "$ROOT/said"
	grep -qx '\[\]' "$ROOT/said"
	grep -Fqx '$(NONE)' "$ROOT/said"
	grep -Fqx '$(A)' "$ROOT/said"
	grep -qx 'uid 1234 1234 1234 1234' "$ROOT/said"
	grep -qx 'cwd /tmp' "$ROOT/said"
}
