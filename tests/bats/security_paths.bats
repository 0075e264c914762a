#!/usr/bin/env bats
# T01-T12 of the security specification, by number: what a hostile image or a hostile neighbour does with paths,
# descriptors, /proc, /dev, users and files, against starts and execs made by carpel-launch.  Nothing of it may
# show on the host: lib/sentinel.bash.  What is said through carpeld, an exec probe and CRI: security_pods.bats.

# Each test has a shell of its own, and a dollar in single quotes is meant.
# shellcheck disable=SC2016,SC2030,SC2031

load lib/launch
load lib/sentinel

setup() {
	launch_setup
	sentinel_make "$RUN/sentinel"
}

teardown() {
	launch_teardown
}

@test "T00 the sentinel itself: what is read, changed, made or left is seen" {
	mkdir "$RUN/bin"
	cp "$CARPEL_BIN/carpel-pause" "$RUN/bin"
	CARPEL_BIN=$RUN/bin
	for act in 'cat $SENTINEL/etc/passwd' 'touch $SENTINEL/x' 'chmod 600 $SENTINEL/file' 'chown 1 $SENTINEL/null' \
		'echo x >>$SENTINEL/log' 'mkdir $SENTINEL/empty/x' 'ln -f $SENTINEL/file $SENTINEL/fifo' \
		'echo >>$CARPEL_BIN/carpel-pause' 'mkdir $V2/a$CG'; do
		rm -rf "$SENTINEL"*
		sentinel_make "$RUN/sentinel"
		sentinel_same
		eval "$act" >/dev/null
		! SENTINEL_WAIT=1 sentinel_same || {
			echo "not seen: $act"
			return 1
		}
	done
	rmdir "$V2/a$CG"
}

# count SHORT FULL: how often, the latter when SECURITY_FULL is set: the numbers of the specification.
count() {
	[ -z "${SECURITY_FULL:-}" ] && echo "$1" || echo "$2"
}

# many TIMES: the plans of standard input; prints how often each came to what.
many() {
	driver each "$1" >"$RUN/many"
	sort "$RUN/many" | uniq -c | sed 's/^ *//'
}

# quits NAME PID: ends a container that ends well by SIGTERM, and gives what it said.
quits() {
	kill -TERM "$2"
	driver gone "$2"
	output=$(cat "$RUN/$1.out")
}

# ---- T01 ----

# stolen PLAN…: the plan's program becomes us, cannot end, and is found by the thief; what the thief could do then.
stolen() {
	"$@" stdout-file=- "stderr-file=$RUN/full" -- "$PROGRAM" >"$RUN/plan"
	mkfifo "$RUN/full"
	exec 9<>"$RUN/full"
	head -c 65536 /dev/zero >&9 # what we say to it waits for room
	driver run <"$RUN/plan" 9<&-
	driver tee "$RUN/thief.out" held
	exec 9<&- # nobody reads: it ends
	driver tee "$RUN/thief.out" 'steal '
	rm "$RUN/full"
}

@test "T01 own binary: who is interpreted by us, or holds us by a descriptor, cannot write us" {
	sandbox
	printf '#!/proc/self/exe\n' >"$RUN/rootfs/self"
	printf '#!/self\n' >"$RUN/rootfs/chain"
	chmod +x "$RUN/rootfs/self" "$RUN/rootfs/chain"
	for PROGRAM in /self /chain; do
		container thief pid=pod -- /guest steal
		driver tee "$RUN/thief.out" stealing
		stolen plan_container c pid=pod
		quits thief "$CTR"
		[ "$(grep -c '^steal EROFS' "$RUN/thief.out")" -ge 1 ]
		lacks "steal ok"
		rm "$RUN/thief.out"
		container thief -- /guest steal
		driver tee "$RUN/thief.out" stealing
		stolen plan_exec thief "$CTR"
		quits thief "$CTR"
		[ "$(grep -c '^steal EROFS' "$RUN/thief.out")" -ge 1 ]
		lacks "steal ok"
		rm "$RUN/thief.out"
	done
	sentinel_same
}

@test "T01 own binary: starts and execs of it, many of them, under a thief" {
	sandbox
	printf '#!/proc/self/exe\n' >"$RUN/rootfs/self"
	chmod +x "$RUN/rootfs/self"
	container thief pid=pod -- /guest steal
	driver tee "$RUN/thief.out" stealing
	plan_container c pid=pod -- /self | many "$(count 10 1000)"
	plan_exec thief "$CTR" -- /self | many "$(count 10 1000)"
	quits thief "$CTR"
	lacks "steal ok"
	echo "$output" | sort | uniq -c
	sentinel_same
}

