#!/usr/bin/env bash
# Runs bats suites in an emulated machine with pure cgroup v2, an older kernel and systemd, and writes their TAP.
# usage: run.sh BUILD SELECTION      SELECTION: a file of lines "SUITE REGEX", see tests/vm/selection
# VM_LIMIT: seconds until the machine is switched off (1800), which is a failure.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
vm=$1/vm
limit=${VM_LIMIT:-1800}

"$here/image.sh" "$1" "$2" >&2

# Emulation only (tcg): the same everywhere, and no nested virtualisation to trust.
rc=0
rm -f "$vm/console"
timeout --foreground -k 5 "$limit" qemu-system-x86_64 -accel tcg,thread=multi,tb-size=256 -cpu max -smp 2 -m 2048 \
	-nodefaults -no-user-config -display none -no-reboot \
	-kernel "$vm/kernel" -initrd "$vm/initramfs" -append 'console=ttyS0 quiet panic=-1 mitigations=off systemd.unit=tests.service systemd.show_status=no' \
	-drive "file=$vm/disk,format=raw,if=virtio,snapshot=on,cache=unsafe" \
	-serial "file:$vm/console" -serial stdio </dev/null | tee "$vm/tap" || rc=$?

if ! grep -q '^guest: all suites ran' "$vm/console"; then
	if [ "$rc" = 124 ]; then
		echo "not ok - the guest ends within $limit seconds"
	else
		echo "not ok - the guest ran all suites (qemu's status $rc)"
	fi
elif grep -q '^guest: all suites ran and passed' "$vm/console" && ! grep -q '^not ok' "$vm/tap"; then
	exit 0
elif ! grep -q '^not ok' "$vm/tap"; then
	echo "not ok - bats is content"
fi
tr -d '\r' <"$vm/console" | tail -n 100 | sed 's/^/console: /'
