#!/usr/bin/env python3
"""What reading a container's output costs: carpel-log, and conmon where it is installed.

log_cost.py [CARPEL-LOG] [MEBIBYTES]

Prints one JSON object a case: how fast the bytes go from one writer at full speed into a file on tmpfs,
the CPU that it took per MiB, and the reader's memory. conmon is started with a runtime that only starts the
writer. CPU is the reader's own, from /proc/PID/schedstat.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.argv = [sys.argv[0], *(sys.argv[1:] or ["build/bin/carpel-log"])]
MIB = int(sys.argv[2]) if len(sys.argv) > 2 else 512
DIR = tempfile.mkdtemp(prefix="log-cost.", dir="/dev/shm")
sys.argv = [sys.argv[0], sys.argv[1], "bench", DIR]  # as log_peer has it
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../bats"))
from log_peer import Log, Set  # pylint: disable=wrong-import-position

CASES = {
    "lines of 100 bytes": (b"x" * 99 + b"\n", ["cat"]),
    "lines of 10 bytes": (b"123456789\n", ["cat"]),
    "no newline": (b"x" * 100, ["cat"]),
    "a write for each line of 100 bytes": (b"x" * 99 + b"\n", ["sed", "-u", ""]),
}

RUNTIME = """#!/bin/sh
while [ $# -gt 0 ]; do
	[ "$1" != --pid-file ] || pidfile="$2"
	shift
done
%s <%s 2>/dev/null &
echo $! >"$pidfile"
"""


def cpu_s(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(next(line for line in file if line.startswith("VmHWM")).split()[1])


def report(reader, case, size, seconds, cpu, memory):
    print(json.dumps({"reader": reader, "case": case, "MiB/s": round(size / seconds / 2**20, 1),
                      "cpu_us_per_MiB": round(cpu * 1e6 / (size / 2**20)), "rss_KiB": memory}), flush=True)


def run_carpel(case, data, size, command):
    log, s = Log(), Set("one")
    log.add(s)
    log.list()
    begin, before = time.monotonic(), cpu_s(log.process.pid)
    with open(data, "rb") as file, subprocess.Popen(command, stdin=file, stdout=s.out):
        s.close_writers()
    log.wait_done(s)
    report("carpel-log", case, size, time.monotonic() - begin, cpu_s(log.process.pid) - before,
           rss_kib(log.process.pid))
    log.kill()
    assert sum(map(len, s.bytes())) == size
    os.unlink(s.path)


def run_conmon(case, data, size, command):
    runtime, path, pidfile = f"{DIR}/runtime", f"{DIR}/conmon.log", f"{DIR}/pidfile"
    with open(runtime, "w", encoding="ascii") as file:
        file.write(RUNTIME % (" ".join(f"'{word}'" for word in command), data))
    os.chmod(runtime, 0o755)
    begin = time.monotonic()
    # pylint: disable-next=consider-using-with
    conmon = subprocess.Popen(["conmon", "--sync", "-c", "c", "-u", "c", "-n", "c", "-b", DIR, "-p", pidfile, "-r",
                               runtime, "-l", f"k8s-file:{path}", "--no-sync-log", "--socket-dir-path", DIR,
                               "--exit-dir", DIR], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    cpu = memory = 0
    while conmon.poll() is None:
        try:
            cpu, memory = cpu_s(conmon.pid), rss_kib(conmon.pid)
        except (OSError, StopIteration):
            pass
        time.sleep(0.002)
    report("conmon", case, size, time.monotonic() - begin, cpu, memory)
    written = os.stat(path).st_size
    assert written >= size * 0.9, written  # it is its business whether it loses any
    os.unlink(path)


def main():
    for case, (text, command) in CASES.items():
        size = (MIB << 20) // (10 if command[0] == "sed" else 1)
        data = f"{DIR}/data"
        with open(data, "wb") as file:
            for _ in range(size // len(text) // 10000):
                file.write(text * 10000)
        size = os.stat(data).st_size
        run_carpel(case, data, size, command)
        if shutil.which("conmon"):
            run_conmon(case, data, size, command)


try:
    main()
finally:
    shutil.rmtree(DIR)
