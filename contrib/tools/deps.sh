#!/usr/bin/env bash
# Installs what is missing, by apt-get, for the groups that are named; says nothing when all is there.
# usage: deps.sh [--list] GROUP…     groups: build demo test lint bench vm; --list only prints the packages
set -euo pipefail

declare -A packages=(
	# What the Makefile compiles and links with.
	[build]='gcc make pkg-config libc6-dev libyajl-dev libev-dev libnghttp2-dev libyaml-dev libseccomp-dev
		libcap-dev libarchive-dev nettle-dev protobuf-c-compiler libprotobuf-c-dev protobuf-compiler'
	[demo]='busybox-static'
	[test]='busybox-static bats parallel curl jq iproute2 util-linux procps python3 python3-h2 python3-grpcio
		python3-grpc-tools python3-pkg-resources python3-protobuf golang-github-containers-common podman runc crun containerd
		libcmocka-dev clang libclang-rt-14-dev'
	[lint]='clang clang-format clang-tidy cppcheck shellcheck mandoc python3 universal-ctags'
	# An emulated machine of this Debian's own files; its kernel is fetched, not installed.
	[vm]='qemu-system-x86 systemd busybox-static cpio e2fsprogs kmod mount bats parallel curl jq iproute2 util-linux procps
		make python3 python3-h2 python3-grpcio python3-grpc-tools python3-pkg-resources python3-protobuf golang-github-containers-common strace apparmor secilc'
	# runc, podman and containerd (by runc) are compared with where they can run; crun always can.
	[bench]='busybox-static e2fsprogs mount python3 crun runc podman containerd'
)

die() {
	echo "deps.sh: $*" >&2
	exit 1
}

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

only_list=false
if [ "${1-}" = --list ]; then
	only_list=true
	shift
fi
missing=()
for group in "$@"; do
	[ -n "${packages[$group]-}" ] || die "there is no group '$group' (groups: ${!packages[*]})"
	for package in ${packages[$group]}; do
		if $only_list; then
			echo "$package"
		elif ! command -v dpkg-query >/dev/null || ! is_installed "$package"; then
			missing+=("$package")
		fi
	done
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "deps.sh: this is no Debian, so nothing is installed; needed are what Debian calls: ${missing[*]}" >&2
	exit 0
fi
[ "$(id -u)" = 0 ] || die "missing: ${missing[*]}
(as root: apt-get install ${missing[*]})"

echo "installing: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# The package lists of a fresh machine may be empty or old, hence the update before it is tried.
if ! apt-get -qq update >"$log" 2>&1 ||
	! apt-get -qq install --no-install-recommends -y "${missing[@]}" >>"$log" 2>&1; then
	tail -n 20 "$log" >&2
	die "apt-get could not install ${missing[*]}; is a Debian mirror reachable?"
fi
