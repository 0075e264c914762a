#!/usr/bin/env bats
# kill -9 of carpeld at the steps of each call of CRI, and at random under load: nothing that was there is lost,
# nothing half made stays, the call repeated succeeds. At each step; under sanitizers at every twelfth, from a
# random one, unless CRI_CRASH_STRIDE says otherwise.

load lib/carpel
load lib/cri

setup() {
	cri_setup
}

teardown() {
	carpel_teardown
}

# steps NAME…: cases of the matrix.
steps() {
	cri_python "${@/#/test_cri_crash.Steps.test_}"
}

@test "cri: carpeld killed at the steps of calls on sandboxes" {
	steps run_sandbox stop_sandbox remove_sandbox
}

@test "cri: carpeld killed at the steps of calls on containers" {
	steps create start start_of_one_that_ends_at_once start_of_one_whose_end_is_told_late stop remove update
}

@test "cri: carpeld killed at the steps of ExecSync, of a reopened log and of an exit" {
	steps exec reopen_log exit_by_itself
}

@test "cri: carpeld killed at random under load" {
	cri_python test_cri_crash.Load
}
