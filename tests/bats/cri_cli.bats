#!/usr/bin/env bats
# carpel cri against a runtime that is not ours and says what a test tells it to (cri_fake_server.py): what
# goes over the wire, and what is made of what comes back. At the end, a life against the real carpeld.
#
# bats sets output, status, stderr and lines; words in single quotes are meant as they stand.
# shellcheck disable=SC2016,SC2030,SC2031,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel

setup() {
	carpel_setup
	FAKE=$ROOT/fake
	mkdir "$FAKE"
	cd "$ROOT" || return
	# The tests of the end have carpeld itself.
	[[ $BATS_TEST_DESCRIPTION == *carpeld* ]] || start_fake
}

teardown() {
	[ -z "${SERVER:-}" ] || kill "$SERVER" 2>/dev/null || :
	[ -z "${CALL:-}" ] || kill -9 "$CALL" 2>/dev/null || :
	carpel_teardown
}

start_fake() {
	"${PYTHON:-/usr/bin/python3}" "$BATS_TEST_DIRNAME/cri_fake_server.py" "$ROOT/cri.sock" "$FAKE" \
		"$CARPEL_BIN/../gen/spec/cri.protoset" </dev/null >"$ROOT/fake.out" 2>&1 3>&- 4>&- &
	SERVER=$!
	wait_for 20 test -e "$FAKE/ready" || { cat "$ROOT/fake.out" >&2; return 1; }
}

cri() {
	"$CARPEL_BIN/carpel" --socket "$ROOT/cri.sock" cri "$@"
}

# says RPC JSON: what the fake runtime answers.
says() {
	printf '%s\n' "$2" >"$FAKE/$1.json"
}

# asked RPC [JQ]: the last request of that call.
asked() {
	jq -cS "select(.rpc == \"$1\" and has(\"request\")) | .request${2:+ | $2}" "$FAKE/log" | tail -n 1
}

# calls: the names of the calls so far, in order.
calls() {
	jq -r 'select(has("request")) | .rpc' "$FAKE/log" | paste -sd ' '
}

forget() {
	rm -f "$FAKE/log"
}

# shows TEXT: the output, blanks squeezed, has that line.
shows() {
	sed -E 's/ +/ /g; s/ $//' <<<"$output" | grep -qxF -- "$1" || { echo "no line \"$1\" in:" "$output" >&2; return 1; }
}

# ago SECONDS: nanoseconds since 1970, as JSON has 64 bits.
ago() {
	echo "\"$(($(date +%s) - $1))000000000\""
}

A=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
B=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
C=cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc

three_pods() {
	says ListPodSandbox "{\"answer\": {\"items\": [
		{\"id\": \"$A\", \"metadata\": {\"name\": \"web-1\", \"uid\": \"u1\", \"namespace\": \"prod\", \"attempt\": 2},
		 \"state\": \"SANDBOX_NOTREADY\", \"createdAt\": $(ago 7200), \"labels\": {\"z\": \"1\", \"app\": \"web\"},
		 \"annotations\": {\"note\": \"two\\nlines\"}},
		{\"id\": \"$B\", \"metadata\": {\"name\": \"db\", \"uid\": \"u2\", \"namespace\": \"test\"}, \"createdAt\": $(ago 65),
		 \"runtimeHandler\": \"kata\"},
		{\"id\": \"$C\", \"metadata\": {\"name\": \"web-2\", \"uid\": \"u3\", \"namespace\": \"test\"}, \"createdAt\": $(ago 2592000)},
		{\"id\": \"nometa\", \"createdAt\": $(ago 1)}]}}"
}

three_containers() {
	says ListContainers "{\"answer\": {\"containers\": [
		{\"id\": \"$A\", \"podSandboxId\": \"$C\", \"metadata\": {\"name\": \"app\", \"attempt\": 1}, \"state\": \"CONTAINER_RUNNING\",
		 \"image\": {\"image\": \"sha256:0123456789abcdef0123\"}, \"createdAt\": $(ago 3600),
		 \"labels\": {\"io.kubernetes.pod.name\": \"web\", \"io.kubernetes.pod.namespace\": \"prod\"}},
		{\"id\": \"$B\", \"podSandboxId\": \"$C\", \"metadata\": {\"name\": \"side\"}, \"state\": \"CONTAINER_EXITED\",
		 \"image\": {\"image\": \"docker.io/library/busybox:latest\"}, \"createdAt\": $(ago 30), \"annotations\": {\"a\": \"b\"}},
		{\"id\": \"nometa\", \"createdAt\": $(ago 1)}]}}"
}

pod_config() {
	echo '{"metadata": {"name": "p", "namespace": "ns", "uid": "u"}, "linux": {"cgroupParent": "/x"}}' >pod.json
}

# ---- calls ----

@test "call: reaches every call of both services" {
	local rpc n

	n=$(cri call | sed 1d | wc -l)
	[ "$n" = 43 ]
	[ "$(cri call | awk '$1 == "ImageService"' | wc -l)" = 6 ]
	cri call | sed 1d | while read -r service rpc _; do
		cri call "$service/$rpc" >out || { echo "$rpc" >&2; exit 1; }
		# One empty message, or none at all of a stream.
		case $rpc in
		Stream* | GetContainerEvents) [ ! -s out ] ;;
		*) jq -e 'type == "object"' out ;;
		esac >/dev/null || { echo "$rpc:" >&2; cat out >&2; exit 1; }
	done
	[ "$(jq -r .rpc "$FAKE/log" | sort -u | wc -l)" = 43 ]
}

@test "call: JSON as an argument, from a file, from standard input, under either name of a field" {
	says Version '{"answer": {"version": "0.1.0", "runtimeName": "fake"}}'
	[ "$(cri call Version '{"version": "v1"}' | jq -c .)" = \
		'{"version":"0.1.0","runtimeName":"fake","runtimeVersion":"","runtimeApiVersion":""}' ]
	[ "$(asked Version)" = '{"version":"v1"}' ]
	echo '{"pod_sandbox_id": "file", "verbose": true}' >request.json
	cri call PodSandboxStatus @request.json
	[ "$(asked PodSandboxStatus)" = '{"pod_sandbox_id":"file","verbose":true}' ]
	echo '{"podSandboxId": "pipe"}' | cri call runtime.v1.RuntimeService/PodSandboxStatus -
	[ "$(asked PodSandboxStatus .pod_sandbox_id)" = '"pipe"' ]
	cri call /runtime.v1.ImageService/ImageFsInfo
	[ "$(cri call -o yaml Version)" = $'---\nversion: 0.1.0\nruntimeName: fake\nruntimeVersion: ""\nruntimeApiVersion: ""' ]
	[ "$(cri call Version -o jsonpath='{.runtimeName}')" = fake ]
}

@test "call: what is wrong with it is named, and nothing is sent" {
	run -2 --separate-stderr cri call StartContaine
	[[ $stderr == *'CRI has no call "StartContaine": `carpel cri call` lists them'* ]]
	run -2 --separate-stderr cri call startcontainer
	[[ $stderr == *'do you mean StartContainer?'* ]]
	run -2 --separate-stderr cri call ImageService/StartContainer
	run -1 --separate-stderr cri call StartContainer '{"containerName": "x"}'
	[[ $stderr == "carpel: StartContainer: "*containerName* ]]
	run -1 --separate-stderr cri call StopContainer '{"timeout": "soon"}'
	[[ $stderr == "carpel: StopContainer: "*timeout*soon* ]]
	run -1 --separate-stderr cri call PodSandboxStatus '{"verbose": 1}'
	[[ $stderr == *verbose* ]]
	run -1 --separate-stderr cri call PortForward '{"port": [1, 3000000000]}'
	[[ $stderr == *'port[1]'*3000000000* ]]
	run -1 --separate-stderr cri call Version '{"version": '
	[[ $stderr == "carpel: the JSON: "* ]]
	run -1 --separate-stderr cri call Version @nowhere.json
	[ "$stderr" = "carpel: nowhere.json: No such file or directory" ]
	run -2 cri call Version '{}' more
	run -2 cri call -o table Version
	run -2 --separate-stderr cri call -o 'jsonpath={.version' Version
	[[ $stderr == *"jsonpath: "* ]]
	[ ! -e "$FAKE/log" ]
}

@test "call: a stream is one document a message, as they come" {
	says StreamContainers '{"answers": [{"containers": [{"id": "a"}]}, {"containers": [{"id": "b"}, {"id": "c"}]}]}'
	[ "$(cri call StreamContainers | jq -s 'length')" = 2 ]
	[ "$(cri call StreamContainers | jq -r '.containers[].id' | paste -sd ' ')" = "a b c" ]
	[ "$(cri call StreamContainers -o yaml | grep -c '^---$')" = 2 ]
	says StreamContainers '{"answers": [{"containers": [{"id": "a"}]}], "code": "UNAVAILABLE", "details": "leaving"}'
	run -1 --separate-stderr cri call StreamContainers -o jsonpath='{.containers[0].id}'
	[ "$output" = a ]
	[ "$stderr" = "carpel: StreamContainers: unavailable: leaving" ]
}

@test "errors: the code by name, the server's words, no terminal codes" {
	local code

	for code in CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED \
		RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS \
		UNAUTHENTICATED; do
		says StartContainer "{\"code\": \"$code\", \"details\": \"container \\\"x\\\": 100% \\u00e9\"}"
		run -1 --separate-stderr cri start x
		[ "$stderr" = "carpel: StartContainer: $(tr 'A-Z_' 'a-z ' <<<"$code"): container \"x\": 100% é" ]
	done
	says StartContainer '{"code": "INTERNAL", "details": "a\u001b[31mb\nc"}'
	run -1 --separate-stderr cri start x
	[ "$stderr" = $'carpel: StartContainer: internal: a\\x1b[31mb\nc' ]
	says StartContainer '{"code": "UNIMPLEMENTED"}'
	run -1 --separate-stderr cri start x
	[[ $stderr == "carpel: StartContainer: unimplemented"* ]]
}

@test "errors: nobody there, and a server that speaks no gRPC" {
	kill "$SERVER"
	wait "$SERVER" || :
	rm -f cri.sock
	run -1 --separate-stderr cri version
	[[ $stderr == *"nothing answers on $ROOT/cri.sock" ]]
	"${PYTHON:-/usr/bin/python3}" -c '
import os, socket
s = socket.socket(socket.AF_UNIX)
s.bind("new.sock")
s.listen()
os.rename("new.sock", "cri.sock")
c = s.accept()[0]
c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
c.recv(1)' 3>&- &
	SERVER=$!
	wait_for 10 test -S cri.sock
	run -1 --separate-stderr cri version
	[[ $stderr == "carpel: HTTP/2: "* || $stderr == "carpel: "*closed* ]]
}

# odd CASE: what `carpel cri version` makes of such an answer, see cri_odd_server.py.
odd() {
	local server

	rm -f odd.sock
	"${PYTHON:-/usr/bin/python3}" "$BATS_TEST_DIRNAME/cri_odd_server.py" odd.sock "$1" 2>odd.err 3>&- &
	server=$!
	wait_for 10 test -S odd.sock
	run --separate-stderr "$CARPEL_BIN/carpel" --socket odd.sock cri -t 20s version
	kill $server 2>/dev/null || :
	wait $server || :
}

@test "answers that are none: each is told, and none is taken for one" {
	local name why

	odd whole
	[ "$status" = 0 ]
	[ "${lines[0]}" = "Version:  0.1.0" ]
	odd pieces
	[ "$status" = 0 ]
	[ "${lines[0]}" = "Version:  0.1.0" ]
	while IFS='|' read -r name why; do
		odd "$name"
		[ "$status" = 1 ] && [ -z "$output" ] && [ "$stderr" = "carpel: $why" ] ||
			{ echo "$name: status $status, $output, $stderr" >&2; cat odd.err >&2; return 1; }
	done <<-'EOF'
		json|Version: no gRPC status in the answer (HTTP 404): does the server speak CRI?
		no-status|Version: no gRPC status in the answer (HTTP 200): does the server speak CRI?
		odd-status|Version: "fine" is no gRPC status
		new-status|Version: status 4711: from the future
		none|Version: 0 answers instead of one
		two|Version: 2 answers instead of one
		cut|Version: the answer ends within a message
		half-head|Version: the answer ends within a message
		compressed|Version: the answer is compressed
		huge|Version: resource exhausted: the answer is larger than 16777216 bytes
		garbage|Version: the answer of 4 bytes is no VersionResponse
		trailers-only|Version: not found: nothing here
		reset|the answer was cut: INTERNAL_ERROR
		gone|the other side has closed the connection
	EOF
}

@test "large: answers up to 16 MiB, not beyond; requests of megabytes" {
	# The field's tag and length are five bytes.
	says ExecSync "{\"answer\": {}, \"field\": \"stdout\", \"padding\": $(((16 << 20) - 5))}"
	[ "$(cri exec c cat | wc -c)" = $(((16 << 20) - 5)) ]
	says ExecSync "{\"answer\": {}, \"field\": \"stdout\", \"padding\": $((16 << 20))}"
	run -125 --separate-stderr cri exec c cat
	[ "$stderr" = "carpel: ExecSync: resource exhausted: the answer is larger than 16777216 bytes" ]
	jq -cn '{containerId: "c", cmd: [range(1000) | "x" * 5000]}' >big.json
	says ExecSync '{}'
	cri call ExecSync @big.json
	[ "$(asked ExecSync '[.cmd | length, (.[999] | length)]')" = '[1000,5000]' ]
}

@test "time: a deadline is told, kept, and ends the call on the other side" {
	says StopContainer '{"hold": true}'
	run -1 --separate-stderr cri --timeout 200ms call StopContainer '{"containerId": "c"}'
	[[ $stderr == "carpel: StopContainer: deadline exceeded: "* ]]
	wait_for 5 grep -q cancelled "$FAKE/log"
	[ "$(jq -s '.[0].timeout | . > 0.1 and . <= 0.2' "$FAKE/log")" = true ]
	# What the server may wait for is added.
	forget
	says StopContainer '{}'
	cri -t 10s stop -t 30 c
	[ "$(jq -s '.[0].timeout | . > 39 and . <= 40' "$FAKE/log")" = true ]
	forget
	cri -t 10s exec --timeout 30 c true
	cri -t 10s exec c true
	cri stop c
	[ "$(jq -sc '[.[0].timeout > 39, .[1].timeout, .[2].timeout]' "$FAKE/log")" = '[true,null,null]' ]
	forget
	pod_config
	echo '{"metadata": {"name": "c"}, "image": {"image": "i"}}' >ctr.json
	cri runp -T 1m pod.json
	cri create --cancel-timeout 2m s ctr.json pod.json
	[ "$(jq -sc '[.[].timeout | . / 60 | round]' "$FAKE/log")" = '[1,2]' ]
}

# background COMMAND…: with the signals of a foreground job, which bash keeps from others.
background() {
	env --default-signal=INT "$CARPEL_BIN/carpel" --socket cri.sock cri "$@" &
	CALL=$!
}

# ended_with STATUS: what ran in the background
ended_with() {
	local code=0

	wait "$CALL" || code=$?
	[ "$code" = "$1" ] || { echo "exit status $code" >&2; return 1; }
}

@test "interrupt: ends the call on both sides, exit status 130" {
	says StopContainer '{"hold": true}'
	background stop c d
	wait_for 10 grep -q StopContainer "$FAKE/log"
	kill -INT $CALL
	ended_with 130
	wait_for 5 grep -q cancelled "$FAKE/log"
	[ "$(calls)" = StopContainer ] # d is left alone
	forget
	background stop c
	wait_for 10 grep -q StopContainer "$FAKE/log"
	kill -TERM $CALL
	ended_with 143
	wait_for 5 grep -q cancelled "$FAKE/log"
	# Who ignores it is not ended by it.
	forget
	says StopContainer '{"delay": 1}'
	env --ignore-signal=INT "$CARPEL_BIN/carpel" --socket cri.sock cri stop c &
	CALL=$!
	wait_for 10 grep -q StopContainer "$FAKE/log"
	kill -INT $CALL
	ended_with 0
}

@test "events: each as it comes, until interrupted" {
	says GetContainerEvents '{"answers": [{"containerId": "a", "containerEventType": "CONTAINER_STARTED_EVENT", "createdAt": "7",
		"podSandboxStatus": {"id": "p"}}, {"containerId": "b"}], "hold": true}'
	background -t 1s events >out
	wait_for 10 grep -q '"b"' out
	sleep 1.2 # a deadline of calls is none of a stream that goes on
	kill -INT $CALL
	ended_with 130
	[ "$(jq -sc '[.[] | [.containerId, .containerEventType, .createdAt, .podSandboxStatus.id]]' out)" = \
		'[["a","CONTAINER_STARTED_EVENT","7","p"],["b","CONTAINER_CREATED_EVENT","0",null]]' ]
	wait_for 5 grep -q cancelled "$FAKE/log"
	says GetContainerEvents '{"answers": [{"containerId": "a"}, {"containerId": "b"}]}'
	[ "$(cri events -o yaml | grep -c '^---$')" = 2 ]
	[ "$(cri events -o jsonpath='{.containerId} ')" = "a b " ]
	run -2 cri events -o table
	run -2 cri events more
}

# ---- sandboxes ----

@test "runp: YAML or JSON, either name of a field, a uid of its own" {
	cat >pod.yaml <<-EOF
		metadata:
		  name: p
		  namespace: ns
		  attempt: 1
		hostname: h
		log_directory: /logs
		dns_config: {servers: [10.0.0.1]}
		port_mappings:
		- {container_port: 80, protocol: UDP}
		labels: {app: web}
		linux:
		  cgroup_parent: /x
		  security_context:
		    namespace_options: {network: NODE, pid: 1}
		    run_as_user: {value: 1000}
	EOF
	says RunPodSandbox '{"answer": {"podSandboxId": "id1"}}'
	run -0 cri runp -r kata pod.yaml
	[ "$output" = id1 ]
	[ "$(asked RunPodSandbox 'del(.config.metadata.uid)')" = "$(jq -cnS '{runtime_handler: "kata", config: {
		metadata: {name: "p", namespace: "ns", attempt: 1}, hostname: "h", log_directory: "/logs",
		dns_config: {servers: ["10.0.0.1"]}, port_mappings: [{container_port: 80, protocol: "UDP"}], labels: {app: "web"},
		linux: {cgroup_parent: "/x", security_context: {namespace_options: {network: "NODE", pid: "CONTAINER"},
		run_as_user: {value: "1000"}}}}}')" ]
	[[ $(asked RunPodSandbox .config.metadata.uid) =~ ^\"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\"$ ]]
	pod_config
	cri runp - <pod.json
	[ "$(asked RunPodSandbox)" = '{"config":{"linux":{"cgroup_parent":"/x"},"metadata":{"name":"p","namespace":"ns","uid":"u"}}}' ]
}

@test "runp: what is wrong with a config is named" {
	local text

	while IFS='|' read -r text why; do
		printf '%b' "$text" >bad.yaml
		run -1 --separate-stderr cri runp bad.yaml
		[[ $stderr == "carpel: "*"$why"* ]] || { echo "$text: $stderr" >&2; return 1; }
	done <<-'EOF'
		|bad.yaml is empty
		[1]|bad.yaml: a array, not an object
		{"a": 1}|bad.yaml: metadata is missing
		{"metadata": 1}|bad.yaml: metadata is missing
		{"metadata": {"namespace": "ns"}}|bad.yaml: metadata.name is missing
		{"metadata": {"name": "n"}}|bad.yaml: metadata.namespace is missing
		metadata: {name: p, namespace: n}|bad.yaml: metadata.namespace is a bool, not a string
		{"metadata": {"name": "n",, }}|bad.yaml: 
		a: 1\n---\nb: 2|2 documents instead of one
		metadata: {name: p, namespace: ns}\nhostnam: h|hostnam
		metadata: {name: p, namespace: ns}\nlinux: {sysctls: [1]}|linux.sysctls
		metadata: {name: p, namespace: ns}\nmetadata: {}|metadata
	EOF
	run -1 --separate-stderr cri runp nowhere.yaml
	[ "$stderr" = "carpel: nowhere.yaml: No such file or directory" ]
	head -c 1100000 /dev/zero | tr '\0' ' ' >bad.yaml
	run -1 --separate-stderr cri runp bad.yaml
	[[ $stderr == *"bad.yaml is larger than 1048576 bytes" ]]
	run -2 cri runp
	run -2 cri runp a b
	[ ! -e "$FAKE/log" ]
}

@test "stopp, rmp: one call an id; a ready one is only removed by force" {
	run -0 cri stopp a b
	[ "$output" = $'Stopped sandbox a\nStopped sandbox b' ]
	[ "$(calls)" = "StopPodSandbox StopPodSandbox" ]
	[ "$(asked StopPodSandbox)" = '{"pod_sandbox_id":"b"}' ]
	forget
	says PodSandboxStatus '{"answer": {"status": {"id": "a"}}}'
	run -1 --separate-stderr cri rmp a
	[ "$stderr" = 'carpel: pod sandbox "a" is ready: stop it first, or use -f' ]
	[ "$(calls)" = PodSandboxStatus ]
	forget
	run -0 cri rmp -f a
	[ "$output" = $'Stopped sandbox a\nRemoved sandbox a' ]
	[ "$(calls)" = "PodSandboxStatus StopPodSandbox RemovePodSandbox" ]
	forget
	says PodSandboxStatus '{"answer": {"status": {"state": "SANDBOX_NOTREADY"}}}'
	run -0 cri rmp a
	[ "$output" = "Removed sandbox a" ]
	[ "$(calls)" = "PodSandboxStatus RemovePodSandbox" ]
	forget
	three_pods
	run -0 cri rmp --all
	[ "$(calls)" = "ListPodSandbox PodSandboxStatus RemovePodSandbox PodSandboxStatus RemovePodSandbox PodSandboxStatus RemovePodSandbox PodSandboxStatus RemovePodSandbox" ]
	[ "$(asked ListPodSandbox)" = '{}' ]
	says ListPodSandbox '{}'
	run -0 --separate-stderr cri rmp -a
	[ "$stderr" = "No pods to remove" ]
	run -2 cri rmp
	run -2 cri rmp -a x
	run -2 cri stopp
}

@test "several ids: one that fails does not keep the others from it" {
	says StopPodSandbox.2 '{"code": "INTERNAL", "details": "no"}'
	run -1 --separate-stderr cri stopp a b c
	[ "$output" = $'Stopped sandbox a\nStopped sandbox c' ]
	[ "$stderr" = 'carpel: StopPodSandbox: internal: no' ]
	says StartContainer.1 '{"code": "NOT_FOUND", "details": "a"}'
	run -1 --separate-stderr cri start a b
	[ "$output" = b ]
}

@test "pods: the table, the newest first" {
	three_pods
	run -0 cri pods
	[ "${#lines[@]}" = 4 ]
	shows "POD ID CREATED STATE NAME NAMESPACE ATTEMPT RUNTIME"
	[ "$(sed -E 's/ +/ /g' <<<"${lines[1]}")" = "${B:0:13} About a minute ago Ready db test 0 kata" ]
	[ "$(sed -E 's/ +/ /g' <<<"${lines[2]}")" = "${A:0:13} 2 hours ago NotReady web-1 prod 2 (default)" ]
	[ "$(sed -E 's/ +/ /g' <<<"${lines[3]}")" = "${C:0:13} 4 weeks ago Ready web-2 test 0 (default)" ]
	[ "$(asked ListPodSandbox)" = '{"filter":{}}' ]
	run -0 cri pods --no-trunc
	shows "$B About a minute ago Ready db test 0 kata"
	run -0 cri pods -v
	shows "ID: $A"
	shows "UID: u1"
	shows "Namespace: prod"
	shows "Status: NotReady"
	shows $'\tapp -> web'
	shows $'\tnote -> two\\nlines'
	shows "Runtime: kata"
}

@test "pods: filters, on the other side and here" {
	three_pods
	cri pods --id abc -s NotReady --label app=web --label tier=
	[ "$(asked ListPodSandbox .filter)" = '{"id":"abc","label_selector":{"app":"web","tier":""},"state":{"state":"SANDBOX_NOTREADY"}}' ]
	cri pods --state ready
	# Ready is 0, which is not written.
	[ "$(asked ListPodSandbox .filter)" = '{"state":{}}' ]
	[ "$(cri pods -q --name '^web')" = "$A"$'\n'"$C" ]
	[ "$(cri pods -q --name web-2$)" = "$C" ]
	[ "$(cri pods -q --namespace test)" = "$B"$'\n'"$C" ]
	[ "$(cri pods -q --name web --namespace 'test|none')" = "$C" ]
	[ "$(cri pods -ql)" = "$B" ]
	[ "$(cri pods -q -n 2)" = "$B"$'\n'"$A" ]
	[ "$(cri pods -q -n 0 | wc -l)" = 3 ]
	[ "$(cri pods -q --latest --name web)" = "$A" ]
	run -2 --separate-stderr cri pods -s gone
	[[ $stderr == *'--state takes ready or notready, not "gone"'* ]]
	run -2 --separate-stderr cri pods --label app
	[[ $stderr == *'--label takes key=value, not "app"'* ]]
	run -2 --separate-stderr cri pods --name '('
	[[ $stderr == *'--name: "(" is no regular expression: '* ]]
	run -2 cri pods more
	run -2 cri pods -o wide
	run -2 --separate-stderr cri pods -o go-template
	[[ $stderr == *'-o takes table, json, yaml or jsonpath=TEMPLATE, not "go-template"'* ]]
}

@test "pods: JSON, YAML, jsonpath" {
	three_pods
	[ "$(cri pods -o json | jq -c '[.items[] | [.metadata.name, .state, (.createdAt | type), .runtimeHandler]]')" = \
		'[["db","SANDBOX_READY","string","kata"],["web-1","SANDBOX_NOTREADY","string",""],["web-2","SANDBOX_READY","string",""]]' ]
	[ "$(cri pods -o yaml --name db | grep -c 'runtimeHandler: kata')" = 1 ]
	[ "$(cri pods -o jsonpath='{.items[*].metadata.name}')" = "db web-1 web-2" ]
	[ "$(cri pods -o table -q -l)" = "$B" ]
}

@test "inspectp: the status, and what the runtime says beyond it" {
	says PodSandboxStatus "{\"answer\": {\"status\": {\"id\": \"$A\", \"metadata\": {\"name\": \"p\", \"uid\": \"u\", \"namespace\": \"n\"},
		\"createdAt\": \"1700000000123456789\", \"network\": {\"ip\": \"10.1.1.1\", \"additionalIps\": [{\"ip\": \"fd00::1\"}]},
		\"labels\": {\"a\": \"b\"}}, \"info\": {\"pid\": \"42\", \"quoted\": \"\\\"text\\\"\", \"config\": \"{\\\"deep\\\": [1]}\",
		\"broken\": \"{no\", \"status\": \"mine\"}}}"
	cri inspectp aaa >out
	[ "$(asked PodSandboxStatus)" = '{"pod_sandbox_id":"aaa","verbose":true}' ]
	[ "$(jq -c '[.status.id[0:3], .status.state, .status.createdAt, .status.network.ip, .pid, .quoted, .config.deep, .broken]' out)" = \
		'["aaa","SANDBOX_READY","2023-11-14T22:13:20.123456789Z","10.1.1.1","42","text",[1],"{no"]' ]
	cri inspectp -q aaa >/dev/null
	[ "$(asked PodSandboxStatus)" = '{"pod_sandbox_id":"aaa"}' ]
	[ "$(cri inspectp a b | jq length)" = 2 ]
	[ "$(cri inspectp -o yaml a | grep -c '^  id: aaa')" = 1 ]
	[ "$(cri inspectp -o jsonpath='{.status.metadata.name}' a)" = p ]
	run -0 cri inspectp -o table a
	shows "ID: $A"
	shows "Status: Ready"
	shows "IP Addresses: 10.1.1.1"
	shows "Additional IP: fd00::1"
	shows $'\ta -> b'
	shows $'\tpid -> 42'
	# Without an id: what the filters choose.
	forget
	three_pods
	cri inspectp --name web -n 1 --state notready --label a=b --namespace prod >/dev/null
	[ "$(calls)" = "ListPodSandbox PodSandboxStatus" ]
	[ "$(asked PodSandboxStatus .pod_sandbox_id)" = "\"$A\"" ]
	[ "$(asked ListPodSandbox .filter.label_selector)" = '{"a":"b"}' ]
	run -1 --separate-stderr cri inspectp --name nobody -l
	[ "$stderr" = "carpel: no pod is like that" ]
	says PodSandboxStatus '{"code": "NOT_FOUND", "details": "pod \"x\""}'
	run -1 --separate-stderr cri inspectp x
	[ "$stderr" = 'carpel: PodSandboxStatus: not found: pod "x"' ]
	[ -z "$output" ]
}

# ---- containers ----

@test "create: both configs go along" {
	pod_config
	cat >ctr.yaml <<-EOF
		metadata: {name: c}
		image: {image: busybox}
		command: [sh, -c]
		args: ["true"]
		envs:
		- {key: A, value: B}
		- {key: E, value: ""}
		mounts:
		- {container_path: /m, host_path: /h, propagation: PROPAGATION_BIDIRECTIONAL}
		stop_signal: SIGNAL_SIGINT
	EOF
	says CreateContainer '{"answer": {"containerId": "c1"}}'
	run -0 cri create --no-pull pod1 ctr.yaml pod.json
	[ "$output" = c1 ]
	[ "$(asked CreateContainer)" = "$(jq -cnS '{pod_sandbox_id: "pod1", config: {metadata: {name: "c"},
		image: {image: "busybox", user_specified_image: "busybox"}, command: ["sh", "-c"], args: ["true"],
		envs: [{key: "A", value: "Qg=="}, {key: "E"}], stop_signal: "SIGNAL_SIGINT",
		mounts: [{container_path: "/m", host_path: "/h", propagation: "PROPAGATION_BIDIRECTIONAL"}]},
		sandbox_config: {metadata: {name: "p", namespace: "ns", uid: "u"}, linux: {cgroup_parent: "/x"}}}')" ]
	echo '{"metadata": {"name": "c"}, "image": {"image": "i", "userSpecifiedImage": "mine"}}' >ctr.json
	cri create pod1 ctr.json pod.json
	[ "$(asked CreateContainer .config.image)" = '{"image":"i","user_specified_image":"mine"}' ]
	echo '{"metadata": {"name": "c"}}' >bad.json
	run -1 --separate-stderr cri create pod1 bad.json pod.json
	[ "$stderr" = "carpel: bad.json: image.image is missing" ]
	echo '{"metadata": {}, "image": {"image": "i"}}' >bad.json
	run -1 --separate-stderr cri create pod1 bad.json pod.json
	[ "$stderr" = "carpel: bad.json: metadata.name is missing" ]
	run -2 cri create pod1 ctr.json
	run -2 --separate-stderr cri create --with-pull pod1 ctr.json pod.json
	[[ $stderr == *"carpel speaks to no registry"* ]]
}

@test "start, stop: ids as they are typed; a stop without a timeout kills" {
	run -0 cri start ab cd
	[ "$output" = $'ab\ncd' ]
	[ "$(asked StartContainer)" = '{"container_id":"cd"}' ]
	run -0 cri stop ab
	[ "$output" = ab ]
	[ "$(asked StopContainer)" = '{"container_id":"ab"}' ]
	cri stop --timeout 7 ab
	[ "$(asked StopContainer)" = '{"container_id":"ab","timeout":"7"}' ]
	forget
	three_containers
	cri stop -a -t 3
	[ "$(calls)" = "ListContainers StopContainer StopContainer" ]
	[ "$(asked ListContainers .filter)" = '{"state":{"state":"CONTAINER_RUNNING"}}' ]
	[ "$(asked StopContainer)" = "{\"container_id\":\"$A\",\"timeout\":\"3\"}" ]
	says ListContainers '{}'
	run -0 --separate-stderr cri stop --all
	[ "$stderr" = "No running containers found" ]
	run -2 cri stop
	run -2 cri stop -a x
	run -2 cri stop -t soon x
	run -2 cri start
}

@test "rm: a running one only by force, and its logs with it" {
	local logs=$ROOT/logs

	mkdir "$logs"
	touch "$logs/0.log" "$logs/0.log.20260101-000000" "$logs/0.log.1.gz" "$logs/1.log" "$logs/0.logs"
	says ContainerStatus "{\"answer\": {\"status\": {\"state\": \"CONTAINER_RUNNING\", \"logPath\": \"$logs/0.log\"}}}"
	run -1 --separate-stderr cri rm c
	[ "$stderr" = 'carpel: container "c" is running: stop it first, or use -f' ]
	[ "$(calls)" = ContainerStatus ]
	run -0 cri rm -fk c
	[ "$output" = $'c\nc' ]
	[ "$(calls)" = "ContainerStatus ContainerStatus StopContainer RemoveContainer" ]
	[ "$(asked StopContainer)" = '{"container_id":"c"}' ]
	[ -e "$logs/0.log" ]
	says ContainerStatus "{\"answer\": {\"status\": {\"state\": \"CONTAINER_EXITED\", \"logPath\": \"$logs/0.log\"}}}"
	says RemoveContainer '{"code": "INTERNAL", "details": "no"}'
	run -1 cri rm c
	[ -e "$logs/0.log" ] # it is still there, and so is its log
	says RemoveContainer '{}'
	forget
	run -0 cri rm c
	[ "$output" = c ]
	[ "$(calls)" = "ContainerStatus RemoveContainer" ]
	[ "$(cd "$logs" && echo *)" = "0.logs 1.log" ]
	three_containers
	run -0 cri rm -a --keep-logs
	[ "$(asked ListContainers)" = '{}' ]
	[ "$(asked RemoveContainer)" = '{"container_id":"nometa"}' ]
	says ListContainers '{}'
	run -0 --separate-stderr cri rm --all
	[ "$stderr" = "No containers to remove" ]
	run -2 cri rm
}

@test "update: what is given, and nothing else" {
	run -0 cri update --cpu-period 100000 --cpu-quota -1 --cpu-share 512 --memory 68719476736 --cpuset-cpus 0-1 \
		--cpuset-mems 0 --oom-score-adj=-998 a b
	[ "$output" = $'a\nb' ]
	[ "$(asked UpdateContainerResources)" = "$(jq -cnS '{container_id: "b", linux: {cpu_period: "100000", cpu_quota: "-1",
		cpu_shares: "512", memory_limit_in_bytes: "68719476736", cpuset_cpus: "0-1", cpuset_mems: "0", oom_score_adj: "-998"}}')" ]
	cri update --memory 1 a
	[ "$(asked UpdateContainerResources .linux)" = '{"memory_limit_in_bytes":"1"}' ]
	forget
	run -1 --separate-stderr cri update --memory 64Mi a
	[ "$stderr" = 'carpel: UpdateContainerResources: linux.memory_limit_in_bytes: "64Mi" is not an integer' ]
	run -2 cri update a
	run -2 cri update --memory 1
	[ ! -e "$FAKE/log" ]
}

@test "ps: the table; the running ones, unless more is asked for" {
	three_containers
	run -0 cri ps
	[ "${#lines[@]}" = 3 ]
	shows "CONTAINER IMAGE CREATED STATE NAME ATTEMPT POD ID POD NAMESPACE"
	[[ $(sed -E 's/ +/ /g' <<<"${lines[1]}") == \
		"${B:0:13} docker.io/library/busybox:latest 3"?" seconds ago Exited side 0 ${C:0:13} unknown unknown" ]]
	shows "${A:0:13} 0123456789abc About an hour ago Running app 1 ${C:0:13} web prod"
	[ "$(asked ListContainers .filter)" = '{"state":{"state":"CONTAINER_RUNNING"}}' ]
	run -0 cri ps --no-trunc
	shows "$A sha256:0123456789abcdef0123 About an hour ago Running app 1 $C web prod"
	run -0 cri ps -v
	shows "ID: $B"
	shows "PodID: $C"
	shows "Namespace: prod"
	shows "Image: docker.io/library/busybox:latest"
	shows $'\tio.kubernetes.pod.name -> web'
	says ImageStatus '{"answer": {"image": {"id": "sha256:01", "repoTags": ["guest:latest", "other:1"]}}}'
	run -0 cri ps -r
	shows "${A:0:13} guest:latest About an hour ago Running app 1 ${C:0:13} web prod"
	[ "$(cri ps -o json | jq -c '[.containers[] | .metadata.name]')" = '["side","app"]' ]
	[ "$(cri ps -o yaml | grep -c '^  podSandboxId: ccc')" = 2 ]
	[ "$(cri ps -o jsonpath='{.containers[*].state}')" = "CONTAINER_EXITED CONTAINER_RUNNING" ]
}

@test "ps: filters, on the other side and here" {
	three_containers
	cri ps -a --id i -p pod --label a=b
	[ "$(asked ListContainers .filter)" = '{"id":"i","label_selector":{"a":"b"},"pod_sandbox_id":"pod"}' ]
	cri ps -s Exited
	[ "$(asked ListContainers .filter)" = '{"state":{"state":"CONTAINER_EXITED"}}' ]
	cri ps --state created
	[ "$(asked ListContainers .filter)" = '{"state":{}}' ]
	cri ps -as unknown
	[ "$(asked ListContainers .filter)" = '{"state":{"state":"CONTAINER_UNKNOWN"}}' ]
	[ "$(cri ps -ql)" = "$B" ]
	[ "$(asked ListContainers .filter)" = '{}' ] # the newest of all states
	[ "$(cri ps -q --last 1)" = "$B" ]
	[ "$(cri ps -q --name ^app$)" = "$A" ]
	[ "$(cri ps -q --namespace prod)" = "$A" ]
	[ "$(cri ps -q --namespace unknown)" = "$B" ]
	run -2 --separate-stderr cri ps -s ready
	[[ $stderr == *'--state takes created, running, exited or unknown, not "ready"'* ]]
	run -2 cri ps more
}

@test "ps: an image, whatever a container calls it" {
	three_containers
	says ImageStatus.1 '{"answer": {"image": {"id": "sha256:1"}}}'
	says ImageStatus.2 '{"answer": {"image": {"id": "sha256:2"}}}'
	says ImageStatus.3 '{"answer": {"image": {"id": "sha256:1"}}}'
	says ImageStatus '{}'
	[ "$(cri ps -q --image busy)" = "$B" ]
	[ "$(jq -sc '[.[] | select(.rpc == "ImageStatus") | .request.image.image // ""]' "$FAKE/log")" = \
		'["busy","sha256:0123456789abcdef0123","docker.io/library/busybox:latest",""]' ]
	forget
	[ -z "$(cri ps -q --image none)" ] # no such image: no container has it
	[ "$(calls)" = "ListContainers ImageStatus" ]
}

@test "inspect: times that people read, the zero time for what has not been" {
	says ContainerStatus "{\"answer\": {\"status\": {\"id\": \"$A\", \"metadata\": {\"name\": \"c\", \"attempt\": 3}, \"state\": \"CONTAINER_EXITED\",
		\"createdAt\": $(ago 60), \"startedAt\": $(ago 40), \"finishedAt\": $(ago 20), \"exitCode\": 137, \"reason\": \"OOMKilled\",
		\"image\": {\"image\": \"i\"}, \"mounts\": [{\"containerPath\": \"/m\"}]}, \"info\": {\"pid\": \"7\"}}}"
	cri inspect a >out
	[ "$(asked ContainerStatus)" = '{"container_id":"a","verbose":true}' ]
	[ "$(jq -c '[.status.exitCode, .status.reason, .status.mounts[0].containerPath, .pid]' out)" = '[137,"OOMKilled","/m","7"]' ]
	[[ $(jq -r .status.finishedAt out) =~ ^20[0-9][0-9]-[0-9-]+T[0-9:]+\.000000000Z$ ]]
	run -0 cri inspect -o table a
	shows "Name: c"
	shows "Attempt: 3"
	shows "State: Exited"
	shows "Exit Code: 137"
	shows "Reason: OOMKilled"
	[[ $output == *"Finished: 2"?" seconds ago"* ]]
	says ContainerStatus '{"answer": {"status": {"id": "a", "createdAt": "1700000000000000000"}}}'
	[ "$(cri inspect -q a | jq -c '[.status.startedAt, .status.finishedAt, .status.state]')" = \
		'["0001-01-01T00:00:00Z","0001-01-01T00:00:00Z","CONTAINER_CREATED"]' ]
	[ "$(asked ContainerStatus)" = '{"container_id":"a"}' ]
	run -0 cri inspect -o table a
	[[ $output != *Started* && $output != *"Exit Code"* ]]
	forget
	three_containers
	[ "$(cri inspect -a | jq length)" = 2 ]
	[ "$(calls)" = "ListContainers ContainerStatus ContainerStatus" ]
	cri inspect --name app --namespace prod -p pp --label a=b -s running -n 1 >/dev/null
	[ "$(asked ContainerStatus .container_id)" = "\"$A\"" ]
	cri inspect -l >/dev/null
	[ "$(asked ContainerStatus .container_id)" = "\"$B\"" ]
	run -1 --separate-stderr cri inspect --image none
	[ "$stderr" = "carpel: no container is like that" ]
}

@test "exec: both streams byte by byte, the command's exit code" {
	says ExecSync '{"answer": {"stdout": "AP8Kb3V0", "stderr": "ZXJy", "exitCode": 3}}'
	run -3 --separate-stderr cri exec -s --timeout 9 c printf -n 'a b' --help
	[ "$stderr" = err ]
	[ "$(asked ExecSync)" = '{"cmd":["printf","-n","a b","--help"],"container_id":"c","timeout":"9"}' ]
	run -3 cri exec c true
	cri exec c true | od -An -tx1 | grep -qxF ' 00 ff 0a 6f 75 74'
	says ExecSync '{}'
	cri exec c -- ls -l
	[ "$(asked ExecSync)" = '{"cmd":["ls","-l"],"container_id":"c"}' ]
	cri exec -- c ls
	[ "$(asked ExecSync)" = '{"cmd":["ls"],"container_id":"c"}' ]
	says ExecSync '{"code": "DEADLINE_EXCEEDED", "details": "9 s"}'
	run -124 --separate-stderr cri exec c sleep 10
	[ "$stderr" = "carpel: ExecSync: deadline exceeded: 9 s" ]
	says ExecSync '{"code": "FAILED_PRECONDITION", "details": "not running"}'
	run -125 --separate-stderr cri exec c true
	[ "$stderr" = "carpel: ExecSync: failed precondition: not running" ]
	run -0 cri exec -e c true
	run -2 --separate-stderr cri exec -t c sh
	[[ $stderr == *"-t: CRI's streams are not served"* ]]
	run -2 --separate-stderr cri exec -i c sh
	run -2 cri exec
	run -2 cri exec c
}

@test "exec: output that cannot be written is an error of ours" {
	says ExecSync '{"answer": {"stdout": "eA=="}}'
	run -125 --separate-stderr bash -c '"$1" --socket cri.sock cri exec c true >/dev/full' - "$CARPEL_BIN/carpel"
	[ "$stderr" = "carpel: standard output: No space left on device" ]
}

@test "exec: in every container that filters choose" {
	three_containers
	says ExecSync.1 '{"answer": {"stdout": "b25lCg==", "exitCode": 0}}'
	says ExecSync.2 '{"answer": {"stdout": "dHdvCg==", "exitCode": 5}}'
	run -5 cri exec --name . --namespace . --label a=b -p pod --state running date -u
	[ "$output" = "$B:"$'\none\n'"$A:"$'\ntwo' ]
	[ "$(asked ExecSync)" = "{\"cmd\":[\"date\",\"-u\"],\"container_id\":\"$A\"}" ]
	[ "$(asked ListContainers .filter)" = '{"label_selector":{"a":"b"},"pod_sandbox_id":"pod","state":{"state":"CONTAINER_RUNNING"}}' ]
	says ExecSync.3 '{"answer": {"exitCode": 4}}'
	says ExecSync.4 '{"answer": {"exitCode": 6}}'
	run -4 cri exec --name . date # the first that is not 0
	says ExecSync '{"answer": {"stdout": "eAo="}}'
	[ "$(cri exec -q -l date)" = x ]
	[ "$(asked ExecSync .container_id)" = "\"$B\"" ]
	[ "$(cri exec -q -n 2 date)" = $'x\nx' ]
	run -125 --separate-stderr cri exec --image none date
	[ "$stderr" = "carpel: no container is like that" ]
	run -2 cri exec -l
}

# ---- figures ----

# sample RPC.N USED TIME: of container A, in nanoseconds.
sample() {
	says "ListContainerStats.$1" "{\"answer\": {\"stats\": [
		{\"attributes\": {\"id\": \"$C\", \"metadata\": {\"name\": \"idle\"}}, \"cpu\": {\"timestamp\": \"$3\"}},
		{\"attributes\": {\"id\": \"$A\", \"metadata\": {\"name\": \"app\"}},
		 \"cpu\": {\"timestamp\": \"$3\", \"usageCoreNanoSeconds\": {\"value\": \"$2\"}}, \"memory\": {\"workingSetBytes\": {\"value\": \"12345678\"}},
		 \"writableLayer\": {\"usedBytes\": {\"value\": \"999900\"}, \"inodesUsed\": {\"value\": \"17\"}},
		 \"swap\": {\"swapUsageBytes\": {\"value\": \"4096\"}}} $4]}}"
}

@test "stats: two samples, and the CPU between them" {
	local before=$SECONDS

	sample 1 1000000000 5000000000
	sample 2 1250000000 6000000000 ", {\"attributes\": {\"id\": \"$B\", \"metadata\": {\"name\": \"new\"}},
		\"cpu\": {\"timestamp\": \"6000000000\", \"usageCoreNanoSeconds\": {\"value\": \"5\"}}}"
	run -0 cri stats
	((SECONDS - before >= 1))
	[ "${#lines[@]}" = 2 ] # neither the idle one nor the new one
	shows "CONTAINER NAME CPU % MEM DISK INODES SWAP"
	shows "${A:0:13} app 25.00 12.35MB 999.9kB 17 4.096kB"
	[ "$(asked ListContainerStats)" = '{"filter":{}}' ]
	sample 3 1 5
	sample 4 1 6
	run -0 cri stats -a --seconds 0
	shows "${C:0:13} idle 0.00 0B 0B 0 0B"
	sample 5 1 5
	sample 6 2 5
	run -1 --separate-stderr cri stats -s 0
	[ "$stderr" = "carpel: $A: the runtime took no new sample within 0 s" ]
	sample 7 1 5
	cri stats --id i -p pod --label a=b -o json >out # one sample is enough
	[ "$(jq -r '.stats[1].attributes.metadata.name' out)" = app ]
	[ "$(asked ListContainerStats .filter)" = '{"id":"i","label_selector":{"a":"b"},"pod_sandbox_id":"pod"}' ]
	[ "$(jq -c .rpc "$FAKE/log" | wc -l)" = 7 ]
	cri stats other >/dev/null
	[ "$(asked ListContainerStats .filter)" = '{"id":"other"}' ]
	cri stats -o yaml >/dev/null
	run -2 cri stats a b
	run -2 cri stats --id a b
	run -2 cri stats --label a
}

@test "stats, statsp: watched until interrupted" {
	sample 1 1 1
	sample 2 2 2
	sample 3 3 3
	sample 4 4 4
	background stats -w -s 0 >out
	wait_for 10 eval '[ "$(grep -c ^CONTAINER out)" -ge 2 ]'
	kill -INT $CALL
	ended_with 130
	says ListPodSandboxStats '{"code": "UNAVAILABLE", "details": "gone"}'
	run -1 --separate-stderr cri statsp --watch
	[ "$stderr" = "carpel: ListPodSandboxStats: unavailable: gone" ]
}

@test "statsp: of sandboxes" {
	local n

	for n in 1 2; do
		says ListPodSandboxStats.$n "{\"answer\": {\"stats\": [{\"attributes\": {\"id\": \"$A\", \"metadata\": {\"name\": \"web\"}},
			\"linux\": {\"cpu\": {\"timestamp\": \"${n}000000000\", \"usageCoreNanoSeconds\": {\"value\": \"$((n * 2))000000000\"}},
			\"memory\": {\"workingSetBytes\": {\"value\": \"2000\"}}}},
			{\"attributes\": {\"id\": \"$B\", \"metadata\": {\"name\": \"none\"}}}]}}"
	done
	run -0 cri statsp -s 0 --label a=b pod
	[ "${#lines[@]}" = 2 ]
	shows "POD POD ID CPU % MEM"
	shows "web ${A:0:13} 200.00 2kB"
	[ "$(asked ListPodSandboxStats .filter)" = '{"id":"pod","label_selector":{"a":"b"}}' ]
	says ListPodSandboxStats.3 '{"answer": {"stats": [{"attributes": {"id": "x"}}]}}'
	[ "$(cri statsp --id x -o jsonpath='{.stats[0].attributes.id}')" = x ]
	run -2 cri statsp -a
	run -2 cri statsp -p x
}

# ---- images ----

three_images() {
	says ListImages '{"answer": {"images": [
		{"id": "sha256:cccccccccccccccccccc", "repoDigests": ["r.io/app@sha256:dddddddddddddddddd"], "size": "999999"},
		{"id": "sha256:bbbbbbbbbbbbbbbbbbbb", "repoTags": ["b:5000/x:1", "b:latest"], "size": "1234567", "pinned": true,
		 "uid": {"value": "7"}, "username": "u"},
		{"id": "sha256:aaaaaaaaaaaaaaaaaaaa", "repoTags": ["a:1"], "repoDigests": ["a@sha256:eeeeeeeeeeeeeeeeeee"], "size": "512"}]}}'
}

@test "images: the table, a row a tag" {
	three_images
	run -0 cri images
	[ "${#lines[@]}" = 5 ]
	shows "IMAGE TAG IMAGE ID SIZE"
	[ "$(sed -E 's/ +/ /g' <<<"${lines[1]}")" = "a 1 aaaaaaaaaaaaa 512B" ]
	[ "$(sed -E 's/ +/ /g' <<<"${lines[2]}")" = "b:5000/x 1 bbbbbbbbbbbbb 1.23MB" ]
	[ "$(sed -E 's/ +/ /g' <<<"${lines[3]}")" = "b latest bbbbbbbbbbbbb 1.23MB" ]
	[ "$(sed -E 's/ +/ /g' <<<"${lines[4]}")" = "r.io/app <none> ccccccccccccc 1MB" ]
	[ "$(asked ListImages)" = '{}' ]
	run -0 cri images --digests --pinned --no-trunc
	shows "IMAGE TAG DIGEST IMAGE ID SIZE PINNED"
	shows "b latest <none> sha256:bbbbbbbbbbbbbbbbbbbb 1.23MB true"
	shows "a 1 sha256:eeeeeeeeeeeeeeeeeee sha256:aaaaaaaaaaaaaaaaaaaa 512B false"
	run -0 cri images --digests
	shows "a 1 eeeeeeeeeeeee aaaaaaaaaaaaa 512B"
	run -0 cri images -v
	shows "RepoTags: b:latest"
	shows "Size: 1234567"
	shows "Uid: 7"
	shows "Username: u"
	shows "Pinned: true"
	[ "$(cri images -q | wc -l)" = 3 ]
	cri images busybox:1 >/dev/null
	[ "$(asked ListImages .filter.image)" = '{"image":"busybox:1"}' ]
	[ "$(cri images -o json | jq -c '[.images[].size]')" = '["512","1234567","999999"]' ]
	[ "$(cri images -o jsonpath='{.images[0].id}')" = sha256:aaaaaaaaaaaaaaaaaaaa ]
	[ "$(cri images -o yaml | grep -c 'pinned: true')" = 1 ]
	run -2 cri images a b
}

@test "images: filters" {
	three_images
	[ "$(cri images -q -f dangling=true)" = sha256:cccccccccccccccccccc ]
	[ "$(cri images -q -f dangling=false | wc -l)" = 2 ]
	[ "$(cri images -q --filter 'reference=^r\.io/')" = sha256:cccccccccccccccccccc ]
	[ "$(cri images -q -f reference=latest -f reference=^b)" = sha256:bbbbbbbbbbbbbbbbbbbb ]
	[ "$(cri images -q -f before=a:1 | wc -l)" = 2 ]
	[ "$(cri images -q -f since=ccccc | wc -l)" = 2 ]
	[ "$(cri images -q -f since=b:latest)" = sha256:aaaaaaaaaaaaaaaaaaaa ]
	[ "$(cri images -q -f before=a@sha256:eeeeeeeeeeeeeeeeeee -f since=ccc)" = sha256:bbbbbbbbbbbbbbbbbbbb ]
	run -2 --separate-stderr cri images -f before=none
	[[ $stderr == *'no image "none"'* ]]
	run -2 --separate-stderr cri images -f size=1
	[[ $stderr == *'--filter takes dangling=, reference=, before= or since=, not "size=1"'* ]]
	run -2 cri images -f dangling=maybe
	run -2 cri images -f 'reference=['
}

@test "inspecti: one or several, by name or by filter" {
	says ImageStatus '{"answer": {"image": {"id": "sha256:1", "repoTags": ["a:1"], "repoDigests": ["a@sha256:2"], "size": "2500"},
		"info": {"imageSpec": "{\"os\": \"linux\"}"}}}'
	[ "$(cri inspecti a | jq -c '[.status.id, .imageSpec.os]')" = '["sha256:1","linux"]' ]
	[ "$(asked ImageStatus)" = '{"image":{"image":"a"},"verbose":true}' ]
	[ "$(cri inspecti -q a b | jq length)" = 2 ]
	[ "$(asked ImageStatus)" = '{"image":{"image":"b"}}' ]
	run -0 cri inspecti -o table a
	shows "ID: sha256:1"
	shows "Tag: a:1"
	shows "Digest: a@sha256:2"
	shows "Size: 2.5kB"
	forget
	three_images
	[ "$(cri inspecti --name x -f dangling=false | jq length)" = 2 ]
	[ "$(asked ListImages .filter.image.image)" = '"x"' ]
	[ "$(asked ImageStatus .image.image)" = '"sha256:bbbbbbbbbbbbbbbbbbbb"' ]
	says ImageStatus '{}'
	run -1 --separate-stderr cri inspecti nothing
	[ "$stderr" = 'carpel: no such image "nothing"' ]
	says ListImages '{}'
	run -1 --separate-stderr cri inspecti
	[ "$stderr" = 'carpel: no image is like that' ]
}

