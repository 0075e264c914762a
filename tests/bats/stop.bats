#!/usr/bin/env bats
# How pods end: the signal, the grace, the kill of everything left, deadlines, the death of the sandbox.

load lib/carpel
load lib/pod

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

is_deleted() {
	! carpel get pod "$1" >/dev/null 2>&1
}

@test "stop: SIGTERM, and a container that ends well in time is Completed" {
	import_guest
	GRACE=600 pod a catch | carpel apply -f - --wait=ready --timeout 20s
	wait_for 10 is_logged a listening
	carpel stop pod/a --timeout 20s
	[ "$(ended_log a)" = $'listening\nsignal 15' ]
	is_status a '.state.terminated | "\(.exitCode) \(.reason)"' '0 Completed'
	is_status a .restartCount 0
	is_field a .status.phase Succeeded
	has_event a Killing '^Stopping container c$'
	[ "$(pod_pids a | wc -l)" = 0 ]
	carpel delete pod a
	is_deleted a
}

@test "stop: the whole of one that ignores SIGTERM is killed when the grace is over" {
	import_guest
	GRACE=2 pod a stubborn x | carpel apply -f - --wait=ready --timeout 20s
	# A grandchild of another session is of the container, too.
	carpel exec a -- /bin/guest family 2 >/dev/null &
	local client=$! pids pid
	wait_for 10 has_pids a 5
	pids=$(for pid in $(pod_pids a); do process "$pid"; done)
	[ "$(wc -l <<<"$pids")" = 5 ]
	carpel stop pod/a --timeout 20s
	kill "$client" 2>/dev/null || :
	is_status a '.state.terminated | "\(.exitCode) \(.reason)"' '137 Error'
	is_field a .status.phase Failed
	# Not before the grace: by the kernel's clock for its start and ours for its end.
	matches a '.status.containerStatuses[0].state.terminated | (.finishedAt | fromdate) - (.startedAt | fromdate) >= 1'
	[ "$(while read -r pid _; do process "$pid"; done <<<"$pids" | grep -cxF "$pids")" = 0 ]
}

# process PID: that and its start, since numbers come again; nothing when it has ended.
process() {
	awk '{ print $1, $22 }' "/proc/$1/stat" 2>/dev/null || :
}

@test "stop: the image's StopSignal, to the first process only" {
	import_guest
	import_with_config polite '{"StopSignal": "SIGUSR1"}'
	GRACE=600 pod_of a '{name: polite, image: polite, command: [/bin/guest, catch]},
		{name: usual, image: guest, command: [/bin/guest, catch]}' | carpel apply -f - --wait=ready --timeout 20s
	wait_for 10 both_listen a
	carpel stop pod/a --timeout 20s
	[ "$(ended_log a -c polite)" = $'listening\nsignal 10' ]
	[ "$(ended_log a -c usual)" = $'listening\nsignal 15' ]
}

both_listen() {
	carpel logs "$1" -c polite | grep -q listening && carpel logs "$1" -c usual | grep -q listening
}

# import_with_config NAME CONFIG: the guest as an OCI layout whose configuration is the JSON given.
import_with_config() {
	local dir=$ROOT/layout layer config manifest

	mkdir -p "$dir/blobs/sha256"
	tar -C "$ROOT/guest-rootfs" -cf "$dir/layer" .
	layer=$(blob "$dir" layer)
	jq -n --arg layer "$layer" --argjson config "$2" \
		'{architecture: "amd64", os: "linux", config: $config, rootfs: {type: "layers", diff_ids: ["sha256:\($layer)"]}}' >"$dir/config"
	config=$(blob "$dir" config)
	jq -n --argjson layer "$(descriptor "$dir" "$layer" layer.v1.tar)" --argjson config "$(descriptor "$dir" "$config" config.v1+json)" \
		'{schemaVersion: 2, config: $config, layers: [$layer]}' >"$dir/manifest"
	manifest=$(blob "$dir" manifest)
	jq -n --argjson m "$(descriptor "$dir" "$manifest" manifest.v1+json)" '{schemaVersion: 2, manifests: [$m]}' >"$dir/index.json"
	echo '{"imageLayoutVersion": "1.0.0"}' >"$dir/oci-layout"
	carpel image import "$1" "$dir"
}

