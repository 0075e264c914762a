#!/usr/bin/env bats
# Each probe type as liveness, readiness and startup: what success and failure do, and what is said of it.

load lib/carpel
load lib/pod

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

# probed NAME TYPE PROBE ARGS…: a pod whose container runs the guest with ARGS and has that probe, every 100 ms.
#   MORE   more fields of the container, YAML flow
probed() {
	local name=$1 type=$2 probe=$3

	shift 3
	META="annotations: {carpel/probe.c.$type.period-ms: \"100\"}" EXTRA="${type}Probe: $probe${MORE:+, $MORE}" pod "$name" "$@"
}

# No attempt fails for being late where that is not what is looked at.
PATIENT='timeoutSeconds: 60'

# The probe that a pod's container serves: PROBE and the guest's words, by the protocol.  FILE decides for
# http and exec; nothing listens for a tcp probe that is to fail.
handler() {
	case $1 in
	http) echo "httpGet: {port: 8080}, $PATIENT" ;;
	tcp) echo "tcpSocket: {port: 8080}, $PATIENT" ;;
	exec) echo "exec: {command: [/bin/guest, have, /tmp/ok]}, $PATIENT" ;;
	esac
}

# What is probed from the moment on when the guest listens.
LISTENS="startupProbe: {tcpSocket: {port: 8080}, periodSeconds: 1, failureThreshold: 1000, $PATIENT}"

# listens PROTOCOL: LISTENS where it is a failure of another kind when nobody does; what is said of later ones differs.
listens() {
	[ "$1" != http ] || echo "$LISTENS"
}

# server PROTOCOL GOOD|BAD: sets SERVER to words that make the handler succeed or fail for good.
server() {
	case $1-$2 in
	http-good) SERVER=(http 8080) ;;
	http-bad) SERVER=(http 8080 /tmp/never) ;;
	tcp-good) SERVER=(tcp 8080) ;;
	tcp-bad) SERVER=(tcp 8081) ;;
	exec-good) SERVER=(all 'write /tmp/ok yes' 'sleepy x') ;;
	exec-bad) SERVER=(sleepy x) ;;
	esac
}

failure_text() {
	case $1 in
	http) echo 'HTTP probe failed with statuscode: 503' ;;
	tcp) echo 'dial tcp 127.0.0.1:8080: connect: connection refused' ;;
	exec) echo '' ;;
	esac
}

@test "an exec probe's last line ends before what is said about the attempt" {
	import_guest
	probed a readiness '{exec: {command: [/bin/guest, all, "print sorry", "exit 1"]}}' sleepy x | apply
	wait_for 20 has_event a Unhealthy '^-- \(failure [0-9]+( of|, threshold) 3' # what the guest prints last, and ours
}

@test "readiness: ready by success, not by failure, and never restarted" {
	import_guest
	local way
	for way in http tcp exec; do
		server $way good
		probed "good-$way" readiness "{$(handler $way)}" "${SERVER[@]}" | apply
		server $way bad
		MORE=$(listens $way) probed "bad-$way" readiness "{$(handler $way), failureThreshold: 2}" "${SERVER[@]}" | apply
	done
	for way in http tcp exec; do
		carpel wait --for=ready "pod/good-$way" --timeout 20s
		wait_for 20 had_events "bad-$way" Unhealthy 3
		wait_for 20 has_event "bad-$way" Unhealthy "^Readiness probe failed: $(failure_text $way) ?\\(failure [0-9]+( of|, threshold) 2, after [0-9]+ms\\)\$"
		is_status "bad-$way" '"\(.ready) \(.started) \(.restartCount)"' 'false true 0'
		is_status "good-$way" '"\(.ready) \(.started) \(.restartCount)"' 'true true 0'
		[ "$(event_count "good-$way" Killing)$(event_count "bad-$way" Killing)" = 00 ]
	done
}

