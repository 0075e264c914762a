#!/usr/bin/env bats
# tests/conformance/verdict.py: what it makes of critest's report.
#
# bats sets output and status.
# shellcheck disable=SC2154

verdict() {
	cat >"$BATS_TEST_TMPDIR/not-yet" <<-'END'
		# a comment

		^Image pull => not yet: pulls => Unimplemented
		^Image pull a second => never reached => .
		^Users => not yet: users => no handler
	END
	jq -n --argjson specs "$1" '[{SpecReports: $specs}]' >"$BATS_TEST_TMPDIR/report"
	run "${BATS_TEST_DIRNAME}/../conformance/verdict.py" "$BATS_TEST_TMPDIR/report" "$BATS_TEST_TMPDIR/not-yet"
}

# spec STATE GROUP NAME [MESSAGE]
spec() {
	jq -nc '{LeafNodeType: "It", State: $ARGS.positional[0], ContainerHierarchyTexts: [$ARGS.positional[1]],
		LeafNodeText: $ARGS.positional[2]} + if $ARGS.positional[3] then {Failure: {Message: $ARGS.positional[3]}} else {} end' \
		--args "$@"
}

@test "a spec passes or fails, with what it said" {
	verdict "[$(spec passed Pod runs), $(spec failed Pod stops "$(printf 'one\n\ntwo')"), $(spec timedout Pod hangs late)]"
	[ "$status" = 0 ]
	[ "$output" = "$(printf '%s\n' 'ok - Pod runs' 'not ok - Pod stops' '# one' '# two' 'not ok - Pod hangs' '# late')" ]
}

@test "a spec with a reason is skipped when its failure bears the reason out" {
	verdict "[$(spec failed Image 'pull a second one' 'code = Unimplemented'), $(spec skipped Users 'of its own' 'no handler')]"
	[ "$output" = "$(printf '%s\n' 'ok - Image pull a second one # skip not yet: pulls' 'ok - Users of its own # skip not yet: users')" ]
}

@test "a spec with a reason that fails otherwise has failed" {
	verdict "[$(spec failed Image 'pull one' 'connection refused')]"
	[ "$output" = "$(printf '%s\n' 'not ok - Image pull one' '# it may fail (not yet: pulls), but not so:' '# connection refused')" ]
}

@test "a spec with a reason that passes is told of" {
	verdict "[$(spec passed Image 'pull one')]"
	[ "$output" = "$(printf '%s\n' 'ok - Image pull one' 'passes, though the file not-yet lists it (not yet: pulls): Image pull one')" ]
}

@test "a spec that skips itself without a reason of ours has failed; one that was not chosen says nothing" {
	verdict "[$(spec skipped Pod 'has metrics' 'not supported'), $(spec skipped Pod benchmark)]"
	[ "$output" = "$(printf '%s\n' 'not ok - Pod has metrics' '# it was skipped:' '# not supported')" ]
}

@test "what goes wrong around the specs has failed" {
	verdict '[{"LeafNodeType": "BeforeSuite", "State": "failed", "LeafNodeText": "", "ContainerHierarchyTexts": null,
		"Failure": {"Message": "no socket"}}, {"LeafNodeType": "AfterSuite", "State": "passed", "LeafNodeText": ""}]'
	[ "$output" = "$(printf '%s\n' 'not ok - BeforeSuite' '# no socket')" ]
}
