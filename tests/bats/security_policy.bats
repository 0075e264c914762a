#!/usr/bin/env bats
# T13-T24 of the security specification, by number: what a container of a pod is, may and sees, whether it was
# created, executed into or probed; what hostile requests, images and peers get.  Nothing of it may show on the host:
# lib/sentinel.bash.  T01-T12: security_paths.bats.  What every container of every kind looks like, in detail:
# launch.bats; against other runtimes: differential.bats.
#
# The tests of views share an instance, which setup_file makes: in it each container of the pod "views" runs
# /bin/look once as its command, once by an exec and once as its exec probe, and what it said is in
# $VIEWS/CONTAINER.create, .exec and .probe.

# Each test has a shell of its own, and a dollar in single quotes is meant.
# shellcheck disable=SC2016,SC2030,SC2031

load lib/carpel
load lib/pod
load lib/cri
load lib/sentinel

WAYS="create exec probe"
# The kinds of pods whose containers are looked at: in the host's user namespace and in one of their own.
MODES=${MODES:-host own}
CONTAINERS="plain user bare net keys free"

# ---- the image and the pod that the views are of ----

look_script() {
	cat <<-'END'
		#!/bin/busybox sh
		/bin/guest all report ns "procs" "keyring" "try every" "stat /proc/keys /proc/timer_list /proc/interrupts" \
			"cat /proc/keys /proc/timer_list /proc/interrupts /proc/kcore /proc/sched_debug" "ls /proc/acpi" "ls /sys/firmware" \
			"open r /dev/kmsg" "open r /proc/kmsg" "open w /proc/sysrq-trigger" "open w /proc/sys/kernel/core_pattern" \
			"cat /acl/but-7 /acl/but-1001 /acl/but-99" "readlink /proc/1/cwd"
		set --
		for dir in /sys/fs/cgroup/ /sys/fs/cgroup/*/; do
			case $dir in */exec-*) continue ;; esac # an exec's own on v2: it comes and goes
			for file in release_agent notify_on_release cgroup.procs ../cgroup.procs tasks devices.allow memory.limit_in_bytes; do
				set -- "$@" "write $dir$file 1"
			done
			set -- "$@" "mkdir ${dir}x"
		done
		/bin/guest all "$@"
		if /bin/busybox unshare -Urm /bin/busybox true 2>/dev/null; then
			for act in "mount -o remount,bind,rw /sys/fs/cgroup" "mount -o remount,bind,rw /proc/sys" "umount /proc/keys" \
				"umount /proc/sys" "mount -t cgroup -o memory x /tmp" "mount -t cgroup2 x /tmp" "mount -t proc x /tmp" \
				"mount -t sysfs x /tmp"; do
				/bin/busybox unshare -Urm /bin/busybox $act 2>/dev/null && echo "as root of a namespace: $act ok"
			done
			echo "a namespace of its own"
		fi
		echo "suid $(/bin/suid report | /bin/busybox grep ^uid)"
		echo complete
	END
}

views_image() {
	local rootfs=$ROOT/views-rootfs

	mkdir -p "$rootfs/bin" "$rootfs/tmp" "$rootfs/etc"
	cp "$CARPEL_BIN/test/guest" "$rootfs/bin/guest"
	cp "$CARPEL_BIN/test/guest" "$rootfs/bin/suid"
	chmod 4755 "$rootfs/bin/suid"
	cp "$(command -v busybox)" "$rootfs/bin/busybox"
	look_script >"$rootfs/bin/look"
	chmod 755 "$rootfs/bin/look"
	mknod -m 666 "$rootfs/image-zero" c 1 5
	carpel image import views "$rootfs"
}

# views_container MODE NAME [SECURITYCONTEXT]
views_container() {
	local out=/out/$1.$2
	cat <<-END
		- name: $2
		  image: views
		  command: [/bin/busybox, sh, -c, "/bin/look >$out.new 2>&1; /bin/busybox mv $out.new $out.create; exec /bin/guest sleepy x"]
		  securityContext: {${3:-}}
		  volumeMounts: [{name: out, mountPath: /out}, {name: acl, mountPath: /acl, readOnly: true}]
		  livenessProbe:
		    exec: {command: [/bin/busybox, sh, -c, "[ -e $out.probe ] || { /bin/look >$out.tmp 2>&1; /bin/busybox mv $out.tmp $out.probe; }"]}
		    {periodSeconds: 1, timeoutSeconds: 60, failureThreshold: 1000}
	END
}

