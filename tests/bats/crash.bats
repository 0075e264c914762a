#!/usr/bin/env bats
# kill -9 of carpeld, carpel-probe and carpel-log, at any moment: no container stops, nothing is lost.

load lib/carpel

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

# pod NAME ARGS…: a pod of one container that runs the guest.  RESTART, EXTRA (container fields, YAML flow).
pod() {
	local name=$1 args

	shift
	args=$(printf '"%s",' "$@")
	cat <<-EOF
		apiVersion: v1
		kind: Pod
		metadata: {name: $name}
		spec:
		  restartPolicy: ${RESTART:-Always}
		  terminationGracePeriodSeconds: 1
		  containers:
		  - {name: c, image: guest, command: [/bin/guest, ${args%,}]${EXTRA:+, $EXTRA}}
	EOF
}

# between_carpelds COMMAND…: carpeld is killed, and the keeper starts no other one before that is done.
between_carpelds() {
	local keeper daemon

	daemon=$(carpeld_pid)
	keeper=$(awk '/^PPid/ { print $2 }' "/proc/$daemon/status")
	kill -STOP "$keeper"
	kill -9 "$daemon"
	"$@"
	kill -CONT "$keeper"
	wait_for 10 is_other_carpeld "$daemon"
}

kill_carpeld() {
	local pid
	pid=$(carpeld_pid)
	kill -9 "$pid"
	wait_for 10 is_other_carpeld "$pid"
}

