#!/usr/bin/env bats
# exec and logs: whose process an exec is, its streams and exit codes; the bytes that a container wrote.
#
# bats sets output, status and stderr.
# shellcheck disable=SC2030,SC2031,SC2034,SC2094,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/user

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

# ---- exec ----

@test "exec passes exit codes through; 126 and 127 as a shell; 125 is carpel's own" {
	import_guest
	pod a sleepy x | carpel run -f - --wait
	local code
	for code in 0 1 3 124 125 126 127 255; do
		run -"$code" carpel exec a -- guest exit "$code"
		[ -z "$output" ]
	done
	run -137 carpel exec a -- guest kill 9
	run -143 carpel exec a -- guest kill 15
	run -127 carpel exec a -- nosuch
	says 'execute: nosuch: executable file not found in PATH'
	run -127 carpel exec a -- /no/such
	says 'execute: /no/such: No such file or directory'
	run -126 carpel exec a -- /etc
	says 'execute: /etc: Permission denied'
	run -125 carpel exec nosuch -- guest exit 0
	says 'pods "nosuch" not found'
	run -125 carpel exec a -c nosuch -- guest exit 0
	says 'container nosuch is not valid for pod a'
	# The server takes 16 KiB, HTTP/2's library would send 64: whatever is above is said, not waited for.
	run -125 timeout "$(patience 20)" "$CARPEL_BIN/carpel" --root "$ROOT" exec a -- guest exit "$(printf '%020000d' 0)"
	says 'limit is 16384'
	run -125 timeout "$(patience 20)" "$CARPEL_BIN/carpel" --root "$ROOT" exec a -- guest exit "$(printf '%0100000d' 0)"
	says "the request's head is above 65536 bytes"
	run -2 carpel exec a -- # nothing behind it
	run -2 carpel exec a guest exit 0
	says 'the command goes behind --'
	carpel stop a
	run -125 carpel exec a -- guest exit 0
	says 'cannot exec into a container in a completed pod; current phase is Failed'
}

@test "many execs at once, each with its own exit code" {
	import_guest
	pod a sleepy x | carpel run -f - --wait
	local i pids=() code
	for i in {1..24}; do
		carpel exec a -- guest exit "$i" 3>&- &
		pids+=($!)
	done
	for i in {1..24}; do
		code=0
		wait "${pids[i - 1]}" || code=$?
		[ "$code" = "$i" ]
	done
}

@test "exec's streams: apart, whole, and standard input only with -i" {
	import_guest
	pod a sleepy x | carpel run -f - --wait
	run --separate-stderr carpel exec pod/a -- guest all 'print out' 'eprint err'
	[ "${lines[0]}" = out ]
	[ "$stderr" = err ]
	[ "$(echo text | carpel exec pod a -- guest readlink /proc/self/fd/0)" = /dev/null ]
	[ -z "$(echo text | carpel exec a -- guest echo)" ]
	[ "$(echo text | carpel exec -i a -- guest echo)" = text ]
	head -c 3000000 /dev/urandom >"$ROOT/bytes"
	carpel exec -i a -- guest echo <"$ROOT/bytes" | cmp - "$ROOT/bytes"
	# More than all buffers, to one who reads late.
	[ "$(carpel exec a -- guest bytes 5000000 | { sleep 0.3; wc -c; })" = 5000000 ]
	# One who stops reading stops the command too.
	carpel exec a -- guest lines 100000000 | head -n 1 | grep -qx 'line 1'
}

@test "exec -it: a terminal of the size of this one, and its exit code" {
	import_guest
	pod a sleepy x | carpel run -f - --wait
	local exec="'$CARPEL_BIN/carpel' --root '$ROOT' exec -it a -- guest"
	run on_terminal "stty rows 33 cols 77; $exec tty"
	says 'yes 33x77'
	run -7 script -qec "$exec exit 7" /dev/null </dev/null
	# Without a terminal of ours there is one for the command still.
	run --separate-stderr carpel exec -t a -- guest tty
	[[ $output == 'yes '* ]]
	run --separate-stderr carpel exec a -- guest tty
	[ "$output" = 'no ENOTTY' ]
}

# What a process is: all that is said of it but its own numbers and, of cgroups, that of its exec.
essence() {
	grep -vE '^(pid|ppid|sid) |^--$' | sed -E 's,^([0-9]+:[^:]*:.*)/(exec-[0-9a-f]+)?$,\1,'
}

