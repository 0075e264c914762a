#!/usr/bin/env bats
# carpel-oci by hand: a bundle's life, what its container looks like from inside, and what is refused.
# Set-up and words: lib/oci.bash; the bundle: fixtures/oci-config.json, as `runc spec` writes one.

# shellcheck disable=SC2016,SC2030,SC2031,SC2034 # each test has a shell of its own; $ is jq's

bats_require_minimum_version 1.5.0
load lib/oci

setup() { oci_setup; }
teardown() { oci_teardown; }

# ---- the life of a container ----

@test "life: created, running, stopped; pid file, state, list; nothing is left" {
	bundle /guest sleep 1000
	oci create --bundle "$BUNDLE" --pid-file "$RUN/pid" c >"$RUN/out" 2>&1 </dev/null
	pid=$(cat "$RUN/pid")
	[ "$(oci state c | jq -r '.id, .status, .pid, .bundle')" = "c
created
$pid
$BUNDLE" ]
	# It waits in its namespaces and cgroup, and its program has not begun.
	grep -q "/$CG/c$" "/proc/$pid/cgroup"
	[ "$(readlink "/proc/$pid/ns/pid")" != "$(readlink /proc/self/ns/pid)" ]
	[ "$(cat "/proc/$pid/comm")" = carpel-launch ]
	oci start c
	is running
	[ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" = "/guest sleep 1000 " ]
	[ "$(oci list --format json | jq -r '.[].id')" = c ]
	[ "$(oci ps --format json c | jq '.[]')" = "$pid" ]
	run -1 oci delete c
	mentions "cannot delete container c: it is running"
	oci kill c KILL
	wait_until is stopped
	run -1 oci kill c TERM
	mentions "container not running"
	oci delete c
	[ ! -e "$RUN/root/c" ]
	[ ! -e "$V2/$CG/c" ]
	run -1 oci state c
	mentions "does not exist"
	run -1 oci delete c
	mentions "does not exist"
	oci delete --force c # as containerd's clean-up does
}

@test "life: run ends with the program's status, or 128 and its signal, and removes it" {
	bundle /guest exit 7
	run -7 oci run --bundle "$BUNDLE" c
	[ ! -e "$RUN/root/c" ]
	FILTER='.linux.namespaces -= [{type: "pid"}]' bundle /guest kill 9
	run -137 oci run --bundle "$BUNDLE" c
	bundle /guest print hello
	[ "$(oci run --bundle "$BUNDLE" c)" = hello ]
	[ "$(cd "$BUNDLE" && "$CARPEL_BIN/carpel" oci --root "$RUN/root" run c)" = hello ]
}

@test "life: an id is taken once; start is for the created; a created one is deleted or killed" {
	up
	create_fails --bundle "$BUNDLE" c
	mentions 'container with id "c" exists already'
	is running # and is not harmed
	create_fails --bundle "$BUNDLE" d
	mentions "config.json: linux.cgroupsPath=/$CG/c: it has processes"
	is running # nor by who asks for its cgroup
	run -1 oci start c
	mentions "is not created, or was started"
	FILTER='.linux.cgroupsPath += "2"' bundle /guest exit 0
	oci create --bundle "$BUNDLE" d >/dev/null 2>&1 </dev/null
	oci delete d
	oci create --bundle "$BUNDLE" d >/dev/null 2>&1 </dev/null
	oci kill d TERM # although it is the first of its PID namespace
	wait_until is stopped d
	run -1 oci start d
	mentions "it has stopped"
	oci delete d
}

@test "life: a program that is not there is told by create, one that does not run by start" {
	bundle /nothing
	refuses "container c: find program: /nothing: No such file or directory"
	bundle nothing
	refuses "nothing: executable file not found in PATH"
	cp /dev/null "$BUNDLE/rootfs/empty" && chmod 755 "$BUNDLE/rootfs/empty"
	bundle /empty
	oci create --bundle "$BUNDLE" c >/dev/null 2>&1 </dev/null
	run -1 oci start c
	mentions "container c: execute: /empty: Exec format error"
	wait_until is stopped c # it ends after its word
	oci delete c
}

@test "life: a record whose pid became another process's is a stopped container" {
	up
	oci kill c KILL
	wait_until is stopped
	sleep 1000 3>&- &
	other=$!
	jq --argjson pid "$other" '.pid = $pid' "$RUN/root/c/state.json" >"$RUN/new"
	mv "$RUN/new" "$RUN/root/c/state.json"
	is stopped
	run -1 oci kill c KILL
	oci delete --force c
	kill -0 "$other"
	kill "$other"
}

@test "life: standard streams are the caller's; LISTEN_FDS and --preserve-fds come along, nothing else" {
	echo from-stdin >"$RUN/in"
	bundle /guest echo
	[ "$(oci run --bundle "$BUNDLE" c <"$RUN/in")" = from-stdin ]
	bundle /guest report
	output=$(oci run --bundle "$BUNDLE" c 5<"$RUN/in" 3>&- 4>&- 6>&-)
	says "fds 0 1 2"
	output=$(oci run --preserve-fds 2 --bundle "$BUNDLE" c 3<"$RUN/in" 4<"$RUN/in" 5<"$RUN/in")
	says "fds 0 1 2 3 4"
	bundle /guest cat /proc/self/fd/3
	output=$(LISTEN_FDS=1 oci run --bundle "$BUNDLE" c 3<"$RUN/in")
	says from-stdin
}

# ---- what a container looks like from inside ----

@test "inside: the process is as config.json says" {
	FILTER='.process.user = {uid: 1000, gid: 1001, umask: 23, additionalGids: [7, 8]} |
		.process.capabilities = {bounding: ["CAP_KILL", "CAP_CHOWN"], inheritable: ["CAP_KILL", "CAP_CHOWN"],
			permitted: ["CAP_KILL"], ambient: ["CAP_KILL", "CAP_CHOWN"]} |
		.process.rlimits += [{type: "RLIMIT_CORE", soft: 5, hard: 99}] |
		.process.oomScoreAdj = 77 | .process.cwd = "/made/here" | .hostname = "box" |
		.domainname = "dom"' bundle /guest report
	# Infinity as Go writes it, which jq would round.
	sed -i 's/: 99$/: 18446744073709551615/' "$BUNDLE/config.json"
	output=$(oci run --bundle "$BUNDLE" c)
	says "pid 1"
	says "uid 1000 1000 1000 1000"
	says "gid 1001 1001 1001 1001"
	says "groups 7 8 1001"
	says "umask 0027"
	says "bounding 0000000000000021"
	says "inheritable 0000000000000021"
	says "ambient 0000000000000020"
	says "effective 0000000000000020"
	says "no_new_privs 1"
	says "seccomp 0"
	says "limit_nofile 512 1024"
	says "oom_score_adj 77"
	says "cwd /made/here"
	says "hostname box"
	says "limit_core 5 -1"
}

@test "inside: namespaces are new, the host's, or those at a path" {
	up
	FILTER='.linux.namespaces = [{type: "mount"}, {type: "pid"}, {type: "cgroup"},
		{type: "network", path: "/proc/'"$PID"'/ns/net"}] | .hostname = "" | .linux.cgroupsPath += "2"' \
		bundle /guest ns
	output=$(oci run --bundle "$BUNDLE" d)
	says "net $(readlink "/proc/$PID/ns/net")"
	says "ipc $(readlink /proc/self/ns/ipc)"
	says "uts $(readlink /proc/self/ns/uts)"
	for kind in pid mnt cgroup; do
		! grep -qF "$kind $(readlink "/proc/self/ns/$kind")" <<<"$output" || return
	done
	FILTER='.linux.namespaces += [{type: "uts", path: "/proc/'"$PID"'/ns/net"}] | .linux.cgroupsPath += "2" |
		del(.linux.namespaces[3])' bundle /guest ns
	create_fails --bundle "$BUNDLE" d
	mentions "/ns/net is no namespace of that kind"
}

@test "inside: mounts, masks and sysctls are those of config.json" {
	mkdir "$RUN/volume" && echo text >"$RUN/volume/file"
	FILTER='.mounts += [{destination: "/v", type: "bind", source: "'"$RUN"'/volume", options: ["rbind", "ro", "nosuid"]},
			{destination: "/f", source: "'"$RUN"'/volume/file", options: ["bind"]},
			{destination: "/t", type: "tmpfs", options: ["ro", "size=64k", "noexec"]},
			{destination: "/t/below", type: "tmpfs"}] |
		.linux.maskedPaths += ["/v/file"] | .linux.sysctl = {"net.ipv4.ip_unprivileged_port_start": "42"}' \
		runs /guest all mounts "cat /f" "cat /v/file" "write /v/x y" "write /t/x y" "write /t/below/x y" \
		"cat /proc/sys/net/ipv4/ip_unprivileged_port_start" "write /x y" "write /proc/sys/kernel/sem 1" "ls /dev"
	grep -q ' /v ro,nosuid' <<<"$output"
	grep -q ' /t ro,noexec.*size=64k' <<<"$output"
	grep -q ' /dev rw,nosuid - tmpfs\| /dev rw,nosuid .* tmpfs' <<<"$output"
	grep -q ' /proc/sys ro' <<<"$output"
	[ "$(grep -cx text <<<"$output")" -eq 1 ]
	says 42
	[ "$(grep -c EROFS <<<"$output")" -eq 4 ]
}

