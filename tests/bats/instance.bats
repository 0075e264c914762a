#!/usr/bin/env bats
# An instance as a whole: how it starts, two beside each other, down after whatever happened, where the
# programs are found, and the command line's own surface (help, completions, exit codes).
#
# bats sets output and status.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/user

setup() {
	carpel_setup
}

teardown() {
	local left=0
	if [ -d "$ROOT/two" ]; then
		"$CARPEL_BIN/carpel" --root "$ROOT/two" down --grace-period 0 || left=1
	fi
	carpel_teardown || left=1
	return $left
}

is_down() {
	local left
	left=$(instance_leftovers)
	[ -z "$left" ] || { echo "left: $left" >&2; return 1; }
	[ -z "$(find "$ROOT/run/carpel" -mindepth 1 ! -name '*lock' ! -name '*.log' 2>/dev/null)" ]
	[ -z "$(find /sys/fs/cgroup -maxdepth 2 -name "$(instance_cgroup)" 2>/dev/null)" ]
}

# Gone, or dead and not reaped by whoever inherited it.
has_ended() {
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"
}

@test "the first command starts a daemon; version and down do not" {
	run carpel version
	[ "$status" = 0 ]
	says 'not running'
	run carpel down
	[ "$status" = 0 ]
	[ "$output" = 'nothing is running' ]
	[ ! -e "$ROOT/run/carpel/carpel.sock" ]
	# Many first commands at once start one daemon.
	local i pids=()
	for i in 1 2 3 4 5 6; do
		carpel get pods 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	wait_for 20 has_daemons 3 # the keeper, the daemon and its starter; who came too late has to end first
	[ "$(carpel info -o json | jq -c '[.root, .keeper, .pods]')" = "[\"$ROOT\",true,0]" ]
	carpel version -o json | jq -e '.clientVersion == .serverVersion'
}

has_daemons() {
	[ "$(pgrep -fc -- "carpeld .*--root $ROOT( |$)")" = "$1" ]
}

@test "down: everything is gone but locks and logs; the second one says so" {
	import_guest
	{ pod a sleepy x; RESTART=Always pod b exit 1; pod c exit 0; } | carpel run -f -
	carpel wait --for=running --all
	local daemon keeper
	daemon=$(carpeld_pid)
	keeper=$(awk '/^PPid/ { print $2 }' "/proc/$daemon/status")
	run carpel down
	[ "$status" = 0 ]
	says 'pod default/a'
	says "carpeld (pid $daemon) and 3 pods are down"
	wait_for 10 has_ended "$daemon"
	wait_for 10 has_ended "$keeper"
	wait_for 10 has_no_process
	is_down
	run carpel down
	[ "$status" = 0 ]
	[ "$output" = 'nothing is running' ]
	# Images and logs stay, and a new daemon has no pods.
	[ "$(carpel image list -o name)" = guest ]
	[ -z "$(pod_names)" ]
}

@test "down after everything was killed" {
	import_guest
	SPEC='volumes: [{name: v, emptyDir: {}}]' EXTRA='volumeMounts: [{name: v, mountPath: /v}]' pod a stubborn x | carpel run -f - --wait
	local pid pids container
	container=$(container_pid a)
	mapfile -t pids < <(pgrep -f -- "--root $ROOT( |$)")
	kill -9 "${pids[@]}" || : # one may follow another by itself
	for pid in "${pids[@]}"; do wait_for 10 has_ended "$pid"; done # or the next call still reaches a dying one
	[ -e "/proc/$container" ]
	run carpel down --grace-period 0
	[ "$status" = 0 ]
	says 'pod default/a'
	says '1 pod are down'
	has_ended "$container"
	wait_for 10 has_no_process
	is_down
}

@test "down with a grace period: containers are asked first" {
	import_guest
	pod a all 'print up' 'sleepy x' | carpel run -f - --wait
	pod b stubborn x | sed 's/PeriodSeconds: 2/PeriodSeconds: 600/' | carpel run -f - --wait
	carpel down --grace-period 1
	wait_for 10 has_no_process
	is_down
}

