#!/usr/bin/env bats
# podman with carpel-oci as its runtime: containers are run, executed into, measured, paused, killed and
# removed.  It refuses hybrid cgroups, so there it runs where the v2 hierarchy is not mounted.

# shellcheck disable=SC2016 # scripts for another shell

load lib/oci

setup() {
	oci_setup
	export RUN CG CARPEL_BIN
	cat >"$RUN/containers.conf" <<-'END'
		[containers]
		default_ulimits=["nofile=1024:1024","nproc=1024:1024"]
		[engine]
		cgroup_manager="cgroupfs"
		events_logger="file"
	END
	# podman PROGRAM's words, in mounts of their own that end with the last process.
	cat >"$RUN/lib" <<-'END'
		set -eu
		mount --make-rprivate /
		mount -t tmpfs tmpfs /run
		[ ! -d /sys/fs/cgroup/unified ] || umount /sys/fs/cgroup/unified
		export CONTAINERS_CONF=$RUN/containers.conf
		podman() {
			command podman --root "$RUN/storage" --runroot "$RUN/runroot" --tmpdir "$RUN/tmp" \
				--cgroup-manager cgroupfs --storage-driver vfs --runtime "$CARPEL_BIN/carpel-oci" "$@"
		}
		make() { podman "$1" --network none --cgroup-parent "/$CG" "${@:2}"; }
		mkdir "$RUN/bundle/rootfs/t"
		echo of-the-image >"$RUN/bundle/rootfs/t/file"
		tar -C "$RUN/bundle/rootfs" -cf "$RUN/image.tar" .
		podman import "$RUN/image.tar" localhost/guest >/dev/null 2>&1
		trap 'podman rm -af -t 0 >/dev/null' EXIT
	END
}

# podman keeps its monitors in a cgroup beside the containers', and they end a moment after those.
teardown() {
	for dir in /sys/fs/cgroup/*/"$CG"/conmon /sys/fs/cgroup/"$CG"/conmon; do
		[ ! -d "$dir" ] || wait_until rmdir "$dir"
	done
	oci_teardown
}

@test "podman: run, exec, stats, pause, update, kill, rm" {
	with_lib '
		make run --rm --tmpfs /t localhost/guest /guest all report "open r /dev/zero" "cat /t/file"
		make run -d --name w --memory 64m localhost/guest /guest sleep 1000 >/dev/null
		podman exec w /guest print executed
		podman exec w /guest exit 9 || echo "status $?"
		podman exec w /nothing || echo "status $? of none"
		podman exec -t w /guest tty
		podman stats --no-stream w
		podman pause w >/dev/null
		echo "is $(podman inspect --format "{{.State.Status}}" w)"
		podman unpause w >/dev/null
		podman update --cpu-shares 512 w >/dev/null
		cat /sys/fs/cgroup/cpu/$CG/libpod-*/cpu.shares 2>/dev/null || cat /sys/fs/cgroup/$CG/libpod-*/cpu.weight
		podman kill w >/dev/null
		echo "ended $(podman wait w)"
		podman rm w >/dev/null
		mkdir "$RUN/volume"
		make run --rm --uidmap 0:1879048192:65536 --gidmap 0:1879048192:65536 -v "$RUN/volume:/v:idmap" localhost/guest \
			/guest all "cat /proc/self/uid_map" "write /v/file x" "stat /v/file"
		stat -c "on the host %u" "$RUN/volume/file"
		make run -d --name u --uidmap 0:1879048192:65536 --gidmap 0:1879048192:65536 localhost/guest /guest sleep 1000 >/dev/null
		make run --rm --userns container:u localhost/guest /guest all ns report >"$RUN/joined"
		echo "joined $(grep -cxF -e "uid 0 0 0 0" -e "user $(readlink "/proc/$(podman inspect --format "{{.State.Pid}}" u)/ns/user")" "$RUN/joined")"
		# Podman may meet its own cleanup, and say "userdata/shm: device or resource busy"; it goes all the same.
		podman rm -f -t 0 u >/dev/null || :
		echo "left $(podman ps -aq | wc -l)"
		make run --rm localhost/guest /nothing || echo "status $?"'
	says "pid 1"
	says "seccomp 2"
	says of-the-image
	says executed
	says "status 9"
	says "status 127 of none"
	grep -q '^yes ' <<<"$output"
	mentions " / 67.11MB"
	says "is paused"
	grep -qx '512\|59' <<<"$output" # shares; or the weight that they are
	says "ended 137"
	says "         0 1879048192      65536"
	says "/v/file file 644 0 0 0:0"
	says "on the host 0"
	says "joined 2"
	says "left 0"
	says "status 127"
}