@test "an exec is what the container is: identity, capabilities, filter, limits, score, cgroups" {
	import_guest
	cat >"$ROOT/pod.yaml" <<-'YAML'
		apiVersion: v1
		kind: Pod
		metadata: {name: a}
		spec:
		  terminationGracePeriodSeconds: 1
		  securityContext: {fsGroup: 5005, supplementalGroups: [3003, 4004]}
		  containers:
		  - name: tight
		    image: guest
		    command: [/bin/guest, all, report, try mount unshare-user clone3 keyctl setgroups raw x32,
		      cat /proc/self/cgroup, sleepy up]
		    env: [{name: A, value: b c}]
		    workingDir: /tmp
		    securityContext:
		      {runAsUser: 1001, runAsGroup: 2002, allowPrivilegeEscalation: false, capabilities: {add: [NET_ADMIN], drop: [CHOWN]}}
		    resources: {limits: {memory: 64Mi, cpu: 500m}}
		  - name: plain
		    image: guest
		    command: [/bin/guest, all, report, try mount unshare-user clone3 keyctl setgroups raw x32,
		      cat /proc/self/cgroup, sleepy up]
		  - name: open
		    image: guest
		    securityContext: {privileged: true}
		    command: [/bin/guest, all, report, try keyctl setgroups raw, cat /proc/self/cgroup, sleepy up]
	YAML
	carpel run "$ROOT/pod.yaml" --wait
	local c tries
	for c in tight plain open; do
		tries='mount unshare-user clone3 keyctl setgroups raw x32'
		[ $c != open ] || tries='keyctl setgroups raw'
		wait_for 10 ends_with_up "$c"
		carpel logs a -c $c | grep -vx up | essence >"$ROOT/own"
		carpel exec a -c $c -- /bin/guest all report "try $tries" 'cat /proc/self/cgroup' | essence >"$ROOT/exec"
		grep -q '^oom_score_adj ' "$ROOT/own"
		grep -q '^keyctl ' "$ROOT/own"
		diff "$ROOT/own" "$ROOT/exec"
	done
	# And it is not the same for all three.
	[ "$(carpel exec a -c tight -- guest report | grep -E '^(uid|groups|no_new_privs|cwd|env A)' | tr '\n' ';')" = \
		'uid 1001 1001 1001 1001;groups 2002 3003 4004 5005;no_new_privs 1;cwd /tmp;env A=b c;' ]
	carpel exec a -c open -- guest report | grep -qx 'seccomp 0'
}

ends_with_up() {
	[ "$(carpel logs a ${1:+-c "$1"} --tail 1)" = up ]
}

@test "an exec counts against the container's memory" {
	import_guest
	EXTRA='resources: {limits: {memory: 32Mi}}' RESTART=Always pod a sleepy x | carpel run -f - --wait
	run carpel exec a -- guest eat 128
	[ "$status" = 137 ]
}

# ---- logs ----

# The guest's image with a file to print.
import_file() {
	mkdir -p "$ROOT/guest-rootfs/etc"
	cat >"$ROOT/guest-rootfs/etc/file"
	import_guest
}

@test "logs gives back exactly the bytes written: NUL, \\r, no newline at the end, lines of any length" {
	printf 'a\0b\r\n\r\n\n\377\376 \033[1m%s\n%s' "$(head -c 100000 /dev/zero | tr '\0' x)" "$(head -c 20000 /dev/zero | tr '\0' y)" |
		import_file
	pod a cat /etc/file | carpel run -f - --wait=exit
	ended_log a >/dev/null
	carpel logs a >"$ROOT/got"
	cmp "$ROOT/got" "$ROOT/guest-rootfs/etc/file"
	# On disk it is the kubelet's layout and CRI's format, long lines in parts.
	local file
	file=$(echo "$ROOT"/var/log/pods/default_a_*/c/0.log)
	[ -f "$file" ]
	[ "$(grep -cE '^[0-9T:.-]+Z stdout P x+$' "$file")" -ge 2 ]
	# Parts are one line again.
	[ "$(carpel logs a --tail 1 | wc -c)" = 20000 ]
	[ "$(carpel logs a --tail 2 --timestamps | grep -cE '^[0-9-]+T[0-9:.]+Z ')" = 2 ]
	[ "$(carpel logs a --limit-bytes 3 | od -An -tx1)" = ' 61 00 62' ]
}

