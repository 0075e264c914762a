#!/usr/bin/env bats
# The API from outside: the server with a fake backend behind it, driven by curl and by python3-h2. Needs
# no root; each test has a server and a socket of its own.

setup() {
	export CARPEL_BIN="${CARPEL_BIN:-$BATS_TEST_DIRNAME/../../build/bin}"
}

teardown() {
	[ -z "${SERVER:-}" ] || kill "$SERVER" 2>/dev/null || :
}

# The cases of one file of tests/api, or some of them.
run_python() {
	cd "$BATS_TEST_DIRNAME/../api" || return
	"${PYTHON:-/usr/bin/python3}" -B -m unittest -v -f "$@"
}

start_server() {
	mkdir "$BATS_TEST_TMPDIR/logs"
	"$CARPEL_BIN/test/apiserver" "$BATS_TEST_TMPDIR/sock" "$BATS_TEST_TMPDIR/logs" \
		>"$BATS_TEST_TMPDIR/ready" 3>&- &
	SERVER=$!
	for _ in $(seq 1200); do
		[ -s "$BATS_TEST_TMPDIR/ready" ] && return
		sleep 0.05
	done
	return 1
}

api() {
	curl --silent --show-error --max-time 60 --http2-prior-knowledge --unix-socket "$BATS_TEST_TMPDIR/sock" "$@"
}

@test "api: curl is a complete tool" {
	start_server
	local url=http://localhost/api/v1/namespaces/default/pods json=content-type:\ application/json
	[ "$(api http://localhost/readyz)" = ok ]
	run api -d '{"metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"i"}]}}' -H "$json" "$url"
	[ "${lines[1]}" = '  "kind": "Pod",' ]
	run api -X PATCH -d '{"metadata":{"labels":{"k":"v"}}}' -H 'content-type: application/merge-patch+json' "$url/a"
	[[ "$output" == *'"k": "v"'* ]]
	run api "$url?labelSelector=k%3Dv&pretty=false"
	[[ "$output" == '{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"'*'"name":"a"'* ]]
	run api -w '%{http_code}' "$url/b"
	[[ "$output" == *'"message": "pods \"b\" not found",'*404 ]]
	run api -N "$url?watch=1&timeoutSeconds=1&pretty=false"
	[[ "$output" == '{"type":"ADDED","object":{"kind":"Pod",'* ]]
	run api -X DELETE "$url/a?gracePeriodSeconds=0"
	[[ "$output" == *'"name": "a",'* ]]
}

@test "api: create, get, replace, merge-patch, delete; every error of these" {
	run_python test_objects
}

@test "api: lists, selectors, pages" {
	run_python test_lists
}

@test "api: watches tell every change once" {
	run_python test_watch
}

@test "api: logs" {
	run_python test_logs
}

@test "api: exec and attach over extended CONNECT, flow control both ways" {
	run_python test_streams.Streams test_streams.Flow
}

@test "api: our own client" {
	run_python test_streams.OurClient
}

@test "api: slow, wrong and hostile clients cost themselves" {
	run_python test_abuse
}

@test "api: hundreds of watchers, thousands of rounds" {
	run_python test_load
}