@test "liveness: failure kills and restarts, with the reason; success does nothing" {
	import_guest
	local way
	for way in http tcp exec; do
		server $way good
		probed "good-$way" liveness "{$(handler $way), failureThreshold: 1000}" "${SERVER[@]}" | apply
		server $way bad
		MORE=$(listens $way) probed "bad-$way" liveness "{$(handler $way), failureThreshold: 3}" "${SERVER[@]}" | apply
	done
	for way in http tcp exec; do
		wait_for 20 has_restarts "bad-$way" 1
		wait_for 20 has_event "bad-$way" Unhealthy "^Liveness probe failed: $(failure_text $way) ?\\(failure [0-9]+ of 3, after [0-9]+ms\\)\$"
		has_event "bad-$way" Killing '^Container c failed liveness probe, will be restarted$'
	done
	for way in http tcp exec; do
		wait_for 20 matches "good-$way" '.status.containerStatuses[0].ready'
		is_status "good-$way" '"\(.restartCount) \(.started)"' '0 true'
		[ "$(event_count "good-$way" Killing)" = 0 ]
	done
}

@test "startup: nothing is started before it succeeds, and its failure kills" {
	import_guest
	local way
	for way in http tcp exec; do
		server $way bad
		probed "bad-$way" startup "{$(handler $way), failureThreshold: 2}" "${SERVER[@]}" | apply
		probed "hope-$way" startup "{$(handler $way), failureThreshold: 10000}" "${SERVER[@]}" | apply
		server $way good
		probed "good-$way" startup "{$(handler $way), failureThreshold: 1000}" "${SERVER[@]}" | apply
	done
	for way in http tcp exec; do
		carpel wait --for=ready "pod/good-$way" --timeout 20s
		is_status "good-$way" '"\(.started) \(.restartCount)"' 'true 0'
		wait_for 20 has_restarts "bad-$way" 1
		has_event "bad-$way" Killing '^Container c failed startup probe, will be restarted$'
		wait_for 20 has_event "bad-$way" Unhealthy '^Startup probe failed: .*\(failure [12] of 2, '
		wait_for 20 had_events "hope-$way" Unhealthy 3
		is_status "hope-$way" '"\(.started) \(.ready) \(.restartCount)"' 'false false 0'
	done
}

@test "thresholds: as many in a row as they say, both ways" {
	import_guest
	META='annotations: {carpel/probe.c.readiness.period-ms: "50"}' \
		EXTRA='readinessProbe: {exec: {command: [/bin/guest, ask, /tmp/asked, /tmp/answers]}, failureThreshold: 3, successThreshold: 3, timeoutSeconds: 3600}' \
		pod a sleepy x | carpel apply -f - --wait=running --timeout 20s
	answers a 00100
	is_status a .ready false
	answers a 0
	is_status a .ready true
	answers a 11011
	is_status a .ready true
	[ "$(events a Unhealthy | grep -c 'failure 3 of 3')" = 0 ]
	answers a 1
	is_status a .ready false
	has_event a Unhealthy 'failure 3 of 3'
	answers a 1
	has_event a Unhealthy '\(failure 4, threshold 3, after [0-9]+ms\)$'
	is_status a .restartCount 0
}

@test "liveness and readiness wait for startup, and begin when it succeeds" {
	import_guest
	META='annotations: {carpel/probe.c.startup.period-ms: "100"}' EXTRA="startupProbe: {exec: {command: [/bin/guest, have, /tmp/ok]}, failureThreshold: 1000, $PATIENT},
		livenessProbe: {exec: {command: [/bin/guest, have, /tmp/alive]}, periodSeconds: 3600, failureThreshold: 1, $PATIENT},
		readinessProbe: {exec: {command: [/bin/guest, age, /tmp/probed]}, periodSeconds: 3600, $PATIENT}" pod a sleepy x | carpel apply -f - --wait=running --timeout 20s
	wait_for 20 had_events a Unhealthy 3
	# Neither has been tried: liveness would have killed, and readiness left its mark.
	[ "$(guest a cat /tmp/probed)" = '/tmp/probed ENOENT' ]
	is_status a '"\(.started) \(.ready) \(.restartCount)"' 'false false 0'
	guest a write /tmp/alive yes >/dev/null
	guest a write /tmp/ok yes >/dev/null
	# At once, although their periods are hours.
	carpel wait --for=ready pod/a --timeout 20s
	is_status a '"\(.started) \(.ready) \(.restartCount)"' 'true true 0'
	[ "$(guest a cat /tmp/probed | wc -l)" = 1 ]
	# It is not probed again in this instance.
	local before
	before=$(event_count a Unhealthy)
	guest a unlink /tmp/ok >/dev/null
	sleep 0.5
	[ "$(event_count a Unhealthy)" = "$before" ]
}

