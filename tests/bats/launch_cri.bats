#!/usr/bin/env bats
# carpel-launch by hand: what CRI asks of a container and a Pod manifest does not.  Set-up and words:
# lib/launch.bash; the program inside: tests/bin/guest.c.

# Each test has a shell of its own.
# shellcheck disable=SC2030,SC2031

load lib/launch

setup() {
	launch_setup
}

teardown() {
	launch_teardown
}

SYS_ADMIN=200000

# volume NAME [PROPAGATION]: a directory that is a mount of its own, with a mount "sub" in it.
volume() {
	mkdir "$RUN/$1"
	mount -t tmpfs volume "$RUN/$1"
	mount --make-"${2:-private}" "$RUN/$1"
	mkdir "$RUN/$1/sub" "$RUN/$1/later"
	mount -t tmpfs below "$RUN/$1/sub"
}

# inside NAME RECORD… -- ARGS…: an exec in the running container.
inside() {
	local name=$1
	shift
	execute "$name" "$CTR" "$@"
}

# ---- mounts ----

@test "propagation: what the host mounts later appears in slave and shared mounts only" {
	sandbox
	volume vol shared
	container c "mount=$RUN/vol:/private" "mount=slave,$RUN/vol:/slave" "mount=shared,$RUN/vol:/shared" \
		-- /guest sleepy up
	mount -t tmpfs late "$RUN/vol/later"
	touch "$RUN/vol/later/seen"
	output=$(inside c -- /guest all "ls /slave/later" "ls /shared/later" "open r /private/later/seen")
	[ "$(grep -cx seen <<<"$output")" -eq 2 ]
	says "/private/later/seen ENOENT"
	# what was there at the start is there in each
	output=$(inside c -- /guest mounts)
	for m in private slave shared; do grep -q " /$m/sub " <<<"$output"; done
	umount "$RUN/vol/later"
	output=$(inside c -- /guest all "open r /slave/later/seen" "open r /shared/later/seen")
	says "/slave/later/seen ENOENT"
	says "/shared/later/seen ENOENT"
}

@test "propagation: hooks, for which all mounts are exchanged, take nothing from the host and nothing from the container" {
	sandbox
	volume vol shared
	echo text >"$RUN/vol/sub/file"
	mkdir "$RUN/bundle"
	container c "mount=$RUN/vol:/private" "mount=slave,$RUN/vol:/slave" "mount=shared,$RUN/vol:/shared" "bundle=$RUN/bundle" \
		hook=createContainer,timeout=60,/bin/sh hook=arg=sh hook=arg=-ec \
		"hook=arg=mkdir $RUN/bundle/rootfs/made; mount --bind $RUN/vol/sub $RUN/bundle/rootfs/made" -- /guest sleepy up
	[ "$(cat "$RUN/vol/sub/file")" = text ]
	[ -z "$(ls "$RUN/bundle")" ]
	mount -t tmpfs late "$RUN/vol/later"
	touch "$RUN/vol/later/seen"
	output=$(inside c -- /guest all "cat /made/file" "open r /private/sub/file" "open r /slave/sub/file" "open r /shared/sub/file" \
		"open r /private/later/seen" "open r /slave/later/seen" "open r /shared/later/seen")
	says text
	for m in private slave shared; do says "/$m/sub/file ok"; done
	says "/private/later/seen ENOENT"
	says "/slave/later/seen ok"
	says "/shared/later/seen ok"
	umount "$RUN/vol/later"
}

@test "propagation: what the container mounts appears on the host in shared mounts only" {
	sandbox
	volume vol shared
	mkdir "$RUN"/vol/{a,b,c}
	echo text >"$RUN/vol/sub/file"
	container c "mount=$RUN/vol:/private" "mount=slave,$RUN/vol:/slave" "mount=shared,$RUN/vol:/shared" \
		-- /guest sleepy up
	output=$(inside c caps=$SYS_ADMIN seccomp-file=- -- /guest all "bind /private/sub /private/a" \
		"bind /private/sub /slave/b" "bind /private/sub /shared/c")
	says "/private/a ok"
	says "/slave/b ok"
	says "/shared/c ok"
	[ ! -e "$RUN/vol/a/file" ]
	[ ! -e "$RUN/vol/b/file" ]
	[ "$(cat "$RUN/vol/c/file")" = text ]
	# it outlives the container, as Kubernetes' volume drivers expect
	kill -9 "$CTR"
	driver exits "$PAUSE" 1
	[ -e "$RUN/vol/c/file" ]
}

