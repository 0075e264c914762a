#!/usr/bin/env bats
# What a hostile image, a hostile container or a careless client tries by CRI, and what it gets.  The cases are
# in tests/api/test_cri_attack.py.

load lib/carpel
load lib/cri

setup() {
	cri_setup
}

teardown() {
	carpel_teardown
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
