#!/usr/bin/env bats
# A pod's user namespace, by carpel-launch itself: whose ids files and processes have, what is still
# denied to its root, and what fails closed.  Security tests T23, and T14, T20, T21 again inside.

# Each test has a shell of its own, and a dollar in single quotes is meant.
# shellcheck disable=SC2016,SC2030,SC2031

load lib/launch

BASE=1879048192
MAPS=("uid-map=0:$BASE:65536" "gid-map=0:$BASE:65536")

setup() {
	launch_setup
}

teardown() {
	launch_teardown
}

# mapped NAME: its writable layer, as carpeld makes it.
mapped() {
	mkdir -p "$RUN/$1.upper" "$RUN/$1.work"
	chown "$BASE:$BASE" "$RUN/$1.upper" "$RUN/$1.work"
}

# inside NAME RECORD… -- ARGS…: a container of the namespace, run to its end.
inside() {
	mapped "$1"
	guest "$1" "${MAPS[@]}" "${@:2}"
}

# owner FILE…: as the host sees it.
owner() { stat -c %u:%g "$@"; }

@test "userns: the pod's namespaces belong to it, and pause is nobody on the host" {
	sandbox "${MAPS[@]}" sysctl=net.ipv4.ip_unprivileged_port_start=42 sysctl=kernel.shm_rmid_forced=1
	[ "$(tr -s ' ' <"/proc/$PAUSE/uid_map")" = " 0 $BASE 65536" ]
	[ "$(tr -s ' ' <"/proc/$PAUSE/gid_map")" = " 0 $BASE 65536" ]
	for id in Uid Gid; do
		[ "$(sed -n "s/^$id:\t//p" "/proc/$PAUSE/status")" = "$(printf '%s\t%s\t%s\t%s' $BASE $BASE $BASE $BASE)" ]
	done
	[ "$(sed -n 's/^Cap...:\t0*//p' "/proc/$PAUSE/status" | tr -d '\n')" = "" ]
	for ns in net ipc uts pid; do
		python3 - "/proc/$PAUSE/ns/$ns" "/proc/$PAUSE/ns/user" <<-'PY'
			import fcntl, os, sys
			NS_GET_USERNS = 0xb701
			owner = fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), NS_GET_USERNS)
			sys.exit(os.fstat(owner).st_ino != os.stat(sys.argv[2]).st_ino)
		PY
	done
	output=$(inside c -- /guest all ns "cat /proc/self/uid_map /proc/sys/kernel/shm_rmid_forced /proc/sys/net/ipv4/ip_unprivileged_port_start" report)
	says "user $(readlink "/proc/$PAUSE/ns/user")"
	lacks "user $(readlink /proc/self/ns/user)"
	says "         0 $BASE      65536"
	says 1
	says 42
	says "hostname podhost"
}

@test "userns: a container and an exec have the filter, the capabilities and the limits of any other" {
	sandbox "${MAPS[@]}"
	output=$(inside c -- /guest report)
	for i in "pid 1" "uid 0 0 0 0" "gid 0 0 0 0" "groups 0" "inheritable 0000000000000000" \
		"permitted 0000000000000$NINE" "effective 0000000000000$NINE" \
		"bounding 0000000000000$NINE" "ambient 0000000000000000" "no_new_privs 1" "seccomp 2" \
		"fds 0 1 2" "limit_core 0 0" "limit_nofile 1024 $(ulimit -Hn | awk '{ print ($1 == "unlimited" || $1 > 524288) ? 524288 : $1 }')"; do
		says "$i"
	done
	mapped d
	container d "${MAPS[@]}" -- /guest sleepy
	output=$(execute e "$CTR" "${MAPS[@]}" user=1000:1000 group=7 -- /guest all report ns "cat /proc/self/uid_map")
	says "exited 0"
	for i in "uid 1000 1000 1000 1000" "gid 1000 1000 1000 1000" "groups 7 1000" \
		"permitted 0000000000000000" "bounding 0000000000000$NINE" "ambient 0000000000000000" \
		"no_new_privs 1" "seccomp 2" "user $(readlink "/proc/$PAUSE/ns/user")" \
		"cgroup $(readlink "/proc/$CTR/ns/cgroup")" "         0 $BASE      65536"; do
		says "$i"
	done
}