@test "propagation: a source that cannot take part is refused, by path" {
	sandbox
	volume private
	volume shared shared
	mkdir "$RUN/slave" "$RUN/shared/dir"
	mount --bind "$RUN/shared" "$RUN/slave"
	mount --make-slave "$RUN/slave"
	output=$(fails a "mount=slave,$RUN/private:/x" -- /guest exit 0)
	says "failed code=EINVAL exit=128 container a: copy mounts: $RUN/private: the mount that it is on is not shared or slave"
	output=$(fails b "mount=shared,$RUN/private:/x" -- /guest exit 0)
	says "failed code=EINVAL exit=128 container b: copy mounts: $RUN/private: the mount that it is on is not shared"
	output=$(fails d "mount=shared,$RUN/slave:/x" -- /guest exit 0)
	says "failed code=EINVAL exit=128 container d: copy mounts: $RUN/slave: the mount that it is on is not shared"
	output=$(fails e "mount=slave,$RUN/none:/x" -- /guest exit 0)
	says "failed code=ENOENT exit=128 container e: copy mounts: open $RUN/none: No such file or directory"
	# a directory in a shared mount will do, and so will a slave for a slave
	container f "mount=shared,$RUN/shared/dir:/x" "mount=slave,$RUN/slave:/y" -- /guest sleepy up
	mount -t tmpfs late "$RUN/shared/later"
	touch "$RUN/shared/later/seen"
	output=$(inside f -- /guest all "ls /y/later")
	says seen
}

@test "read-only: ro is the mount, rro also what is mounted below it" {
	sandbox
	volume vol
	output=$(guest c "mount=ro,$RUN/vol:/ro" "mount=rro,$RUN/vol:/rro" "mount=$RUN/vol:/rw" -- /guest all \
		"write /ro/x y" "write /ro/sub/x y" "write /rro/x y" "write /rro/sub/x y" "write /rw/x y")
	says "/ro/x EROFS"
	says "/ro/sub/x ok"
	says "/rro/x EROFS"
	says "/rro/sub/x EROFS"
	says "/rw/x ok"
	volume live shared # read-only for the container, not for its peers
	container d "mount=ro,slave,$RUN/live:/live" -- /guest sleepy up
	mount -t tmpfs late "$RUN/live/later"
	touch "$RUN/live/later/seen"
	output=$(inside d -- /guest all "ls /live/later" "write /live/x y" "write /live/sub/x y")
	says seen
	says "/live/x EROFS"
	says "/live/sub/x ok"
	touch "$RUN/live/writable"
}

@test "options: noexec, nodev and nosuid hold for the mount and below, alone and for privileged ones" {
	sandbox
	volume vol
	cp "$GUEST" "$RUN/vol/guest"
	cp "$GUEST" "$RUN/vol/sub/guest"
	for dir in vol vol/sub; do mknod "$RUN/$dir/zero" c 1 5; done
	output=$(fails a "mount=noexec,$RUN/vol:/v" -- /v/guest exit 0)
	says "failed code=EACCES exit=126 container a: execute: /v/guest: Permission denied"
	output=$(fails b "mount=noexec,$RUN/vol:/v" -- /v/sub/guest exit 0)
	mentions "/v/sub/guest: Permission denied"
	output=$(guest d "mount=$RUN/vol:/v" -- /v/sub/guest print runs)
	says runs
	output=$(guest e privileged=1 "mount=nodev,$RUN/vol:/v" "mount=$RUN/vol:/w" -- /guest all "open r /v/zero" \
		"open r /v/sub/zero" "open r /w/zero" "open r /w/sub/zero")
	says "/v/zero EACCES"
	says "/v/sub/zero EACCES"
	says "/w/zero ok"
	says "/w/sub/zero ok"
	output=$(guest f "mount=nosuid,$RUN/vol:/v" "mount=ro,noexec,nosuid,$RUN/vol:/w" -- /guest mounts |
		awk '{ print $5, $6 }')
	says "/v rw,nosuid,nodev,relatime"
	says "/v/sub rw,nosuid,nodev,relatime"
	says "/w ro,nosuid,nodev,noexec,relatime"
	says "/w/sub rw,nosuid,nodev,noexec,relatime"
}