# ---- T02 ----

# Everything that a working directory may be called, one a line.
hostile_cwds() {
	seq -f /proc/self/fd/%.0f 0 "$(count 40 255)"
	printf '%s\n' /proc/self/cwd /proc/self/root /proc/1/root/../../../.. /proc/thread-self/fd/5 /fd /fds/20 /up \
		/fd/../../../../../../../.. /proc/self/task/1/cwd /proc/self/fd/../../../.. /gone/dir
}

# below PLAN…: each working directory is refused, or is what it says below the new root.
below() {
	local cwd

	while read -r cwd; do
		"$@" "cwd=$cwd" leak=40 -- /guest report
		echo
	done < <(hostile_cwds) >"$RUN/plans"
	driver each <"$RUN/plans" >"$RUN/many"
	[ "$(grep -c -e '^started' -e '^failed code=\(ELOOP\|ENOENT\|ENOTDIR\|EACCES\|EEXIST\|EXDEV\) .* working directory: ' "$RUN/many")" -eq \
		"$(hostile_cwds | wc -l)" ]
	grep -q '^failed' "$RUN/many"
}

@test "T02 leaked descriptors and working directory: refused or below the root, nothing is open" {
	sandbox
	ln -s /proc/self/fd/7 "$RUN/rootfs/fd"
	ln -s /proc/self/fd "$RUN/rootfs/fds"
	ln -s ../../../../../../../.. "$RUN/rootfs/up"
	below plan_container c
	container d -- /guest sleepy up
	below plan_exec d "$CTR"
	cat "$RUN/c.out" "$RUN/d.exec" >"$RUN/said"
	[ "$(grep -c '^fds ' "$RUN/said")" -gt 2 ]
	[ "$(grep '^fds ' "$RUN/said" | sort -u)" = 'fds 0 1 2' ]
	[ "$(grep '^cwd ' "$RUN/said" | grep -cv '^cwd /')" -eq 0 ] # "(unreachable)", "?"
	grep -h '^cwd ' "$RUN/said" | sort | uniq -c
	output=$(cat "$RUN/said")
	lacks "$RUN"
	# by a file that only the container has: its root is where "/" is
	output=$(guest e cwd=/up -- /guest all report "stat guest")
	says "cwd /"
	mentions "guest file "
	sentinel_same
}

@test "T02 working directory: one that a neighbour takes away, or a process's" {
	sandbox
	mkdir -p "$RUN/vol/dir"
	container d "mount=$RUN/vol:/vol" cwd=/vol/dir -- /guest sleepy up
	rmdir "$RUN/vol/dir"
	output=$(plan_exec d "$CTR" cwd=/vol/dir -- /guest exit 0 | driver run)
	says "failed code=ENOENT exit=128 exec d: enter working directory: open /vol/dir: No such file or directory"
	output=$(plan_exec d "$CTR" cwd=/proc/1/cwd -- /guest exit 0 | driver run)
	mentions "code=ELOOP"
	sentinel_same
}

# ---- T03 ----

# A program that whoever has no capability cannot read: the kernel lets nobody trace it either, so that whatever is
# caught is one of us on the way to it.
quiet_program() {
	cp "$GUEST" "$RUN/rootfs/guest-quiet"
	chmod 111 "$RUN/rootfs/guest-quiet"
}

@test "T03 racing the joiner: no process of a container gets hold of what enters it" {
	sandbox
	quiet_program
	everything="ptrace vm mem fd root cwd environ exe maps"
	# shellcheck disable=SC2086 # words
	container c seccomp-file=- -- /guest hunt $everything
	driver tee "$RUN/c.out" hunting
	output=$(plan_exec c "$CTR" caps=0 -- /guest-quiet exit 0 | many "$(count 80 8000)")
	mentions "started 0"
	lacks failed
	output=$(plan_exec c "$CTR" caps=0 user=1000 -- /guest-quiet exit 0 | many "$(count 20 2000)")
	mentions "started 0"
	lacks failed
	quits c "$CTR"
	lacks caught
	grep -q '^seen [1-9]' <<<"$output"
	# the same of a container's first process, which only a shared PID namespace shows
	# shellcheck disable=SC2086 # words
	container d pid=pod seccomp-file=- -- /guest hunt $everything
	driver tee "$RUN/d.out" hunting
	output=$(plan_container e pid=pod caps=0 -- /guest-quiet exit 0 | many "$(count 30 2000)")
	mentions "started ended"
	lacks failed
	quits d "$CTR"
	lacks caught
	grep -q '^seen [1-9]' <<<"$output"
	sentinel_same
}

