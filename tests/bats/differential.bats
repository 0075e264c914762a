#!/usr/bin/env bats
# The same container by carpel-launch, by carpel-oci and by Debian's runc and crun: what it can see and do, and what the host
# sees of it, differs only where tests/differential/differences says so and why.

load lib/launch

HERE=$BATS_TEST_DIRNAME/../differential
MAN=$BATS_TEST_DIRNAME/../../runtime/launch/carpel-launch.8

compared() {
	python3 "$HERE/differential.py" "$@"
}

setup() {
	[ -d /sys/fs/cgroup/unified ] || skip "its table is of a machine with cgroup v1"
	launch_setup
	# The sandbox's own cgroups are made by hand, a container's by the code that carpeld makes them with.
	mkdir -p "$RUN/vol/sub" "$RUN/seen" "$RUN"/bundle "$RUN/rootfs/"{proc,sys,dev,tmp,vol}
	mount -t tmpfs below "$RUN/vol/sub"
	: >"$RUN/empty"
	mknod "$RUN/vol/zero" c 1 5
	mknod "$RUN/rootfs/image-zero" c 1 5
	"$CARPEL_BIN/carpel-launch" --seccomp-json "$NINE" </usr/share/containers/seccomp.json >"$RUN/profile"
}

teardown() {
	local dir

	[ -n "${CG:-}" ] || return 0
	if [ -n "${OTHER:-}" ]; then other "$OTHER" delete -f "$CG-$OTHER" || :; fi
	launch_teardown
	for dir in /sys/fs/cgroup/*/"$CG"; do
		[ ! -d "$dir" ] || find "$dir" -depth -type d -exec rmdir {} \;
	done
}

await_up() { # await_up NAME: it has said all, and now sleeps
	driver tee "$RUN/seen/$1.out" $'\nup\n' || {
		tail -n 20 "$RUN/seen/$1.out"
		return 1
	}
}

by_launch() {
	local records look v1=$V1

	sandbox
	"$CARPEL_BIN/test/cgroup" "$CG" make "/$CG/launch" leaf memory=67108864 swap=67108864 shares=512 quota=20000 period=100000 \
		pids=50
	V1=$(for dir in /sys/fs/cgroup/*/"$CG/launch"; do dirname "$(dirname "$dir")"; done | grep -v unified | tr '\n' ' ')
	mapfile -t records < <(compared plan "$1" "$RUN")
	mapfile -t look < <(compared look)
	container launch "${records[@]}" "stdout-file=$RUN/seen/launch.out" "stderr-file=$RUN/seen/launch.out" -- /guest all "${look[@]}"
	V1=$v1
	await_up launch
	compared cgroups "$CG/launch" >"$RUN/seen/launch.cgroups"
	kill -9 "$CTR"
}

# other RUNTIME ARGS…: in mounts of its own without the v2 hierarchy, beside which crun refuses v1.
other() {
	# shellcheck disable=SC2016 # of the inner shell
	if [ "$1" = oci ]; then
		"$CARPEL_BIN/carpel-oci" --root "$RUN/$1" "${@:2}"
	else
		unshare -m sh -c 'umount /sys/fs/cgroup/unified; exec "$@"' sh "$1" --root "$RUN/$1" "${@:2}"
	fi
}

by_other() { # by_other RUNTIME SPEC
	compared bundle "$2" "$RUN" "/$CG/$1" >"$RUN/bundle/config.json"
	OTHER=$1
	# Not /dev/null, which crun would give to the container's user.
	other "$1" run -d --bundle "$RUN/bundle" "$CG-$1" <"$RUN/empty" >"$RUN/seen/$1.out" 2>&1 3>&- 4>&-
	await_up "$1"
	compared cgroups "$CG/$1" >"$RUN/seen/$1.cgroups"
	other "$1" delete -f "$CG-$1"
	OTHER=
}

@test "root's container is that of runc and crun, but for the table" {
	by_launch root
	by_other oci root
	by_other runc root
	by_other crun root
	compared compare root "$RUN/seen" "$HERE/differences" "$MAN"
}

@test "a user's container is that of runc and crun, but for the table" {
	by_launch user
	by_other oci user
	by_other runc user
	by_other crun user
	compared compare user "$RUN/seen" "$HERE/differences" "$MAN"
}