@test "userns: files of the image and of volumes keep their ids on the host" {
	mkdir "$RUN/rootfs/mine" "$RUN/vol" "$RUN/plain"
	echo image >"$RUN/rootfs/mine/f"
	chown 0:0 "$RUN/rootfs/mine" "$RUN/rootfs/mine/f"
	echo x >"$RUN/vol/of7"
	chown 7:8 "$RUN/vol/of7"
	chmod 600 "$RUN/vol/of7"
	echo x >"$RUN/plain/root"
	chmod 644 "$RUN/plain/root"
	sandbox "${MAPS[@]}"
	output=$(inside c "mount=idmap,$RUN/vol:/vol" "mount=$RUN/plain:/plain" cwd=/made/dir -- /guest all \
		"stat / /mine/f /vol /vol/of7 /plain/root /made/dir /dev /dev/null /dev/shm /dev/mqueue /dev/fd" \
		"write /mine/f new" "write /vol/new x" "write /root-file x" "write /plain/root x" "write /dev/shm/s x" "mq put /q x" "cat /vol/of7")
	for i in "/ dir 755 0 0 0:0" "/mine/f file 644 0 0 0:0" "/vol dir 755 0 0 0:0" \
		"/vol/of7 file 600 7 8 0:0" "/plain/root file 644 65534 65534 0:0" "/made/dir dir 755 0 0 0:0" \
		"/dev dir 755 0 0 0:0" "/dev/null char 666 0 0 1:3" "/dev/shm dir 1777 0 0 0:0" \
		"/dev/mqueue dir 1777 0 0 0:0" "/dev/fd link 777 0 0 0:0" "/mine/f ok" "/vol/new ok" "/root-file ok" "/dev/shm/s ok" "mq ok" x \
		"/plain/root EACCES"; do # the last: of the host's root, and not mapped
		says "$i"
	done
	[ "$(owner "$RUN/vol/new")" = 0:0 ]
	[ "$(owner "$RUN/rootfs/mine/f")" = 0:0 ]
	[ "$(cat "$RUN/rootfs/mine/f")" = image ]
	for f in mine/f root-file made/dir; do
		[ "$(owner "$RUN/c.upper/$f")" = $BASE:$BASE ]
	done
}

@test "userns: a volume that the sandbox holds belongs to the pod's root" {
	sandbox "${MAPS[@]}" volume=65536:9:v
	mapped a
	container a "${MAPS[@]}" mount=volume,/v:/v -- /guest sleepy
	output=$(inside b mount=volume,/v:/v mount=volume,ro,/v/sub:/s -- /guest all "stat /v" "write /v/f x" "write /s/f x" mounts)
	says "/v dir 3777 0 9 0:0"
	says "/v/f ok"
	says "/s/f EROFS"
	grep -q ' / /v rw,nosuid,nodev,' <<<"$output"
	[ "$(owner "/proc/$CTR/root/v" "/proc/$CTR/root/v/f" | tr '\n' ' ')" = "$BASE:$((BASE + 9)) $BASE:$((BASE + 9)) " ]
	output=$(printf '%s\n' kind=sandbox id=p "pause=$CARPEL_BIN/carpel-pause" "${MAPS[@]}" volume=4096:65536:w | driver run)
	says "failed code=EINVAL exit=128 sandbox p: make volumes: volume w: group 65536 is not in the user namespace"
}

