#!/usr/bin/env bats
# The REST side of the real carpeld, by curl: what tests/api proves of the server with a fake behind it,
# here with pods that run.
#
# bats sets output and status.
# shellcheck disable=SC2030,SC2031,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/user

PODS=/api/v1/namespaces/default/pods
EVENTS=/api/v1/namespaces/default/events
JSON='content-type: application/json'
MERGE='content-type: application/merge-patch+json'

setup() {
	carpel_setup
	import_guest
}

teardown() {
	if mountpoint -q "$ROOT"; then # of the test of a full disk
		carpel down --grace-period 0
		umount "$ROOT"
	fi
	carpel_teardown
}

# body NAME [JQ]: a pod that sleeps, changed by the filter.
body() {
	jq -cn --arg n "$1" '{apiVersion: "v1", kind: "Pod", metadata: {name: $n}, spec: {terminationGracePeriodSeconds: 1,
		containers: [{name: "c", image: "guest", command: ["/bin/guest", "sleepy", "hi"]}]}} | '"${2:-.}"
}

create() {
	body "$@" | rest -H "$JSON" -d @- "$PODS"
}

# refused CODE REASON MESSAGE-PART ARGS…: a v1.Status of that code, which is the HTTP code too.
refused() {
	local code=$1 reason=$2 message=$3 got

	shift 3
	got=$(rest --write-out '\n%{http_code}' "$@")
	[ "${got##*$'\n'}" = "$code" ] || { echo "wanted $code of $*: $got" >&2; return 1; }
	jq -e --argjson c "$code" --arg r "$reason" --arg m "$message" \
		'.kind == "Status" and .apiVersion == "v1" and .status == "Failure" and .code == $c and (.reason // "") == $r and
		(.message | contains($m))' <<<"${got%$'\n'*}" >/dev/null || { echo "wanted $reason of $*: $got" >&2; return 1; }
}

@test "create, get, list, replace, merge-patch and delete of a pod that runs" {
	[ "$(create a | jq -c '[.kind, .metadata.namespace, .metadata.generation, .spec.nodeName != null, .status.phase]')" = \
		'["Pod","default",1,true,"Pending"]' ]
	carpel wait --for=ready pod/a --timeout 20s # nothing of it changes by itself any more
	[ "$(rest "$PODS/a" | jq -r .status.containerStatuses[0].state.running.startedAt)" != null ]
	[ "$(rest "$PODS" | jq -c '[.kind, (.items | length), (.metadata.resourceVersion | test("^[0-9]+$"))]')" = '["PodList",1,true]' ]
	[ "$(rest -X PATCH -H "$MERGE" -d '{"metadata": {"labels": {"x": "1"}, "annotations": {"y": "2"}}}' "$PODS/a" |
		jq -c '[.metadata.labels, .metadata.annotations, .metadata.generation]')" = '[{"x":"1"},{"y":"2"},1]' ]
	rest "$PODS/a" | jq '.metadata.labels = {z: "3"}' >"$ROOT/a.json"
	[ "$(rest -X PUT -H "$JSON" -d "@$ROOT/a.json" "$PODS/a" | jq -c .metadata.labels)" = '{"z":"3"}' ]
	refused 409 Conflict 'the object has been modified' -X PUT -H "$JSON" -d "@$ROOT/a.json" "$PODS/a"
	[ "$(rest -X DELETE "$PODS/a?gracePeriodSeconds=0&propagationPolicy=Background" | jq -r .metadata.name)" = a ]
	wait_for 10 is_gone a
}

is_gone() {
	[ "$(rest_code "$PODS/$1")" = 404 ]
}

