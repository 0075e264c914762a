#!/usr/bin/env bats
# carpel-log with a driver that plays carpeld, its pods' descriptor stores and the containers; see
# log_driver.py and log_reopen.py for what each scenario looks at.

setup() {
	LOG="${CARPEL_BIN:-$BATS_TEST_DIRNAME/../../build/bin}/carpel-log"
}

# drive SCENARIO [COMMAND…]: COMMAND is what the driver is run by.
drive() {
	local scenario="$1"

	shift
	run "$@" python3 "$BATS_TEST_DIRNAME/${DRIVER:-log_driver.py}" "$LOG" "$scenario" "$BATS_TEST_TMPDIR"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "killed again and again under load: each byte once, in order, no SIGPIPE" {
	drive killed
}

@test "killed before and after each system call of a chunk: each byte once, in order" {
	drive killed_at_each_call
}

@test "records stand in order" {
	drive order
}

@test "goes on without carpeld, and tells the next one what is done" {
	drive without_carpeld
}

@test "a terminal's output is stdout" {
	drive tty_mode
}

@test "an attached copy is whole, and who is too slow is let go" {
	drive attach
}

@test "a dead container's log ends though somebody holds its pipes" {
	drive drain
}

@test "confined: no user, no group, no capability, not to be looked into" {
	drive confined
}

@test "confined: any foreign system call kills it" {
	drive filtered
}

# on_small_disk SCENARIO: with a file system of 1 MiB at DIRECTORY/small.
on_small_disk() {
	mkdir "$BATS_TEST_TMPDIR/small"
	# shellcheck disable=SC2016 # expanded by the inner shell
	drive "$1" unshare --mount sh -c 'mount -t tmpfs -o size=1m none "$1/small" && shift && exec "$@"' \
		sh "$BATS_TEST_TMPDIR"
}

@test "a full disk loses nothing, and others go on" {
	on_small_disk full_disk
}

@test "reopened, killed before and after each system call: each byte once, in either file" {
	DRIVER=log_reopen.py drive killed_at_each_call
}

@test "reopened and killed again and again under load: each byte once, in order" {
	DRIVER=log_reopen.py drive killed_under_load
}

@test "reopened in the midst of a line: each file has whole records" {
	DRIVER=log_reopen.py drive pieces
}

@test "reopened: who is not there is added, who is done is told so" {
	DRIVER=log_reopen.py drive unknown
}

@test "reopened on a full disk: goes on elsewhere" {
	DRIVER=log_reopen.py on_small_disk full_disk
}

@test "no log file: all is read, nothing waits" {
	DRIVER=log_reopen.py drive no_file
}

@test "a full log file is told of, and its container waits for the next one, but not for long" {
	DRIVER=log_reopen.py drive held
}

@test "who empties a log file gets no hole in it" {
	drive cut
}

@test "a flood and lines that never end keep nobody else waiting" {
	drive fair
}

@test "a thousand containers" {
	drive many
}

@test "without descriptors left it says so and takes the others later" {
	drive limited
}

@test "nonsense is ignored" {
	drive nonsense
}

@test "strangers may not connect" {
	drive strangers
}

@test "ends by SIGTERM, and by itself when there is nothing left to do" {
	drive ends
}

@test "help, version, usage" {
	run "$LOG" --help
	[ "$status" -eq 0 ]
	[[ $output == "usage: carpel-log"* ]]
	run "$LOG" --version
	[ "$status" -eq 0 ]
	[[ $output == "carpel-log "[0-9]* ]]
	run "$LOG" surplus
	[ "$status" -eq 2 ]
	run "$LOG" --uid 0
	[ "$status" -eq 2 ]
	[[ $output == *"--uid 0: not a user other than root"* ]]
	run "$LOG" 3</dev/null
	[ "$status" -eq 2 ]
	[[ $output == *"descriptor 3 is no socket to listen on; see --help"* ]]
}
