#!/usr/bin/env bats
# Control groups at absolute paths, every limit that CRI has, and statistics, on the kernel's own files:
# by tests/bin/cgroup.c, without carpeld.

load lib/carpel

setup() {
	carpel_setup
	IS_V2=$([ -d /sys/fs/cgroup/unified ] || echo yes)
	NAME=$(instance_cgroup)
	TOP=/test-$NAME # beside the instance, as the kubelet's are
	CHILDREN=()
}

# Only what the test made: nothing else has the names.
teardown() {
	local dir pid left=0

	for pid in "${CHILDREN[@]}"; do
		kill -9 "$pid" 2>/dev/null || :
		wait "$pid" || :
	done
	cg kill "$TOP" || :
	wait_for 30 cg remove "$TOP" || left=1
	cg kill '' || :
	wait_for 30 cg down '' || left=1
	for dir in /sys/fs/cgroup{,/*}"$TOP"; do
		[ ! -d "$dir" ] || find "$dir" -depth -type d -exec rmdir {} \;
	done
	carpel_teardown && [ "$left" = 0 ]
}

cg() {
	"$CARPEL_BIN/test/cgroup" "$NAME" "$@"
}

# dir_of CONTROLLER PATH: of an absolute path
dir_of() {
	local top=/sys/fs/cgroup

	if [ ! "$IS_V2" ]; then
		top=$top/$1
		[ -d "$top" ] || top=/sys/fs/cgroup/unified
	fi
	echo "$top$2"
}

# holds CONTROLLER PATH FILE TEXT
holds() {
	local got

	got=$(cat "$(dir_of "$1" "$2")/$3")
	[ "$got" = "$4" ] || {
		echo "$2/$3 holds $got, not $4" >&2
		return 1
	}
}

# A process of ours in PATH that runs COMMAND…; its pid is the last of CHILDREN.
child_in() {
	local path=$1

	shift
	sleep 1000 3>&- 4>&- &
	CHILDREN+=($!)
	cg join "$path" $!
	[ $# = 0 ] || {
		kill -9 $!
		wait $! || :
		# In the cgroup before anything is charged: it waits for a line.
		rm -f "$ROOT/go"
		mkfifo "$ROOT/go"
		# shellcheck disable=SC2016 # for the other shell
		bash -c 'read -r <"$0"; exec "$@"' "$ROOT/go" "$@" 3>&- 4>&- &
		CHILDREN[-1]=$!
		cg join "$path" $!
		echo >"$ROOT/go"
	}
}

# refuses REGEX COMMAND…: it fails and says so
refuses() {
	local text=$1

	shift
	run "$@"
	# shellcheck disable=SC2154 # bats sets it
	[ "$status" = 1 ] && [[ $output =~ $text ]]
}

lives() {
	[ -d "/proc/$1" ] && ! grep -q '^State:.Z' "/proc/$1/status"
}

dies() {
	! lives "$1"
}

@test "absolute: what is above the path is made or left, and never killed or removed" {
	mkdir "$(dir_of memory "$TOP")"
	[ "$IS_V2" ] || mkdir "/sys/fs/cgroup/unified$TOP"
	cg make "$TOP/pod1/a" leaf memory=8388608 pids=5
	cg make "$TOP/pod1/b" leaf
	holds memory "$TOP/pod1/a" "$([ "$IS_V2" ] && echo memory.max || echo memory.limit_in_bytes)" 8388608
	holds pids "$TOP/pod1/a" pids.max 5
	holds pids "$TOP/pod1" pids.max max
	child_in "$TOP/pod1/a"
	child_in "$TOP/pod1/b"
	[ "$(cg pids "$TOP/pod1/a")" = "${CHILDREN[0]}" ]
	grep -q "^0::$TOP/pod1/a\$" "/proc/${CHILDREN[0]}/cgroup"
	cg dirs "$TOP/pod1/a" >"$ROOT/dirs"
	grep -qx "$(dir_of pids "$TOP/pod1/a")" "$ROOT/dirs"
	cg kill "$TOP/pod1/a"
	wait_for 30 dies "${CHILDREN[0]}"
	lives "${CHILDREN[1]}"
	wait "${CHILDREN[0]}" || :
	wait_for 30 cg remove "$TOP/pod1/a"
	[ ! -e "$(dir_of memory "$TOP/pod1/a")" ]
	[ -d "$(dir_of memory "$TOP/pod1/b")" ]
	lives "${CHILDREN[1]}"
	for path in / // "$TOP/.." "$TOP/../.." "$TOP//pod1" "$TOP/pod1/"; do
		refuses 'cgroup path' cg kill "$path"
		refuses 'cgroup path' cg remove "$path"
		refuses 'cgroup path' cg make "$path" leaf
	done
	lives "${CHILDREN[1]}"
	refuses 'busy' cg remove "$TOP/pod1"
	cg forget "$TOP/pod1"
	[ -d "$(dir_of memory "$TOP/pod1/b")" ]
}

@test "absolute: the v2 tree of a hybrid machine keeps no parents that the kubelet forgets" {
	cg make "$TOP/pod1/a" leaf
	cg remove "$TOP/pod1/a"
	cg forget "$TOP/pod1"
	if [ "$IS_V2" ]; then
		[ -d "/sys/fs/cgroup$TOP/pod1" ]
	else
		[ ! -d "/sys/fs/cgroup/unified$TOP/pod1" ]
		[ -d "/sys/fs/cgroup/memory$TOP/pod1" ]
	fi
}

@test "update: a limit that is refused changes none of them" {
	cg make "$TOP/a" leaf shares=512 memory=$((128 << 20)) pids=50
	child_in "$TOP/a" "${PYTHON:-/usr/bin/python3}" -c 'import time; x = bytearray(64 << 20); print("up", flush=True); time.sleep(1000)' >"$ROOT/out"
	wait_for 60 grep -q up "$ROOT/out"
	refuses 'a limit of memory of 16777216 is less than what is in use \([0-9]{8}\)' cg set "$TOP/a" shares=1024 quota=50000 memory=$((16 << 20)) pids=60
	lives "${CHILDREN[0]}"
	limits_are 59 512 max 50 $((128 << 20))
	# Neither does one that the kernel refuses after the others were taken.
	refuses 'pids.max' cg set "$TOP/a" shares=1024 quota=50000 memory=$((256 << 20)) pids=9999999999
	limits_are 59 512 max 50 $((128 << 20))
	cg set "$TOP/a" shares=1024 quota=50000 memory=$((96 << 20)) pids=60
	limits_are 100 1024 50000 60 $((96 << 20))
	cg set "$TOP/a" quota=max memory=max pids=max # raised, too
	limits_are 100 1024 max max max
	cg set "$TOP/a"
	limits_are 100 1024 max max max
}

# limits_are WEIGHT SHARES QUOTA PIDS MEMORY of $TOP/a
limits_are() {
	holds pids "$TOP/a" pids.max "$4"
	if [ "$IS_V2" ]; then
		holds cpu "$TOP/a" cpu.weight "$1"
		holds cpu "$TOP/a" cpu.max "$3 100000"
		holds memory "$TOP/a" memory.max "$5"
		return
	fi
	holds cpu "$TOP/a" cpu.shares "$2"
	holds cpu "$TOP/a" cpu.cfs_quota_us "${3/max/-1}"
	holds memory "$TOP/a" memory.limit_in_bytes "${5/max/9223372036854771712}"
	holds memory "$TOP/a" memory.memsw.limit_in_bytes "${5/max/9223372036854771712}"
}

@test "update: a quota changes its period below a parent with the same share" {
	cg make "$TOP/pod" inner quota=50000
	cg make "$TOP/pod/a" leaf quota=50000 period=100000
	cg set "$TOP/pod/a" quota=5000 period=10000
	if [ "$IS_V2" ]; then
		holds cpu "$TOP/pod/a" cpu.max '5000 10000'
		cg set "$TOP/pod/a" quota=4000
		holds cpu "$TOP/pod/a" cpu.max '4000 10000'
		cg set "$TOP/pod/a" period=20000
		holds cpu "$TOP/pod/a" cpu.max '4000 20000'
	else
		holds cpu "$TOP/pod/a" cpu.cfs_quota_us 5000
		holds cpu "$TOP/pod/a" cpu.cfs_period_us 10000
		refuses 'cpu.cfs_quota_us' cg set "$TOP/pod/a" quota=60000 period=100000
		holds cpu "$TOP/pod/a" cpu.cfs_quota_us 5000
		holds cpu "$TOP/pod/a" cpu.cfs_period_us 10000
	fi
}

@test "memory: swap is limited together with memory, and none is had beside it" {
	local mib=$((1 << 20))

	cg make "$TOP/a" leaf memory=$((8 * mib))
	has_sum $((8 * mib)) $((8 * mib))
	cg set "$TOP/a" memory=$((16 * mib)) swap=$((20 * mib))
	has_sum $((16 * mib)) $((20 * mib))
	cg set "$TOP/a" memory=$((4 * mib)) swap=$((6 * mib))
	has_sum $((4 * mib)) $((6 * mib))
	cg set "$TOP/a" swap=$((7 * mib))
	has_sum $((4 * mib)) $((7 * mib))
	refuses 'less than that of memory' cg set "$TOP/a" memory=$((8 * mib)) swap=$((7 * mib))
	has_sum $((4 * mib)) $((7 * mib))
}

# has_sum MEMORY BOTH
has_sum() {
	if [ "$IS_V2" ]; then
		holds memory "$TOP/a" memory.max "$1"
		holds memory "$TOP/a" memory.swap.max $(($2 - $1))
	else
		holds memory "$TOP/a" memory.limit_in_bytes "$1"
		holds memory "$TOP/a" memory.memsw.limit_in_bytes "$2"
	fi
	cg stats "$TOP/a" >"$ROOT/stats"
	grep -qx "limit $1" "$ROOT/stats"
	grep -qx "swap_limit $(($2 - $1))" "$ROOT/stats"
}

@test "cpuset: comes when asked for, with all processes that run already" {
	local pid all=0 last=0

	[ "$(nproc)" = 1 ] || all=0-1 last=1
	cg make "$TOP/pod/a" leaf
	cg make "$TOP/pod/a/exec-1" tracking
	child_in "$TOP/pod/a"
	"$CARPEL_BIN/test/cgroup" "$NAME" dirs "$TOP/pod/a" | {
		! grep cpuset
	}
	sleep 1000 3>&- 4>&- &
	CHILDREN+=($!)
	echo $! >"$(dir_of pids "$TOP/pod/a")/cgroup.procs"
	echo $! >"$(cgroup_top_v2)$TOP/pod/a/exec-1/cgroup.procs"
	cg set "$TOP/pod/a" cpus=0
	for pid in "${CHILDREN[@]}"; do
		grep -qE '^Cpus_allowed_list:\s0$' "/proc/$pid/status"
	done
	holds cpuset "$TOP/pod/a" cpuset.cpus 0
	refuses 'cpuset.cpus' cg set "$TOP/pod/a" cpus=0-4095
	holds cpuset "$TOP/pod/a" cpuset.cpus 0
	cg set "$TOP/pod/a" cpus=$all mems=0
	grep -qE "^Cpus_allowed_list:\s$all\$" "/proc/${CHILDREN[1]}/status"
	holds cpuset "$TOP/pod/a" cpuset.mems 0
	# Who starts there next, too.
	cg make "$TOP/pod/b" leaf cpus=$last
	child_in "$TOP/pod/b"
	grep -qE "^Cpus_allowed_list:\s$last\$" "/proc/${CHILDREN[2]}/status"
}

cgroup_top_v2() {
	[ "$IS_V2" ] && echo /sys/fs/cgroup || echo /sys/fs/cgroup/unified
}

@test "hugepages: no limit where there are none, else an error names the size" {
	cg make "$TOP/a" leaf huge:2MB=0 huge:3MB=0
	holds hugetlb "$TOP/a" hugetlb.2MB.max 0
	cg set "$TOP/a" huge:2MB=4194304
	holds hugetlb "$TOP/a" hugetlb.2MB.max 4194304
	holds hugetlb "$TOP/a" hugetlb.2MB.rsvd.max 4194304
	refuses 'hugepages of 3MB' cg set "$TOP/a" huge:2MB=2097152 huge:3MB=3145728
	holds hugetlb "$TOP/a" hugetlb.2MB.max 4194304
	refuses 'no page size' cg set "$TOP/a" huge:../2MB=1
}

@test "unified: v2 writes it last; v1 takes what means nothing there" {
	cg make "$TOP/a" leaf memory=$((64 << 20)) unified:memory.oom.group=1 unified:memory.swap.max=0 \
		unified:memory.min=0 unified:memory.low=0 unified:memory.high=max
	refuses 'unified cgroup.kill' cg set "$TOP/a" unified:cgroup.kill=1
	refuses 'unified a/b.c' cg set "$TOP/a" unified:a/b.c=1
	if [ ! "$IS_V2" ]; then
		refuses 'unified memory.high: needs cgroup v2' cg set "$TOP/a" unified:memory.high=1048576
		return
	fi
	holds memory "$TOP/a" memory.oom.group 1
	cg set "$TOP/a" memory=$((32 << 20)) unified:memory.high=$((16 << 20)) unified:memory.max=$((48 << 20))
	holds memory "$TOP/a" memory.high $((16 << 20))
	holds memory "$TOP/a" memory.max $((48 << 20))
	refuses 'unified nothing.max: no nothing controller' cg set "$TOP/a" unified:nothing.max=1
	refuses 'memory.nothing' cg set "$TOP/a" memory=$((8 << 20)) unified:memory.nothing=1
	holds memory "$TOP/a" memory.max $((48 << 20))
}

@test "stats: time, memory, faults, processes and pressure of what runs there" {
	refuses 'No such file' cg stats "$TOP/a"
	cg make "$TOP/a" leaf memory=$((128 << 20))
	child_in "$TOP/a" "${PYTHON:-/usr/bin/python3}" -c 'import time
x = bytearray(32 << 20)
end = time.process_time() + 0.2
while time.process_time() < end: pass
print("up", flush=True); time.sleep(1000)' >"$ROOT/out"
	wait_for 60 grep -q up "$ROOT/out"
	cg stats "$TOP/a" >"$ROOT/stats"
	between cpu_ns 200000000 20000000000
	between memory $((32 << 20)) $((128 << 20))
	between rss $((32 << 20)) $((64 << 20))
	between working_set $((32 << 20)) $((128 << 20))
	between faults 100 1000000
	between pids 1 1
	between limit $((128 << 20)) $((128 << 20))
	between wall_ns "$(($(date +%s%N) - 20000000000))" "$(date +%s%N)"
	between oom_kills 0 0
	if [ -e "$(cgroup_top_v2)$TOP/a/cpu.pressure" ]; then
		grep -qx 'cpu_pressure known' "$ROOT/stats"
		grep -qx 'io_pressure known' "$ROOT/stats"
	fi
	printf '# microseconds a call: %s\n' "$(cg time 1000 "$TOP/a")" >&3
}

# between NAME MIN MAX of what stats said
between() {
	awk -v name="$1" -v min="$2" -v max="$3" '$1 == name && $2 >= min && $2 <= max { ok = 1 } $1 == name
		END { exit !ok }' "$ROOT/stats"
}
