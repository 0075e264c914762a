#!/usr/bin/env bats
# get, describe, events and label: what a user is shown of pods, and in which form.
#
# bats sets output and status.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/user

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

conditions() {
	carpel get pod "$1" -o json | jq -r '.status.conditions | map(.type + "=" + .status + (if .reason then ":" + .reason else "" end)) | join(" ")'
}

@test "the status of a running pod is complete" {
	import_guest
	pod a sleepy x | carpel run -f - --wait
	carpel get pod a -o json >"$ROOT/a.json"
	jq -e '.kind == "Pod" and .apiVersion == "v1" and .spec.nodeName != "" and
		(.status | .phase == "Running" and .observedGeneration == 1 and .qosClass == "BestEffort" and .hostIP != null and
		 (.startTime | test("^[0-9-]+T[0-9:]+Z$")) and .startTime >= .conditions[4].lastTransitionTime)' "$ROOT/a.json"
	jq -e '.status.containerStatuses | length == 1 and (.[0] | .name == "c" and .ready and .started and .restartCount == 0 and
		.image == "guest" and (.imageID | test("^sha256:[0-9a-f]{64}$")) and (.containerID | test("^carpel://[0-9a-f]{64}$")) and
		(.state | keys) == ["running"] and (.state.running.startedAt | test("Z$")) and .lastState == {})' "$ROOT/a.json"
	[ "$(conditions a)" = 'PodReadyToStartContainers=True Initialized=True Ready=True ContainersReady=True PodScheduled=True' ]
	jq -e '.status.conditions | all(.observedGeneration == 1 and (.lastTransitionTime | test("Z$")))' "$ROOT/a.json"
}

@test "the status of pods that ended: Succeeded, Failed, and one that waits to be restarted" {
	DAEMON_OPTIONS='--back-off 600000,600000,6000000'
	start_carpeld
	import_guest
	{ pod good exit 0; pod bad exit 5; pod dead kill 11; RESTART=Always pod again exit 2; } | carpel run -f -
	wait_for 10 is_field dead .status.phase Failed
	wait_for 10 is_field bad .status.phase Failed
	wait_for 10 is_field good .status.phase Succeeded
	wait_for 10 has_no_sandbox good
	wait_for 10 has_no_sandbox bad
	[ "$(conditions good)" = 'PodReadyToStartContainers=False:PodSandboxNotReady Initialized=True:PodCompleted Ready=False:PodCompleted ContainersReady=False:PodCompleted PodScheduled=True' ]
	[ "$(conditions bad)" = 'PodReadyToStartContainers=False:PodSandboxNotReady Initialized=True Ready=False:PodFailed ContainersReady=False:PodFailed PodScheduled=True' ]
	carpel get pods -o json >"$ROOT/all.json"
	jq -e '.items | map({key: .metadata.name, value: .status.containerStatuses[0]}) | from_entries |
		.good.state.terminated.reason == "Completed" and .good.state.terminated.exitCode == 0 and
		.bad.state.terminated.reason == "Error" and .bad.state.terminated.exitCode == 5 and
		.dead.state.terminated.exitCode > 128 and
		(.bad | .ready == false and .started == false and .state.terminated.containerID == .containerID and
		 .state.terminated.startedAt <= .state.terminated.finishedAt)' "$ROOT/all.json"
	wait_for 20 waits_to_restart again
	carpel get pod again -o json | jq -e '.status | .phase == "Running" and (.containerStatuses[0] |
		.restartCount >= 1 and .lastState.terminated.exitCode == 2 and .state.waiting.reason == "CrashLoopBackOff" and
		(.state.waiting.message | test("^back-off 10m0s restarting failed container=c pod=again_default\\([0-9a-f-]{36}\\)$")))'
	[ "$(carpel get pods --no-headers | awk '{ print $1, $2, $3 }' | sort | tr '\n' ';')" = \
		"again 0/1 CrashLoopBackOff;bad 0/1 Error;dead 0/1 Error;good 0/1 Completed;" ]
}

has_no_sandbox() {
	conditions "$1" | grep -q '^PodReadyToStartContainers=False:PodSandboxNotReady '
}

waits_to_restart() {
	is_field "$1" '.status.containerStatuses[0].state.waiting.reason' CrashLoopBackOff
}

@test "a container that was killed for memory says so" {
	import_guest
	EXTRA='resources: {limits: {memory: 24Mi}}' pod a eat 200 | carpel run -f - --wait=exit
	is_field a '.status.containerStatuses[0].state.terminated.reason' OOMKilled
	is_field a '.status.containerStatuses[0].state.terminated.exitCode' 137
	is_field a .status.qosClass Burstable
	carpel get pods --no-headers | grep -qE '^a +0/1 +OOMKilled '
}

