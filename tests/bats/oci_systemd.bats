#!/usr/bin/env bats
# carpel-oci --systemd-cgroup: here by a stand-in for systemd-run and systemctl, on a cgroup tree that has no
# controllers where v1 has them; by systemd itself in tests/vm/systemd.bats.

# shellcheck disable=SC2016 # scripts for another shell

bats_require_minimum_version 1.5.0
load lib/oci

setup() {
	export RUN BUNDLE
	oci_setup
	S=oci${CG##*.}
	cat >"$RUN/lib" <<-END
		set -eu
		mount --make-rprivate /
		mount -t tmpfs tmpfs /run
		mkdir -p /run/systemd/system /run/stand-in
		for program in systemd-run systemctl; do
			mount --bind '$BATS_TEST_DIRNAME/lib/systemd_stand_in.sh' /usr/bin/\$program
		done
		if [ -d /sys/fs/cgroup/unified ]; then
			umount -R /sys/fs/cgroup
			mount -t cgroup2 cgroup2 /sys/fs/cgroup
		fi
		S=$S CGROUP=/sys/fs/cgroup/$S.slice/$S-b.slice
		systemd() { '$CARPEL_BIN/carpel-oci' --systemd-cgroup --root '$RUN/root' "\$@"; }
		oci() { '$CARPEL_BIN/carpel-oci' --root '$RUN/root' "\$@"; }
		comes_to() {
			for _ in \$(seq $((3000 * ${WAIT_FACTOR:-1}))); do
				[ "\$(oci state c 2>/dev/null | jq -r .status)" != "\$1" ] || return 0
				sleep 0.01
			done
			return 1
		}
		create() { systemd create --bundle '$BUNDLE' --pid-file '$RUN/pid' "\$@" </dev/null >'$RUN/out' 2>&1 || { cat '$RUN/out'; return 1; }; }
	END
	FILTER='.linux.cgroupsPath = "'"$S"'-b.slice:libpod:c1"' bundle /guest sleep 1000
}

teardown() {
	find "$V2/$S.slice" -mindepth 1 -name cgroup.kill -exec sh -c 'echo 1 >"$1"' sh {} \; 2>/dev/null
	find "$V2/$S.slice" -depth -type d -exec rmdir {} + 2>/dev/null
	oci_teardown
}

with_systemd() { # with_systemd SCRIPT: $output is what it prints
	output=$(unshare -m bash -c ". '$RUN/lib'; $1" 2>&1 3>&-) || {
		echo "$output"
		return 1
	}
}

@test "systemd: a container is a delegated scope in the slice of its path, found and removed by what is recorded" {
	with_systemd '
		create c
		cat $CGROUP/libpod-c1.scope/cgroup.procs
		oci start c
		oci exec c /guest cat /proc/self/cgroup | grep ^0
		oci ps --format json c | jq ".[]"
		oci pause c
		oci state c | jq -r .status
		! create d || exit 1
		oci resume c
		systemd kill c KILL
		comes_to stopped
		oci delete c
		[ ! -e $CGROUP/libpod-c1.scope ]
		cat /run/stand-in/asked
		# Who waits for its end keeps nobody else in the scope.
		systemd run --bundle "$BUNDLE" --pid-file "$RUN/run.pid" c </dev/null >/dev/null 2>&1 &
		comes_to running
		procs=$(cat $CGROUP/libpod-c1.scope/cgroup.procs)
		oci kill c KILL
		wait $! || [ $? = 137 ]
		[ "$procs" = "$(cat "$RUN/run.pid")" ]
		[ ! -e $CGROUP/libpod-c1.scope ]'
	[ "$output" = "$(cat "$RUN/pid")
0::/$S.slice/$S-b.slice/libpod-c1.scope
$(cat "$RUN/pid")
paused
carpel-oci: error: config.json: linux.cgroupsPath=/$S.slice/$S-b.slice/libpod-c1.scope: it has processes
systemd-run --scope --quiet --collect --unit=libpod-c1.scope --slice=$S-b.slice --property=Delegate=yes \
--property=DefaultDependencies=no --property=TasksMax=infinity -- /bin/cat
systemctl stop --quiet libpod-c1.scope" ]
}

@test "systemd: its limits are told to systemd; a scope that ends is waited for, one that fails leaves nothing" {
	with_systemd '
		config() { jq "$1" "$BUNDLE/config.json" >"$RUN/new"; mv "$RUN/new" "$BUNDLE/config.json"; }
		cd /run/stand-in
		# Who was there before goes in a moment; and is the one in which nobody lives.
		echo "Failed to start transient scope unit: Unit libpod-c1.scope was already loaded or has a fragment file." >refuses
		create c
		[ "$(grep -c systemd-run asked)" = 2 ]
		[ ! -e refuses ]
		mkdir -p /run/systemd/system.control/libpod-c1.scope.d/x
		oci delete --force c
		[ ! -e /run/systemd/system.control/libpod-c1.scope.d ]
		echo "Failed to start transient scope unit: no" >refuses
		! create c || exit 1
		[ -z "$(ls $RUN/root)" ]
		: >asked
		config ".linux.resources.pids.limit = 77 | .linux.resources.memory = {limit: 65536000, swap: 65537000}"
		# Where v1 has the controllers there is no file to write them to.
		! create c || oci delete --force c
		[ -z "$(ls $RUN/root)" ]
		[ ! -e $CGROUP/libpod-c1.scope ]
		grep -o "TasksMax=.*" asked
		config "del(.linux.cgroupsPath, .linux.resources)"
		echo no >refuses
		! create c || exit 1
		grep -o "unit=carpel.*slice" asked'
	says "carpel-oci: error: systemd does not make libpod-c1.scope: Failed to start transient scope unit: no"
	says "TasksMax=77 --property=MemoryMax=65536000 --property=MemorySwapMax=1000 -- /bin/cat"
	says "unit=carpel-oci-c.scope --slice=system.slice"
}

@test "systemd: paths that are none, and machines without systemd, are refused" {
	with_systemd '
		refuses() {
			jq --arg path "$1" ".linux.cgroupsPath = \$path" "$BUNDLE/config.json" >"$RUN/new"
			mv "$RUN/new" "$BUNDLE/config.json"
			! create c || return 1
			[ -z "$(ls $RUN/root)" ]
		}
		for path in /a/b a.slice:b a.slice:b: a:b:c:d a/b.slice:c:d a.scope:b:c a--b.slice:c:d "a.slice:b:c d"; do
			refuses "$path"
		done
		[ ! -e /run/stand-in/asked ]
		rmdir /run/systemd/system
		refuses :b:c
		! oci --cgroup-manager systemd create --bundle "$BUNDLE" c </dev/null >"$RUN/out" 2>&1 || exit 1
		cat "$RUN/out"'
	[ "$output" = "$(sed 's/^/carpel-oci: error: /' <<-'END'
		config.json: linux.cgroupsPath=/a/b: want SLICE:PREFIX:NAME with --systemd-cgroup
		config.json: linux.cgroupsPath=a.slice:b: want SLICE:PREFIX:NAME with --systemd-cgroup
		config.json: linux.cgroupsPath=a.slice:b:: want SLICE:PREFIX:NAME with --systemd-cgroup
		config.json: linux.cgroupsPath=a:b:c:d: want SLICE:PREFIX:NAME with --systemd-cgroup
		config.json: linux.cgroupsPath=a/b.slice:c:d: want SLICE:PREFIX:NAME with --systemd-cgroup
		config.json: linux.cgroupsPath=a.scope:b:c: "a.scope" is no slice: it does not end in .slice
		config.json: linux.cgroupsPath=a--b.slice:c:d: slice "a--b.slice": '-' must stand between two names
		config.json: linux.cgroupsPath=a.slice:b:c d: scope "b-c d.scope": must consist of letters, digits and any of :_.\-
		--systemd-cgroup: systemd is not this machine's init: there is no directory /run/systemd/system
		--systemd-cgroup: systemd is not this machine's init: there is no directory /run/systemd/system
	END
	)" ]
}
