#!/usr/bin/env bats
# In-place resize: what the API accepts, what the cgroups of pod and container hold afterwards, and that
# neither a crash nor a refusal of the kernel loses anything.
#
# bats sets output and status.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/pod

setup() {
	carpel_setup
	import_guest
}

teardown() {
	carpel down --grace-period 0 >/dev/null || :
	carpel_teardown
}

# amounts CPU-REQUEST MEMORY-REQUEST CPU-LIMIT MEMORY-LIMIT
amounts() {
	echo "resources: {requests: {cpu: $1, memory: $2}, limits: {cpu: $3, memory: $4}}"
}

# cgroup POD [CONTAINER-INDEX]: "quota memory" of the pod's cgroup or a container's, in either version's files.
cgroup() {
	local uid id='' dir found quota memory

	uid=$(field "$1" .metadata.uid)
	[ $# -lt 2 ] || id=$(carpel get pod "$1" -o json | jq -r ".status.containerStatuses[$2].containerID" | sed 's|carpel://|/|')
	for dir in $(cgroup_dirs); do
		found=$(find "$dir" -type d -path "*/pod$uid$id" | head -n 1)
		[ ! -e "$found/cpu.max" ] || read -r quota _ <"$found/cpu.max"
		[ ! -e "$found/cpu.cfs_quota_us" ] || quota=$(cat "$found/cpu.cfs_quota_us")
		[ ! -e "$found/memory.max" ] || memory=$(cat "$found/memory.max")
		[ ! -e "$found/memory.limit_in_bytes" ] || memory=$(cat "$found/memory.limit_in_bytes")
	done
	echo "$quota $memory"
}

# has_cgroup AMOUNTS POD [CONTAINER-INDEX]: of one that may be in the midst of its restart.
has_cgroup() {
	[ "$(cgroup "${@:2}")" = "$1" ]
}

is_resized() {
	matches "$1" '[.status.conditions[] | select(.type | startswith("PodResize"))] == []'
}

# says WANTED: $output holds it.
says() {
	[[ $output == *"$1"* ]] || {
		printf 'wanted: %s\ngot: %s\n' "$1" "$output" >&2
		return 1
	}
}

MI=1048576

@test "resize: the cgroups of container and pod change while it runs, and the status says so" {
	local id

	pod_of web "{name: a, image: guest, command: [/bin/guest, sleepy], $(amounts 100m 32Mi 200m 64Mi)},
		{name: b, image: guest, command: [/bin/guest, sleepy], $(amounts 100m 32Mi 200m 64Mi)}" | carpel run -f - --wait
	[ "$(cgroup web)" = "40000 $((128 * MI))" ]
	id=$(status web .containerID)
	# What people see of a pod that nobody resized.
	[ "$(status web .allocatedResources.cpu)" = 100m ]
	[ "$(status web .resources.limits.memory)" = 64Mi ]
	# It grows: both of them.
	carpel update web -c a --limits cpu=500m,memory=128Mi --requests cpu=300m
	wait_for 10 is_resized web
	[ "$(cgroup web 0)" = "50000 $((128 * MI))" ]
	[ "$(cgroup web 1)" = "20000 $((64 * MI))" ]
	[ "$(cgroup web)" = "70000 $((192 * MI))" ]
	[ "$(status web .allocatedResources.cpu)" = 300m ]
	[ "$(status web .resources.limits.cpu)" = 500m ]
	[ "$(field web .metadata.generation)" = 2 ]
	[ "$(field web .status.observedGeneration)" = 2 ]
	[ "$(field web '.spec.containers[0].resources.limits.memory')" = 128Mi ]
	[ "$(events web ResizeStarted)" = 'Pod resize started: {"containers":[{"name":"a","resources":{"limits":{"cpu":"500m","memory":"128Mi"},"requests":{"cpu":"300m","memory":"32Mi"}}},{"name":"b","resources":{"limits":{"cpu":"200m","memory":"64Mi"},"requests":{"cpu":"100m","memory":"32Mi"}}}],"generation":2}' ]
	had_events web ResizeCompleted 1
	# It shrinks, in podman's words.
	carpel update web -c a --cpus 50m --memory 32Mi --requests cpu=50m
	wait_for 10 is_resized web
	[ "$(cgroup web 0)" = "5000 $((32 * MI))" ]
	[ "$(cgroup web)" = "25000 $((96 * MI))" ]
	# Nothing of it was restarted; whoever is, has the new limits.
	[ "$(status web .containerID)" = "$id" ]
	[ "$(restarts web)" = 0 ]
	end_first web a
	wait_for 10 has_restarts web 1
	wait_for 10 has_cgroup "5000 $((32 * MI))" web 0
}

@test "resize: what may not change is refused by name, and changes nothing" {
	local line

	EXTRA=$(amounts 100m 32Mi 200m 64Mi) pod web sleepy | carpel run -f - --wait
	pod idle sleepy | carpel run -f - --wait
	while IFS='|' read -r type patch text; do
		run carpel_patch web "$type" "$patch"
		says "$text"
	done <<-'LINES'
		strategic|{"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"100m","memory":"32Mi"}}}]}}|Pod QOS Class may not change as a result of resizing
		strategic|{"spec":{"containers":[{"name":"c","resources":{"limits":{"memory":null}}}]}}|spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed
		strategic|{"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"1"}}}]}}|must be less than or equal to cpu limit of 200m
		strategic|{"spec":{"containers":[{"name":"c","image":"x"}]}}|spec: Forbidden: only cpu and memory resources are mutable
		strategic|{"spec":{"containers":[{"name":"c","resizePolicy":[{"resourceName":"cpu","restartPolicy":"RestartContainer"}]}]}}|spec: Forbidden: only cpu and memory resources are mutable
		strategic|{"spec":{"containers":[{"name":"d","image":"guest"}]}}|spec: Forbidden: containers may not be renamed or reordered on resize
		strategic|{"spec":{"containers":[{"image":"guest"}]}}|spec.containers[0] does not contain declared merge key: name
		strategic|{"metadata":{"labels":{"a":"b"}}}|metadata.labels: Forbidden: cannot be changed by a resize
		strategic|{"metadata":{"annotations":{"a":"b"}}}|metadata.annotations[a]: Forbidden: cannot be added by a resize
		merge|{"spec":{"hostname":"x"}}|spec: Forbidden: only cpu and memory resources are mutable
		json|[]|the body of the request was in an unknown format
	LINES
	run carpel update idle --memory 64Mi
	[ "$status" = 1 ]
	says 'Pod QOS Class may not change'
	run carpel update web --memory 512m
	[ "$status" = 2 ]
	says 'as in 512Mi'
	run carpel update web
	[ "$status" = 2 ]
	run carpel update web -c nobody --cpus 1
	[ "$status" = 1 ]
	says 'has no container nobody'
	[ "$(field web .metadata.generation)" = 1 ]
	[ "$(cgroup web 0)" = "20000 $((64 * MI))" ]
	# A dry run shows what would be.
	[ "$(carpel_patch web strategic '{"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"1"}}}]}}' '?dryRun=All' |
		jq -r '.spec.containers[0].resources.limits.cpu')" = 1 ]
	[ "$(field web .metadata.generation)" = 1 ]
}

