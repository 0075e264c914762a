#!/usr/bin/env bats
# T01-T12 of the security specification, by number: what a hostile image or a hostile neighbour does with paths,
# descriptors, /proc, /dev, users and files, against starts and execs made by carpel-launch.  Nothing of it may
# show on the host: lib/sentinel.bash.  What is said through carpeld, an exec probe and CRI: security_pods.bats.
#
# An exec mounts nothing and hides nothing, so T04 to T07 are of starts; what a container has made of its own root
# by the time of an exec: T02, T08, T09, T12.  What other runtimes were seen to fail at has its test here: a working
# directory of /proc/self/fd/N (T02), a volume over /proc/sys (T05), /dev, /dev/null and /dev/console of the image as
# links (T06 to T08), device nodes of the image (T06), the owner of the host's /dev/null (T10), users like "+0" and
# ":0" (T11), a FIFO or an endless device as /etc/passwd (T12).  Keyrings, /sys/fs/cgroup, TIOCSTI, calls of i386 and
# x32 also by socketcall, a line break in a working directory, what an exec loses, a user namespace left out and an
# OOM not told: T22, T21, T20, T16, T00 and T21 of security_policy.bats; `delete ../x`: oci.bats; flags of /dev/shm:
# launch.bats.

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
		! SENTINEL_WAIT=0 sentinel_same || {
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

# of_each PLAN WORD…: the plan with each of the words for its "@", one after the other.
of_each() {
	local plan=$1 word

	shift
	for word in "$@"; do printf '%s\n\n' "${plan//@/$word}"; done
}

# in_each_world FUNCTION: in a new pod without and in one with a user namespace, and the host is the same afterwards.
in_each_world() {
	local name

	for name in plain mapped; do
		echo "in a $name pod:"
		world "$name"
		sandbox
		"$1"
		kill -9 "$PAUSE"
		driver gone "$PAUSE"
		rm -rf "$RUN"/*.upper "$RUN"/*.work "$RUN"/*.out "$RUN"/*.exec
		sentinel_same
	done
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

# Programs that nobody else runs: one that is running anywhere is busy, whoever may write it.
own_programs() {
	mkdir "$RUN/bin"
	cp "$CARPEL_BIN"/carpel-{launch,pause} "$RUN/bin"
	CARPEL_BIN=$RUN/bin
	rm -rf "$SENTINEL"*
	sentinel_make "$RUN/sentinel"
}

# Programs of the image that make us their interpreter.
interpreted() {
	printf '#!/proc/self/exe\n' >"$RUN/rootfs/self"
	printf '#!/self\n' >"$RUN/rootfs/chain"
	chmod +x "$RUN/rootfs/self" "$RUN/rootfs/chain"
}

thefts() {
	local refusal=EROFS

	! is_mapped || refusal=EACCES # a file of the host's root, before the mount matters
	for PROGRAM in /self /chain; do
		container thief pid=pod -- /guest steal
		driver tee "$RUN/thief.out" stealing
		stolen plan_container c pid=pod
		quits thief "$CTR"
		[ "$(grep -c "^steal $refusal" "$RUN/thief.out")" -ge 1 ]
		lacks "steal ok"
		rm "$RUN/thief.out"
		container thief -- /guest steal
		driver tee "$RUN/thief.out" stealing
		stolen plan_exec thief "$CTR"
		quits thief "$CTR"
		[ "$(grep -c "^steal $refusal" "$RUN/thief.out")" -ge 1 ]
		lacks "steal ok"
		rm "$RUN/thief.out"
	done
}

@test "T01 own binary: who is interpreted by us, or holds us by a descriptor, cannot write us" {
	! grep -q __asan_ "$CARPEL_BIN/carpel-launch" || skip "a sanitizer's carpel-launch needs a loader, and cannot interpret"
	own_programs
	interpreted
	in_each_world thefts
}

many_thefts() {
	container thief pid=pod -- /guest steal
	driver tee "$RUN/thief.out" stealing
	plan_container c pid=pod -- /self | many "$(count 5 1000)"
	plan_exec thief "$CTR" -- /self | many "$(count 5 1000)"
	quits thief "$CTR"
	lacks "steal ok"
	sort <<<"$output" | uniq -c
}

@test "T01 own binary: starts and execs of it, many of them, under a thief" {
	own_programs
	interpreted
	in_each_world many_thefts
}

# ---- T02 ----

# Everything that a working directory may be called, one a line.
hostile_cwds() {
	seq -f /proc/self/fd/%.0f 3 "$(count 26 255)"
	printf '%s\n' /proc/self/cwd /proc/self/root /proc/1/root/../../../.. /proc/thread-self/fd/5 /fd /fds/20 /up \
		/fd/../../../../../../../.. /proc/self/task/1/cwd /proc/self/fd/../../../.. /gone/dir
}

# below PLAN…: each working directory is refused, or is what it says below the new root.
below() {
	local all

	mapfile -t all < <(hostile_cwds)
	of_each "$("$@" cwd=@ leak=40 -- /guest report)" "${all[@]}" | driver each >"$RUN/many"
	[ "$(grep -c -e '^started' -e '^failed code=\(ELOOP\|ENOENT\|ENOTDIR\|EACCES\|EEXIST\|EXDEV\) .* working directory: ' "$RUN/many")" -eq \
		${#all[@]} ]
	grep -q '^failed' "$RUN/many"
}

directories() {
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
}

@test "T02 leaked descriptors and working directory: refused or below the root, nothing is open" {
	ln -s /proc/self/fd/7 "$RUN/rootfs/fd"
	ln -s /proc/self/fd "$RUN/rootfs/fds"
	ln -s ../../../../../../../.. "$RUN/rootfs/up"
	in_each_world directories
}

taken_directory() {
	mkdir -p "$RUN/vol/dir"
	container d "mount=$RUN/vol:/vol" cwd=/vol/dir -- /guest sleepy up
	rmdir "$RUN/vol/dir"
	output=$(plan_exec d "$CTR" cwd=/vol/dir -- /guest exit 0 | driver run)
	says "failed code=ENOENT exit=128 exec d: enter working directory: open /vol/dir: No such file or directory"
	output=$(plan_exec d "$CTR" cwd=/proc/1/cwd -- /guest exit 0 | driver run)
	mentions "code=ELOOP"
}

@test "T02 working directory: one that a neighbour takes away, or a process's" {
	in_each_world taken_directory
}

# ---- T03 ----

# A program that whoever has no capability cannot read: the kernel lets nobody trace it either, so that whatever is
# caught is one of us on the way to it.
quiet_program() {
	cp "$GUEST" "$RUN/rootfs/guest-quiet"
	chmod 111 "$RUN/rootfs/guest-quiet"
}

hunted() {
	local everything="ptrace vm mem fd root cwd environ exe maps"
	# shellcheck disable=SC2086 # words
	container c seccomp-file=- -- /guest hunt $everything
	driver tee "$RUN/c.out" hunting
	output=$(plan_exec c "$CTR" caps=0 -- /guest-quiet exit 0 | many "$(count 40 8000)")
	mentions "started 0"
	lacks failed
	output=$(plan_exec c "$CTR" caps=0 user=1000 -- /guest-quiet exit 0 | many "$(count 10 2000)")
	mentions "started 0"
	lacks failed
	until_met c plan_exec c "$CTR" caps=0 -- /guest-quiet exit 0
	quits c "$CTR"
	lacks caught
	grep -q '^seen [1-9]' <<<"$output"
	# the same of a container's first process, which only a shared PID namespace shows
	# shellcheck disable=SC2086 # words
	container d pid=pod seccomp-file=- -- /guest hunt $everything
	driver tee "$RUN/d.out" hunting
	output=$(plan_container e pid=pod caps=0 -- /guest-quiet exit 0 | many "$(count 15 2000)")
	mentions "started ended"
	lacks failed
	until_met d plan_container e pid=pod caps=0 -- /guest-quiet exit 0
	quits d "$CTR"
	lacks caught
	grep -q '^seen [1-9]' <<<"$output"
}

@test "T03 racing the joiner: no process of a container gets hold of what enters it" {
	quiet_program
	in_each_world hunted
}

# until_met NAME PLAN…: the plan, again and again, until the hunter has met whoever comes of it.
until_met() {
	local name=$1 _

	shift
	for _ in {1..100}; do
		! grep -qx met "$RUN/$name.out" || return 0
		"$@" | driver each 10 >/dev/null
	done
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

# runs_read_only PID: nobody can open its program for writing by way of it.
runs_read_only() {
	"$PYTHON" -c 'import os, sys; sys.exit(not os.statvfs(sys.argv[1]).f_flag & os.ST_RDONLY)' "/proc/$1/exe"
}

held_joiner() {
	local inside holder joiner pid

	runs_read_only "$PAUSE"
	container d -- /guest sleepy up
	inside=$(readlink "/proc/$CTR/ns/pid")
	plan_exec d "$CTR" -- /guest exit 0 >"$RUN/plan"
	strace -f -qq -o "$RUN/trace" -e trace=setsid -e inject=setsid:delay_enter=60000000 \
		"$PYTHON" -IB "$DRIVER" run <"$RUN/plan" >"$RUN/line" 3>&- &
	holder=$!
	joiner=
	for _ in $(seq $((4000 * ${WAIT_FACTOR:-1}))); do
		while read -r pid; do
			! is_held "$pid" || joiner=$pid
		done <"$V2/$CG/d/cgroup.procs"
		[ -z "$joiner" ] || break
		sleep 0.01
	done
	[ "$(readlink "/proc/$joiner/ns/pid")" = "$inside" ]
	open_directories "$joiner" >"$RUN/open"
	cat "$RUN/open"
	runs_read_only "$joiner"
	kill -9 $holder # it lets go of what it holds
	driver tee "$RUN/line" started
	[ ! -s "$RUN/open" ]
}

@test "T03 joiner: what is inside holds no directory of the host, and runs from what is read-only" {
	in_each_world held_joiner
}

# ---- T04 ----

# exchanged LINK TIMES: starts with mounts below /vol/a while a neighbour exchanges that directory with a link.
exchanged() {
	local times=$2

	rm -rf "$RUN/vol" "$RUN"/c.* "$RUN"/s.*
	mkdir -p "$RUN/vol/a/b" "$RUN/src"
	ln -s "$1" "$RUN/vol/l"
	! is_mapped || chown -hR "$WORLD_BASE:$WORLD_BASE" "$RUN/vol"
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

exchanges() {
	local n

	mkdir -p "$RUN/rootfs/other/b"
	n=$(count 30 2000)
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
}

@test "T04 symlink exchange: mounts end below the root, and no start is refused without need" {
	in_each_world exchanges
}

# ---- T05 and T06: the kernel's file systems ----

# layer NAME PATH KIND: a layer of an image, $RUN/NAME, that holds something else at PATH than it should.
layer() {
	local place=$RUN/$1/$2

	rm -rf "${RUN:?}/$1"
	mkdir -p "$(dirname "$place")"
	case $3 in
	link) ln -s "$SENTINEL/dir" "$place" ;;
	up) ln -s "../../../../../../../..$SENTINEL/empty" "$place" ;;
	file-link) ln -s "$SENTINEL/file" "$place" ;;
	magic) ln -s /proc/self/fd/5 "$place" ;;
	loop) ln -s "$(basename "$place")" "$place" ;;
	file) echo content >"$place" ;;
	fifo) mkfifo "$place" ;;
	device) mknod "$place" c 1 5 ;;
	dir) mkdir -p "$place/attr" "$place/self" && echo 1 >"$place/sysrq-trigger" ;;
	esac
}
NO_DIRECTORY='link up magic file fifo device'

refused_roots() {
	local name kind

	for name in "$@"; do
		for kind in $NO_DIRECTORY; do layer "$name-$kind" "$name" "$kind"; done
		# shellcheck disable=SC2086 # words
		of_each "$(plan_container c "lower=$RUN/$name-@" -- /guest exit 0)" $NO_DIRECTORY
	done | driver each >"$RUN/many"
	cat "$RUN/many"
	for name in "$@"; do
		[ "$(grep -c "^failed .* container c: make /$name: " "$RUN/many")" -eq "$(wc -w <<<"$NO_DIRECTORY")" ]
	done
	[ -z "$(find "$RUN/c.upper" -mindepth 1 ! -path '*.upper/proc' ! -path '*.upper/dev')" ] # what comes before it
}

proc_and_sys() {
	local type

	refused_roots proc sys
	for type in proc sys; do
		layer full "$type" dir
		output=$(guest "full$type" "lower=$RUN/full" -- /guest all mounts "ls /proc/self/attr" "stat /sys/kernel")
		[ "$(grep -c " / /$type .* - ${type/sys/sysfs} " <<<"$output")" -eq 1 ]
		mentions "/sys/kernel dir"
	done
	mkdir -p "$RUN/vol/kernel"
	for place in /proc /proc/sys/kernel /vol/p /sys/../proc/sys; do
		ln -sfn /proc "$RUN/vol/p"
		output=$(fails p "mount=$RUN/vol:/vol" "mount=$RUN/vol:$place" -- /guest exit 0)
		mentions "the target is inside /proc"
	done
	output=$(guest s "mount=$RUN/vol:/sys" -- /guest all "ls /sys" mounts) # who asks for it has it, there
	says kernel
	grep -q " $RUN/vol /sys \| /.*/vol /sys " <<<"$output"
}

@test "T05 hostile /proc and /sys: refused before any write, or mounted over the real directory" {
	in_each_world proc_and_sys
}

devices() {
	local path kind kinds='link file-link fifo dir'

	refused_roots dev
	for kind in $kinds; do
		for path in dev/pts dev/shm dev/mqueue dev/null dev/ptmx dev/console dev/fd sys/fs/cgroup; do
			layer one "$path" "$kind"
			mkdir -p "$RUN/all-$kind"
			cp -a "$RUN/one/." "$RUN/all-$kind"
		done
	done
	# shellcheck disable=SC2086 # words
	of_each "$(plan_container c "stdout-file=$RUN/@.out" "lower=$RUN/all-@" -- /guest all "stat /dev/null /dev/pts /dev/shm /dev/mqueue /dev/ptmx" \
		"readlink /dev/fd" "write /dev/shm/x y" "stat /sys/fs/cgroup")" $kinds | driver each >"$RUN/many"
	[ "$(grep -c '^started' "$RUN/many")" -eq 4 ]
	for kind in $kinds; do
		output=$(cat "$RUN/$kind.out")
		for text in '/dev/null char .* 1:3' '/dev/pts dir' '/dev/shm dir 1777' '/dev/mqueue dir' '/dev/ptmx link' \
			/proc/self/fd '/dev/shm/x ok' '/sys/fs/cgroup dir'; do
			grep -q "^$text" <<<"$output"
		done
	done
}

@test "T06 hostile /dev: refused, or made new inside the root" {
	in_each_world devices
}

@test "T06 device nodes of an image or a volume do not open" {
	nodes() {
		mkdir -p "$RUN/vol"
		[ -e "$RUN/vol/zero" ] || mknod -m 666 "$RUN/vol/zero" c 1 5
		[ -e "$RUN/rootfs/zero" ] || mknod -m 666 "$RUN/rootfs/zero" c 1 5
		output=$(guest c "mount=$RUN/vol:/vol" -- /guest all "open r /zero" "open r /vol/zero" "open r /dev/zero")
		says "/zero EACCES"
		says "/vol/zero EACCES"
		says "/dev/zero ok"
	}
	in_each_world nodes
}

# ---- T07 ----

masks() {
	local kind kinds='file-link link up file fifo device dir none'

	mkdir -p "$RUN/vol/dir" "$RUN/rootfs/other"
	echo secret | tee "$RUN/vol/secret" "$RUN/vol/dir/in" >"$RUN/rootfs/other/secret"
	ln -sfn ../other/secret "$RUN/vol/link"
	for kind in $kinds; do layer "null-$kind" null "$kind"; done
	# shellcheck disable=SC2086 # words
	{
		of_each "$(plan_container c "stdout-file=$RUN/@.out" masks=given "mount=$RUN/vol:/vol" "mount=$RUN/null-@:/dev" masked=/vol/secret \
			masked=/vol/dir masked=/vol/link masked=/proc/meminfo masked=/dev/../proc/keys masked=/not/there -- /guest all \
			"stat /vol/secret /proc/meminfo /proc/keys" "cat /vol/secret /vol/link /other/secret" "ls /vol/dir" "write /vol/dir/x y")" $kinds
		of_each "$(plan_container c "stdout-file=$RUN/usual-@.out" "mount=$RUN/null-@:/dev" -- /guest all \
			"stat /proc/kcore /proc/keys /proc/timer_list")" $kinds
	} | driver each >"$RUN/many"
	cat "$RUN/many"
	[ "$(grep -c '^started' "$RUN/many")" -eq 16 ]
	for kind in $kinds; do
		output=$(cat "$RUN/$kind.out")
		[ "$(grep -c ' char .* 1:3$' <<<"$output")" -eq 3 ]
		says "/vol/dir/x EROFS"
		[ "$(grep -cx secret <<<"$output")" -eq 0 ]
		output=$(grep -v ENOENT "$RUN/usual-$kind.out")
		[ "$(grep -cv -e '^--$' -e ' char .* 1:3$' <<<"$output")" -eq 0 ]
	done
}

@test "T07 mask redirect: what is hidden is a null device or an empty read-only directory, whatever /dev/null is" {
	in_each_world masks
	world plain
	sandbox
	# and while a neighbour exchanges what is to be hidden
	rm -rf "$RUN/vol"
	mkdir -p "$RUN/vol/a" "$RUN/vol/b"
	echo secret | tee "$RUN/vol/a/in" >"$RUN/vol/b/in"
	container s "mount=$RUN/vol:/vol" -- /guest swap /vol/a /vol/b 1
	driver tee "$RUN/s.out" swapping
	plan_container c masks=given "mount=$RUN/vol:/vol" masked=/vol/a masked=/vol/b -- /guest cat /vol/a/in /vol/b/in |
		many "$(count 15 500)" >"$RUN/tally"
	cat "$RUN/tally"
	grep -q started "$RUN/tally"
	# Who asks for both in turn has two covers, on both or twice on one; that one is hidden is sure.
	[ "$(grep -c secret "$RUN/c.out")" -le "$(awk '/started/ { print $1 }' "$RUN/tally")" ]
}

# ---- T08 ----

consoles() {
	local kind path

	for kind in file-link link file fifo; do
		for path in dev/console dev/ptmx dev/pts dev/tty; do
			layer one "$path" "$kind"
			mkdir -p "$RUN/tty-$kind"
			cp -a "$RUN/one/." "$RUN/tty-$kind"
		done
		output=$(plan_container c "lower=$RUN/tty-$kind" tty=1 stdout-file=- stderr-file=- -- /guest all tty "stat /dev/console" |
			driver run)
		mentions "yes 0x0 /dev/console"
		mentions "/dev/console char "
		grep -q '/dev/console char .* 136:' <<<"$output"
	done
	# an exec into a container whose /dev a volume has covered by the same
	container d "mount=$RUN/tty-file-link/dev:/dev" -- /guest sleepy up
	output=$(plan_exec d "$CTR" tty=1 stdout-file=- stderr-file=- -- /guest tty | driver run --wait 20)
	mentions "yes 0x0"
	[ "$(find "$RUN/tty-file-link/dev" -mindepth 1 | wc -l)" -eq 4 ]
}

@test "T08 console redirect: the console is the terminal, and nothing is made or cut elsewhere" {
	in_each_world consoles
}

# ---- T09 ----

covered_proc() {
	local cover pid launch own tracer

	mkdir -p "$RUN/rootfs/fake/self/attr" "$RUN/rootfs/fake/self/fd" "$RUN/rootfs/fake/sys/kernel" "$RUN/rootfs/etc"
	for name in self/oom_score_adj self/attr/exec self/uid_map sys/kernel/core_pattern sysrq-trigger; do
		echo fake >"$RUN/rootfs/fake/$name"
	done
	mkdir -p "$RUN/rootfs/top"
	# /proc is all the container's own, and some of it is still the kernel's, at the wrong place
	for cover in "bind /fake /proc" "bind /proc/self/sched /proc/1/oom_score_adj" "bind /fake/self /proc/1"; do
		rm -f "$RUN/c.out" "$RUN/line"
		container c pid=pod caps=2005fb seccomp-file=- masks=given -- /guest all "$cover" "sleepy up"
		driver tee "$RUN/c.out" up
		cat "$RUN/c.out"
		grep -q ' ok$' "$RUN/c.out"
		strace -f -qq -o "$RUN/trace" -e trace=open,openat,openat2,fsmount,setns,write "$PYTHON" -IB "$DRIVER" run \
			< <(plan_exec c "$CTR" oom-score-adj=321 user=1000 caps=0 -- /guest sleepy in) >"$RUN/line" 3>&- &
		tracer=$!
		driver tee "$RUN/line" started
		pid=$(sed -n 's/^started .*host=//p' "$RUN/line")
		[ "$(cat "/proc/$pid/oom_score_adj")" = 321 ]
		output=$(cat "/proc/$pid/status")
		says $'NoNewPrivs:\t1'
		says $'Seccomp:\t2'
		says $'CapBnd:\t0000000000000000'
		kill -9 "$pid"
		driver gone "$pid"
		wait "$tracer" # it has written all
		launch=$(sed -n 's/^\([0-9]*\) *setns(.*/\1/p' "$RUN/trace" | head -n 1)
		sed -n "/^$launch *setns(/,\$p" "$RUN/trace" | grep "^$launch " >"$RUN/inside"
		[ -s "$RUN/inside" ]
		# files of /proc are those of one that is ours alone
		own=$(sed -n "s/^$launch *fsmount(.* = //p" "$RUN/trace")
		grep -q "^$launch *openat2($own, \"self/oom_score_adj\"" "$RUN/trace"
		[ "$(grep "^$launch .*O_\(WRONLY\|RDWR\)" "$RUN/trace" | grep -c '"/proc')" -eq 0 ]
		[ "$(grep '"/*proc\|"self/' "$RUN/inside" | grep -vc "openat2*($own, ")" -eq 0 ]
		output=$(guest e "pid-target-pid=$CTR" pid=target oom-score-adj=123 -- /guest report)
		says "oom_score_adj 123"
		kill -9 "$CTR"
		driver gone "$CTR"
	done
	output=$(plan_sandbox sysctl=kernel.core_pattern=x | driver run)
	mentions "code=EINVAL"
}

@test "T09 procfs redirect: a container that covers its /proc changes nothing for what enters it" {
	in_each_world covered_proc
}

# The launcher, where somebody has covered /proc of its mount namespace, as one who shares it with the host could.
covered_host() {
	local line

	mkdir -p "$RUN/bin"
	ln -sf "$CARPEL_BIN"/carpel-pause "$RUN/bin"
	cat >"$RUN/bin/carpel-launch" <<-END
		#!/bin/sh -e
		[ -z "\$COVERED" ] || exec "$CARPEL_BIN/carpel-launch" "\$@"
		COVERED=1 exec unshare -m --propagation private sh -ec 'mount -t tmpfs none /proc/sys; mount -t tmpfs none /proc/1
			mount --bind /proc/self/sched /proc/\$\$/oom_score_adj; exec "\$0" "\$@"' "\$0" "\$@"
	END
	chmod +x "$RUN/bin/carpel-launch"
	kill -9 "$PAUSE"
	CARPEL_BIN=$RUN/bin sandbox sysctl=kernel.shm_rmid_forced=1 sysctl=net.ipv4.ip_unprivileged_port_start=81
	output=$(CARPEL_BIN=$RUN/bin guest c oom-score-adj=321 -- /guest all report \
		"cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_unprivileged_port_start")
	for line in 1 81 "oom_score_adj 321"; do says "$line"; done
}

@test "T09 procfs redirect: who covers the host's /proc changes nothing for a start" {
	in_each_world covered_host
}

# ---- T10 ----

given_files() {
	local kind path cwd

	mkdir -p "$RUN/given"
	for path in hosts hostname resolv.conf; do
		echo "given $path" >"$RUN/given/$path"
	done
	for kind in file-link link up fifo device file; do
		for path in etc/hosts etc/hostname etc/resolv.conf etc/mtab w/x; do
			layer one "$path" "$kind"
			mkdir -p "$RUN/etc-$kind"
			cp -a "$RUN/one/." "$RUN/etc-$kind"
		done
		plan_container "$kind" "lower=$RUN/etc-$kind" "mount=file,$RUN/given/hosts:/etc/hosts" "mount=file,$RUN/given/hostname:/etc/hostname" \
			"mount=ro,file,$RUN/given/resolv.conf:/etc/resolv.conf" -- /guest all "cat /etc/hosts /etc/hostname /etc/resolv.conf"
		echo
		plan_container "cwd-$kind" "lower=$RUN/etc-$kind" cwd=/w/x/y -- /guest report
		echo
		layer "top-$kind" etc "$kind"
		plan_container "top-$kind" "lower=$RUN/top-$kind" "mount=file,$RUN/given/hosts:/etc/hosts" -- /guest cat /etc/hosts
		echo
	done >"$RUN/plans"
	driver each <"$RUN/plans" >"$RUN/many"
	cat "$RUN/many"
	# A link is followed below the root, where what it names is missing and is made; all three lead to the same.
	for kind in file-link link up fifo device file; do
		[ "$(grep -c '^given ' "$RUN/$kind.out")" -eq 3 ]
	done
	[ "$(grep -h '^given ' "$RUN/fifo.out" "$RUN/device.out" "$RUN/file.out" | sort | uniq -c | grep -c '^ *3 ')" -eq 3 ]
	for kind in link up file-link; do
		grep -q '^cwd /' "$RUN/cwd-$kind.out"
	done
	for kind in fifo device file; do
		grep -q "^failed code=ENOTDIR .* container cwd-$kind: make working directory: " "$RUN/many"
		grep -q "^failed code=ENOTDIR .* container top-$kind: attach mounts: mount /etc/hosts: " "$RUN/many"
	done
}

@test "T10 files of a root: what goes over links, FIFOs and devices reads and writes nothing of what they lead to" {
	in_each_world given_files
}

@test "T10 streams: what carpel has not made keeps its owner, be it the host's /dev/null" {
	sandbox
	mknod -m 600 "$RUN/null" c 1 3
	mkfifo -m 600 "$RUN/fifo"
	exec 9<>"$RUN/fifo"
	touch "$RUN/file"
	container d -- /guest sleepy up
	for stream in null fifo file; do
		before=$(stat -c '%u:%g %a %Z' "$RUN/$stream")
		plan_container c user=1000 "stdin-file=$RUN/$stream" "stderr-file=$RUN/$stream" -- /guest exit 0
		echo
		plan_exec d "$CTR" user=1000 "stdin-file=$RUN/$stream" "stderr-file=$RUN/$stream" -- /guest exit 0
		echo
	done >"$RUN/plans"
	chmod 666 "$RUN/null" "$RUN/fifo" "$RUN/file"
	stat -c '%n %u:%g %a %Z' "$RUN/null" "$RUN/fifo" "$RUN/file" >"$RUN/before"
	driver each <"$RUN/plans" >"$RUN/many" 9<&-
	[ "$(grep -c ^started "$RUN/many")" -eq 6 ]
	stat -c '%n %u:%g %a %Z' "$RUN/null" "$RUN/fifo" "$RUN/file" | diff "$RUN/before" -
	guest e user=1000 stdin-file=/dev/null stderr-file=/dev/null -- /guest exit 0
	sentinel_same
}

# ---- T11 and T12 ----

# Each of these as a whole is no user, whatever the image's /etc/passwd calls so.
NO_USERS=(+0 00 0x0 -1 -0 4294967296 2147483648 ' 0' '0 ' 99999999999999999999 18446744073709551616 '0,0' 0.0 :0 1: 1:+0 1:00 1:-1 ::
	1:4294967296 'root:' ':')

users() {
	local user

	mkdir -p "$RUN/rootfs/etc"
	printf 'root:x:0:0::/root:/bin/sh\nzero:x:0:0::/:\nmapped:x:00:0::/:\nbig:x:4294967296:0::/:\n' >"$RUN/rootfs/etc/passwd"
	printf '%s:x:0:0::/:\n' 1 33 "${NO_USERS[@]}" >>"$RUN/rootfs/etc/passwd"
	container d -- /guest sleepy up
	{
		of_each "$(plan_container c user=@ -- /guest exit 0)" "${NO_USERS[@]}"
		of_each "$(plan_exec d "$CTR" user=@ -- /guest exit 0)" "${NO_USERS[@]}"
	} | driver each >"$RUN/many"
	[ "$(grep -c '^failed code=EINVAL .*: resolve user: user ".*" is neither a number' "$RUN/many")" -eq $((2 * ${#NO_USERS[@]})) ]
	for user in mapped big; do # a name whose number is no number
		output=$(fails "m$user" "user=$user" -- /guest exit 0)
		mentions "code=EINVAL"
	done
	{
		of_each "$(plan_container r user=@ refuse-root=1 -- /guest exit 0)" 0 0:5 zero root
		of_each "$(plan_exec d "$CTR" user=@ refuse-root=1 -- /guest exit 0)" 0 0:5 zero root
	} | driver each >"$RUN/many"
	[ "$(grep -c '^failed .*runAsNonRoot' "$RUN/many")" -eq 8 ]
	output=$(guest ok user=1 refuse-root=1 -- /guest report) # digits are never a name: that one is root's
	says "uid 1 1 1 1"
	output=$(execute d "$CTR" user=33:1 refuse-root=1 -- /guest report)
	says "uid 33 33 33 33"
	says "gid 1 1 1 1"
	kill -9 "$CTR"
}

@test "T11 user strings: the exact number or a refusal, never root by surprise" {
	in_each_world users
}

# costs LIMIT_MS LIMIT_KIB: of every start in $RUN/many. A sanitizer takes its own time, and memory above all.
costs() {
	local ms=$1 kib=$2

	[ -n "$(awk '/^cost/' "$RUN/many")" ]
	! grep -q __asan_ "$CARPEL_BIN/carpel-launch" || ms=$((10 * ms)) kib=0
	awk -v ms="$ms" -v kib="$kib" -F'[ =]' '/^cost/ && ($3 > ms || (kib && $5 > kib)) { print; over = 1 } END { exit over }' "$RUN/many"
}

# $RUN/pw-N: images whose /etc/passwd or /etc/group is none.
hostile_layers() {
	local kind file i=0

	for file in passwd group; do
		for kind in device file-link link fifo loop dir; do
			layer "pw-$((++i))" "etc/$file" "$kind"
		done
		for kind in sparse line entries nul same; do
			layer "pw-$((++i))" "etc/$file" file
			case $kind in
			sparse) truncate -s 5G "$RUN/pw-$i/etc/$file" ;;
			line) truncate -s 1G "$RUN/pw-$i/etc/$file" && printf 'web:x:1:' | dd of="$RUN/pw-$i/etc/$file" conv=notrunc 2>/dev/null ;;
			entries) yes 'a:x:1:b,c,d,e' | head -c 10485760 >"$RUN/pw-$i/etc/$file" ;;
			nul) head -c 10485760 /dev/zero >"$RUN/pw-$i/etc/$file" ;;
			same) { # as many groups as there may be, and then the last of them again and again
				seq -f 'g:x:%.0f:web' 1 8000
				yes 'g:x:8000:web'
			} | head -c 10485760 >"$RUN/pw-$i/etc/$file" ;;
			esac
			[ "$file" = passwd ] || echo 'web:x:33:33::/:' >"$RUN/pw-$i/etc/passwd"
		done
	done
	# both as long as they may be
	cp -r "$RUN/pw-9" "$RUN/pw-$((++i))"
	cp "$RUN/pw-22/etc/group" "$RUN/pw-$i/etc"
	sed -i '1i web:x:1:1::/:' "$RUN/pw-$i/etc/passwd"
	truncate -s 10485760 "$RUN/pw-$i/etc/passwd"
}

# What a running container has made of its own, against an exec.
hostile_etc() {
	local file=$1 n

	shift
	for n in "$@"; do
		rm -rf "${RUN:?}/etc"/*
		cp -a "$RUN/pw-$n/etc/." "$RUN/etc"
		plan_exec d "$CTR" user=web merge-groups=1 -- /guest exit 0 | DRIVER_COST=1 driver each >>"$file"
	done
}

hostile_files() {
	local all=("$RUN"/pw-*)

	of_each "$(plan_container c "lower=@" user=web merge-groups=1 -- /guest exit 0)" "${all[@]}" >"$RUN/plans"
	of_each "$(plan_container c "lower=@" user=5 merge-groups=1 -- /guest exit 0)" "${all[@]}" >>"$RUN/plans"
	DRIVER_COST=1 driver each <"$RUN/plans" >"$RUN/many"
	mkdir -p "$RUN/etc"
	container d "mount=$RUN/etc:/etc" -- /guest sleepy up
	hostile_etc "$RUN/many" 1 4 5 9 22 # a device, a FIFO, a loop, all that may be of each
	cat "$RUN/many"
	[ "$(grep -c -e ^started -e ^failed "$RUN/many")" -eq $((2 * ${#all[@]} + 5)) ]
	[ "$(grep -c '^failed' "$RUN/many")" -eq "$(grep -c '^failed code=\(EINVAL\|EFBIG\|ENOENT\|ENXIO\|EACCES\|ELOOP\|EISDIR\) .*: resolve user: ' "$RUN/many")" ]
	costs $((5000 * ${WAIT_FACTOR:-1})) $((18 << 10))
}

@test "T12 hostile passwd and group: an answer or an error at once, in little memory" {
	hostile_layers
	in_each_world hostile_files
}
