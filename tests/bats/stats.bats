#!/usr/bin/env bats
# carpel stats and the call behind it: what is shown of what pods use, beside what they were made to use.
#
# bats sets output and status.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/user

setup() {
	carpel_setup
	import_guest
}

teardown() {
	carpel_teardown
}

# has_usage POD JQ: of `carpel stats -o json`; all numbers of the condition are loose, for a busy machine.
has_usage() {
	# shellcheck disable=SC2086 # several words
	carpel stats "$1" ${OPTIONS:-} -o json >"$ROOT/stats.json"
	jq -e "$2" "$ROOT/stats.json" >/dev/null || {
		echo "$1: not $2:" >&2
		cat "$ROOT/stats.json" >&2
		return 1
	}
}

@test "stats: a spinner's cores, an eater's memory and limit, processes; a sleeper uses next to nothing" {
	{
		EXTRA='resources: {limits: {cpu: 300m}}' pod spinner spin
		EXTRA='resources: {limits: {memory: 64Mi}}' pod eater eat 20
		pod sleeper sleepy x
	} | carpel run -f - --wait
	wait_for 10 is_full eater
	# "123n" as a number
	local nano='.usage.cpu | rtrimstr("n") | tonumber'
	# Whoever is kept from running uses nothing for that time, so it is seen sometime.
	local OPTIONS='--interval 2s'
	wait_for 60 has_usage spinner ".containers | length == 1 and (.[0] | .name == \"c\" and ($nano) > 40e6 and ($nano) < 400e6)"
	jq -e "($nano) > 40e6 and (.window | test(\"^([2-9]|[1-9][0-9])\")) and (.usage.memory | endswith(\"Ki\"))" "$ROOT/stats.json"
	OPTIONS=''
	wait_for 60 has_usage sleeper ".containers[0] | ($nano) < 20e6 and .pids.current == 1 and .memory.workingSetBytes < 4e6"
	has_usage eater '.containers[0].memory | .workingSetBytes >= 20971520 and .workingSetBytes < 26e6 and
		.usageBytes >= .workingSetBytes and .rssBytes >= 20971520 and .limitBytes == 67108864 and
		.availableBytes == .limitBytes - .workingSetBytes'
	has_usage eater '(.usage.memory | rtrimstr("Ki") | tonumber) >= 20480 and .memory.limitBytes == 67108864'
	# The pod's own process beside the container's.
	has_usage sleeper '.pids.current == 2 and .metadata.name == "sleeper" and .kind == "PodUsage"'
	wait_for 60 shows_all
}

shows_all() {
	carpel stats | awk '
		$1 == "spinner" { spins = $2 ~ /^[0-9]+m$/ && $2 + 0 >= 40 && $5 == "-" }
		$1 == "eater" { eats = $3 ~ /^2[0-5]Mi$/ && $5 == "64Mi" && $6 == 2 }
		END { exit !(spins && eats) }'
}

is_full() {
	carpel logs "$1" | grep -q full
}

@test "stats: what an exec starts counts; pressure and block devices as far as the kernel tells" {
	pod a sleepy x | carpel run -f - --wait
	"$CARPEL_BIN/carpel" --root "$ROOT" exec a -- /bin/guest sleep 1000 3>&- 4>&- &
	local client=$!
	wait_for 10 has_usage a '.containers[0].pids.current == 2'
	kill "$client"
	wait "$client" || :
	if [ -e /proc/pressure/cpu ]; then
		has_usage a '.containers[0] | .cpu, .memory, .io | .psi | .some, .full | .avg10 >= 0 and .avg300 >= 0 and .total >= 0'
	fi
	# v1 counts only what is in a blkio cgroup, which few are.
	if [ "$(carpel info -o jsonpath='{.cgroup.layout}')" = v2 ]; then
		has_usage a '.containers[0].io | .readBytes >= 0 and .writeBytes >= 0 and .readOperations >= 0'
	else
		has_usage a '.containers[0].io | has("readBytes") | not'
		[[ "$(carpel stats a --no-headers)" =~ -\ +-\ +[^\ ]+$ ]]
	fi
}

