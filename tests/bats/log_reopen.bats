#!/usr/bin/env bats
# ReopenContainerLog of a container that writes all the time, while carpeld and carpel-log are killed.

bats_require_minimum_version 1.5.0

load lib/carpel

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

# A sandbox and a container in it, whose logs are in $ROOT/logs.
begin() {
	mkdir -p "$ROOT/logs"
	cat >"$ROOT/pod.json" <<-END
		{"metadata": {"name": "p", "namespace": "default", "uid": "u1", "attempt": 0}, "log_directory": "$ROOT/logs",
		 "linux": {"security_context": {"namespace_options": {"network": 2}}}}
	END
	cat >"$ROOT/ctr.json" <<-END
		{"metadata": {"name": "c", "attempt": 0}, "image": {"image": "guest"}, "log_path": "c/0.log",
		 "command": ["/bin/guest"], "args": [$1]}
	END
	POD=$(carpel cri runp "$ROOT/pod.json")
	CTR=$(carpel cri create "$POD" "$ROOT/ctr.json" "$ROOT/pod.json")
	carpel cri start "$CTR"
	LOG=$ROOT/logs/c/0.log
}

reopen() {
	carpel cri call ReopenContainerLog "{\"containerId\": \"$CTR\"}" >/dev/null
}

# The host pid of carpel-log of this instance.
log_pid() {
	local pid dir

	for dir in $(cgroup_dirs); do
		while read -r pid; do
			[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != carpel-log ] || { echo "$pid"; return 0; }
		done <"$dir/daemons/cgroup.procs"
	done
	return 1
}

# After a moment, without waiting.
kill_soon() {
	(sleep "0.0$((RANDOM % 10))"; kill -9 "$@" 2>/dev/null || :) 3>&- &
	KILLER=$!
}

# The exec need not come to its own end: the container's comes as soon as the file is there.
is_told() {
	carpel cri exec "$CTR" /bin/guest write /enough x || has_ended
}

has_ended() {
	[ "$(carpel cri inspect "$CTR" | jq -r .status.state)" = CONTAINER_EXITED ]
}

has_last_line() {
	tail -q -n 1 "$LOG" "$LOG".* | grep -q ' end [0-9]*$'
}

@test "reopened while all is killed: every line once, in order, none in a former file after the answer" {
	import_guest
	begin '"lines-until", "/enough"'
	local i end former=() sizes=() lines KILLER=
	for ((i = 0; i < 24; i++)); do
		mv "$LOG" "$LOG.$i"
		former[i]=$LOG.$i
		case $((i % 6)) in
		1) kill_soon "$(log_pid)" ;;
		3) kill_soon "$(carpeld_pid)" ;;
		5) kill_soon "$(carpeld_pid)" "$(log_pid)" ;;
		esac
		end=$((SECONDS + $(patience 60)))
		until reopen 2>>"$ROOT/errors"; do
			[ "$SECONDS" -lt "$end" ]
			sleep 0.02
		done
		[ -f "$LOG" ]
		sizes[i]=$(stat -c %s "$LOG.$i")
		[ -z "$KILLER" ] || wait "$KILLER" # not for all: bats has a job of its own
	done
	sort "$ROOT/errors" | uniq -c
	wait_for 20 is_told
	wait_for 60 has_ended
	wait_for 30 has_last_line # which may be in its pipe still
	for i in "${!sizes[@]}"; do
		[ "$(stat -c %s "${former[i]}")" = "${sizes[i]}" ] || { echo "${former[i]} was written on"; false; }
	done
	[ ! -f "$LOG" ] || former+=("$LOG")
	run -1 grep -hvE '^[-0-9T:.]{29}Z std(out|err) [FP] ' "${former[@]}"
	cat "${former[@]}" | awk '{ printf "%s%s", substr($0, 41), $3 == "F" ? "\n" : "" }' >"$ROOT/got"
	lines=$(sed -n '$s/^end //p' "$ROOT/got")
	cmp "$ROOT/got" <("$CARPEL_BIN/test/guest" lines "$lines" && echo "end $lines")
	carpel cri rmp -f "$POD"
}