@test "mounts: a link on the host is followed, once; the root itself is no target" {
	sandbox
	volume vol shared
	echo linked >"$RUN/vol/file"
	ln -s vol "$RUN/link"
	ln -s vol/file "$RUN/filelink"
	ln -s / "$RUN/rootfs/loop"
	output=$(guest c "mount=$RUN/link:/a" "mount=slave,$RUN/link:/b" "mount=file,$RUN/filelink:/c" -- \
		/guest cat /a/file /b/file /c)
	[ "$(grep -cx linked <<<"$output")" -eq 3 ]
	for target in / /.. /loop; do
		i=$((i + 1))
		output=$(fails "r$i" "mount=$RUN/vol:$target" -- /guest exit 0)
		mentions "attach mounts: mount $target: the target is the root itself"
	done
}

# ---- masks ----

@test "masks: exactly the given lists, wherever they point, and nothing else" {
	sandbox
	mkdir -p "$RUN/rootfs/bin" "$RUN/rootfs/tmp/dir" "$RUN/rootfs/secret/deep"
	cp "$GUEST" "$RUN/rootfs/bin/ls"
	touch "$RUN/rootfs/secret/deep/file" "$RUN/rootfs/tmp/there"
	given=(masks=given masked=/bin/ls masked=/secret masked=/secret masked=/none masked=/guest/none
		masked=/proc/keys masked=/sys/firmware readonly-path=/tmp readonly-path=/proc/sys readonly-path=/none)
	output=$(fails a "${given[@]}" -- /bin/ls)
	says "failed code=EACCES exit=126 container a: execute: /bin/ls: Permission denied"
	output=$(guest b "${given[@]}" -- /guest all "stat /bin/ls /secret /proc/keys" "ls /secret" "ls /sys/firmware" \
		"write /secret/x y" "write /tmp/x y" "write /tmp/dir/x y" "open w /proc/sys/kernel/hostname" \
		"open w /proc/irq/default_smp_affinity" "stat /proc/timer_list /tmp/there")
	says "/bin/ls char 666 0 0 1:3"
	grep -q '^/secret dir' <<<"$output"
	says "/secret/x EROFS"
	says "/proc/keys char 666 0 0 1:3"
	says "/tmp/x EROFS"
	says "/tmp/dir/x EROFS"
	says "/proc/sys/kernel/hostname EROFS"
	# not in the lists
	says "/proc/irq/default_smp_affinity ok"
	grep -q '^/proc/timer_list file' <<<"$output"
	grep -q '^/tmp/there file' <<<"$output"
	lacks deep
}

@test "masks: empty lists hide nothing, and the usual ones are the default" {
	sandbox
	output=$(guest a masks=given -- /guest all mounts "open w /proc/irq/default_smp_affinity" "stat /proc/keys")
	says "/proc/irq/default_smp_affinity ok"
	grep -q '^/proc/keys file' <<<"$output"
	[ "$(grep -c ' /proc' <<<"$output")" -eq 1 ]
	grep -q ' /sys ro,' <<<"$output" # no mask, but what /sys is
	output=$(guest b masks=default -- /guest all "stat /proc/keys" "open w /proc/irq/default_smp_affinity")
	says "/proc/keys char 666 0 0 1:3"
	says "/proc/irq/default_smp_affinity EROFS"
}

@test "masks: links of the image and volumes never lead out, and no volume fakes the cover" {
	sandbox
	mkdir -p "$RUN/outside/dir" "$RUN/rootfs$RUN/outside/dir" "$RUN/vol/dir/rw" "$RUN/fake"
	echo outside >"$RUN/outside/file"
	echo inside >"$RUN/rootfs$RUN/outside/file"
	echo volume | tee "$RUN/vol/file" "$RUN/vol/dir/file" >/dev/null
	echo fake >"$RUN/fake/null"
	ln -s "$RUN/outside/file" "$RUN/rootfs/file"
	ln -s "../../../../../../..$RUN/outside/dir" "$RUN/rootfs/dir"
	ln -s /no/where "$RUN/rootfs/dangling"
	output=$(guest a masks=given masked=/file masked=/dir masked=/dangling masked=/vol/file readonly-path=/vol/dir \
		"mount=$RUN/vol:/vol" "mount=$RUN/fake:/dev" "mount=$RUN/fake:/vol/dir/rw" -- /guest all \
		"stat $RUN/outside/file /vol/file" "cat /file" "cat /vol/file" "write $RUN/outside/dir/x y" \
		"write /vol/dir/x y" "write /vol/dir/rw/x y" "cat /dev/null")
	says "$RUN/outside/file char 666 0 0 1:3"
	says "/vol/file char 666 0 0 1:3"
	says "$RUN/outside/dir/x EROFS"
	says "/vol/dir/x EROFS"
	says "/vol/dir/rw/x EROFS" # what is mounted below as well
	says fake                  # the volume is there: /dev/null is its file, and no cover
	[ "$(cat "$RUN/outside/file" "$RUN/vol/file")" = outside$'\n'volume ]
	touch "$RUN/outside/dir/x" "$RUN/vol/dir/x"
	for path in / /.. /proc/self/exe /proc/self/root; do
		i=$((i + 1))
		output=$(fails "m$i" masks=given "masked=$path" -- /guest exit 0)
		mentions "container m$i: apply masks: hide $path: "
		output=$(fails "r$i" masks=given "readonly-path=$path" -- /guest exit 0)
		mentions "container r$i: apply masks: make $path read-only: "
	done
}

