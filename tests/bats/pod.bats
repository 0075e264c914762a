#!/usr/bin/env bats
# run, apply, wait, stop and delete, as a user sees them: what is printed where, and every exit code.
#
# bats sets output, status and stderr.
# shellcheck disable=SC2030,SC2031,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/user

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

@test "run --wait returns when the pod is ready; the same again is unchanged; a label is configured" {
	import_guest
	run --separate-stderr carpel run -f - --wait < <(EXTRA='readinessProbe: {tcpSocket: {port: 7}}' pod a tcp 7)
	returns 0
	[ "$output" = 'pod/a created' ]
	is_field a '.status.conditions[?(@.type=="Ready")].status' True
	local uid
	uid=$(field a .metadata.uid)
	run carpel apply -f - < <(EXTRA='readinessProbe: {tcpSocket: {port: 7}}' pod a tcp 7)
	returns 0
	[ "$output" = 'pod/a unchanged' ]
	run carpel apply -f - < <(LABELS='x: "1"' EXTRA='readinessProbe: {tcpSocket: {port: 7}}' pod a tcp 7)
	[ "$output" = 'pod/a configured' ]
	is_field a .metadata.labels.x 1
	is_field a .metadata.uid "$uid"
}

@test "what get printed can be applied again" {
	import_guest
	pod a sleepy x | carpel run -f - --wait
	carpel get pod a -o yaml >"$ROOT/a.yaml"
	carpel get pod a -o json >"$ROOT/a.json"
	[ "$(carpel apply -f "$ROOT/a.yaml")" = 'pod/a unchanged' ]
	[ "$(carpel apply -f "$ROOT/a.json")" = 'pod/a unchanged' ]
	carpel delete pod a --now
	run carpel apply -f "$ROOT/a.json"
	returns 1
	says 'resourceVersion should not be set on objects to be created'
}

@test "another spec is refused, create refuses what exists, and nothing changes" {
	import_guest
	pod a sleepy x | carpel run -f - --wait
	run carpel apply -f - < <(pod a sleepy y)
	returns 1
	says 'Pod "a" is invalid: spec: Forbidden: pod updates may not change fields'
	says 'spec.containers[0].command[2]'
	run carpel create -f - < <(pod a sleepy x)
	returns 1
	says 'pods "a" already exists'
	is_field a '.spec.containers[0].command[2]' x
	is_field a .metadata.generation 1
}

@test "all documents of all files are checked before any pod is made" {
	import_guest
	{ pod a sleepy x; pod b sleepy x; } >"$ROOT/good.yaml"
	{ pod c sleepy x; pod d sleepy x | sed 's/image:/imago:/'; } >"$ROOT/bad.yaml"
	run carpel run -f "$ROOT/good.yaml" -f "$ROOT/bad.yaml"
	returns 1
	says "$ROOT/bad.yaml: document 2 (line "
	says 'unknown field "spec.containers[0].imago"'
	[ -z "$(pod_names)" ]
	run carpel run -f - < <(pod a sleepy x; pod a sleepy y)
	returns 1
	says 'pod "a" stands in standard input: document 1 (line 1) already'
	[ -z "$(pod_names)" ]
	run carpel run "$ROOT/good.yaml" --wait
	returns 0
	[ "$output" = $'pod/a created\npod/b created' ]
	run carpel run -f - --dry-run < <(pod e sleepy x)
	[ "$output" = 'pod/e created (dry run)' ]
	[ "$(pod_names)" = 'a b' ]
}

@test "--wait=running: also when the container has ended already" {
	import_guest
	pod a exit 3 | carpel run -f - --wait=running
	wait_for 10 is_field a .status.phase Failed
	# The pod has ended long before this one asks.
	run carpel wait --for=running a
	returns 0
	[ "$output" = 'pod/a condition met' ]
}

@test "--wait=exit and its limit; a wait that timed out is 124" {
	import_guest
	pod a exit 3 | carpel run -f - --wait=exit
	is_field a .status.phase Failed
	is_field a '.status.containerStatuses[0].state.terminated.exitCode' 3
	run --separate-stderr carpel run -f - --wait=exit --timeout 100ms < <(pod b sleepy x)
	returns 124
	[[ $stderr == *'pod "b": timed out waiting for it to be over' ]]
	run carpel run -f - --wait --timeout 100ms < <(EXTRA='readinessProbe: {tcpSocket: {port: 9}}' pod c sleepy x)
	returns 124
	says 'timed out waiting for it to be ready'
	# What was waited for goes on.
	wait_for 10 is_field c .status.phase Running
}

