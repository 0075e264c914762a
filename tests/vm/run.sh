#!/usr/bin/env bash
# Runs bats suites in emulated machines with pure cgroup v2, an older kernel and systemd, and writes their TAP.
# usage: run.sh BUILD SELECTION      SELECTION: a file of lines "SUITE REGEX", see tests/vm/selection; a line
#                                    "# kernel: WORDS" in it has more words for the kernel
# VM_LIMIT: seconds until a machine is switched off (2700), which is a failure.
#
# There are as many machines as CPUs, of one CPU each, which are dealt the suites in turn: emulated CPUs of one machine
# wait for each other so often that two of them get no more done than one.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
vm=$1/vm
limit=${VM_LIMIT:-2700}
machines=$(nproc)
kernel=$(sed -n 's/^# kernel: //p' "$2")

# boot N: a machine's life.  Emulation only (tcg): the same everywhere, and no nested virtualisation to trust.  What it
# has translated it uses again where a program lies at the same address, hence norandmaps: a quarter less time.
# On a busy host no clock of the machine's is steady: it does without comparing them.
boot() {
	timeout --foreground -k 5 "$limit" qemu-system-x86_64 -accel tcg,tb-size=256 -cpu max -smp 1 -m 2048 \
		-nodefaults -no-user-config -display none -no-reboot \
		-kernel "$vm/kernel" -initrd "$vm/initramfs" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off norandmaps no_timer_check tsc=reliable systemd.unit=tests.service systemd.show_status=no part=$1/$machines $kernel" \
		-drive "file=$vm/disk,format=raw,if=virtio,snapshot=on,cache=unsafe" \
		-serial "file:$vm/console.$1" -serial "file:$vm/tap.$1" </dev/null
}

# judge N STATUS: what a machine has said, and what has gone wrong with it beside its tests.
judge() {
	cat "$vm/tap.$1"
	if ! grep -q '^guest: all suites ran' "$vm/console.$1"; then
		if [ "$2" = 124 ]; then
			echo "not ok - machine $1 ends within $limit seconds"
		else
			echo "not ok - machine $1 ran all its suites (qemu's status $2)"
		fi
	elif grep -q '^guest: all suites ran and passed' "$vm/console.$1" && ! grep -q '^not ok' "$vm/tap.$1"; then
		return
	elif ! grep -q '^not ok' "$vm/tap.$1"; then
		echo "not ok - bats is content"
	fi
	tr -d '\r' <"$vm/console.$1" | tail -n 100 | sed "s/^/console $1: /"
}

"$here/image.sh" "$1" "$2" >&2
rm -f "$vm"/console.* "$vm"/tap.*
pids=()
for ((i = 0; i < machines; i++)); do
	boot "$i" >&2 &
	pids+=($!)
done
for i in "${!pids[@]}"; do
	rc=0
	wait "${pids[i]}" || rc=$?
	judge "$i" "$rc"
done
