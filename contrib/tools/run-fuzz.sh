#!/usr/bin/env bash
# Runs one libFuzzer program for a while, beginning with its seed corpus, and writes one line of TAP.
# usage: run-fuzz.sh PROGRAM SECONDS SEEDS-DIR WORK-DIR
# What it finds on the way is kept in WORK-DIR/found for the next run; an input that breaks it is named.
set -u

program="$1" seconds="$2" seeds="$3" work="$4"
name=$(basename "$program")
log="$work/$name.log"
options=()

mkdir -p "$work/found/$name"
[ ! -f "${seeds}.dict" ] || options+=("-dict=${seeds}.dict")
[ ! -d "$seeds" ] || options+=("$seeds")
if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	-artifact_prefix="$work/$name-" "$work/found/$name" "${options[@]}" >"$log" 2>&1 </dev/null; then
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	echo "ok - $name"
	echo "# $name: ${runs:-0} runs in $seconds s"
else
	echo "not ok - $name"
	tail -n 40 "$log" | sed 's/^/# /'
fi
