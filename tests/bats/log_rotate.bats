#!/usr/bin/env bats
# Rotation of pods' logs: a flood has a bound on the disk, and every line is once in what is kept.

bats_require_minimum_version 1.5.0

load lib/carpel

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

# begin SIZE FILES: carpeld with these limits, and the guest's image.
begin() {
	# shellcheck disable=SC2034 # start_carpeld takes it
	DAEMON_OPTIONS="--container-log-max-size $1 --container-log-max-files $2 --back-off 10,10,60000"
	start_carpeld
	import_guest
}

# flood NAME LINES [POLICY]: a pod whose container writes that many lines as fast as it can; $LOGS is where to.
#   GO        only one until that file is there
#   COMMAND   what writes them, lines
flood() {
	carpel run -f - <<-END
		{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "$1"},
		 "spec": {"restartPolicy": "${3:-Never}", "terminationGracePeriodSeconds": 0,
			  "containers": [{"name": "c", "image": "guest", "command": ["/bin/guest", "${COMMAND:-lines}", "$2"${GO:+, "$GO"}]}]}}
	END
	wait_for 10 has_log "$1"
	wait_for 10 has_begun "$1" # before that nobody can follow
	LOGS=$(echo "$ROOT/var/log/pods/default_$1"_*/c)
}

has_log() {
	ls "$ROOT/var/log/pods/default_$1"_*/c/0.log*
}

has_begun() {
	[ "$(pod_json "$1" '.status.containerStatuses[0].state | has("running") or has("terminated")')" = true ]
}

# The exec need not come to its own end: the container's comes as soon as the file is there.
is_told() {
	carpel exec "$1" -- /bin/guest write /enough x || is_over "$1"
}

is_over() {
	[ "$(pod_json "$1" .status.phase)" = Succeeded ]
}

# await_all NAME: until it is over, and its log has what was in its pipes, too: whoever follows it is told so.
await_all() {
	wait_for 120 is_over "$1"
	carpel logs "$1" -f --tail 1 >/dev/null
}

# The files of an instance's log, the oldest first.
files_of() {
	local file

	for file in "$LOGS/$1.log".* "$LOGS/$1.log"; do
		[ ! -f "$file" ] || echo "$file"
	done
}

# What the container wrote, as far as it is kept.
text_of() {
	files_of "$1" | xargs -d '\n' cat | awk '{ printf "%s%s", substr($0, 41), $3 == "F" ? "\n" : "" }'
}

