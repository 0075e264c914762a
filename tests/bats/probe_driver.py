#!/usr/bin/env python3
"""carpeld's side of the channel, for tests: probe_driver.py CARPEL-PROBE PORT SCENARIO."""
import json
import os
import select
import socket
import subprocess
import sys
import time

ID = "uid-1/web/"
LATE_MS = 1000  # how late a loaded machine may make us; too early is never right


def now():
    return time.clock_gettime(time.CLOCK_BOOTTIME) * 1000


class Probe:
    def __init__(self, exe):
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def place():
            os.dup2(theirs.fileno(), 3)

        # pylint: disable-next=subprocess-popen-preexec-fn
        self.process = subprocess.Popen([exe], preexec_fn=place, pass_fds=[3], close_fds=True, stdin=subprocess.DEVNULL)
        theirs.close()
        self.asks_at = []

    def tell(self, op, type_="Readiness", **more):
        self.sock.send(json.dumps({"op": op, "id": ID + type_, **more}).encode())

    def add(self, type_="Readiness", host="127.0.0.1", ports=None, **spec):
        full = {"handler": "tcp", "delayMs": 0, "timeoutMs": 60000, "periodMs": 100, "successThreshold": 1,
                "failureThreshold": 3, "graceSeconds": -1, "port": PORT, **spec}
        self.tell("add", type_, spec=full, ports=ports or {}, host=host)

    def next(self, timeout=60, serve=True):
        """The next message; asks for sockets are answered on the way, unless serve is False."""
        while True:
            ready, _, _ = select.select([self.sock], [], [], timeout)
            assert ready, "carpel-probe says nothing"
            message = json.loads(self.sock.recv(65536))
            if not serve or message["op"] != "socket":
                return message
            self.asks_at.append(now())
            self.give_socket(message["ask"])

    def give_socket(self, ask):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as s:
            socket.send_fds(self.sock, [json.dumps({"op": "socket", "ask": ask}).encode()], [s.fileno()])

    def drain(self):
        """What has been on its way before the answer to something asked now."""
        self.tell("run", "Liveness", ask=99)
        while self.next().get("ask") != 99:
            pass

    def silent(self, seconds):
        ready, _, _ = select.select([self.sock], [], [], seconds)
        assert not ready, self.sock.recv(65536)

    def status(self, key):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(line.split()[1] for line in file if line.startswith(key + ":"))

    def end(self):
        self.sock.close()
        assert self.process.wait(60) == 0


def eof(p):
    p.end()


def eof_in_the_middle(p):
    p.add()
    p.tell("instance", instance=1, startedMs=int(now()), isStarted=True)
    p.add("Liveness", handler="exec", command=["x"])
    p.tell("instance", "Liveness", instance=1, startedMs=int(now()), isStarted=True)
    while p.next()["op"] != "exec":
        pass
    p.end()


def confined(p):
    p.add()
    p.tell("instance", instance=1, startedMs=int(now()), isStarted=True)
    assert p.next()["isSuccess"]
    for key, value in {"Seccomp": "2", "NoNewPrivs": "1", "CapEff": "0" * 16, "CapPrm": "0" * 16}.items():
        assert p.status(key) == value, (key, p.status(key))
    assert p.status("Name") == "carpel-probe"
    if os.getuid() == 0:
        assert p.status("Uid") == p.status("Gid") == "1892331522" and p.status("CapBnd") == "0" * 16
    p.end()


def ticks(p):
    """Attempts stand at start + delay + n periods, and an attempt's length does not move them."""
    for instance in range(1, 20):
        p.asks_at, start = [], int(now())
        p.add(handler="http", path="/slow", delayMs=300, periodMs=200)
        p.tell("instance", instance=instance, startedMs=start, isStarted=True)
        for _ in range(8):
            assert p.next()["isSuccess"]
        late = [at - start - 300 - 200 * n for n, at in enumerate(p.asks_at)]
        assert min(late) >= 0, late
        if max(late) < LATE_MS:
            return p.end()
        p.tell("remove")  # and all of its attempt that may be under way
        p.drain()
    raise AssertionError(f"they are never in time: {late}")


def many_headers(p):
    """More than what glibc's qsort sorts without asking the kernel how much memory there is."""
    p.add(handler="http", path="/ok", headers=[{"name": f"x-{n}", "value": str(n)} for n in range(80)])
    p.tell("instance", instance=1, startedMs=int(now()), isStarted=True)
    assert p.next()["isSuccess"]
    p.end()


