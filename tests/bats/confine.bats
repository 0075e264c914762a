#!/usr/bin/env bats
# What carpeld and its own programs have given away, seen from outside, and tried from inside.

load lib/carpel
load lib/pod

setup() {
	carpel_setup
	start_carpeld
	import_guest >/dev/null
	DAEMON=$(carpeld_pid)
}

teardown() {
	carpel_teardown
}

# makes_call PID NUMBER ARGUMENTS…: in its place; what it answers.
makes_call() {
	"${PYTHON:-python3}" "$BATS_TEST_DIRNAME/confine_driver.py" "$@"
}

# Numbers of x86-64.
PRCTL=157 GET_DUMPABLE=3

# child_named NAME [PARENT]: of the carpeld that was first, or of PARENT.  The oldest: what the starter or the launcher
# has just forked has its name for a moment, too.
child_named() {
	pgrep -o -P "${2:-$DAEMON}" -x "$1"
}

has() {
	grep -Eq "^$2:[[:space:]]+$3\$" "/proc/$1/status"
}

# The launcher's program for the devices of every container is no way to anything, nor are a procfs of its own and its
# copy of the mount of carpel-pause, that file alone.
has_only_a_socket() {
	local fd fds=()

	for fd in "/proc/$1/fd"/*; do
		case $(readlink "$fd") in
		anon_inode:bpf-prog) ;;
		/) [ "$(stat -fLc %T "$fd")" = proc ] || [ "$(stat -Lc %d:%i "$fd")" = "$(stat -Lc %d:%i "$CARPEL_BIN/carpel-pause")" ] || return ;;
		*) fds+=("${fd##*/}") ;;
		esac
	done
	[ "${fds[*]}" = "0 1 2 3" ]
}

@test "carpeld: filter, no new privileges, not to be looked into" {
	has "$DAEMON" Seccomp 2
	has "$DAEMON" NoNewPrivs 1
	[ "$(makes_call "$DAEMON" $PRCTL $GET_DUMPABLE 0 0 0)" = 0 ]
	# KERNEL 6.3
	[ "$(makes_call "$DAEMON" $PRCTL 66 0 0 0)" = 1 ] || [ "$(makes_call "$DAEMON" $PRCTL 66 0 0 0)" = -22 ]
	[ "$(carpeld_pid)" = "$DAEMON" ]
}

@test "carpeld: what other programs do for it is refused" {
	local call

	# execve mount umount2 unshare mknodat move_mount setns(CLONE_NEWNS) setresuid
	for call in "59 0 0 0" "165 0 0 0 0 0" "166 0 0" "272 0" "259 -1 0 0 0" "429 -1 0 -1 0 0" "308 -1 0x20000" "117 1 1 1"; do
		# shellcheck disable=SC2086 # several words
		[ "$(makes_call "$DAEMON" $call)" = -1 ] || {
			echo "$call"
			return 1
		}
	done
	[ "$(makes_call "$DAEMON" 308 -1 0x40000000)" = -9 ] # into a network it may go, if there is one
	[ "$(carpeld_pid)" = "$DAEMON" ]
}

@test "carpeld: what nobody does for it kills it, and pods go on" {
	local call old started trace="101 0 0 0 0"

	! grep -q libasan "/proc/$DAEMON/maps" || trace=0x40000027 # LeakSanitizer traces us
	pod web sleep 1000 | apply
	wait_for 30 is_status web .ready true
	started=$(status web .state.running.startedAt)
	# ptrace, process_vm_writev, bpf, an x32 call
	for call in "$trace" "311 1 0 0 0 0 0" "321 0 0 0" "0x40000027"; do
		old=$(carpeld_pid)
		# shellcheck disable=SC2086 # several words
		[ "$(makes_call "$old" $call)" = SIGSYS ]
		wait_for 60 is_other_carpeld "$old"
	done
	[ "$(status web .state.running.startedAt)" = "$started" ]
	[ "$(status web .restartCount)" = 0 ]
	carpel exec web -- /bin/guest exit 0 # it starts programs, too
}

