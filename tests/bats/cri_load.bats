#!/usr/bin/env bats
# Many clients of CRI at once, an audit of what they leave behind, and carpeld's memory over very many calls.
# The whole numbers: CRI_LOAD_RUNS=10000 CRI_LOAD_LISTS=100000 BATS_TEST_TIMEOUT=900.

load lib/carpel
load lib/cri

setup() {
	cri_setup
}

teardown() {
	carpel_teardown
}

@test "cri: 50 sandboxes made, filled, stopped and removed by 20 clients leave nothing" {
	cri_python test_cri_load.Leaks
}

@test "cri: carpeld's memory is flat over runs, removals and lists" {
	cri_python test_cri_load.Memory
}