@test "inside: a container of its own part of the cgroups, read-only, with its limits" {
	FILTER='.linux.resources += {memory: {limit: 33554432, swap: 33554432}, pids: {limit: 77}, cpu: {shares: 512}}' \
		bundle /guest sleep 1000
	oci create --bundle "$BUNDLE" c >/dev/null 2>&1 </dev/null
	if [ -d /sys/fs/cgroup/unified ]; then
		[ "$(cat "/sys/fs/cgroup/memory/$CG/c/memory.limit_in_bytes")" = 33554432 ]
		[ "$(cat "/sys/fs/cgroup/pids/$CG/c/pids.max")" = 77 ]
		inside=/sys/fs/cgroup/pids/pids.max
	else
		[ "$(cat "/sys/fs/cgroup/$CG/c/memory.max")" = 33554432 ]
		[ "$(cat "/sys/fs/cgroup/$CG/c/pids.max")" = 77 ]
		inside=/sys/fs/cgroup/pids.max
	fi
	oci start c
	[ "$(oci exec c /guest cat "$inside")" = 77 ]
	run oci exec c /guest write "$inside" 99
	mentions EROFS
	oci update --pids-limit 78 c
	[ "$(oci exec c /guest cat "$inside")" = 78 ]
	echo '{"pids": {"limit": 79}, "memory": {"limit": 67108864, "swap": 67108864}}' | oci update --resources - c
	[ "$(oci exec c /guest cat "$inside")" = 79 ]
	run -1 oci update --resources - c <<<'{"blockIO": {"weight": 5}}'
	mentions 'linux.resources.blockIO={"weight":5}: it is not supported'
}

