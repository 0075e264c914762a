#!/usr/bin/env bats
# A start that somebody holds up ends at its deadline, says why, and leaves nothing; of pods, execs and CRI.
# What holds it up here is a stopped launcher, which holds it up in every run; a container that stops its
# neighbours does so in most (attack.bats).
#
# bats sets output, status and stderr.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/pod

setup() {
	carpel_setup
	import_guest
}

teardown() {
	go_on
	carpel_teardown
}

# From here on there is a deadline: who sets the stage may be slow.
begin() {
	kill -TERM "$(carpeld_pid)"
	wait_for 20 has_no_daemon
	# shellcheck disable=SC2034 # start_carpeld takes it
	DAEMON_OPTIONS='--start-deadline 1500 --back-off 100,1000,60000'
	start_carpeld
}

has_no_daemon() {
	! pgrep -f -- "carpeld .*--root $ROOT( |\$)"
}

# in_time ARGS…: carpel, which would wait for ever where nothing has a deadline.
in_time() {
	run --separate-stderr timeout "$(patience 60)" "$CARPEL_BIN/carpel" --root "$ROOT" "$@"
}

launcher() {
	pgrep -P "$(carpeld_pid)" -x carpel-launch
}

hold() {
	HELD=$(launcher)
	kill -STOP "$HELD"
}

go_on() {
	[ -z "${HELD:-}" ] || kill -CONT "$HELD"
	HELD=''
}

says_x() { # again and again: any of them may be slow
	[ "$("$@")" = x ]
}

is_waiting_for() {
	is_status "$1" .state.waiting.reason "$2"
}

@test "start deadline: a container fails with a reason, backs off, and comes up when nobody holds it up" {
	pod web sleepy | carpel run -f - --wait
	begin
	hold
	kill -9 "$(pids_named web guest)"
	wait_for 20 is_waiting_for web RunContainerError
	[ "$(status web .state.waiting.message)" = 'its program was not running within 1500 ms' ]
	has_event web Failed 'Error: its program was not running within 1500 ms'
	# Its place is empty: pause is all there is of the pod.
	wait_for 10 has_pids web 1
	go_on
	wait_for 30 matches web '.status.containerStatuses[0].ready'
	wait_for 10 has_pids web 2
}

@test "start deadline: a sandbox is tried again" {
	begin
	hold
	pod web sleepy | apply
	wait_for 20 has_event web FailedCreatePodSandBox 'its program was not running within 1500 ms'
	wait_for 10 has_pids web 0
	go_on
	wait_for 30 matches web '.status.containerStatuses[0].ready'
	wait_for 10 has_pids web 2
}

@test "start deadline: an exec fails, and its container goes on" {
	pod web sleepy | carpel run -f - --wait
	begin
	hold
	in_time exec web -- /bin/guest print x
	[ "$status" != 0 ]
	[[ $stderr == *'its program was not running within 1500 ms'* ]]
	go_on
	wait_for 20 says_x guest web print x
	[ "$(restarts web)" = 0 ]
	wait_for 10 has_pids web 2
}

@test "start deadline: CRI's StartContainer and ExecSync answer DEADLINE_EXCEEDED" {
	local box ctr other

	cd "$ROOT" || return
	printf '%s\n' 'metadata: {name: web, namespace: default, uid: u-1}' 'linux: {security_context: {namespace_options: {network: 2}}}' >pod.yaml
	printf '%s\n' 'metadata: {name: app}' 'image: {image: guest}' 'command: [/bin/guest, sleepy]' >ctr.yaml
	sed 's/app/other/' ctr.yaml >other.yaml
	box=$(carpel cri runp pod.yaml)
	ctr=$(carpel cri create "$box" ctr.yaml pod.yaml)
	other=$(carpel cri create "$box" other.yaml pod.yaml)
	carpel cri start "$ctr"
	begin
	hold
	in_time cri start "$other"
	[ "$status" != 0 ]
	[[ $stderr == *'deadline exceeded'*'its program was not running within 1500 ms'* ]]
	in_time cri exec "$ctr" /bin/guest print x
	[ "$status" != 0 ]
	[[ $stderr == *'its program was not running within 1500 ms'* ]]
	go_on
	[ "$(carpel cri inspect "$other" | jq -r '[.status.state, .status.reason] | join(" ")')" = 'CONTAINER_EXITED StartError' ]
	wait_for 20 says_x carpel cri exec "$ctr" /bin/guest print x
	carpel cri rmp -f "$box" >/dev/null
}
