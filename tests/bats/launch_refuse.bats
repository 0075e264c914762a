#!/usr/bin/env bats
# carpel-launch by hand: who a container runs as, what each refusal says, and that an exec is no
# less confined.  Set-up and words: lib/launch.bash; the program inside: tests/bin/guest.c.

# Each test has a shell of its own, and a dollar in single quotes is meant.
# shellcheck disable=SC2016,SC2030,SC2031

load lib/launch

setup() {
	launch_setup
}

teardown() {
	launch_teardown
}

# ---- who it runs as ----

@test "user: names, groups and homes come from the image" {
	sandbox
	mkdir -p "$RUN/rootfs/etc"
	printf 'root:x:0:0::/root:/bin/sh\nweb:x:33:34:www:/var/www:/bin/false\n' >"$RUN/rootfs/etc/passwd"
	printf 'root:x:0:\nadm:x:4:root,web\nweb:x:34:\nlog:x:40:web\nother:x:50:webb\n' >"$RUN/rootfs/etc/group"
	output=$(guest a user=web merge-groups=1 -- /guest report)
	says "uid 33 33 33 33"
	says "gid 34 34 34 34"
	says "groups 4 34 40"
	says "env HOME=/var/www"
	output=$(guest b user=33 -- /guest report)
	says "gid 34 34 34 34"
	says "groups 34"
	output=$(guest c user=web:log group=9 -- /guest report)
	says "gid 40 40 40 40"
	says "groups 9 40"
	output=$(guest d user=77 merge-groups=1 -- /guest report)
	says "uid 77 77 77 77"
	says "gid 0 0 0 0"
	says "env HOME=/"
	output=$(fails e user=nobody -- /guest exit 0)
	says "failed code=ENOENT exit=128 container e: resolve user: user nobody is not in the image's /etc/passwd"
}

# ---- failures ----

@test "failure: what a shell would say about the program, 127 and 126" {
	sandbox
	mkdir -p "$RUN/rootfs/bin"
	printf 'x' >"$RUN/rootfs/plain"
	printf 'x' >"$RUN/rootfs/bin/plain"
	printf '#!/no/such\n' >"$RUN/rootfs/script"
	printf '\177ELFnonsense' >"$RUN/rootfs/elf"
	chmod +x "$RUN/rootfs/script" "$RUN/rootfs/elf"
	output=$(fails a -- nosuch)
	says "failed code=ENOENT exit=127 container a: execute: nosuch: executable file not found in PATH"
	output=$(fails b -- /nosuch)
	says "failed code=ENOENT exit=127 container b: execute: /nosuch: No such file or directory"
	output=$(fails c -- /plain)
	says "failed code=EACCES exit=126 container c: execute: /plain: Permission denied"
	output=$(fails d -- plain)
	says "failed code=EACCES exit=126 container d: execute: plain: Permission denied"
	output=$(fails e -- /script)
	mentions "exit=127"
	output=$(fails f -- /elf)
	says "failed code=ENOEXEC exit=126 container f: execute: /elf: Exec format error"
	cp "$GUEST" "$RUN/rootfs/bin/found"
	output=$(guest g env=PATH=/x:/bin -- found print yes)
	says yes
	output=$(guest h -- found print default)
	says default
	mkdir "$RUN/rootfs/later"
	cp "$GUEST" "$RUN/rootfs/later/plain"
	output=$(guest i env=PATH=/bin:/plain:/later -- plain print later) # no right there, found later
	says later
}

@test "failure: each names its step and leaves no process and no record behind" {
	sandbox
	output=$(fails a "lower=$RUN/none" -- /guest exit 0)
	mentions "code=ENOENT exit=128 container a: make root: "
	output=$(fails b "mount=/none:/x" -- /guest exit 0)
	says "failed code=ENOENT exit=128 container b: copy mounts: copy mount /none: No such file or directory"
	output=$(fails c "mount=file,/etc/hostname:/dev" -- /guest exit 0)
	mentions "container c: attach mounts: mount /dev: "
	output=$(fails d seccomp-file=/etc/hostname -- /guest exit 0)
	mentions "container d: read seccomp filter: "
	output=$(fails e "pause-pid=$$" user=x: -- /guest exit 0)
	mentions "container e: resolve user: "
	[ -z "$(find "$V2/$CG" -name cgroup.procs -not -path '*/pause/*' -exec cat {} +)" ]
	output=$(guest z -- /guest exit 3) # and the first record is this one's, not a failed start's
	grep -q exit=3 "$RUN/exit"
}

