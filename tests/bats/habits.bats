#!/usr/bin/env bats
# What hands that know kubectl, docker and podman type, and what carpel answers them.
#
# bats sets output and lines.
# shellcheck disable=SC2154

load lib/carpel
load lib/user

setup() {
	carpel_setup
}

teardown() {
	carpel_teardown
}

@test "a verb of docker's or podman's: the one that does it here" {
	run carpel ps -a
	returns 2
	says 'there is no verb "ps": here it is carpel get pods'
	run carpel images
	returns 2
	says 'here it is carpel image list'
	run carpel frobnicate
	returns 2
	says 'there is no verb "frobnicate"'
	run carpel image pull x
	returns 2
	says 'import, list or rm, not "pull"'
	run carpel image import x
	returns 2
	says 'import takes a name and a path'
}

@test "--version answers without a daemon; an empty --root is no wish for the machine's own" {
	run carpel --version
	returns 0
	[[ $output =~ ^carpel\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	# A verb that starts nothing, should it be taken for the machine's own after all.
	run "$CARPEL_BIN/carpel" --root '' version
	returns 2
	says '--root is empty'
}

@test "a name that cannot be one: the whole rule, within a message" {
	run carpel -n Bad_Space get pods
	returns 2
	says '"Bad_Space" cannot be a namespace: a lowercase RFC 1123 label must consist of'
	[[ ${lines[0]} == *'and must start and end with an alphanumeric character' ]]
	run carpel get pod Bad_Name
	returns 2
	[[ ${lines[0]} == *'and must start and end with an alphanumeric character' ]]
}

@test "exec POD CONTAINER --: says how a container is named" {
	run carpel exec web side -- id
	returns 2
	says 'unexpected argument "side": a container is named by -c'
}

@test "delete --force, with and without a grace period of 0" {
	import_guest
	pod a sleepy x | carpel apply -f - >/dev/null
	pod b sleepy x | carpel apply -f - >/dev/null
	run carpel delete pod a --force --grace-period 5
	returns 2
	says 'exclude each other'
	carpel delete pods a --force --grace-period=0 --timeout 20s
	carpel delete po/b --force --timeout 20s
	[ -z "$(carpel get po -o name)" ]
}

@test "get of another kind says what there is; a pod of that name is shown" {
	import_guest
	run carpel get nodes
	returns 1
	says 'pods "nodes" not found'
	says 'carpel keeps pods and events only'
	run carpel get web
	returns 1
	[[ $output != *'events only'* ]]
	pod nodes sleepy x | carpel run -f - --wait
	[ "$(carpel get nodes -o name)" = pod/nodes ]
}

@test "--dry-run with kubectl's words" {
	import_guest
	local word
	for word in '' =client =server; do
		run carpel apply -f - --dry-run"$word" < <(pod a sleepy x)
		returns 0
		says 'pod/a created (dry run)'
		[ -z "$(carpel get po -o name)" ]
	done
	run carpel apply -f - --dry-run=sure < <(pod a sleepy x)
	returns 2
	says '--dry-run takes'
	run carpel apply -f - --dry-run=none < <(pod a sleepy x)
	returns 0
	[ "$(carpel get po -o name)" = pod/a ]
}

@test "a user who may not reach the socket is told whose it is" {
	start_carpeld
	chmod 711 "$ROOT"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$CARPEL_BIN/carpel" --root "$ROOT" get pods
	returns 1
	says "$ROOT/run/carpel/carpel.sock is for root"
	run setpriv --reuid 65534 --regid 65534 --clear-groups "$CARPEL_BIN/carpel" --root "$ROOT" version
	returns 0
	says 'Server Version: (no permission to ask)'
}