@test "errors are v1.Status with the right code, reason and causes" {
	create a >/dev/null
	refused 409 AlreadyExists 'pods "a" already exists' -H "$JSON" -d "$(body a)" "$PODS"
	refused 404 NotFound 'pods "b" not found' "$PODS/b"
	refused 404 NotFound 'pods "b" not found' -X DELETE "$PODS/b"
	refused 405 MethodNotAllowed 'does not allow this method' -X POST "$PODS/a"
	refused 415 UnsupportedMediaType 'application/merge-patch+json' -X PATCH -H 'content-type: application/json-patch+json' -d '[]' "$PODS/a"
	refused 415 UnsupportedMediaType 'application/json' -H 'content-type: application/yaml' -d 'a: b' "$PODS"
	refused 400 BadRequest 'json parse error' -H "$JSON" -d '{' "$PODS"
	refused 400 BadRequest 'unknown field "spec.nosuch"' -H "$JSON" -d "$(body b '.spec.nosuch = 1')" "$PODS?fieldValidation=Strict"
	# Without a word about it Kubernetes warns.
	rest --dump-header - -o /dev/null -H "$JSON" -d "$(body b '.spec.nosuch = 1')" "$PODS?dryRun=All" |
		grep -q '^warning: 299 - "unknown field \\"spec.nosuch\\""'
	refused 422 Invalid 'spec.containers[0].name: Required value' -H "$JSON" -d "$(body b '.spec.containers[0].name = ""')" "$PODS"
	[ "$(body b '.spec.restartPolicy = "x"' | rest -H "$JSON" -d @- "$PODS" | jq -c '.details | [.name, .kind, .causes[0].reason, .causes[0].field]')" = \
		'["b","Pod","FieldValueNotSupported","spec.restartPolicy"]' ]
	refused 422 Invalid 'spec: Forbidden' -X PATCH -H "$MERGE" -d '{"spec": {"hostname": "x"}}' "$PODS/a"
	refused 400 BadRequest 'does not match the name on the URL' -X PUT -H "$JSON" -d "$(body z)" "$PODS/a"
	refused 400 BadRequest 'namespace' -H "$JSON" -d "$(body b '.metadata.namespace = "other"')" "$PODS"
	refused 409 Conflict 'the UID in the precondition (zz) does not match the UID in record' -X DELETE -H "$JSON" -d '{"preconditions": {"uid": "zz"}}' "$PODS/a"
	refused 400 BadRequest 'unable to parse requirement' "$PODS?labelSelector=a+in"
	refused 400 BadRequest 'field label not supported: status.nosuch' "$PODS?fieldSelector=status.nosuch%3dx"
	refused 404 NotFound 'could not find the requested resource' /api/v1/namespaces/default/services
	refused 404 NotFound 'could not find the requested resource' "$PODS/../../../x"
	refused 404 NotFound 'could not find the requested resource' "$PODS/..%2f..%2fx"
	head -c 1100000 /dev/zero | tr '\0' ' ' >"$ROOT/big"
	refused 413 RequestEntityTooLarge 'limit is 1048576' -H "$JSON" --data-binary "@$ROOT/big" "$PODS"
	# None of it changed a thing.
	[ "$(pod_names)" = a ]
	is_field a .metadata.labels ''
}

@test "names and namespaces are checked before any path is made of them" {
	local before
	before=$(find "$ROOT" -path "$ROOT/guest-rootfs" -prune -o -print | sort)
	refused 422 Invalid 'metadata.name: Invalid value: "../x"' -H "$JSON" -d "$(body ../x)" "$PODS"
	refused 422 Invalid 'metadata.name: Invalid value: "a/b"' -H "$JSON" -d "$(body a/b)" "$PODS"
	refused 422 Invalid 'spec.containers[0].name: Invalid value: "../c"' -H "$JSON" -d "$(body a '.spec.containers[0].name = "../c"')" "$PODS"
	local name
	for name in .. . %2e%2e ..%2fx %00 a%0ab; do
		[[ "$(rest_code "$PODS/$name")" =~ ^(400|404|422)$ ]]
		[[ "$(rest_code -X DELETE "$PODS/$name")" =~ ^(400|404|405|422)$ ]]
		[[ "$(rest_code "/api/v1/namespaces/$name/pods/a")" =~ ^(400|404|422)$ ]]
		[[ "$(body a | rest_code -H "$JSON" -d @- "/api/v1/namespaces/$name/pods")" =~ ^(400|404|405|422)$ ]]
	done
	# The command line does not even ask.
	for name in ../x pod/../x . .. A a/b 'a b' ''; do
		local verb
		for verb in get delete stop describe logs 'wait --for=delete' label; do
			# shellcheck disable=SC2086 # several words
			run -2 carpel $verb "$name" a=b
		done
		run -2 carpel exec "$name" -- guest exit 0
	done
	run -2 carpel -n ../x get pods
	is_unchanged() {
		[ "$(find "$ROOT" -path "$ROOT/guest-rootfs" -prune -o -print | sort)" = "$before" ]
	}
	wait_for 10 is_unchanged
}

@test "dryRun answers as if, and nothing comes of it" {
	[ "$(body a | rest -H "$JSON" -d @- "$PODS?dryRun=All" | jq -c '[.metadata.name, .spec.restartPolicy]')" = '["a","Always"]' ]
	refused 404 NotFound 'pods "a" not found' "$PODS/a"
	refused 422 Invalid 'dryRun: Unsupported value: "Some"' -H "$JSON" -d "$(body a)" "$PODS?dryRun=Some"
	create a >/dev/null
	refused 409 AlreadyExists 'already exists' -H "$JSON" -d "$(body a)" "$PODS?dryRun=All"
	rest -X PATCH -H "$MERGE" -d '{"metadata": {"labels": {"x": "1"}}}' "$PODS/a?dryRun=All" | jq -e '.metadata.labels.x == "1"'
	rest -X DELETE "$PODS/a?dryRun=All" >/dev/null
	wait_for 10 is_field a .status.phase Running
	is_field a .metadata.labels ''
	is_field a .metadata.deletionTimestamp ''
}