views_pod() { # views_pod MODE
	local users=''

	[ "$1" = host ] || users='hostUsers: false'
	cat <<-END
		apiVersion: v1
		kind: Pod
		metadata: {name: views-$1}
		spec:
		  terminationGracePeriodSeconds: 0
		  securityContext: {supplementalGroups: [7]}
		  $users
		  volumes: [{name: out, hostPath: {path: $VIEWS}}, {name: acl, hostPath: {path: $ROOT/acl}}]
		  containers:
	END
	{
		views_container "$1" plain
		views_container "$1" user 'runAsUser: 1000, runAsGroup: 1001, allowPrivilegeEscalation: false'
		views_container "$1" bare 'capabilities: {drop: [ALL]}'
		views_container "$1" net 'capabilities: {add: [NET_RAW], drop: [CHOWN]}'
		views_container "$1" keys 'seccompProfile: {type: Unconfined}'
		views_container "$1" free 'runAsUser: 1000, runAsGroup: 1000, seccompProfile: {type: Unconfined}'
	} | sed 's/^/  /; s/^      {periodSeconds: \(.*\)}/      periodSeconds: \1/; /periodSeconds/s/, /\n      /g'
}

setup_file() {
	local mode name

	carpel_setup
	export VIEWS=$ROOT/views
	mkdir -m 777 "$VIEWS" "$ROOT/acl"
	chmod 777 "$VIEWS"
	for group in 7 1001 99; do
		echo "all but $group" >"$ROOT/acl/but-$group"
		chown 0:$group "$ROOT/acl/but-$group"
		chmod 604 "$ROOT/acl/but-$group"
	done
	sentinel_make "$ROOT/sentinel"
	views_image
	import_guest
	for mode in $MODES; do
		views_pod "$mode" | apply
		for name in $CONTAINERS; do
			wait_for 60 [ -e "$VIEWS/$mode.$name.create" ]
			carpel exec "views-$mode" -c "$name" -- /bin/look >"$VIEWS/$mode.$name.exec" 2>&1
		done
		for name in $CONTAINERS; do wait_for 60 [ -e "$VIEWS/$mode.$name.probe" ]; done
	done
	sentinel_same
}

teardown_file() {
	BATS_TEST_COMPLETED=1 carpel_teardown
}

# view_tests use what setup_file made; the others have an instance of their own.
setup() {
	case $BATS_TEST_DESCRIPTION in
	*\(views\)) ;;
	T19*)
		carpel_setup # carpeld is started by the command, which makes its log
		import_guest
		;;
	*)
		export CARPEL_TEST_SECRET=of-the-host
		cri_setup
		;;
	esac
}

teardown() {
	case $BATS_TEST_DESCRIPTION in
	*\(views\)) ;;
	*) carpel_teardown ;;
	esac
}

# in_views CONTAINER TEXT…: each is a line of every view of the container, however it was made.
in_views() {
	local name=$1 mode way missing

	shift
	for mode in $MODES; do
		for way in $WAYS; do
			missing=$(printf '%s\n' "$@" | grep -vxFf "$VIEWS/$mode.$name.$way") || continue
			echo "$mode $name $way: not as wanted:"
			echo "$missing"
			awk '{ print $1 " " }' <<<"$missing" | grep -Ff - "$VIEWS/$mode.$name.$way" || tail -n 3 "$VIEWS/$mode.$name.$way"
			return 1
		done
	done
}

