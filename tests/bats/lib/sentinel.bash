# A host sentinel: what an attack on a start, an exec or a probe must not change or read, whatever the answer
# said.  `load lib/sentinel` beside lib/launch or lib/carpel, then:
#
#     sentinel_make "$RUN/sentinel"     a tree with one of everything that links can lead to, in $SENTINEL
#     …the attack…
#     sentinel_same                     fails, and shows what has changed
#
# Compared are: names, owners, modes, contents and times of access in the tree; our programs; the host's devices and
# /etc; the kernel's settings that name programs; mounts, cgroups, network namespaces and links.  Other tests run at
# the same time: what bears their names is left out, and what else has changed may change back for a while.
# shellcheck shell=bash disable=SC2086 # lists of words

SENTINEL_ETC='passwd group shadow hosts hostname resolv.conf ld.so.preload'
SENTINEL_DEVICES='null zero full random urandom tty ptmx pts shm console'
SENTINEL_SETTINGS='core_pattern modprobe hotplug poweroff_cmd hostname domainname sysrq randomize_va_space
	core_pipe_limit usermodehelper/bset'

sentinel_make() {
	local name

	SENTINEL=$1
	mkdir -p "$SENTINEL/dir/below" "$SENTINEL/empty" "$SENTINEL/etc"
	chmod 700 "$SENTINEL/dir/below"
	for name in file etc/hosts etc/hostname etc/resolv.conf log message dir/below/file; do
		printf 'sentinel %s\n' "$name" >"$SENTINEL/$name"
	done
	printf 'sentinel:x:0:0::/sentinel:\n' >"$SENTINEL/etc/passwd"
	printf 'sentinel:x:0:\n' >"$SENTINEL/etc/group"
	install -m 4711 "$SENTINEL/file" "$SENTINEL/setuid"
	chown 12:34 "$SENTINEL/message"
	ln -s file "$SENTINEL/link"
	mkfifo "$SENTINEL/fifo"
	mknod -m 640 "$SENTINEL/null" c 1 3
	mknod -m 640 "$SENTINEL/zero" c 1 5
	sentinel_contents >"$SENTINEL.contents"
	# A first reading shows in the time of access only when that is the older one.
	find "$SENTINEL" ! -type l -exec touch -a -d 2001-01-01 {} +
	sentinel_times >"$SENTINEL.times"
	sentinel_host >"$SENTINEL.host"
	sentinel_places >"$SENTINEL.places"
}

# Reads nothing of the tree but its directories.
sentinel_times() {
	find "$SENTINEL" ! -type d -printf '%A@ %C@ %y %p\n' -o -printf '%C@ %y %p\n' | sort -k 3
}

sentinel_contents() {
	find "$SENTINEL" -printf '%P %y %m %U:%G %n %l\n' | sort
	find "$SENTINEL" -type b -o -type c | sort | xargs stat -c '%n %t:%T'
	find "$SENTINEL" -type f | sort | xargs sha256sum
}

# What nothing of ours may ever change.  What a machine has not is not there afterwards either.
sentinel_host() {
	(
		stat -c '%n %a %u:%g %s %i %Z' "$CARPEL_BIN"/carpel*
		sha256sum "$CARPEL_BIN"/carpel*
		cd /dev && stat -c '%n %F %a %u:%g %t:%T' $SENTINEL_DEVICES
		cd /etc && stat -c '%n %F %a %u:%g %i' $SENTINEL_ETC
		readlink mtab
		sha256sum ${SENTINEL_ETC/mtab/} # which shows the mounts
		cd /proc/sys/kernel && grep -H '' $SENTINEL_SETTINGS
		grep -H '' /sys/fs/cgroup/*/release_agent
		ls -A /
	) 2>/dev/null || :
}

# Where mounts, cgroups, network namespaces and links are that no test of ours calls its own.
sentinel_places() {
	awk -v tmp="${TMPDIR:-/tmp}/" -v ours="$SENTINEL" \
		'index($5, ours) == 1 || index($5, tmp) != 1 { print "mount", $4, $5, $6 }' /proc/self/mountinfo
	find /sys/fs/cgroup -maxdepth 2 -type d -printf 'cgroup %p\n' 2>/dev/null || :
	find /run/netns /sys/class/net -mindepth 1 -printf 'net %p\n' 2>/dev/null || :
}

# What is new among the places; not what is gone, which may have been another test's.
sentinel_new_places() {
	sentinel_places | grep -vxFf "$SENTINEL.places" | grep -v -e '^cgroup .*/\(test-\)*carpel' -e '^net .*/carpel[^/]*$'
}

sentinel_same() {
	local end=$((SECONDS + ${SENTINEL_WAIT:-$((10 * ${WAIT_FACTOR:-1}))}))

	diff "$SENTINEL.times" <(sentinel_times) || return 1
	diff "$SENTINEL.contents" <(sentinel_contents) || return 1
	find "$SENTINEL" ! -type l -exec touch -a -d 2001-01-01 {} +
	sentinel_times >"$SENTINEL.times" # touching counts as a change of the inode
	diff "$SENTINEL.host" <(sentinel_host) || return 1
	while sentinel_new_places >"$SENTINEL.new"; do
		[ "$SECONDS" -lt "$end" ] || break
		sleep 0.1
	done
	[ -s "$SENTINEL.new" ] || return 0
	echo "new on the host:"
	cat "$SENTINEL.new"
	return 1
}