@test "a probe's kill restarts under OnFailure even after exit 0, and ends a Never pod" {
	import_guest
	# It fails when the guest listens to signals, and not again.
	GRACE=60 RESTART=OnFailure probed a liveness '{exec: {command: [/bin/guest, ask, /tmp/asked, /tmp/answers]}, failureThreshold: 1, timeoutSeconds: 3600}' catch | apply
	wait_for 20 is_logged a listening
	guest a write /tmp/answers 1 >/dev/null
	wait_for 20 has_restarts a 1
	is_status a '.lastState.terminated | "\(.exitCode) \(.reason)"' '0 Completed'
	GRACE=60 RESTART=Never probed b liveness '{exec: {command: [/bin/guest, ask, /tmp/asked, /tmp/answers]}, failureThreshold: 1, timeoutSeconds: 3600}' sleepy x | apply
	wait_for 20 is_logged b x
	guest b write /tmp/answers 1 >/dev/null
	carpel wait --for=exit pod/b --timeout 20s
	is_field b .status.phase Failed
	is_status b '"\(.restartCount) \(.state.terminated.exitCode)"' '0 143'
	has_event b Killing '^Container c failed liveness probe$'
}

@test "the probe's own grace is in the pod's place" {
	import_guest
	GRACE=3600 probed a liveness '{exec: {command: [/bin/guest, have, /v/ok]}, failureThreshold: 1, terminationGracePeriodSeconds: 1}' stubborn x | apply
	wait_for 20 has_restarts a 1
	is_status a '.lastState.terminated.exitCode' 137
	# Longer than the pod's: it still runs when the pod's would be over.
	GRACE=1 probed b startup '{exec: {command: [/bin/guest, have, /v/ok]}, failureThreshold: 1, terminationGracePeriodSeconds: 3600}' stubborn x | apply
	wait_for 20 had_events b Killing 1
	sleep 3
	is_status b '"\(.restartCount) \(.state | keys[0])"' '0 running'
	# The deletion's grace goes before both.
	carpel delete pod b --grace-period 1 --timeout 20s
}

@test "HTTP: path, headers and port name; a redirect elsewhere is a warning, one within is followed" {
	import_guest
	MORE='ports: [{name: web, containerPort: 8080}]' probed name readiness \
		"{httpGet: {port: web, path: /x?y=1, httpHeaders: [{name: X-A, value: b}]}, $PATIENT}" http 8080 | apply
	MORE=$LISTENS probed away readiness "{httpGet: {port: 8080}, $PATIENT}" talk 8080 \
		$'HTTP/1.1 302 Found\r\nLocation: http://10.1.2.3/x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody' | apply
	MORE=$LISTENS probed within liveness "{httpGet: {port: 8080}, failureThreshold: 1, $PATIENT}" talk 8080 \
		$'HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n' | apply
	carpel wait --for=ready pod/name pod/away --timeout 20s
	wait_for 20 has_event away ProbeWarning '^Readiness probe warning: Probe terminated redirects, Response body: body$'
	[ "$(events away Unhealthy | grep -c Readiness)" = 0 ]
	wait_for 20 has_restarts within 1
	wait_for 20 has_event within Unhealthy '^Liveness probe failed: Get "/again": stopped after 10 redirects'
}

