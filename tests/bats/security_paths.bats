#!/usr/bin/env bats
# T01-T12 of the security specification, by number: what a hostile image or a hostile neighbour does with paths,
# descriptors, /proc, /dev, users and files, against starts and execs made by carpel-launch.  Nothing of it may
# show on the host: lib/sentinel.bash.  What is said through carpeld, an exec probe and CRI: security_pods.bats.

# Each test has a shell of its own, and a dollar in single quotes is meant.
# shellcheck disable=SC2016,SC2030,SC2031

load lib/launch
load lib/sentinel

setup() {
	launch_setup
	sentinel_make "$RUN/sentinel"
}

teardown() {
	launch_teardown
}

@test "T00 the sentinel itself: what is read, changed, made or left is seen" {
	mkdir "$RUN/bin"
	cp "$CARPEL_BIN/carpel-pause" "$RUN/bin"
	CARPEL_BIN=$RUN/bin
	for act in 'cat $SENTINEL/etc/passwd' 'touch $SENTINEL/x' 'chmod 600 $SENTINEL/file' 'chown 1 $SENTINEL/null' \
		'echo x >>$SENTINEL/log' 'mkdir $SENTINEL/empty/x' 'ln -f $SENTINEL/file $SENTINEL/fifo' \
		'echo >>$CARPEL_BIN/carpel-pause' 'mkdir $V2/a$CG'; do
		rm -rf "$SENTINEL"*
		sentinel_make "$RUN/sentinel"
		sentinel_same
		eval "$act" >/dev/null
		! SENTINEL_WAIT=1 sentinel_same || {
			echo "not seen: $act"
			return 1
		}
	done
	rmdir "$V2/a$CG"
}