@test "stats: tables, namespaces, selectors, and what is not there" {
	{
		LABELS='app: web' pod b sleepy x
		pod a sleepy x
	} | carpel run -f - --wait
	pod c sleepy x | carpel -n other run -f - --wait
	pod gone exit 0 | carpel run -f - --wait=exit
	[ "$(carpel stats --interval 50ms | awk '{ print $1 }' | tr '\n' ' ')" = 'NAME a b ' ]
	[ "$(carpel stats --interval 50ms | head -n 1 | tr -s ' ')" = 'NAME CPU(cores) MEMORY(bytes) USAGE LIMIT PIDS READ WRITTEN DISK' ]
	[ "$(carpel stats --interval 50ms -A --no-headers | awk '{ print $1 "/" $2 }' | tr '\n' ' ')" = 'default/a default/b other/c ' ]
	[ "$(carpel stats --interval 50ms --containers b --no-headers -o wide | awk '{ print $1, $2, NF }')" = 'b c 13' ]
	[ "$(carpel stats --interval 50ms -l app=web -o jsonpath='{.items[*].metadata.name}')" = b ]
	[ "$(carpel stats --interval 50ms -n other -o yaml | grep -c 'name: c$')" = 2 ]
	run --separate-stderr carpel stats --interval 50ms a nosuch pod/gone
	returns 1
	[ "$(printf '%s\n' "${lines[@]}" | awk '{ print $1 }' | tr '\n' ' ')" = 'NAME a ' ]
	[ "$stderr" = $'carpel: pods "nosuch" not found\ncarpel: pod "gone": none of its containers runs' ]
	run carpel stats --interval 50ms -n empty
	returns 0
	[ "$output" = 'No resources found in empty namespace.' ]
	run carpel stats a -l app=web
	returns 2
	says 'names and a selector exclude each other'
	run carpel stats -o name
	returns 2
	says '-o name says nothing of what is used'
	run carpel stats --interval 0
	returns 2
	says '--interval must be longer than 0'
	run carpel stats -l 'a in'
	returns 1
	run carpel top pod
	returns 2
	says 'here it is carpel stats'
}

@test "stats -w goes on, with one header, and shows a pod that comes" {
	pod a sleepy x | carpel run -f - --wait
	# Not by the function: its shell would be killed, and not the program.
	"$CARPEL_BIN/carpel" --root "$ROOT" stats -w --interval 200ms >"$ROOT/out" 3>&- &
	wait_for 10 has_lines '^a ' 2
	pod b sleepy x | carpel run -f - --wait
	wait_for 10 has_lines '^b ' 2
	kill $!
	wait $! || :
	[ "$(grep -c NAME "$ROOT/out")" = 1 ]
}

# has_lines REGEX N
has_lines() {
	[ "$(grep -c -- "$1" "$ROOT/out")" -ge "$2" ]
}

@test "the call behind it: all pods in one answer, by namespace and by label; nothing but GET" {
	{
		LABELS='app: web' pod a sleepy x
		pod b sleepy x
	} | carpel run -f - --wait
	rest /apis/carpel/v1/usage >"$ROOT/all.json"
	jq -e '.kind == "PodUsageList" and .apiVersion == "carpel/v1" and ([.items[].metadata.name] | sort) == ["a", "b"] and
		(.items | all(.metadata.uid and .timestamp and .cpu.usageCoreNanoSeconds >= 0 and .containers[0].cpu.usageCoreNanoSeconds >= 0 and
			(.containers[0].id | test("^[0-9a-f]{64}$"))))' "$ROOT/all.json"
	rest /apis/carpel/v1/namespaces/default/usage?labelSelector=app%3Dweb | jq -e '.items | length == 1 and .[0].metadata.labels.app == "web"'
	rest /apis/carpel/v1/namespaces/nosuch/usage | jq -e '.items == []'
	rest '/apis/carpel/v1/usage?labelSelector=a+in' | jq -e '.kind == "Status" and .code == 400'
	[ "$(rest_code -X POST /apis/carpel/v1/usage)" = 400 ]
	[ "$(rest_code /apis/carpel/v1/namespaces/default/usage/x)" = 404 ]
	# Counters only go up.
	local before after
	before=$(jq '[.items[].cpu.usageCoreNanoSeconds] | add' "$ROOT/all.json")
	carpel exec a -- /bin/guest report >/dev/null
	after=$(rest /apis/carpel/v1/usage | jq '[.items[].cpu.usageCoreNanoSeconds] | add')
	[ "$after" -gt "$before" ]
}