# Whether standard input is "line N" with numbers that follow each other up to $1; the first may lack its head.
ends_with_all_to() {
	awk -v last="$1" '
		NR == 1 { match($0, /[0-9]*$/); next }
		NR == 2 { n = $2 - 1 }
		$0 != "line " ++n { print "line", n, "is", $0; bad = 1; exit }
		END { print NR, "lines to", n; exit bad || n != last }'
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

@test "a flood never has more than its files of its size on the disk, and no gap in them" {
	begin 256Ki 3
	local total now most=0 count files=0
	total=$(load_of 300000)
	flood a "$total"
	# 64 KiB of these lines are up to 280 KiB of records, by which a file may be larger.
	local bound=$((3 * (256 + 280) + 16))
	look() {
		now=$(du -sk --apparent-size "$LOGS" | cut -f1)
		count=$(find "$LOGS" -type f | wc -l)
		# A log that is held but not rotated would never end; so it is not held for ever, see carpel-log(8).
		[ "$now" -le "$bound" ] || grep -q 'nobody rotates it' "$ROOT/var/log/carpel/carpeld.log"
		[ "$now" -le "$most" ] || most=$now
		[ "$count" -le "$files" ] || files=$count
	}
	until is_over a; do
		look
		sleep 0.02
	done
	await_all a
	look
	echo "at most $most KiB in $files files"
	[ "$most" -gt 512 ]
	[ "$files" -eq 3 ]
	[ "$(find "$LOGS" -type f | wc -l)" -le 3 ]
	run -1 grep -hvE '^[-0-9T:.]{29}Z stdout [FP] ' "$LOGS"/*
	files_of 0 | tail -n +2 | xargs stat -c '%a %U %n'
	text_of 0 | ends_with_all_to "$total"
	# As kubectl: what is in the present file.
	awk '{ printf "%s%s", substr($0, 41), $3 == "F" ? "\n" : "" }' "$LOGS/0.log" >"$ROOT/want"
	carpel logs a | cmp - "$ROOT/want"
	readlink -e "$ROOT"/var/log/containers/a_default_c-*.log | grep -Fx "$LOGS/0.log"
}

@test "whoever follows a log sees each line once, in however many files" {
	begin 64Ki 1000
	GO=/go flood a 300000
	local whole tail
	carpel logs a -f >"$ROOT/followed" 3>&- &
	whole=$!
	carpel logs a -f --tail 10 --timestamps >"$ROOT/tail" 3>&- &
	tail=$!
	wait_for 20 [ -s "$ROOT/followed" ]
	wait_for 20 [ -s "$ROOT/tail" ]
	carpel exec a -- /bin/guest write /go x
	wait_for 120 is_over a
	wait "$whole"
	wait "$tail"
	ends_with_all_to 300000 <"$ROOT/followed"
	cut -d ' ' -f 2- "$ROOT/tail" | ends_with_all_to 300000
	[ "$(files_of 0 | wc -l)" -gt 20 ]
	# Not only what the last files have.
	local of_one
	of_one=$(wc -l <"$(files_of 0 | head -1)")
	[ "$(wc -l <"$ROOT/followed")" -gt $((3 * of_one)) ]
	[ "$(wc -l <"$ROOT/tail")" -gt $((3 * of_one)) ]
	text_of 0 | cmp - <("$CARPEL_BIN/test/guest" lines 300000)
}

@test "all is killed during a flood: each line once, in order, and it is rotated all the same" {
	begin 256Ki 1000
	local i lines
	COMMAND=lines-until flood a /enough
	for ((i = 0; i < 12; i++)); do
		sleep "0.0$((RANDOM % 10))"
		# shellcheck disable=SC2046 # two pids
		case $((i % 3)) in
		0) kill -9 "$(log_pid)" ;;
		1) kill -9 "$(carpeld_pid)" ;;
		2) kill -9 $(carpeld_pid) $(log_pid) ;;
		esac || :
	done
	wait_for 20 is_told a
	await_all a
	text_of 0 >"$ROOT/got"
	lines=$(sed -n '$s/^end //p' "$ROOT/got")
	cmp "$ROOT/got" <("$CARPEL_BIN/test/guest" lines "$lines" && echo "end $lines")
	[ "$(files_of 0 | wc -l)" -gt $((lines / 50000)) ]
	# A file had at most what it may have, a chunk's records more for each kill, and as much again for every 5 s
	# without carpeld.
	[ "$(find "$LOGS" -size +6000k | wc -l)" -eq 0 ]
}

# torn COMMAND…: carpeld is killed after it has renamed the file, and COMMAND is what else it has done.
torn() {
	local pid

	flood a 200000
	pid=$(carpeld_pid)
	kill -STOP "$pid"
	wait_for 10 grep -q '^State:.T' "/proc/$pid/status" # until then it goes on
	# Unless it was stopped in that very moment.
	[ ! -f "$LOGS/0.log" ] || mv "$LOGS/0.log" "$LOGS/0.log.$(date -u +%Y%m%d-%H%M%S)-500000"
	"$@"
	kill -9 "$pid"
	await_all a
	files_of 0 | xargs ls -l
	text_of 0 | cmp - <("$CARPEL_BIN/test/guest" lines 200000)
	[ "$(find "$LOGS" -size +3000k | wc -l)" -eq 0 ] # all would be 9 MB
	[ "$(carpel logs a --tail 1)" = 'line 200000' ]
}

@test "carpeld is killed between the rename and the new file" {
	begin 64Ki 1000
	torn true
}

make_new_file() {
	: >"$LOGS/0.log"
}

@test "carpeld is killed between the new file and its use" {
	begin 64Ki 1000
	torn make_new_file
}

@test "rotated files go with their instance and with their pod" {
	begin 64Ki 4
	flood a 40000 Always
	local n
	at_third_restart() {
		n=$(pod_json a '.status.containerStatuses[0].restartCount') && [ "$n" -ge 3 ] && [ -f "$LOGS/$n.log" ]
	}
	wait_for 30 at_third_restart
	ls "$LOGS"
	find "$LOGS" -name '[0-9]*.log.*' | grep -q .
	[ "$(find "$LOGS" -name '[01].log*' | wc -l)" -eq 0 ]
	carpel delete pod a --wait
	wait_for 10 is_gone
}

is_gone() {
	[ ! -e "$LOGS" ] && [ -z "$(find "$ROOT/var/log/pods" "$ROOT/var/log/containers" -mindepth 1)" ]
}

@test "a dead container's log: what was rotated last stands for the one that is missing" {
	begin 64Ki 3
	flood a 20000
	await_all a
	mv "$LOGS/0.log" "$LOGS/0.log.20991231-000000"
	[ "$(carpel logs a --tail 1)" = 'line 20000' ]
}

@test "logs of CRI are never rotated by us" {
	begin 64Ki 2
	mkdir -p "$ROOT/logs"
	cat >"$ROOT/pod.json" <<-END
		{"metadata": {"name": "p", "namespace": "default", "uid": "u1", "attempt": 0}, "log_directory": "$ROOT/logs",
		 "linux": {"security_context": {"namespace_options": {"network": 2}}}}
	END
	cat >"$ROOT/ctr.json" <<-END
		{"metadata": {"name": "c", "attempt": 0}, "image": {"image": "guest"}, "log_path": "0.log",
		 "command": ["/bin/guest"], "args": ["lines", "50000"]}
	END
	local pod ctr
	pod=$(carpel cri runp "$ROOT/pod.json")
	ctr=$(carpel cri create "$pod" "$ROOT/ctr.json" "$ROOT/pod.json")
	carpel cri start "$ctr"
	has_ended() {
		[ "$(carpel cri inspect "$ctr" | jq -r .status.state)" = CONTAINER_EXITED ]
	}
	wait_for 30 has_ended
	LOGS=$ROOT/logs
	is_whole() {
		text_of 0 | cmp - <("$CARPEL_BIN/test/guest" lines 50000)
	}
	wait_for 30 is_whole
	[ "$(files_of 0 | wc -l)" -eq 1 ]
	carpel cri rmp -f "$pod"
}

@test "limits that are none are refused" {
	local option

	for option in size=0 size=63Ki size=5Ti size=-1Mi size=many size= files=1 files=1001 files=x; do
		run -2 timeout 60 "$CARPEL_BIN/carpeld" --root "$ROOT/none" "--container-log-max-$option"
		[[ $output == *"--container-log-max-${option%%=*} takes a "*": \"${option#*=}\""* ]]
	done
}
