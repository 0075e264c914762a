#!/usr/bin/env bats
# carpeld where /sys/fs/cgroup is not the machine's top but a cgroup like others, as in a container or
# below a service that delegates.  Needs pure v2, so it runs in the emulated machine only.

load ../bats/lib/carpel

setup() {
	carpel_setup
	BOX=/sys/fs/cgroup/box-$(basename "$ROOT")
	echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
	mkdir "$BOX"
}

teardown() {
	echo 1 >"$BOX/cgroup.kill"
	wait_for 10 is_empty "$BOX"
	find "$BOX" -depth -type d -exec rmdir {} \;
	carpel_teardown
}

is_empty() {
	grep -q 'populated 0' "$1/cgroup.events"
}

# in_box CGROUP COMMAND…: in that cgroup below the box; the box is all that it sees, at /sys/fs/cgroup.
in_box() {
	# shellcheck disable=SC2016 # for the other shell
	setsid -w bash -c '
		echo $$ >"$0/cgroup.procs" || exit
		exec unshare --cgroup --mount bash -c "
			umount --lazy /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/$1 &&
			echo \$\$ >/sys/fs/cgroup/$1/cgroup.procs && exec \"\$0\" \"\$@\"" "${@:2}"' "$BOX" "$@"
}

# Makes a pod with limits inside, looks at them, and takes all down.
whole_life() {
	import_guest
	carpel run -f - --wait 2>/dev/null <<-EOT
		apiVersion: v1
		kind: Pod
		metadata: {name: a}
		spec:
		  containers:
		  - {name: c, image: guest, command: [/bin/guest, sleepy, hello], resources: {limits: {cpu: 500m, memory: 32Mi}}}
	EOT
	until [ "$(carpel logs a)" = hello ]; do sleep 0.3; done
	cat "$(cgroup_v2_dir)"/pod*/{cpu.max,cpu.weight,memory.max,pids.max}
	carpel exec a -- /bin/guest cat /proc/1/cgroup
	carpel down >/dev/null
}

@test "a top without processes serves as any" {
	export -f carpel import_guest cgroup_v2_dir instance_cgroup whole_life
	in_box init bash -c 'set -e; whole_life' >"$ROOT/out"
	diff "$ROOT/out" - <<-EOT
		image guest imported: $(grep -o 'sha256:.*' "$ROOT/out")
		pod/a created
		50000 100000
		20
		33554432
		2048
		0::/
	EOT
	[ -z "$(find "$BOX" -name 'carpel-*')" ]
}

# Threads of one process may share out cpu and pids, but not memory.
@test "a top with processes does not give all controllers: carpeld says so, and makes nothing" {
	run in_box . timeout "$(patience 60)" "$CARPEL_BIN/carpeld" --root "$ROOT"
	[ "$status" = 1 ]
	[[ $output == *"open the engine: no memory controller in cgroup /sys/fs/cgroup/$(instance_cgroup): processes live in /sys/fs/cgroup"* ]]
	[ -z "$(find "$BOX" -name 'carpel-*')" ]
	rm -rf "$ROOT/run/carpel"
}

@test "a controller that the top does not have: carpeld says which" {
	mkdir "$BOX/below"
	BOX=$BOX/below run in_box init timeout "$(patience 60)" "$CARPEL_BIN/carpeld" --root "$ROOT"
	[ "$status" = 1 ]
	[[ $output == *"open the engine: no cpu controller in cgroup /sys/fs/cgroup/$(instance_cgroup)" ]]
	rm -rf "$ROOT/run/carpel"
}
