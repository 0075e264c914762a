#!/usr/bin/env bats
# Devices of a container, by carpel-launch by hand: which nodes it sees, and which the kernel lets it
# open.  Set-up and words: lib/launch.bash; the program inside: tests/bin/guest.c.

# Each test has a shell of its own.
# shellcheck disable=SC2030,SC2031

load lib/launch

WITH_MKNOD=80005fb # the usual capabilities and CAP_MKNOD

setup() {
	launch_setup
	# One that no container has by itself, which opens for all and does nothing.
	MINOR=$(awk '$2 ~ /^(fuse|loop-control|autofs|cpu_dma_latency)$/ { print $1; exit }' /proc/misc)
	[ -n "$MINOR" ]
	mkdir "$RUN/host"
	mknod "$RUN/host/misc" c 10 "$MINOR"
	chmod 640 "$RUN/host/misc"
}

teardown() {
	launch_teardown
}

# is_empty NAME: nobody is in its cgroup any more.
is_empty() {
	driver tee "$V2/$CG/$1/cgroup.events" 'populated 0'
}

look() { stat -c '%a %u:%g %t:%T' "$1"; }

@test "devices: only the usual ones open, whatever a container may make" {
	sandbox
	output=$(guest c caps=$WITH_MKNOD -- /guest all "mknod /dev/m c10.$MINOR" "open r /dev/m" "open w /dev/m" \
		"mknod /dev/disk b8.0" "open r /dev/disk" "mknod /dev/mem c1.1" "open rw /dev/mem" \
		"mknod /dev/nil c1.3" "open rw /dev/nil" "open rw /dev/ptmx" "open r /dev/urandom" "open w /dev/full")
	says "/dev/m ok"
	[ "$(grep -c ^/dev/m.EPERM <<<"$output")" = 2 ]
	says "/dev/disk EPERM"
	says "/dev/mem EPERM"
	lacks "/dev/nil E"
	says "/dev/ptmx ok"
	says "/dev/urandom ok"
	says "/dev/full ok"
	# who may not make nodes does not get that far
	output=$(guest d -- /guest all "mknod /dev/nil c1.3")
	says "/dev/nil EPERM"
}

@test "devices: an exec is under the rules of its container" {
	sandbox
	container c caps=$WITH_MKNOD "device=r,$RUN/host/misc:/dev/m" -- /guest sleep 1000
	mkdir "$V2/$CG/c/exec"
	output=$(execute x "$CTR" caps=$WITH_MKNOD "cgroup-v2=$V2/$CG/c/exec" -- /guest all "open r /dev/m" "open w /dev/m" \
		"mknod /dev/disk b8.0" "open r /dev/disk")
	says "/dev/m ok"
	says "/dev/m EPERM"
	says "/dev/disk EPERM"
}

@test "devices: what is asked for opens as far as it is allowed, and stays the host's" {
	sandbox
	before=$(look "$RUN/host/misc")
	output=$(guest c "device=rw,$RUN/host/misc:/dev/a/b/m" "device=r,$RUN/host/misc:/dev/r" \
		"device=$RUN/host/misc:/dev/none" -- /guest all "stat /dev/a/b/m" "open rw /dev/a/b/m" \
		"chmod /dev/a/b/m 666" "chown /dev/a/b/m 5" "ls /dev")
	says "/dev/a/b/m char 640 0 0 10:$MINOR"
	says "/dev/a/b/m ok"
	[ "$(grep -c '^/dev/a/b/m EROFS' <<<"$output")" = 2 ]
	[ "$(look "$RUN/host/misc")" = "$before" ]
	output=$(guest d "device=r,$RUN/host/misc:/dev/r" -- /guest all "open r /dev/r" "open w /dev/r" "open rw /dev/r")
	says "/dev/r ok"
	[ "$(grep -c '^/dev/r EPERM' <<<"$output")" = 2 ]
	output=$(guest e "device=w,$RUN/host/misc:/dev/w" "device=$RUN/host/misc:/dev/none" -- /guest all \
		"open w /dev/w" "open r /dev/none")
	says "/dev/w ok"
	says "/dev/none EPERM"
	# the node of the one next door is not this one's
	output=$(guest f -- /guest all "stat /dev/r" "ls /dev")
	says "/dev/r ENOENT"
}