@test "rmi: by name, all of them, or what nobody uses" {
	says ImageStatus '{"answer": {"image": {"id": "sha256:1", "repoTags": ["a:1", "a:2"]}}}'
	run -0 --separate-stderr cri rmi a:1
	[ "$output" = $'Deleted: a:1\nDeleted: a:2' ]
	[ "$stderr" = 'Warning: image "a:1" has several tags, which all go with it' ]
	[ "$(asked RemoveImage)" = '{"image":{"image":"a:1"}}' ]
	says ImageStatus '{"answer": {"image": {"id": "sha256:1", "repoDigests": ["a@sha256:2"]}}}'
	run -0 cri rmi sha256:1
	[ "$output" = "Deleted: a@sha256:2" ]
	three_images
	forget
	cri rmi -a
	[ "$(jq -r 'select(.rpc == "RemoveImage") | .request.image.image[7:8]' "$FAKE/log" | sort | paste -sd ' ')" = "a b c" ]
	# b is pinned, a is used, by a name of its own.
	forget
	three_containers
	says ImageStatus '{"answer": {"image": {"id": "sha256:aaaaaaaaaaaaaaaaaaaa"}}}'
	says RemoveImage '{"code": "FAILED_PRECONDITION", "details": "just taken"}'
	run -0 --separate-stderr cri rmi --prune
	[ -z "$stderr" ]
	[ "$(jq -r 'select(.rpc == "RemoveImage") | .request.image.image' "$FAKE/log")" = sha256:cccccccccccccccccccc ]
	# Who does not know what is used removes nothing.
	forget
	says ImageStatus '{"code": "INTERNAL", "details": "no"}'
	run -1 --separate-stderr cri rmi --prune
	[ -z "$(asked RemoveImage)" ]
	says ImageStatus '{}'
	run -1 --separate-stderr cri rmi a b
	[ "$stderr" = $'carpel: no such image "a"\ncarpel: no such image "b"' ]
	run -2 cri rmi
	run -2 cri rmi -a b
	run -2 cri rmi -a -q
}