# not_in_views CONTAINER REGEX
not_in_views() {
	local found

	# shellcheck disable=SC2086 # a pattern
	if found=$(grep -E -- "$2" "$VIEWS"/*.$1.{create,exec,probe}); then
		echo "$found"
		return 1
	fi
}

@test "T00 an exec and a probe are confined exactly as the container is (views)" {
	for mode in $MODES; do
		for name in $CONTAINERS; do
			for way in $WAYS; do
				# but who is who in the process tree, and what is a session's own
				grep -v -e '^[ps]p*id ' -e '^[0-9]* ' -e '^keyring [0-9]' -e '^env SHLVL=' "$VIEWS/$mode.$name.$way" >"$BATS_TEST_TMPDIR/$way"
			done
			diff "$BATS_TEST_TMPDIR/create" "$BATS_TEST_TMPDIR/exec"
			diff "$BATS_TEST_TMPDIR/create" "$BATS_TEST_TMPDIR/probe"
		done
	done
	for name in $CONTAINERS; do in_views "$name" complete; done
}

@test "T13 groups: those that were asked for and the primary one, and what only others may read stays closed (views)" {
	in_views plain "groups 0 7"
	in_views user "uid 1000 1000 1000 1000" "gid 1001 1001 1001 1001" "groups 7 1001" "/acl/but-7 EACCES" "/acl/but-1001 EACCES" \
		"all but 99"
	not_in_views user '^all but (7|1001)$'
}

@test "T14 capabilities: as asked for, none inheritable or ambient, none for a user (views)" {
	for name in $CONTAINERS; do
		in_views "$name" "inheritable 0000000000000000" "ambient 0000000000000000"
	done
	in_views plain "bounding 00000000000005fb" "permitted 00000000000005fb" "effective 00000000000005fb"
	in_views user "bounding 00000000000005fb" "permitted 0000000000000000" "effective 0000000000000000" "setuid-0 EPERM" \
		"suid uid 1000 1000 1000 1000"
	in_views bare "bounding 0000000000000000" "permitted 0000000000000000" "effective 0000000000000000" "setgroups EPERM"
	in_views net "bounding 00000000000025fa" "effective 00000000000025fa" "raw ok"
	for cap in NET_RAWX '"NET RAW"' SYS_ADMIN+ '"CAP_CHOWN,CAP_KILL"' '""' '"ALL "' '"41"'; do
		EXTRA="securityContext: {capabilities: {add: [$cap]}}" pod vain sleepy x >"$BATS_TEST_TMPDIR/pod"
		run carpel apply -f "$BATS_TEST_TMPDIR/pod"
		echo "$cap: $output"
		if [ "$status" != 0 ]; then # refused at once, or by its container
			[[ $output == *capabilit* ]]
			continue
		fi
		wait_for 60 has_event vain Failed 'capability .* is unknown'
		carpel delete pod vain --now
	done
}

# What the default filter and the nine capabilities answer, see contrib/docs: a call that is not for containers is
# refused, an unknown one is not there, one of another architecture is deadly.
REFUSED='mount umount open_tree unshare-user unshare-net clone-newuser setns bpf keyctl add_key request_key userfaultfd
	io_uring_setup perf_event_open kexec_load open_by_handle_at personality chroot reboot swapon init_module sethostname alg
	alg-wide vsock tiocsti pivot_root fsopen fsconfig fsmount fspick move_mount mount_setattr statmount
	lsm_list_modules swapoff delete_module finit_module kexec_file_load iopl ioperm acct settimeofday clock_settime quotactl
	syslog lookup_dcookie vhangup kcmp process_madvise fanotify_init io_uring_enter io_uring_register set_mempolicy mbind
	move_pages migrate_pages setdomainname unshare-mnt unshare-pid unshare-ipc unshare-uts unshare-cgroup clone-newnet
	tioclinux tiocsti-wide fifo-scheduler'
DEADLY='x32 i386 i386-vsock i386-alg'

@test "T20 the default policy: the answer to each call of the matrix, and to a setuid file (views)" {
	local answers=() call

	[ "$(uname -m)" = x86_64 ] || DEADLY=''
	for call in $REFUSED; do answers+=("$call EPERM"); done
	for call in $DEADLY; do answers+=("$call killed SIGSYS"); done
	answers+=("clone3 ENOSYS" "unknown ENOSYS" "open_tree_attr ENOSYS" "seccomp 2" "trace-me ok")
	[ ${#answers[@]} -ge 60 ]
	for name in plain user bare net; do in_views "$name" "${answers[@]}"; done
	in_views plain "raw EPERM" "packet EPERM" "mknod EPERM" "mknod-char EPERM" "mknod-fifo ok" "no_new_privs 0"
	in_views user "no_new_privs 1" "mknod EACCES" "suid uid 1000 1000 1000 1000"
	# Unconfined must be asked for; what is left are the capabilities.
	in_views free "seccomp 0" "mount EPERM" "setns EINVAL" "reboot EPERM" "raw EPERM" "mknod EACCES" "sethostname EPERM" \
		"unshare-user ok"
}

# In v1's hierarchies a process that is ending is shown at the root already.
is_within_or_ended() {
	local own

	own=$(grep -E '^(0:|[0-9]+:(memory|pids|cpu|cpuacct):)' "/proc/$1/cgroup") && grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" || return 0
	! grep -vF "$2" <<<"$own"
}

@test "T21 cgroups and devices: no file of a cgroup is written, no node is made or opened, nobody moves out (views)" {
	local dirs dir file answers=() pid uid

	mapfile -t dirs < <(sed -n 's|^\(/sys/fs/cgroup.*\)/release_agent .*|\1|p' "$VIEWS/host.plain.create")
	for dir in "${dirs[@]}"; do
		for file in release_agent notify_on_release cgroup.procs ../cgroup.procs tasks memory.limit_in_bytes x; do
			answers+=("$dir/$file EROFS")
		done
	done
	[ ${#answers[@]} -gt 6 ]
	for name in plain bare net free; do in_views "$name" "${answers[@]}"; done
	not_in_views '*' '^/sys/fs/cgroup.* ok$'
	not_in_views '*' '^as root of a namespace: '
	in_views free "a namespace of its own"
	for mode in $MODES; do
		uid=$(field "views-$mode" .metadata.uid)
		[ "$(pod_pids "views-$mode" | wc -l)" -ge 6 ]
		for pid in $(pod_pids "views-$mode"); do
			wait_for 30 is_within_or_ended "$pid" "/pod$uid/"
		done
	done
}

@test "T21 limits bind: a container that takes more memory than it may is OOMKilled, whatever cgroups there are (views)" {
	RESTART=Never EXTRA='resources: {limits: {memory: 16Mi}}' pod oom eat 64 | apply
	carpel wait --for=exit pod/oom --timeout 60s || :
	is_status oom '.state.terminated | "\(.exitCode) \(.reason)"' '137 OOMKilled'
}

@test "T22 leaks: nothing of the kernel's log, of keys, of the host's processes or of another pod (views)" {
	local key

	in_views plain "/proc/keys char 666 0 0 1:3" "/dev/kmsg ENOENT" "syslog EPERM" "keyring EPERM"
	not_in_views '*' '^/proc/(kmsg|sysrq-trigger|sys/kernel/core_pattern) ok'
	# of processes there are only its own, and who is about to execute its exec or probe; of what is masked there is no byte
	not_in_views '*' '^[0-9]+ (carpel(d|-log|-probe|-pause|-start)|bats|bash|systemd|init|kthreadd)'
	for name in $CONTAINERS; do
		not_in_views "$name" '^ *[0-9]+: |jiffies|^[0-9a-f]{8} '
	done
	# Who has the same uid and no filter cannot look at the keyring of another pod.
	for way in $WAYS; do
		grep -q '^keyring [0-9]* .*;3f000000;' "$VIEWS/host.keys.$way"
	done
	EXTRA='securityContext: {seccompProfile: {type: Unconfined}}' SPEC='shareProcessNamespace: true' pod peer sleepy x |
		carpel apply -f - --wait=ready --timeout 60s
	key=$(sed -n 's/^keyring \([0-9]*\) .*/\1/p' "$VIEWS/host.keys.create") # of a container that lives
	[ "$(guest peer keyring "$key")" = 'keyring EACCES' ]
	# The holder of a pod has nothing to tell.
	output=$(guest peer cat /proc/1/environ /proc/1/maps)
	[[ -z $output || $output == *EACCES* || $output == *EPERM* ]]
	[ "$(guest peer procs | grep -vc -e ' carpel-pause$' -e ' guest$')" = 0 ]
}

# ---- requests, by CRI ----

# guarded CLASS…: of tests/api/test_security.py, with the host as it was.
guarded() {
	sentinel_make "$ROOT/sentinel"
	cri_python "$@"
	sentinel_same
}

@test "T15 sysctls: what is no value, of no namespace of the pod's or of the node's is refused" {
	guarded test_security.Sysctls
	for pair in 'net.ipv4.ip_forward 1+1' 'net.ipv4.ip_forward 1=1' 'net/../kernel/panic 1' 'kernel.panic 1' 'net..x 1'; do
		output=$(printf '%s\n' kind=sandbox id=p "pause=$CARPEL_BIN/carpel-pause" "sysctl=${pair/ /=}" |
			python3 "$BATS_TEST_DIRNAME/launch_driver.py" run)
		[[ $output == 'failed code=EINVAL exit=128 plan: sysctl'* ]]
		SPEC="securityContext: {sysctls: [{name: ${pair% *}, value: \"${pair#* }\"}]}" pod bad sleepy x >"$ROOT/bad.yaml"
		run carpel apply -f "$ROOT/bad.yaml"
		if [ "$status" = 0 ]; then
			wait_for 60 has_event bad "" sysctl
		else
			[[ $output == *sysctl* ]]
		fi
		carpel delete pod bad --now 2>/dev/null || :
	done
}

@test "T16 injection: environment, arguments, names and annotations are exact or refused, and nobody else's" {
	guarded test_security.Injection
}

@test "T17 names that would be paths are refused, and stop and remove nothing" {
	guarded test_security.Names
	mkdir -p "$ROOT/host/dir"
	for bad in ../x /x "../$(printf 'x%.0s' {1..5000})"; do
		for pod in "$(pod "$bad" sleepy x)" \
			"$(SPEC='volumes: [{name: v, emptyDir: {}}]' EXTRA="volumeMounts: [{name: v, mountPath: /v, subPath: \"$bad\"}]" pod sub sleepy x)" \
			"$(SPEC="volumes: [{name: \"$bad\", emptyDir: {}}]" pod vol sleepy x)" \
			"$(pod_of ctr "{name: \"$bad\", image: guest, command: [/bin/guest, sleepy, x]}")"; do
			run carpel apply -f - <<<"$pod"
			[ "$status" = 1 ]
		done
		for verb in get delete logs; do
			run carpel $verb ${verb/#[gd]*/pod} "$bad"
			[ "$status" != 0 ]
		done
	done
	[ -z "$(carpel get pods -o 'jsonpath={.items[*].metadata.name}')" ]
	for path in '/api/v1/namespaces/default/pods/..%2f..%2fx' '/api/v1/namespaces/../pods/x' '/api/v1/namespaces/..%2f..%2f/pods/x/log' \
		'/api/v1/namespaces/default/pods/%00' '/apis/carpel/v1/images/..%2f..%2f..%2fetc%2fpasswd'; do
		for method in GET DELETE; do
			run curl -s --max-time 20 --http2-prior-knowledge --path-as-is --unix-socket "$ROOT/run/carpel/carpel.sock" -X $method -o /dev/null \
				-w '%{http_code}' "http://localhost$path"
			[[ $output == 40? ]]
		done
	done
	sentinel_same
}

# ---- images ----

# image NAME CONFIG [MEMBERS of the specification]: one with the views' programs and this configuration, in JSON.
image() {
	printf '{"layers": [[{"path": "etc/"}, {"path": "etc/passwd", "data": "u:x:5:6::/home:\\n"}]], "config": %s%s}' "$2" "${3:+, $3}" |
		python3 "$BATS_TEST_DIRNAME/image_build.py" oci "$ROOT/$1.oci"
	carpel image import "$1" "$ROOT/$1.oci"
}

# seen_of IMAGE: what a container of it looks like, its name left out; and the spec that there is of it then.
seen_of() {
	local name=of-$1

	RESTART=Never SPEC="volumes: [{name: g, hostPath: {path: $ROOT/guest-rootfs/bin}}]" \
		EXTRA='volumeMounts: [{name: g, mountPath: /bin, readOnly: true}], command: [/bin/guest, all, report, mounts, "ls /dev", "ls /",
		"cat /etc/passwd", "try raw mount mknod"]' pod "$name" x | sed "s/image: guest, command: [^]]*]/image: $1/" >"$ROOT/$name.yaml"
	carpel apply -f "$ROOT/$name.yaml" >/dev/null
	carpel wait --for=exit "pod/$name" --timeout 60s >/dev/null
	ended_log "$name" | awk '/ - / { print $5, $6, $9; next } { print }' | sed "s/$name/NAME/g"
	carpel get pod "$name" -o json | jq -S '.spec, .metadata.annotations, .metadata.labels' | sed "s/$name/NAME/g; s/\"$1\"/IMAGE/"
}

@test "T18 content is no policy: labels, annotations and volumes of an image change nothing" {
	sentinel_make "$ROOT/sentinel"
	labels='"carpel/pids-limit": "1", "io.carpel.privileged": "1", "io.kubernetes.cri.devices": "/dev/vda", "cdi.k8s.io/x": "a/b=c",
		"io.kubernetes.cri-o.Devices": "/dev/vda", "run.oci.hooks": "/bin/sh", "org.systemd.property.Slice": "x",
		"io.containers.capabilities": "SYS_ADMIN", "carpel.": "x", "container.seccomp.security.alpha.kubernetes.io/c": "unconfined",
		"io.kubernetes.container.name": "other", "io.kubernetes.pod.uid": "../../x"'
	image clean '{"Cmd": ["x"]}'
	image hostile "{\"Cmd\": [\"x\"], \"Labels\": {$labels}, \"Volumes\": {\"/proc\": {}, \"/dev/x\": {}, \"$SENTINEL/empty/x\": {}},
		\"ExposedPorts\": {\"80/tcp\": {}}, \"OnBuild\": [\"x\"], \"StopSignal\": \"SIGKILL\", \"Healthcheck\": {\"Test\": [\"x\"]},
		\"ArgsEscaped\": true, \"Privileged\": true, \"CapAdd\": [\"ALL\"]}" "\"annotations\": {$labels}"
	run image climbing '{"Cmd": ["x"], "Volumes": {"../../x": {}}}'
	[ "$status" != 0 ]
	seen_of clean >"$ROOT/clean.seen"
	grep -q '^no_new_privs' "$ROOT/clean.seen"
	diff "$ROOT/clean.seen" <(seen_of hostile)
	sentinel_same
}

# ---- who may speak to us ----

nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

@test "T19 control planes: not for root of the host's network without capabilities, not for an ordinary user" {
	local path paths found

	chmod 755 "$ROOT"
	# All sockets of the machine that have a name without a file: none is ours, so that nobody in its network has one.
	SPEC='hostNetwork: true' EXTRA='securityContext: {runAsUser: 0, capabilities: {drop: [ALL]}}' pod net sleepy x |
		carpel apply -f - --wait=ready --timeout 60s
	guest net cat /proc/net/unix >"$ROOT/unix"
	grep -q "$ROOT/run/carpel/carpel.sock" "$ROOT/unix" # it is the host's table
	run grep -i ' @.*carpel' "$ROOT/unix"
	[ "$status" = 1 ]
	mapfile -t paths < <(awk -v root="$ROOT/" 'index($8, root) == 1 { print $8 }' "$ROOT/unix" | sort -u)
	for path in "${paths[@]}"; do
		[ "$(guest net stat "$path")" = "$path ENOENT" ]
		[ "$(stat -c %a "$path")" = 600 ]
		run nobody stat "$path"
		[ "$status" = 1 ]
		run nobody curl -s --max-time 5 --http2-prior-knowledge --unix-socket "$path" http://x/healthz
		[ "$status" = 7 ] # it could not connect
	done
	# An ordinary user lists no directory of ours and reads no file.  Those of logs are Kubernetes': who is there
	# may be known, what they say is not.
	carpel logs net >/dev/null
	found=$(nobody find "$ROOT/run/carpel" "$ROOT/var/lib/carpel" "$ROOT/var/log" -readable \
		! -path "$ROOT/var/log" ! \( -type d \( -path '*/log/pods*' -o -path '*/log/containers' \) \) ! -type l 2>/dev/null || :)
	[ -z "$found" ] || {
		echo "$found"
		return 1
	}
}

@test "a user namespace that was asked for is had or refused, never left out" {
	SPEC='hostUsers: false' pod own sleepy x >"$ROOT/own.yaml"
	run carpel apply -f "$ROOT/own.yaml" --wait=ready --timeout 60s
	if [ "$status" = 0 ]; then
		output=$(guest own ns | awk '$1 == "user" { print $2 }')
		[[ $output == user:* && $output != "$(readlink /proc/self/ns/user)" ]]
	else
		[[ $output == *hostUsers* || $output == *'user namespace'* || $(events own) == *'user namespace'* ]]
	fi
}

@test "T24 hostile clients of the supervisor cost it neither memory nor its other clients" {
	guarded test_security.Protocol
}