@test "inside: devices are made, and open as the rules say" {
	# Number 240 is nobody's: who may open it hears ENXIO.
	FILTER='.process.capabilities.bounding += ["CAP_MKNOD"] | .linux.devices = [
			{path: "/dev/d/own", type: "c", major: 240, minor: 7, fileMode: 384, uid: 5, gid: 6},
			{path: "/dev/one", type: "c", major: 240, minor: 1},
			{path: "/dev/two", type: "c", major: 240, minor: 2}, {path: "/dev/fifo", type: "p"}] |
		.linux.resources.devices += [{allow: true, type: "c", major: 240, minor: 1, access: "r"}]' \
		runs /guest all "stat /dev/d/own" "stat /dev/fifo" "open r /dev/one" "open w /dev/one" \
		"open r /dev/two" "open r /dev/zero"
	says "/dev/d/own char 600 5 6 240:7"
	grep -q '^/dev/fifo .* 666 0 0' <<<"$output"
	says "/dev/one ENXIO"
	says "/dev/one EPERM"
	says "/dev/two EPERM"
	says "/dev/zero ok"
	# A rule that takes everything away again leaves the usual ones.
	FILTER='.linux.resources.devices += [{allow: true, access: "rwm"}, {allow: false, access: "rwm"}] |
		.linux.devices = [{path: "/dev/one", type: "c", major: 240, minor: 1}]' \
		runs /guest all "open r /dev/one" "open r /dev/zero"
	says "/dev/one EPERM"
	says "/dev/zero ok"
}

@test "inside: a filter of config.json confines the process and what is executed later" {
	FILTER='.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"],
		action: "SCMP_ACT_ERRNO", errnoRet: 99}]}' up
	output=$(oci exec c /guest all report "mkdir /dev/x")
	says "seccomp 2"
	says "/dev/x EADDRNOTAVAIL"
	FILTER='.linux.cgroupsPath += "2" | .linux.seccomp = {defaultAction: "SCMP_ACT_NOTIFY"}' bundle /guest
	create_fails --bundle "$BUNDLE" d
	mentions "config.json: linux.seccomp: profile: "
	mentions SCMP_ACT_NOTIFY
}

@test "inside: tmpcopyup begins a tmpfs with what the image has there, and follows no link" {
	mkdir -m 1751 "$BUNDLE/rootfs/t" && mkdir -m 711 "$BUNDLE/rootfs/t/d" && chown 3:4 "$BUNDLE/rootfs/t"
	echo image >"$BUNDLE/rootfs/t/d/file" && chown 5:6 "$BUNDLE/rootfs/t/d/file" && chmod 4755 "$BUNDLE/rootfs/t/d/file"
	touch -d @1000 "$BUNDLE/rootfs/t/d/file"
	head -c 3000000 /dev/zero >"$BUNDLE/rootfs/t/big"
	ln -s /etc/hostname "$BUNDLE/rootfs/t/link" && ln -s /t/d "$BUNDLE/rootfs/t/dir-link"
	mkfifo -m 620 "$BUNDLE/rootfs/t/fifo"
	COPY='.mounts += [{destination: "/t", type: "tmpfs", options: ["tmpcopyup", "nosuid", "size=8m"]}]'
	FILTER="$COPY" runs /guest all "stat /t" "stat /t/d" "stat /t/d/file" "stat /t/fifo" "stat /t/big" "readlink /t/link" \
		"readlink /t/dir-link" "cat /t/d/file" "cat /t/link"
	says "/t dir 1751 3 4 0:0"
	says "/t/d dir 711 0 0 0:0"
	says "/t/d/file file 4755 5 6 0:0"
	grep -q '^/t/fifo .* 620 0 0 ' <<<"$output"
	says /etc/hostname
	says /t/d
	says image
	says "/t/link ENOENT" # of the container's root, which has none
	# More than fits, what is no file, and what is too deep are told.
	FILTER="$COPY | .mounts[-1].options[2] = \"size=1m\"" bundle /guest exit 0
	refuses "mount /t: copy what is there: copy big: No space left on device"
	rm "$BUNDLE/rootfs/t/big"
	mknod "$BUNDLE/rootfs/t/node" c 1 3
	FILTER="$COPY" bundle /guest exit 0
	refuses "mount /t: copy what is there: node is a device"
	rm "$BUNDLE/rootfs/t/node"
	mkdir -p "$BUNDLE/rootfs/t/$(printf 'x/%.0s' {1..40})"
	refuses "x: more than 32 directories deep"
}

# attributes DIR: ACLs and capabilities of what is in it, and what else is there by name.
attributes() {
	"${PYTHON:-/usr/bin/python3}" - "$1" <<-'END'
		import os, sys
		for name in [".", "file", "dir", "fifo"]:
		    path = os.path.join(sys.argv[1], name)
		    print(name, oct(os.lstat(path).st_mode), sorted((n, os.getxattr(path, n)) for n in os.listxattr(path)))
	END
}