# ---- PID namespaces ----

@test "pid: in another container's namespace, as a child of pause, and ended with it" {
	sandbox
	container a -- /guest sleepy up
	target=$CTR
	container b pid=target "pid-target-pid=$target" -- /guest all ns procs "sleepy there"
	driver tee "$RUN/b.out" there
	output=$(cat "$RUN/b.out")
	says "pid $(readlink "/proc/$target/ns/pid")"
	says "1 guest"
	says "2 guest"
	lacks carpel-pause
	# the target sees it, as Kubernetes' debug containers do the other way round
	output=$(execute a "$target" -- /guest procs)
	says "2 guest"
	[ "$(awk '/^PPid:/ { print $2 }' "/proc/$CTR/status")" = "$PAUSE" ]
	output=$(execute b "$CTR" -- /guest ns)
	says "pid $(readlink "/proc/$target/ns/pid")"
	kill -KILL "$CTR"
	driver exits "$PAUSE" 1 >"$RUN/exit"
	grep -qx "$INNER signal=9" "$RUN/exit"
	container d pid=target "pid-target-pid=$target" -- /guest sleepy up
	kill -KILL "$target" # the end of its init is the end of a namespace
	driver exits "$PAUSE" 2 >"$RUN/exit"
	grep -qx "$INNER signal=9" "$RUN/exit"
}

@test "pid: a target that has ended or is of another pod is refused" {
	sandbox
	container a -- /guest sleepy up
	other=$CTR
	first=$PAUSE
	sandbox cgroup-v2=-
	output=$(fails b pid=target "pid-target-pid=$other" -- /guest exit 0)
	says "failed code=EINVAL exit=128 container b: join the target's PID namespace: setns: Invalid argument"
	output=$(fails d pid=target "pid-target-pid=$$" -- /guest exit 0)
	mentions "code=EINVAL exit=128 container d: join the target's PID namespace: "
	kill -KILL "$PAUSE"
	PAUSE=$first
	kill -STOP "$PAUSE" # it does not reap
	kill -KILL "$other"
	driver gone "$other"
	output=$(fails e pid=target "pid-target-pid=$other" -- /guest exit 0)
	kill -CONT "$PAUSE"
	says "failed code=ESRCH exit=128 container e: join the target's PID namespace: setns: No such process"
}

