#!/usr/bin/env bash
# Every header compiles alone, first and twice: it includes what it needs and guards itself.
# usage: check-headers.sh COMPILER [FLAG…]
set -u

status=0 count=0
while read -r header; do
	count=$((count + 1))
	printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
		"$@" -fsyntax-only -x c - || { echo "$header does not compile alone" >&2; status=1; }
done < <(find runtime probes pause tests -name '*.h' | sort)
[ "$count" -gt 0 ] || { echo "no headers found" >&2; status=1; }
[ "$status" -ne 0 ] || echo "headers: $count compile alone"
exit "$status"