@test "what Kubernetes would ignore for ever is a failure with its reason" {
	import_guest
	# Headers came, the body stalls.  An attempt may be so late that they do not come either, so there are more of them.
	META='annotations: {carpel/probe.c.liveness.period-ms: "100", carpel/probe.c.liveness.timeout-ms: "300"}' \
		EXTRA="$LISTENS, livenessProbe: {httpGet: {port: 8080}, failureThreshold: 5}" \
		pod stall talk 8080 $'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc' hold | apply
	MORE=$LISTENS probed short liveness "{httpGet: {port: 8080}, failureThreshold: 1, $PATIENT}" \
		talk 8080 $'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc' | apply
	probed port liveness '{httpGet: {port: nobody}, failureThreshold: 1}' sleepy x | apply
	probed tcp liveness '{tcpSocket: {port: nobody}, failureThreshold: 1}' sleepy x | apply
	probed binary liveness "{exec: {command: [/no/such/binary]}, failureThreshold: 1, $PATIENT}" sleepy x | apply
	local pod
	for pod in stall short port tcp binary; do
		wait_for 20 has_restarts $pod 1
	done
	wait_for 20 has_event stall Unhealthy '^Liveness probe failed: context deadline exceeded \(Client.Timeout or context cancellation while reading body\) \(failure [1-5] of 5, after ([3-9][0-9]{2}|[0-9]{4,})ms\)$'
	wait_for 20 has_event short Unhealthy '^Liveness probe failed: unexpected EOF '
	wait_for 20 has_event port Unhealthy '^Liveness probe failed: port "nobody" not found '
	wait_for 20 has_event tcp Unhealthy '^Liveness probe failed: port "nobody" not found '
	wait_for 20 has_event binary Unhealthy '^Liveness probe failed: .*/no/such/binary.*[Nn]o such file'
}

@test "three pods with the same ports do not meet" {
	import_guest
	local i
	for i in 1 2 3; do
		META='annotations: {carpel/probe.c.readiness.period-ms: "100"}' EXTRA="readinessProbe: {httpGet: {port: 8080}, $PATIENT}" \
			pod "p$i" http 8080 /tmp/ok | apply
	done
	wait_for 20 had_events p3 Unhealthy 1
	wait_for 20 carpel exec p2 -- /bin/guest write /tmp/ok yes # as soon as it runs
	carpel wait --for=ready pod/p2 --timeout 20s
	wait_for 20 had_events p1 Unhealthy 3
	[ "$(carpel get pods -o json | jq -c '[.items[].status.containerStatuses[0].ready]')" = '[false,true,false]' ]
	# By hand, from here: nobody listens.
	run carpel probe tcp://127.0.0.1:8080
	[ "$status" = 1 ]
}

@test "by hand: probe run, and an address" {
	import_guest
	EXTRA="readinessProbe: {httpGet: {port: 8080}, periodSeconds: 3600, $PATIENT},
		livenessProbe: {exec: {command: [/bin/guest, have, /tmp/no]}, initialDelaySeconds: 3600, $PATIENT}" \
		SPEC='hostNetwork: true' pod a http "$((20000 + $$ % 10000))" /tmp/ok | sed "s/port: 8080/port: $((20000 + $$ % 10000))/" | carpel apply -f - --wait=running --timeout 20s
	wait_for 10 is_logged a ready
	run carpel probe run a c --type readiness
	[ "$status" = 1 ]
	[[ $output =~ ^failure\ \([0-9]+\ ms\):\ HTTP\ probe\ failed\ with\ statuscode:\ 503$ ]]
	guest a write /tmp/ok yes >/dev/null
	run carpel probe run pod/a
	[ "$status" = 0 ]
	[[ $output =~ ^success\ \([0-9]+\ ms\):\ up$ ]]
	# Without consequences: not ready by it, and a failing liveness probe kills nobody.
	is_status a .ready false
	run carpel probe run a c --type liveness
	[ "$status" = 1 ]
	is_status a .restartCount 0
	[ "$(event_count a Killing)" = 0 ]
	run carpel probe run a c --type startup
	[ "$status" != 0 ]
	[[ $output == *'container c has no Startup probe'* ]]
	run carpel probe --timeout 60s "http://127.0.0.1:$((20000 + $$ % 10000))/"
	[ "$status" = 0 ]
	[[ $output =~ ^success\ after\ [0-9.]+m?s ]]
}
