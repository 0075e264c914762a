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

# No attempt fails for being late where that is not what is looked at.
PATIENT='timeoutSeconds: 60'

# has_age POD FILE: sets AGE to the first line that `guest age` left there.
has_age() {
	guest "$1" cat "$2" >"$ROOT/age" && grep -Eq '^[0-9]+$' "$ROOT/age"
}

@test "the first attempt is at the container's start plus the delay, not at a tick of a period" {
	import_guest
	# The probe itself measures, by the kernel's record of its container's first process.
	EXTRA="readinessProbe: {exec: {command: [/bin/guest, age, /tmp/age]}, initialDelaySeconds: 2, periodSeconds: 3600, $PATIENT}" pod a sleepy x | apply
	EXTRA="livenessProbe: {exec: {command: [/bin/guest, age, /tmp/age]}, initialDelaySeconds: 1, periodSeconds: 3600, $PATIENT}" pod b sleepy x | apply
	EXTRA="startupProbe: {exec: {command: [/bin/guest, age, /tmp/age]}, periodSeconds: 3600, $PATIENT}" pod c sleepy x | apply
	META='annotations: {carpel/probe.c.readiness.delay-ms: "700"}' \
		EXTRA="readinessProbe: {exec: {command: [/bin/guest, age, /tmp/age]}, initialDelaySeconds: 3600, periodSeconds: 3600, $PATIENT}" pod d sleepy x | apply
	local pod
	for pod in a b c d; do
		wait_for 20 has_age $pod /tmp/age
		printf '%s ' "$(head -n 1 "$ROOT/age")"
	done >"$ROOT/ages"
	echo >>"$ROOT/ages"
	local at
	read -ra at <"$ROOT/ages"
	# 10 ms is the grain of that record.  Late ones are only told from a tick of the period, which is an hour away.
	[ "${at[0]}" -ge 1990 ]
	[ "${at[1]}" -ge 990 ]
	[ "${at[3]}" -ge 690 ]
	for pod in 0 1 2 3; do
		[ "${at[pod]}" -lt 600000 ]
	done
	carpel wait --for=ready pod/a pod/c pod/d --timeout 20s
}

@test "periods count from the first attempt, however long attempts take" {
	import_guest
	# An attempt takes 500 ms of a period of 600 ms.
	META='annotations: {carpel/probe.c.readiness.period-ms: "600"}' \
		EXTRA="readinessProbe: {exec: {command: [/bin/guest, all, 'age /tmp/age', 'nap 500']}, $PATIENT}" pod a sleepy x | apply
	# Were the period counted from an attempt's end, none could ever follow the former one within 1100 ms.
	wait_for 30 has_close_attempts a
}

has_close_attempts() {
	guest "$1" cat /tmp/age | jq -se '[range(1; length) as $i | .[$i] - .[$i - 1]] | min | . != null and . < 1090'
}

@test "an exec that times out is killed with everything that it began, reaped by the pod's init" {
	import_guest
	META='annotations: {carpel/probe.c.readiness.timeout-ms: "300"}' \
		SPEC='shareProcessNamespace: true' EXTRA='readinessProbe: {exec: {command: [/bin/guest, family, "3"]}, periodSeconds: 3600}' \
		pod a sleepy x | carpel apply -f - --wait=running --timeout 20s
	wait_for 20 has_event a Unhealthy '^Readiness probe failed: command timed out: "/bin/guest family 3" timed out after 300ms \(failure 1 of 3, after [0-9]+ms\)$'
	# pause and the container's first process; whatever it began is reaped where pause is the init.
	wait_for 10 has_pids a 2
	wait_for 10 has_guests a 2 # and the one that looks
	is_status a '"\(.ready) \(.restartCount)"' 'false 0'
	# One that ended well, but left something behind.
	META='annotations: {carpel/probe.c.readiness.period-ms: "100"}' \
		EXTRA="readinessProbe: {exec: {command: [/bin/guest, litter, '2']}, $PATIENT}" pod b sleepy x | carpel apply -f - --wait=ready --timeout 20s
	carpel probe run b c --type readiness
	wait_for 10 has_few_pids b
}

has_guests() {
	[ "$(guest "$1" procs | grep -c guest)" = "$2" ]
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
	first=$(guests a)
	end_first a
	wait_for 20 has_restarts a 1
	wait_for 20 has_pids a 5
	[ "$(guests a | grep -cxF "$first")" = 0 ]
	# A cancelled attempt is no failure.
	[ "$(event_count a Unhealthy)" = 0 ]
	carpel delete pod a --timeout 20s
}

# The host's pids of a pod's guests, each with its start, since numbers come again.
guests() {
	local pid

	for pid in $(pids_named "$1" guest); do
		echo "$pid $(awk '{ print $22 }' "/proc/$pid/stat")"
	done
}

