#!/usr/bin/env bats
# What carpel writes into control groups, and what a container sees of them, on pure v2 and on hybrid
# machines.  The kubelet's rules: contrib/docs and carpeld(8).

load lib/carpel
load lib/pod

setup() {
	carpel_setup
	IS_V2=$([ -d /sys/fs/cgroup/unified ] || echo yes)
	LIMIT=60s
}

teardown() {
	carpel_teardown
}

# dir_of CONTROLLER PATH: a path below the instance's root, where that controller is.
dir_of() {
	if [ "$IS_V2" ]; then
		echo "/sys/fs/cgroup/$(instance_cgroup)$2"
	else
		echo "/sys/fs/cgroup/$1/$(instance_cgroup)$2"
	fi
}

# shares_are PATH V2-WEIGHT V1-SHARES
shares_are() {
	if [ "$IS_V2" ]; then
		holds cpu "$1" cpu.weight "$2"
	else
		holds cpu "$1" cpu.shares "$3"
	fi
}

# quota_is PATH MICROSECONDS|max: of 100 ms
quota_is() {
	if [ "$IS_V2" ]; then
		holds cpu "$1" cpu.max "$2 100000"
	else
		holds cpu "$1" cpu.cfs_quota_us "${2/max/-1}"
		holds cpu "$1" cpu.cfs_period_us 100000
	fi
}

# memory_is PATH BYTES|max: and no swap beside it
memory_is() {
	if [ "$IS_V2" ]; then
		holds memory "$1" memory.max "$2"
		[ "$2" = max ] || never_swapped "$1"
	else
		holds memory "$1" memory.limit_in_bytes "${2/max/9223372036854771712}"
		holds memory "$1" memory.memsw.limit_in_bytes "${2/max/9223372036854771712}"
	fi
}

# v2 only: v1 has but one limit, of memory and swap together.
never_swapped() {
	[ ! "$IS_V2" ] || holds memory "$1" memory.swap.max 0
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

# All of a container's memory is lost with one process of it: v2 only.
is_killed_whole() {
	[ ! "$IS_V2" ] || holds memory "$1" memory.oom.group "$2"
}

# path_of POD [CONTAINER]: of its cgroup below the instance's root
path_of() {
	local uid level id

	uid=$(field "$1" .metadata.uid)
	level=/$(field "$1" .status.qosClass | tr '[:upper:]' '[:lower:]')
	id=$(carpel get pod "$1" -o json | jq -r --arg c "${2-}" \
		'.status.containerStatuses[] | select(.name == $c).containerID | sub(".*//"; "")')
	echo "${level#/guaranteed}/pod$uid${id:+/$id}"
}

# pods_of_each_class: web is Guaranteed, job Burstable, any BestEffort
pods_of_each_class() {
	import_guest
	pod_of web '{name: a, image: guest, command: [/bin/guest, sleepy, a], resources: {limits: {cpu: 500m, memory: 64Mi}}},
		{name: b, image: guest, command: [/bin/guest, sleepy, b], resources: {limits: {cpu: 250m, memory: 32Mi}}}' | apply
	pod_of job '{name: a, image: guest, command: [/bin/guest, sleepy, a],
		resources: {requests: {cpu: 100m, memory: 16Mi}, limits: {memory: 64Mi}}},
		{name: b, image: guest, command: [/bin/guest, sleepy, b]}' | apply
	pod_of any '{name: a, image: guest, command: [/bin/guest, sleepy, a]}' | apply
	carpel wait --for=ready web job any --timeout "$LIMIT"
}

@test "limits: a Guaranteed pod has the sums of its containers', each container its own" {
	pods_of_each_class
	local pod a b
	pod=$(path_of web) a=$(path_of web a) b=$(path_of web b)
	[[ $pod == /pod* ]]
	shares_are "$pod" 30 768
	quota_is "$pod" 75000
	memory_is "$pod" $((96 << 20))
	is_killed_whole "$pod" 0
	shares_are "$a" 59 512
	quota_is "$a" 50000
	memory_is "$a" $((64 << 20))
	is_killed_whole "$a" 1
	shares_are "$b" 35 256
	quota_is "$b" 25000
	memory_is "$b" $((32 << 20))

	pod=$(path_of job) a=$(path_of job a) b=$(path_of job b)
	[[ $pod == /burstable/pod* ]]
	shares_are "$pod" 4 102
	quota_is "$pod" max
	memory_is "$pod" max # b has no limit, which a sum would be for it
	shares_are "$a" 17 102
	quota_is "$a" max
	memory_is "$a" $((64 << 20))
	shares_are "$b" 1 2
	memory_is "$b" max
	never_swapped "$b"
	is_killed_whole "$b" 1

	pod=$(path_of any) a=$(path_of any a)
	[[ $pod == /besteffort/pod* ]]
	shares_are "$pod" 1 2
	quota_is "$pod" max
	memory_is "$pod" max
	shares_are "$a" 1 2
	is_killed_whole "$a" 1
}

@test "levels: Burstable pods weigh what they ask for together, BestEffort ones next to nothing" {
	pods_of_each_class
	shares_are /burstable 4 102
	shares_are /besteffort 1 2
	EXTRA='resources: {requests: {cpu: 400m}}' pod more sleepy up | carpel run -f - --wait
	shares_are /burstable 20 512
	carpel delete pod job --now
	wait_for 30 shares_are /burstable 16 409
	carpel delete pod --all --now
	wait_for 30 shares_are /burstable 1 2
	quota_is /burstable max
	memory_is /burstable max
}

