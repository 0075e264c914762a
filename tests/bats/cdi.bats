#!/usr/bin/env bats
# Devices that a pod's annotations or CRI ask for, by path and by CDI's files below $ROOT.
#
# bats sets output, status and stderr.
# shellcheck disable=SC2030,SC2031,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/pod

setup() {
	carpel_setup
	import_guest
	# One that no container has by itself, which opens for all and does nothing.
	MINOR=$(awk '$2 ~ /^(fuse|loop-control|autofs|cpu_dma_latency)$/ { print $1; exit }' /proc/misc)
	[ -n "$MINOR" ]
	NODE=$ROOT/node
	mknod -m 600 "$NODE" c 10 "$MINOR"
	mkdir -p "$ROOT/etc/cdi" "$ROOT/var/run/cdi" "$ROOT/vendor"
	echo firmware >"$ROOT/vendor/lib.so"
}

teardown() {
	carpel_teardown
}

# cdi_yaml NAME [EXTRA]: a file of CDI with the devices 0 and all; EXTRA: more edits of device 0, in flow style.
cdi_yaml() {
	cat <<-EOF
		cdiVersion: "0.6.0"
		kind: vendor.com/$1
		containerEdits:
		  env: [VENDOR=$1]
		  mounts:
		  - {hostPath: $ROOT/vendor, containerPath: /usr/vendor, options: [ro, nosuid, nodev, rbind]}
		devices:
		- name: "0"
		  containerEdits: {env: [DEVICE=0, PATH=/vendor], additionalGids: [4242]${2:+, $2},
		    deviceNodes: [{path: /dev/v0, hostPath: $NODE, permissions: rw}]}
		- name: all
		  containerEdits:
		    deviceNodes: [{path: /dev/v/all, hostPath: $NODE, fileMode: 0604, uid: 7, permissions: r}]
	EOF
}

look() { stat -c '%a %u:%g' "$NODE"; }

says() { grep -qxF -- "$1" <<<"$output" || { echo "no line \"$1\" in:" "$output" >&2; return 1; }; }

mentions() { grep -qF -- "$1" <<<"$output" || { echo "no \"$1\" in:" "$output" >&2; return 1; }; }

lacks() { ! grep -qF -- "$1" <<<"$output" || { echo "\"$1\" in:" "$output" >&2; return 1; }; }

is_waiting() { # POD REASON MESSAGE
	output=$(status "$1" '.state.waiting | .reason, .message')
	says "$2" && mentions "$3"
}

@test "pods: a device by its path, as far as it is allowed, and in no other container" {
	META="annotations: {carpel/devices.a: '$NODE:/dev/n:r,$NODE:/dev/x/w:w,/dev/full:/dev/f'}"
	{
		echo 'apiVersion: v1'
		echo 'kind: Pod'
		echo "metadata: {name: p, $META}"
		echo 'spec: {terminationGracePeriodSeconds: 0, containers: [{name: a, image: guest, command: [/bin/guest, sleepy]},
		  {name: b, image: guest, command: [/bin/guest, sleepy]}]}'
	} | carpel run -f - --wait
	output=$(carpel exec p -c a -- /bin/guest all "open r /dev/n" "open w /dev/x/w" "open w /dev/f" "chmod /dev/n 666")
	says "/dev/n ok"
	says "/dev/x/w ok"
	says "/dev/f ok"
	says "/dev/n EROFS"
	[ "$(look)" = "600 0:0" ]
	output=$(carpel exec p -c b -- /bin/guest all "open r /dev/n" "stat /dev/x/w")
	says "/dev/n ENOENT"
	says "/dev/x/w ENOENT"
}