@test "logs: --tail, --timestamps, --since, --prefix, both streams, a container by name" {
	import_guest
	pod a all 'lines 5' 'eprint err' | sed 's/containers: \[/containers: [{name: other, image: guest, command: [guest, print, other]}, /' |
		carpel run -f - --wait=exit
	ended_log a -c c >/dev/null
	ended_log a -c other >/dev/null
	[ "$(carpel logs a -c c | tr '\n' ' ')" = 'line 1 line 2 line 3 line 4 line 5 -- -- err ' ] ||
		[ "$(carpel logs a -c c | sort | tr '\n' ' ')" = '-- -- err line 1 line 2 line 3 line 4 line 5 ' ]
	[ "$(carpel logs a)" = other ]
	[ "$(carpel logs a c | grep -c line)" = 5 ]
	[ "$(carpel logs pod/a -c other --prefix)" = '[pod/a/other] other' ]
	[ "$(carpel logs a --all-containers | grep -c .)" = 9 ]
	[ "$(carpel logs a -c c --tail 0 | wc -c)" = 0 ]
	[ "$(carpel logs a -c c --tail 3 | wc -l)" = 3 ]
	[ "$(carpel logs a -c c --since 1h | wc -l)" = 8 ]
	[ "$(carpel logs a -c c --since-time 2100-01-01T00:00:00Z | wc -l)" = 0 ]
	carpel logs a --timestamps | grep -qE '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z other$'
	run -2 carpel logs a --tail x
	run -1 carpel logs a -c nosuch
	says 'container nosuch is not valid for pod a'
	run -1 carpel logs nosuch
	says 'pods "nosuch" not found'
	run -1 carpel logs a --previous
	says 'previous terminated container "other" in pod "a" not found'
}

@test "logs -f goes on until the container has ended, then ends by itself" {
	import_guest
	# The tail of what was, then what comes; the end of the container is the end of the command.
	pod a all 'lines 3' 'sleep 1' 'print last' | carpel run -f - --wait=running
	carpel logs -f a --tail 100 >"$ROOT/got"
	wait_for 20 is_field a .status.phase Succeeded
	[ "$(grep -vx -- -- "$ROOT/got" | tr '\n' ' ')" = 'line 1 line 2 line 3 last ' ]
	# And from one that ended before.
	[ "$(carpel logs -f a --tail 2 | head -n 1)" = last ]
}

@test "logs -f survives a killed carpeld or says so, and what was written meanwhile is there" {
	import_guest
	pod a all 'print one' 'sleep 2' 'print two' | carpel run -f - --wait=running
	kill -9 "$(carpeld_pid)"
	wait_for 10 carpel info
	wait_for 20 is_field a .status.phase Succeeded
	[ "$(ended_log a | grep -vx -- -- | tr '\n' ' ')" = 'one two ' ]
}

@test "logs --previous is the instance before" {
	DAEMON_OPTIONS='--back-off 50,100,600000'
	start_carpeld
	import_guest
	RESTART=Always pod a all report 'sleepy up' | carpel run -f - --wait
	wait_for 10 ends_with_up '' # of the first instance
	carpel logs a >"$ROOT/first"
	kill -9 "$(container_pid a)"
	wait_for 20 has_restarted a
	carpel logs a --previous | cmp - "$ROOT/first"
	is_field a '.status.containerStatuses[0].lastState.terminated.exitCode' 137
	[ -e "$(echo "$ROOT"/var/log/pods/default_a_*/c/1.log)" ]
}

has_restarted() {
	is_field "$1" '.status.containerStatuses[0].restartCount' 1 && is_field "$1" .status.phase Running &&
		[ -n "$(field "$1" '.status.containerStatuses[0].state.running.startedAt')" ]
}

is_instance() { # is_instance POD RESTARTS: the one that runs
	[ "$(field "$1" '.status.containerStatuses[0].restartCount')" = "$2" ] &&
		is_field "$1" '.status.containerStatuses[0].started' true
}

@test "the links of log/containers: one to each log that is kept, and none behind a pod" {
	DAEMON_OPTIONS='--back-off 50,100,600000'
	start_carpeld
	import_guest
	RESTART=Always pod a sleepy x | carpel run -f - --wait
	local n links="$ROOT/var/log/containers"
	for n in 1 2 3; do
		kill -9 "$(container_pid a)"
		wait_for 20 is_instance a "$n"
	done
	wait_for 20 has_links 2
	[ -z "$(find "$links" -xtype l)" ]
	[ "$(readlink -f "$links"/* | sed 's,.*/,,' | sort | xargs)" = '2.log 3.log' ]
	carpel delete a --now
	wait_for 20 has_links 0
	pod b sleepy x | carpel run -f - --wait
	[ "$(find "$links" -type l | wc -l)" = 1 ]
	carpel down
	has_links 0
}

has_links() {
	[ "$(find "$ROOT/var/log/containers" -mindepth 1 | wc -l)" = "$1" ]
}