blob() {
	local sum

	sum=$(sha256sum <"$1/$2" | cut -d' ' -f1)
	mv "$1/$2" "$1/blobs/sha256/$sum"
	echo "$sum"
}

descriptor() {
	jq -n --arg sum "$2" --arg type "application/vnd.oci.image.$3" --argjson size "$(stat -c %s "$1/blobs/sha256/$2")" \
		'{mediaType: $type, digest: "sha256:\($sum)", size: $size}'
}

@test "delete: the pod's grace, the request's in its place, and later ones only shorten" {
	import_guest
	GRACE=3600 pod a stubborn x | carpel apply -f - --wait=ready --timeout 20s
	GRACE=3600 pod b stubborn x | carpel apply -f - --wait=ready --timeout 20s
	GRACE=3600 pod c stubborn x | carpel apply -f - --wait=ready --timeout 20s
	carpel delete pod a --wait=false
	matches a '.metadata.deletionGracePeriodSeconds == 3600 and (.metadata.deletionTimestamp | fromdate) > now + 3000'
	carpel delete pod b --wait=false --grace-period 1800
	matches b '.metadata.deletionGracePeriodSeconds == 1800 and (.metadata.deletionTimestamp | fromdate) < now + 2000'
	# Longer: nothing changes.  Shorter: it does.
	carpel delete pod b --wait=false --grace-period 7200
	matches b '.metadata.deletionGracePeriodSeconds == 1800 and (.metadata.deletionTimestamp | fromdate) < now + 2000'
	carpel delete pod b --wait=false --grace-period 2
	carpel wait --for=delete pod/b --timeout 20s
	# Readable until the end, Running while it stops, and then gone at once.
	is_field a .status.phase Running
	is_status a '.state | keys[0]' running
	carpel delete pod a --now
	is_deleted a
	# A stop is a request like any other.
	carpel stop pod/c --grace-period 3600 --wait=false
	carpel delete pod c --grace-period 1
	is_deleted c
}

@test "a pod whose start hangs in back-off is deleted at once" {
	DAEMON_OPTIONS='--back-off 600000,600000,6000000'
	start_carpeld
	import_guest
	GRACE=3600 pod a exit 1 | apply
	wait_for 20 matches a '.status.containerStatuses[0].state.waiting.reason == "CrashLoopBackOff"'
	carpel delete pod a --timeout 20s
	is_deleted a
}

@test "activeDeadlineSeconds: Failed while it still runs, then the normal grace" {
	import_guest
	# It may be there before its container is, so it is long for what is to run by then.
	GRACE=3600 SPEC='activeDeadlineSeconds: 1' pod early sleepy x | apply
	GRACE=3600 SPEC='activeDeadlineSeconds: 6' pod a stubborn x | apply
	GRACE=600 SPEC='activeDeadlineSeconds: 6' pod b catch | apply
	wait_for 20 is_field early .status.phase Failed
	is_field early .status.reason DeadlineExceeded
	wait_for 20 matches a '.status.phase == "Failed" and .status.containerStatuses[0].state.running != null'
	is_field a .status.reason DeadlineExceeded
	is_field a .status.message 'Pod was active on the node longer than the specified deadline'
	has_event a DeadlineExceeded '^Pod was active on the node longer than the specified deadline$'
	has_event a Killing '^Stopping container c$'
	matches a '(.status.startTime | fromdate) + 6 <= now'
	carpel delete pod a --now
	# Its end by itself is Failed as well, even with a good exit.
	carpel wait --for=exit pod/b --timeout 20s
	is_status b '.state.terminated.exitCode' 0
	is_field b .status.phase Failed
	is_status b .restartCount 0
}