@test "imagefsinfo: JSON, YAML, a table" {
	says ImageFsInfo '{"answer": {"imageFilesystems": [{"timestamp": "5", "fsId": {"mountpoint": "/var/lib/x"}, "usedBytes": {"value": "1500"},
		"inodesUsed": {"value": "3"}}], "containerFilesystems": [{"fsId": {"mountpoint": "/var/lib/y"}}]}}'
	[ "$(cri imagefsinfo | jq -r '.status.imageFilesystems[0].fsId.mountpoint')" = /var/lib/x ]
	[ "$(cri imagefsinfo -o jsonpath='{.status.containerFilesystems[0].fsId.mountpoint}')" = /var/lib/y ]
	cri imagefsinfo -o yaml | grep -q 'mountpoint: /var/lib/x'
	run -0 cri imagefsinfo -o table
	[ "$output" = "Container Filesystem
TimeStamp[0]: 0
Disk[0]: 0B
Inodes[0]: 0
Mountpoint[0]: /var/lib/y
Image Filesystem
TimeStamp[0]: 5
Disk[0]: 1.5kB
Inodes[0]: 3
Mountpoint[0]: /var/lib/x" ]
	run -2 cri imagefsinfo more
}

# ---- the runtime ----

@test "info, version, runtime-config" {
	says Status '{"answer": {"status": {"conditions": [{"type": "RuntimeReady", "status": true}]}, "info": {"config": "{\"a\": 1}"},
		"runtimeHandlers": [{"name": "", "features": {"userNamespaces": true}}], "features": {"supplementalGroupsPolicy": true}}}'
	[ "$(cri info | jq -c '[.status.conditions[0].status, .config.a, .runtimeHandlers[0].features.userNamespaces,
		.features.supplementalGroupsPolicy]')" = '[true,1,true,true]' ]
	[ "$(asked Status)" = '{"verbose":true}' ]
	cri info -q -o yaml | grep -q 'type: RuntimeReady'
	[ "$(asked Status)" = '{}' ]
	run -2 cri info -o table
	run -2 cri info more
	says Version '{"answer": {"version": "0.1.0", "runtimeName": "fake", "runtimeVersion": "1.2", "runtimeApiVersion": "v1"}}'
	run -0 cri version
	[ "$output" = $'Version:  0.1.0\nRuntimeName:  fake\nRuntimeVersion:  1.2\nRuntimeApiVersion:  v1' ]
	[ "$(asked Version)" = '{"version":"v1"}' ]
	says RuntimeConfig '{"answer": {"linux": {"cgroupDriver": "CGROUPFS"}}}'
	run -0 cri runtime-config
	[ "$output" = "cgroup driver:   CGROUPFS" ]
	says RuntimeConfig '{}'
	run -0 cri runtime-config
	[ -z "$output" ]
	run -2 cri version more
	run -2 cri runtime-config more
}

