#!/usr/bin/env bats
# What older kernels cannot do, and what carpel says then: for the emulated machine, which has Linux 6.1.

load ../bats/lib/launch

# shellcheck disable=SC2034 # of lib/launch
setup() {
	DRIVER=$BATS_TEST_DIRNAME/../bats/launch_driver.py
	launch_setup
}

teardown() {
	launch_teardown
}

# layers N: records of so many, empty ones
layers() {
	seq -f "$RUN/layer%g" "$1" | xargs mkdir
	seq -f "lower=$RUN/layer%g" "$1"
}

@test "an image of 80 layers is one on any kernel" {
	sandbox
	mapfile -t records < <(layers 79)
	output=$(guest a "${records[@]}" -- /guest print below)
	says below
}

@test "an image of more takes Linux 6.7, and older ones say so" {
	sandbox
	mapfile -t records < <(layers 126)
	output=$(fails a "${records[@]}" -- /guest print below)
	says "failed code=EINVAL exit=128 container a: make root: make an overlay of 127 layers, which takes Linux 6.7: Invalid argument"
}