# In a mount namespace where systemd is not init, whatever is here.
@test "the cgroup driver: another word is refused, as is systemd where it is not init, and its slices with cgroupfs" {
	run -2 "$CARPEL_BIN/carpeld" --root "$ROOT" --cgroup-driver=Systemd
	[ "${lines[0]}" = 'carpeld: --cgroup-driver takes cgroupfs or systemd: "Systemd"' ]
	run -1 unshare --mount bash -c "[ ! -d /run/systemd ] || mount -t tmpfs none /run/systemd
		exec timeout 60 '$CARPEL_BIN/carpeld' --root '$ROOT' --cgroup-driver=systemd"
	[[ $output == *"choose a driver: --cgroup-driver=systemd: systemd is not this machine's init: "* ]]
	if [ -d /sys/fs/cgroup/unified ] && [ -x /usr/bin/systemd-run ]; then
		run -1 unshare --mount bash -c "mount -t tmpfs none /run && mkdir -p /run/systemd/system
			exec timeout 60 '$CARPEL_BIN/carpeld' --root '$ROOT' --cgroup-driver=systemd"
		[[ $output == *"open the engine: systemd's units are taken on pure cgroup v2 only, and v1 controllers are mounted here"* ]]
	fi
	start_carpeld
	[ "$(carpel info -o json | jq -r .cgroup.driver)" = cgroupfs ]
	[ "$(carpel cri runtime-config)" = "cgroup driver:   CGROUPFS" ]
	local slice=i$$ # nobody else's
	echo '{"metadata": {"name": "a", "namespace": "n", "uid": "u"}, "linux": {"cgroup_parent": "/'$slice'.slice/'$slice'-b.slice"}}' >"$ROOT/a"
	run ! carpel cri runp "$ROOT/a"
	[[ $output == *"config.linux.cgroup_parent: \"/$slice.slice/$slice-b.slice\": a slice takes the cgroup driver systemd, and here it is cgroupfs"* ]]
	run ! compgen -G "/sys/fs/cgroup/*/$slice.slice"
}

@test "two instances side by side meet nowhere" {
	mkdir -p "$ROOT/two"
	import_guest
	two() { "$CARPEL_BIN/carpel" --root "$ROOT/two" "$@"; }
	two image import guest "$ROOT/guest-rootfs"
	pod a sleepy one | carpel run -f - --wait
	pod a sleepy two | two run -f - --wait
	pod b sleepy two | two run -f - --wait
	wait_for 20 has_log a one
	ROOT=$ROOT/two wait_for 20 has_log a two
	[ "$(pod_names)" = a ]
	[ "$(two get pods -o name | tr '\n' ' ')" = 'pod/a pod/b ' ]
	[ "$(carpel get pod a -o jsonpath='{.metadata.uid}')" != "$(two get pod a -o jsonpath='{.metadata.uid}')" ]
	two down --grace-period 0
	[ "$(carpel exec a -- guest print alive)" = alive ]
}

