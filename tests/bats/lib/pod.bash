# Pods for the suites of the life cycle and of probes, and questions about them.  `load lib/pod` after
# lib/carpel; the functions below belong to bats' words `run` and `[`, so a failing one fails the test.

# pod NAME ARGS…: a pod of one container "c" that runs the guest with ARGS.
#   RESTART   restartPolicy                     GRACE   terminationGracePeriodSeconds
#   SPEC      more fields of the pod's spec     EXTRA   more fields of the container
#   META      more fields of its metadata       (the last three in YAML's flow style)
pod() {
	local name=$1 args='"/bin/guest"' word

	shift
	for word; do
		word=${word//\\/\\\\} word=${word//\"/\\\"} word=${word//$'\n'/\\n} word=${word//$'\r'/\\r}
		args+=", \"$word\""
	done
	cat <<-EOF
		apiVersion: v1
		kind: Pod
		metadata: {name: $name${META:+, $META}}
		spec: {restartPolicy: ${RESTART:-Always}, terminationGracePeriodSeconds: ${GRACE:-1}${SPEC:+, $SPEC},
		  containers: [{name: c, image: guest, command: [$args]${EXTRA:+, $EXTRA}}]}
	EOF
}

# pod_of NAME CONTAINERS: the containers as YAML flow.
pod_of() {
	cat <<-EOF
		apiVersion: v1
		kind: Pod
		metadata: {name: $1}
		spec: {restartPolicy: ${RESTART:-Always}, terminationGracePeriodSeconds: ${GRACE:-1}${SPEC:+, $SPEC},
		  containers: [$2]}
	EOF
}

# apply: what comes on standard input, without waiting for more than its admission.
apply() {
	carpel apply -f - >/dev/null
}

field() {
	carpel get pod "$1" -o "jsonpath={$2}"
}

is_field() {
	local now

	now=$(field "$1" "$2")
	[ "$now" = "$3" ] || {
		echo "$1 $2 is \"$now\", not \"$3\"" >&2
		return 1
	}
}

# status POD JQ…: of the first container's status.
status() {
	carpel get pod "$1" -o json | jq -r ".status.containerStatuses[0] | $2"
}

is_status() {
	local now

	now=$(status "$1" "$2")
	[ "$now" = "$3" ] || {
		echo "$1: $2 is \"$now\", not \"$3\"" >&2
		return 1
	}
}

# matches POD JQ: a condition on the whole object.
matches() {
	carpel get pod "$1" -o json | jq -e "$2" >/dev/null
}

restarts() {
	status "$1" .restartCount
}

has_restarts() {
	[ "$(restarts "$1")" -ge "$2" ]
}

# events POD [REASON]: the messages, one a line, the oldest first.
events() {
	carpel events --for "$1" -o json |
		jq -r --arg reason "${2:-}" '.items | sort_by(.lastTimestamp)[] | select($reason == "" or .reason == $reason) | .message'
}

# has_event POD REASON REGEX
has_event() {
	events "$1" "$2" | grep -Eq -- "$3"
}

# event_count POD REASON: how often, folded ones counted.
event_count() {
	carpel events --for "$1" -o json |
		jq --arg reason "$2" '[.items[] | select(.reason == $reason) | .count // 1] | add // 0'
}

had_events() {
	[ "$(event_count "$1" "$2")" -ge "$3" ]
}

# guest POD ARGS…: runs the guest in the pod's first container.
guest() {
	local name=$1

	shift
	carpel exec "$name" -- /bin/guest "$@"
}

# has_lines POD FILE N: a file of its first container.
has_lines() {
	[ "$(guest "$1" cat "$2" | wc -l)" -ge "$3" ]
}

# end_first POD [CONTAINER]: SIGTERM to the first process of a container, from inside, when that catches it.  The
# kernel may kill the sender with its container before it has said so.
end_first() {
	carpel exec "$1" ${2:+-c "$2"} -- /bin/guest end || :
}

# answers POD DIGITS: what `guest ask /tmp/asked /tmp/answers` of a probe ends with; until all that have got one
# have ended, since one more has begun.
answers() {
	guest "$1" append /tmp/answers "$2" >/dev/null
	wait_for 30 has_lines "$1" /tmp/asked $(($(guest "$1" cat /tmp/answers | wc -c) + 1))
}

# ended_log POD ARGS…: all of an ended container's log; whoever follows it is told when nothing more comes.
ended_log() {
	carpel logs "$@" -f
}

is_logged() {
	carpel logs "$1" | grep -Eq -- "$2"
}

# The host's pids of everything in the cgroup of a pod, by its uid.
pod_pids() {
	local uid root

	uid=$(field "$1" .metadata.uid)
	for root in $(cgroup_dirs); do
		find "$root" -path "*pod$uid*" -name cgroup.procs -exec cat {} +
	done | sort -nu
}

has_pids() {
	[ "$(pod_pids "$1" | wc -l)" = "$2" ]
}

# pids_named POD COMM: the host's pids of the pod's processes with that name.
pids_named() {
	local pid

	for pid in $(pod_pids "$1"); do
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$2" ] || echo "$pid"
	done
}
