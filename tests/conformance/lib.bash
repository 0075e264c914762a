# What the scripts of `make conformance` share: a runtime of their own, the images, and TAP.
#
#   $SOCKET     where the runtime answers                  $ROOT   all of its files
#   $CACHE/bin  crictl, critest, kubelet, see build.sh     $LOGS   what they printed, kept after the run
#   $RUNTIME    carpel, or containerd: the peer that tells what a spec asks for of any runtime
#
# shellcheck shell=bash
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BATS_TEST_DIRNAME=$HERE/../bats
RUNTIME=${RUNTIME:-carpel}
# shellcheck disable=SC1091
. "$BATS_TEST_DIRNAME/lib/carpel.bash"

# passed NAME, failed NAME [TEXT], not_possible NAME REASON: one line of TAP; what TEXT says goes below it.
passed() {
	echo "ok - $1"
}

failed() {
	echo "not ok - $1"
	[ -z "${2:-}" ] || head -n 30 <<<"$2" | sed 's/^/# /'
}

not_possible() {
	echo "ok - $1 # skip $2"
}

# check NAME COMMAND…: passed when it succeeds.
check() {
	local name=$1 output

	shift
	if output=$("$@" 2>&1); then
		passed "$name"
	else
		failed "$name" "$* : ${output:-said nothing}"
	fi
}

# equals NAME WANTED COMMAND…: passed when it prints just that.
equals() {
	local name=$1 wanted=$2 output

	shift 2
	output=$("$@" 2>&1) || output="failed: $output"
	if [ "$output" = "$wanted" ]; then
		passed "$name"
	else
		failed "$name" "$* : wanted \"$wanted\", got \"$output\""
	fi
}

# refuses NAME EVIDENCE COMMAND…: passed when it fails and says so.
refuses() {
	local name=$1 evidence=$2 output

	shift 2
	if output=$("$@" 2>&1); then
		failed "$name" "$* : succeeded: $output"
	elif grep -Eq -- "$evidence" <<<"$output"; then
		passed "$name"
	else
		failed "$name" "$* : nothing like \"$evidence\" in: $output"
	fi
}

# not_yet NAME REASON EVIDENCE COMMAND…: what is refused so far, and known by what it says.
not_yet() {
	local name=$1 reason=$2 evidence=$3 output

	shift 3
	if output=$("$@" 2>&1); then
		passed "$name"
		echo "$name works, though it is said to be not yet possible: $reason"
	elif grep -Eq -- "$evidence" <<<"$output"; then
		not_possible "$name" "not yet: $reason"
	else
		failed "$name" "$* : nothing like \"$evidence\" in: $output"
	fi
}

# crictl, with the configuration that contrib/kubernetes ships.
crictl() {
	"$CACHE/bin/crictl" --config "$ROOT/crictl.yaml" "$@"
}

# The JSON of a verb, looked into: look JQ VERB…
look() {
	local filter=$1 said

	shift
	case $1 in
	version) said=$(crictl version | jq -Rs 'split("\n") | map(split(": +"; null) | {(.[0] // ""): .[1]}) | add') ;;
	*) said=$(crictl "$1" -o json "${@:2}") ;;
	esac && jq -r "$filter" <<<"$said"
}

make_images() {
	local busybox=/bin/busybox

	[ ! -x "$CACHE/busybox/bin/busybox" ] || busybox=$CACHE/busybox/bin/busybox
	rm -rf "$CACHE/images"
	${CC:-gcc} -O2 -static -o "$CACHE/euid" "$HERE/euid.c" &&
		/usr/bin/python3 "$HERE/images.py" "$busybox" "$CACHE/euid" "$CACHE/images"
}

import_images() {
	local number name

	while read -r number name; do
		"import_to_$RUNTIME" "$name" "$CACHE/images/$number" || return 1
	done <"$CACHE/images/list"
}

import_to_carpel() {
	carpel image import "$1" "$2" >/dev/null
}

import_to_containerd() {
	tar -C "$2" -cf "$ROOT/image.tar" . &&
		ctr --address "$SOCKET" --namespace k8s.io images import "$ROOT/image.tar" >/dev/null
}

start_runtime() {
	carpel_setup
	mkdir -p "$ROOT/tmp"
	export TMPDIR=$ROOT/tmp
	"start_$RUNTIME" && import_images &&
		sed "s|unix:///run/carpel/carpel.sock|unix://$SOCKET|" "$HERE/../../contrib/kubernetes/crictl.yaml" \
			>"$ROOT/crictl.yaml"
}

stop_runtime() {
	"stop_$RUNTIME"
}

start_carpel() {
	# shellcheck disable=SC2034 # read by start_carpeld
	DAEMON_OPTIONS=${DAEMON_OPTIONS:-}
	SOCKET=$ROOT/run/carpel/carpel.sock
	start_carpeld
}

# Fails when the instance leaves anything behind.
stop_carpel() {
	cp "$ROOT/var/log/carpel/carpeld.log" "$LOGS/" 2>/dev/null
	unset TMPDIR
	# shellcheck disable=SC2034 # read by carpel_teardown: it looks for what is left behind
	BATS_TEST_COMPLETED=1
	carpel_teardown
}

# In this network namespace it may have a bridge; and runc wants no v2 tree beside the v1 ones.
start_containerd() {
	local cni=$ROOT/cni

	SOCKET=$ROOT/containerd.sock
	umount /sys/fs/cgroup/unified 2>/dev/null
	mkdir -p "$cni"
	cat >"$cni/10-bridge.conflist" <<-'END'
		{"cniVersion": "0.4.0", "name": "conformance", "plugins": [
		 {"type": "bridge", "bridge": "conf0", "isGateway": true,
		  "ipam": {"type": "host-local", "subnet": "10.99.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]}},
		 {"type": "portmap", "capabilities": {"portMappings": true}}]}
	END
	cat >"$ROOT/containerd.toml" <<-END
		version = 2
		root = "$ROOT/lib"
		state = "$ROOT/state"
		[grpc]
		  address = "$SOCKET"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "conformance.local/pause:1"
		  stream_server_port = "0"
		  restrict_oom_score_adj = true
		[plugins."io.containerd.grpc.v1.cri".cni]
		  bin_dir = "/usr/lib/cni"
		  conf_dir = "$cni"
	END
	ip link set lo up
	setsid containerd --config "$ROOT/containerd.toml" </dev/null >"$LOGS/containerd.log" 2>&1 &
	CONTAINERD=$!
	wait_for 20 ctr --address "$SOCKET" version
}

stop_containerd() {
	local pod pid

	for pod in $(crictl pods -q 2>/dev/null); do
		crictl rmp -f "$pod" >/dev/null 2>&1
	done
	kill "$CONTAINERD"
	wait "$CONTAINERD" 2>/dev/null
	# Its shims name the socket that they report to.
	for pid in $(pgrep -f -- "containerd-shim.*-address $SOCKET"); do
		kill -9 "$pid"
	done
	awk -v root="$ROOT/" 'index($5, root) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
	unset TMPDIR
	rm -rf --one-file-system "$ROOT"
}