def thresholds(p):
    p.add(failureThreshold=2, successThreshold=2, periodMs=20)
    p.tell("instance", instance=7, startedMs=int(now()), isStarted=True)
    results = [p.next() for _ in range(3)]
    assert [r["published"] for r in results] == [False, True, False]
    assert [r["run"] for r in results] == [1, 2, 3]
    assert all(r["isSuccess"] and r["threshold"] == 2 and r["instance"] == 7 for r in results)
    p.end()


def failures(p):
    """Each is counted, with its reason, and never asks for a socket that it cannot use."""
    cases = [
        ({"port": 0, "portName": "web"}, 'port "web" not found'),
        ({"port": 0}, "invalid port number: 0"),
        ({"host": "db.example"}, 'host "db.example" is not an IP address, and names are not resolved'),
        ({"handler": "http", "path": "/", "headers": [{"name": "x-b", "value": "1\r\nY: 2"}]},
         f'Get "http://127.0.0.1:{PORT}/": net/http: invalid header field value for "X-B"'),
    ]
    for instance, (spec, text) in enumerate(cases, 1):
        p.tell("remove")
        host = spec.pop("host", None)
        p.add(**spec, periodMs=100000, **({"host": host} if host else {}))
        p.tell("instance", instance=instance, startedMs=int(now()), isStarted=True)
        message = p.next(serve=False)
        assert (message["op"], message["isSuccess"], message["output"]) == ("result", False, text), message
    p.add(ports={"web": PORT}, port=0, portName="web")
    p.tell("instance", instance=1, startedMs=int(now()), isStarted=True)
    assert p.next()["isSuccess"]
    p.end()


def no_socket(p):
    p.add()
    p.tell("instance", instance=1, startedMs=int(now()), isStarted=True)
    ask = p.next(serve=False)
    assert ask["op"] == "socket" and ask["family"] == 4 and ask["id"] == ID + "Readiness"
    p.sock.send(json.dumps({"op": "socket", "ask": ask["ask"], "error": "too many open files"}).encode())
    result = p.next(serve=False)
    assert result["output"] == f"dial tcp 127.0.0.1:{PORT}: socket: too many open files", result
    p.end()


def startup_gate(p):
    """Liveness waits for the word that startup is over, then begins at once."""
    start = int(now())
    p.add("Liveness", periodMs=600000)
    p.tell("instance", "Liveness", instance=1, startedMs=start, isStarted=False)
    p.silent(0.3)
    p.tell("started", "Liveness", instance=2)  # of another instance: no news
    p.silent(0.2)
    p.tell("started", "Liveness", instance=1)
    assert p.next(timeout=50)["isSuccess"]
    p.end()


def exec_probe(p):
    p.add("Liveness", handler="exec", command=["cat", "/tmp/x"], timeoutMs=2000, periodMs=50, failureThreshold=3)
    p.tell("instance", "Liveness", instance=1, startedMs=int(now()), isStarted=True)

    def answer(**what):
        ask = p.next()
        assert ask["op"] == "exec" and ask["timeoutMs"] == 2000 and ask["id"] == ID + "Liveness", ask
        p.sock.send(json.dumps({"op": "exec-result", "ask": ask["ask"], **what}).encode())
        return p.next()

    result = answer(exit=0, output="fine\n")
    assert result["isSuccess"] and result["output"] == "fine\n"
    result = answer(exit=3, output="x" * 20000)
    assert not result["isSuccess"] and result["output"] == "x" * 10240 and result["run"] == 1
    result = answer(timeout=True, output="lost")
    assert result["output"] == 'command timed out: "cat /tmp/x" timed out after 2s' and result["run"] == 2
    result = answer(error="exec cat: No such file or directory")
    assert result["output"] == "exec cat: No such file or directory"
    assert result["published"] and result["run"] == 3 and result["threshold"] == 3
    p.silent(0.3)  # on hold until there is another instance
    p.tell("instance", "Liveness", instance=2, startedMs=int(now()), isStarted=True)
    assert p.next()["op"] == "exec"
    p.end()