@test "pods: a CDI device brings nodes, mounts, variables and groups; to execs too, and after a crash" {
	cdi_yaml gpu >"$ROOT/etc/cdi/vendor.yaml"
	META="annotations: {carpel/devices.c: 'vendor.com/gpu=0,vendor.com/gpu=all'}" pod p sleepy | carpel run -f - --wait
	for round in first second; do
		output=$(guest p all env report "open rw /dev/v0" "open r /dev/v/all" "open w /dev/v/all" "stat /dev/v0 /dev/v/all" \
			"cat /usr/vendor/lib.so" "write /usr/vendor/lib.so x")
		says VENDOR=gpu
		says DEVICE=0
		says PATH=/vendor
		says "groups 0 4242"
		says "/dev/v0 ok"
		says "/dev/v0 char 600 0 0 10:$MINOR"
		says "/dev/v/all char 604 7 0 10:$MINOR"
		says "/dev/v/all ok"
		lacks "/dev/v/all E" # the rules are of numbers, and device 0 has the same one
		says firmware
		says "/usr/vendor/lib.so EROFS"
		[ $round = first ] || break
		mv "$ROOT/etc/cdi/vendor.yaml" "$ROOT" # what it said at the start counts
		kill -9 "$(carpeld_pid)"
		wait_for 30 is_serving
	done
	mv "$ROOT/vendor.yaml" "$ROOT/etc/cdi"
	# one that is not root has the node, unless the file names an owner
	META="annotations: {carpel/devices.c: 'vendor.com/gpu=0,vendor.com/gpu=all'}" \
		EXTRA='securityContext: {runAsUser: 77, runAsGroup: 78}' pod q sleepy | carpel run -f - --wait
	output=$(guest q all "open rw /dev/v0" "stat /dev/v0 /dev/v/all")
	says "/dev/v0 ok"
	says "/dev/v0 char 600 77 78 10:$MINOR"
	says "/dev/v/all char 604 7 78 10:$MINOR"
	[ "$(look)" = "600 0:0" ]
}

@test "pods: a CDI device that is not there is waited for, with the reason; what the files say counts at each start" {
	META="annotations: {carpel/devices.c: vendor.com/gpu=0}" pod p sleepy | apply
	wait_for 60 is_waiting p CreateContainerError 'unresolvable CDI device vendor.com/gpu=0: no file of /etc/cdi or /var/run/cdi has it'
	cdi_yaml gpu 'hooks: [{hookName: poststop, path: /bin/true}]' >"$ROOT/etc/cdi/a.yaml"
	wait_for 60 is_waiting p CreateContainerError \
		'a.yaml: devices[0].containerEdits.hooks[0].hookName: "poststop": carpel runs prestart, createRuntime and createContainer hooks only'
	rm "$ROOT/etc/cdi/a.yaml"
	echo 'cdiVersion: 1' >"$ROOT/etc/cdi/wrong.yaml"
	cdi_yaml gpu >"$ROOT/var/run/cdi/b.yaml"
	carpel wait --for=condition=Ready pod/p --timeout 60s
	guest p env | grep -qx DEVICE=0
	sed -i 's/DEVICE=0/DEVICE=one/' "$ROOT/var/run/cdi/b.yaml"
	guest p env | grep -qx DEVICE=0 # it runs as it was started
	end_first p
	wait_for 60 has_restarts p 1
	wait_for 60 eval 'guest p env | grep -qx DEVICE=one'
}

# The programs anew, with a carpel-image that does what $ROOT/mode says once it has to look at CDI's files; how many
# of them there were each time is in $ROOT/running.
fake_reader() {
	mkdir "$ROOT/bin" "$ROOT/readers"
	cp "$CARPEL_BIN"/carpel* "$ROOT/bin" # a link would show in the programs, which others watch
	rm "$ROOT/bin/carpel-image"
	cat >"$ROOT/bin/carpel-image" <<-EOF
		#!/bin/sh
		case "\$*" in
		'-- cdi '*)
			echo "at $ROOT/etc/cdi/slow.yaml"
			: >"$ROOT/readers/\$\$"
			mode=\$(cat $ROOT/mode)
			ls $ROOT/readers | wc -l >>$ROOT/running
			case \$mode in
			hang) exec /bin/sleep 1000;;
			die) kill -9 \$\$;;
			esac
			$CARPEL_BIN/carpel-image "\$@"
			status=\$?
			rm $ROOT/readers/\$\$
			exit \$status;;
		esac
		exec $CARPEL_BIN/carpel-image "\$@"
	EOF
	chmod 755 "$ROOT/bin/carpel-image"
	CARPEL_BIN=$ROOT/bin
}

