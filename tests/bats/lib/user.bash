# What the suites of the command line and of the REST API share, on top of lib/carpel.bash: manifests
# of one container, looking into a pod, and requests by curl.
#
# bats sets output and status.
# shellcheck shell=bash disable=SC2154

# pod NAME ARGS…: a pod of one container c that runs the guest with these arguments.  Of the
# environment: IMAGE, RESTART (Never), LABELS ("a: b, c: d"), EXTRA (fields of the container, YAML
# flow), SPEC (fields of the spec, the same) and GRACE (2).
pod() {
	local name=$1 args

	shift
	args=$(printf '"%s",' "$@")
	cat <<-EOF
		---
		apiVersion: v1
		kind: Pod
		metadata: {name: $name, labels: {${LABELS:-}}}
		spec: {restartPolicy: ${RESTART:-Never}, terminationGracePeriodSeconds: ${GRACE:-2}${SPEC:+, $SPEC},
		  containers: [{name: c, image: ${IMAGE:-guest}, command: [/bin/guest, ${args%,}]${EXTRA:+, $EXTRA}}]}
	EOF
}

# field POD JSONPATH
field() {
	carpel get pod "$1" -o "jsonpath={$2}"
}

is_field() {
	[ "$(field "$1" "$2")" = "$3" ]
}

pod_names() {
	carpel get pods -o 'jsonpath={.items[*].metadata.name}' "$@"
}

# ended_log POD ARGS…: all of an ended container's log; whoever follows it is told when nothing more comes.
ended_log() {
	carpel logs "$@" -f
}

has_log() { # has_log POD TEXT
	[ "$(carpel logs "$1")" = "$2" ]
}

# The container's first process, as the host numbers it.
container_pid() {
	local uid
	uid=$(field "$1" .metadata.uid)
	cat "$(cgroup_v2_dir)"/*/pod"$uid"/[0-9a-f]*/cgroup.procs 2>/dev/null | head -n 1
}

# A terminal for a command that is written as one word of shell; its output with the \r left out.
on_terminal() {
	script -qec "$1" /dev/null </dev/null | tr -d '\r'
}

# rest ARGS… PATH: by curl to this instance.  rest_code prints the HTTP code alone.
rest() {
	local path=${*: -1}

	curl --silent --show-error --max-time 60 --http2-prior-knowledge --path-as-is \
		--unix-socket "$ROOT/run/carpel/carpel.sock" "${@:1:$#-1}" "http://localhost$path"
}

rest_code() {
	rest --output /dev/null --write-out '%{http_code}' "$@"
}

# says WANTED: $output holds it.
says() {
	[[ $output == *"$1"* ]] || {
		printf 'wanted: %s\ngot (status %s): %s\n' "$1" "${status:-}" "$output" >&2
		return 1
	}
}

# returns STATUS: what run got.
returns() {
	[ "$status" = "$1" ] || {
		printf 'wanted status %s, got %s: %s\n' "$1" "$status" "$output" >&2
		return 1
	}
}
