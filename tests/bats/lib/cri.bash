# For the suites that drive CRI by python3-grpcio: an instance with carpeld and the guest's image for each
# test.  `load lib/carpel`, then `load lib/cri`.
# shellcheck shell=bash

cri_setup() {
	carpel_setup
	export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
	start_carpeld
	import_guest
}

# cri_python CLASS…: test classes of tests/api; the first failure ends them.
cri_python() {
	(cd "$BATS_TEST_DIRNAME/../api" && "${PYTHON:-/usr/bin/python3}" -B -m unittest -v -f "$@")
}