# carpel_patch POD merge|strategic|json PATCH [QUERY]: the answer of /resize.
carpel_patch() {
	local type=$2-patch+json

	[ "$2" != strategic ] || type=strategic-merge-patch+json
	curl -sS --http2-prior-knowledge --unix-socket "$ROOT/run/carpel/carpel.sock" -X PATCH \
		-H "content-type: application/$type" -H 'user-agent: x' -d "$3" \
		"http://localhost/api/v1/namespaces/default/pods/$1/resize${4:-}"
}

@test "resize: resizePolicy restarts the container that asks for it, and no other" {
	EXTRA="resizePolicy: [{resourceName: memory, restartPolicy: RestartContainer}], $(amounts 100m 32Mi 200m 64Mi)" \
		pod web sleepy | carpel run -f - --wait
	carpel update web --cpus 400m
	wait_for 10 is_resized web
	[ "$(restarts web)" = 0 ]
	carpel update web --memory 96Mi
	wait_for 10 has_restarts web 1
	wait_for 10 is_resized web
	wait_for 10 has_cgroup "40000 $((96 * MI))" web 0
	[ "$(status web .resources.limits.memory)" = 96Mi ]
	has_event web Killing 'Container c resize requires restart'
	[ "$(restarts web)" = 1 ]
	# Kubernetes' rule for what cannot come back.
	RESTART=Never EXTRA='resizePolicy: [{resourceName: cpu, restartPolicy: RestartContainer}]' pod never sleepy >"$ROOT/never"
	run carpel run -f "$ROOT/never"
	[ "$status" = 1 ]
	says "must be 'NotRequired' when pod \`restartPolicy\` is 'Never'"
}

has_error() {
	matches "$1" '.status.conditions[0] | .type == "PodResizeInProgress" and .reason == "Error"'
}

