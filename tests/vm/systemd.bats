#!/usr/bin/env bats
# The cgroup driver systemd, and carpeld as a service: where systemd is init, so in the emulated machine only.
# bats runs each test by itself.
# shellcheck disable=SC2030,SC2031

bats_require_minimum_version 1.5.0
load ../bats/lib/carpel
load ../bats/lib/pod

setup() {
	carpel_setup
	DAEMON_OPTIONS=--cgroup-driver=systemd
	S=$(instance_cgroup)
	S=${S/-/_} # what its units' names begin with
}

teardown() {
	carpel_teardown || return
	wait_for 10 no_units
}

# units [PATTERN]: those of this instance, whatever state they are in.
units() {
	systemctl list-units --all --plain --no-legend "$S${1:-*}" | awk '{ print $1 }' | sort
}

no_units() {
	[ -z "$(units)" ]
}

# is UNIT PROPERTY: what systemd says.
is() {
	systemctl show -P "$2" "$1"
}

unit_of() {
	echo "$S-pod$(field "$1" .metadata.uid).scope"
}

has_no_unit() {
	[ -z "$(units "-pod$1.scope")" ]
}

# unlimited and limited pods of each class
three_pods() {
	EXTRA='resources: {limits: {cpu: 500m, memory: 32Mi}}' pod a sleepy
	echo ---
	EXTRA='resources: {requests: {cpu: 300m}}' pod b sleepy
	echo ---
	pod c sleepy
}

dir_of() {
	echo "/sys/fs/cgroup$(is "$1" ControlGroup)"
}

@test "each pod is a scope of systemd's, in the slice of its class, with its limits" {
	local a b c dir
	start_carpeld
	import_guest
	three_pods | carpel run -f - --wait
	a=$(unit_of a) b=$(unit_of b) c=$(unit_of c)
	[ "$(is "$a" ControlGroup)" = "/$S.slice/$a" ]
	[ "$(is "$b" ControlGroup)" = "/$S.slice/$S-burstable.slice/$b" ]
	[ "$(is "$c" ControlGroup)" = "/$S.slice/$S-besteffort.slice/$c" ]
	[ "$(units)" = "$(printf '%s\n' "$S-besteffort.slice" "$S-burstable.slice" "$S-cri.slice" "$S-daemons.scope" \
		"$S.slice" "$a" "$b" "$c" | sort)" ]
	[ "$(is "$a" Delegate) $(is "$a" MemoryMax) $(is "$a" MemorySwapMax) $(is "$a" TasksMax)" = "yes 33554432 0 2048" ]
	[ "$(is "$a" CPUQuotaPerSecUSec) $(is "$a" CPUWeight)" = "500ms 20" ]
	[ "$(is "$c" MemoryMax) $(is "$c" TasksMax) $(is "$c" CPUWeight)" = "infinity 2048 1" ]
	wait_for 10 weighs burstable 12
	wait_for 10 weighs besteffort 1
	dir=$(dir_of "$a")
	limits() { cat "$dir"/{cpu.max,cpu.weight,memory.max,memory.swap.max,pids.max}; }
	[ "$(limits)" = $'50000 100000\n20\n33554432\n0\n2048' ]
	# systemd writes what it knows of.
	systemctl daemon-reload
	systemctl set-property --runtime "$S.slice" CPUWeight=50
	rm -r "/run/systemd/system.control/$S.slice.d"
	[ "$(limits)" = $'50000 100000\n20\n33554432\n0\n2048' ]
	weighs burstable 12
	weighs besteffort 1
	# Nobody lives in the scope itself, and who kept it until then is gone.
	[ -z "$(cat "$dir/cgroup.procs")" ]
	wait_for 10 is_kept_no_more "$dir"
	[ "$(find "$dir" -mindepth 1 -type d | wc -l)" = 2 ]
	[ "$(carpel info -o json | jq -r '.cgroup | .driver, .root')" = $'systemd\n'"/sys/fs/cgroup/$S.slice/$S-daemons.scope" ]
	[ "$(carpel cri runtime-config)" = "cgroup driver:   SYSTEMD" ]
	[ ! -e "/sys/fs/cgroup/$(instance_cgroup)" ]

	a=$(field a .metadata.uid)
	carpel delete pod a
	wait_for 10 has_no_unit "$a"
	carpel down --grace-period 0
	wait_for 10 no_units
	! ls -d "/run/systemd/system.control/$S"* || return
}

weighs() {
	[ "$(is "$S-$1.slice" CPUWeight)" = "$2" ] && [ "$(cat "/sys/fs/cgroup/$S.slice/$S-$1.slice/cpu.weight")" = "$2" ]
}

is_kept_no_more() {
	[ ! -e "$1/holder" ]
}

has_memory() {
	[ "$(is "$1" MemoryMax)" = "$2" ]
}

