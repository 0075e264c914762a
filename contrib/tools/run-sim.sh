#!/usr/bin/env bash
# Runs the simulation and writes one line of TAP; its history and its seed follow a failure.
# usage: run-sim.sh PROGRAM SEED STEPS
set -u

program="$1" seed="$2" steps="$3"

if out=$("$program" "$seed" "$steps" 2>&1); then
	echo "ok - $(basename "$program") $seed $steps"
	echo "# $out"
else
	echo "not ok - $(basename "$program") $seed $steps"
	printf '%s\n' "${out:-it died without a word}" | sed 's/^/# /'
fi
