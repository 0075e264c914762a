#!/usr/bin/env bash
# Makes the machine that run.sh boots: a kernel, an initramfs, a disk.
# usage: image.sh BUILD SELECTION      writes BUILD/vm/kernel, initramfs, disk
#
# The kernel is Debian's for clouds, which is unpacked and not installed: no boot menu of the host changes.
# The disk holds the files of the host's own Debian packages that the tests need, with all they depend on;
# so the guest is this machine's Debian, and nothing is downloaded but the kernel.
set -euo pipefail
trap 'echo "image.sh: line $LINENO failed" >&2' ERR

here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
build=$(cd "$1" && pwd)
selection=$2
vm=$build/vm
# What the suites call, beside what is essential to Debian.
packages='systemd mount bats curl jq iproute2 util-linux procps parallel python3 busybox-static kmod strace
	make python3-h2 python3-grpcio python3-grpc-tools python3-pkg-resources python3-protobuf golang-github-containers-common apparmor secilc'

die() {
	echo "image.sh: $*" >&2
	exit 1
}

kernel_package() {
	apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-/ { print $2; exit }'
}

# Kept from run to run.
fetch_kernel() {
	local name

	name=$(kernel_package)
	if [ -z "$name" ]; then
		apt-get -qq update
		name=$(kernel_package)
	fi
	[ -n "$name" ] || die "no mirror knows linux-image-cloud-amd64"
	[ ! -e "$vm/linux/$name" ] || return 0
	rm -rf "$vm/linux"
	mkdir -p "$vm/linux"
	(cd "$vm/linux" && apt-get -qq download "$name" 2>/dev/null) || die "cannot download $name"
	dpkg-deb -x "$vm"/linux/*.deb "$vm/linux"
	depmod -b "$vm/linux" "$(ls "$vm/linux/lib/modules")"
	touch "$vm/linux/$name"
}

# module_files NAME: the files to load for it, in order.
module_files() {
	local modules version

	version=$(ls "$vm/linux/lib/modules")
	modules=$vm/linux/lib/modules/$version
	modprobe -d "$vm/linux" -S "$version" --show-depends "$1" | awk '$1 == "insmod" { print $2 }' |
		while read -r file; do echo "$modules/${file#*/"$version"/}"; done
}

# Just enough to find the disk.
make_initramfs() {
	local top=$vm/early file

	rm -rf "$top"
	mkdir -p "$top"/{bin,dev,proc,modules,root}
	cp "$(command -v busybox)" "$top/bin/busybox"
	cp "$here/initramfs-init.sh" "$top/init"
	{ module_files virtio_pci; module_files virtio_blk; } | awk '!seen[$0]++' | while read -r file; do
		cp "$file" "$top/modules/"
		basename "$file" >>"$top/modules/order"
	done
	(cd "$top" && find . | cpio --quiet -o -H newc) >"$vm/initramfs"
	rm -rf "$top"
}

package_closure() {
	# shellcheck disable=SC2046,SC2086 # several words
	apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks \
		--no-replaces --no-enhances $packages $(dpkg-query -W -f '${Package} ${Essential}\n' |
			awk '$2 == "yes" { print $1 }') | grep '^[a-z0-9]' | sort -u
}

# What our programs were linked with, and what its links stand for.
library_files() {
	{ ldd "$build"/bin/carpel* "$build"/bin/test/* 2>/dev/null || :; } | grep -o '/[^ ]*\.so[^ ]*' | sort -u |
		while read -r library; do
			echo "$library"
			realpath "$library"
		done
}

# Files of packages, and the links that their installation made (alternatives).  /bin and its like are links
# into /usr, whatever packages say.
wanted_files() {
	{
		package_closure | while read -r package; do
			dpkg-query -L "$package" 2>/dev/null || :
		done
		library_files
	} | sed -E -e '/^\/usr\/share\/(doc|man|info|locale|lintian)\//d' -e '/^\/(\.|bin|sbin|lib|lib64)$/d' \
		-e 's/^\/(bin|sbin|lib|lib64)\//\/usr&/'
	find /etc/alternatives -type l
	grep -hE '^/usr/(s?bin|lib)/' /var/lib/dpkg/alternatives/*
	printf '%s\n' /bin /sbin /lib /lib64 /etc/passwd /etc/group /etc/nsswitch.conf /etc/ld.so.cache
}

make_disk() {
	local top=$vm/root version path

	version=$(ls "$vm/linux/lib/modules")
	rm -rf "$top"
	mkdir -p "$top"
	wanted_files | sort -u | while read -r path; do
		[ ! -e "$path" ] && [ ! -L "$path" ] || echo "${path#/}"
	done >"$vm/files"
	tar -C / -c --no-recursion -T "$vm/files" | tar -C "$top" -x
	mkdir -p "$top"/{dev,proc,sys,run,tmp,root,carpel/bin} "$top/usr/lib/modules" "$top/etc/systemd/system"
	chmod 1777 "$top/tmp"
	cp -a "$vm/linux/lib/modules/$version" "$top/usr/lib/modules/"
	cp -a "$checkout"/{Makefile,contrib,pause,probes,runtime,tests} "$top/carpel/"
	cp -a "$build/bin/." "$top/carpel/bin/"
	# Python compiles what it imports, each time when it may not write it down.
	/usr/bin/python3 -m compileall -q "$top/usr/lib/python3" "$top"/usr/lib/python3.* "$top/carpel/tests" >&2 || :
	cp "$here/tests.service" "$top/etc/systemd/system/"
	: >"$top/etc/machine-id" # else systemd takes this for a first boot
	ln -s /dev/null "$top/etc/systemd/system/systemd-tmpfiles-setup.service" # it would empty /tmp
	cp "$selection" "$top/carpel/selection"
	printf '127.0.0.1 localhost\n' >"$top/etc/hosts"
	rm -f "$vm/disk"
	mke2fs -q -F -t ext4 -O ^has_journal -d "$top" "$vm/disk" 2G >/dev/null
	rm -rf "$top"
}

[ "$(dpkg --print-architecture)" = amd64 ] || die "only written for amd64"
mkdir -p "$vm"
fetch_kernel
cp "$vm"/linux/boot/vmlinuz-* "$vm/kernel"
make_initramfs
make_disk
