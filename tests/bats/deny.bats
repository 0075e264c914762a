#!/usr/bin/env bats
# A kernel or an outer filter without a call that carpel is built on: what is made is what would have been made
# with it, or nothing, and the reason names the call.  Never a weaker container.  The table of each test says
# which of the two is expected.  Set-up and words: lib/launch.bash, lib/carpel.bash; tests/bin/deny.c.

# Each test has a shell of its own, and a dollar in single quotes is awk's.
# shellcheck disable=SC2016,SC2030,SC2031

load lib/launch
load lib/carpel

MAPS=(uid-map=0:1879048192:65536 gid-map=0:1879048192:65536)
REAL=$CARPEL_BIN
DENY=$REAL/test/deny

setup() {
	ROOT=
	case $BATS_TEST_DESCRIPTION in
	carpeld*) carpel_setup ;;
	*)
		launch_setup
		mkdir -p "$RUN/vol/hidden" "$RUN/without"
		;;
	esac
}

teardown() {
	CARPEL_BIN=$REAL
	if [ -n "$ROOT" ]; then
		carpel_teardown
	else
		launch_teardown
	fi
}

# without OPTION CALL COMMAND…: a word of lib/launch.bash, where carpel-launch alone is denied the call.
without() {
	local option=$1 call=$2

	shift 2
	printf '#!/bin/sh\nexec %s %s %s %s/carpel-launch "$@"\n' "$DENY" "$option" "$call" "$REAL" >"$RUN/without/carpel-launch"
	chmod +x "$RUN/without/carpel-launch"
	CARPEL_BIN=$RUN/without "$@"
}

# What a container can see of its confinement; numbers that differ from start to start are left out.
LOOK=(all report mounts "write /x y" "write /vol/x y" "stat /proc/kcore /proc/keys /proc/timer_list" "ls /sys/firmware"
	"open w /proc/sys/kernel/hostname" "mkdir /sys/fs/cgroup/x" "ls /dev" "cat /proc/self/cgroup"
	"try mount umount unshare-user setns bpf keyctl userfaultfd io_uring_setup alg vsock raw tiocsti mknod"
	"try chroot unshare-net unknown i386")
SHOWN='{ sub("/[.][.]/.*", "/..") } /^(cgroup|mnt|net|ipc|uts) [a-z]+:/ { next } / - / { print $5, $6, $9; next } !/^(started|exited|pid|ppid|sid) / { print }'

plan_of() { # plan_of OPERATION NAME: the plan of one that is to be observed
	case $1 in
	userns)
		mkdir -p "$RUN/$2.upper" "$RUN/$2.work"
		chown 1879048192:1879048192 "$RUN/$2.upper" "$RUN/$2.work"
		PAUSE=$OWN plan_container "$2" "${MAPS[@]}" read-only-root=1 "mount=rro,idmap,$RUN/vol:/vol" -- /guest "${LOOK[@]}" ns
		;;
	container) plan_container "$2" read-only-root=1 "mount=rro,$RUN/vol:/vol" -- /guest "${LOOK[@]}" ;;
	masks)
		plan_container "$2" "mount=$RUN/vol:/vol" masks=given masked=/vol/hidden masked=/proc/keys readonly-path=/proc/sys \
			readonly-path=/vol -- /guest "${LOOK[@]}" "stat /vol/hidden"
		;;
	esac
}

# attempt OPERATION NAME OPTION CALL: does it with the call denied (by none: ":"), leaves its line in
# $RUN/line and what it looked like in $RUN/seen.
attempt() {
	local launch=(without "$3" "$4" driver)

	[ "$4" != : ] || launch=(driver)
	rm -f "$RUN/$2.out" "$RUN/$2.exec"
	case $1 in
	sandbox)
		plan_sandbox sysctl=kernel.shm_rmid_forced=1 | "${launch[@]}" run >"$RUN/line"
		grep -q ^started "$RUN/line" || return 0
		PAUSE=$(sed -n 's/^started .*host=//p' "$RUN/line")
		guest "$2" -- /guest all report mounts "cat /proc/sys/kernel/shm_rmid_forced" >"$RUN/raw"
		;;
	exec)
		plan_exec "$2" "$CTR" -- /guest "${LOOK[@]}" | "${launch[@]}" run --wait 20 >"$RUN/line"
		cat "$RUN/$2.exec" >"$RUN/raw"
		;;
	*)
		plan_of "$1" "$2" | "${launch[@]}" run >"$RUN/line"
		grep -q ^started "$RUN/line" || return 0
		driver exits "$([ "$1" = userns ] && echo "$OWN" || echo "$PAUSE")" 1 >"$RUN/exit"
		cat "$RUN/$2.out" >"$RUN/raw"
		;;
	esac
	awk "$SHOWN" "$RUN/raw" >"$RUN/seen"
}

# judge CALL CODE EXPECTED BASELINE
judge() {
	output=$(cat "$RUN/line")
	case $3 in
	same)
		mentions "started "
		diff "$4" "$RUN/seen"
		;;
	refused)
		mentions "failed code=$2 exit=128 "
		grep -Eq "\b$1\b" <<<"$output" || {
			echo "\"$1\" is not named: $output"
			return 1
		}
		;;
	esac
}

