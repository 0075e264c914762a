#!/usr/bin/env bats
# carpel-launch by hand: what a sandbox makes and what a container looks like from inside.
# Set-up and words: lib/launch.bash; the program inside: tests/bin/guest.c.

# Each test has a shell of its own, and a dollar in single quotes is meant.
# shellcheck disable=SC2016,SC2030,SC2031

load lib/launch

setup() {
	launch_setup
}

teardown() {
	launch_teardown
}

# ---- the sandbox ----

@test "sandbox: the host name, a loopback that is up, sysctls of its own" {
	sandbox hostname=web-7 sysctl=net.ipv4.ip_unprivileged_port_start=42 sysctl=kernel.shm_rmid_forced=1
	output=$(guest c -- /guest all report "connect 9" \
		"cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shm_rmid_forced")
	says "hostname web-7"
	says "connect ECONNREFUSED" # not ENETUNREACH: lo is up
	says 42
	says 1
	[ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" != 42 ]
}

@test "sandbox: host-network and host-ipc keep those of the host, and only those" {
	sandbox host-network=1 host-ipc=1
	output=$(guest c -- /guest all ns mounts)
	says "net $(readlink /proc/self/ns/net)"
	says "ipc $(readlink /proc/self/ns/ipc)"
	lacks "uts $(readlink /proc/self/ns/uts)"
	lacks "pid $(readlink /proc/self/ns/pid)"
	# and /dev/shm is the host's then
	echo here >"/dev/shm/$CG"
	output=$(guest d -- /guest cat "/dev/shm/$CG")
	rm "/dev/shm/$CG"
	says here
}

@test "sandbox: pause is in its cgroups and has an empty read-only root" {
	sandbox
	grep -q "/$CG/pause$" "/proc/$PAUSE/cgroup"
	[ "$(grep -c "/$CG/pause$" "/proc/$PAUSE/cgroup")" -eq $(($(wc -w <<<"$V1") + 1)) ]
	[ "$(wc -l <"/proc/$PAUSE/mountinfo")" -eq 2 ]
	[ "$(awk '{ print substr($6, 1, 3) }' "/proc/$PAUSE/mountinfo" | sort -u)" = ro, ]
	[ "$(ls -A "/proc/$PAUSE/root")" = shm ]
	[ -z "$(ls -A "/proc/$PAUSE/root/shm")" ]
}

@test "sandbox: a missing pause, a bad sysctl and a missing cgroup are reported by step" {
	output=$(printf '%s\n' kind=sandbox id=p pause=/nonexistent | driver run)
	says "failed code=ENOENT exit=128 sandbox p: open carpel-pause: open /nonexistent: No such file or directory"
	output=$(printf '%s\n' kind=sandbox id=p "pause=$CARPEL_BIN/carpel-pause" sysctl=net.no.such=1 | driver run)
	says "failed code=ENOENT exit=128 sandbox p: set sysctls: sysctl net.no.such=1: open sys/net/no/such: No such file or directory"
	output=$(printf '%s\n' kind=sandbox id=p "pause=$CARPEL_BIN/carpel-pause" cgroup-v2=/sys/fs/cgroup/no/such | driver run)
	mentions "sandbox p: open cgroups: open /sys/fs/cgroup/no/such: "
	output=$(printf '%s\n' kind=sandbox id=p "pause=$RUN/rootfs" | driver run)
	says "failed code=EACCES exit=128 sandbox p: execute carpel-pause: $RUN/rootfs: Permission denied"
}

@test "sandbox: shared memory has the size that was asked for" {
	sandbox shm-bytes=1048576
	output=$(guest c -- /guest mounts)
	grep -q ' /dev/shm rw,nosuid,nodev,noexec.*size=1024k' <<<"$output"
}

# ---- what a container looks like from inside ----

@test "container: identity, capabilities, filter, limits and nothing inherited" {
	sandbox
	output=$(guest c leak=5 env=A=b -- /guest report)
	says "pid 1"
	says "ppid 0"
	says "sid 1"
	says "uid 0 0 0 0"
	for set in permitted effective bounding; do says "$set 00000000000005fb"; done
	for set in inheritable ambient blocked ignored; do says "$set 0000000000000000"; done
	says "no_new_privs 1"
	says "seccomp 2"
	says "umask 0022"
	says "cwd /"
	says "fds 0 1 2"
	says "limit_core 0 0"
	grep -q '^limit_nofile 1024 ' <<<"$output"
	says "oom_score_adj 0"
	says "env A=b"
	says "env HOME=/"
	[ "$(grep -c ^env <<<"$output")" -eq 2 ]
}

@test "container: another user has its groups, and no capability beyond the bounding set" {
	sandbox
	output=$(guest c user=1000:1001 group=7 group=1001 group=8 caps=400 -- /guest all report "try setuid-0 setgroups")
	says "uid 1000 1000 1000 1000"
	says "gid 1001 1001 1001 1001"
	says "groups 7 8 1001" # the kernel sorts them
	says "bounding 0000000000000400"
	says "effective 0000000000000000" # exec gives a user nothing without ambient or file ones
	says "setuid-0 EPERM"
	says "setgroups EPERM"
}

@test "container: no-new-privs and filter are two things, and each is as asked" {
	sandbox
	output=$(guest a no-new-privs=0 -- /guest all report "try mount unknown")
	says "no_new_privs 0"
	says "seccomp 2"
	says "effective 00000000000005fb"
	says "bounding 00000000000005fb"
	says "mount EPERM"
	says "unknown ENOSYS"
	output=$(guest b no-new-privs=0 user=1000 -- /guest report)
	says "seccomp 2"
	says "effective 0000000000000000"
	says "bounding 00000000000005fb"
	output=$(guest d seccomp-file=- no-new-privs=1 -- /guest report)
	says "seccomp 0"
	says "no_new_privs 1"
}

@test "container: its namespaces are its own or the pod's, never the host's" {
	sandbox
	output=$(guest a -- /guest ns)
	for n in cgroup ipc mnt net pid uts; do
		lacks "$n $(readlink "/proc/self/ns/$n")"
	done
	for n in ipc net uts; do
		says "$n $(readlink "/proc/$PAUSE/ns/$n")"
	done
	lacks "pid $(readlink "/proc/$PAUSE/ns/pid")"
	lacks "mnt $(readlink "/proc/$PAUSE/ns/mnt")"
	output=$(guest b pid=pod -- /guest all ns procs)
	says "pid $(readlink "/proc/$PAUSE/ns/pid")"
	says "1 carpel-pause"
}

@test "container: the mount table is what we made, with its flags" {
	sandbox
	output=$(guest c -- /guest mounts | awk '{ print $5, $6 }')
	says "/ rw,nodev,relatime"
	says "/proc rw,nosuid,nodev,noexec,relatime"
	for p in bus fs irq sys; do says "/proc/$p ro,nosuid,nodev,noexec,relatime"; done
	says "/sys ro,nosuid,nodev,noexec,relatime"
	says "/sys/fs/cgroup ro,nosuid,nodev,noexec,relatime"
	says "/dev rw,nosuid,relatime"
	says "/dev/pts rw,nosuid,noexec,relatime"
	says "/dev/shm rw,nosuid,nodev,noexec,relatime"
	says "/dev/mqueue rw,nosuid,nodev,noexec,relatime"
	lacks "$RUN/rootfs "
	# the pod's root below ours is gone
	[ "$(grep -c '^/ ' <<<"$output")" -eq 1 ]
	output=$(guest d read-only-root=1 -- /guest all mounts "write /x y" "write /dev/shm/x y")
	grep -q ' / / ro,nodev' <<<"$output"
	says "/x EROFS"
	says "/dev/shm/x ok"
}

@test "container: /dev holds the six nodes, ptmx, the links, and nothing else" {
	sandbox
	output=$(guest c -- /guest all "ls /dev" "stat /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/ptmx" \
		"readlink /dev/fd" "open rw /dev/ptmx" "open r /dev/zero" "write /dev/null x" "try mknod")
	[ "$(sed -n '1,/--/p' <<<"$output" | grep -v -- -- | sort | tr '\n' ' ')" = \
		"core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero " ]
	says "/dev/null char 666 0 0 1:3"
	says "/dev/zero char 666 0 0 1:5"
	says "/dev/full char 666 0 0 1:7"
	says "/dev/random char 666 0 0 1:8"
	says "/dev/urandom char 666 0 0 1:9"
	says "/dev/tty char 666 0 0 5:0"
	says "/proc/self/fd"
	says "/dev/ptmx ok"
	says "/dev/zero ok"
	says "mknod EPERM"
}

@test "container: hidden paths are /dev/null or an empty read-only directory" {
	sandbox
	hidden=""
	for p in /proc/kcore /proc/keys /proc/interrupts /proc/timer_list /proc/sched_debug /proc/latency_stats; do
		[ ! -e $p ] || hidden="$hidden $p"
	done
	[ -n "$hidden" ]
	output=$(guest c -- /guest all "stat$hidden" "cat$hidden" "ls /proc/acpi" "ls /sys/firmware" \
		"write /sys/firmware/x y" "open w /proc/sys/kernel/hostname")
	for p in $hidden; do says "$p char 666 0 0 1:3"; done
	[ "$(sed -n '/^--$/,$p' <<<"$output" | grep -cv -e '^--$' -e EROFS)" -eq 0 ] # all else is empty
	says "/sys/firmware/x EROFS"
	says "/proc/sys/kernel/hostname EROFS"
}

@test "container: dangerous calls answer as the default filter says" {
	sandbox
	denied="mount umount open_tree unshare-user unshare-net clone-newuser setns bpf keyctl add_key request_key
		userfaultfd io_uring_setup perf_event_open kexec_load open_by_handle_at personality chroot reboot
		swapon init_module sethostname alg alg-wide vsock raw tiocsti mknod"
	# shellcheck disable=SC2086 # words
	output=$(guest c -- /guest try $denied clone3 unknown x32 i386)
	for call in $denied; do says "$call EPERM"; done
	says "clone3 ENOSYS"
	says "unknown ENOSYS"
	says "x32 killed SIGSYS"
	says "i386 killed SIGSYS"
}

@test "container: its cgroup is the root of what it sees, read-only" {
	sandbox
	output=$(guest c -- /guest all "cat /proc/self/cgroup" "ls /sys/fs/cgroup" "mkdir /sys/fs/cgroup/x")
	says "0::/"
	lacks "$CG"
	if [ -n "$V1" ]; then
		says memory
		[ "$(grep -cx cpuset <<<"$output")" -eq 0 ] # only what the plan names
	fi
	says "/sys/fs/cgroup/x EROFS"
	container d -- /guest sleepy up
	grep -q "/$CG/d$" "/proc/$CTR/cgroup"
	[ "$(grep -c "/$CG/d$" "/proc/$CTR/cgroup")" -eq $(($(wc -w <<<"$V1") + 1)) ]
}

@test "container: its oom score is the plan's or 0, never ours; lowering may fail, aloud" {
	sandbox
	output=$(guest a own-oom=300 -- /guest report)
	says "oom_score_adj 0"
	output=$(guest b own-oom=300 oom-score-adj=700 -- /guest report)
	says "oom_score_adj 700"
	container c own-oom=300 -- /guest sleepy up
	output=$(execute c "$CTR" own-oom=300 oom-score-adj=5 -- /guest report)
	says "oom_score_adj 5"
	plan_container d oom-score-adj=-500 -- /guest report | driver run 2>"$RUN/warning"
	driver tee "$RUN/d.out" oom_score_adj
	output=$(cat "$RUN/d.out")
	if capsh --has-p=cap_sys_resource 2>/dev/null; then
		says "oom_score_adj -500"
	else
		says "oom_score_adj 0"
		[ "$(grep -c "carpel-launch: warning: d: set oom_score_adj to -500: Permission denied" "$RUN/warning")" -eq 1 ]
	fi
}

@test "container: its own session keyring, for its possessor only" {
	sandbox
	output=$(guest a seccomp-file=- -- /guest keyring)
	grep -q '^keyring .*;3f000000;' <<<"$output"
	first=$output
	output=$(guest b seccomp-file=- -- /guest keyring)
	grep -q '^keyring .*;3f000000;' <<<"$output"
	[ "$(cut -d' ' -f2 <<<"$output")" != "$(cut -d' ' -f2 <<<"$first")" ]
}

@test "container: shared memory and message queues are the pod's" {
	sandbox
	output=$(guest a -- /guest all "write /dev/shm/note hello" "mq put /q message")
	says "/dev/shm/note ok"
	says "mq ok"
	output=$(guest b -- /guest all "cat /dev/shm/note" "mq get /q" "ls /dev/mqueue")
	mentions hello
	says "mq message"
	says q
	first=$PAUSE
	sandbox # another pod
	output=$(guest d -- /guest all "ls /dev/shm" "ls /dev/mqueue")
	lacks note
	lacks q
	kill -9 "$first"
}

@test "container: layers lie over each other, many of them too" {
	sandbox
	lowers=()
	for i in $(seq 120); do
		mkdir -p "$RUN/layers/$i"
		echo "$i" >"$RUN/layers/$i/top"
		echo "$i" >"$RUN/layers/$i/only-$i"
		lowers+=("lower=$RUN/layers/$i")
	done
	for n in 2 40 120; do # by path, by number, one by one
		output=$(guest "c$n" "${lowers[@]:0:n}" -- /guest all "cat /top" "cat /only-$n" "ls /" mounts)
		[ "$(head -n 1 <<<"$output")" = 1 ]
		says "$n"
		[ "$(grep -c ^only- <<<"$output")" -eq $n ]
		case $n in
		2) mentions "$RUN/layers/2" ;;
		40) grep -q 'lowerdir=[0-9]*:[0-9]*:' <<<"$output" ;; # what older kernels need
		120) mentions lowerdir+ ;;
		esac
	done
	# a path with overlayfs' own letters, and one beyond the length of its texts
	long=$RUN/$(printf 'x%.0s' $(seq 200))/$(printf 'y%.0s' $(seq 100))
	mkdir -p "$long" "$RUN/a:b,c\\d"
	touch "$long/long" "$RUN/a:b,c\\d/odd"
	output=$(guest d "lower=$long" "lower=$RUN/a:b,c\\d" -- /guest ls /)
	says long
	says odd
	says guest
}