@test "a resize is systemd's, too" {
	local unit dir
	start_carpeld
	import_guest
	EXTRA='resources: {limits: {cpu: 500m, memory: 32Mi}}' pod a sleepy | carpel run -f - --wait
	unit=$(unit_of a) dir=$(dir_of "$unit")
	carpel update a --memory 64Mi
	wait_for 10 has_memory "$unit" 67108864
	systemctl daemon-reload
	[ "$(cat "$dir/memory.max")" = 67108864 ]
	carpel down --grace-period 0
	! ls -d "/run/systemd/system.control/$S"* || return
}

@test "a killed carpeld finds its pods' units again, and its helpers'" {
	local unit since helpers id
	start_carpeld
	import_guest
	pod a sleepy | carpel run -f - --wait
	unit=$(unit_of a) id=$(status a .containerID)
	since=$(is "$unit" InvocationID) helpers=$(is "$S-daemons.scope" InvocationID)
	kill -9 "$(carpeld_pid)"
	wait_for 10 is_serving
	[ "$(status a .containerID) $(status a .restartCount)" = "$id 0" ]
	[ "$(is "$unit" InvocationID) $(is "$S-daemons.scope" InvocationID)" = "$since $helpers" ]
	[ "$(carpel exec a -- /bin/guest print here)" = here ]
	id=$(field a .metadata.uid)
	carpel delete pod a
	wait_for 10 has_no_unit "$id"
}

is_restarted() {
	[ "$(status a .state.running.startedAt)" != null ] && [ "$(status a .containerID)" != "$1" ]
}

@test "a scope that somebody stops: the pod comes again, in a new one" {
	local unit id since
	start_carpeld
	import_guest
	pod a sleepy | carpel run -f - --wait
	unit=$(unit_of a) id=$(status a .containerID) since=$(is "$unit" InvocationID)
	systemctl stop "$unit"
	wait_for 30 is_restarted "$id"
	[ "$(is "$unit" ActiveState)" = active ]
	[ "$(is "$unit" InvocationID)" != "$since" ]
	[ "$(is "$unit" ControlGroup)" = "/$S.slice/$S-besteffort.slice/$unit" ]
}

# sandbox PARENT: makes one, and says its id.
sandbox() {
	jq -n --arg parent "$1" --arg name "s$RANDOM" \
		'{metadata: {$name, namespace: "n", uid: $name}, linux: {cgroup_parent: $parent}}' >"$ROOT/sandbox.json"
	carpel cri runp "$ROOT/sandbox.json"
}

@test "cri: a sandbox is a scope in the slice that its client names; other parents are refused" {
	local id path=/kube$$.slice/kube$$-pod1.slice
	start_carpeld
	id=$(sandbox "")
	[ "$(is "$S-$id.scope" ControlGroup)" = "/$S.slice/$S-cri.slice/$S-$id.scope" ]
	[ "$(is "$S-$id.scope" TasksMax)" = infinity ]
	carpel cri stopp "$id"
	carpel cri rmp "$id"
	wait_for 10 no_scope "$id"
	id=$(sandbox "$path")
	[ "$(is "$S-$id.scope" ControlGroup)" = "$path/$S-$id.scope" ]
	kill -9 "$(carpeld_pid)"
	wait_for 10 is_serving
	carpel cri stopp "$id"
	carpel cri rmp "$id"
	wait_for 10 no_scope "$id"
	id=$(sandbox "kube$$.slice")
	[ "$(is "$S-$id.scope" ControlGroup)" = "/kube$$.slice/$S-$id.scope" ]

	run ! sandbox /pods
	[[ $output == *'config.linux.cgroup_parent: "/pods": with the cgroup driver systemd it must be a slice'* ]]
	run ! sandbox "/other.slice/kube$$-pod1.slice"
	[[ $output == *'config.linux.cgroup_parent: "/other.slice/kube'*'it is not where the slice of that name is'* ]]
	run ! sandbox 'a--b.slice'
	[[ $output == *"config.linux.cgroup_parent: slice \"a--b.slice\": '-' must stand between two names"* ]]
	systemctl mask --runtime "masked$$.slice"
	run ! sandbox "masked$$.slice"
	systemctl unmask --runtime "masked$$.slice"
	[[ $output == *"systemd does not make $S-"*".scope: "*"masked$$.slice"* ]]
	carpel down --grace-period 0
	systemctl stop "kube$$.slice"
}

no_scope() {
	[ -z "$(units "-$1.scope")" ]
}

@test "the driver stays while there are pods" {
	start_carpeld
	import_guest
	pod a sleepy | carpel run -f - --wait
	pkill -TERM -f -- "--keep.* --root $ROOT|--root $ROOT --keep"
	wait_for 10 is_not_serving
	run -1 timeout "$(patience 60)" "$CARPEL_BIN/carpeld" --root "$ROOT" --cgroup-driver=cgroupfs
	[[ $output == *"--cgroup-driver=cgroupfs: the pods that are here have cgroups by systemd; end them first"* ]]
	DAEMON_OPTIONS='' # as before
	start_carpeld
	[ "$(carpel info -o json | jq -r .cgroup.driver)" = systemd ]
	[ "$(status a .restartCount)" = 0 ]
	carpel down --grace-period 0
	start_carpeld
	[ "$(carpel info -o json | jq -r .cgroup.driver)" = cgroupfs ]
}

