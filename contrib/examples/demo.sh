#!/usr/bin/env bash
# A pod's life in half a minute: started, probed, broken, restarted, gone.  As root; needs no network.
# usage: demo.sh [DIRECTORY-OF-PROGRAMS]     build/bin without it; what it makes is gone when it ends
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
programs=$(cd "${1:-$here/../../build/bin}" && pwd)
work=$(mktemp -d)

# Everything of this instance is below one directory, so it meets no other and leaves nothing behind.
carpel() {
	"$programs/carpel" --root "$work/root" "$@"
}

clean_up() {
	status=$?
	trap - EXIT
	[ "$status" = 0 ] || tail -n 20 "$work/root/var/log/carpel/carpeld.log" >&2 2>/dev/null || :
	carpel down >/dev/null || status=1
	rm -rf "$work"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
	bold=$'\e[1m' plain=$'\e[0m'
fi

title() {
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

# Shows a command as one would type it, and runs it.
show() {
	printf '# carpel %s\n' "$*"
	carpel "$@"
}

make_rootfs() {
	local rootfs="$work/rootfs"

	mkdir -p "$rootfs"/{bin,dev,etc,proc,sys,tmp}
	cp "$(command -v busybox)" "$rootfs/bin/busybox"
	"$rootfs/bin/busybox" true # a dynamic one would not run without its libraries
	for applet in $("$rootfs/bin/busybox" --list); do
		[ "$applet" = busybox ] || ln -s busybox "$rootfs/bin/$applet"
	done
	echo 'root:x:0:0:root:/:/bin/sh' >"$rootfs/etc/passwd"
	echo 'root:x:0:' >"$rootfs/etc/group"
}

restarts() {
	carpel get pod demo -o "jsonpath={.status.containerStatuses[?(@.name==\"web\")].restartCount}"
}

[ "$(id -u)" = 0 ] || { echo 'demo.sh: carpel makes namespaces, so this needs root' >&2; exit 1; }

title '1. An image, made from the busybox of this machine'
make_rootfs
show image import busybox "$work/rootfs"
show image list

title '2. A pod of two containers, with an HTTP, a TCP and an exec probe; wait until it is ready'
show run "$here/demo.yaml" --wait=ready
show get pods

title '3. What carpel knows about it'
show describe pod demo
show probe run demo web --type liveness

title "4. Break the web server: remove what its probes ask for"
show exec demo -c web -- rm /www/healthz
show wait demo --for=condition=Ready=False --timeout 30s
show get pods

title '5. Liveness fails three times, the container is restarted, and the pod is ready again'
show wait demo --for=ready --timeout 60s
show get pods
show events --for demo
[ "$(restarts)" -ge 1 ] || { echo 'demo.sh: the container was not restarted' >&2; exit 1; }

title '6. Gone: processes, mounts, cgroups, daemons'
show delete pod demo
show down