# ---- the command line ----

@test "help: for all and for each verb; each is in the manual and in the completion" {
	local verb option manual=$BATS_TEST_DIRNAME/../../runtime/cli/carpel-cri.1

	run -0 cri --help
	[[ $output == *"usage: carpel cri [--timeout DURATION] VERB ..."* ]]
	[ "$(cri help)" = "$output" ]
	for verb in $(cri --help | sed -n 's/^  \([a-z-]*\) .*/\1/p'); do
		run -0 cri "$verb" --help
		[[ $output == *"usage: carpel cri $verb"* ]]
		grep -qE "^\.It Cm $verb( |\$)" "$manual" || { echo "no $verb in the manual" >&2; return 1; }
		[ "$(complete_line carpel cri "${verb:0:3}" | grep -cx -- "$verb")" = 1 ]
		# What one of the three knows, the others know as well.
		for option in $(grep -oE -- '--[a-z-]+' <<<"$output") $(complete_line carpel cri "$verb" - | sort -u); do
			[ "$option" != --help ] || continue
			grep -qF -- "Fl ${option#-}" "$manual" || { echo "no $option in the manual" >&2; return 1; }
			complete_line carpel cri "$verb" "$option" | grep -qx -- "$option" ||
				{ echo "no $verb $option in the completion" >&2; return 1; }
			run cri "$verb" --help "$option" value
			[[ $output != *"unknown option"* ]] || { echo "$verb $option: $output" >&2; return 1; }
		done
	done
	[ ! -e "$FAKE/log" ]
}