# The directories open in a process, one a line: "FD LINK".
open_directories() {
	local fd

	for fd in "/proc/$1/fd/"*; do
		[ ! -d "$fd/" ] || echo "${fd##*/} $(readlink "$fd")"
	done
}

# held PID: a process that strace holds where it enters setsid().
is_held() {
	local number=112

	[ "$(uname -m)" != aarch64 ] || number=157
	[ "$(cut -d' ' -f1 "/proc/$1/syscall" 2>/dev/null)" = $number ]
}

@test "T03 joiner: what is inside holds no directory of the host, and runs from what is read-only" {
	sandbox
	container d -- /guest sleepy up
	inside=$(readlink "/proc/$CTR/ns/pid")
	plan_exec d "$CTR" -- /guest exit 0 >"$RUN/plan"
	strace -f -qq -o "$RUN/trace" -e trace=setsid -e inject=setsid:delay_enter=60000000 \
		python3 "$DRIVER" run <"$RUN/plan" >"$RUN/line" 3>&- &
	holder=$!
	joiner=
	for _ in $(seq 2000); do
		while read -r pid; do
			! is_held "$pid" || joiner=$pid
		done <"$V2/$CG/d/cgroup.procs"
		[ -z "$joiner" ] || break
		sleep 0.01
	done
	[ "$(readlink "/proc/$joiner/ns/pid")" = "$inside" ]
	open_directories "$joiner" >"$RUN/open"
	cat "$RUN/open"
	python3 -c 'import os, sys; sys.exit(not os.statvfs(sys.argv[1]).f_flag & os.ST_RDONLY)' "/proc/$joiner/exe"
	kill -9 $holder # it lets go of what it holds
	driver tee "$RUN/line" started
	[ ! -s "$RUN/open" ]
}

# ---- T04 ----

# exchanged LINK TIMES: starts with mounts below /vol/a while a neighbour exchanges that directory with a link.
exchanged() {
	local times=$2

	rm -rf "$RUN/vol" "$RUN"/c.* "$RUN"/s.*
	mkdir -p "$RUN/vol/a/b" "$RUN/src"
	ln -s "$1" "$RUN/vol/l"
	container s "mount=$RUN/vol:/vol" -- /guest swap /vol/a /vol/l
	driver tee "$RUN/s.out" swapping
	plan_container c "mount=$RUN/vol:/vol" "mount=$RUN/src:/vol/a/b" "mount=ro,$RUN/src:/vol/a/new/x" \
		"mount=$RUN/src:/vol/a/../a/b/c/.." -- /guest mounts | many "$times" >"$RUN/tally"
	kill -9 "$CTR"
	driver gone "$CTR"
	STARTED=$(sed -n 's/ started ended$//p' "$RUN/tally")
	REFUSED=$((times - ${STARTED:-0}))
	cat "$RUN/tally"
	# Each that started has all three, wherever the links led below its root.
	[ "$(awk -v src="$CG/src" 'index($4, src)' "$RUN/c.out" 2>/dev/null | wc -l)" -eq $((3 * ${STARTED:-0})) ]
}

@test "T04 symlink exchange: mounts end below the root, and no start is refused without need" {
	sandbox
	mkdir -p "$RUN/rootfs/other/b"
	n=$(count 60 2000)
	# Links that lead to a place below the root, with the ".." that makes openat2 try again: nothing may be refused.
	exchanged ../other "$n"
	[ $((REFUSED * 500)) -le "$n" ] # 0.2 %
	exchanged "../../../../../..$SENTINEL/dir" "$((n / 5))"
	[ $((REFUSED * 500)) -le "$n" ]
	exchanged "$SENTINEL/none/at/all" "$((n / 5))"
	[ $((REFUSED * 500)) -le "$n" ]
	# And such that lead where nothing may be mounted.
	exchanged /proc/self "$((n / 5))"
	[ "$(grep -c 'failed' "$RUN/tally")" -eq "$(grep -c -e 'failed code=EPERM .* the target is inside /proc$' \
		-e 'failed code=ENOENT .* make .*: No such file' "$RUN/tally")" ]
	exchanged ../../../.. "$((n / 5))"
	sentinel_same
}