# table OPTION OPERATIONS…, on standard input a line a call, under each operation what is expected.
table() {
	local call expected i operation option=$1

	shift

	while read -r call expected; do
		read -ra expected <<<"$expected"
		for i in "${!expected[@]}"; do
			operation=${*:i+1:1}
			echo "$call: $operation ${expected[i]}"
			attempt "$operation" "$operation$option$call" "$option" "$call"
			judge "$call" "$([ "$option" = -p ] && echo EPERM || echo ENOSYS)" "${expected[i]}" "$RUN/$operation.same"
		done
	done
}

@test "sandbox, container, user namespace and masks are the same without a call, or refused by its name" {
	sandbox "${MAPS[@]}"
	OWN=$PAUSE
	attempt sandbox base -n :
	mv "$RUN/seen" "$RUN/sandbox.same"
	for operation in container masks userns; do
		attempt $operation "$operation" -n :
		mv "$RUN/seen" "$RUN/$operation.same"
	done
	# The baseline is the one of launch.bats.
	output=$(cat "$RUN/container.same")
	for line in "no_new_privs 1" "seccomp 2" "/vol/x EROFS" "/proc/keys char 666 0 0 1:3" "unknown ENOSYS" "i386 killed SIGSYS"; do
		says "$line"
	done
	run grep -x "user $(readlink /proc/self/ns/user)" "$RUN/userns.same"
	[ "$status" = 1 ]
	table -n container masks userns sandbox <<-END
		openat2       refused refused refused refused
		clone3        refused refused refused refused
		pidfd_open    same    same    same    same
		close_range   refused refused refused refused
		mount_setattr refused refused refused refused
	END
	kill -9 "$OWN"
}

@test "an exec is the same without a call, or refused by its name" {
	sandbox
	container c -- /guest sleepy up
	attempt exec base -n :
	mv "$RUN/seen" "$RUN/exec.same"
	output=$(cat "$RUN/exec.same")
	says "no_new_privs 1"
	says "unknown ENOSYS"
	table -n exec <<-END
		openat2       refused
		clone3        refused
		pidfd_open    same
		close_range   refused
		mount_setattr refused
	END
	# As a filter around us may answer.
	table -p exec <<-END
		openat2       refused
		clone3        refused
	END
	# The container was not touched by any of it.
	[ "$(driver holds "$CTR")" = yes ]
}

# ---- carpeld ----

# start CALL: carpeld for this instance, without a keeper; denied the call, by ":" none.
start() {
	local words=("$DENY" -n "$1")

	[ "$1" != : ] || words=()
	mkdir -p "$ROOT/var/log/carpel"
	setsid "${words[@]}" "$REAL/carpeld" --root "$ROOT" </dev/null >/dev/null 2>>"$ROOT/var/log/carpel/carpeld.log" 3>&- 4>&- &
	wait_for 30 is_serving
}

end_carpeld() {
	local pid
	pid=$(carpeld_pid)
	kill -9 "$pid"
	driver gone "$pid"
}

apply() { # apply NAME [FIELDS of its container]
	carpel apply -f - >/dev/null <<-END
		{apiVersion: v1, kind: Pod, metadata: {name: $1}, spec: {terminationGracePeriodSeconds: 0, containers: [
		  {name: c, image: guest, command: [/bin/guest, sleepy, x]${2:+, $2}}]}}
	END
}

has_event() { # has_event POD REASON TEXT
	carpel events --for "$1" -o json |
		jq -e --arg r "$2" --arg t "$3" 'any(.items[]; .reason == $r and (.message | contains($t)))'
}

@test "carpeld: without a call that all rests on it does not start, and says which" {
	for call in pidfd_open close_range mount_setattr; do
		run timeout "$(patience 60)" "$DENY" -n $call "$REAL/carpeld" --root "$ROOT"
		[ "$status" != 0 ]
		[ "$status" != 124 ]
		mentions "$call: Function not implemented"
		[ -z "$(find "$(cgroup_v2_dir)" -name cgroup.procs -exec cat {} +)" ]
	done
	start :
}

@test "carpeld: without openat2 or clone3 there is no pod, no exec and no probe, and each says why; with it all are back" {
	local seen

	start :
	import_guest
	apply up 'livenessProbe: {exec: {command: [/bin/guest, exit, "0"]}, periodSeconds: 1, failureThreshold: 1000}'
	carpel wait --for=condition=Ready pod/up --timeout 60s
	seen=$(carpel exec up -- /bin/guest all report mounts | awk "$SHOWN")
	for call in openat2 clone3; do
		end_carpeld
		start $call
		run carpel exec up -- /bin/guest report
		[ "$status" != 0 ]
		mentions "$call"
		lacks no_new_privs
		apply "without-$call"
		wait_for 60 has_event "without-$call" FailedCreatePodSandBox "$call"
		wait_for 60 has_event up Unhealthy "$call"
	done
	end_carpeld
	start :
	carpel wait --for=condition=Ready pod/up pod/without-openat2 pod/without-clone3 --timeout 60s
	diff <(echo "$seen") <(carpel exec up -- /bin/guest all report mounts | awk "$SHOWN")
	diff <(echo "$seen") <(carpel exec without-clone3 -- /bin/guest all report mounts | awk "$SHOWN" | sed 's/without-clone3/up/')
	carpel get pod up -o json | jq -e '.status.containerStatuses[0].restartCount == 0'
}
