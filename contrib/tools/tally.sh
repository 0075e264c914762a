#!/usr/bin/env bash
# Reads the TAP of one test stage, shows what needs a reader's eye, and leaves the counts behind.
#
#   some-tests | tally.sh STAGE DIR      shows failures with their diagnostics, skips with their reasons,
#                                        and one summary line; writes "passed failed skipped" to DIR/STAGE
#   tally.sh --sum DIR [STAGE…]          says again what failed, at last in a line each, since of a long text often only
#                                        the end is kept; adds up the stages (a named stage that left no counts has
#                                        failed); the closing line is "N passed, N failed, N skipped"
#
# Exit status 1 when anything failed. STRICT=1: a skip that tests/expected-skips does not list is a failure.
# The plan comes first (both cmocka and bats do that). A stage that ran nothing, or fewer tests than its plan promised, has failed too.
set -euo pipefail

expected="$(dirname "$0")/../../tests/expected-skips"

one_stage() {
	local stage="$1" dir="$2"

	mkdir -p "$dir"
	rm -f "$dir/$stage" "$dir/$stage.failed"
	awk -v stage="$stage" -v counts="$dir/$stage" -v strict="${STRICT:-0}" -v expected="$expected" '
	# Lines "ok [N] [- ]name [# skip reason]", "not ok …", the plan "1..N", and "# diagnostics".
	BEGIN {
		while ((getline line < expected) > 0)
			if (line !~ /^(#|$)/)
				patterns[++known] = line
	}
	# Shows it, and keeps it for the end of all stages, where it is not far above.
	function fail(text) {
		failed++
		print text
		print text > (counts ".failed")
		kept = 20
	}
	function is_expected(name,  i) {
		for (i = 1; i <= known; i++)
			if (name ~ patterns[i])
				return 1
		return 0
	}
	function name_of(line) {
		sub(/^(not )?ok( +[0-9]+)?( +-)? */, "", line)
		sub(/ *# *([Ss][Kk][Ii][Pp]|in [0-9]+ ).*/, "", line)
		return line
	}
	function close_plan() {
		if (planned > seen) {
			fail(sprintf("%s: %d tests of %d did not report", stage, planned - seen, planned))
			failed += planned - seen - 1
		}
		planned = seen = 0
	}
	/^1\.\.[0-9]+/ {
		close_plan()
		planned = substr($1, 4) + 0
		next
	}
	/^ok.*# *[Ss][Kk][Ii][Pp]/ {
		seen++; show = 0
		if (strict == "1" && !is_expected(name_of($0))) {
			fail(stage ": FAILED, for it was skipped: " $0)
		} else {
			skipped++
			printf "%s: skipped: %s\n", stage, $0
		}
		next
	}
	/^ok/ { seen++; passed++; show = 0; next }
	/^not ok/ { seen++; show = 1; fail(stage ": FAILED: " name_of($0)); next }
	show || !/^#/ { print }
	show && kept-- > 0 { print > (counts ".failed") }
	END {
		close_plan()
		if (passed + failed + skipped == 0) {
			fail(stage ": no test ran")
		}
		printf "%s: %d passed, %d failed, %d skipped\n", stage, passed, failed, skipped
		printf "%d %d %d\n", passed, failed, skipped > counts
		exit failed > 0
	}'
}

sum() {
	local dir="$1" passed=0 failed=0 skipped=0 stage p f s files=()

	shift
	for stage in "$@"; do
		if read -r p f s 2>/dev/null <"$dir/$stage"; then
			passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
		else
			echo "$stage: left no result"
			failed=$((failed + 1))
		fi
		! [ -f "$dir/$stage.failed" ] || files+=("$dir/$stage.failed")
	done
	[ "${#files[@]}" = 0 ] || { cat "${files[@]}" && grep -hE '^[^#]|in test file' "${files[@]}"; }
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}

if [ "$1" = --sum ]; then
	shift
	sum "$@"
else
	one_stage "$1" "$2"
fi