@test "--root and --socket stand before the verb; --socket starts nothing" {
	run "$CARPEL_BIN/carpel" --socket "$ROOT/none.sock" get pods
	[ "$status" = 1 ]
	[ "$output" = "carpel: nothing answers on $ROOT/none.sock" ]
	[ ! -e "$ROOT/run" ]
	import_guest
	pod a sleepy x | carpel run -f - --wait
	[ "$("$CARPEL_BIN/carpel" --socket "$ROOT/run/carpel/carpel.sock" get pods -o name)" = pod/a ]
	[ "$(cd / && "$CARPEL_BIN/carpel" --root "${ROOT#/}" get pods -o name)" = pod/a ]
	[ "$("$CARPEL_BIN/carpel" --root="$ROOT/" get pods -o name)" = pod/a ]
	run carpel get pods --root "$ROOT"
	[ "$status" = 2 ]
	run "$CARPEL_BIN/carpel" --root
	[ "$status" = 2 ]
	# The socket is root's alone.
	[ "$(stat -c %a "$ROOT/run/carpel/carpel.sock")" = 600 ]
	run setpriv --reuid 65534 --clear-groups "$CARPEL_BIN/carpel" --socket "$ROOT/run/carpel/carpel.sock" get pods
	[ "$status" = 1 ]
}

@test "a wrong command line is 2 and shows the usage; help is 0" {
	local line
	while read -r line; do
		# shellcheck disable=SC2086 # several words
		run carpel $line
		[ "$status" = 2 ] || { echo "carpel $line: $status $output"; false; }
		[[ $output == carpel* ]]
	done <<-'LINES'
		nonsense
		--nonsense get pods
		get pods --nonsense
		get
		run
		run x --wait=nonsense
		run x --timeout soon
		wait a
		logs
		logs a --tail many
		exec a
		delete
		stop
		image
		label a
		down now
	LINES
	run carpel
	[ "$status" = 2 ]
	for line in run apply create get describe logs events wait exec attach probe label annotate update stop delete image info version down; do
		run carpel $line --help
		[ "$status" = 0 ]
		says "usage: carpel $line"
		# What help knows, the manual knows too.
		grep -qE "^\.It Cm $line( |$)" "$BATS_TEST_DIRNAME/../../runtime/cli/carpel.1"
	done
	# None of it started a daemon.
	[ ! -e "$ROOT/run/carpel/carpel.sock" ]
}

@test "a reader that goes away, a full disk behind standard output" {
	import_guest
	pod a sleepy x | carpel run -f - --wait
	wait_for 20 has_log a x
	carpel get pods -o json | head -c 1 >/dev/null
	local out
	for out in 'get pods' 'get pods -o yaml' 'describe a' events 'logs a' 'image list' info; do
		# shellcheck disable=SC2086 # several words
		run bash -c '"$CARPEL_BIN/carpel" --root "$ROOT" '"$out"' >/dev/full'
		[ "$status" != 0 ] || { echo "$out: a lost answer is told as success"; false; }
	done
}

# comp WORDS…: what bash would offer for the last word.
comp() {
	bash -c '
		. "$0"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE} COMPREPLY=()
		compopt() { :; }
		"$(complete -p carpel | sed -E "s/.*-F ([^ ]+).*/\1/")" carpel "${@: -1}" "${@: -2:1}"
		printf "%s\n" "${COMPREPLY[@]}"' "$BATS_TEST_DIRNAME/../../contrib/completions/carpel.bash" "$CARPEL_BIN/carpel" "$@" |
		tr -d ' ' | sort | tr '\n' ' '
}

@test "completions: verbs, options, names of pods, containers and images; a TAB starts no daemon" {
	[[ "$(comp de)" == 'delete describe ' ]]
	[[ "$(comp run --wa)" == *--wait* ]]
	[ "$(comp --root "$ROOT" logs '')" = ' ' ] || [ -z "$(comp --root "$ROOT" logs '' | tr -d ' ')" ]
	[ ! -e "$ROOT/run/carpel/carpel.sock" ]
	import_guest
	{ pod alpha sleepy x; pod beta sleepy x; } | carpel run -f - --wait
	[ "$(comp --root "$ROOT" logs '')" = 'alpha beta ' ]
	[ "$(comp --root "$ROOT" delete pod a)" = 'alpha ' ]
	[ "$(comp --root "$ROOT" exec alpha -c '')" = 'c ' ]
	[ "$(comp --root "$ROOT" image rm '')" = 'guest ' ]
}

@test "installed below DESTDIR it works from there" {
	local tree=$ROOT/tree built=$CARPEL_BIN
	# What is built is installed, and nothing is built: other tests run from there.
	make -s -o all -C "$BATS_TEST_DIRNAME/../.." BUILD="$(dirname "$built")" DESTDIR="$tree" PREFIX=/usr install >/dev/null
	CARPEL_BIN=$tree/usr/bin
	mkdir "$CARPEL_BIN/test"
	cp "$built/test/guest" "$CARPEL_BIN/test/guest"
	import_guest
	pod a sleepy x | carpel run -f - --wait
	[ "$(carpel exec a -- guest print here)" = here ]
	[ "$(readlink "/proc/$(carpeld_pid)/exe")" = "$tree/usr/libexec/carpel/carpeld" ]
	carpel down --grace-period 0
	CARPEL_BIN=$built
}
