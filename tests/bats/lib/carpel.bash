# What the suites of the whole system share: an instance of its own for each test, the test image,
# and waiting for something to become true.  `load lib/carpel` in a bats file, then:
#
#     setup() { carpel_setup; }
#     teardown() { carpel_teardown; }
#     @test "…" { guest_pod web sleep 1000 | carpel run -f - --wait; … }
#
# $CARPEL_BIN is where the programs are; $ROOT is the instance's root; carpel is `carpel --root $ROOT`.

carpel_setup() {
	CARPEL_BIN=${CARPEL_BIN:-$BATS_TEST_DIRNAME/../../build/bin}
	ROOT=$(mktemp -d "${BATS_TMPDIR:-/tmp}/carpel.XXXXXX")
	export ROOT CARPEL_BIN
	DAEMON_OPTIONS=''
	instance_cgroup >/dev/null # kept for all who ask in a subshell
}

# Everything of the instance ends, whatever the test left behind; a test that leaks fails here.
carpel_teardown() {
	local left=0

	[ -n "${ROOT:-}" ] || return 0
	if [ -S "$ROOT/run/carpel/carpel.sock" ] || ls "$ROOT"/run/carpel/pods/* >/dev/null 2>&1; then
		timeout "$(patience 90)" "$CARPEL_BIN/carpel" --root "$ROOT" down --grace-period 0 >"$ROOT/down.out" 2>&1 || left=1
	fi
	# A client that a test has ended, or left behind, has its own moment to go.
	[ -z "${BATS_TEST_COMPLETED:-}" ] || wait_for 20 has_no_process || left=1
	if [ "$left" = 1 ] || [ -n "${BATS_TEST_COMPLETED:-}" ] && instance_leftovers | grep -q .; then
		echo "# left behind:" >&2
		cat "$ROOT/down.out" >&2 2>/dev/null || :
		instance_leftovers >&2
		left=1
	fi
	if [ -z "${BATS_TEST_COMPLETED:-}" ] || [ "$left" = 1 ]; then
		show_log
	fi
	instance_kill
	rm -rf --one-file-system "$ROOT"
	return $left
}

show_log() {
	echo "# the end of carpeld's log:" >&2
	tail -n 40 "$ROOT/var/log/carpel/carpeld.log" >&2 2>/dev/null || :
}

# A --timeout of ten seconds and more is a limit of patience, see there.
carpel() {
	local words=("$@") i

	for ((i = 1; i < $#; i++)); do
		[[ ${words[i - 1]} != --timeout || ! ${words[i]} =~ ^[0-9]{2,}s$ ]] || words[i]=$(patience "${words[i]%s}")s
	done
	"$CARPEL_BIN/carpel" --root "$ROOT" "${words[@]}"
}

# Starts the keeper and carpeld by hand, with the options in DAEMON_OPTIONS; `carpel` would without them.
start_carpeld() {
	mkdir -p "$ROOT/var/log/carpel"
	# shellcheck disable=SC2086 # several words
	setsid "$CARPEL_BIN/carpeld" --root "$ROOT" --keep $DAEMON_OPTIONS \
		</dev/null >/dev/null 2>>"$ROOT/var/log/carpel/carpeld.log" 3>&- 4>&- &
	wait_for 10 is_serving
}

# Asked by a verb that starts no carpeld of its own.
is_serving() {
	carpel version | grep -q '^Server Version: [0-9]'
}

# The pid of this instance's carpeld: the one that holds its lock.
carpeld_pid() {
	carpel info -o json | jq .pid
}

is_other_carpeld() { # is_other_carpeld PID: one serves, and not that
	local now
	now=$(carpeld_pid 2>/dev/null) && [ -n "$now" ] && [ "$now" != "$1" ]
}

# The name of the root cgroup of this instance, by the layout's rule.
instance_cgroup() {
	local hash=2166136261 i byte

	if [ "${CGROUP_OF:-}" != "$ROOT" ]; then
		for ((i = 0; i < ${#ROOT}; i++)); do
			printf -v byte '%d' "'${ROOT:i:1}"
			hash=$((((hash ^ byte) * 16777619) & 0xffffffff))
		done
		printf -v CGROUP_NAME 'carpel-%08x' "$hash"
		CGROUP_OF=$ROOT
	fi
	echo "$CGROUP_NAME"
}

# The instance's directory in the v2 hierarchy, which on every layout tells who lives where.
cgroup_v2_dir() {
	local top=/sys/fs/cgroup

	[ ! -d $top/unified ] || top=$top/unified
	echo "$top/$(instance_cgroup)"
}

cgroup_dirs() {
	local name
	name=$(instance_cgroup)
	find /sys/fs/cgroup -maxdepth 2 -name "$name" -type d 2>/dev/null || :
}

# What an instance that is down must not have: processes, cgroups, mounts, sockets.
instance_leftovers() {
	cgroup_dirs
	awk -v root="$ROOT/" 'index($5, root) == 1 { print "mount " $5 }' /proc/self/mountinfo
	instance_processes
	find "$ROOT/run/carpel" -mindepth 1 ! -name '*.lock' ! -name lock ! -name '*.log' 2>/dev/null || :
}

instance_processes() {
	pgrep -a -f -- "--root $ROOT( |\$)" || :
}

has_no_process() {
	[ -z "$(instance_processes)" ]
}

instance_kill() {
	local dir pid

	for pid in $(pgrep -f -- "--root $ROOT( |\$)"); do
		kill -9 "$pid" 2>/dev/null || :
	done
	for dir in $(cgroup_dirs); do
		[ ! -e "$dir/cgroup.kill" ] || echo 1 >"$dir/cgroup.kill" 2>/dev/null || :
	done
	for dir in $(cgroup_dirs); do
		find "$dir" -depth -type d -exec rmdir {} \; 2>/dev/null || :
	done
}

# patience SECONDS: how long what must come may take, for `timeout`: no less than a minute, since whoever it is
# waited for may be kept from running, and WAIT_FACTOR times that on a slow machine.
patience() {
	echo $((($1 < 60 ? 60 : $1) * ${WAIT_FACTOR:-1}))
}

# wait_for SECONDS COMMAND…: until it succeeds, with patience.  On a slow machine looking too often only keeps it from
# what is waited for: WAIT_STEP.
wait_for() {
	local end=$((SECONDS + $(patience "$1")))

	shift
	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "waited in vain for: $*" >&2
			return 1
		fi
		sleep "${WAIT_STEP:-0.05}"
	done
}

# load_of N: of what only makes load, as much as this run is to have, see the Makefile.
load_of() {
	echo $(($1 * ${LOAD_PERCENT:-100} / 100))
}

# The image of all tests: one static program, see tests/bin/guest.c.
import_guest() {
	local rootfs=$ROOT/guest-rootfs

	mkdir -p "$rootfs/bin" "$rootfs/tmp" "$rootfs/etc"
	cp "$CARPEL_BIN/test/guest" "$rootfs/bin/guest"
	carpel image import guest "$rootfs"
}

# pod_json NAME JQ-FILTER: of `carpel get pod NAME -o json`.
pod_json() {
	carpel get pod "$1" -o json | jq -r "$2"
}