@test "inside: tmpcopyup keeps ACLs and capabilities, without which a copy would allow other than the file" {
	mkdir -p "$BUNDLE/rootfs/t/dir" && touch "$BUNDLE/rootfs/t/file" && mkfifo "$BUNDLE/rootfs/t/fifo"
	chown 1879048192 "$BUNDLE/rootfs/t/"*
	"${PYTHON:-/usr/bin/python3}" - "$BUNDLE/rootfs/t" <<-'END'
		import os, struct, sys
		os.chdir(sys.argv[1])
		# User 1879048193 may read and write, the owning group nothing: the mode says otherwise.
		entries = [(1, 6, 2**32 - 1), (2, 6, 1879048193), (4, 0, 2**32 - 1), (16, 6, 2**32 - 1), (32, 0, 2**32 - 1)]
		acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)
		for name in [".", "file", "dir", "fifo"]:
		    os.setxattr(name, "system.posix_acl_access", acl)
		os.setxattr("dir", "system.posix_acl_default", acl)
		os.setxattr("file", "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))
	END
	before=$(attributes "$BUNDLE/rootfs/t")
	COPY='.mounts += [{destination: "/t", type: "tmpfs", options: ["tmpcopyup"]}]'
	FILTER=$COPY up
	[ "$(attributes "/proc/$PID/root/t")" = "$before" ]
	[[ $before == *"file 0o100660 [('security.capability', "*", ('system.posix_acl_access', "*"dir 0o40660 "*posix_acl_default* ]]
	oci delete --force c
	# A capability of another user namespace is none in there; a mode that is asked for is the mask.
	chown -R 1879048192:1879048192 "$BUNDLE/rootfs"
	"${PYTHON:-/usr/bin/python3}" -c 'import os, sys, struct
os.setxattr(sys.argv[1], "security.capability", struct.pack("<IIIIII", 0x03000001, 1 << 10, 0, 0, 0, 7))' "$BUNDLE/rootfs/t/file"
	FILTER="$MAPPED | $COPY"' | .mounts[-1].options += ["mode=740"]' up
	[[ $(attributes "$BUNDLE/rootfs/t") == *security.capability* ]]
	before=$(attributes "$BUNDLE/rootfs/t" | grep -v "^[.]" | sed "s/('security.capability', b'[^']*'), //")
	[ "$(attributes "/proc/$PID/root/t" | grep -v "^[.]")" = "$before" ]
	[[ $(attributes "/proc/$PID/root/t") == *". 0o40740 [('system.posix_acl_access', "* ]]
}

# ---- exec ----

@test "exec: its status, its identity, its options; a process file" {
	FILTER='.process.oomScoreAdj = 55' up
	run -3 oci exec c /guest exit 3
	run -255 oci exec c /nothing
	mentions "/nothing: No such file or directory"
	output=$(oci exec --user 5:6 --additional-gids 9 --env A=b --cwd /dev --cap CAP_CHOWN c /guest report)
	says "uid 5 5 5 5"
	says "gid 6 6 6 6"
	says "groups 6 9"
	says "env A=b"
	says "cwd /dev"
	says "bounding 0000000020000421"
	says "oom_score_adj 55"
	grep -q "/$CG/c$" "/proc/$PID/cgroup"
	echo '{"args": ["/guest", "report"], "cwd": "/", "user": {"uid": 8}, "env": ["X=y"]}' >"$RUN/process"
	output=$(oci exec --process "$RUN/process" c)
	says "uid 8 8 8 8"
	says "env X=y"
	says "bounding 0000000000000000"
	says "oom_score_adj 55"
	oci exec --detach --pid-file "$RUN/exec.pid" c /guest sleep 1000 >/dev/null 2>&1 </dev/null
	grep -q "/$CG/c$" "/proc/$(cat "$RUN/exec.pid")/cgroup"
	[ "$(readlink "/proc/$(cat "$RUN/exec.pid")/ns/pid")" = "$(readlink "/proc/$PID/ns/pid")" ]
}

@test "exec: not in what is stopped or paused; pause and resume" {
	up
	oci pause c
	is paused
	run -255 oci exec c /guest exit 0
	mentions "cannot exec in a paused container"
	oci resume c
	is running
	oci exec c /guest exit 0
	oci pause c
	oci delete --force c # frozen or not
	run -255 oci exec c /guest exit 0
	mentions "does not exist"
}

@test "exec: nobody gets out by a working directory in /proc/self/fd" {
	FILTER='.process.cwd = "/proc/self/fd/7"' bundle /guest report
	refuses "/proc/self/fd/7"
	up
	for fd in 3 4 5 6 7 8 9; do
		run -255 oci exec --cwd "/proc/self/fd/$fd" c /guest report
	done
}

# ---- terminals ----

@test "terminal: its master comes by the console socket, its size is the one asked for" {
	FILTER='.process.terminal = true | .process.consoleSize = {height: 31, width: 77}' bundle /guest tty
	refuses "process.terminal=true: it needs --console-socket"
	long=$RUN/$(printf 'd%.0s' {1..120})
	mkdir "$long"
	"${PYTHON:-/usr/bin/python3}" "$BATS_TEST_DIRNAME/oci_console.py" "$long/sock" >"$RUN/said" 3>&- &
	console=$!
	wait_until test -S "$long/sock"
	oci create --bundle "$BUNDLE" --console-socket "$long/sock" c
	oci start c
	wait "$console"
	grep -q "yes 31x77" "$RUN/said"
}

# ---- hooks ----

