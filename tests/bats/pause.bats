#!/usr/bin/env bats
# What pause is for, one test a role: see contrib/adr/0001-can-pause-be-removed.md.

load lib/launch

setup() {
	launch_setup
}

teardown() {
	launch_teardown
}

@test "role, equality: containers start and die in any order, and the others go on" {
	sandbox
	container a -- /guest sleepy up
	a=$CTR
	container b -- /guest sleepy up
	b=$CTR
	container c -- /guest sleepy up
	for victim in "$a" "$CTR" "$b"; do
		for p in "$a" "$CTR" "$b"; do
			[[ " $dead " == *" $p "* ]] || [ "$(driver holds "$p")" = yes ]
		done
		kill -9 "$victim"
		driver gone "$victim"
		dead="$dead $victim"
	done
	[ "$(driver holds "$PAUSE")" = yes ]
	output=$(driver exits "$PAUSE" 3)
	[ "$(grep -c signal=9 <<<"$output")" -eq 3 ]
	# the first one may come again, into the same pod
	output=$(guest a2 -- /guest print back)
	says back
}

@test "role, namespaces: the pod's network and memory outlive every container" {
	sandbox
	net=$(readlink "/proc/$PAUSE/ns/net")
	nsenter -t "$PAUSE" -n ip addr add 192.0.2.7/32 dev lo
	output=$(guest a -- /guest all ns "write /dev/shm/note kept")
	says "net $net"
	# its end is on record: no container is left
	output=$(guest b -- /guest all ns "cat /dev/shm/note" "cat /proc/net/fib_trie")
	says "net $net"
	mentions kept
	mentions 192.0.2.7
}

@test "role, localhost: containers of a pod reach each other, other pods do not" {
	sandbox
	container server -- /guest tcp 8080 hello
	driver tee "$RUN/server.out" ready
	output=$(guest a -- /guest connect 8080)
	says "connect ok"
	first=$PAUSE
	sandbox
	output=$(guest b -- /guest all "connect 8080" procs)
	says "connect ECONNREFUSED"
	[ "$(grep -c guest <<<"$output")" -eq 1 ]
	kill -9 "$first"
}

@test "role, life cycle: when pause dies, the kernel kills everything of the pod" {
	sandbox
	container a -- /guest family 5
	a=$CTR
	driver tee "$RUN/a.out" 6
	container b pid=pod -- /guest stubborn up
	driver tee "$RUN/b.out" up
	[ "$(cat "$V2/$CG"/*/cgroup.procs | wc -l)" -eq 8 ]
	kill -9 "$PAUSE"
	for p in "$PAUSE" "$a" "$CTR"; do driver gone "$p"; done
	for _ in $(seq $((500 * ${WAIT_FACTOR:-1}))); do
		[ "$(cat "$V2/$CG"/*/cgroup.procs | wc -l)" -gt 0 ] || break
		sleep 0.01
	done
	[ "$(cat "$V2/$CG"/*/cgroup.procs | wc -l)" -eq 0 ]
}

@test "role, reaping: exit codes and signals are on record, exactly" {
	sandbox
	for code in 0 1 42 255; do
		container "e$code" -- /guest exit $code
		says=("${says[@]}" "$INNER exit=$code")
	done
	container k -- /guest sleepy up
	kill -9 "$CTR"
	says=("${says[@]}" "$INNER signal=9")
	output=$(driver exits "$PAUSE" 5)
	for line in "${says[@]}"; do says "$line"; done
}

@test "role, reaping: orphans of a shared PID namespace come to pause" {
	sandbox
	container a pid=pod -- /guest orphan 0 7
	driver tee "$RUN/a.out" $'\n'
	orphan=$(head -n 1 "$RUN/a.out")
	output=$(driver exits "$PAUSE" 1)
	says "$orphan exit=7"
	[ "$(driver holds "$CTR")" = yes ]
	# no zombie is left
	output=$(execute a "$CTR" -- /guest procs)
	[ "$(grep -c "^$orphan " <<<"$output")" -eq 0 ]
}