@test "failure: a process that is killed while it is made is reported, and is no container's end" {
	sandbox
	plan_container c -- /guest exit 0 >"$RUN/plan" # makes the cgroup
	echo 1 >"$V2/$CG/c/cgroup.freeze"              # it is born frozen
	driver run <"$RUN/plan" >"$RUN/line" 3>&- &
	while kill -0 $! 2>/dev/null; do # it tries twice: see start_beside() in launch/process.c
		sleep 0.01
		[ -z "$(cat "$V2/$CG/c/cgroup.procs")" ] || echo 1 >"$V2/$CG/c/cgroup.kill"
	done
	output=$(cat "$RUN/line")
	says "failed code=ESRCH exit=128 container c: join cgroups: the new process was killed"
	echo 0 >"$V2/$CG/c/cgroup.freeze"
	guest d -- /guest exit 3
	grep -q exit=3 "$RUN/exit"
}

@test "failure: a start that was given up and killed is not tried again" {
	sandbox
	plan_container c result-closed=1 -- /guest exit 0 >"$RUN/plan"
	echo 1 >"$V2/$CG/c/cgroup.freeze"
	driver run <"$RUN/plan" >"$RUN/line" 3>&- &
	for _ in $(seq $((2000 * ${WAIT_FACTOR:-1}))); do
		[ -z "$(cat "$V2/$CG/c/cgroup.procs")" ] || break
		sleep 0.01
	done
	echo 1 >"$V2/$CG/c/cgroup.kill" # once: a second process would stay frozen
	for _ in $(seq $((2000 * ${WAIT_FACTOR:-1}))); do
		kill -0 $! 2>/dev/null || break
		sleep 0.01
	done
	output=$(cat "$RUN/line")
	says "launch 128"
	[ -z "$(cat "$V2/$CG/c/cgroup.procs")" ]
}

@test "failure: a plan that cannot be read is reported too" {
	output=$(printf 'kind=sandbox\0result-fd=4\0' | driver raw)
	says "failed code=EINVAL exit=128 plan: id is missing"
	says "launch 128"
	output=$(printf 'result-fd=4\0kind=sandbox\0id=x\0pause=/x\0bogus=1\0' | driver raw)
	says "failed code=EINVAL exit=128 plan: unknown key bogus"
	output=$(printf 'result-fd=4\0kind=sand' | driver raw)
	says "failed code=EINVAL exit=128 plan: the last record is not closed by NUL"
}

@test "cgroups: one that was killed once takes new processes, and so does one beside it" {
	cgroups pause >/dev/null
	echo 1 >"$V2/$CG/pause/cgroup.kill" # a kernel with the mistake kills what is born there
	sandbox
	grep -q "^0::/$CG/pause$" "/proc/$PAUSE/cgroup"
	container c -- /guest sleepy up
	grep -q "^0::/$CG/c$" "/proc/$CTR/cgroup"
	mkdir "$V2/$CG/c/exec-1"
	echo 1 >"$V2/$CG/c/exec-1/cgroup.kill"
	output=$(execute c "$CTR" "cgroup-v2=$V2/$CG/c/exec-1" -- /guest exit 5)
	says "exited 5"
	cgroups d >/dev/null
	echo 1 >"$V2/$CG/d/cgroup.kill"
	output=$(guest d -- /guest all report "cat /proc/self/cgroup")
	says "pid 1"
	says "0::/"
	# the killed first try is nobody's end
	[ "$(wc -l <"$RUN/exit")" -eq 1 ]
	grep -q exit=0 "$RUN/exit"
}

@test "failure: what nobody wants any more is killed; what its supervisor died over goes on" {
	sandbox
	output=$(plan_container c result-closed=unwanted -- /guest sleepy up | driver run)
	says "launch 128"
	driver exits "$PAUSE" 1 | grep -q signal=9
	output=$(plan_container d result-closed=dead -- /guest exit 7 | driver run)
	says "launch 0"
	driver exits "$PAUSE" 1 | grep -q exit=7
}

@test "failure: a pod that has ended takes no container" {
	sandbox
	kill -9 "$PAUSE"
	driver gone "$PAUSE"
	output=$(plan_container c -- /guest exit 0 | driver run || true)
	mentions "failed "
	lacks started
}

# ---- exec ----

