#!/usr/bin/env bats
# What a review of the CRI face found: calls that nobody answered, and what was left behind.

bats_require_minimum_version 1.5.0

load lib/carpel
load lib/cri

setup() {
	cri_setup
}

teardown() {
	carpel_teardown
}

@test "CRI: starts end with their sandbox" {
	cri_python test_cri_review.Died
}

@test "CRI: a start that is stopped in time runs nothing" {
	cri_python test_cri_review.Stopped
}

@test "CRI: a program that ended while carpeld was dead was started; an ExecSync ends with carpeld" {
	cri_python test_cri_review.Crashed
}

@test "CRI: images by their digits, and the room that they take" {
	cri_python test_cri_review.Images
}

@test "CRI: no cgroup of a parent stays behind" {
	cri_python test_cri_review.Parent
}

@test "CRI: a profile that is no file keeps nobody waiting, many profiles take few descriptors" {
	cri_python test_cri_review.Profiles
}