@test "progress is shown on a wait longer than a second, on standard error, and not before" {
	import_guest
	# It is not ready before the progress was seen.
	EXTRA='readinessProbe: {exec: {command: [/bin/guest, have, /tmp/ok]}, periodSeconds: 1, timeoutSeconds: 60}' pod a sleepy x >"$ROOT/a"
	carpel run "$ROOT/a" --wait --timeout 90s >"$ROOT/out" 2>"$ROOT/err" 3>&- &
	local client=$! begun
	wait_for 60 grep -qx 'pod/a: Running, 0/1 ready' "$ROOT/err"
	carpel exec a -- /bin/guest write /tmp/ok yes >/dev/null
	wait "$client"
	[ "$(cat "$ROOT/out")" = 'pod/a created' ]
	# One that may have taken longer proves nothing.
	for name in b c d e f g h i; do
		begun=$(date +%s%N)
		run --separate-stderr carpel run -f - --wait < <(pod $name sleepy x)
		[ $(($(date +%s%N) - begun)) -ge 1000000000 ] || { [ -z "$stderr" ]; break; }
	done
}

# A start that fails: a line with the object, the step and the reason, not 0, and delete works.
fails_to_start() {
	local name=$1

	shift
	run --separate-stderr carpel run -f - --wait --timeout 20s
	returns 1
	[ "$output" = "pod/$name created" ]
	for wanted in "pod \"$name\": container \"c\": " "$@"; do
		[[ $stderr == *"$wanted"* ]] || { echo "no $wanted in: $stderr" >&2; return 1; }
	done
	run carpel delete pod "$name"
	returns 0
	[ "$output" = "pod \"$name\" deleted" ]
	[ -z "$(pod_names)" ]
}

@test "a start that fails says step, object and reason" {
	import_guest
	IMAGE=nosuch pod a sleepy x | fails_to_start a 'ErrImagePull: image nosuch is not in ' "; \`carpel image import\` puts it there"
	IMAGE=nosuch EXTRA='imagePullPolicy: Never' pod a sleepy x |
		fails_to_start a 'ErrImageNeverPull: Container image "nosuch" is not present with pull policy of Never'
	pod a sleepy x | sed 's,/bin/guest,/bin/nosuch,' |
		fails_to_start a 'execute: /bin/nosuch: No such file or directory'
	pod a sleepy x | sed 's,/bin/guest,nosuch,' | fails_to_start a 'execute: nosuch: executable file not found in PATH'
	pod a sleepy x | sed 's,/bin/guest,/etc,' | fails_to_start a 'execute: /etc: Permission denied'
	EXTRA='securityContext: {runAsNonRoot: true}' pod a sleepy x |
		fails_to_start a 'CreateContainerConfigError: container has runAsNonRoot and image will run as root'
	EXTRA='securityContext: {runAsUser: 0, runAsNonRoot: true}' pod a sleepy x |
		fails_to_start a "container's runAsUser breaks non-root policy"
	# The pod's own start, as opposed to a container's.
	run carpel run -f - --wait < <(SPEC='volumes: [{name: v, hostPath: {path: /nosuch, type: Directory}}]' \
		EXTRA='volumeMounts: [{name: v, mountPath: /v}]' pod a sleepy x)
	returns 1
	says 'pod "a": FailedCreatePodSandBox: '
	says 'MountVolume.SetUp failed for volume "v" : hostPath type check failed, /nosuch is not a directory'
	carpel delete a
}

@test "run --foreground: output, exit code, signals" {
	import_guest
	run --separate-stderr carpel run --foreground -f - < <(pod a all 'print one two' 'exit 7')
	returns 7
	[ "${lines[*]}" = 'pod/a created one two --' ]
	run carpel run --foreground -f - < <(pod b exit 0)
	returns 0
	GRACE=600 pod c sleepy up >"$ROOT/c.yaml"
	"$CARPEL_BIN/carpel" --root "$ROOT" run --foreground "$ROOT/c.yaml" >"$ROOT/out" 2>&1 3>&- &
	local pid=$! code=0
	wait_for 10 grep -qx up "$ROOT/out"
	kill -TERM "$pid"
	wait "$pid" || code=$?
	[ "$code" = 143 ]
	is_field c .status.phase Failed
	run carpel run --foreground -f - < <(IMAGE=nosuch pod d sleepy x)
	returns 125
	says 'image nosuch is not in'
	run carpel run --foreground -f - < <(pod e exit 0; pod f exit 0)
	returns 2
	run carpel run --foreground -f - < <(pod Q exit 0)
	returns 125
}