@test "userns: its root has no power over the machine: cgroups, sysctls, devices, masks" {
	sandbox "${MAPS[@]}"
	output=$(inside c -- /guest all "write /sys/fs/cgroup/cgroup.procs 0" "append /proc/sys/kernel/core_pattern x" \
		"append /proc/sys/vm/overcommit_memory 1" "try mknod mount unshare-net" "append /dev/null x" \
		"stat /dev/null /proc/keys /proc/timer_list" "write /sys/kernel/x y")
	for i in "mknod EPERM" "mount EPERM" "/proc/sys/kernel/core_pattern EACCES" "/proc/sys/vm/overcommit_memory EACCES" "/dev/null ok" \
		"/proc/keys char 666 0 0 1:3" "/proc/timer_list char 666 0 0 1:3"; do
		says "$i"
	done
	grep -q '^/sys/fs/cgroup/cgroup.procs E' <<<"$output"
}

@test "userns: who would not be where the plan says is not started" {
	mapped c
	other=("uid-map=0:$((BASE + 65536)):65536" "gid-map=0:$((BASE + 65536)):65536")
	sandbox "${MAPS[@]}"
	output=$(fails c -- /guest report)
	mentions "enter user namespace: the pod has one and the plan has no uid-map"
	output=$(fails c "${other[@]}" -- /guest report)
	mentions "enter user namespace: the pod's uid_map is not what the plan says"
	output=$(fails c "${MAPS[@]}" user=65536 -- /guest report)
	mentions "resolve user: uid 65536 is not in the user namespace"
	output=$(fails c "${MAPS[@]}" group=70000 -- /guest report)
	mentions "resolve user: group 70000 is not in the user namespace"
	output=$(fails c "${MAPS[@]}" "mount=idmap,/sys/kernel:/m" -- /guest report)
	mentions "copy mounts: /sys/kernel: map the ids of the mount: mount_setattr: Invalid argument"
	container c "${MAPS[@]}" -- /guest sleepy
	output=$(execute e "$CTR" -- /guest report)
	mentions "enter user namespace: the pod has one and the plan has no uid-map"
	output=$(execute e "$CTR" "${other[@]}" -- /guest report)
	mentions "the pod's uid_map is not what the plan says"
}

@test "userns: a plan with maps starts nothing in a pod without" {
	sandbox
	output=$(fails c "${MAPS[@]}" -- /guest report)
	mentions "container c: enter user namespace: setns: Invalid argument"
}

# Whoever carries a plan out may die at any instant: nothing of it is left, and nobody is seen inside a
# namespace without a map or, in the pod's cgroup, outside of it.
@test "userns: nobody in the pod's cgroups is ever outside its namespace or inside without a map" {
	mkfifo "$RUN/ready"
	python3 - "$V2/$CG" "$RUN/seen" "$RUN/ready" <<-'PY' &
		import os, sys, time
		top, out, ready = sys.argv[1:]
		os.makedirs(top, exist_ok=True)
		open(ready, "w").close()
		seen = set()
		is_last = False
		while not is_last:
		    is_last = os.path.exists(out + ".stop")
		    for directory, _, names in os.walk(top):
		        try:
		            for pid in open(directory + "/cgroup.procs").read().split():
		                seen.add(open("/proc/%s/uid_map" % pid).read().strip())
		        except OSError:
		            pass
		open(out, "w").write("\n".join(sorted(" ".join(m.split()) or "none" for m in seen)) + "\n")
	PY
	watcher=$!
	cat "$RUN/ready"
	sandbox "${MAPS[@]}"
	for i in 1 2 3 4 5; do
		inside "c$i" -- /guest report >/dev/null
	done
	mapped d
	container d "${MAPS[@]}" -- /guest sleepy
	for i in 1 2 3 4 5; do
		execute "e$i" "$CTR" "${MAPS[@]}" -- /guest report >/dev/null
	done
	touch "$RUN/seen.stop" # pause and d are still there to be seen
	wait "$watcher"
	[ "$(cat "$RUN/seen")" = "0 $BASE 65536" ]
}
