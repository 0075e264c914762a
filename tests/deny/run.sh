#!/usr/bin/env bash
# The suites of launching, each once more without one of the calls that carpel is built on, see tests/bin/deny.c.
# Most tests cannot pass then.  What counts is that what fails says by its name which call is missing, and that
# what does not fail is right: the tests themselves see to that.  What a container then looks like is compared in
# tests/bats/deny.bats.
#
# usage: run.sh BUILD [CALL…]; TAP
set -u
cd "$(dirname "$0")/../.." || exit 1

build=$1
shift
[ $# -gt 0 ] || set -- openat2 clone3 pidfd_open close_range mount_setattr
suites=$(printf 'tests/bats/%s.bats ' launch launch_cri launch_refuse container exec_logs pod)
# A test that waits for what cannot come is ended; it has said why by then.
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-60} WAIT_FACTOR=${WAIT_FACTOR:-1}

# judge CALL: of a failure with the name among its diagnostics an "ok … refused".
judge() {
	awk -v call="$1" '
	function close_test() {
		if (head == "")
			return
		if (is_named) {
			sub(/^not ok/, "ok", head)
			print head " (refused)"
		} else {
			print head
			printf "%s", text
		}
		head = text = ""; is_named = 0
	}
	/^1\.\./ { print; next }
	/^(not )?ok / {
		close_test()
		sub(/^(not )?ok [0-9]+/, "& " call ":")
		if (/^not/) head = $0
		else print
		next
	}
	head != "" { text = text $0 "\n"; if (index($0, call)) is_named = 1; next }
	END { close_test() }'
}

for call in "$@"; do
	# shellcheck disable=SC2086 # words
	"$build/bin/test/deny" -n "$call" bats --formatter tap --print-output-on-failure -j "${JOBS:-2}" --no-parallelize-within-files $suites 2>&1 | judge "$call"
done
