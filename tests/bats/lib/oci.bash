# For suites that drive carpel-oci.  Each test has a directory, $RUN, with a bundle, $BUNDLE, a --root and
# a cgroup of its own; oci_teardown removes every container that is left and fails if that cannot be.

# shellcheck disable=SC2034,SC2154 # bats sets output
: "${CARPEL_BIN:=$BATS_TEST_DIRNAME/../../build/bin}"
: "${GUEST:=$CARPEL_BIN/test/guest}"
export CARPEL_BIN

oci() { "$CARPEL_BIN/carpel-oci" --root "$RUN/root" "$@"; }

oci_setup() {
	RUN=$(mktemp -d "${TMPDIR:-/tmp}/carpel-oci.XXXXXX")
	CG=$(basename "$RUN")
	BUNDLE=$RUN/bundle
	mkdir -p "$BUNDLE/rootfs"
	cp "$GUEST" "$BUNDLE/rootfs/guest"
	if [ -d /sys/fs/cgroup/unified ]; then V2=/sys/fs/cgroup/unified; else V2=/sys/fs/cgroup; fi
}

oci_teardown() {
	local id left=0 tree
	for id in $(oci list -q 2>/dev/null); do
		oci delete --force "$id" || left=1
	done
	for tree in /sys/fs/cgroup /sys/fs/cgroup/*; do
		[ ! -d "$tree/$CG" ] || find "$tree/$CG" -depth -type d -exec rmdir {} + 2>/dev/null || left=1
	done
	rm -rf --one-file-system "$RUN"
	return $left
}

# with_lib SCRIPT: by bash with what $RUN/lib defines, in a mount namespace; $output is what it prints.
with_lib() {
	output=$(timeout $((150 * ${WAIT_FACTOR:-1})) unshare -m bash -c ". '$RUN/lib'; $1" 2>&1 3>&-) || {
		echo "$output"
		return 1
	}
}

# bundle ARG…: config.json as `runc spec` writes one, without a terminal, for that command; FILTER, a jq program, changes it.
bundle() {
	jq --arg cgroup "/$CG/c" '.process.args = $ARGS.positional | .linux.cgroupsPath = $cgroup | '"${FILTER:-.}" \
		"$BATS_TEST_DIRNAME/../fixtures/oci-config.json" --args "$@" >"$BUNDLE/config.json"
}

# runs ARG…: a container of that command to its end; $output is what it wrote.
runs() {
	bundle "$@"
	output=$(oci run --bundle "$BUNDLE" c 2>&1 </dev/null)
}

# up [ARG…]: a created and started container c.
up() {
	[ $# -gt 0 ] || set -- /guest sleep 1000
	bundle "$@"
	oci create --bundle "$BUNDLE" --pid-file "$RUN/pid" c >"$RUN/out" 2>&1 </dev/null || { cat "$RUN/out"; return 1; }
	oci start c
	PID=$(cat "$RUN/pid")
}

# create_fails OPTION…: $output is what it says.  Not by run, which would wait for what is created after all.
create_fails() {
	if oci create "$@" >"$RUN/out" 2>&1 </dev/null; then
		echo "it was created"
		return 1
	fi
	output=$(cat "$RUN/out")
}

# refuses TEXT: create fails with that in its message, and leaves nothing.
refuses() {
	oci create --bundle "$BUNDLE" c >"$RUN/out" 2>&1 </dev/null && {
		echo "it was created"
		return 1
	}
	grep -qF -- "$1" "$RUN/out" || {
		echo "no \"$1\" in:"
		cat "$RUN/out"
		return 1
	}
	[ -z "$(ls -A "$RUN/root" 2>/dev/null)" ] || return 1 # said here, for whoever calls it in a condition
	[ ! -e "$V2/$CG/c" ]
}

status() { oci state "$1" | jq -r .status; }

# wait_until COMMAND…: until it succeeds; a minute at most, or WAIT_FACTOR times that.
wait_until() {
	local end=$((SECONDS + 60 * ${WAIT_FACTOR:-1}))

	until "$@" >/dev/null 2>&1; do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "waited in vain for: $*"
			return 1
		fi
		sleep 0.01
	done
}

is() { [ "$(status "${2:-c}")" = "$1" ]; } # is STATUS [ID]

says() { # says TEXT: a line of $output is exactly that
	grep -qxF -- "$1" <<<"$output" || {
		echo "no line \"$1\" in:"
		echo "$output"
		return 1
	}
}

mentions() {
	grep -qF -- "$1" <<<"$output" || {
		echo "no \"$1\" in:"
		echo "$output"
		return 1
	}
}