@test "resize: a limit below what is in use is an error that is tried again, and what is too much is pending" {
	EXTRA=$(amounts 100m 32Mi 200m 128Mi) pod web eat 40 | carpel run -f - --wait
	wait_for 10 is_logged web .
	carpel update web --memory 32Mi
	wait_for 10 has_error web
	has_event web ResizeError 'container c: resources.limits.memory: a limit of memory of 33554432 is less than what is in use \([0-9]{8}\)'
	[ "$(field web '.spec.containers[0].resources.limits.memory')" = 32Mi ]
	[ "$(status web .resources.limits.memory)" = 128Mi ]
	[ "$(cgroup web 0)" = "20000 $((128 * MI))" ]
	[ "$(restarts web)" = 0 ]
	# carpeld tries again by itself, also after it was killed.
	kill -9 "$(carpeld_pid)"
	wait_for 10 is_serving
	wait_for 10 has_error web
	# Whoever frees its memory is what it waits for; here it is the next instance.
	had_events web ResizeError 1
	carpel update web --memory 64Mi
	wait_for 10 is_resized web
	[ "$(cgroup web 0)" = "20000 $((64 * MI))" ]
	# More than there is.
	carpel update web --requests memory=100Ti --limits memory=100Ti
	matches web '.status.conditions[0] | .type == "PodResizePending" and .reason == "Infeasible" and .observedGeneration == 4'
	has_event web ResizeInfeasible "Node didn't have enough capacity: memory, requested: 109951162777600"
	[ "$(cgroup web 0)" = "20000 $((64 * MI))" ]
	[ "$(status web .resources.limits.memory)" = 64Mi ]
	# Nor after a crash.
	kill -9 "$(carpeld_pid)"
	wait_for 10 is_serving
	[ "$(status web .resources.limits.memory)" = 64Mi ]
	kill -9 "$(pids_named web guest)"
	wait_for 10 has_restarts web 1
	wait_for 10 has_cgroup "20000 $((64 * MI))" web 0
	carpel update web --requests memory=32Mi --limits memory=64Mi
	wait_for 10 is_resized web
}

@test "resize: kill -9 of carpeld at any point loses none" {
	local i

	EXTRA=$(amounts 100m 32Mi 200m 64Mi) pod web sleepy | carpel run -f - --wait
	for i in 1 2 3 4; do
		# The answer may be lost with it; what was answered holds.
		carpel update web --cpus "$((200 + 100 * i))m" --memory "$((64 + 8 * i))Mi" >"$ROOT/said" 2>&1 &
		[ $((i % 2)) = 0 ] || wait $!
		kill -9 "$(carpeld_pid)"
		[ $((i % 2)) = 1 ] || wait $! || :
		wait_for 10 is_serving
		wait_for 10 is_resized web
		[ $((i % 2)) = 0 ] || [ "$(cgroup web 0)" = "$((20000 + 10000 * i)) $(((64 + 8 * i) * MI))" ]
		[ "$(cgroup web)" = "$(cgroup web 0)" ]
		[ "$(status web .resources)" = "$(carpel get pod web -o json | jq '.spec.containers[0].resources')" ]
	done
	[ "$(restarts web)" = 0 ]
}

@test "update: a limit of processes and of block IO, for a pod that runs" {
	local dir

	EXTRA=$(amounts 100m 32Mi 200m 64Mi) META='annotations: {carpel/pids-limit: "100"}' pod web sleepy | carpel run -f - --wait
	dir=$(find /sys/fs/cgroup -type d -path "*$(instance_cgroup)/*/pod$(field web .metadata.uid)" | while read -r d; do
		[ ! -e "$d/pids.max" ] || echo "$d"
	done)
	[ "$(cat "$dir/pids.max")" = 100 ]
	carpel update web --pids-limit 64
	wait_for 10 is_resized web
	[ "$(cat "$dir/pids.max")" = 64 ]
	[ "$(field web '.metadata.annotations.carpel/pids-limit')" = 64 ]
	run carpel update web --pids-limit 3
	[ "$status" = 1 ]
	says 'must be between 16 and'
	run carpel_patch web strategic '{"metadata":{"annotations":{"carpel/pids-limit":null}}}'
	says 'cannot be removed by a resize'
	run carpel update web --io max-write-bps=1
	[ "$status" = 1 ]
	says 'metadata.annotations[carpel/io.c.max-write-bps]'
	kill -9 "$(carpeld_pid)"
	wait_for 10 is_serving
	[ "$(cat "$dir/pids.max")" = 64 ]
}