@test "limits: a pod has 2048 processes, however many its containers start" {
	import_guest
	pod a fork-bomb 3000 | apply
	wait_for 30 has_restarts a 1
	holds pids "$(path_of a)" pids.max 2048
	wait_for 30 was_bounded a
}

was_bounded() {
	carpel logs "$1" --previous | grep -Ex 'forked 20[0-9]{2} EAGAIN'
}

@test "view: a container sees its own control group, as the top, and cannot write" {
	import_guest
	EXTRA='resources: {limits: {memory: 64Mi, cpu: 500m}}' pod a sleepy up | carpel run -f - --wait
	guest a mounts >"$ROOT/mounts"
	if [ "$IS_V2" ]; then
		[ "$(awk '$5 == "/sys/fs/cgroup" { print $4, $9 }' "$ROOT/mounts")" = '/ cgroup2' ]
		[ "$(guest a cat /sys/fs/cgroup/memory.max)" = $((64 << 20)) ]
		[ "$(guest a cat /sys/fs/cgroup/cpu.max)" = '50000 100000' ]
		guest a write /sys/fs/cgroup/cgroup.procs 1 | grep -q EROFS
		guest a mkdir /sys/fs/cgroup/x | grep -q EROFS
		grep ' /sys/fs/cgroup ' "$ROOT/mounts" | grep -q ' ro,nosuid,nodev,noexec'
	else
		[ "$(awk '$5 == "/sys/fs/cgroup/memory" { print $4, $9 }' "$ROOT/mounts")" = '/ cgroup' ]
		[ "$(guest a cat /sys/fs/cgroup/memory/memory.limit_in_bytes)" = $((64 << 20)) ]
		guest a write /sys/fs/cgroup/memory/cgroup.procs 1 | grep -q EROFS
		guest a mkdir /sys/fs/cgroup/x | grep -q EROFS
	fi
	# No word of the host's tree: not of the instance, not of the pod.
	guest a cat /proc/1/cgroup >"$ROOT/cgroups"
	[ -s "$ROOT/cgroups" ]
	[ "$(grep -c carpel- "$ROOT/cgroups")" = 0 ]
	[ "$(cut -d' ' -f 4,5 "$ROOT/mounts" | grep -c carpel-)" = 0 ]
}

@test "memory: what is killed for its memory is OOMKilled, and starts again" {
	import_guest
	RESTART=Never EXTRA='resources: {limits: {memory: 32Mi}}' pod a eat 64 | apply
	carpel wait --for=exit a --timeout "$LIMIT"
	is_status a .state.terminated.reason OOMKilled
	is_status a .state.terminated.exitCode 137
	EXTRA='resources: {limits: {memory: 32Mi}}' pod b eat 64 | apply
	wait_for 30 has_restarts b 1
	is_status b .lastState.terminated.reason OOMKilled
	# One that is merely killed is none.
	RESTART=Never pod c sleepy up | carpel run -f - --wait
	pod_pids_of_container c | xargs kill -9
	carpel wait --for=exit c --timeout "$LIMIT"
	is_status c .state.terminated.reason Error
	is_status c .state.terminated.exitCode 137
}

pod_pids_of_container() {
	cat "$(cgroup_v2_dir)$(path_of "$1" c)/cgroup.procs"
}

@test "memory: exec counts as the container's, and dies with it" {
	import_guest
	RESTART=Never EXTRA='resources: {limits: {memory: 32Mi}}' pod a sleepy up | carpel run -f - --wait
	started=$(status a .state.running.startedAt)
	[ "$started" != null ]
	run guest a eat 64
	[ "$status" = 137 ]
	if [ "$IS_V2" ]; then # memory.oom.group: the container is one whole
		carpel wait --for=exit a --timeout "$LIMIT"
		is_status a .state.terminated.reason OOMKilled
	else
		is_status a .state.running.startedAt "$started"
	fi
}

@test "exec: joins the container's control groups, in one of its own to be killed alone" {
	import_guest
	EXTRA='resources: {limits: {memory: 64Mi, cpu: 500m}}' pod a sleepy up | carpel run -f - --wait
	local path pid exec
	path=$(path_of a c)
	carpel exec a -- /bin/guest sleepy here >"$ROOT/out" &
	exec=$!
	wait_for 30 grep -q here "$ROOT/out"
	pid=$(cat "$(cgroup_v2_dir)$path"/exec-*/cgroup.procs)
	[ "$(wc -w <<<"$pid")" = 1 ]
	grep -q "^0::/$(instance_cgroup)$path/exec-" "/proc/$pid/cgroup"
	[ "$IS_V2" ] || grep -q ":memory:/$(instance_cgroup)$path\$" "/proc/$pid/cgroup"
	kill -9 "$pid"
	wait "$exec" || :
	wait_for 30 no_execs "$path"
	is_status a .restartCount 0
}

no_execs() {
	! find "$(cgroup_v2_dir)$1" -mindepth 1 -type d | grep -q .
}

@test "end: whatever a pod leaves running is killed, and its control groups are gone" {
	import_guest
	pod_of a '{name: c, image: guest, command: [/bin/guest, family, "20"]},
		{name: d, image: guest, command: [/bin/guest, stubborn, up]}' | carpel run -f - --wait
	local pids
	wait_for 60 has_pids a 23 # pause, two, and the family
	pids=$(pod_pids a)
	carpel delete pod a --now
	for pid in $pids; do
		[ ! -e "/proc/$pid" ]
	done
	[ -z "$(find /sys/fs/cgroup -name 'pod*' -path "*$(instance_cgroup)*")" ]
	carpel down
	[ -z "$(cgroup_dirs)" ]
}