is_not_serving() {
	! is_serving
}

oci() {
	"$CARPEL_BIN/carpel-oci" --root "$ROOT/oci" "$@"
}

has_stopped() {
	[ "$(oci state c | jq -r .status)" = stopped ]
}

@test "oci: a container by --systemd-cgroup is a scope with its limits, which an update changes and a reload keeps" {
	local bundle=$ROOT/bundle unit=t-c1.scope dir=/sys/fs/cgroup/$S.slice/$S-oci.slice/t-c1.scope
	mkdir -p "$bundle/rootfs"
	cp "$CARPEL_BIN/test/guest" "$bundle/rootfs/guest"
	jq --arg path "$S-oci.slice:t:c1" '.process.args = ["/guest", "sleep", "1000"] | .linux.cgroupsPath = $path |
		.linux.resources += {memory: {limit: 33554432, swap: 33554432}, pids: {limit: 77},
			cpu: {shares: 512, quota: 50000, period: 100000, cpus: "0"}, unified: {"memory.high": "30000000"}}' \
		"$BATS_TEST_DIRNAME/../fixtures/oci-config.json" >"$bundle/config.json"
	oci --systemd-cgroup create --bundle "$bundle" --pid-file "$ROOT/pid" c >"$ROOT/out" 2>&1 </dev/null
	oci start c
	[ "$(is "$unit" ControlGroup)" = "${dir#/sys/fs/cgroup}" ]
	[ "$(cat "$dir/cgroup.procs")" = "$(cat "$ROOT/pid")" ]
	[ "$(is $unit Delegate) $(is $unit MemoryMax) $(is $unit MemoryHigh) $(is $unit MemorySwapMax)" = "yes 33554432 30000000 0" ]
	[ "$(is $unit TasksMax) $(is $unit CPUWeight) $(is $unit CPUQuotaPerSecUSec) $(is $unit AllowedCPUs)" = "77 59 500ms 0" ]
	limits() { cat "$dir"/{cpu.max,cpu.weight,cpuset.cpus,memory.max,memory.high,memory.swap.max,pids.max}; }
	[ "$(limits)" = $'50000 100000\n59\n0\n33554432\n29999104\n0\n77' ]
	oci update --cpu-quota 20000 --memory 67108864 c
	[ "$(is $unit CPUQuotaPerSecUSec) $(is $unit MemoryMax) $(is $unit TasksMax)" = "200ms 67108864 77" ]
	systemctl daemon-reload
	[ "$(limits)" = $'20000 100000\n59\n0\n67108864\n29999104\n0\n77' ]
	oci exec c /guest cat /proc/self/cgroup | grep -qx "0::${dir#/sys/fs/cgroup}"
	run ! oci --systemd-cgroup create --bundle "$bundle" d
	[[ $output == *": it has processes"* ]]
	oci kill c KILL
	wait_for 10 has_stopped
	oci delete c
	[ ! -e "$dir" ]
	[ ! -e "/run/systemd/system.control/$unit.d" ]
	# At once again, and never started.
	oci --systemd-cgroup create --bundle "$bundle" c >"$ROOT/out" 2>&1 </dev/null
	[ "$(is $unit MemoryMax)" = 33554432 ]
	oci delete c
	[ ! -e "$dir" ]
	systemctl stop "$S-oci.slice" "$S.slice"
}

# The instance of root /, as the machine's own.
service_carpel() {
	"$CARPEL_BIN/carpel" "$@"
}

is_active() {
	systemctl is-active --quiet "$1"
}

@test "carpeld.service: pods survive its restart, and its stop" {
	local unit id file
	for file in service socket; do
		sed "s|@libexecdir@|$CARPEL_BIN|" "$BATS_TEST_DIRNAME/../../contrib/systemd/carpeld.$file" \
			>"/run/systemd/system/carpeld.$file"
	done
	systemctl daemon-reload
	systemctl start carpeld.service
	is_active carpeld.socket
	carpel() { service_carpel "$@"; }
	import_guest
	pod a sleepy | carpel run -f - --wait
	id=$(status a .containerID)
	unit=carpel-pod$(field a .metadata.uid).scope
	[ "$(is "$unit" ControlGroup)" = "/carpel.slice/carpel-besteffort.slice/$unit" ]
	systemctl restart carpeld.service
	[ "$(status a '.containerID, .restartCount')" = "$id"$'\n0' ]
	systemctl stop carpeld.service
	is_active "$unit"
	[ "$(cat "/sys/fs/cgroup$(is "$unit" ControlGroup)"/*/cgroup.procs | wc -l)" = 2 ]
	# The socket starts it for whoever asks.
	[ "$(status a '.containerID, .restartCount')" = "$id"$'\n0' ]
	is_active carpeld.service
	carpel down --grace-period 0
	systemctl stop carpeld.socket carpeld.service
	S=carpel
	wait_for 10 no_service_units
	rm /run/systemd/system/carpeld.*
	systemctl daemon-reload
}

no_service_units() {
	[ -z "$(systemctl list-units --all --plain --no-legend 'carpel.slice' 'carpel-*')" ]
}