@test "counters begin anew with each instance" {
	DAEMON_OPTIONS='--back-off 50,100,600000'
	start_carpeld
	import_guest
	# Each instance lives for two failures of three; only a count that goes on would reach the threshold.
	META='annotations: {carpel/probe.c.liveness.period-ms: "50"}' \
		EXTRA='livenessProbe: {exec: {command: [/bin/guest, ask, /tmp/asked, /tmp/answers]}, failureThreshold: 3, timeoutSeconds: 3600}' \
		pod a sleepy x | carpel apply -f - --wait=running --timeout 20s
	local n
	for n in 1 2 3; do
		answers a 11
		end_first a
		wait_for 20 has_restarts a $n
	done
	[ "$(event_count a Unhealthy)" = 6 ]
	[ "$(event_count a Killing)" = 0 ]
	is_status a '.lastState.terminated.exitCode' 143
	# So do success and readiness: a new instance is not ready before it has said so itself.
	META='annotations: {carpel/probe.c.readiness.period-ms: "100"}' \
		EXTRA="readinessProbe: {exec: {command: [/bin/guest, have, /tmp/ok]}, $PATIENT}" pod b sleepy x | carpel apply -f - --wait=running --timeout 20s
	guest b write /tmp/ok yes >/dev/null
	carpel wait --for=ready pod/b --timeout 20s
	n=$(event_count b Unhealthy)
	end_first b
	wait_for 20 has_restarts b 1
	wait_for 20 had_events b Unhealthy $((n + 1)) # fewer in a row than take readiness away
	is_status b '"\(.started) \(.ready)"' 'true false'
}

@test "a restarted container is not started until its startup probe says so" {
	import_guest
	META='annotations: {carpel/probe.c.startup.period-ms: "100", carpel/probe.c.liveness.period-ms: "100"}' \
		EXTRA="startupProbe: {exec: {command: [/bin/guest, have, /tmp/up]}, failureThreshold: 10000, $PATIENT},
		livenessProbe: {exec: {command: [/bin/guest, have, /tmp/alive]}, failureThreshold: 1, $PATIENT}" pod a sleepy x | carpel apply -f - --wait=running --timeout 20s
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
		EXTRA="readinessProbe: {exec: {command: [/bin/guest, have, /tmp/ok]}, failureThreshold: 2, $PATIENT},
		livenessProbe: {exec: {command: [/bin/guest, age, /tmp/lively]}, failureThreshold: 1, $PATIENT}" pod a stubborn x | carpel apply -f - --wait=running --timeout 20s
	guest a write /tmp/ok yes >/dev/null
	carpel wait --for=ready pod/a --timeout 20s
	wait_for 10 has_age a /tmp/lively
	carpel delete pod a --wait=false
	matches a '.metadata.deletionTimestamp != null'
	local lively
	lively=$(guest a cat /tmp/lively | wc -l)
	# Not forced to false by the stop, and not stuck either.
	is_status a .ready true
	matches a '[.status.conditions[] | select(.type == "Ready")][0].status == "True"'
	guest a unlink /tmp/ok >/dev/null
	carpel wait --for=condition=Ready=False pod/a --timeout 20s
	guest a write /tmp/ok yes >/dev/null
	carpel wait --for=condition=Ready=True pod/a --timeout 20s
	# While it had time for at least three, none but one that was on its way.
	[ "$(guest a cat /tmp/lively | wc -l)" -le $((lively + 1)) ]
	carpel delete pod a --now
}

# shellcheck disable=SC2016 # $(NAME) is for carpel to expand, not for this shell
@test "exec: \$(NAME) of the container's env, its user, its directory; output joined and cut" {
	import_guest
	META='annotations: {carpel/probe.c.readiness.period-ms: "100"}' SPEC='securityContext: {runAsUser: 1234}' \
		EXTRA='workingDir: /tmp, env: [{name: A, value: one}, {name: R, valueFrom: {fieldRef: {fieldPath: metadata.name}}}],
		readinessProbe: {exec: {command: [/bin/guest, all, "print $(A) [$(R)] $(NONE) $$(A)", report, "exit 7"]}, timeoutSeconds: 60}' pod a sleepy x | apply
	wait_for 20 had_events a Unhealthy 1
	events a Unhealthy >"$ROOT/said"
	grep -q '^Readiness probe failed: one$' "$ROOT/said"
	grep -qx '\[\]' "$ROOT/said"
	grep -Fqx '$(NONE)' "$ROOT/said"
	grep -Fqx '$(A)' "$ROOT/said"
	grep -qx 'uid 1234 1234 1234 1234' "$ROOT/said"
	grep -qx 'cwd /tmp' "$ROOT/said"
}
