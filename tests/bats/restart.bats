#!/usr/bin/env bats
# How containers start and end: restart policies, back-off, order, what a status says of each.

load lib/carpel
load lib/pod

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

# policy_case POLICY ARGS… : a pod of that policy whose container ends at once.
policy_case() {
	local name=$1

	shift
	RESTART=$POLICY pod "$name" "$@" | apply
}

@test "restartPolicy Always restarts whatever the exit" {
	DAEMON_OPTIONS='--back-off 50,100,600000'
	start_carpeld
	import_guest
	POLICY=Always
	policy_case zero exit 0
	policy_case three exit 3
	policy_case signal kill 4
	local pod
	for pod in zero three signal; do
		wait_for 20 has_restarts "$pod" 2
		is_field "$pod" .status.phase Running
	done
	is_status zero '.lastState.terminated | "\(.exitCode) \(.reason)"' '0 Completed'
	is_status three '.lastState.terminated | "\(.exitCode) \(.reason)"' '3 Error'
	is_status signal '.lastState.terminated | "\(.exitCode) \(.reason) \(.signal)"' '132 Error null'
}

@test "restartPolicy OnFailure restarts what failed, and success ends it" {
	DAEMON_OPTIONS='--back-off 50,100,600000'
	start_carpeld
	import_guest
	POLICY=OnFailure
	policy_case zero exit 0
	policy_case three exit 3
	policy_case signal kill 4
	carpel wait --for=exit pod/zero --timeout 20s
	is_field zero .status.phase Succeeded
	is_status zero .restartCount 0
	wait_for 20 has_restarts three 2
	wait_for 20 has_restarts signal 2
	# What failed, and then ends well, is done.
	EXTRA='volumeMounts: [{name: v, mountPath: /v}]' SPEC='volumes: [{name: v, emptyDir: {}}]' \
		policy_case once later /v/done
	wait_for 20 has_restarts once 1
	carpel wait --for=exit pod/once --timeout 20s
	is_field once .status.phase Succeeded
	is_status once '.state.terminated.exitCode' 0
	is_status once '.lastState.terminated.exitCode' 1
	is_status once .restartCount 1
}

@test "restartPolicy Never: one instance, Succeeded or Failed" {
	import_guest
	POLICY=Never
	policy_case zero exit 0
	policy_case three exit 3
	policy_case signal kill 4
	carpel wait --for=exit pod/zero pod/three pod/signal --timeout 20s
	is_field zero .status.phase Succeeded
	is_field three .status.phase Failed
	is_field signal .status.phase Failed
	is_status zero '.state.terminated | "\(.exitCode) \(.reason)"' '0 Completed'
	is_status three '.state.terminated | "\(.exitCode) \(.reason)"' '3 Error'
	is_status signal '.state.terminated | "\(.exitCode) \(.reason)"' '132 Error'
	[ "$(restarts zero)$(restarts three)$(restarts signal)" = 000 ]
	# One of two that fails makes the pod Failed, but only when both have ended.
	RESTART=Never pod_of two '{name: bad, image: guest, command: [/bin/guest, exit, "2"]},
		{name: good, image: guest, command: [/bin/guest, sleepy, hello]}' | apply
	wait_for 20 matches two '.status.containerStatuses[0].state.terminated.exitCode == 2'
	is_field two .status.phase Running
	end_first two good
	carpel wait --for=exit pod/two --timeout 20s
	is_field two .status.phase Failed
	matches two '.status.containerStatuses[1].state.terminated.exitCode == 143'
}

# watch_pods: every state of every pod from now on, in $ROOT/seen; $WATCH is who writes it.
watch_pods() {
	pod sentinel sleepy x | apply
	"$CARPEL_BIN/carpel" --root "$ROOT" get pods -w -o json >"$ROOT/seen" 3>&- &
	WATCH=$!
	wait_for 20 grep -q sentinel "$ROOT/seen"
}

# waits POD: "RESTARTS WAIT" of each back-off that was seen of it.
waits() {
	jq -r --arg pod "$1" 'select(.metadata.name == $pod) | .status.containerStatuses[0] |
		select(.state.waiting.reason == "CrashLoopBackOff") | "\(.restartCount) \(.state.waiting.message)"' "$ROOT/seen" 2>/dev/null |
		awk '{ print $1, $3 }' | uniq
}

# has_waits POD REGEX: a line of them.
has_waits() {
	waits "$1" | grep -Eq "$2"
}

