#!/usr/bin/env bats
# carpel-probe from outside: by hand against a server that misbehaves, and on its channel with a driver
# that plays carpeld. As root, server and prober share a network namespace of their own.

# serve DIRECTORY: sets SERVER, PORT_FILE and URL
serve() {
	local server

	PORT_FILE="$1/port"
	server=(python3 "$BATS_TEST_DIRNAME/probe_server.py" "$PORT_FILE")
	if [ "$(id -u)" = 0 ]; then
		# shellcheck disable=SC2016 # expanded by the inner shell
		server=(unshare --net sh -c 'ip link set lo up && exec "$@"' sh "${server[@]}")
	fi
	"${server[@]}" 3>&- &
	SERVER=$!
	for _ in $(seq 1200); do
		[ -s "$PORT_FILE" ] && break
		sleep 0.05
	done
	URL="http://127.0.0.1:$(cat "$PORT_FILE")"
}

setup_file() {
	export PROBE="${CARPEL_BIN:-$BATS_TEST_DIRNAME/../../build/bin}/carpel-probe"
	serve "$BATS_FILE_TMPDIR"
	export SERVER PORT_FILE URL
}

teardown_file() {
	kill "$SERVER"
}

setup() {
	inside=()
	if [ "$(id -u)" = 0 ]; then
		inside=(nsenter --target "$SERVER" --net)
	fi
}

teardown() {
	[ -z "${own_server-}" ] || kill "$own_server"
}