@test "devices: a link is followed on the host, a directory brings its devices" {
	sandbox
	ln -s misc "$RUN/host/link"
	mkdir -p "$RUN/host/dir/sub/pts" "$RUN/host/dir/shm"
	mknod "$RUN/host/dir/one" c 10 "$MINOR"
	mknod "$RUN/host/dir/sub/two" c 10 "$MINOR"
	mknod "$RUN/host/dir/shm/not" c 10 "$MINOR"
	echo text >"$RUN/host/dir/file"
	output=$(guest c "device=rw,$RUN/host/link:/dev/m" "device=rw,$RUN/host/dir:/dev/many" -- /guest all \
		"open rw /dev/m" "open rw /dev/many/one" "open rw /dev/many/sub/two" "ls /dev/many")
	says "/dev/m ok"
	says "/dev/many/one ok"
	says "/dev/many/sub/two ok"
	lacks shm
	lacks file
	# anywhere, after volumes, and on one
	mkdir -p "$RUN/vol"
	output=$(guest d "mount=$RUN/vol:/vol" "device=rw,$RUN/host/misc:/vol/x/m" "device=r,$RUN/host/misc:/data/m" \
		read-only-root=1 -- /guest all "open rw /vol/x/m" "open r /data/m")
	says "/vol/x/m ok"
	says "/data/m ok"
}

@test "devices: a node of its own has the mode, the owner and the number of the plan" {
	sandbox
	output=$(guest c "device=rw,mode=606,uid=7,gid=8,$RUN/host/misc:/dev/m" "device=r,mode=644,c10.$MINOR:/dev/x/m" \
		"device=p:/dev/fifo" "device=mode=600,c1.5:/dev/zero" "device=uid=9,b7.0:/dev/loop" -- /guest all \
		"stat /dev/m /dev/x/m /dev/fifo /dev/zero /dev/loop" "open rw /dev/m" "open r /dev/x/m" "open r /dev/loop" \
		"chmod /dev/m 600")
	says "/dev/m char 606 7 8 10:$MINOR"
	says "/dev/x/m char 644 0 0 10:$MINOR"
	says "/dev/zero char 600 0 0 1:5"
	says "/dev/loop block 666 9 0 7:0"
	mentions "/dev/fifo other 666 0 0"
	says "/dev/x/m ok"
	says "/dev/loop EPERM"
	lacks "/dev/m E"
	[ "$(look "$RUN/host/misc")" = "640 0:0 a:$(printf %x "$MINOR")" ]
}

@test "devices: rules are in their order, after the usual ones and before the devices' own" {
	sandbox
	output=$(guest c "device-rule=deny,a,*.*,rwm" "device-rule=allow,c,1.*,r" "device-rule=deny,c,1.8,r" \
		"device=rw,$RUN/host/misc:/dev/m" -- /guest all "open r /dev/zero" "open w /dev/zero" "open r /dev/random" \
		"open r /dev/tty" "open r /dev/m" "open rw /dev/m")
	says "/dev/zero ok"
	says "/dev/zero EPERM"
	says "/dev/random EPERM"
	says "/dev/tty EPERM"
	says "/dev/m ok"
	lacks "/dev/m E"
	output=$(guest d "device-rule=allow,a,*.*,rwm" caps=$WITH_MKNOD -- /guest all "mknod /dev/m c10.$MINOR" "open rw /dev/m")
	lacks "/dev/m E"
}

@test "devices: a cgroup that is used again has the rules of its last use, however often; of all who are in it" {
	sandbox
	plan_container c "device-rule=deny,c,1.5,rw" -- /guest exit 0 | driver each 66 >"$RUN/lines"
	[ "$(sort "$RUN/lines" | uniq -c | xargs)" = "66 started ended" ]
	driver exits "$PAUSE" 66 >/dev/null # or guest would take one of these for its own end
	is_empty c
	output=$(guest c "device-rule=deny,c,1.7,w" "device=rw,$RUN/host/misc:/dev/m" -- \
		/guest all "open rw /dev/zero" "open rw /dev/m" "open w /dev/full")
	lacks "/dev/zero E"
	lacks "/dev/m E"
	says "/dev/full EPERM"
	is_empty c
	output=$(guest c privileged=1 -- /guest open w /dev/full)
	says "/dev/full ok"
	# Who shares one is not let out of what holds for the other.
	container c "device-rule=deny,c,1.5,rw" -- /guest sleep 1000
	output=$(guest d "cgroup-v2=$V2/$CG/c" -- /guest all "open r /dev/zero" "open r /dev/full")
	says "/dev/zero EPERM"
	says "/dev/full ok"
}