@test "container: the writable layer of a start that failed serves the next one" {
	sandbox
	output=$(fails c -- /nosuch)
	mentions exit=127
	output=$(guest c -- /guest print again)
	says again
}

@test "container: environment, arguments, streams and working directory are handed on exactly" {
	sandbox
	printf 'in\n' >"$RUN/in"
	output=$(guest a "env=X=a b	c" 'env=Y=$(X)"' env=HOME=/h -- /guest args 'a  b' '' '$x' $'tab\t')
	[ "$output" = $'a  b\n\n$x\ntab\t' ]
	output=$(guest b "env=X=a b	c" 'env=Y=$(X)"' env=HOME=/h -- /guest env)
	says 'X=a b	c'
	says 'Y=$(X)"'
	says HOME=/h
	output=$(guest c "stdin-file=$RUN/in" -- /guest echo)
	says in
	output=$(guest d -- /guest all echo "open r /dev/stdin") # no stdin: /dev/null
	[ "$(head -n 1 <<<"$output")" = -- ]
	output=$(guest e cwd=/made/for/us -- /guest all report "stat /made/for/us")
	says "cwd /made/for/us"
	says "/made/for/us dir 755 0 0 0:0"
}

@test "container: a pipe of another user's stream can be opened again" {
	sandbox
	output=$(plan_container c user=1000 stdout-file=/dev/stdout -- /guest all "write /dev/stdout again" report | driver run)
	mentions again
	says "uid 1000 1000 1000 1000"
}

