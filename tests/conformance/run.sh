#!/bin/bash
# What `make conformance` runs: clients that Kubernetes wrote drive a carpeld of this run's own.
#
#   tests/conformance/run.sh BUILD [crictl|critest|kubelet]...    all three without a name; TAP on standard output
#
# crictl takes a sandbox through its life, critest runs its specs, a kubelet runs static pods.  What a spec
# needs that is not there yet is in the file not-yet.  RUNTIME=containerd drives Debian's containerd instead,
# CRITEST_FOCUS=REGEX runs a part of critest's specs.  Logs stay in $CONFORMANCE_CACHE/log.
set -u

BUILD=$(cd "$1" && pwd) || exit 2
shift
[ $# -gt 0 ] || set -- crictl critest kubelet
mkdir -p "${CONFORMANCE_CACHE:-$BUILD/conformance}/log" || exit 1
CACHE=$(cd "${CONFORMANCE_CACHE:-$BUILD/conformance}" && pwd)
export CONFORMANCE_CACHE=$CACHE CARPEL_BIN=$BUILD/bin LOGS=$CACHE/log

# The specs make shared memory, mounts and listeners "on the host": that host is made here, and ends with the
# run.  What is fetched is fetched before, for it has no network.
if [ -z "${CONFORMANCE_INSIDE:-}" ]; then
	"${0%/*}/build.sh" busybox "$@" | tee "$CACHE/built"
	exec unshare --ipc --mount --net env CONFORMANCE_INSIDE=1 "$0" "$BUILD" "$@"
fi
# A kubelet wants an address that is no loopback one; this one leads nowhere.
ip link set lo up && ip link add name node0 type veth peer name node1 && ip address add 10.98.0.1/24 dev node0 &&
	ip link set node0 up && ip link set node1 up && ip route add default dev node0 || exit 1

# shellcheck disable=SC1091
. "${0%/*}/lib.bash"

# Each part has run_PART, and undo_PART, which also ends one that was interrupted.
run_part() {
	local reason

	reason=$(sed -n "s/^skipped: $1: //p" "$CACHE/built")
	if [ -n "$reason" ]; then
		not_possible "$1" "$reason"
	elif [ ! -x "$CACHE/bin/$1" ]; then
		failed "$1 is built"
	elif start_runtime; then
		# shellcheck disable=SC1090 # crictl.bash, critest.bash, kubelet.bash
		. "$HERE/$1.bash"
		# shellcheck disable=SC2064 # of this part
		trap "undo_$1; stop_runtime" EXIT
		"run_$1" 2>"$LOGS/$1.err"
		"undo_$1"
		trap - EXIT
		check "$RUNTIME leaves nothing behind after $1" stop_runtime
	else
		failed "$RUNTIME starts and takes the images" "$(show_log 2>&1)"
		stop_runtime >&2
	fi
}

make_images || exit 1
for part; do
	run_part "$part"
done