@test "get: forms, names, what is not there" {
	import_guest
	{ pod a sleepy x; LABELS='app: web' pod b sleepy x; } | carpel run -f - --wait
	[ "$(carpel get pods | head -n 1)" = 'NAME   READY   STATUS    RESTARTS   AGE' ]
	[[ "$(carpel get pods -o wide | head -n 1)" =~ ^NAME\ +READY\ +STATUS\ +RESTARTS\ +AGE\ +IP\ +NODE ]]
	# Columns stand below each other.
	[ "$(carpel get pods | awk '{ print index($0, $3) }' | sort -u | wc -l)" = 1 ]
	[ "$(carpel get pod/a pod/b -o name | tr '\n' ' ')" = 'pod/a pod/b ' ]
	[ "$(carpel get pod a -o name)" = pod/a ]
	[ "$(carpel get b -o jsonpath='{.metadata.name}')" = b ]
	[ "$(carpel get pod a b -o json | jq -r '.kind, (.items | length)' | tr '\n' ' ')" = 'List 2 ' ]
	[ "$(carpel get pods -o jsonpath='{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}')" = \
		$'a True\nb True' ]
	carpel get pod a -o yaml | grep -qx 'kind: Pod'
	carpel get pods --show-labels --no-headers | grep -qE '^b .* app=web$'
	run -1 carpel get pod nosuch
	[ "$output" = 'carpel: pods "nosuch" not found' ]
	run --separate-stderr carpel get pods -n empty
	returns 0
	[ -z "$output" ]
	[ "$stderr" = 'No resources found in empty namespace.' ]
	run -2 carpel get pods -o nonsense
	run -1 carpel get pods -o 'jsonpath={.items[}'
	run -2 carpel get
}

@test "yaml and json that get prints mean the same" {
	import_guest
	LABELS='"yes": "no", "n": "1e3", t: "2020-01-01"' EXTRA='env: [{name: A, value: "a: b # c\n\n  - \"x\"\t"}, {name: B, value: "0x1f"}, {name: C, value: "null"}]' \
		pod a sleepy x | carpel run -f - --wait
	carpel get pod a -o yaml >"$ROOT/a.yaml"
	carpel get pod a -o json | jq -S . >"$ROOT/a.json"
	/usr/bin/python3 -c 'import json, sys, yaml
class Loader(yaml.SafeLoader): pass
Loader.add_constructor("tag:yaml.org,2002:timestamp", Loader.construct_yaml_str)
json.dump(yaml.load(sys.stdin, Loader), sys.stdout)' <"$ROOT/a.yaml" | jq -S . | diff "$ROOT/a.json" -
}

@test "namespaces are names: -n, -A, the same name in two" {
	import_guest
	pod a print one | carpel run -f - --wait=exit
	pod a print two | carpel -n other run -f - --wait=exit
	pod b print three | sed 's/name: b/name: b, namespace: third/' | carpel run -f - --wait=running
	[ "$(pod_names)" = a ]
	[ "$(carpel logs a -f)$(carpel -n other logs a -f)$(carpel logs -n third b -f)" = onetwothree ]
	[ "$(carpel get pods -A --no-headers | awk '{ print $1 "/" $2 }' | tr '\n' ' ')" = 'default/a other/a third/b ' ]
	run -1 carpel -n other run -f - < <(pod c print x | sed 's/name: c/name: c, namespace: third/')
	carpel -n other delete a
	[ "$(pod_names)" = a ]
	run -1 carpel -n other get pod a
}

@test "labels and selectors: get, wait, events, delete, label, annotate" {
	import_guest
	{ LABELS='app: web, tier: front' pod a sleepy x; LABELS='app: web' pod b sleepy x; LABELS='app: db' pod c sleepy x; } |
		carpel run -f - --wait
	[ "$(pod_names -l app=web)" = 'a b' ]
	[ "$(pod_names -l 'app!=web')" = c ]
	[ "$(pod_names -l 'app in (web,db),!tier')" = 'b c' ]
	[ "$(pod_names -l tier)" = a ]
	[ "$(pod_names -l 'app notin (db)')" = 'a b' ]
	run -1 carpel get pods -l 'a in'
	says 'unable to parse requirement'
	[ "$(pod_names --field-selector metadata.name=b,status.phase=Running)" = b ]
	[ "$(carpel wait --for=ready -l app=web | tr '\n' ' ')" = 'pod/a condition met pod/b condition met ' ]
	[ "$(carpel events -l app=db --no-headers | awk '{ print $4 }' | sort -u)" = pod/c ]
	carpel label a b new=1
	[ "$(pod_names -l new=1)" = 'a b' ]
	run -1 carpel label a new=2
	says "'new' already has a value (1), and --overwrite is false"
	carpel label a new=2 --overwrite
	carpel label -l app=web new-
	[ -z "$(pod_names -l new)" ]
	carpel annotate c note='some words'
	is_field c .metadata.annotations.note 'some words'
	run -1 carpel label a 'b c=1'
	says 'metadata.labels: Invalid value: "b c"'
	run carpel delete -l 'app in (web)' --now
	[ "$output" = $'pod "a" deleted\npod "b" deleted' ]
	[ "$(pod_names)" = c ]
}