@test "selectors, limit and continue" {
	local name
	for name in a b c; do create $name ".metadata.labels = {n: \"$name\"}" >/dev/null; done
	[ "$(rest "$PODS?labelSelector=n+in+(a,c)" | jq -r '[.items[].metadata.name] | join(" ")')" = 'a c' ]
	[ "$(rest "$PODS?fieldSelector=metadata.name%3Db" | jq -r '[.items[].metadata.name] | join(" ")')" = b ]
	wait_for 10 is_field c .status.phase Running
	rest -X DELETE "$PODS/a" >/dev/null
	wait_for 10 is_gone a
	create d '.spec.restartPolicy = "Never" | .spec.containers[0].command = ["/bin/guest", "exit", "1"]' >/dev/null
	wait_for 10 is_field d .status.phase Failed
	[ "$(rest "$PODS?fieldSelector=status.phase!%3DFailed" | jq -r '[.items[].metadata.name] | join(" ")')" = 'b c' ]
	local page
	page=$(rest "$PODS?limit=2")
	[ "$(jq -c '[(.items | length), .metadata.remainingItemCount]' <<<"$page")" = '[2,1]' ]
	[ "$(rest "$PODS?limit=2&continue=$(jq -r '.metadata.continue' <<<"$page")" | jq -r '[.items[].metadata.name] | join(" ")')" = d ]
}

@test "log and exec: what curl can do of them, and their errors" {
	create a >/dev/null
	wait_for 10 has_said_hi
	[ "$(rest -N "$PODS/a/log?tailLines=1&timestamps=true" | cut -d ' ' -f 2)" = hi ]
	[ "$(rest "$PODS/a/log?limitBytes=1")" = h ]
	[ -z "$(rest "$PODS/a/log?sinceTime=2100-01-01T00:00:00Z")" ]
	refused 400 BadRequest 'container z is not valid for pod a' "$PODS/a/log?container=z"
	refused 400 BadRequest 'previous terminated container' "$PODS/a/log?previous=true"
	refused 404 NotFound 'pods "z" not found' "$PODS/z/log"
	refused 400 BadRequest 'Upgrade request required' -X POST "$PODS/a/exec?command=ls"
	# Following ends with the container.
	rest -N "$PODS/a/log?follow=true" >"$ROOT/followed" 3>&- &
	carpel stop a
	wait $!
	[ "$(cat "$ROOT/followed")" = hi ]
}

has_said_hi() {
	[ "$(rest "$PODS/a/log")" = hi ]
}

@test "events: of a pod, by field, and their shape" {
	create a >/dev/null
	wait_for 10 is_field a .status.phase Running
	rest "$EVENTS?fieldSelector=involvedObject.name%3Da,reason%3DStarted" | jq -e '.kind == "EventList" and (.items | length) == 1 and
		(.items[0] | .type == "Normal" and .count == 1 and .source.component == "carpeld" and
		.involvedObject.kind == "Pod" and .involvedObject.fieldPath == "spec.containers{c}" and .message == "Container started" and
		(.firstTimestamp | test("Z$")))'
	[ "$(rest "$EVENTS?fieldSelector=type%3DWarning" | jq '.items | length')" = 0 ]
	[ "$(rest /api/v1/namespaces/other/events | jq '.items | length')" = 0 ]
}

@test "health and version" {
	[ "$(rest /healthz)" = ok ]
	[ "$(rest /readyz)" = ok ]
	[ "$(rest /livez)" = ok ]
	rest /version | jq -e '.gitVersion | test("carpel")'
}

