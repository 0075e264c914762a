#!/usr/bin/env bash
# Runs cmocka programs one after the other and writes one stream of TAP. A program that dies, or ends
# with a status that its lines do not explain, is a failed test of its own.
# usage: run-unit.sh PROGRAM…
set -u

out=$(mktemp)
trap 'rm -f "$out"' EXIT

for program in "$@"; do
	name=$(basename "$program")
	CMOCKA_MESSAGE_OUTPUT=tap timeout "${UNIT_LIMIT:-60}" "$program" >"$out" 2>&1 </dev/null
	status=$?
	# The name of the program stands in front of each of its tests, for whoever reads a failure; what it
	# says besides is a comment.
	sed -E -e "s/^((not )?ok( [0-9]+)?)( -)? /\1 - $name: /" -e '/^(ok|not ok|1\.\.|#)/!s/^/# /' "$out"
	if [ "$status" -ne 0 ] && ! grep -q '^not ok' "$out"; then
		echo "not ok - $name: exit status $status"
	fi
done