# The distances between the start of one instance and the next, by the guest's own clock: it appends to a file that
# outlives it.  They may be as long as they like on a busy machine, so what carpeld waits for is seen in the status.
@test "back-off: none, b, 2b, 4b, then the longest" {
	DAEMON_OPTIONS='--back-off 500,2000,600000'
	start_carpeld
	import_guest
	watch_pods
	EXTRA='volumeMounts: [{name: v, mountPath: /v}]' SPEC='volumes: [{name: v, emptyDir: {}}]' \
		pod a stamp /v/at 1 | apply
	wait_for 30 has_restarts a 5
	wait_for 20 has_waits a '^5 '
	kill "$WATCH"
	[ "$(waits a | head -n 5 | paste -sd,)" = '1 500ms,2 1s,3 2s,4 2s,5 2s' ]
	local gaps at
	at=$(stamps a)
	gaps=$(jq -sc '[range(1; length) as $i | .[$i] - .[$i - 1]]' <<<"$at")
	jq -e '.[1] >= 500 and .[2] >= 1000 and .[3] >= 2000 and .[4] >= 2000' <<<"$gaps" || { echo "gaps: $gaps" >&2; return 1; }
	wait_for 20 matches a '.status.containerStatuses[0].state.waiting | .reason == "CrashLoopBackOff" and
		(.message | startswith("back-off 2s restarting failed container=c pod=a_default("))'
	has_event a BackOff "^Back-off restarting failed container c in pod a_default\\($(field a .metadata.uid)\\)\$"
	had_events a BackOff 5
	is_field a .status.phase Running
	matches a '[.status.conditions[] | select(.type == "Ready")][0] | .status == "False" and .reason == "ContainersNotReady"
		and .message == "containers with unready status: [c]"'
}

# One number a line: when each instance began, in milliseconds.
stamps() {
	local uid

	uid=$(field "$1" .metadata.uid)
	cat "$ROOT"/var/lib/carpel/pods/"$uid"/volumes/v/at
}

@test "a long run makes back-off begin anew" {
	DAEMON_OPTIONS='--back-off 200,60000,3000'
	start_carpeld
	import_guest
	watch_pods
	EXTRA='volumeMounts: [{name: v, mountPath: /v}]' SPEC='volumes: [{name: v, emptyDir: {}}]' \
		pod a stamp /v/at 1 /v/stay | apply
	# It has grown, and would be longer next.  An instance that lives for three seconds voids it.
	wait_for 20 has_waits a '800ms|1.6s'
	guest_stays a
	wait_for 20 has_lived a 3
	local n
	n=$(restarts a)
	guest_leaves a
	# The next is at once, unless that too lives too long, and the wait after it is the first one again.
	wait_for 20 has_waits_after a "$n"
	kill "$WATCH"
	[ "$(waits a | awk -v n="$n" '$1 > n { print $2; exit }')" = 200ms ]
	[ "$(waits a | grep -c "^$n ")" = 0 ]
}

# has_lived POD SECONDS: what runs now, as far as a status, which has whole seconds, can tell.
has_lived() {
	matches "$1" ".status.containerStatuses[0].state.running.startedAt | . != null and now - fromdate > $2 + 1"
}

has_waits_after() {
	[ -n "$(waits "$1" | awk -v n="$2" '$1 > n')" ]
}

guest_stays() {
	touch "$ROOT/var/lib/carpel/pods/$(field "$1" .metadata.uid)/volumes/v/stay"
}

guest_leaves() {
	rm "$ROOT/var/lib/carpel/pods/$(field "$1" .metadata.uid)/volumes/v/stay"
}

@test "containers start in their order, and die in any" {
	import_guest
	RESTART=OnFailure pod_of a '{name: z, image: guest, command: [/bin/guest, sleepy, z]},
		{name: m, image: guest, command: [/bin/guest, sleepy, m]},
		{name: b, image: guest, command: [/bin/guest, sleepy, b]}' | carpel apply -f - --wait=ready --timeout 20s
	[ "$(started_order a)" = 'z m b' ]
	# Sorted by name in the status.
	[ "$(field a '.status.containerStatuses[*].name')" = 'b m z' ]
	local name net
	net=$(carpel exec a -c b -- /bin/guest ns | grep ^net)
	for name in m z b; do
		end_first a "$name"
		wait_for 20 is_restarted a "$name"
		[ "$(carpel exec a -c b -- /bin/guest ns | grep ^net)" = "$net" ]
	done
	carpel wait --for=ready pod/a --timeout 20s
	matches a '[.status.containerStatuses[].restartCount] == [1, 1, 1]'
	[ "$(event_count a SandboxChanged)" = 0 ]
}

is_restarted() {
	matches "$1" "[.status.containerStatuses[] | select(.name == \"$2\")][0] | .restartCount == 1 and .ready"
}

# Names of containers in the order of their host pids' start times.
started_order() {
	local pid

	for pid in $(pids_named "$1" guest); do
		printf '%s %s\n' "$(awk '{ print $22 }' "/proc/$pid/stat")" "$(tr '\0' '\n' <"/proc/$pid/cmdline" | tail -n 1)"
	done | sort -n -s | awk '{ print $2 }' | paste -sd' '
}