@test "hooks: each kind in its place, with the state, and in its namespaces" {
	cat >"$RUN/hook" <<-'END'
		#!/bin/sh
		{ printf '%s ' "$1"; jq -c '[.id, .status, (.pid > 0)]'; readlink /proc/self/ns/mnt; } >>"$2"
	END
	chmod 755 "$RUN/hook"
	FILTER='def h($k): [{path: "'"$RUN"'/hook", args: ["hook", $k, "'"$RUN"'/log"]}];
		.hooks = {createRuntime: h("createRuntime"), createContainer: h("createContainer"), poststart: h("poststart"),
			poststop: h("poststop"), startContainer: [{path: "/guest", args: ["x", "mkdir", "/dev/by-hook"]}]}' \
		bundle /guest stat /dev/by-hook
	host=$(readlink /proc/self/ns/mnt)
	oci create --bundle "$BUNDLE" --pid-file "$RUN/pid" c >"$RUN/out" 2>&1 </dev/null
	inside=$(readlink "/proc/$(cat "$RUN/pid")/ns/mnt")
	[ "$(cat "$RUN/log")" = "createRuntime [\"c\",\"creating\",true]
$host
createContainer [\"c\",\"creating\",true]
$inside" ]
	: >"$RUN/log"
	oci start c
	wait_until is stopped
	grep -q "directory\|40755\|dir" "$RUN/out"
	oci delete c
	grep -q '^poststart \["c","' "$RUN/log"
	grep -q '^poststop \["c","stopped",false\]' "$RUN/log"
}

@test "hooks: one that fails or takes too long ends the creation, by name" {
	FILTER='.hooks.createRuntime = [{path: "/bin/false"}]' bundle /guest exit 0
	refuses "hooks.createRuntime[0]: /bin/false: exit status 1"
	FILTER='.hooks.prestart = [{path: "/bin/sleep", args: ["sleep", "1000"], timeout: 1}]' bundle /guest exit 0
	refuses "hooks.prestart[0]: /bin/sleep: not done after 1 s"
	FILTER='.hooks.createContainer = [{path: "/nothing"}]' bundle /guest exit 0
	refuses "hooks.createContainer[0]"
	FILTER='.hooks.poststop = [{path: "relative"}]' bundle /guest exit 0
	refuses 'hooks.poststop[0].path="relative": want an absolute path'
	FILTER='.hooks.poststart = [{path: "/bin/false"}]' bundle /guest sleep 1000
	oci create --bundle "$BUNDLE" c >/dev/null 2>&1 </dev/null
	run -1 oci start c
	mentions "hooks.poststart[0]: /bin/false: exit status 1"
	wait_until is stopped
}

# ---- what is refused, and by which words ----

# Each field of config.json: tests/unit/test_oci_config_refused.c.
@test "refused: what cannot be had, by its field and value, and nothing is left" {
	while IFS='~' read -r filter text; do
		FILTER=$filter bundle /guest exit 0
		refuses "$text" || { echo "($filter)"; return 1; }
	done <<-'END'
		.ociVersion = "2.0.0"~config.json: ociVersion="2.0.0": want a version 1
		.process.apparmorProfile = "not-there"~set security labels: AppArmor profile not-there:
		.process.selinuxLabel = "a:b:c:d"~set security labels: SELinux label a:b:c:d:
		.process.args = ["a\u0000b"]~config.json: process.args[0]=
		.process.rlimits = [{type: "RLIMIT_NONE", soft: 1, hard: 1}]~rlimit none:1:1: the kernel has no such limit
		.linux.namespaces += [{type: "time"}]~config.json: linux.namespaces[5].type="time": it is not supported
		.linux.namespaces += [{type: "pid"}]~plan: namespace=pid is given twice
		.linux.devices = [{path: "/etc/x", type: "c", major: 1, minor: 3}]~config.json: linux.devices[0].path="/etc/x": want a path below /dev
		.linux.sysctl = {"kernel.panic": "1"}~plan: sysctl=kernel.panic=1: want NAME=VALUE with the name of a sysctl
		.linux.namespaces -= [{type: "network"}] | .linux.sysctl = {"net.x": "1"}~plan: sysctl=net.x: the container uses the host's network namespace
		.linux.namespaces -= [{type: "uts"}]~plan: hostname and domainname need namespace=uts
		.linux.cgroupsPath = "/a/../b"~config.json: linux.cgroupsPath=/a/../b: cgroup path: ".." is no name
		.mounts += [{destination: "/a/../b", type: "tmpfs"}]~config.json: mounts[7].destination="/a/../b": want an absolute path
		.mounts += [{destination: "/a", source: "/tmp", options: ["bind", "tmpcopyup"]}]~config.json: mounts[7].options=["bind","tmpcopyup"]: tmpcopyup is for a tmpfs
		.mounts += [{destination: "/a", source: "/tmp", options: ["bind", "idmap"]}]~config.json: mounts[7]: mapped ids need a user namespace of the container
		.mounts += [{destination: "/", type: "tmpfs"}]~the target is the root itself
		.mounts += [{destination: "/proc/sys", type: "tmpfs"}]~mount /proc/sys: the target is inside /proc
		.root.path = "no"~config.json: root.path:
		.hostname = "bad name"~plan: hostname=bad name: want letters
	END
}

@test "refused: text that is no config.json, and options that are none" {
	printf '{"ociVersion": "1.0.0",' >"$BUNDLE/config.json"
	refuses "config.json: "
	printf '[]' >"$BUNDLE/config.json"
	refuses "config.json: want an object"
	printf '{"ociVersion": "1.0.0", "ociVersion": "1.0.0"}' >"$BUNDLE/config.json"
	refuses "ociVersion"
	rm "$BUNDLE/config.json"
	refuses "config.json"
	bundle /guest exit 0
	for option in --no-such --no-pivot --preserve-fds=x; do
		create_fails --bundle "$BUNDLE" $option c
		mentions "${option%=x}"
	done
	run -1 oci --cgroup-manager disabled create --bundle "$BUNDLE" c
	mentions "--cgroup-manager disabled: want cgroupfs or systemd"
	create_fails --bundle "$BUNDLE" c d
	mentions "d: no more arguments are wanted"
	run -1 oci frobnicate
	mentions "frobnicate: no such command"
	run -1 oci kill nobody SIGNONE
	mentions "SIGNONE: no such signal"
	run -1 oci state exec # an id
	run -255 oci exec nobody
	mentions "want a command or --process"
}

@test "ids: none leaves the root, none is hidden in it" {
	mkdir -p "$RUN/x" && echo keep >"$RUN/x/file"
	bundle /guest exit 0
	for id in ../x . .. a/b '' '/x' "a b" $'a\nb' '*' "$(printf 'a%.0s' {1..256})"; do
		for command in create "delete --force" kill state start; do
			# shellcheck disable=SC2086 # two words
			run -1 oci $command "$id"
			mentions 'container id "'
		done
	done
	[ "$(cat "$RUN/x/file")" = keep ]
	mkdir -p "$RUN/root" && chmod 700 "$RUN/root" && ln -s ../x "$RUN/root/link"
	echo '{"id": "link", "bundle": "/b", "rootfs": "/r", "cgroup": "/c/d", "created": "now", "pid": 0, "birth": 0}' >"$RUN/x/state.json"
	run -1 oci state link
	mentions "container link: Not a directory"
	oci delete --force link 2>/dev/null || :
	[ -e "$RUN/x/state.json" ]
	[ "$(cat "$RUN/x/file")" = keep ]
	rm -f "$RUN/root/link"
	chmod 777 "$RUN/root"
	run -1 oci state c
	mentions "others may write there"
	chmod 700 "$RUN/root"
	chown 1 "$RUN/root"
	run -1 oci state c
	mentions "others may write there"
	chown 0 "$RUN/root"
}

@test "hostile: /dev, /proc and /dev/console of the image as links; its device nodes" {
	mkdir -p "$BUNDLE/rootfs/etc"
	ln -s /etc "$BUNDLE/rootfs/dev"
	bundle /guest exit 0
	refuses "mount /dev: the target is a link"
	rm "$BUNDLE/rootfs/dev"
	rmdir "$BUNDLE/rootfs/proc"
	ln -s /etc "$BUNDLE/rootfs/proc"
	refuses "mount /proc: the target is a link"
	rm "$BUNDLE/rootfs/proc"
	mkdir "$BUNDLE/rootfs/dev"
	ln -s /etc/x "$BUNDLE/rootfs/dev/null"
	mknod "$BUNDLE/rootfs/zero" c 1 5
	runs /guest all "open r /zero" "open r /dev/zero" "stat /dev/null"
	mentions EACCES
	[ "$(grep -c EACCES <<<"$output")" -eq 1 ]
	[ ! -e "$BUNDLE/rootfs/etc/x" ]
}

# ---- what callers read ----

@test "callers: errors as JSON lines and as text in the log, version, features" {
	run -1 oci --log "$RUN/log" --log-format json state nobody
	[ "$(jq -r '.level, .msg' "$RUN/log")" = 'error
container "nobody" does not exist' ]
	jq -e '.time | fromdate' "$RUN/log"
	run -1 oci --log "$RUN/text" state nobody
	grep -q 'level=error msg="container \\"nobody\\" does not exist"' "$RUN/text"
	oci --version | grep -q '^spec: 1\.'
	oci features | jq -e '.linux.namespaces | index("pid")'
	oci --help | grep -q 'carpel-oci'
	for command in create start run state kill delete exec ps pause resume update list features; do
		oci "$command" --help | grep -q "^Usage: carpel-oci\|^       carpel-oci $command"
		grep -q "^\.It Cm .*$command" "$BATS_TEST_DIRNAME/../../runtime/oci/carpel-oci.8"
	done
}

# ---- a user namespace ----

MAPPED='.linux.namespaces += [{type: "user"}, {type: "cgroup"}] |
	.linux.uidMappings = [{containerID: 0, hostID: 1879048192, size: 65536}] | .linux.gidMappings = .linux.uidMappings'

@test "user namespace: the container's own, for all that is new, an exec and hooks" {
	chown -R 1879048192:1879048192 "$BUNDLE/rootfs"
	mkdir -m 755 "$RUN/volume" && echo text >"$RUN/volume/file" && chmod 600 "$RUN/volume/file"
	printf '#!/bin/sh\nreadlink /proc/self/ns/user >>%s\n' "$RUN/hook.log" >"$RUN/hook"
	chmod 755 "$RUN" "$RUN/hook" && touch "$RUN/hook.log" && chmod 666 "$RUN/hook.log"
	FILTER="$MAPPED"' | .process.capabilities.bounding += ["CAP_CHOWN", "CAP_DAC_OVERRIDE"] | .root.readonly = false |
		.linux.sysctl = {"net.ipv4.ip_unprivileged_port_start": "42", "kernel.shm_rmid_forced": "1"} |
		.linux.devices = [{path: "/dev/own", type: "c", major: 1, minor: 3, uid: 7, gid: 8}] |
		.hooks = {createRuntime: [{path: "'"$RUN"'/hook"}], createContainer: [{path: "'"$RUN"'/hook"}],
			startContainer: [{path: "/guest", args: ["x", "mkdir", "/dev/by-hook"]}]} |
		.mounts += [{destination: "/v", type: "bind", source: "'"$RUN"'/volume", options: ["bind", "idmap"]},
			{destination: "/plain", type: "bind", source: "'"$RUN"'/volume", options: ["rbind", "ro"]}]' up
	output=$(oci exec c /guest all report ns "cat /proc/self/uid_map" "cat /proc/sys/kernel/shm_rmid_forced" "cat /v/file" \
		"write /v/new x" "stat /v/file" "stat /plain/file" "cat /plain/file" "stat /dev/own" "stat /dev/by-hook" \
		"stat /dev/mqueue" "stat /dev/null" "write /root-file x" "write /proc/sys/kernel/sem 1" "open r /dev/zero" "cat /proc/1/oom_score_adj")
	says "uid 0 0 0 0"
	says "         0 1879048192      65536"
	says 1
	says text
	for kind in user net ipc uts pid mnt cgroup; do
		inside=$(readlink "/proc/$PID/ns/$kind")
		says "$kind $inside"
		[ "$inside" != "$(readlink "/proc/self/ns/$kind")" ]
		"${PYTHON:-/usr/bin/python3}" - "/proc/$PID/ns/$kind" "/proc/$PID/ns/user" <<-'PY'
			import fcntl, os, sys
			NS_GET_USERNS = 0xb701
			if not sys.argv[1].endswith("/user"):
			    owner = fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), NS_GET_USERNS)
			    sys.exit(os.fstat(owner).st_ino != os.stat(sys.argv[2]).st_ino)
		PY
	done
	says "/v/file file 600 0 0 0:0"
	says "/plain/file file 600 65534 65534 0:0"
	says "/plain/file EACCES"
	says "/dev/own char 666 7 8 1:3"
	says "/dev/null char 666 0 0 1:3"
	says "/dev/by-hook dir 755 0 0 0:0"
	says "/dev/mqueue dir 1777 0 0 0:0"
	says "/root-file ok"
	says "/proc/sys/kernel/sem EROFS"
	says "/dev/zero ok"
	[ "$(stat -c %u:%g "$RUN/volume/new" "$BUNDLE/rootfs/root-file")" = "0:0
1879048192:1879048192" ]
	[ "$(sed -n 's/^Uid:\t//p' "/proc/$PID/status")" = "$(printf '1879048192\t1879048192\t1879048192\t1879048192')" ]
	[ "$(cat "$RUN/hook.log")" = "$(readlink /proc/self/ns/user)
$(readlink "/proc/$PID/ns/user")" ]
}

@test "user namespace: what would be weaker than asked is refused" {
	chown -R 1879048192:1879048192 "$BUNDLE/rootfs"
	while IFS='~' read -r filter text; do
		FILTER="$MAPPED | $filter" bundle /guest exit 0
		refuses "$text" || { echo "($filter)"; return 1; }
	done <<-'END'
		.linux.uidMappings = []~config.json: linux.uidMappings=[]: a user namespace needs them
		.linux.gidMappings = null~config.json: linux.gidMappings=null: a user namespace needs them
		.linux.namespaces -= [{type: "user"}]~config.json: linux.uidMappings=[{"containerID":0,"hostID":1879048192,"size":65536}]: they need a user namespace
		.linux.uidMappings[0].containerID = 1~plan: uid-map does not map id 0
		.linux.uidMappings += [{containerID: 70000, hostID: 1879048193, size: 1}]~plan: uid-map=70000:1879048193:1: it overlaps one before it
		.linux.uidMappings[0].size = 4294967295~plan: uid-map=0:1879048192:4294967295: want
		.process.user.uid = 65536~resolve user: uid 65536 is not in the user namespace
		.process.user.additionalGids = [70000]~resolve user: group 70000 is not in the user namespace
		.linux.devices = [{path: "/dev/x", type: "c", major: 1, minor: 3, uid: 65536}]~its owner is not in the user namespace
		(.mounts[] | select(.destination == "/dev").options) += ["gid=65536"]~make devices: gid=65536 is not in the user namespace
		.linux.namespaces -= [{type: "network"}]~mount /sys: new sysfs
		.linux.namespaces -= [{type: "pid"}]~mount /proc: new proc
		.mounts += [{destination: "/a", source: "/proc", options: ["bind", "idmap"]}]~copy mounts: /proc: map the ids of the mount
		.mounts += [{destination: "/a", source: "/tmp", options: ["bind", "rshared"]}]~plan: mount of /a: shared excludes uid-map
	END
}

@test "mounts: ids of their own, with and without a user namespace; no others get in" {
	mkdir -m 755 "$RUN/volume" && touch "$RUN/volume/file" "$RUN/volume/five" && chown 5:5 "$RUN/volume/five"
	FILTER='.mounts += [{destination: "/a", type: "bind", source: "'"$RUN"'/volume", options: ["bind"],
			uidMappings: [{containerID: 0, hostID: 1000, size: 1}, {containerID: 5, hostID: 1001, size: 1}],
			gidMappings: [{containerID: 0, hostID: 2000, size: 6}]},
		{destination: "/b", type: "bind", source: "'"$RUN"'/volume", options: ["rbind", "idmap=uids=0-7-1#5-9-1;gids=5-8-1"]},
		{destination: "/c", type: "bind", source: "'"$RUN"'/volume", options: ["rbind", "ro"]}]' \
		runs /guest all "stat /a/file" "stat /a/five" "stat /b/file" "stat /b/five" "stat /c/five" "write /a/new x"
	says "/a/file file 644 1000 2000 0:0"
	says "/a/five file 644 1001 2005 0:0"
	says "/b/file file 644 7 65534 0:0"
	says "/b/five file 644 9 8 0:0"
	says "/c/five file 644 5 5 0:0"
	says "/a/new EOVERFLOW"
	[ ! -e "$RUN/volume/new" ]
	chown -R 1879048192:1879048192 "$BUNDLE/rootfs"
	FILTER="$MAPPED"' | .mounts += [{destination: "/a", type: "bind", source: "'"$RUN"'/volume", options: ["bind"],
			uidMappings: [{containerID: 5, hostID: 1879048192, size: 1}],
			gidMappings: [{containerID: 5, hostID: 1879048199, size: 1}]},
		{destination: "/b", type: "bind", source: "'"$RUN"'/volume", options: ["bind", "ridmap=uids=@0-3-9;gids=@0-4-9"]}] |
		(.mounts[] | select(.destination == "/dev").options) += ["uid=7", "gid=8"]' \
		runs /guest all "stat /a/five" "stat /b/five" "write /b/new x" "stat /b/new" "stat /b/file" "stat /dev" "stat /dev/null"
	says "/a/five file 644 0 7 0:0"
	says "/b/five file 644 8 9 0:0"
	says "/b/file file 644 3 4 0:0"
	says "/dev dir 755 7 8 0:0"
	says "/dev/null char 666 0 0 1:3"
	says "/b/new EOVERFLOW" # of root, which is none of theirs
}

