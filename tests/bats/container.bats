#!/usr/bin/env bats
# What a container of a pod gets: namespaces, volumes, environment, identity, resources, last words.

# shellcheck disable=SC2016 # what looks like a shell's variables is Kubernetes'

load lib/carpel
load lib/pod

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

# report POD KEY: one line of the guest's report, from its log.
report() {
	carpel logs "$1" | sed -n "s/^$2 //p"
}

# run_to_end NAME ARGS…: a Never pod that has ended, with all of its log.
run_to_end() {
	RESTART=Never pod "$@" | apply
	carpel wait --for=exit "pod/$1" --timeout 60s >/dev/null
	ended_log "$1" >/dev/null
}

own_ns() {
	readlink "/proc/self/ns/$1"
}

@test "hostNetwork: the host's network, its address and its name" {
	import_guest
	SPEC='hostNetwork: true' pod a sleepy x | carpel apply -f - --wait=ready --timeout 60s
	pod b sleepy x | carpel apply -f - --wait=ready --timeout 60s
	[ "$(guest a ns | awk '$1 == "net" { print $2 }')" = "$(own_ns net)" ]
	output=$(guest b ns | awk '$1 == "net" { print $2 }')
	[[ $output == net:* && $output != "$(own_ns net)" ]]
	matches a '.status.podIP == .status.hostIP and .status.podIP != null'
	[ "$(guest a report | awk '$1 == "hostname" { print $2 }')" = "$(hostname)" ]
	[ "$(guest b report | awk '$1 == "hostname" { print $2 }')" = b ]
}

@test "shareProcessNamespace: containers see each other and pause, and what one leaves behind goes with it" {
	import_guest
	SPEC='shareProcessNamespace: true' pod_of a '{name: b, image: guest, command: [/bin/guest, family, "2"]},
		{name: c, image: guest, command: [/bin/guest, sleepy, x]}' | carpel apply -f - --wait=ready --timeout 60s
	pod_of own '{name: b, image: guest, command: [/bin/guest, sleepy, x]},
		{name: c, image: guest, command: [/bin/guest, sleepy, x]}' | carpel apply -f - --wait=ready --timeout 60s
	wait_for 30 has_pids a 5
	[ "$(carpel exec a -c c -- /bin/guest procs | grep -c '^1 carpel-pause$')" = 1 ]
	[ "$(carpel exec a -c c -- /bin/guest procs | awk '$2 == "guest"' | wc -l)" = 5 ] # and the one that looks
	[ "$(carpel exec own -c c -- /bin/guest procs | wc -l)" = 2 ]
	# The first process of b ends; its children are of the instance that ended.
	local child
	child=$(carpel exec a -c b -- /bin/guest procs | awk '$2 == "guest" { print $1 }' | head -n 1)
	carpel exec a -c c -- /bin/guest signal "$child" 15
	wait_for 60 matches a '[.status.containerStatuses[].restartCount] == [1, 0]'
	wait_for 30 has_pids a 5
	# A signal ends by its default action here, where nobody is init but pause.
	SPEC='shareProcessNamespace: true' run_to_end s kill 11
	is_status s '.state.terminated | "\(.exitCode) \(.reason)"' '139 Error'
}

@test "emptyDir: one for the pod, and gone with it" {
	import_guest
	SPEC='volumes: [{name: v, emptyDir: {}}]' \
		pod_of a '{name: b, image: guest, command: [/bin/guest, sleepy, x], volumeMounts: [{name: v, mountPath: /v}]},
		{name: c, image: guest, command: [/bin/guest, sleepy, x],
		 volumeMounts: [{name: v, mountPath: /other, readOnly: true}, {name: v, mountPath: /part, subPath: deep/er}]}' |
		carpel apply -f - --wait=ready --timeout 60s
	[ "$(carpel exec a -c b -- /bin/guest write /v/hello world)" = '/v/hello ok' ]
	[ "$(carpel exec a -c c -- /bin/guest cat /other/hello)" = world ]
	[ "$(carpel exec a -c c -- /bin/guest write /other/no x)" = '/other/no EROFS' ]
	[ "$(carpel exec a -c c -- /bin/guest write /part/x deep)" = '/part/x ok' ]
	[ "$(carpel exec a -c b -- /bin/guest cat /v/deep/er/x)" = deep ]
	carpel exec a -c b -- /bin/guest stat /v | grep -q '^/v dir 777 '
	local dir
	dir=$ROOT/var/lib/carpel/pods/$(field a .metadata.uid)
	[ -d "$dir/volumes/v" ]
	carpel delete pod a --now
	[ ! -e "$dir" ]
}

