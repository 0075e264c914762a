#!/usr/bin/env bats
# Manifests as the command line reads them: YAML and JSON, what is refused, and by which words.
#
# bats sets output and status.
# shellcheck disable=SC2030,SC2031,SC2154

bats_require_minimum_version 1.5.0
load lib/carpel
load lib/user

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

# refuses TEXT…: apply of standard input fails, each text is in what it says, and there is no pod.
refuses() {
	local wanted

	run --separate-stderr carpel apply -f -
	if [ "$status" != 1 ] || [ -n "$output" ]; then
		echo "status $status: $output $stderr" >&2
		return 1
	fi
	for wanted in "$@"; do
		[[ $stderr == *"$wanted"* ]] || { printf 'no %s in: %s\n' "$wanted" "$stderr" >&2; return 1; }
	done
	[ -z "$(pod_names)" ]
}

# A pod with TEXT among its spec's fields.
with() {
	pod a sleepy x | sed "s|^spec: {|spec: {$1, |"
}

@test "YAML errors say the line" {
	printf 'a: b\n  c: [\n' | refuses 'standard input: yaml: line 2: mapping values are not allowed in this context'
	printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: x, name: y}\n' | refuses 'yaml: line 3: key "name" already set in map'
	printf 'apiVersion: v1\nkind: Pod\nmetadata: &a {name: *a}\n' | refuses 'yaml: line 3: '
	printf 'a: *nowhere\n' | refuses 'yaml: line 1: '
	printf 'a: "b\n' | refuses 'yaml: line '
	printf 'a: \xff\xfe\n' | refuses 'yaml: '
	printf '\ta: b\n' | refuses 'yaml: line 1: '
}

@test "what is no pod is refused" {
	refuses 'standard input holds no object' </dev/null
	echo '# only a comment' | refuses 'standard input holds no object'
	echo hello | refuses 'a string, not an object'
	echo '[1, 2]' | refuses 'not an object'
	echo 'metadata: {name: x}' | refuses 'kind is missing'
	printf 'apiVersion: apps/v1\nkind: Deployment\n' | refuses 'apps/v1 Deployment is not known here'
	printf 'apiVersion: v1\nkind: Service\n' | refuses 'v1 Service is not known here: carpel runs v1 Pod and v1 List'
	printf 'apiVersion: v1\nkind: Pod\nspec: {}\n' | refuses 'metadata.name'
	run -1 carpel apply -f "$ROOT/nosuch.yaml"
	says "carpel: $ROOT/nosuch.yaml: No such file or directory"
	run -1 carpel apply -f "$ROOT"
	says 'directory'
}

@test "limits: 1 MiB, depth 64, aliases that grow" {
	head -c 1100000 /dev/zero | tr '\0' a | refuses 'standard input is larger than 1 MiB'
	{ printf 'a: '; printf '[%.0s' {1..70}; printf ']%.0s' {1..70}; } | refuses 'yaml: line 1: nested deeper than 64'
	{
		echo 'a: &a [x, x, x, x, x, x, x, x, x]'
		local last=a next
		for next in b c d e f g h i; do
			echo "$next: &$next [*$last, *$last, *$last, *$last, *$last, *$last, *$last, *$last, *$last]"
			last=$next
		done
	} | refuses 'the document with its aliases expanded is too large'
	# An alias that is used as meant is fine, and so is a merge key.
	import_guest
	cat <<-'YAML' | carpel run -f - --wait=exit
		apiVersion: v1
		kind: Pod
		metadata: {name: a}
		spec:
		  restartPolicy: Never
		  containers:
		  - &one {name: one, image: guest, command: [guest, print, &word said], env: [{name: A, value: *word}]}
		  - {<<: *one, name: two, command: [guest, env]}
	YAML
	[ "$(ended_log a -c one)" = said ]
	ended_log a -c two | grep -qx A=said
}