@test "container: a terminal is the controlling one and has a name" {
	sandbox
	output=$(plan_container c tty=1 stdout-file=- stderr-file=- -- /guest tty | driver run)
	mentions "yes 0x0 /dev/console"
}

@test "container: mounts appear where the plan says, made when missing" {
	sandbox
	mkdir "$RUN/vol"
	echo content >"$RUN/vol/file"
	echo single >"$RUN/single"
	output=$(guest c "mount=$RUN/vol:/a/b/c" "mount=ro,$RUN/vol:/ro" "mount=file,$RUN/single:/etc/one" \
		"mount=ro,file,$RUN/single:/a/b/c/two" -- /guest all "cat /a/b/c/file" "write /a/b/c/new x" \
		"write /ro/new x" "cat /etc/one" "write /etc/one changed" "write /a/b/c/two x" mounts)
	says content
	says "/a/b/c/new ok"
	says "/ro/new EROFS"
	says single
	says "/etc/one ok"
	says "/a/b/c/two EROFS"
	[ -e "$RUN/vol/new" ]
	[ "$(cat "$RUN/single")" = changed ]
	grep -q ' /a/b/c rw,nodev' <<<"$output"
}

@test "container: a volume of the sandbox is what all of its containers see, however they mount it" {
	sandbox volume=65536::v volume=4096:7:w
	[ "$(awk '{ print substr($6, 1, 3) }' "/proc/$PAUSE/mountinfo" | sort -u)" = ro, ]
	container a mount=volume,/v:/v mount=volume,/w:/w -- /guest sleep 1000
	ln -s / "/proc/$CTR/root/v/up"
	ln -s /etc "/proc/$CTR/root/v/out"
	touch "/proc/$CTR/root/v/file"
	mknod "/proc/$CTR/root/v/null" c 1 3
	output=$(guest b mount=volume,ro,/v:/v mount=volume,noexec,/w:/w mount=volume,/v/up/new/dir:/sub \
		mount=volume,/v/file:/file -- \
		/guest all mounts "stat /w" "write /v/x x" "write /sub/x x" "write /file x" "write /w/x x" "ls /v" \
		"open r /v/null" "stat /v/new/dir")
	grep -q ' / /v ro,nosuid,nodev,relatime - tmpfs ' <<<"$output"
	grep -q ' / /w rw,nosuid,nodev,noexec,relatime ' <<<"$output"
	grep -q ' /new/dir /sub rw,nosuid,nodev,' <<<"$output"
	grep -q ' /file /file rw,' <<<"$output"
	says '/w dir 3777 0 7 0:0'
	says '/v/x EROFS'
	says '/sub/x ok'
	says '/w/x ok'
	says '/v/null EACCES'
	says '/v/new/dir dir 1777 0 0 0:0'
	[ "$(cat "/proc/$CTR/root/v/new/dir/x")" = x ]
	# The host has that directory.
	output=$(fails d mount=volume,/v/out:/out -- /guest exit 0)
	mentions "mount /out: volume v: open /out: No such file or directory"
	output=$(fails c mount=volume,/u:/u -- /guest exit 0)
	says "failed code=ENOENT exit=128 container c: copy the pod's volumes: mount /u: open the pod's volume u: No such file or directory"
}