# complete_line WORD…: what completion proposes for the last word.
complete_line() {
	bash --norc -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _carpel; printf "%s\n" "${COMPREPLY[@]}"' \
		- "$BATS_TEST_DIRNAME/../../contrib/completions/carpel.bash" "$@"
}

@test "wrong command lines: what is wrong, and how it is right" {
	run -2 --separate-stderr cri
	[[ $stderr == "carpel cri: a verb is missing"* ]]
	run -2 --separate-stderr cri frobnicate
	[[ $stderr == 'carpel cri: there is no verb "frobnicate"'* ]]
	run -2 --separate-stderr cri pull x
	[[ $stderr == *"carpel speaks to no registry"* ]]
	run -2 --separate-stderr cri logs x
	[[ $stderr == *"status.logPath"* ]]
	run -2 --separate-stderr cri pods --nonsense
	[[ $stderr == "carpel cri pods: unknown option --nonsense"*"usage: carpel cri pods "* ]]
	run -2 --separate-stderr "$CARPEL_BIN/carpel" --socket cri.sock -n ns cri pods
	[[ $stderr == *"CRI has no namespaces for -n"* ]]
	run -2 cri --timeout soon pods
}

# ---- with carpeld ----

# carpeld with the guest's image, and the configs of a pod and a container.
start_real() {
	import_guest >/dev/null
	mkdir "$ROOT/podlogs"
	cat >pod.yaml <<-EOF
		metadata: {name: web, namespace: default, uid: u-1}
		log_directory: $ROOT/podlogs
		labels: {app: web, io.kubernetes.pod.name: web, io.kubernetes.pod.namespace: default}
		linux:
		  security_context:
		    namespace_options: {network: NODE}
	EOF
	cat >ctr.yaml <<-EOF
		metadata: {name: app}
		image: {image: guest}
		command: [/bin/guest]
		args: [sleepy, hello]
		envs: [{key: GREETING, value: "good day"}]
		labels: {tier: front, io.kubernetes.pod.name: web, io.kubernetes.pod.namespace: default}
		log_path: app.log
		linux: {}
	EOF
}

