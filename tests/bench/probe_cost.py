#!/usr/bin/env python3
"""What a probe costs carpel-probe: CPU an attempt, lateness, memory. Prints one JSON object a case.

probe_cost.py [CARPEL-PROBE] [ATTEMPTS]

It plays carpeld on the channel: PROBERS probers of one period, with their ticks spread over it, or all
on the same tick (burst). CPU is the prober's own, from /proc/PID/schedstat.
"""
import json
import os
import signal
import socket
import sys
import time

EXE = sys.argv[1] if len(sys.argv) > 1 else "build/bin/carpel-probe"
ATTEMPTS = int(sys.argv[2]) if len(sys.argv) > 2 else 10000
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def start_server():
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    pid = os.fork()
    if pid:
        port = listener.getsockname()[1]
        listener.close()
        return pid, port
    while True:
        conn, _ = listener.accept()
        conn.settimeout(0.3)
        try:
            if conn.recv(4096):
                conn.sendall(ANSWER)
        except OSError:
            pass  # a TCP probe resets
        conn.close()


def now_ms():
    return time.clock_gettime(time.CLOCK_BOOTTIME) * 1000


class Prober:
    def __init__(self):
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if not self.pid:
            os.dup2(theirs.fileno(), 3)
            os.execv(EXE, ["carpel-probe"])
        theirs.close()
        self.phase, self.late, self.done, self.failed, self.period = {}, [], 0, 0, 1

    def pump(self, flags):
        try:
            message = json.loads(self.sock.recv(65536, flags))
        except BlockingIOError:
            return False
        if message["op"] == "socket":
            self.late.append((now_ms() - self.phase[message["id"]]) % self.period)
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as s:
                answer = json.dumps({"op": "socket", "ask": message["ask"]}).encode()
                socket.send_fds(self.sock, [answer], [s.fileno()])
        else:
            self.done += 1
            self.failed += not message["isSuccess"]
        return True

    def tell(self, **message):
        self.sock.send(json.dumps(message).encode())
        while self.pump(socket.MSG_DONTWAIT):
            pass

    def cpu_us(self):
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as file:
            return int(file.read().split()[0]) / 1000

    def pss_kib(self):
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def measure(handler, probers, period, spread, port):
    p = Prober()
    p.period = period
    spec = {"handler": handler, "path": "/", "delayMs": 0, "timeoutMs": 1000, "periodMs": period,
            "successThreshold": 1, "failureThreshold": 3, "graceSeconds": -1, "port": port}
    for i in range(probers):
        p.tell(op="add", id=f"uid-{i}/c/Readiness", spec=spec, ports={}, host="127.0.0.1")
    time.sleep(0.2)
    idle = p.pss_kib()
    first = int(now_ms())
    for i in range(probers):
        start = first - period + (i * period // probers if spread else 0)
        p.phase[f"uid-{i}/c/Readiness"] = start
        p.tell(op="instance", id=f"uid-{i}/c/Readiness", instance=1, startedMs=start, isStarted=True, last=1,
               run=1, published=1)
    p.done, p.late, before = 0, [], p.cpu_us()
    while p.done < ATTEMPTS:
        p.pump(0)
    cpu, late = (p.cpu_us() - before) / p.done, sorted(p.late)
    print(json.dumps({"case": f"{handler}{'' if spread else ' burst'}", "probers": probers, "periodMs": period,
                      "attempts": p.done, "failed": p.failed, "cpuUs": round(cpu, 1),
                      "lateMsP50": round(late[len(late) // 2], 2), "lateMsP99": round(late[len(late) * 99 // 100], 2),
                      "idlePssKiB": idle, "busyPssKiB": p.pss_kib()}), flush=True)
    p.sock.close()
    os.waitpid(p.pid, 0)


def main():
    server, port = start_server()
    try:
        for handler in ("tcp", "http"):
            measure(handler, 100, 100, True, port)
            measure(handler, 1000, 1000, True, port)
            measure(handler, 1000, 1000, False, port)
    finally:
        os.kill(server, signal.SIGKILL)


main()
