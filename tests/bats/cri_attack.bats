#!/usr/bin/env bats
# What a hostile image, a hostile container or a careless client tries by CRI, and what it gets.  The cases are
# in tests/api/test_cri_attack.py.

load lib/carpel
load lib/cri

setup() {
	DISK=''
	case $BATS_TEST_DESCRIPTION in
	*'full disk'*)
		DISK=$(mktemp -d "$BATS_TMPDIR/carpel-disk.XXXXXX")
		mount -t tmpfs -o size=32m carpel "$DISK"
		BATS_TMPDIR=$DISK cri_setup
		;;
	*) cri_setup ;;
	esac
}

teardown() {
	carpel_teardown || TEARDOWN=1
	if [ -n "$DISK" ]; then
		umount "$DISK"
		rmdir "$DISK"
	fi
	[ -z "${TEARDOWN:-}" ]
}

@test "cri attack: a log's name that a container took for something else" {
	cri_python test_cri_attack.Logs
}

@test "cri attack: a cgroup parent that can be none" {
	cri_python test_cri_attack.Cgroups
}

@test "cri attack: seccomp profiles that are no files, or change after the start" {
	cri_python test_cri_attack.Seccomp
}

@test "cri attack: the output of many commands at once has a bound" {
	cri_python test_cri_attack.Floods
}

@test "cri attack: a working directory as deep as a path can be" {
	cri_python test_cri_attack.Paths
}

@test "cri attack: hundreds of starts that fail at once" {
	cri_python test_cri_attack.Queues
}

@test "cri attack: on a full disk each call says so or works, and all of it can go" {
	cri_python test_cri_attack.FullDisk
}