@test "hostPath: the types it checks, read-only, and files" {
	start_carpeld
	import_guest
	mkdir "$ROOT/host"
	echo there >"$ROOT/host/file"
	SPEC="volumes: [{name: d, hostPath: {path: $ROOT/host, type: Directory}}, {name: f, hostPath: {path: $ROOT/host/file, type: File}},
		{name: new, hostPath: {path: $ROOT/host/new/er, type: DirectoryOrCreate}}]" \
		EXTRA='volumeMounts: [{name: d, mountPath: /d}, {name: f, mountPath: /f, readOnly: true}, {name: new, mountPath: /n}]' \
		pod a sleepy x | carpel apply -f - --wait=ready --timeout 60s
	[ "$(guest a cat /d/file /f)" = $'there\nthere' ]
	[ "$(guest a write /f no)" = '/f EROFS' ]
	[ "$(guest a write /d/back yes)" = '/d/back ok' ]
	[ "$(cat "$ROOT/host/back")" = yes ]
	[ -d "$ROOT/host/new/er" ]
	# A check that fails is said, and nothing is started.
	SPEC="volumes: [{name: d, hostPath: {path: $ROOT/host/none, type: Directory}}]" EXTRA='volumeMounts: [{name: d, mountPath: /d}]' \
		pod b sleepy x | apply
	wait_for 60 has_event b FailedCreatePodSandBox 'host/none'
	is_field b .status.phase Pending
	# What was made before the check goes with the pod.
	local dir
	dir=$ROOT/var/lib/carpel/pods/$(field b .metadata.uid)
	[ -d "$dir" ]
	carpel delete pod a b --now
	[ ! -e "$dir" ]
	[ "$(cat "$ROOT/host/file")" = there ]
}

@test "/etc: any user of the pod reads its hosts, host name and resolver" {
	import_guest
	EXTRA='securityContext: {runAsUser: 1000, runAsGroup: 1000}' pod a sleepy x | carpel apply -f - --wait=ready --timeout 60s
	guest a cat /etc/hosts | grep -q '^127.0.0.1.*localhost'
	[ "$(guest a cat /etc/hostname)" = a ]
	guest a cat /etc/resolv.conf >/dev/null
	[ "$(guest a write /etc/hosts no)" = '/etc/hosts EACCES' ]
}

@test "environment: values, references in their order, and the downward API" {
	import_guest
	META='labels: {tier: back}, annotations: {"example.com/who": me}' \
		EXTRA='resources: {limits: {cpu: 1500m, memory: 64Mi}, requests: {cpu: 250m}},
		env: [{name: A, value: one}, {name: B, value: "$(A)-two $$(A) $(NONE)"},
		{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: NS, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}},
		{name: ID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}, {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}},
		{name: TIER, valueFrom: {fieldRef: {fieldPath: "metadata.labels['"'tier'"']"}}},
		{name: WHO, valueFrom: {fieldRef: {fieldPath: "metadata.annotations['"'example.com/who'"']"}}},
		{name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu}}},
		{name: MILLI, valueFrom: {resourceFieldRef: {resource: requests.cpu, divisor: 1m}}},
		{name: MEM, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}]' run_to_end a env
	carpel logs a | sort >"$ROOT/env"
	local line
	for line in A=one 'B=one-two $(A) $(NONE)' POD=a NS=default "ID=$(field a .metadata.uid)" "NODE=$(field a .spec.nodeName)" \
		TIER=back WHO=me CPU=2 MILLI=250 MEM=64 HOSTNAME=a; do
		grep -Fxq -- "$line" "$ROOT/env" || { echo "no $line" >&2; cat "$ROOT/env" >&2; return 1; }
	done
	# Nothing of carpeld's own.
	run grep -E '^(ROOT|CARPEL_BIN|BATS)' "$ROOT/env"
	[ "$status" = 1 ]
}

@test "command and args: \$(NAME) is expanded, \$\$ escapes" {
	import_guest
	RESTART=Never pod_of a '{name: c, image: guest, command: [/bin/guest, print], args: ["$(A)", "$$(A)", "$(B)", plain],
		env: [{name: A, value: one}]}' | apply
	carpel wait --for=exit pod/a --timeout 60s
	[ "$(ended_log a)" = $'one\n$(A)\n$(B)\nplain' ]
}

@test "termination message: the file, its path, its end, or the log's last lines" {
	import_guest
	run_to_end file all 'write /dev/termination-log goodbye' 'exit 3'
	is_status file .state.terminated.message goodbye
	EXTRA='terminationMessagePath: /tmp/last' run_to_end path all 'write /tmp/last elsewhere' 'exit 0'
	is_status path .state.terminated.message elsewhere
	run_to_end none eprint 'only a log'
	is_status none .state.terminated.message null
	EXTRA='terminationMessagePolicy: FallbackToLogsOnError' run_to_end log all 'print one' 'print two' 'exit 3'
	is_status log .state.terminated.message $'one\n--\ntwo\n--'
	EXTRA='terminationMessagePolicy: FallbackToLogsOnError' run_to_end good all 'print one' 'exit 0'
	is_status good .state.terminated.message null
	EXTRA='terminationMessagePolicy: FallbackToLogsOnError' run_to_end both all 'write /dev/termination-log file' 'print log' 'exit 3'
	is_status both .state.terminated.message file
	# A new instance has a page of its own.
	EXTRA='volumeMounts: [{name: v, mountPath: /v}]' SPEC='volumes: [{name: v, emptyDir: {}}]' \
		pod twice all 'append /dev/termination-log x' 'exit 1' | apply
	wait_for 60 has_restarts twice 1
	wait_for 60 matches twice '.status.containerStatuses[0].lastState.terminated.message == "x"'
}