# real ARGUMENTS…: carpel cri of this test's carpeld.
real() {
	carpel cri "$@"
}

# has_events WORD…: "ID:STARTED" and so on are among what came.
has_events() {
	local word all

	all=$(jq -r '.containerId + ":" + .containerEventType' events) || return
	for word; do
		grep -qx "${word%:*}:CONTAINER_${word#*:}_EVENT" <<<"$all" || return
	done
}

@test "carpeld: a sandbox and a container through their whole life" {
	local pod ctr

	start_real
	[[ $(real version) == *"RuntimeName:  carpel"* ]]
	[ "$(real info | jq -c '[.status.conditions[] | select(.type == "RuntimeReady") | .status]')" = '[true]' ]
	[[ $(real runtime-config) == "cgroup driver:   CGROUPFS" ]]
	pod=$(real runp pod.yaml)
	[[ $pod =~ ^[0-9a-f]{64}$ ]]
	[[ $(real pods | sed -n 2p) =~ ^${pod:0:13}\ +[^\ ].*\ ago\ +Ready\ +web\ +default\ +0\ +\(default\)$ ]]
	ctr=$(real create "${pod:0:8}" ctr.yaml pod.yaml)
	[ "$(real ps -aq --state created)" = "$ctr" ]
	[ -z "$(real ps -q)" ]
	[ "$(real start "${ctr:0:10}")" = "${ctr:0:10}" ]
	[[ $(real ps | sed -n 2p) =~ ^${ctr:0:13}\ +[^\ ]*guest[^\ ]*\ .*\ Running\ +app\ +0\ +${pod:0:13}\ +web\ +default$ ]]
	[ "$(real inspect "$ctr" | jq -r '[.status.state, .status.logPath] | join(" ")')" = "CONTAINER_RUNNING $ROOT/podlogs/app.log" ]
	wait_for 10 grep -q ' stdout F hello$' "$ROOT/podlogs/app.log"
	[ "$(real inspectp "$pod" | jq -c '[.status.state, .status.linux.namespaces.options.network]')" = '["SANDBOX_READY","NODE"]' ]
	[ "$(real exec "$ctr" /bin/guest env | grep GREETING)" = "GREETING=good day" ]
	run -1 --separate-stderr real rm "$ctr"
	[ "$stderr" = "carpel: container \"$ctr\" is running: stop it first, or use -f" ]
	real stop -t 5 "$ctr"
	[ "$(real inspect "$ctr" | jq -c '[.status.state, .status.exitCode, .status.finishedAt[0:2]]')" = '["CONTAINER_EXITED",143,"20"]' ]
	real rm "$ctr"
	[ ! -e "$ROOT/podlogs/app.log" ]
	[ -z "$(real ps -aq)" ]
	run -1 --separate-stderr real rmp "$pod"
	[[ $stderr == *"is ready: stop it first"* ]]
	[ "$(real stopp "$pod")" = "Stopped sandbox $pod" ]
	[ "$(real pods -q -s notready)" = "$pod" ]
	[ "$(real rmp "$pod")" = "Removed sandbox $pod" ]
	[ -z "$(real pods -q)" ]
}