@test "unknown and duplicate fields, and what carpel does not honour, are refused by name" {
	with 'nosuch: 1' | refuses 'unknown field "spec.nosuch"'
	pod a sleepy x | sed 's/image:/imago:/' | refuses 'unknown field "spec.containers[0].imago"'
	with 'hostNetwork: "yes"' | refuses 'cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool'
	with 'activeDeadlineSeconds: x' | refuses 'spec.activeDeadlineSeconds of type int64'
	with 'runtimeClassName: x' | refuses 'spec.runtimeClassName: Forbidden: carpel does not support this field yet'
	EXTRA='securityContext: {procMount: Unmasked}' pod a sleepy x | refuses 'spec.containers[0].securityContext.procMount'
	# Strings that YAML would not have been strings are told as Kubernetes does.
	EXTRA='env: [{name: A, value: yes}]' pod a sleepy x | refuses 'cannot unmarshal bool into Go struct field EnvVar'
	printf '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","name":"b"}}' | refuses 'name'
}

@test "validation: Kubernetes' paths and words, all that is wrong at once" {
	with 'restartPolicy: x' | sed 's/restartPolicy: Never, //' |
		refuses 'Pod "a" is invalid: spec.restartPolicy: Unsupported value: "x": supported values: "Always", "OnFailure", "Never"'
	EXTRA='ports: [{containerPort: 70000}, {containerPort: 1, protocol: x}]' pod a sleepy x |
		refuses 'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive' \
			'spec.containers[0].ports[1].protocol: Unsupported value: "x"'
	pod A_ sleepy x | refuses '"A_" cannot be the name of a pod: a lowercase RFC 1123 subdomain'
	pod a sleepy x | sed 's/name: c,/name: C_,/' | refuses 'spec.containers[0].name: Invalid value: "C_": a lowercase RFC 1123 label'
	EXTRA='securityContext: {runAsUser: 4294967295}' pod a sleepy x |
		refuses 'spec.containers[0].securityContext.runAsUser: Invalid value: 4294967295: must be between 0 and 2147483647, inclusive'
	EXTRA='resources: {limits: {memory: 1x}}' pod a sleepy x | refuses 'quantities must match the regular expression'
	EXTRA='volumeMounts: [{name: v, mountPath: /v}]' pod a sleepy x | refuses 'spec.containers[0].volumeMounts[0].name: Not found: "v"'
}

@test "scheduling fields are ignored with one warning that lists them" {
	import_guest
	run --separate-stderr carpel run -f - --wait < <(with 'nodeSelector: {a: b}, tolerations: [{operator: Exists}], priorityClassName: x')
	[ "$status" = 0 ]
	[ "$output" = 'pod/a created' ]
	[ "$(grep -c '^Warning: ' <<<"$stderr")" = 1 ]
	[[ $stderr == *spec.nodeSelector*spec.tolerations* ]]
}

@test "several documents, a List, JSON, several files, standard input" {
	import_guest
	pod a sleepy x >"$ROOT/a.yaml"
	echo '{"apiVersion": "v1", "kind": "List", "items": [' \
		'{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}, "spec": {"containers": [{"name": "c", "image": "guest", "command": ["guest", "sleepy", "x"]}]}},' \
		'{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "c"}, "spec": {"containers": [{"name": "c", "image": "guest", "command": ["guest", "sleepy", "x"]}]}}]}' >"$ROOT/list.json"
	run carpel apply -f "$ROOT/a.yaml" -f "$ROOT/list.json" -f - < <(pod d sleepy x; echo '--- # nothing'; pod e sleepy x)
	[ "$status" = 0 ]
	[ "$output" = $'pod/a created\npod/b created\npod/c created\npod/d created\npod/e created' ]
	run carpel run "$ROOT/a.yaml" "$ROOT/list.json"
	[ "$output" = $'pod/a unchanged\npod/b unchanged\npod/c unchanged' ]
	carpel delete -f "$ROOT/list.json" --now
	[ "$(pod_names)" = 'a d e' ]
}

@test "defaults are Kubernetes'" {
	import_guest
	pod a sleepy x | sed 's/restartPolicy: Never, terminationGracePeriodSeconds: 2,//' | carpel run -f - --wait
	carpel get pod a -o json | jq -e '.spec | .restartPolicy == "Always" and .dnsPolicy == "ClusterFirst" and
		.terminationGracePeriodSeconds == 30 and .schedulerName == "default-scheduler" and .enableServiceLinks and
		.securityContext == {} and (.containers[0] | .imagePullPolicy == "Always" and .terminationMessagePath == "/dev/termination-log" and
		.terminationMessagePolicy == "File" and .resources == {})'
}
