# For suites that drive carpel-launch by hand.  Each test has a directory and cgroups of its own,
# $RUN and $CG, and leaves nothing: launch_teardown kills by the cgroup and waits for its end.
# CARPEL_BIN: where the programs are; GUEST: the guest program (tests/bin/guest.c).

# shellcheck disable=SC2034,SC2154 # bats sets output; tests read CTR, INNER, BEGAN_AS, PAUSE
: "${CARPEL_BIN:=$BATS_TEST_DIRNAME/../../build/bin}"
: "${GUEST:=$CARPEL_BIN/test/guest}"
export CARPEL_BIN
DRIVER="$BATS_TEST_DIRNAME/launch_driver.py"
NINE=5fb # the capabilities of contrib/docs/security.md

PYTHON=${PYTHON:-/usr/bin/python3}

# To wait takes no interpreter.
driver() {
	case $1 in
	tee) patiently holds "$2" "$3" ;;         # until FILE holds TEXT
	gone) patiently is_gone "$2" ;;           # until PID is gone
	*) "$PYTHON" -ISB "$DRIVER" "$@" ;;
	esac
}

patiently() {
	local end=$((SECONDS + 60 * ${WAIT_FACTOR:-1}))

	until "$@"; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "waited in vain for: $*"
			return 1
		fi
		sleep 0.005
	done
}

# Line breaks count: for grep they would part a text into several, of which any will do.
holds() {
	local text

	case $2 in
	*$'\n'*)
		{ IFS= read -rd '' text <"$1"; } 2>/dev/null || [ -n "$text" ] || return 1
		[[ $text == *"$2"* ]]
		;;
	*) grep -qsF -- "$2" "$1" ;;
	esac
}