# The host pid of a program of this instance, by its name and its parents' cgroup.
helper_pid() {
	local pid dir

	for dir in $(cgroup_dirs); do
		while read -r pid; do
			[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$1" ] || { echo "$pid"; return 0; }
		done <"$dir/daemons/cgroup.procs"
	done
	return 1
}

has_log() { # has_log POD TEXT
	[ "$(carpel logs "$1")" = "$2" ]
}

field() {
	carpel get pod "$1" -o "jsonpath={$2}"
}

is_field() {
	[ "$(field "$1" "$2")" = "$3" ]
}

@test "a killed carpeld comes back and the container never noticed" {
	import_guest
	pod a sleepy hello | carpel run -f - --wait
	local id started
	id=$(field a '.status.containerStatuses[0].containerID')
	started=$(field a '.status.containerStatuses[0].state.running.startedAt')
	for _ in 1 2 3; do
		kill_carpeld
	done
	is_field a '.status.containerStatuses[0].containerID' "$id"
	is_field a '.status.containerStatuses[0].state.running.startedAt' "$started"
	is_field a '.status.containerStatuses[0].restartCount' 0
	wait_for 20 has_log a hello
	[ "$(carpel exec a -- /bin/guest print alive)" = alive ]
}

@test "an exit code that came while carpeld was dead is not lost" {
	import_guest
	RESTART=Never pod a sleep 1000 | carpel run -f - --wait
	between_carpelds kill -9 "$(cat "$(cgroup_v2_dir)"/besteffort/pod*/[0-9a-f]*/cgroup.procs | head -n 1)"
	wait_for 10 is_field a .status.phase Failed
	is_field a '.status.containerStatuses[0].state.terminated.exitCode' 137
	is_field a '.status.containerStatuses[0].state.terminated.reason' Error
}

has_no_dead_child() {
	! pgrep -P "$1" -r Z
}

@test "who dies while the keeper waits with the next carpeld is reaped: a pod's namespace ends with the last of its dead" {
	import_guest
	pod a sleepy here | carpel run -f - --wait
	local keeper daemon pause

	daemon=$(carpeld_pid)
	keeper=$(awk '/^PPid/ { print $2 }' "/proc/$daemon/status")
	pause=$(pgrep -P "$daemon" -x carpel-pause)
	for _ in 1 2 3 4 5; do kill_carpeld; done # it waits longer each time
	daemon=$(carpeld_pid)
	kill -9 "$daemon"
	wait_for 10 [ ! -e "/proc/$daemon" ]
	kill -9 "$pause"
	wait_for 20 is_other_carpeld "$daemon"
	wait_for 10 has_no_dead_child "$keeper"
}

@test "restart counts, last states and events survive" {
	DAEMON_OPTIONS='--back-off 50,100,600000'
	start_carpeld
	import_guest
	pod a exit 3 | carpel run -f -
	wait_for 20 carpel_restarted_twice a
	kill_carpeld
	[ "$(field a '.status.containerStatuses[0].restartCount')" -ge 2 ]
	is_field a '.status.containerStatuses[0].lastState.terminated.exitCode' 3
	carpel events | grep -q 'BackOff.*Back-off restarting failed container c in pod a_default'
	local before
	before=$(field a '.status.containerStatuses[0].restartCount')
	wait_for 20 more_restarts_than "$before" a
}

carpel_restarted_twice() {
	[ "$(field "$1" '.status.containerStatuses[0].restartCount')" -ge 2 ]
}

more_restarts_than() {
	[ "$(field "$2" '.status.containerStatuses[0].restartCount')" -gt "$1" ]
}

@test "ready state survives, and probing goes on" {
	import_guest
	EXTRA='readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1, timeoutSeconds: 60}' pod a http 8080 /tmp/ok | carpel run -f - --wait=running
	carpel exec a -- /bin/guest write /tmp/ok yes
	carpel wait --for=ready pod/a --timeout 20s
	local since
	since=$(field a '.status.conditions[?(@.type=="Ready")].lastTransitionTime')
	kill_carpeld
	is_field a '.status.containerStatuses[0].ready' true
	is_field a '.status.conditions[?(@.type=="Ready")].lastTransitionTime' "$since"
	carpel exec a -- /bin/guest unlink /tmp/ok
	carpel wait --for=condition=Ready=False pod/a --timeout 20s
}

@test "a killed carpel-probe is replaced and goes on probing" {
	import_guest
	EXTRA='readinessProbe: {httpGet: {port: 8080}, periodSeconds: 1, timeoutSeconds: 60}' pod a http 8080 | carpel run -f - --wait=ready --timeout 20s
	local old
	old=$(helper_pid carpel-probe)
	kill -9 "$old"
	wait_for 10 helper_is_new carpel-probe "$old"
	is_field a '.status.containerStatuses[0].ready' true
	[ "$(field a '.status.containerStatuses[0].restartCount')" = 0 ]
	run carpel probe run a --type readiness
	[ "$status" = 0 ]
}

helper_is_new() {
	local now
	now=$(helper_pid "$1") && [ "$now" != "$2" ]
}

@test "a killed carpel-log loses no line and gives nobody a SIGPIPE" {
	import_guest
	RESTART=Never pod a lines 20000 | carpel run -f -
	local old
	for _ in 1 2 3 4 5; do
		old=$(helper_pid carpel-log) || continue
		kill -9 "$old" 2>/dev/null || :
		wait_for 10 helper_is_new carpel-log "$old"
	done
	carpel wait --for=exit pod/a --timeout 60s
	is_field a '.status.containerStatuses[0].state.terminated.exitCode' 0
	carpel logs a -f >"$ROOT/got" # to its end
	seq -f 'line %.0f' 20000 | cmp - "$ROOT/got"
}

@test "a carpel-log that dies after its pod has ended loses no line" {
	import_guest
	pod first sleepy x | carpel run -f - --wait
	local old
	old=$(helper_pid carpel-log)
	kill -STOP "$old"
	RESTART=Never pod a lines 3000 | carpel run -f -
	wait_for 30 is_field a .status.phase Succeeded
	kill -9 "$old"
	wait_for 10 helper_is_new carpel-log "$old"
	wait_for 30 has_all_lines a 3000
}

has_all_lines() {
	carpel logs "$1" | cmp - <(seq -f 'line %.0f' "$2")
}

@test "all three killed together, again and again, under load" {
	import_guest
	local i
	for i in 1 2 3 4 5 6; do
		RESTART=Never pod "w$i" lines 5000 | carpel run -f -
		EXTRA='livenessProbe: {exec: {command: [/bin/guest, exit, "0"]}, periodSeconds: 1, timeoutSeconds: 60}' \
			pod "s$i" sleepy "$i" | carpel run -f -
	done
	for _ in 1 2 3 4 5; do
		kill -9 "$(helper_pid carpel-log)" "$(helper_pid carpel-probe)" 2>/dev/null || :
		kill_carpeld
	done
	for i in 1 2 3 4 5 6; do
		carpel wait --for=exit "pod/w$i" --timeout 60s
		is_field "w$i" '.status.containerStatuses[0].state.terminated.exitCode' 0
		carpel logs "w$i" -f >"$ROOT/got"
		seq -f 'line %.0f' 5000 | cmp - "$ROOT/got"
		is_field "s$i" '.status.phase' Running
		is_field "s$i" '.status.containerStatuses[0].restartCount' 0
		wait_for 20 has_log "s$i" "$i"
	done
}

@test "pods that are being made and deleted while carpeld dies are made or gone, never half" {
	import_guest
	local i jobs=()
	for i in $(seq 12); do
		pod "p$i" sleepy "$i" | carpel run -f - >/dev/null 2>&1 &
		jobs+=("$!")
		[ $((i % 3)) != 0 ] || carpel delete pod "p$((i - 2))" --now >/dev/null 2>&1 &
		jobs+=("$!")
		[ $((i % 2)) != 0 ] || kill_carpeld
	done
	wait "${jobs[@]}" || : # not for what bats keeps running beside us
	wait_for 60 none_is_deleted # whose client may have lost its carpeld
	# Whatever was admitted becomes Running; a name that is there is not two pods.
	for i in $(carpel get pods -o name); do
		carpel wait --for=ready "$i" --timeout 30s
		[ "$(carpel exec "$i" -- /bin/guest procs | grep -c guest)" -ge 2 ] # itself, too
	done
	local pods cgroups
	pods=$(carpel get pods -o name | wc -l)
	cgroups=$(find "$(cgroup_v2_dir)/besteffort" -maxdepth 1 -name 'pod*' | wc -l)
	[ "$pods" -ge 1 ]
	[ "$pods" = "$cgroups" ]
	carpel delete pod --all --now
	[ "$(carpel get pods -o name | wc -l)" = 0 ]
}

none_is_deleted() {
	carpel get pods -o json | jq -e '[.items[].metadata.deletionTimestamp // empty] == []' >/dev/null
}

@test "the resource version never goes back" {
	import_guest
	pod a sleepy x | carpel run -f - --wait
	local before after
	before=$(carpel get pod a -o 'jsonpath={.metadata.resourceVersion}')
	kill_carpeld
	after=$(curl -s --http2-prior-knowledge --unix-socket "$ROOT/run/carpel/carpel.sock" http://x/api/v1/pods | jq -r .metadata.resourceVersion)
	[ "$after" -gt "$before" ]
	# One from the future is refused, or informers would wait for it in silence.
	run curl -s --http2-prior-knowledge --unix-socket "$ROOT/run/carpel/carpel.sock" \
		"http://x/api/v1/pods?watch=1&timeoutSeconds=1&resourceVersion=$((after + 1000000))"
	grep -Eq '"code": ?(410|504)' <<<"$output"
}

@test "SIGTERM leaves the pods to the next carpeld" {
	import_guest
	pod a sleepy hello | carpel run -f - --wait
	local id pid
	id=$(field a '.status.containerStatuses[0].containerID')
	pid=$(carpeld_pid)
	kill -TERM "$pid"
	wait_for 10 is_gone "$pid"
	is_field a '.status.containerStatuses[0].containerID' "$id"
	is_field a '.status.containerStatuses[0].restartCount' 0
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

@test "a record that is torn is set aside, and the others are taken over" {
	import_guest
	pod a sleepy a | carpel run -f - --wait
	pod b sleepy b | carpel run -f - --wait
	local uid
	uid=$(field a .metadata.uid)
	between_carpelds truncate -s 100 "$ROOT/run/carpel/pods/$uid"
	is_field b .status.phase Running
	run carpel get pod a
	[ "$status" != 0 ]
	[ -e "$ROOT/run/carpel/pods/$uid.bad" ]
	# Nothing of it is left running.
	wait_for 10 no_cgroup_of "$uid"
	rm "$ROOT/run/carpel/pods/$uid.bad"
}

no_cgroup_of() {
	! find /sys/fs/cgroup -maxdepth 4 -name "pod$1" 2>/dev/null | grep -q .
}

@test "a log that was whole and its sandbox gone before that was on record is not waited for" {
	import_guest
	pod first sleepy x | carpel run -f - --wait
	local log uid
	log=$(helper_pid carpel-log)
	kill -STOP "$log"
	RESTART=Never pod a lines 10 | carpel run -f -
	wait_for 30 is_field a .status.phase Succeeded
	uid=$(field a .metadata.uid)
	cp "$ROOT/run/carpel/pods/$uid" "$ROOT/$uid"
	kill -CONT "$log"
	wait_for 30 no_cgroup_of "$uid"
	# As carpeld would have left it by dying earlier.
	between_carpelds cp "$ROOT/$uid" "$ROOT/run/carpel/pods"
	timeout "$(patience 30)" "$CARPEL_BIN/carpel" --root "$ROOT" logs a -f >"$ROOT/got"
	seq -f 'line %.0f' 10 | cmp - "$ROOT/got"
}
