#!/usr/bin/env bats
# The project's own scripts: what counts as a failure, what is installed where, what the demo shows.

setup() {
	top="$BATS_TEST_DIRNAME/../.."
	tally="$top/contrib/tools/tally.sh"
}

# count STRICT TAP: judges it as the stage "some"
count() {
	run env STRICT="$1" "$tally" some "$BATS_TEST_TMPDIR" <<<"$2"
	echo "$output"
}

@test "tally: passes, failures and skips are counted, reasons are shown" {
	count 0 $'1..3\nok 1 one\nnot ok 2 two\n# because\nok 3 three # skip no such machine'
	[ "$status" -eq 1 ]
	[ "$(cat "$BATS_TEST_TMPDIR/some")" = "1 1 1" ]
	[[ $output == *"FAILED: two"*"# because"*"skipped: "*"no such machine"* ]]
	[ "${lines[-1]}" = "some: 1 passed, 1 failed, 1 skipped" ]
}

@test "tally: tests that never reported have failed, and so has a stage without any" {
	count 0 $'1..3\nok 1 one'
	[ "$status" -eq 1 ]
	[ "$(cat "$BATS_TEST_TMPDIR/some")" = "1 2 0" ]
	count 0 ''
	[ "$status" -eq 1 ]
	[ "$(cat "$BATS_TEST_TMPDIR/some")" = "0 1 0" ]
}

@test "tally: STRICT=1 makes a failure of a skip" {
	count 1 $'1..2\nok 1 one\nok 2 two # skip no such machine'
	[ "$status" -eq 1 ]
	[ "$(cat "$BATS_TEST_TMPDIR/some")" = "1 1 0" ]
	count 0 $'1..2\nok 1 one\nok 2 two # skip no such machine'
	[ "$status" -eq 0 ]
}

@test "tally: the sum misses no stage" {
	echo '3 0 1' >"$BATS_TEST_TMPDIR/one"
	echo '4 0 0' >"$BATS_TEST_TMPDIR/two"
	run "$tally" --sum "$BATS_TEST_TMPDIR" one two
	[ "$status" -eq 0 ]
	[ "$output" = "7 passed, 0 failed, 1 skipped" ]
	run "$tally" --sum "$BATS_TEST_TMPDIR" one two three
	[ "$status" -eq 1 ]
	[ "${lines[-1]}" = "7 passed, 1 failed, 1 skipped" ]
	count 0 $'1..2\nnot ok 1 one\n# (in test file x.bats, line 5)\n# because\nok 2 two'
	run "$tally" --sum "$BATS_TEST_TMPDIR" some one
	local told=$'some: FAILED: one\n# (in test file x.bats, line 5)\n'
	[ "$output" = "$told$(printf '# because\n%s4 passed, 1 failed, 1 skipped' "$told")" ]
	count 0 $'1..1\nok 1 one'
	run "$tally" --sum "$BATS_TEST_TMPDIR" some one
	[ "$output" = "4 passed, 0 failed, 1 skipped" ]
}

@test "emulated machines: no suite is forgotten, and each line of their lists chooses a test" {
	local list file filter

	for file in "$top"/tests/{bats,vm}/*.bats; do
		file=${file#"$top"/tests/}
		grep -q -e "^tests/$file " -e "^#.* ${file#*/}\>" "$top/tests/vm/complete"
	done
	for list in "$top"/tests/vm/{selection,complete}; do
		while read -r file filter; do
			sed -n 's/^@test "\(.*\)" {$/\1/p' "$top/$file" | grep -qE -- "$filter"
		done < <(grep -v '^#' "$list")
	done
}

@test "unit tests: a program that dies is a failed test" {
	printf '#!/bin/sh\necho 1..2; echo "ok 1 - fine"; kill -SEGV $$\n' >"$BATS_TEST_TMPDIR/test_dead"
	printf '#!/bin/sh\necho 1..1; echo "ok 1 - fine"; exit 3\n' >"$BATS_TEST_TMPDIR/test_odd"
	chmod +x "$BATS_TEST_TMPDIR"/test_*
	run "$top/contrib/tools/run-unit.sh" "$BATS_TEST_TMPDIR/test_dead" "$BATS_TEST_TMPDIR/test_odd"
	[[ $output == *"not ok - test_dead: exit status 139"* ]]
	[[ $output == *"not ok - test_odd: exit status 3"* ]]
	[[ $output == *"ok 1 - test_odd: fine"* ]]
}

@test "deps: says what is missing to whoever cannot install it" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\nexit 1\n' >"$BATS_TEST_TMPDIR/bin/dpkg-query"
	printf '#!/bin/sh\necho 1000\n' >"$BATS_TEST_TMPDIR/bin/id"
	chmod +x "$BATS_TEST_TMPDIR"/bin/*
	run env PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$top/contrib/tools/deps.sh" demo
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"missing: busybox-static"* ]]
	run "$top/contrib/tools/deps.sh" nonsense
	[ "$status" -eq 1 ]
	[[ $output == *"no group 'nonsense'"* ]]
}

@test "install: what was put there works, and uninstall takes it away" {
	local tree="$BATS_TEST_TMPDIR/tree"

	# The settings of the make that runs us, so that nothing is built anew, but not its job server.
	MAKEFLAGS=$(sed -E 's/ *-j[0-9]*//; s/ *--jobserver-(auth|fds)=[^ ]*//' <<<"${MAKEFLAGS-}")
	export MAKEFLAGS
	make -s -C "$top" install DESTDIR="$tree" PREFIX=/usr
	run "$tree/usr/bin/carpel" version --client
	[ "$status" -eq 0 ]
	[ -x "$tree/usr/libexec/carpel/carpeld" ]
	[ -s "$tree/usr/share/man/man1/carpel.1" ]
	grep -q '^ExecStart=/usr/libexec/carpel/carpeld ' "$tree/usr/lib/systemd/system/carpeld.service"
	make -s -C "$top" uninstall DESTDIR="$tree" PREFIX=/usr
	[ -z "$(find "$tree" ! -type d)" ]
}

@test "demo: shows a pod become ready, break, restart and go" {
	run "$top/contrib/examples/demo.sh" "${CARPEL_BIN:-$top/build/bin}"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *"Unhealthy"*"Killing"* ]]
	[[ $output == *"2/2"*"1/2"*"2/2"* ]]
}