@test "exec: confined exactly as the container" {
	sandbox
	mkdir -p "$RUN/rootfs/etc"
	echo 'web:x:33:34::/var/www:' >"$RUN/rootfs/etc/passwd"
	same=(user=web group=9 env=A=b caps=401 cwd=/etc)
	container c "${same[@]}" -- /guest all report ns "try mount unshare-user bpf unknown" "cat /proc/self/cgroup" "sleepy up"
	driver tee "$RUN/c.out" up
	execute c "$CTR" leak=5 "${same[@]}" -- /guest all report ns "try mount unshare-user bpf unknown" "cat /proc/self/cgroup" >"$RUN/exec"
	grep -q '^exited 0$' "$RUN/exec"
	# all but who is who in the process tree
	diff <(grep -v -e '^pid 1$' -e '^ppid' -e '^sid' -e '^up$' "$RUN/c.out") \
		<(grep -v -e '^pid [0-9]*$' -e '^ppid' -e '^sid' -e '^started' -e '^exited' "$RUN/exec")
}

@test "exec: exit codes, signals and failures" {
	sandbox
	container c -- /guest sleepy up
	output=$(execute c "$CTR" -- /guest exit 42)
	says "exited 42"
	output=$(plan_exec c "$CTR" -- nosuch | driver run)
	says "failed code=ENOENT exit=127 exec c: execute: nosuch: executable file not found in PATH"
	output=$(plan_exec c "$CTR" cwd=/none -- /guest exit 0 | driver run)
	says "failed code=ENOENT exit=128 exec c: enter working directory: open /none: No such file or directory"
	output=$(plan_exec c "$CTR" refuse-root=1 -- /guest exit 0 | driver run)
	mentions runAsNonRoot
	# Dead, but still there to be asked for.
	kill -STOP "$PAUSE"
	kill -9 "$CTR"
	for _ in $(seq 500); do
		! grep -q '^State:.Z' "/proc/$CTR/status" || break
		sleep 0.02
	done
	output=$(plan_exec c "$CTR" -- /guest exit 0 | driver run)
	kill -CONT "$PAUSE"
	mentions "failed code=ESRCH"
	lacks started
}

@test "exec: sees the container's processes, files and terminal" {
	sandbox
	container c -- /guest sleepy up
	output=$(execute c "$CTR" -- /guest all procs "write /made x")
	says "1 guest"
	says "2 guest"
	[ -e "$RUN/c.upper/made" ]
	output=$(plan_exec c "$CTR" tty=1 stdout-file=- stderr-file=- -- /guest tty | driver run --wait 20)
	mentions "yes 0x0"
}

@test "exec: in the cgroups of the plan, the tracking one beside the container's" {
	sandbox
	container c -- /guest sleepy up
	mkdir "$V2/$CG/c/exec-1"
	plan_exec c "$CTR" "cgroup-v2=$V2/$CG/c/exec-1" -- /guest sleepy here | driver run >"$RUN/line"
	pid=$(sed -n 's/^started .*host=//p' "$RUN/line")
	grep -q "^0::/$CG/c/exec-1$" "/proc/$pid/cgroup"
	[ -z "$V1" ] || grep -q "pids:.*/$CG/c$" "/proc/$pid/cgroup"
	echo 1 >"$V2/$CG/c/exec-1/cgroup.kill"
	driver gone "$pid"
	[ "$(driver holds "$CTR")" = yes ]
}

# ---- our own executable ----

@test "executable: help, version and the filter" {
	"$CARPEL_BIN/carpel-launch" --help | grep -q seccomp-profile
	"$CARPEL_BIN/carpel-launch" --version | grep -q '^carpel-launch [0-9]'
	run "$CARPEL_BIN/carpel-launch" --bogus
	[ "$status" -eq 125 ]
	run "$CARPEL_BIN/carpel-launch" --seccomp-profile xyz
	[ "$status" -eq 125 ]
	[ $(($(stat -c %s "$RUN/filter") % 8)) -eq 0 ]
	[ "$(stat -c %s "$RUN/filter")" -gt 1000 ]
}

@test "what is mounted at the host's /proc is not asked" {
	run unshare -m sh -c 'mount -t tmpfs none /proc || exit
		"$1" --try-users "$2" || exit
		printf "%s\0" kind=exec id=e pause-fd=0 arg=/x user=0 | "$1" 3<&0' sh "$CARPEL_BIN/carpel-launch" "$RUN"
	[ "$status" -eq 128 ]
	says "carpel-launch: error: exec e: join the container's namespaces: setns: Invalid argument"
}