@test "pause is killed: the pod is made again, restarts are counted, logs are kept" {
	import_guest
	pod_of a '{name: b, image: guest, command: [/bin/guest, sleepy, one]},
		{name: c, image: guest, command: [/bin/guest, sleepy, two]}' | carpel apply -f - --wait=ready --timeout 20s
	wait_for 20 have_said a
	local uid net started pause held
	uid=$(field a .metadata.uid)
	started=$(field a .status.startTime)
	net=$(guest a ns | grep ^net)
	pause=$(pids_named a carpel-pause)
	exec {held}<"/proc/$pause/ns/net" # so that no other one gets its number
	kill -9 "$pause"
	wait_for 20 matches a '[.status.containerStatuses[] | .restartCount == 1 and .ready] == [true, true]'
	carpel wait --for=ready pod/a --timeout 20s
	is_field a .metadata.uid "$uid"
	is_field a .status.startTime "$started"
	is_field a .status.phase Running
	matches a '[.status.containerStatuses[].lastState.terminated | "\(.exitCode) \(.reason)"] == ["137 Error", "137 Error"]'
	has_event a SandboxChanged '^Pod sandbox changed, it will be killed and re-created.$'
	[ "$(event_count a SandboxChanged)" = 1 ]
	output=$(guest a ns | grep ^net)
	[ "$output" != "$net" ]
	exec {held}<&-
	wait_for 20 have_said a
	wait_for 20 have_said a --previous
	wait_for 20 has_pids a 3
}

have_said() {
	[ "$(carpel logs "$1" -c b "${@:2}") $(carpel logs "$1" -c c "${@:2}")" = 'one two' ]
}

@test "pause is killed: a Never pod ends, OnFailure leaves what was done" {
	import_guest
	RESTART=Never pod a sleepy x | carpel apply -f - --wait=ready --timeout 20s
	kill -9 "$(pids_named a carpel-pause)"
	carpel wait --for=exit pod/a --timeout 20s
	is_field a .status.phase Failed
	is_status a .restartCount 0
	is_status a '.state.terminated.exitCode' 137
	[ "$(event_count a SandboxChanged)" = 0 ]
	RESTART=OnFailure pod_of b '{name: done, image: guest, command: [/bin/guest, exit, "0"]},
		{name: stays, image: guest, command: [/bin/guest, sleepy, x]}' | apply
	wait_for 20 matches b '.status.containerStatuses | .[0].state.terminated.exitCode == 0 and .[1].ready'
	kill -9 "$(pids_named b carpel-pause)"
	wait_for 20 matches b '.status.containerStatuses[1] | .restartCount == 1 and .ready'
	matches b '.status.containerStatuses[0] | .restartCount == 0 and .state.terminated.exitCode == 0'
}

@test "pause is killed while the pod stops: it ends all the same" {
	import_guest
	GRACE=3600 pod a stubborn x | carpel apply -f - --wait=ready --timeout 20s
	carpel delete pod a --wait=false
	kill -9 "$(pids_named a carpel-pause)"
	carpel wait --for=delete pod/a --timeout 20s
	is_deleted a
}

@test "the file system of a pod that is made again is new, its volumes are not" {
	import_guest
	SPEC='volumes: [{name: v, emptyDir: {}}]' EXTRA='volumeMounts: [{name: v, mountPath: /v}]' \
		pod a sleepy x | carpel apply -f - --wait=ready --timeout 20s
	[ "$(guest a write /v/kept yes)" = '/v/kept ok' ]
	[ "$(guest a write /lost yes)" = '/lost ok' ]
	kill -9 "$(pids_named a carpel-pause)"
	wait_for 20 matches a '.status.containerStatuses[0] | .restartCount == 1 and .ready'
	[ "$(guest a cat /v/kept)" = yes ]
	[ "$(guest a cat /lost)" = '/lost ENOENT' ]
}