# launch_joined ROOTFS NAMESPACE FIRST: carpel-launch on a plan whose ids begin at FIRST there; what it reports.
launch_joined() {
	"${PYTHON:-/usr/bin/python3}" - "$CARPEL_BIN/carpel-launch" "$@" <<-'END'
		import os, signal, socket, subprocess, sys
		launch, rootfs, namespace, first = sys.argv[1:]
		result, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		listener.bind("")
		listener.listen()
		plan = ["kind=bundle", "id=b", "result-fd=%d" % theirs.fileno(), "start-fd=%d" % listener.fileno(),
		        "uid-map=0:%s:65536" % first, "gid-map=0:1879048192:65536", "namespace=user:" + namespace,
		        "namespace=ipc", "rootfs=" + rootfs, "arg=/guest"]
		read, write = os.pipe()
		os.write(write, b"".join(line.encode() + b"\0" for line in plan))
		os.close(write)
		child = subprocess.Popen([launch], pass_fds=(3, theirs.fileno(), listener.fileno()),
		                         preexec_fn=lambda: os.dup2(read, 3, inheritable=True))
		theirs.close()
		listener.close()
		report, started, _, _ = socket.recv_fds(result, 65536, 1)
		for pidfd in started:
		    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
		print(report.split(b"bundle b: ")[-1].split(b"\0")[0].decode(errors="replace"))
		child.wait()
	END
}

