#!/usr/bin/env bats
# containerd with carpel-oci as its runtime (ctr --runc-binary; BinaryName in its configuration): containers are run,
# executed into, measured, paused, killed and removed.

# shellcheck disable=SC2016 # scripts for another shell

load lib/oci

setup() {
	oci_setup
	export RUN CG CARPEL_BIN
	# No plugin that looks at the machine: neither its CNI configuration nor its block devices.
	cat >"$RUN/containerd.toml" <<-END
		version = 2
		root = "$RUN/containerd"
		state = "$RUN/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.btrfs",
			"io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
		[grpc]
		address = "$RUN/containerd.sock"
	END
	# ctr's words, in mounts of their own that end with the last process.
	cat >"$RUN/lib" <<-'END'
		set -eu
		mount --make-rprivate /
		mount -t tmpfs tmpfs /run
		containerd --config "$RUN/containerd.toml" >"$RUN/containerd.log" 2>&1 &
		containerd=$!
		ctr() { command ctr --address "$RUN/containerd.sock" "$@"; }
		run() { ctr run --runc-binary "$CARPEL_BIN/carpel-oci" --cgroup "/$CG/$1" "${@:2}"; }
		finish() {
			[ "$?" = 0 ] || cat "$RUN/containerd.log"
			ctr task kill -s KILL w 2>/dev/null || :
			ctr task rm -f w >/dev/null 2>&1 || :
			kill "$containerd"
			wait "$containerd" || :
		}
		trap finish EXIT
		is() { echo "is $("$CARPEL_BIN/carpel-oci" --root /run/containerd/runc/default state w | jq -r .status)"; }
		until ctr version >/dev/null 2>&1; do kill -0 "$containerd" && sleep 0.1; done
	END
}

teardown() {
	pkill -f "containerd-shim.*$RUN" || : # of a test that failed
	oci_teardown
}

# Of the shims too: each ends with its last container.
is_alone() { ! pgrep -f "$RUN" >/dev/null; }

@test "containerd: run, exec, metrics, pause, kill, rm" {
	with_lib '
		run a --rm --seccomp --rootfs "$RUN/bundle/rootfs" a /guest all report "open r /dev/zero"
		run w -d --memory-limit 67108864 --rootfs "$RUN/bundle/rootfs" w /guest sleep 1000
		ctr task exec --exec-id e w /guest print executed
		ctr task exec --exec-id f w /guest exit 9 || echo "status $?"
		ctr task exec --exec-id g w /nothing || echo "status $? of none"
		ctr task metrics w
		ctr task pause w
		ctr task ls
		is
		ctr task resume w
		is
		ctr task kill -s KILL w
		until ctr task ls | grep "^w .*STOPPED"; do sleep 0.1; done
		ctr task rm w || echo "ended $?"
		ctr container rm w
		echo "left $(ctr container ls -q | wc -l)"
		run b --rm --rootfs "$RUN/bundle/rootfs" b /nothing || echo "status $?"'
	says "pid 1"
	says "seccomp 2"
	says "/dev/zero ok"
	says executed
	says "status 9"
	mentions "/nothing"
	grep -qE '^memory.*limit.* 67108864 *$' <<<"$output"
	grep -qE '^pids.current +1 *$' <<<"$output"
	grep -qE '^w +[0-9]+ +PAUSED' <<<"$output"
	grep -qE '^w .*STOPPED' <<<"$output"
	says "is paused"
	says "is running"
	says "left 0"
	wait_until is_alone
}