@test "pid: in the host's namespace, an orphan for the subreaper, with its masks" {
	sandbox
	mkdir -p "$RUN/c.upper" "$RUN/c.work"
	output=$(plan_container c pid=host -- /guest all report ns "stat /proc/$$ /proc/keys" "exit 7" |
		driver run --wait 20)
	says "exited 7"
	started=$(sed -n 's/^started //p' <<<"$output")
	[[ $started =~ ^pid=([0-9]+)\ .*\ host=([0-9]+)$ ]]
	[ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
	output=$(cat "$RUN/c.out")
	says "pid ${BASH_REMATCH[1]}"
	says "pid $(readlink /proc/self/ns/pid)"
	for n in ipc net uts; do says "$n $(readlink "/proc/$PAUSE/ns/$n")"; done
	grep -q "^/proc/$$ dir" <<<"$output"
	says "/proc/keys char 666 0 0 1:3"
	output=$(fails d pid=host -- /nosuch)
	mentions exit=127
	container f pid=host -- /guest sleepy up
	output=$(inside f -- /guest all ns "stat /proc/$CTR")
	says "exited 0"
	says "pid $(readlink /proc/self/ns/pid)"
	grep -q "^/proc/$CTR dir" <<<"$output"
	# pause has no part in it
	output=$(guest e -- /guest exit 3)
	grep -q exit=3 "$RUN/exit"
}

# ---- who it is, and where ----

@test "report: the user that the process began as, with all groups, of a container and an exec" {
	sandbox
	container r -- /guest sleepy up
	[ "$BEGAN_AS" = 0:0:0 ]
	container a user=1000:1001 group=50000 group=7 group=1001 -- /guest sleepy up
	[ "$BEGAN_AS" = 1000:1001:7,1001,50000 ]
	output=$(inside a user=5 -- /guest exit 0)
	mentions "user=5:0:0 "
	many=()
	for i in $(seq 800 -1 201); do many+=("group=$i"); done
	container b user=9:9 "${many[@]}" -- /guest sleepy up
	[ "$BEGAN_AS" = "9:9:9,$(seq -s, 201 711)+89" ] # the lowest 512 of 601
	grep -q "^Groups:.* 800 $" "/proc/$CTR/status"
}

@test "capabilities: the ambient ones survive for a user, and only those" {
	sandbox
	for privs in 0 1; do
		output=$(guest "c$privs" user=1000 caps=c01 ambient=401 no-new-privs=$privs -- /guest report)
		for set in inheritable permitted effective ambient; do says "$set 0000000000000401"; done
		says "bounding 0000000000000c01"
	done
	container d -- /guest sleepy up
	output=$(inside d user=1000 caps=c01 ambient=400 -- /guest report)
	for set in inheritable permitted effective ambient; do says "$set 0000000000000400"; done
}

@test "cwd: what is missing is made root's, inside, and readable for its user" {
	sandbox
	mkdir -p "$RUN/outside" "$RUN/vol"
	ln -s "$RUN/outside" "$RUN/rootfs/link"
	output=$(guest a user=1000 cwd=/link/made/here read-only-root=1 -- /guest all report \
		"stat $RUN/outside/made $RUN/outside/made/here")
	says "cwd $RUN/outside/made/here"
	says "$RUN/outside/made dir 755 0 0 0:0"
	says "$RUN/outside/made/here dir 755 0 0 0:0"
	[ -z "$(ls "$RUN/outside")" ]
	output=$(guest b "mount=$RUN/vol:/vol" cwd=/vol/sub -- /guest report)
	says "cwd /vol/sub"
	[ -d "$RUN/vol/sub" ]
	touch "$RUN/rootfs/plain"
	output=$(fails c cwd=/plain -- /guest exit 0)
	mentions "code=ENOTDIR"
}

@test "privileged: devices work everywhere, and /proc, /sys and cgroups are writable" {
	sandbox
	mknod "$RUN/rootfs/zero" c 1 5
	own=/sys/fs/cgroup${V2#/sys/fs/cgroup}/$CG/c
	all=(privileged=1 caps=1ffffffffff no-new-privs=0 seccomp-file=-)
	output=$(guest c "${all[@]}" -- /guest all "open r /zero" "open r /dev/zero" "mkdir $own/made" ns \
		"open w /proc/sys/kernel/hostname" "open w /proc/irq/default_smp_affinity" mounts)
	says "/zero ok"
	says "/dev/zero ok"
	says "$own/made ok"
	says "cgroup $(readlink /proc/self/ns/cgroup)"
	says "/proc/sys/kernel/hostname ok"
	says "/proc/irq/default_smp_affinity ok"
	[ "$(grep -c ' /proc' <<<"$output")" -eq 1 ]
	[ "$(awk '$5 ~ "^/(proc|sys)" { print substr($6, 1, 2) }' <<<"$output" | sort -u)" = rw ]
	rmdir "$V2/$CG/c/made"
}

# ---- seccomp profiles ----

# profile NAME CAPS: compiles standard input to $RUN/NAME.
profile() {
	"$CARPEL_BIN/carpel-launch" --seccomp-json "$2" >"$RUN/$1"
}

@test "seccomp: a profile in JSON confines a container and an exec" {
	sandbox
	profile own "$NINE" <<-'END'
		{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
		 {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
		 {"names": ["unlink"], "action": "SCMP_ACT_KILL_PROCESS"},
		 {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "errno": "EDOM",
		  "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 3, "op": "SCMP_CMP_EQ"}]},
		 {"names": ["chroot"], "action": "SCMP_ACT_ERRNO", "errnoRet": 71, "excludes": {"caps": ["CAP_SYS_CHROOT"]}},
		 {"names": ["reboot"], "action": "SCMP_ACT_ERRNO", "errnoRet": 72, "includes": {"caps": ["CAP_SYS_CHROOT"]}}]}
	END
	output=$(guest c "seccomp-file=$RUN/own" -- /guest all report "mkdir /x" "try raw ping chroot reboot")
	says "seccomp 2"
	says "/x ENOSPC"
	says "raw EDOM"
	lacks "ping EDOM"
	says "chroot EPROTO"
	lacks "reboot EMULTIHOP"
	container d "seccomp-file=$RUN/own" -- /guest sleepy up
	output=$(inside d "seccomp-file=$RUN/own" -- /guest mkdir /x)
	says "/x ENOSPC"
	output=$(inside d "seccomp-file=$RUN/own" -- /guest unlink /x)
	says "signalled 31"
	output=$(inside d -- /guest mkdir /x) # no less without it
	says "/x ok"
}

@test "seccomp: a profile need allow us no more than execve, and prctl and capset with privileges to gain" {
	sandbox
	rule='"syscalls": [{"names": ["execve", "exit_group"%s], "action": "SCMP_ACT_ALLOW"}]'
	# shellcheck disable=SC2059 # the format is above
	echo "{\"defaultAction\": \"SCMP_ACT_TRAP\", $(printf "$rule" '')}" | profile least "$NINE"
	# shellcheck disable=SC2059
	echo "{\"defaultAction\": \"SCMP_ACT_TRAP\", $(printf "$rule" ', "prctl", "capset"')}" | profile more "$NINE"
	container a "seccomp-file=$RUN/least" -- /guest exit 0
	driver exits "$PAUSE" 1 | grep -q signal=31 # its libc, once executed
	container b no-new-privs=0 "seccomp-file=$RUN/more" -- /guest exit 0
	driver exits "$PAUSE" 1 | grep -q signal=31
	output=$(fails c no-new-privs=0 "seccomp-file=$RUN/least" -- /guest exit 0)
	mentions "drop capabilities: the new process was killed"
}

@test "seccomp: the profile that other runtimes ship does what ours does" {
	sandbox
	file=/usr/share/containers/seccomp.json # of golang-github-containers-common
	profile small "$NINE" <$file
	profile large 200000 <$file
	output=$(guest a "seccomp-file=$RUN/small" -- /guest try mount setns bpf chroot reboot swapon unshare-user unknown alg)
	for call in mount bpf chroot reboot swapon; do says "$call EPERM"; done
	says "unknown ENOSYS"
	output=$(guest b "seccomp-file=$RUN/large" caps=200000 -- /guest try bpf setns reboot)
	lacks "bpf EPERM"
	says "reboot EPERM"
	# the 32-bit calls that it allows
	output=$(guest c "seccomp-file=$RUN/small" -- /guest try i386)
	lacks killed
}

@test "seccomp: a profile that cannot be honoured says why, and makes nothing" {
	refuse() { # refuse TEXT, the profile on standard input
		if profile bad "$NINE" 2>"$RUN/reason"; then return 1; fi
		[ ! -s "$RUN/bad" ]
		[ "$(cat "$RUN/reason")" = "carpel-launch: error: $1" ]
	}
	refuse 'profile: SCMP_ACT_NOTIFY is not supported' <<<'{"defaultAction": "SCMP_ACT_NOTIFY"}'
	refuse 'profile: syscalls[0]: unknown action "SCMP_ACT_X"' \
		<<<'{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["brk"], "action": "SCMP_ACT_X"}]}'
	refuse 'profile: unknown field "listenerPath"' <<<'{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/x"}'
	refuse "profile: more than 1048576 bytes" < <(head -c 2M /dev/zero)
	run profile bad xyz </dev/null
	[ "$status" -eq 125 ]
	run profile bad "$NINE" <<<'{'
	[ "$status" -eq 1 ]
	mentions "error: profile: "
	python3 - >"$RUN/slow" <<-'END'
		import json
		rules = [{"names": ["brk"], "action": "SCMP_ACT_LOG", "args": [
		    {"index": k, "value": (i * 7919 + k * 104729) ** 3 % 2**64, "op": "SCMP_CMP_" + ("EQ", "GT", "LE")[(i + k) % 3]}
		    for k in range(6)]} for i in range(2000)]
		print(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}, separators=(",", ":")))
	END
	refuse "profile: it takes too long to compile" <"$RUN/slow"
}