@test "devices: a privileged container has all of them, and what is asked for besides" {
	sandbox
	output=$(guest c privileged=1 caps=$WITH_MKNOD "device=$RUN/host/misc:/dev/mine" -- /guest all "open rw /dev/mine" "mknod /dev/m c10.$MINOR" \
		"open rw /dev/m")
	says "/dev/mine ok"
	says "/dev/m ok"
	lacks "/dev/m E"
}

@test "devices: what is no device, or cannot be put there, is refused by name" {
	sandbox
	echo text >"$RUN/host/file"
	mkdir "$RUN/host/empty"
	output=$(fails a "device=rw,$RUN/host/file:/dev/x" -- /guest exit 0)
	mentions "container a: make devices: device $RUN/host/file: it is no device and no directory of devices"
	output=$(fails b "device=rw,$RUN/host/empty:/dev/x" -- /guest exit 0)
	mentions "device $RUN/host/empty: the directory has no devices"
	output=$(fails c "device=rw,$RUN/host/none:/dev/x" -- /guest exit 0)
	mentions "device $RUN/host/none: open it: No such file or directory"
	output=$(fails d "device=mode=600,$RUN/host/misc:/data/x" -- /guest exit 0)
	mentions "/data/x: a node of its own is made below /dev only"
	output=$(fails e "device=c10.$MINOR:/dev/null" -- /guest exit 0)
	mentions "device c10.$MINOR: something else has its name"
	output=$(fails f "device=rw,$RUN/host/misc:/dev/fd/x" -- /guest exit 0)
	mentions "device /dev/fd/x:"
	output=$(fails g "device=c10.$MINOR:/dev/fd/../../../x" -- /guest exit 0) || :
	[ ! -e /x ]
	for i in $(seq 65); do mknod "$RUN/host/empty/$i" c 10 "$MINOR"; done
	output=$(fails h "device=$RUN/host/empty:/dev/"{w,x,y,z} -- /guest exit 0)
	mentions "more than 256 devices"
}

@test "devices: nodes in the image, and links where devices go, lead nowhere" {
	sandbox
	mkdir -p "$RUN/rootfs/dev" "$RUN/sentinel"
	mknod "$RUN/rootfs/node" c 1 5
	mknod "$RUN/rootfs/dev/kmsg" c 10 "$MINOR"
	ln -s "$RUN/sentinel/made" "$RUN/rootfs/out"
	ln -s /proc/1 "$RUN/rootfs/proc-link"
	output=$(guest c "device=rw,$RUN/host/misc:/out/m" -- /guest all "open r /node" "stat /dev/kmsg" "open rw /out/m")
	says "/node EACCES"
	says "/dev/kmsg ENOENT"
	says "/out/m ok"
	[ -z "$(ls "$RUN/sentinel")" ]
	output=$(fails d "device=rw,$RUN/host/misc:/proc-link/m" -- /guest exit 0)
	mentions "device /proc-link/m:"
}

@test "devices: in a user namespace they open as far, and their owners are the namespace's" {
	local base=1879048192

	MAPS=("uid-map=0:$base:65536" "gid-map=0:$base:65536")
	sandbox "${MAPS[@]}"
	for name in c d; do
		mkdir "$RUN/$name.upper" "$RUN/$name.work"
		chown $base:$base "$RUN/$name.upper" "$RUN/$name.work"
	done
	output=$(guest c "${MAPS[@]}" "device=r,mode=600,uid=7,$RUN/host/misc:/dev/m" -- /guest all "stat /dev/m" "open r /dev/m" "open w /dev/m")
	says "/dev/m char 600 7 0 10:$MINOR"
	says "/dev/m ok"
	says "/dev/m EPERM"
	# the host's owner is nobody in there
	chmod 606 "$RUN/host/misc"
	output=$(guest d "${MAPS[@]}" "device=r,$RUN/host/misc:/dev/m" -- /guest all "stat /dev/m" "open r /dev/m" "open w /dev/m" "chmod /dev/m 666")
	says "/dev/m char 606 65534 65534 10:$MINOR"
	says "/dev/m ok"
	says "/dev/m EPERM"
	lacks "chmod ok"
	[ "$(look "$RUN/host/misc")" = "606 0:0 a:$(printf %x "$MINOR")" ]
}