@test "CDI files are read beside carpeld: who hangs or dies at one fails the start, with the device and the file" {
	nm "$CARPEL_BIN/carpeld" | grep -q ' T main$'
	run -1 grep -E 'yaml|usage_step|userns_make' <(ldd "$CARPEL_BIN/carpeld"; nm "$CARPEL_BIN/carpeld")
	carpel down
	echo die >"$ROOT/mode"
	fake_reader
	DAEMON_OPTIONS='--start-deadline 2000' start_carpeld
	META="annotations: {carpel/devices.c: vendor.com/gpu=0}" pod p sleepy | apply
	wait_for 120 is_waiting p CreateContainerError \
		"CDI device vendor.com/gpu=0: $ROOT/etc/cdi/slow.yaml: carpel-image was killed by signal 9"
	echo hang >"$ROOT/mode"
	wait_for 120 is_waiting p CreateContainerError \
		"CDI device vendor.com/gpu=0: $ROOT/etc/cdi/slow.yaml: carpel-image took longer than 2000 ms"
}

@test "CDI files that are none are passed over and named: FIFO, device, directory, endless" {
	mkfifo "$ROOT/etc/cdi/fifo.yaml"
	wrong() { # TEXT
		run -22 --separate-stderr timeout "$(patience 60)" "$CARPEL_BIN/carpel-image" -- cdi "$ROOT" vendor.com/gpu=0
		[[ $stderr == "unresolvable CDI device vendor.com/gpu=0: no file of /etc/cdi or /var/run/cdi has it; $ROOT/etc/cdi/$1"* ]] ||
			{ echo "$stderr"; return 1; }
		rm -r "$ROOT"/etc/cdi/*
	}
	wrong 'fifo.yaml: it is no regular file'
	ln -s /dev/zero "$ROOT/etc/cdi/zero.yaml"
	wrong 'zero.yaml: it is no regular file'
	mkdir "$ROOT/etc/cdi/dir.json"
	wrong 'dir.json: it is no regular file'
	truncate -s 1T "$ROOT/etc/cdi/endless.yaml"
	wrong 'endless.yaml: more than 1048576 bytes'
	for i in {1..257}; do echo >"$ROOT/etc/cdi/$i.json"; done
	wrong '99.json: there are more than 256 files'
}

@test "pods: annotations of devices are checked when they are admitted" {
	refused() { # VALUE TEXT
		META="annotations: {carpel/devices.c: '$1'}" pod p sleepy >"$ROOT/p.yaml"
		run -1 --separate-stderr carpel apply -f "$ROOT/p.yaml"
		[[ $stderr == *"metadata.annotations[carpel/devices.c]: Invalid value: "*"$2"* ]] || { echo "$stderr"; return 1; }
	}
	refused '' 'must be /HOST[:/CONTAINER][:ACCESS] or VENDOR/CLASS=NAME'
	refused 'gpu' 'must be /HOST[:/CONTAINER][:ACCESS] or VENDOR/CLASS=NAME'
	refused '/dev/x:rx' 'the access must be some of r, w and m'
	refused '/dev/../etc' 'a path must be absolute'
	META="annotations: {carpel/devices.d: /dev/fuse}" pod p sleepy >"$ROOT/p.yaml"
	run -1 --separate-stderr carpel apply -f "$ROOT/p.yaml"
	[[ $stderr == *'metadata.annotations[carpel/devices.d]: Not found: "d"'* ]]
}

@test "images: their labels ask for no device, and their nodes do not open" {
	cdi_yaml gpu >"$ROOT/etc/cdi/vendor.yaml"
	jq -n --arg guest "$CARPEL_BIN/test/guest" --arg node "$NODE" --argjson minor "$MINOR" '{
		layers: [[{path: "bin/"}, {path: "bin/guest", file: $guest, mode: "755"}, {path: "dev/"}, {path: "dev/n", dev: "c 10 \($minor)"},
			{path: "node", dev: "c 1 5"}]],
		config: {Labels: {"carpel/devices.c": $node, "cdi.k8s.io/x": "vendor.com/gpu=0", "cdi.k8s.io/gpu": "vendor.com/gpu=all"},
			Env: ["CDI=vendor.com/gpu=0"]}}' |
		python3 "$BATS_TEST_DIRNAME/image_build.py" oci "$ROOT/layout"
	carpel image import guest "$ROOT/layout"
	pod p sleepy | carpel run -f - --wait
	output=$(guest p all env "ls /dev" "stat $NODE /dev/v0 /dev/n /usr/vendor" "open r /node")
	says "CDI=vendor.com/gpu=0"
	says "$NODE ENOENT"
	says "/dev/v0 ENOENT"
	says "/dev/n ENOENT"
	says "/usr/vendor ENOENT"
	lacks "/node ok"
	lacks DEVICE=
	lacks VENDOR=
}

# ---- hooks ----

# A program as nvidia-ctk's: it learns from its input where the root is, and changes it.
write_hook() {
	cat >"$ROOT/hook" <<-EOF
		#!/bin/bash
		state=\$(cat)
		bundle=\$(jq -r .bundle <<<"\$state")
		root=\$bundle/\$(jq -r .root.path "\$bundle/config.json")
		same() { [ "\$(readlink /proc/self/ns/\$1)" = "\$(readlink "/proc/\$(jq .pid <<<"\$state")/ns/\$1")" ] && echo own; }
		case \$1 in
		say) echo "\$2 \$VALUE \$(jq -r '.status, .ociVersion' <<<"\$state" | xargs) net=\$(same net) pid=\$(same pid) uid=\$(id -u)" >>"$ROOT/said";;
		link) ln -s /usr/vendor/lib.so "\$root/linked"; chmod 711 "\$root/tmp";;
		mount) touch "\$root/etc/mounted"; mount --bind "$ROOT/vendor/lib.so" "\$root/etc/mounted";;
		fail) exit 3;;
		hang) exec -a "hang $ROOT" sleep 1000;;
		esac
	EOF
	chmod 755 "$ROOT/hook"
}

nobody_hangs() { ! pgrep -f "^hang $ROOT"; }

hook() { # KIND WORD [MORE]: one of CDI's
	echo "{hookName: $1, path: $ROOT/hook, args: [hook, $2, $1]${3:+, $3}}"
}

@test "CDI hooks change the container's root before its program runs: links, modes, mounts; in order, and nothing else stays" {
	write_hook
	chmod 666 "$NODE"
	cdi_yaml gpu "hooks: [$(hook createContainer say 'env: [VALUE=x]'), $(hook createRuntime say), $(hook prestart say 'timeout: 60'), $(hook createContainer link), $(hook createContainer mount)]" >"$ROOT/etc/cdi/vendor.yaml"
	META="annotations: {carpel/devices.c: vendor.com/gpu=0}"
	for users in true false; do
		rm -f "$ROOT/said"
		SPEC="hostUsers: $users" EXTRA='securityContext: {readOnlyRootFilesystem: true}' pod "p-$users" sleepy | carpel run -f - --wait
		output=$(guest "p-$users" all "cat /linked /etc/mounted" "stat /tmp /etc/mounted" "write /new x" "open rw /dev/v0" "stat $ROOT $ROOT/hook")
		[ "$(grep -cx firmware <<<"$output")" = 2 ]
		says "/tmp dir 711 0 0 0:0"
		says "/new EROFS"
		says "/dev/v0 ok"
		says "$ROOT ENOENT"
		says "$ROOT/hook ENOENT"
		diff "$ROOT/said" - <<-EOF
			prestart  creating 1.2.0 net= pid= uid=0
			createRuntime  creating 1.2.0 net= pid= uid=0
			createContainer x creating 1.2.0 net=own pid= uid=0
		EOF
	done
	run -1 grep -F "$ROOT/" /proc/self/mountinfo
	[ -z "$(find "$ROOT/var/lib/carpel" -name config.json -o -name rootfs)" ]
}

@test "CDI hooks that fail or hang fail the start by name, and leave nothing" {
	write_hook
	cdi_yaml gpu "hooks: [$(hook createContainer fail)]" >"$ROOT/etc/cdi/vendor.yaml"
	META="annotations: {carpel/devices.c: vendor.com/gpu=0}" pod p sleepy | apply
	wait_for 60 is_waiting p RunContainerError "run hooks: createContainer hook: $ROOT/hook: exit status 3"
	cdi_yaml gpu "hooks: [$(hook createRuntime hang 'timeout: 1')]" >"$ROOT/etc/cdi/vendor.yaml"
	wait_for 120 is_waiting p RunContainerError "run hooks: createRuntime hook: $ROOT/hook: not done after 1 s"
	# one without a time limit has the start's
	carpel down
	cdi_yaml gpu "hooks: [$(hook createContainer say), $(hook createContainer hang)]" >"$ROOT/etc/cdi/vendor.yaml"
	DAEMON_OPTIONS='--start-deadline 1500' start_carpeld
	META="annotations: {carpel/devices.c: vendor.com/gpu=0}" pod p sleepy | apply
	wait_for 120 is_waiting p RunContainerError \
		"its program was not running within 1500 ms: run hooks: createContainer hook: $ROOT/hook"
	carpel delete pod p --grace-period 0
	wait_for 60 nobody_hangs
}

# ---- CRI ----

real() { carpel cri "$@"; }

cri_pod() {
	echo '{metadata: {name: web, uid: u-1, namespace: default}, linux: {security_context: {privileged: true}}}' >"$ROOT/pod.yaml"
	POD=$(real runp "$ROOT/pod.yaml")
}

# cri_ctr NAME FIELDS: a file of crictl's for it.
cri_ctr() {
	echo "{metadata: {name: $1}, image: {image: guest}, command: [/bin/guest, sleepy]${2:+, $2}}" >"$ROOT/$1.yaml"
}

cri_start() {
	cri_ctr "$@"
	CTR=$(real create "$POD" "$ROOT/$1.yaml" "$ROOT/pod.yaml")
	real start "$CTR"
}

@test "CRI: devices and CDI devices, by field and by annotation" {
	start_carpeld
	cdi_yaml gpu >"$ROOT/etc/cdi/vendor.yaml"
	cri_pod
	mkdir -p "$ROOT/many/sub"
	mknod "$ROOT/many/sub/n" c 10 "$MINOR"
	cri_start a "devices: [{container_path: /dev/n, host_path: $NODE, permissions: mr}, {container_path: /dev/many, host_path: $ROOT/many, permissions: rwm}],
		CDI_devices: [{name: 'vendor.com/gpu=0'}], annotations: {cdi.k8s.io/plug: 'vendor.com/gpu=all,vendor.com/gpu=0'}"
	output=$(real exec "$CTR" /bin/guest all env "open r /dev/n" "open w /dev/n" "open rw /dev/many/sub/n" "open rw /dev/v0" "open r /dev/v/all")
	# what is asked for a device by several names adds up
	says "/dev/n ok"
	says "/dev/many/sub/n ok"
	says "/dev/v0 ok"
	says "/dev/v/all ok"
	says DEVICE=0
	[ "$(real inspect "$CTR" | jq -r '.status.annotations["cdi.k8s.io/plug"]')" = 'vendor.com/gpu=all,vendor.com/gpu=0' ]
	cri_start b "devices: [{container_path: /dev/n, host_path: $NODE, permissions: r}]"
	output=$(real exec "$CTR" /bin/guest all "open r /dev/n" "open w /dev/n")
	says "/dev/n ok"
	says "/dev/n EPERM"
	cri_start c "linux: {security_context: {privileged: true}}, CDI_devices: [{name: 'vendor.com/gpu=0'}]"
	output=$(real exec "$CTR" /bin/guest all "open rw /dev/v0" "stat /dev/full")
	says "/dev/v0 ok"
	# hooks leave another tree of mounts: what the kubelet has masked is masked there
	write_hook
	cdi_yaml hooked "hooks: [$(hook createContainer link)]" >"$ROOT/etc/cdi/hooked.yaml"
	cri_start d "linux: {security_context: {masked_paths: [/proc/kcore, /proc/keys, /sys/firmware], readonly_paths: [/proc/sys]}},
		CDI_devices: [{name: 'vendor.com/hooked=0'}]"
	output=$(real exec "$CTR" /bin/guest all "cat /linked" "stat /proc/keys" "write /proc/sys/kernel/domainname x")
	says firmware
	says "/proc/keys char 666 0 0 1:3"
	says "/proc/sys/kernel/domainname EROFS"
	real rmp -f "$POD"
}

@test "CRI: a CDI device that is not there fails CreateContainer, and is there when its file is" {
	start_carpeld
	cri_pod
	cri_ctr a "CDI_devices: [{name: 'vendor.com/gpu=0'}]"
	run -1 --separate-stderr real create "$POD" "$ROOT/a.yaml" "$ROOT/pod.yaml"
	[[ $stderr == "carpel: CreateContainer: invalid argument: unresolvable CDI device vendor.com/gpu=0: "* ]] || { echo "$stderr"; return 1; }
	cdi_yaml gpu >"$ROOT/etc/cdi/a.yaml"
	cdi_yaml gpu | sed 's/DEVICE=0/DEVICE=twice/' >"$ROOT/etc/cdi/b.yaml"
	run -1 --separate-stderr real create "$POD" "$ROOT/a.yaml" "$ROOT/pod.yaml"
	[[ $stderr == *"unresolvable CDI device vendor.com/gpu=0: $ROOT/etc/cdi/a.yaml and $ROOT/etc/cdi/b.yaml have it" ]] || { echo "$stderr"; return 1; }
	jq -n --arg node "$NODE" '{cdiVersion: "1.0.0", kind: "vendor.com/gpu", devices: [{name: "0", containerEdits:
		{env: ["DEVICE=json"], deviceNodes: [{path: "/dev/j", hostPath: $node}]}}]}' >"$ROOT/var/run/cdi/c.json"
	cri_start a "CDI_devices: [{name: 'vendor.com/gpu=0'}]"
	output=$(real exec "$CTR" /bin/guest all env "open rw /dev/j" "stat /dev/v0")
	says DEVICE=json
	says "/dev/j ok"
	says "/dev/v0 ENOENT"
	# gone between the two calls: the start says so
	cri_ctr b "CDI_devices: [{name: 'vendor.com/gpu=0'}]"
	CTR=$(real create "$POD" "$ROOT/b.yaml" "$ROOT/pod.yaml")
	rm "$ROOT"/etc/cdi/* "$ROOT"/var/run/cdi/*
	run -1 --separate-stderr real start "$CTR"
	[[ $stderr == *"unresolvable CDI device vendor.com/gpu=0"* ]]
	real rmp -f "$POD"
}

have_begun() { [ "$(wc -l <"$ROOT/running")" = "$1" ]; }

@test "CRI: CDI's files are read for a few containers at a time, and an answer may be long" {
	local i pids=()

	carpel down
	echo hang >"$ROOT/mode"
	fake_reader
	start_carpeld
	# 256 files are looked at, and of one MiB of JSON almost all is taken.
	jq -n '{cdiVersion: "1.0.0", kind: "vendor.com/gpu", devices: [{name: "0", containerEdits:
		{env: [range(9) | "V\(.)=" + ("x" * 105000)]}}]}' >"$ROOT/etc/cdi/1.json"
	for i in {2..256}; do
		echo '{}' >"$ROOT/etc/cdi/$(printf %0240d "$i").json"
	done
	cri_pod
	for i in {1..6}; do
		cri_ctr "c$i" "CDI_devices: [{name: 'vendor.com/gpu=0'}]"
		"$CARPEL_BIN/carpel" --root "$ROOT" cri create "$POD" "$ROOT/c$i.yaml" "$ROOT/pod.yaml" >"$ROOT/out$i" 2>&1 3>&- 4>&- &
		pids+=($!)
	done
	wait_for 30 have_begun 4
	echo read >"$ROOT/mode"
	for i in "$ROOT"/readers/*; do
		rm "$i"
		kill -9 "${i##*/}"
	done
	for i in "${pids[@]}"; do
		wait "$i" || [ $? = 1 ]
	done
	[ "$(sort -n "$ROOT/running" | tail -n 1)" = 4 ]
	[ "$(cat "$ROOT"/out? | grep -cE '^[0-9a-f]{64}$')" = 2 ] || { cat "$ROOT"/out?; return 1; }
	[ "$(cat "$ROOT"/out? | grep -c 'slow.yaml: carpel-image was killed by signal 9$')" = 4 ]
	real rmp -f "$POD"
}
