#!/usr/bin/env bats
# Pods in the node's namespaces: hostPID and hostIPC.
#
# bats sets output and status.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/pod

setup() {
	carpel_setup
	import_guest
}

teardown() {
	carpel_teardown
}

@test "hostPID: sees the node's processes, and lives and ends like any other" {
	local pid daemon

	SPEC='hostPID: true' pod web sleepy | carpel run -f - --wait
	pod own sleepy | carpel run -f - --wait
	[ "$(guest web readlink /proc/self/ns/pid)" = "$(readlink /proc/self/ns/pid)" ]
	output=$(guest own readlink /proc/self/ns/pid)
	[[ $output == pid:* && $output != "$(readlink /proc/self/ns/pid)" ]]
	# By the same numbers as we.
	[ "$(guest web cat /proc/$$/comm)" = "$(cat /proc/$$/comm)" ]
	pid=$(pids_named web guest)
	[ "$(guest web cat "/proc/$pid/comm")" = guest ]
	# Its end is seen, and told right.
	daemon=$(carpeld_pid)
	guest web signal "$pid" 9 || :
	wait_for 10 has_restarts web 1
	[ "$(status web .lastState.terminated.exitCode)" = 137 ]
	# Also by a carpeld that did not start it.
	kill -9 "$daemon"
	wait_for 10 is_other_carpeld "$daemon"
	[ "$(restarts web)" = 1 ]
	kill -9 "$(pids_named web guest)"
	wait_for 10 had_events web BackOff 1
	[ "$(status web .lastState.terminated.exitCode)" = 137 ]
	# Whatever else the node runs stays.
	carpel delete pod web --now
	[ "$(restarts own)" = 0 ]
	carpel down
	# What carpeld started to remove its files was not killed with the instance's cgroup.
	[ "$(grep -c 'trash could' "$ROOT/var/log/carpel/carpeld.log")" = 0 ]
	SPEC='hostPID: true, shareProcessNamespace: true' pod both sleepy >"$ROOT/both"
	run carpel run -f "$ROOT/both"
	[ "$status" = 1 ]
	[[ $output == *'ShareProcessNamespace and HostPID cannot both be enabled'* ]]
}

@test "hostIPC: the node's queues and shared memory, and no others" {
	SPEC='hostIPC: true' pod web sleepy | carpel run -f - --wait
	pod own sleepy | carpel run -f - --wait
	[ "$(guest web readlink /proc/self/ns/ipc)" = "$(readlink /proc/self/ns/ipc)" ]
	output=$(guest own readlink /proc/self/ns/ipc)
	[[ $output == ipc:* && $output != "$(readlink /proc/self/ns/ipc)" ]]
}

@test "procMount: Unmasked, for a pod with users of its own: nothing of /proc is hidden or read-only" {
	SPEC='hostUsers: false' EXTRA='securityContext: {procMount: Unmasked}' pod open sleepy | carpel run -f - --wait
	SPEC='hostUsers: false' pod masked sleepy | carpel run -f - --wait
	[ "$(guest masked mounts | grep -c ' /proc/')" -gt 5 ]
	output=$(guest open mounts)
	[[ $output == *' /proc'* && $output != *' /proc/'* ]]
	EXTRA='securityContext: {procMount: Unmasked}' pod open sleepy >"$ROOT/open"
	run carpel run -f "$ROOT/open"
	[ "$status" = 1 ]
	[[ $output == *'spec.containers[0].securityContext.procMount: '*'must be false to use'* ]]
}