@test "describe: what the pod is, how it is, why, and where its probes dial" {
	import_guest
	LABELS='app: web' EXTRA='readinessProbe: {httpGet: {port: 81, path: /up}, periodSeconds: 1}, env: [{name: A, value: b}], resources: {limits: {memory: 32Mi}}' \
		pod a sleepy x | carpel run -f - --wait=running
	wait_for 10 has_event a Unhealthy
	carpel describe pod a >"$ROOT/a"
	for line in '^Name: +a$' '^Namespace: +default$' '^Labels: +app=web$' '^Status: +Running$' 'probes dial 127\.0\.0\.1 inside the pod' \
		'^  c:$' '^    State: +Running$' '^    Ready: +False$' '^    Restart Count: +0$' 'memory: +32Mi$' 'A: +b$' \
		'Readiness: +http-get http://.*:81/up .*period=1s' '^  ContainersReady +False' '^QoS Class: +Burstable$' \
		'Warning +Unhealthy .*Readiness probe failed: '; do
		grep -qE -- "$line" "$ROOT/a" || { echo "no $line in:"; cat "$ROOT/a"; false; }
	done
	[ "$(carpel describe -l app=web)" != '' ]
	run -1 carpel describe nosuch
}

has_event() {
	carpel events "$1" --no-headers | grep -q " $2 "
}

@test "events: one line each, the oldest first, never cut; -w goes on" {
	import_guest
	timeout "$(patience 90)" "$CARPEL_BIN/carpel" --root "$ROOT" events -w >"$ROOT/watched" 3>&- &
	local watcher=$!
	IMAGE=no.such.registry/with/a/very/long/name/indeed/that/would/not/fit/into/eighty/columns:1.2.3 pod a sleepy x | carpel run -f -
	wait_for 10 has_event a Failed
	pod b exit 0 | carpel run -f - --wait=exit
	carpel events >"$ROOT/events"
	[[ "$(head -n 1 "$ROOT/events")" =~ ^LAST\ SEEN\ +TYPE\ +REASON\ +OBJECT\ +MESSAGE$ ]]
	# Age, type, reason, object and the whole message on every line.
	[ "$(tail -n +2 "$ROOT/events" | grep -cvE '^[0-9a-z]+ +(Normal|Warning) +[A-Za-z]+ +pod/[ab] +.+')" = 0 ]
	grep -q 'image no.such.registry/with/a/very/long/name/indeed/that/would/not/fit/into/eighty/columns:1.2.3 is not in' "$ROOT/events"
	[ "$(carpel events b --no-headers | awk '{ print $3 }' | tr '\n' ' ')" = 'Pulled Created Started ' ]
	[ "$(carpel events --for pod/b --types Warning --no-headers | wc -l)" = 0 ]
	[ "$(carpel events --field-selector reason=Started -o json | jq '.items | length')" = 1 ]
	wait_for 10 grep -q 'Started *pod/b' "$ROOT/watched"
	# What was told first is told as it was then.
	grep -q 'Failed *pod/a' "$ROOT/watched"
	kill "$watcher"
	# On a terminal of sixty columns they are not cut either.
	on_terminal "stty cols 60; '$CARPEL_BIN/carpel' --root '$ROOT' events" | grep -q 'columns:1.2.3 is not in'
}

@test "get -w goes on with what changes" {
	import_guest
	timeout "$(patience 90)" "$CARPEL_BIN/carpel" --root "$ROOT" get pods -w >"$ROOT/watched" 2>/dev/null 3>&- &
	local all=$!
	timeout "$(patience 90)" "$CARPEL_BIN/carpel" --root "$ROOT" get pods -w -l app=web --no-headers >"$ROOT/some" 2>/dev/null 3>&- &
	local some=$!
	{ pod a exit 3; LABELS='app: web' pod b exit 3; } | carpel run -f - --wait=exit
	wait_for 10 grep -qE '^a +0/1 +Error ' "$ROOT/watched"
	wait_for 10 grep -qE '^b +0/1 +Error ' "$ROOT/some"
	kill "$all" "$some"
	[ "$(cut -d ' ' -f 1 "$ROOT/some" | sort -u)" = b ]
	[ "$(grep -c '^NAME' "$ROOT/watched")" = 1 ]
}

@test "colours on a terminal only, and not with NO_COLOR" {
	import_guest
	{ pod a sleepy x; pod b exit 3; } | carpel run -f - --wait=running
	wait_for 10 is_field b .status.phase Failed
	local get="'$CARPEL_BIN/carpel' --root '$ROOT' get pods" escape=$'\033'
	[[ "$(on_terminal "$get")" == *"${escape}[32mRunning${escape}[0m"* ]]
	[[ "$(on_terminal "$get")" == *"${escape}[31mError${escape}[0m"* ]]
	[[ "$(NO_COLOR=1 on_terminal "$get")" != *"$escape"* ]]
	[[ "$(on_terminal "$get | cat")" != *"$escape"* ]]
	[[ "$(carpel get pods; carpel describe a; carpel events)" != *"$escape"* ]]
	# Colour does not move the columns.
	[ "$(on_terminal "$get" | sed -E "s/$escape\[[0-9;]*m//g; s/[0-9]+s$//")" = "$(NO_COLOR=1 on_terminal "$get" | sed -E 's/[0-9]+s$//')" ]
}