is_nested() { [ "$(cat "/proc/$1/comm")" = sleep ]; }

@test "user namespace: one at a path is joined, with its ids, by the process, its mounts, an exec and hooks" {
	chown -R 1879048192:1879048192 "$BUNDLE/rootfs"
	FILTER="$MAPPED" up
	mkdir -m 755 "$RUN/volume" && echo text >"$RUN/volume/file" && chmod 600 "$RUN/volume/file"
	ln -s "/proc/$PID/ns/user" "$RUN/user"
	JOINED='.linux.namespaces += [{type: "user", path: "'"$RUN"'/user"}] | .linux.cgroupsPath += "2"'
	FILTER="$JOINED"' | .linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}] | .root.readonly = false |
		.linux.namespaces = [.linux.namespaces[] | if .type == "ipc" then .path = "/proc/'"$PID"'/ns/ipc" else . end] |
		.hooks.startContainer = [{path: "/guest", args: ["x", "mkdir", "/dev/by-hook"]}] |
		.mounts += [{destination: "/v", type: "bind", source: "'"$RUN"'/volume", options: ["bind", "idmap"]}]' \
		bundle /guest all report ns "cat /proc/self/uid_map" "stat /v/file" "stat /dev/null" "write /file x" "stat /dev/by-hook"
	output=$(oci run --bundle "$BUNDLE" d)
	for kind in user ipc; do says "$kind $(readlink "/proc/$PID/ns/$kind")"; done
	! grep -qxF "net $(readlink "/proc/$PID/ns/net")" <<<"$output" || return
	says "uid 0 0 0 0"
	says "         0 1879048192      65536"
	says "/v/file file 600 0 0 0:0"
	says "/dev/null char 666 0 0 1:3"
	says "/dev/by-hook dir 755 0 0 0:0"
	[ "$(stat -c %u:%g "$BUNDLE/rootfs/file")" = 1879048192:1879048192 ]
	FILTER="$JOINED | .linux.uidMappings = [{containerID: 0, hostID: 5, size: 65536}]" bundle /guest exit 0
	create_fails --bundle "$BUNDLE" d
	mentions 'linux.uidMappings=[{"containerID":0,"hostID":5,"size":65536}]: they are not those of the user namespace that is there'
	[ "$(launch_joined "$BUNDLE/rootfs" "/proc/$PID/ns/user" 5)" = "enter user namespace: the pod's uid_map is not what the plan says" ]
	# The one whose it was may end first.
	FILTER="$JOINED | .linux.uidMappings = [{containerID: 0, hostID: 1879048192, size: 65536}]" bundle /guest sleep 1000
	oci create --bundle "$BUNDLE" --pid-file "$RUN/pid" d >"$RUN/out" 2>&1 </dev/null
	oci start d
	user=$(readlink "/proc/$PID/ns/user")
	oci delete --force c
	rm "$RUN/user"
	output=$(oci exec d /guest all report ns)
	says "user $user"
	says "uid 0 0 0 0"
	oci delete --force d

	unshare --user --map-root-user unshare --user sleep 1000 3>&- &
	nested=$!
	wait_until is_nested "$nested"
	while IFS='~' read -r path text; do
		FILTER=".linux.namespaces += [{type: \"user\", path: \"$path\"}]" bundle /guest exit 0
		refuses "$text" || { echo "($path)"; return 1; }
	done <<-END
		/proc/self/ns/user~linux.namespaces: user namespace /proc/self/ns/user: it is the user namespace of the host
		/proc/self/ns/net~linux.namespaces: user namespace /proc/self/ns/net: it is no user namespace
		$RUN/none~open user namespace $RUN/none: No such file or directory
		/proc/$nested/ns/user~it is no child of the host's user namespace
		/dev/null~user namespace /dev/null: it is no user namespace
	END
	kill "$nested"
}