# probe URL-or-PATH [OPTION…]
probe() {
	local url="$1"

	shift
	[[ $url == /* ]] && url="$URL$url"
	run "${inside[@]}" "$PROBE" --timeout 60s "$url" "$@"
}

# expect_late PATH LINE: fails after 200 ms and says that; one that was kept from running may say something else.
expect_late() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		probe "$1" --timeout 200ms
		[ "${lines[1]}" != "$2" ] || break
	done
	expect 1 failure "$2"
}

# expect STATUS FIRST-WORD [SECOND-LINE]
expect() {
	echo "${output:0:2000}"
	[ "$status" -eq "$1" ]
	[[ ${lines[0]} == "$2 after "* ]]
	[ $# -lt 3 ] || [ "${lines[1]}" = "$3" ]
}

drive() {
	run "${inside[@]}" python3 "$BATS_TEST_DIRNAME/probe_driver.py" "$PROBE" "$(cat "$PORT_FILE")" "$1"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "by hand: http and tcp that succeed" {
	probe /ok
	expect 0 success ok
	probe "tcp://127.0.0.1:${URL##*:}"
	expect 0 success
	probe "http://localhost:${URL##*:}/ok"
	expect 0 success ok
}

@test "by hand: what a good answer may look like" {
	probe /chunked
	expect 0 success chunked
	probe /slow
	expect 0 success slow
	probe /early
	expect 0 success late
	probe /status/204
	expect 0 success
}

@test "by hand: refused connections" {
	probe http://127.0.0.1:1/x
	expect 1 failure 'Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused'
	probe 'tcp://[::1]:1'
	expect 1 failure 'dial tcp [::1]:1: connect: connection refused'
}

@test "by hand: statuses" {
	probe /status/500
	expect 1 failure "HTTP probe failed with statuscode: 500"
	probe /status/101
	expect 1 failure "HTTP probe failed with statuscode: 101"
	probe /status/300
	expect 0 warning "Probe terminated redirects, Response body: body"
}

@test "by hand: redirects stay with the host, nine of them" {
	probe /hops/9
	expect 0 success arrived
	probe /hops/10
	expect 1 failure 'Get "/hops/0": stopped after 10 redirects'
	probe /away
	expect 0 warning "Probe terminated redirects, Response body: away"
	probe /badurl
	expect 1 failure "Get \"$URL/badurl\": failed to parse Location header \"http://a b/\": parse \"http://a b/\": invalid character \" \" in host name"
	probe /tls
	expect 1 failure "Get \"https://127.0.0.1:${URL##*:}/\": unsupported protocol scheme \"https\""
}

@test "by hand: answers that never come, or never end, are failures with a reason" {
	expect_late /hang "Get \"$URL/hang\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
	expect_late /stall "context deadline exceeded (Client.Timeout or context cancellation while reading body)"
	expect_late /stall500 "HTTP probe failed with statuscode: 500"
	probe /short
	expect 1 failure "unexpected EOF"
	probe /close
	expect 1 failure "Get \"$URL/close\": EOF"
}

@test "by hand: answers that are none" {
	probe /garbage
	expect 1 failure "Get \"$URL/garbage\": net/http: HTTP/1.x transport connection broken: malformed HTTP response \"SSH-2.0-OpenSSH_9.2\""
	probe /headers
	expect 1 failure "Get \"$URL/headers\": net/http: server response headers exceeded 16384 bytes; aborted"
	probe /storm
	expect 1 failure "Get \"$URL/storm\": net/http: server response headers exceeded 16384 bytes; aborted"
}

@test "by hand: a long body is cut at 10 KiB" {
	probe /big
	expect 0 success
	[ ${#lines[1]} -eq 10240 ]
	probe /endless
	expect 0 success
	[ ${#lines[1]} -eq 10240 ]
}

@test "by hand: the request is Kubernetes' request" {
	probe /echo?x=1 --header x-b:2 -H "X-A: 1" --header "host: web.example"
	expect 0 success "$(printf 'GET /echo?x=1 HTTP/1.1\r')"
	[ "$(printf '%s\n' "${lines[@]:2}" | tr -d '\r')" = "Host: web.example
User-Agent: kube-probe/1.37
Accept: */*
X-A: 1
X-B: 2
Connection: close" ]
}

@test "by hand: usage errors exit 2 and say what is wrong" {
	for wrong in "ftp://x" "tcp://127.0.0.1" "http://" "nonsense" "--timeout=1d $URL" "--header=x $URL" "--uid=0 $URL" "$URL $URL" "--what"; do
		# shellcheck disable=SC2086 # several words on purpose
		run "${inside[@]}" "$PROBE" $wrong
		echo "$wrong: $output"
		[ "$status" -eq 2 ]
		[ -n "$output" ]
	done
	run "$PROBE" --help
	[ "$status" -eq 0 ]
	run "$PROBE" 3</dev/null
	[ "$status" -eq 2 ]
}

@test "by hand: confined before the first byte goes out" {
	"${inside[@]}" "$PROBE" "$URL/hang" --timeout 100s >/dev/null 3>&- &
	local pid=$!

	for _ in $(seq 3000); do
		grep -qs '^Seccomp:.2' "/proc/$pid/status" && break
		sleep 0.02
	done
	grep -E '^(Name|Seccomp|NoNewPrivs|CapEff|Uid)' "/proc/$pid/status"
	grep -q '^Name:.carpel-probe$' "/proc/$pid/status"
	grep -q '^Seccomp:.2$' "/proc/$pid/status"
	grep -q '^NoNewPrivs:.1$' "/proc/$pid/status"
	grep -q '^CapEff:.0000000000000000$' "/proc/$pid/status"
	if [ "$(id -u)" = 0 ]; then
		grep -Eq '^Uid:(.1892331522){4}$' "/proc/$pid/status"
		grep -q '^CapBnd:.0000000000000000$' "/proc/$pid/status"
		[ -z "$(sed -n 's/^Groups:[[:space:]]*//p' "/proc/$pid/status")" ]
	fi
	kill -9 "$pid"
	wait "$pid" || true
}

@test "channel: the end of carpeld is the end of carpel-probe" {
	drive eof
	drive eof_in_the_middle
}

@test "channel: confined" {
	drive confined
}

@test "channel: attempts stand on their ticks" {
	drive ticks
}

@test "channel: thresholds and runs" {
	drive thresholds
}

@test "channel: what Kubernetes discards is a failure" {
	drive failures
	drive no_socket
}

@test "channel: liveness waits for startup" {
	drive startup_gate
}

@test "channel: exec probes are carpeld's to run" {
	drive exec_probe
}

@test "channel: attempts of an instance that is gone" {
	drive cancel
	drive late_socket
}

@test "channel: one attempt aside from the schedule" {
	drive run_aside
}

@test "channel: an instance is taken over" {
	drive taken_over
}

@test "channel: odd messages and output" {
	drive odd_words
	drive bytes_made_valid
	drive slow_reader
	drive many_headers
}

@test "channel: no TIME_WAIT on our side" {
	# A server of its own, since the other tests' connections are not to be seen.
	serve "$BATS_TEST_TMPDIR"
	own_server=$SERVER
	setup
	drive no_time_wait
}