@test "role, reaping: records wait in the pipe while nobody reads, and none is lost when it is full" {
	sandbox
	# 8192 records fill the pipe; a shared PID namespace makes orphans cheap
	container a pid=pod -- /guest all "orphans 9000" "sleepy done"
	driver tee "$RUN/a.out" "done"
	driver exits "$PAUSE" 9000 >"$RUN/records"
	[ "$(grep -c exit=5 "$RUN/records")" -eq 9000 ]
	[ "$(sort -u "$RUN/records" | wc -l)" -eq 9000 ]
}

@test "role, descriptors: what is stored with pause outlives whoever stored it" {
	sandbox
	echo content >"$RUN/file"
	driver store "$PAUSE" put tag-1 "$RUN/file"
	rm "$RUN/file"
	output=$(driver store "$PAUSE" list)
	mentions "tag-1 content"
}

@test "isolation: no capability, no new privilege, a filter, nothing to write to" {
	sandbox
	status=$(cat "/proc/$PAUSE/status")
	for set in Inh Prm Eff Bnd Amb; do
		grep -q "^Cap$set:.0000000000000000$" <<<"$status"
	done
	grep -q '^NoNewPrivs:.1$' <<<"$status"
	grep -q '^Seccomp:.2$' <<<"$status"
	grep -q '^Name:.carpel-pause$' <<<"$status"
	[ "$(awk '/^Threads/ { print $2 }' <<<"$status")" -eq 1 ]
	[ "$(grep -c ' rw,' <(awk '{ print " " $6 }' "/proc/$PAUSE/mountinfo"))" -eq 0 ]
	[ "$(find "/proc/$PAUSE/fd" -type l -printf "%f\n" | sort -n | tr '\n' ' ')" = "0 1 2 3 4 5 6 " ]
	for fd in 0 1 2; do [ "$(readlink "/proc/$PAUSE/fd/$fd")" = /dev/null ]; done
}

@test "isolation: containers that share its PID namespace cannot look into it or stop it" {
	sandbox
	output=$(guest a pid=pod caps=80fb -- /guest all "readlink /proc/1/root" "readlink /proc/1/fd/4" \
		"cat /proc/1/environ" "open rw /proc/1/mem" "try ptrace" "signal 1 9" "signal 1 15" \
		"signal 1 2")
	says "/proc/1/root EACCES"
	says "/proc/1/fd/4 EACCES"
	says "/proc/1/environ EACCES"
	says "/proc/1/mem EACCES"
	says "ptrace EPERM"
	[ "$(grep -cx "signal ok" <<<"$output")" -eq 3 ] # sent, and ignored
	[ "$(driver holds "$PAUSE")" = yes ]
	kill -TERM "$PAUSE" # from outside it counts
	driver gone "$PAUSE"
}

@test "end: SIGTERM and SIGINT end it with 0, and the pod with it; other signals do nothing" {
	for sig in TERM INT; do
		sandbox
		for other in HUP USR1 USR2 PIPE ALRM QUIT WINCH CONT; do kill -$other "$PAUSE"; done
		container "c$sig" -- /guest stubborn up
		[ "$(driver holds "$PAUSE")" = yes ]
		kill -$sig "$PAUSE"
		driver gone "$PAUSE"
		driver gone "$CTR"
	done
}

@test "end: a signal that comes before pause is ready counts too" {
	for sig in TERM INT; do
		output=$(plan_sandbox | driver end $sig 20)
		[ "$(grep -cx "exited 0" <<<"$output")" -eq 20 ]
	done
}

@test "size: at most 16 KiB resident, a page of text and a stack" {
	sandbox
	rss=$(awk '/^Rss/ { print $2 }' "/proc/$PAUSE/smaps_rollup")
	echo "# Rss $rss KiB, Pss $(awk '/^Pss:/ { print $2 }' "/proc/$PAUSE/smaps_rollup") KiB" >&3
	[ "$rss" -le 16 ]
	[ "$(stat -c %s "$CARPEL_BIN/carpel-pause")" -le 4096 ]
}