@test "the starter and the launcher hold a socket and nothing else, and cannot be looked into" {
	local pid name

	for name in carpel-start carpel-launch; do
		pid=$(child_named $name)
		wait_for 30 has_only_a_socket "$pid" # it is just starting
		[[ $(readlink "/proc/$pid/fd/3") == socket:* ]]
		[ "$(makes_call "$pid" $PRCTL $GET_DUMPABLE 0 0 0)" = 0 ]
		has "$pid" Seccomp 0
		has "$pid" NoNewPrivs 0
	done
	pod web sleep 1000 | apply # they do their work afterwards
	wait_for 30 is_status web .ready true
	wait_for 30 has_only_a_socket "$(child_named carpel-start)"
	wait_for 30 has_only_a_socket "$(child_named carpel-launch)"
}

@test "a killed launcher is replaced, a killed starter with carpeld; pods go on" {
	local old

	pod web sleep 1000 | apply
	wait_for 30 is_status web .ready true
	old=$(child_named carpel-launch)
	kill -9 "$old"
	wait_for 30 eval "! kill -0 $old"
	carpel exec web -- /bin/guest exit 0
	[ "$(child_named carpel-launch)" != "$old" ]
	has "$(child_named carpel-launch)" Seccomp 0 # though carpeld has its filter
	has "$(child_named carpel-launch)" NoNewPrivs 0
	kill -9 "$(child_named carpel-start)"
	wait_for 60 is_other_carpeld "$DAEMON"
	[ -n "$(child_named carpel-start "$(carpeld_pid)")" ]
	carpel exec web -- /bin/guest exit 0
	[ "$(status web .restartCount)" = 0 ]
}

@test "no container inherits what carpeld gave away" {
	local pid

	EXTRA='securityContext: {seccompProfile: {type: Unconfined}, allowPrivilegeEscalation: true}' pod free sleep 1000 | apply
	wait_for 30 is_status free .ready true
	pid=$(pids_named free guest)
	has "$pid" Seccomp 0
	has "$pid" NoNewPrivs 0
}

@test "carpel-log and carpel-probe cannot signal each other, nor anybody them" {
	local log probe pid other uid

	log=$(child_named carpel-log) probe=$(child_named carpel-probe)
	for pid in "$log" "$probe"; do
		other=$log
		[ "$pid" != "$log" ] || other=$probe
		has "$pid" Seccomp 2
		has "$pid" NoNewPrivs 1
		has "$pid" 'Cap(Inh|Prm|Eff|Bnd|Amb)' 0000000000000000
		uid=$(awk '$1 == "Uid:" { print $2 }' "/proc/$pid/status")
		has "$pid" '(Uid|Gid)' "$uid	$uid	$uid	$uid"
		has "$pid" Groups ''
		run getent passwd "$uid"
		[ "$status" = 2 ]
		grep -Eq '^Max core file size +0 +0 ' "/proc/$pid/limits"
		grep -Eq '^Max processes +0 +0 ' "/proc/$pid/limits"
		grep -Eq '^Max locked memory +0 +0 ' "/proc/$pid/limits"
		[ "$(stat -c %u "/proc/$pid/mem")" = 0 ] # not dumpable: not its own user's
		for uid in "$uid" 65534; do
			run setpriv --reuid "$uid" --regid "$uid" --clear-groups kill -0 "$other"
			[ "$status" != 0 ]
			[[ $output == *"not permitted"* ]]
		done
	done
}

