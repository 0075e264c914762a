# critest's specs, judged by verdict.py.  Sourced by run.sh.
# shellcheck shell=bash

CRITEST=

undo_critest() {
	[ -z "$CRITEST" ] || kill "$CRITEST" 2>/dev/null
}

run_critest() {
	local options=(-config "$ROOT/none" -runtime-endpoint "unix://$SOCKET" -image-endpoint "unix://$SOCKET"
		-runtime-service-timeout 60s -ginkgo.timeout 30m -ginkgo.no-color -ginkgo.json-report "$LOGS/critest.json")

	rm -f "$LOGS/critest.json"
	[ -z "${CRITEST_FOCUS:-}" ] || options+=(-ginkgo.focus "$CRITEST_FOCUS")
	# Its status says no more than its report.
	"$CACHE/bin/critest" "${options[@]}" >"$LOGS/critest.log" 2>&1 &
	CRITEST=$!
	wait "$CRITEST"
	CRITEST=
	if [ -s "$LOGS/critest.json" ]; then
		/usr/bin/python3 "$HERE/verdict.py" "$LOGS/critest.json" "$HERE/not-yet"
	else
		failed "critest leaves a report" "$(tail -n 20 "$LOGS/critest.log")"
	fi
}