@test "identity: runAsUser, runAsGroup, fsGroup, supplementalGroups, the container's before the pod's" {
	import_guest
	SPEC='securityContext: {runAsUser: 1000, runAsGroup: 2000, fsGroup: 3000, supplementalGroups: [4000, 5000]}, volumes: [{name: v, emptyDir: {}}]' \
		EXTRA='volumeMounts: [{name: v, mountPath: /v}]' run_to_end a all report 'stat /v' 'write /v/mine x' 'stat /v/mine'
	[ "$(report a uid)" = '1000 1000 1000 1000' ]
	[ "$(report a gid)" = '2000 2000 2000 2000' ]
	[ "$(report a groups | tr ' ' '\n' | sort -n | paste -sd' ')" = '3000 4000 5000' ] ||
		[ "$(report a groups | tr ' ' '\n' | sort -n | paste -sd' ')" = '2000 3000 4000 5000' ]
	is_logged a '^/v dir 2777 0 3000 '
	is_logged a '^/v/mine file 644 1000 3000 '
	[[ $(report a effective) =~ ^0+$ ]]
	SPEC='securityContext: {runAsUser: 1000}' EXTRA='securityContext: {runAsUser: 77}' run_to_end b report
	[ "$(report b uid)" = '77 77 77 77' ]
	# Root is refused where it is said that there is none.
	start_in_vain 'securityContext: {runAsNonRoot: true}' "container has runAsNonRoot and image will run as root"
}

# start_in_vain SPEC TEXT
start_in_vain() {
	SPEC=$1 pod vain sleepy x | apply
	wait_for 60 matches vain ".status.containerStatuses[0].state.waiting | .reason == \"CreateContainerConfigError\" and (.message | contains(\"$2\"))"
}

@test "readOnlyRootFilesystem, privileged, allowPrivilegeEscalation" {
	import_guest
	SPEC='volumes: [{name: v, emptyDir: {}}]' EXTRA='securityContext: {readOnlyRootFilesystem: true}, volumeMounts: [{name: v, mountPath: /v}]' \
		run_to_end ro all 'write /x no' 'write /v/x yes' 'write /dev/shm/x yes' 'try mount' report
	is_logged ro '^/x EROFS$'
	is_logged ro '^/v/x ok$'
	is_logged ro '^/dev/shm/x ok$'
	is_logged ro '^mount EPERM$'
	[ "$(report ro seccomp)" = 2 ]
	[ "$(report ro no_new_privs)" = 0 ]
	EXTRA='securityContext: {privileged: true}' run_to_end priv all 'try mount unshare-net' report
	is_logged priv '^mount ok$'
	is_logged priv '^unshare-net ok$'
	[ "$(report priv seccomp)" = 0 ]
	EXTRA='securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [NET_RAW]}}' run_to_end nnp report
	[ "$(report nnp no_new_privs)" = 1 ]
	[ "$(report nnp bounding)" = 0000000000002000 ]
}

# limit POD FILES…: the content of the first such file in the container's cgroup, whatever tree holds it.
limit() {
	local uid file found

	uid=$(field "$1" .metadata.uid)
	shift
	for file in "$@"; do
		# shellcheck disable=SC2046 # one word a tree
		found=$(find $(cgroup_dirs) -path "*pod$uid/[0-9a-f]*/*" -name "$file" | head -n 1)
		[ -z "$found" ] || { cat "$found"; return 0; }
	done
	return 1
}

@test "resources are in the container's cgroup, in either version's files" {
	import_guest
	EXTRA='resources: {limits: {cpu: 500m, memory: 64Mi}, requests: {cpu: 250m, memory: 32Mi}}' pod a sleepy x |
		carpel apply -f - --wait=ready --timeout 60s
	[ "$(limit a memory.max memory.limit_in_bytes)" = $((64 << 20)) ]
	case $(limit a cpu.max cpu.cfs_quota_us) in
	'50000 100000' | 50000) ;;
	*) return 1 ;;
	esac
	# 256 of 1024 shares are a weight of 10 on the old scale of v2, and about 35 on the newer one.
	case $(limit a cpu.weight cpu.shares) in
	256 | 10 | 35) ;;
	*) return 1 ;;
	esac
	is_field a .status.qosClass Burstable
	[ "$(guest a report | awk '$1 == "oom_score_adj" { print $2 }')" -lt 1000 ]
	pod b sleepy x | carpel apply -f - --wait=ready --timeout 60s
	is_field b .status.qosClass BestEffort
	[ "$(guest b report | awk '$1 == "oom_score_adj" { print $2 }')" = 1000 ]
	EXTRA='resources: {limits: {cpu: 100m, memory: 16Mi}}' pod g sleepy x | carpel apply -f - --wait=ready --timeout 60s
	is_field g .status.qosClass Guaranteed
}