def cancel(p):
    """A command of an instance that ended is of no interest; its answer counts for nobody."""
    for word in ("ended", "remove", "instance"):
        p.add(handler="exec", command=["sleep", "9"], periodMs=100000)
        p.tell("instance", instance=1, startedMs=int(now()), isStarted=True)
        ask = p.next()
        p.tell(word, instance=2, startedMs=int(now()) + 100000, isStarted=True)
        assert p.next() == {"op": "cancel", "ask": ask["ask"]}
        p.sock.send(json.dumps({"op": "exec-result", "ask": ask["ask"], "exit": 0, "output": ""}).encode())
        p.silent(0.2)
        p.tell("remove")
    p.end()


def late_socket(p):
    """A socket that comes for an attempt that is gone is closed, not kept."""
    p.add(handler="http", path="/ok", periodMs=100000)
    p.tell("instance", instance=1, startedMs=int(now()), isStarted=True)
    ask = p.next(serve=False)
    p.tell("ended")
    mine, theirs = socket.socketpair()
    socket.send_fds(p.sock, [json.dumps({"op": "socket", "ask": ask["ask"]}).encode()], [theirs.fileno()])
    theirs.close()
    mine.settimeout(10)
    assert mine.recv(1) == b""
    p.end()


def run_aside(p):
    """`carpel probe run`: one attempt that counts for nothing."""
    p.add(handler="http", path="/status/500")
    p.tell("run", ask=42)
    result = p.next()
    assert result["ask"] == 42 and not result["isSuccess"] and not result["published"], result
    assert result["output"] == "HTTP probe failed with statuscode: 500"
    p.tell("run", "Liveness", ask=43)
    result = p.next()
    assert result["ask"] == 43 and not result["isSuccess"] and result["output"] == "no such probe", result
    p.end()


def taken_over(p):
    start = int(now()) - 10050
    p.add(periodMs=10000, delayMs=500)
    p.tell("instance", instance=1, startedMs=start, isStarted=True, last=1, run=5, published=1)
    result = p.next()
    assert p.asks_at[0] >= start + 10500 and result["run"] == 6 and not result["published"]
    p.add("Liveness")
    p.tell("instance", "Liveness", instance=1, startedMs=start, isStarted=True, last=0, run=3, published=0)
    p.silent(0.3)
    p.end()


def odd_words(p):
    """A carpeld that is of another opinion is a reason for a line in the log, never for an end."""
    for words in ("", "[]", "{", '{"op":1}', '{"op":"sing"}', '{"op":"add"}', '{"op":"add","id":"x/y/Sleepiness"}',
                  '{"op":"instance","id":"nobody"}', '{"op":"socket","ask":99}', '{"op":"run","id":"x"}', "x" * 70000):
        if words:
            p.sock.send(words.encode())
    p.add()
    p.tell("instance", instance=0, startedMs=0, isStarted=True)
    p.tell("instance", instance=1, startedMs=-1, isStarted=True)
    p.tell("instance", instance=1, startedMs=int(now()), isStarted=True)
    assert p.next()["isSuccess"]
    p.end()


def bytes_made_valid(p):
    p.add(handler="http", path="/binary")
    p.tell("instance", instance=1, startedMs=int(now()), isStarted=True)
    assert p.next()["output"] == "a\ufffd\ufffd\x1bb"
    p.end()


def slow_reader(p):
    """carpeld does not read for a while: nothing is lost, nothing ends."""
    p.add(port=0)
    for i in range(1000):
        p.tell("run", ask=i + 1)
    assert [p.next()["ask"] for _ in range(1000)] == list(range(1, 1001))
    p.end()


def no_time_wait(p):
    """Neither kind of probe leaves a TIME_WAIT on its side; for HTTP the server closes first."""
    p.add(periodMs=10)
    p.tell("instance", instance=1, startedMs=int(now()), isStarted=True)
    p.add("Liveness", handler="http", path="/ok", periodMs=10)
    p.tell("instance", "Liveness", instance=1, startedMs=int(now()), isStarted=True)
    for _ in range(100):
        assert p.next()["isSuccess"]
    p.tell("ended")
    p.tell("ended", "Liveness")
    end = time.monotonic() + 30  # half of a TIME_WAIT, for the last connections' ends
    while ours := ours_of(PORT):
        assert time.monotonic() < end, ours
        time.sleep(0.1)
    p.end()


def ours_of(port):
    """Connections to it that there still are."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file][1:]
    return [r for r in rows if r[2].endswith(f":{port:04X}") and r[3] != "0A"]


PORT = int(sys.argv[2])
globals()[sys.argv[3]](Probe(sys.argv[1]))