@test "sockets are 0600 in directories of 0700, and none is abstract" {
	local socket inode pid

	while read -r socket; do
		[ "$(stat -c %a:%u "$socket")" = 600:0 ]
		[ "$(stat -c %a:%u "$(dirname "$socket")")" = 700:0 ]
	done < <(find "$ROOT/run" -type s)
	[ "$(find "$ROOT/run" -type s | wc -l)" -ge 2 ]
	for pid in "$DAEMON" $(pgrep -P "$DAEMON"); do
		while read -r inode; do
			awk -v inode="$inode" '$7 == inode && $8 ~ /^@/ { exit 1 }' /proc/net/unix
		done < <(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n')
	done
}

@test "the oom score is as low as the machine lets us, or one warning says why not" {
	local score

	score=$(cat "/proc/$DAEMON/oom_score_adj")
	# CAP_SYS_RESOURCE
	if (($(awk '$1 == "CapEff:" { print "0x" $2 }' /proc/self/status) >> 24 & 1)); then
		[ "$score" = -999 ]
	else
		[ "$(grep -c 'oom_score_adj -999' "$ROOT/var/log/carpel/carpeld.log")" = 1 ]
	fi
}

# in_own_cgroup PID: in every hierarchy in which the instance has a root.
in_own_cgroup() {
	local dir

	for dir in $(cgroup_dirs); do
		grep -qx "$1" "$dir/carpeld/cgroup.procs" || return 1
	done
}

@test "carpeld: a cgroup of its own, with memory that is not reclaimed, which goes with the instance" {
	local top starter

	starter=$(child_named carpel-start)
	in_own_cgroup "$DAEMON"
	in_own_cgroup "$starter"
	# Who keeps it and who asked for it are where they were.
	[ "$(grep -c "$(instance_cgroup)" "/proc/$(pgrep -o -f -- "--root $ROOT( |\$)")/cgroup")" = 0 ]
	if top=$(cgroup_v2_dir) && [ -e "$top/memory.min" ]; then
		[ "$(cat "$top/carpeld/memory.min")" = 67108864 ]
		[ "$(cat "$top/daemons/memory.min")" = 33554432 ]
		# No more than the cgroup above has is in force.
		[ "$(cat "$top/memory.min")" = 100663296 ]
	fi
	# The next one comes to the same place.
	kill -9 "$DAEMON"
	wait_for 30 is_other_carpeld "$DAEMON"
	in_own_cgroup "$(carpeld_pid)"
	carpel down
	[ -z "$(cgroup_dirs)" ]
	[ "$(grep -c 'no cgroup of its own\|the instance.s cgroup stays' "$ROOT/var/log/carpel/carpeld.log")" = 0 ]
}

@test "carpeld: where it may not move, and where systemd gave it a unit, it stays, and serves" {
	local dir

	carpel down
	: >"$ROOT/var/log/carpel/carpeld.log"
	# As systemd starts it: its own pid is in the environment.
	# shellcheck disable=SC2016 # for the other shell
	setsid sh -c 'SYSTEMD_EXEC_PID=$$ exec "$0" --root "$1"' "$CARPEL_BIN/carpeld" "$ROOT" </dev/null >/dev/null 2>>"$ROOT/var/log/carpel/carpeld.log" 3>&- 4>&- &
	wait_for 30 is_serving
	run in_own_cgroup "$(carpeld_pid)"
	[ "$status" = 1 ]
	[ "$(grep -c 'no cgroup of its own' "$ROOT/var/log/carpel/carpeld.log")" = 0 ]
	carpel down
	[ -z "$(cgroup_dirs)" ]
	# Nobody may write into it.
	dir=/sys/fs/cgroup/pids
	[ -d "$dir" ] || dir=/sys/fs/cgroup
	dir=$dir/$(instance_cgroup)
	mkdir "$dir" "$dir/carpeld"
	# shellcheck disable=SC2016 # for the other shell
	setsid unshare -m sh -c 'mount --bind "$2/carpeld" "$2/carpeld"; mount -o remount,bind,ro "$2/carpeld"; exec "$0" --root "$1"' \
		"$CARPEL_BIN/carpeld" "$ROOT" "$dir" </dev/null >/dev/null 2>>"$ROOT/var/log/carpel/carpeld.log" 3>&- 4>&- &
	wait_for 30 is_serving
	[ "$(grep -c 'no cgroup of its own: .*Read-only file system' "$ROOT/var/log/carpel/carpeld.log")" = 1 ]
	kill -9 "$(carpeld_pid)"
	wait_for 30 flock -n "$ROOT/run/carpel/lock" true
	start_carpeld
}