@test "a start that fails: StartError, reason and message, then a retry" {
	start_carpeld
	import_guest
	RESTART=Never pod_of never '{name: c, image: guest, command: [/no/such/program]}' | apply
	carpel wait --for=exit pod/never --timeout 20s
	is_field never .status.phase Failed
	is_status never '.state.terminated | "\(.exitCode) \(.reason)"' '127 StartError'
	is_status never '.state.terminated.message | test("/no/such/program.*No such file")' true
	is_status never '.state.terminated.startedAt' null
	has_event never Failed '^Error: .*/no/such/program'
	pod_of always '{name: c, image: guest, command: [/no/such/program]},
		{name: other, image: guest, command: [/bin/guest, sleepy, x]}' | apply
	wait_for 20 matches always '[.status.containerStatuses[].state | .waiting.reason // "running"] == ["RunContainerError", "running"]'
	is_status always '.lastState.terminated.reason' StartError
	is_field always .status.phase Running
	carpel delete pod always --now
	run carpel get pod always
	[ "$status" != 0 ]
}

@test "more memory than the limit: OOMKilled, by the first process or a child" {
	import_guest
	RESTART=Never EXTRA='resources: {limits: {memory: 32Mi}}' pod a eat 64 | apply
	carpel wait --for=exit pod/a --timeout 30s
	is_status a '.state.terminated | "\(.exitCode) \(.reason)"' '137 OOMKilled'
	is_field a .status.phase Failed
	# A container beside it has its own memory.
	RESTART=Never pod_of b '{name: big, image: guest, command: [/bin/guest, eat, "64"], resources: {limits: {memory: 32Mi}}},
		{name: small, image: guest, command: [/bin/guest, sleepy, x], resources: {limits: {memory: 32Mi}}}' | apply
	wait_for 30 matches b '.status.containerStatuses[0].state.terminated.reason == "OOMKilled"'
	matches b '.status.containerStatuses[1].state.running and .status.phase == "Running"'
	# A kill that the memory had no part in is an Error.
	RESTART=Never EXTRA='resources: {limits: {memory: 32Mi}}' pod killed sleepy x | carpel apply -f - --wait --timeout 20s
	kill -9 "$(pids_named killed guest)"
	carpel wait --for=exit pod/killed --timeout 20s
	is_status killed '.state.terminated | "\(.exitCode) \(.reason)"' '137 Error'
}

@test "phases and conditions at each stage, with the time of each change" {
	start_carpeld
	import_guest
	# Pending: the image is missing, so no container has ever run.
	pod_of p '{name: c, image: nowhere, imagePullPolicy: Never, command: [/x]}' | apply
	wait_for 20 matches p '.status.containerStatuses[0].state.waiting.reason == "ErrImageNeverPull"'
	is_field p .status.phase Pending
	is_status p .state.waiting.message 'Container image "nowhere" is not present with pull policy of Never'
	[ "$(conditions p)" = 'PodReadyToStartContainers=True Initialized=True Ready=False ContainersReady=False PodScheduled=True' ]
	RESTART=Never pod a sleepy x | carpel apply -f - --wait=ready --timeout 20s
	is_field a .status.phase Running
	[ "$(conditions a)" = 'PodReadyToStartContainers=True Initialized=True Ready=True ContainersReady=True PodScheduled=True' ]
	matches a '.status.startTime <= .status.containerStatuses[0].state.running.startedAt'
	matches a '[.status.conditions[].observedGeneration] | unique == [1]'
	local ready scheduled
	ready=$(field a '.status.conditions[?(@.type=="Ready")].lastTransitionTime')
	scheduled=$(field a '.status.conditions[?(@.type=="PodScheduled")].lastTransitionTime')
	sleep 1.1 # times are whole seconds
	end_first a
	carpel wait --for=exit pod/a --timeout 20s
	wait_for 10 matches a '.status.conditions[0].status == "False"'
	is_field a .status.phase Failed
	[ "$(conditions a)" = 'PodReadyToStartContainers=False Initialized=True Ready=False:PodFailed ContainersReady=False:PodFailed PodScheduled=True' ]
	[[ $(field a '.status.conditions[?(@.type=="Ready")].lastTransitionTime') > $ready ]]
	is_field a '.status.conditions[?(@.type=="PodScheduled")].lastTransitionTime' "$scheduled"
	matches a '.status.containerStatuses[0] | .ready == false and .started == false'
	RESTART=Never pod s exit 0 | apply
	carpel wait --for=exit pod/s --timeout 20s
	wait_for 10 matches s '.status.conditions[0].status == "False"'
	[ "$(conditions s)" = 'PodReadyToStartContainers=False Initialized=True:PodCompleted Ready=False:PodCompleted ContainersReady=False:PodCompleted PodScheduled=True' ]
}

# "Type=Status:Reason …", the reasons of Kubernetes' rules that are the same for every pod left out.
conditions() {
	carpel get pod "$1" -o json | jq -r '[.status.conditions[] | "\(.type)=\(.status)" +
		if .reason == null or .reason == "ContainersNotReady" or .reason == "PodSandboxNotReady" then "" else ":\(.reason)" end] | join(" ")'
}