is_gone() {
	local stat

	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
	[[ ${stat##*) } == [ZX]* ]]
}

launch_setup() {
	RUN=$(mktemp -d "${TMPDIR:-/tmp}/carpel-launch.XXXXXX")
	CG=$(basename "$RUN")
	if [ -d /sys/fs/cgroup/unified ]; then
		V2=/sys/fs/cgroup/unified
		V1="/sys/fs/cgroup/memory /sys/fs/cgroup/pids"
	else
		V2=/sys/fs/cgroup
		V1=
	fi
	PAUSE=
	mkdir -p "$RUN/rootfs"
	cp "$GUEST" "$RUN/rootfs/guest"
	"$CARPEL_BIN/carpel-launch" --seccomp-profile $NINE >"$RUN/filter"
}

launch_teardown() {
	local left=0 tree _
	[ ! -d "$V2/$CG" ] || echo 1 >"$V2/$CG/cgroup.kill"
	for _ in $(seq $((1000 * ${WAIT_FACTOR:-1}))); do
		grep -qs 'populated 1' "$V2/$CG/cgroup.events" || break
		sleep 0.01
	done
	for tree in $V2 $V1; do
		[ -d "$tree/$CG" ] || continue
		# What the kernel still finishes keeps its v1 cgroups for a moment.
		for _ in $(seq $((300 * ${WAIT_FACTOR:-1}))); do
			find "$tree/$CG" -depth -type d -exec rmdir {} + 2>/dev/null && break
			sleep 0.01
		done
		[ ! -d "$tree/$CG" ] || left=1
	done
	# What a test mounted below $RUN, the last first.
	while read -r tree; do
		umount -l "$tree"
	done < <(awk -v run="$RUN/" 'index($5, run) == 1 { print $5 }' /proc/self/mountinfo | tac)
	rm -rf --one-file-system "$RUN"
	return $left
}

# world NAME: what sandboxes, containers and execs are made in from here on: "plain", or "mapped", with a user
# namespace of the pod.
WORLD_BASE=1879048192
IN_WORLD=()
world() {
	IN_WORLD=()
	[ "$1" = plain ] || IN_WORLD=("uid-map=0:$WORLD_BASE:65536" "gid-map=0:$WORLD_BASE:65536")
}

is_mapped() {
	[ ${#IN_WORLD[@]} -gt 0 ]
}

# cgroups NAME: makes them, prints their records.
cgroups() {
	local tree
	for tree in $V1; do
		mkdir -p "$tree/$CG/$1"
		echo "cgroup=$tree/$CG/$1"
	done
	mkdir -p "$V2/$CG/$1"
	echo "cgroup-v2=$V2/$CG/$1"
}

plan_sandbox() {
	{
		printf '%s\n' kind=sandbox id=pod "pause=$CARPEL_BIN/carpel-pause" hostname=podhost "${IN_WORLD[@]}"
		cgroups pause
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} | last_wins
}

# sandbox [RECORD…]: sets PAUSE to the host's pid of pause.
sandbox() {
	local line
	line=$(plan_sandbox "$@" | driver run)
	echo "$line"
	PAUSE=$(sed -n 's/^started .*host=//p' <<<"$line")
	[ -n "$PAUSE" ]
}

# plan_container NAME RECORD… -- ARGS…: the usual confinement, then the records, which may repeat a
# key of these: the last one counts.
plan_container() {
	local name=$1 records=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		records+=("$1")
		shift
	done
	shift || true
	mkdir -p "$RUN/$name.upper" "$RUN/$name.work"
	! is_mapped || chown "$WORLD_BASE:$WORLD_BASE" "$RUN/$name.upper" "$RUN/$name.work"
	{
		printf '%s\n' kind=container "id=$name" "pause-pid=$PAUSE" "lower=$RUN/rootfs" \
			"upper=$RUN/$name.upper" "work=$RUN/$name.work" caps=$NINE no-new-privs=1 \
			"seccomp-file=$RUN/filter" "stdout-file=$RUN/$name.out" "stderr-file=$RUN/$name.out" \
			"${IN_WORLD[@]}"
		cgroups "$name"
		[ ${#records[@]} -eq 0 ] || printf '%s\n' "${records[@]}"
		[ $# -eq 0 ] || printf 'arg=%s\n' "$@"
	} | last_wins
}

plan_exec() {
	local name=$1 pid=$2 records=()
	shift 2
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		records+=("$1")
		shift
	done
	shift || true
	{
		printf '%s\n' kind=exec "id=$name" "pause-pid=$pid" caps=$NINE no-new-privs=1 \
			"seccomp-file=$RUN/filter" "stdout-file=$RUN/$name.exec" \
			"stderr-file=$RUN/$name.exec" "${IN_WORLD[@]}"
		cgroups "$name"
		[ ${#records[@]} -eq 0 ] || printf '%s\n' "${records[@]}"
		[ $# -eq 0 ] || printf 'arg=%s\n' "$@"
	} | last_wins
}

# Records whose key may not repeat: only the last stays; "key=-" removes it.
last_wins() {
	awk -F= '
		/^(arg|env|lower|mount|volume|group|cgroup|sysctl|masked|readonly-path|device|device-rule|hook)=/ { many[++n] = $0; next }
		{ value[$1] = $0; if (!($1 in at)) { at[$1] = ++k; key[k] = $1 } }
		END {
			for (i = 1; i <= k; i++) if (value[key[i]] != key[i] "=-") print value[key[i]]
			for (i = 1; i <= n; i++) print many[i]
		}'
}

# container NAME RECORD… -- ARGS…: sets CTR (host pid), INNER (pid in the pod's namespace) and BEGAN_AS
# (uid:gid:groups of the report).
container() {
	local line
	line=$(plan_container "$@" | driver run)
	echo "$line"
	CTR=$(sed -n 's/^started .*host=//p' <<<"$line")
	BEGAN_AS=$(sed -n 's/^started .*user=\([^ ]*\) .*/\1/p' <<<"$line")
	INNER=$(sed -n 's/^started pid=\([0-9]*\) .*/\1/p' <<<"$line")
	[ -n "$CTR" ]
}

# guest NAME RECORD… -- ARGS…: runs it to its end and prints what it wrote.
guest() {
	container "$@" >"$RUN/start" || {
		cat "$RUN/start"
		return 1
	}
	driver exits "$PAUSE" 1 >"$RUN/exit"
	cat "$RUN/$1.out"
}

# execute NAME PID RECORD… -- ARGS…: runs it to its end; prints its report, its end and its output.
execute() {
	rm -f "$RUN/$1.exec"
	plan_exec "$@" | driver run --wait 20
	cat "$RUN/$1.exec"
}

# fails NAME RECORD… -- ARGS…: the line of the report; it is an error when it starts.
fails() {
	plan_container "$@" | driver run >"$RUN/line" || return 1
	cat "$RUN/line"
	grep -q ^failed "$RUN/line"
}

says() { # says TEXT: a line of $output is exactly that
	grep -qxF -- "$1" <<<"$output" || {
		echo "no line \"$1\" in:"
		echo "$output"
		return 1
	}
}

mentions() {
	grep -qF -- "$1" <<<"$output" || {
		echo "no \"$1\" in:"
		echo "$output"
		return 1
	}
}

lacks() {
	! grep -qF -- "$1" <<<"$output" || {
		echo "\"$1\" in:"
		echo "$output"
		return 1
	}
}
