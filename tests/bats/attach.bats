#!/usr/bin/env bats
# attach: whose words reach a container, and when they end.

load lib/carpel

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

driver() {
	"${PYTHON:-/usr/bin/python3}" -B "$BATS_TEST_DIRNAME/attach_driver.py" "$ROOT" "$@"
}

@test "stdinOnce: the end of a client's input is the end of the container's" {
	import_guest
	driver once
}

@test "stdinOnce: a client that goes away ends the container's input" {
	import_guest
	driver gone
}

@test "a client that reads slowly and speaks after the pod's end reaches nobody" {
	import_guest
	driver slow
}