@test "wait: ready, exit, delete, condition; every form of a name; what can never come fails at once" {
	import_guest
	{ pod a sleepy x; pod b exit 0; } | carpel run -f - --wait=running
	run carpel wait --for=ready pod/a
	[ "$output" = 'pod/a condition met' ]
	run carpel wait --for=exit pod b
	[ "$output" = 'pod/b condition met' ]
	carpel wait --for=condition=Initialized pod/a pod/b
	carpel wait --for=condition=Ready=False b
	run carpel wait --for=condition=Ready=False a --timeout 50ms
	returns 124
	run carpel wait --for=ready b
	returns 1
	says 'ended'
	run carpel wait --for=ready nosuch
	returns 1
	says 'pods "nosuch" not found'
	carpel wait --for=delete nosuch
	carpel wait --for=delete a --timeout 20s 3>&- &
	carpel delete a --now
	wait $!
	run carpel wait --for=nonsense b
	returns 2
	run carpel wait b
	returns 2
}

@test "stop ends gracefully and keeps the pod, Succeeded or Failed, until delete" {
	import_guest
	{
		GRACE=600 RESTART=Always pod a sleepy x
		RESTART=Always pod b http 8080
		LABELS='k: v' pod c stubborn x
	} | carpel run -f - --wait
	wait_for 20 has_log a x # it has been told what SIGTERM is for
	run carpel stop a
	returns 0
	[ "$output" = 'pod/a stopped' ]
	is_field a .status.phase Failed
	is_field a '.status.containerStatuses[0].state.terminated.exitCode' 143
	is_field a '.status.conditions[?(@.type=="Ready")].reason' PodFailed
	# Again is fine, and it does not start anew.
	carpel stop pod/a
	is_field a '.status.containerStatuses[0].restartCount' 0
	run carpel stop -l k=v --grace-period 0
	returns 0
	is_field c '.status.containerStatuses[0].state.terminated.exitCode' 137
	[ "$(pod_names)" = 'a b c' ]
	run carpel stop nosuch
	returns 1
	says 'pods "nosuch" not found'
	carpel delete pod a
	[ "$(pod_names)" = 'b c' ]
}

@test "delete: by name, pod/NAME, pod NAME, file, selector; what is not there" {
	import_guest
	for name in a b c d e; do LABELS="app: $name" pod $name sleepy x; done | carpel run -f - --wait=running
	run carpel delete a
	[ "$output" = 'pod "a" deleted' ]
	carpel delete pod/b
	carpel delete pod c
	run carpel delete -f - < <(pod d sleepy x)
	[ "$output" = 'pod "d" deleted' ]
	run carpel delete -l app=zzz
	returns 0
	[ "$(pod_names)" = e ]
	run carpel delete -l 'app in (e)'
	[ "$output" = 'pod "e" deleted' ]
	run carpel delete a
	returns 1
	says 'pods "a" not found'
	run carpel delete a --ignore-not-found
	returns 0
	run carpel delete
	returns 2
}

@test "delete --now returns when processes, mounts and cgroups are gone" {
	import_guest
	SPEC='volumes: [{name: v, emptyDir: {}}]' EXTRA='volumeMounts: [{name: v, mountPath: /v}]' \
		pod a family 100 | carpel run -f - --wait
	local pid uid started
	pid=$(container_pid a)
	started=$(awk '{ print $22 }' "/proc/$pid/stat")
	uid=$(field a .metadata.uid)
	[ "$(cat "/proc/$pid/comm")" = guest ]
	carpel exec a -- /bin/guest orphan 1000 0 >"$ROOT/orphan" 3>&- &
	wait_for 10 test -s "$ROOT/orphan"
	carpel delete a --now
	[ "$(awk '{ print $22 }' "/proc/$pid/stat" 2>/dev/null)" != "$started" ] # another has its number, if any
	run ! grep -F "$uid" /proc/self/mountinfo
	[ -z "$(find /sys/fs/cgroup -maxdepth 4 -name "*$uid*" 2>/dev/null)" ]
	[ -z "$(find "$ROOT/run/carpel/pods" "$ROOT/var/log/pods" -name "*$uid*")" ]
	local code=0
	wait $! || code=$? # its exec went with it
	[ "$code" = 137 ]
}

@test "delete --grace-period and the pod's own" {
	import_guest
	pod a stubborn x | sed 's/PeriodSeconds: 2/PeriodSeconds: 1000/' | carpel run -f - --wait
	run carpel delete a --wait=false
	returns 0
	is_field a .metadata.deletionGracePeriodSeconds 1000
	run carpel delete a --timeout 100ms
	returns 124
	run carpel run -f - < <(pod a stubborn x)
	returns 1
	says 'is being deleted'
	# A shorter one overtakes a longer one.
	carpel delete a --grace-period 1
	[ -z "$(pod_names)" ]
}

@test "a pod whose exec failed to start can still be stopped" {
	import_guest
	GRACE=600 pod a sleepy x | carpel run -f - --wait
	run -127 carpel exec a -- nosuch
	wait_for 20 has_log a x
	carpel stop a --timeout 20s
	is_field a '.status.containerStatuses[0].state.terminated.exitCode' 143
}