# relist_watch FILE: a watch as an informer keeps it, across any number of lost connections.  In the
# background: its process is then python's.
relist_watch() {
	exec python3 - "$ROOT/run/carpel/carpel.sock" "$PODS" "$1" <<-'PYTHON'
		import json, subprocess, sys, time
		sock, path, out = sys.argv[1:]
		curl = ["curl", "-sSN", "--http2-prior-knowledge", "--unix-socket", sock]
		version, known = None, {}
		log = open(out, "w", buffering=1)
		def tell(kind, pod):
		    print(kind, pod["metadata"]["name"], pod["metadata"]["resourceVersion"], file=log)
		while True:
		    if version is None:
		        got = subprocess.run(curl + ["http://l" + path], capture_output=True)
		        if got.returncode or not got.stdout:
		            time.sleep(0.02)
		            continue
		        page = json.loads(got.stdout)
		        if page["kind"] != "PodList":
		            time.sleep(0.02)
		            continue
		        version = page["metadata"]["resourceVersion"]
		        print("LIST", *(p["metadata"]["name"] for p in page["items"]), file=log)
		    watch = subprocess.Popen(curl + [f"http://l{path}?watch=1&pretty=false&resourceVersion={version}"],
		        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
		    for line in watch.stdout:
		        try:
		            event = json.loads(line)
		        except ValueError:
		            break  # cut in the middle
		        if event.get("kind") == "Status" or event.get("type") == "ERROR":
		            status = event.get("object", event)
		            print("STATUS", status["code"], file=log)
		            if status["code"] in (410, 504):
		                version = None
		            break
		        version = event["object"]["metadata"]["resourceVersion"]
		        if event["type"] != "BOOKMARK":
		            tell(event["type"], event["object"])
		    watch.kill()
		    watch.wait()
		    time.sleep(0.02)
	PYTHON
}

has_seen() {
	grep -qE "$1" "$ROOT/seen"
}

@test "a watch across killed carpelds: no gap, no repeat, no version that goes back" {
	create a >/dev/null
	wait_for 10 is_field a .status.phase Running
	relist_watch "$ROOT/seen" 3>&- &
	local watcher=$! i daemon
	wait_for 10 has_seen '^LIST a'
	for i in 1 2 3; do
		carpel label pod/a "round=$i" --overwrite
		create "n$i" >/dev/null
		wait_for 10 has_seen "(ADDED|LIST.*) n$i"
		daemon=$(carpeld_pid)
		kill -9 "$daemon"
		wait_for 10 is_other_carpeld "$daemon"
		carpel delete "n$i" --now
		wait_for 10 is_told_gone "n$i"
	done
	create last >/dev/null
	wait_for 10 has_seen '(ADDED|LIST.*) last'
	pkill -P "$watcher" || : # its curl
	kill "$watcher"
	# Versions of events only grow, so nothing was told twice.
	awk '$1 != "LIST" && $1 != "STATUS" { if ($3 + 0 <= last) { print "repeat: " $0; bad = 1 } last = $3 + 0 } END { exit bad }' "$ROOT/seen" ||
		{ cat "$ROOT/seen"; return 1; }
}

# DELETED was told, or a list without it came after one with it.
is_told_gone() {
	awk -v n="$1" '$1 == "LIST" { has = 0; for (i = 2; i <= NF; i++) has += $i == n; if (!has) gone = seen; seen += has }
		$2 == n { gone = $1 == "DELETED"; seen = 1 } END { exit !gone }' "$ROOT/seen"
}

@test "a version from the future is told, never waited for; one from before a crash can be followed or is 410" {
	create a >/dev/null
	wait_for 10 is_field a .status.phase Running
	local version daemon
	version=$(rest "$PODS" | jq -r .metadata.resourceVersion)
	refused 504 Timeout 'Too large resource version' "$PODS?resourceVersion=$((version + 100000000000000))"
	refused 504 Timeout 'Too large resource version' "$PODS?watch=1&resourceVersion=$((version + 100000000000000))"
	rest -N "$PODS?watch=1&pretty=false&timeoutSeconds=1&resourceVersion=1" | jq -e '.type == "ERROR" and .object.code == 410 and .object.reason == "Expired"'
	daemon=$(carpeld_pid)
	kill -9 "$daemon"
	wait_for 10 is_other_carpeld "$daemon"
	[ "$(rest "$PODS" | jq -r .metadata.resourceVersion)" -ge "$version" ]
}

@test "a full disk: a pod is refused before anything of it exists" {
	carpel down >/dev/null
	mount -t tmpfs -o size=16m none "$ROOT"
	import_guest
	dd if=/dev/zero of="$ROOT/fill" bs=64k 2>/dev/null || :
	local before
	before=$(find "$ROOT" | sort)
	run -1 carpel run -f - --wait < <(pod a sleepy x)
	says 'no room for a pod: the file system of'
	refused 507 '' 'no room for a pod' -H "$JSON" -d "$(body a)" "$PODS"
	[ -z "$(pod_names)" ]
	is_unchanged() {
		[ "$(find "$ROOT" | sort)" = "$before" ]
	}
	wait_for 10 is_unchanged
	[ -z "$(find /sys/fs/cgroup -path "*$(instance_cgroup)/*" -name 'pod*' 2>/dev/null)" ]
	rm "$ROOT/fill"
	pod a sleepy x | carpel run -f - --wait
	# The logs' file system alone.
	mount -t tmpfs -o size=4k none "$ROOT/var/log/pods"
	run carpel run -f - < <(pod b sleepy x)
	umount "$ROOT/var/log/pods"
	returns 1
	says "no room for a pod: the file system of $ROOT/var/log/pods is full"
}
