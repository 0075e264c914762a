#!/usr/bin/env python3
"""Turns critest's report into TAP: verdict.py REPORT NOT-YET

A spec must pass, unless NOT-YET (see there) gives a reason why it cannot, and its failure bears that out.
"""
import json
import re
import sys

LINES = 12


def read_reasons(path):
    with open(path) as f:
        rows = [line.rstrip("\n").split(" => ") for line in f if line.strip() and not line.startswith("#")]
    return [(re.compile(spec), reason, re.compile(evidence)) for spec, reason, evidence in rows]


def reason_of(name, reasons):
    return next(((reason, evidence) for spec, reason, evidence in reasons if spec.search(name)), None)


def failures(spec):
    """What it said: its own failure first, then those of what cleans up after it."""
    found = [spec.get("Failure"), *(more.get("Failure") for more in spec.get("AdditionalFailures") or [])]
    return "\n".join(f.get("Message", "") + (f"\n{f['ForwardedPanic']}" if f.get("ForwardedPanic") else "")
                     for f in found if f)


def diagnostics(text):
    for line in [line for line in text.splitlines() if line.strip()][:LINES]:
        print(f"# {line[:300]}")


def judge(name, state, said, why):
    if state == "passed":
        print(f"ok - {name}")
        if why:
            print(f"passes, though the file not-yet lists it ({why[0]}): {name}")
    elif why and why[1].search(said):
        print(f"ok - {name} # skip {why[0]}")
    else:
        print(f"not ok - {name}")
        if state == "skipped":
            print("# it was skipped:")
        elif why:
            print(f"# it may fail ({why[0]}), but not so:")
        diagnostics(said)


def main():
    report, not_yet = sys.argv[1:]
    reasons = read_reasons(not_yet)
    with open(report) as f:
        specs = json.load(f)[0]["SpecReports"]
    for spec in specs:
        name = " ".join([*(spec.get("ContainerHierarchyTexts") or []), spec["LeafNodeText"]]).strip()
        chosen_out = spec["State"] == "skipped" and not spec.get("Failure")
        if spec["LeafNodeType"] == "It" and not chosen_out:
            judge(name, spec["State"], failures(spec), reason_of(name, reasons))
        elif spec["State"] not in ("passed", "skipped"):
            judge(name or spec["LeafNodeType"], spec["State"], failures(spec), None)


main()
