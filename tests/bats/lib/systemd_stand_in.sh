#!/bin/bash
# In place of systemd-run and systemctl, in a test's own mount namespace, where /run/stand-in is the test's: a
# scope is a cgroup with the command in it, and goes at `stop`; a line of `asked` is what was asked for.
set -eu
PATH=/usr/bin:/bin
cd /run/stand-in
printf '%s\n' "${0##*/} $*" >>asked

place() { # place SLICE: a-b.slice is /a.slice/a-b.slice
	local i name=${1%.slice}
	for ((i = 1; i <= ${#name}; i++)); do
		[[ $i -lt ${#name} && ${name:i:1} != - ]] || printf '/%s.slice' "${name:0:i}"
	done
}

run() {
	local word unit slice cgroup
	for word in "$@"; do
		case $word in
		--unit=*) unit=${word#*=} ;;
		--slice=*) slice=${word#*=} ;;
		esac
	done
	if [ -e refuses ]; then
		cat refuses >&2
		rm refuses
		exit 1
	fi
	cgroup=/sys/fs/cgroup$(place "$slice")/$unit
	mkdir -p "$cgroup"
	echo "$cgroup" >"$unit"
	echo $$ >"$cgroup/cgroup.procs"
	exec "${@:$#}"
}

case ${0##*/}-$1 in
systemd-run-*) run "$@" ;;
systemctl-stop) rmdir "$(cat "${@:$#}")" ;;
esac