@test "carpeld: filters, several at once, force" {
	local one two a b

	start_real
	one=$(real runp pod.yaml)
	sed 's/web/db/g; s/u-1/u-2/; s/namespace: default/namespace: test/' pod.yaml >two.yaml
	two=$(real runp two.yaml)
	a=$(real create "$one" ctr.yaml pod.yaml)
	sed 's/name: app/name: side/; s/front/back/; s/app.log/side.log/' ctr.yaml >side.yaml
	b=$(real create "$two" side.yaml two.yaml)
	real start "$a" "$b"
	[ "$(real pods -q)" = "$two"$'\n'"$one" ]
	[ "$(real pods -q --namespace ^test$)" = "$two" ]
	[ "$(real pods -q --label app=web)" = "$one" ]
	[ "$(real pods -q --id "${one:0:12}")" = "$one" ]
	[ "$(real pods -q --id ffffffffffff)" = "" ]
	[ "$(real ps -q)" = "$b"$'\n'"$a" ]
	[ "$(real ps -q --pod "${one:0:12}")" = "$a" ]
	[ "$(real ps -q --label tier=back)" = "$b" ]
	[ "$(real ps -q --image guest | wc -l)" = 2 ]
	[ -z "$(real ps -q --image nothing)" ]
	[ "$(real inspect --name app | jq -r .status.id)" = "$a" ]
	[ "$(real exec -q --name . /bin/guest print x)" = $'x\nx' ]
	[ "$(complete_line "$CARPEL_BIN/carpel" --root "$ROOT" cri inspectp '')" = "$two"$'\n'"$one" ]
	[ "$(complete_line "$CARPEL_BIN/carpel" --root "$ROOT" cri exec "${a:0:9}")" = "$a" ]
	[ "$(complete_line "$CARPEL_BIN/carpel" --root "$ROOT" cri call ListPodSandboxS)" = ListPodSandboxStats ]
	[ "$(real rm -f "$a")" = "$a"$'\n'"$a" ]
	real stop -a
	[ "$(real ps -aq -s exited)" = "$b" ]
	real rmp -fa >/dev/null
	[ -z "$(real pods -q)$(real ps -aq)" ]
}

@test "carpeld: commands, their output and their ends" {
	local pod ctr pid long=$((100000 + $$))

	start_real
	pod=$(real runp pod.yaml)
	ctr=$(real create "$pod" ctr.yaml pod.yaml)
	run -125 --separate-stderr real exec "$ctr" /bin/guest exit 0 # not started yet
	[[ $stderr == "carpel: ExecSync: "* ]]
	real start "$ctr"
	run -7 real exec "$ctr" /bin/guest exit 7
	run -0 --separate-stderr real exec "$ctr" /bin/guest eprint to stderr
	[ "$stderr" = $'to\nstderr' ]
	[ -z "$output" ]
	[ "$(real exec "$ctr" /bin/guest bytes 3000000 | wc -c)" = 3000000 ]
	run -124 --separate-stderr real exec --timeout 1 "$ctr" /bin/guest sleep 30
	[[ $stderr == "carpel: ExecSync: deadline exceeded"* ]]
	# A client that goes takes its command along.
	env --default-signal=INT "$CARPEL_BIN/carpel" --root "$ROOT" cri exec "$ctr" /bin/guest sleep "$long" &
	pid=$!
	wait_for 10 pgrep -f "^/bin/guest sleep $long\$"
	kill -INT $pid
	wait $pid || [ $? = 130 ]
	wait_for 10 eval '! pgrep -f "^/bin/guest sleep $long\$"'
	run -125 --separate-stderr real exec ffff /bin/guest exit 0
	[[ $stderr == "carpel: ExecSync: not found: "* ]]
	real rmp -f "$pod"
}

@test "carpeld: figures, limits, images" {
	local pod ctr

	start_real
	pod=$(real runp pod.yaml)
	ctr=$(real create "$pod" ctr.yaml pod.yaml)
	real start "$ctr"
	run -0 real stats
	[[ ${lines[1]} =~ ^${ctr:0:13}\ +app\ +[0-9.]+\ +[0-9.]+[kM]?B\ +[0-9.]+[kM]?B\ +[0-9]+\ +0B$ ]]
	run -0 real statsp "$pod"
	[[ ${lines[1]} =~ ^web\ +${pod:0:13}\ +[0-9.]+\ +[0-9.]+[kM]?B$ ]]
	[ "$(real update --memory 67108864 --cpu-share 512 "$ctr")" = "$ctr" ]
	[ "$(real inspect "$ctr" | jq -c '.status.resources.linux | [.memoryLimitInBytes, .cpuShares]')" = '["67108864","512"]' ]
	[[ $(real images | sed -n 2p) =~ guest\ +latest\ +[0-9a-f]{13}\ +[0-9.]+[kM]B$ ]]
	[ "$(real inspecti guest | jq -r '.status.repoTags[0]' | grep -c guest:latest)" = 1 ]
	[ "$(real imagefsinfo | jq -r '.status.imageFilesystems | length')" = 1 ]
	real rmi --prune
	[ "$(real images -q | wc -l)" = 1 ] # a container has it
	real rmp -f "$pod"
	[[ $(real rmi --prune) == "Deleted: "*guest:latest ]]
	[ -z "$(real images -q)" ]
	run -1 --separate-stderr real inspecti guest
	[ "$stderr" = 'carpel: no such image "guest"' ]
}

makes_event() {
	sed 's/u-1/u-0/' pod.yaml >other.yaml
	real rmp -f "$(real runp other.yaml)"
	[ -s events ]
}

@test "carpeld: events tell of every step" {
	local pod ctr

	start_real
	real pods -q
	env --default-signal=INT "$CARPEL_BIN/carpel" --root "$ROOT" cri events >"$ROOT/events" &
	CALL=$!
	wait_for 20 makes_event # then it listens
	pod=$(real runp pod.yaml)
	ctr=$(real create "$pod" ctr.yaml pod.yaml)
	real start "$ctr"
	real stop "$ctr"
	real rm "$ctr"
	real stopp "$pod"
	real rmp "$pod"
	wait_for 10 has_events "$pod:CREATED" "$pod:STARTED" "$ctr:CREATED" "$ctr:STARTED" "$ctr:STOPPED" "$ctr:DELETED" \
		"$pod:STOPPED" "$pod:DELETED"
	kill -INT $CALL
	ended_with 130
}

@test "carpeld: refusals say the call, the code and the field" {
	start_real
	run -1 --separate-stderr real start ffff
	[[ $stderr == "carpel: StartContainer: not found: "*ffff* ]]
	run -1 --separate-stderr real inspectp ffff
	[[ $stderr == "carpel: PodSandboxStatus: not found: "*ffff* ]]
	run -1 --separate-stderr real create ffff ctr.yaml pod.yaml
	[[ $stderr == "carpel: CreateContainer: not found: "*ffff* ]]
	run -1 --separate-stderr real runp -r kata pod.yaml
	[[ $stderr == "carpel: RunPodSandbox: "*kata* ]]
	run -1 --separate-stderr real call Exec '{"containerId": "ffff", "cmd": ["true"], "stdout": true}'
	[[ $stderr == "carpel: Exec: unimplemented: "* ]]
	run -1 --separate-stderr real call CheckpointPod
	[[ $stderr == "carpel: CheckpointPod: unimplemented: "* ]]
	# What CRI says is no error stays none.
	real stopp ffff
	real stop ffff
	pod=$(real runp pod.yaml)
	run -1 --separate-stderr real runp pod.yaml
	[[ $stderr == "carpel: RunPodSandbox: already exists: "* ]]
	real rmp -f "$pod"
}