@test "container: links in the image never lead a mount out of it" {
	sandbox
	mkdir -p "$RUN/outside/dir" "$RUN/vol" "$RUN/rootfs/etc" "$RUN/rootfs/run"
	echo v >"$RUN/vol/v"
	ln -s "$RUN/outside/dir" "$RUN/rootfs/absolute"
	ln -s ../../../../../../../../../.."$RUN/outside" "$RUN/rootfs/relative"
	ln -s ../run/systemd/resolve/stub "$RUN/rootfs/etc/resolv.conf"
	ln -s /etc/loop "$RUN/rootfs/etc/loop"
	output=$(guest c "mount=$RUN/vol:/absolute/x" "mount=$RUN/vol:/relative/y" \
		"mount=file,$RUN/vol/v:/etc/resolv.conf" -- /guest all "cat /etc/resolv.conf" \
		"cat /run/systemd/resolve/stub" "ls $RUN/outside/dir/x" "ls $RUN/outside/y")
	[ "$(grep -cx v <<<"$output")" -eq 4 ]
	[ "$(find "$RUN/outside" | wc -l)" -eq 2 ] # nothing was made outside
	output=$(fails d "mount=file,$RUN/vol/v:/etc/loop" -- /guest exit 0)
	mentions "code=ELOOP exit=128 container d: attach mounts: mount /etc/loop: "
}

@test "container: privileged ones get everything that we have" {
	sandbox
	output=$(guest c privileged=1 caps=1ffffffffff no-new-privs=0 seccomp-file=- -- /guest all report \
		"stat /proc/keys" "ls /dev" "write /proc/sys/kernel/domainname x" mounts)
	says "seccomp 0"
	grep -q '^effective 000001ff' <<<"$output"
	grep -q '^/proc/keys file' <<<"$output"
	says "/proc/sys/kernel/domainname ok"
	for node in $(find /dev -maxdepth 1 -type c -printf '%f\n' | grep -vx -e console); do
		says "$node"
	done
	grep -q ' /sys rw,' <<<"$output"
}
