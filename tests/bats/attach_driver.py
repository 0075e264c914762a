#!/usr/bin/env python3
"""attach on a real carpeld: attach_driver.py ROOT once|gone|slow.  Ends with 1 and a reason on failure."""

import array
import fcntl
import glob
import os
import signal
import sys
import termios

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "api"))

from client import PODS, Client
from scale_driver import Carpeld, await_events, fail, is_deleted, is_running, open_watch, pod, wait_for
from test_streams import Socket

STDIN = 0
CHUNK = b"x" * 16383 + b"\n"
CHUNKS = 24  # more than carpeld holds for one client


def logged(carpeld):
    """Bytes in the log of the only pod."""
    return sum(map(os.path.getsize, glob.glob(os.path.join(carpeld.root, "var/log/pods/*/c/0.log"))))


def make(carpeld, name, command, **members):
    body = pod(name)
    body["spec"]["restartPolicy"] = "Never"
    body["spec"]["containers"][0].update(command=["/bin/guest", *command], stdin=True, **members)
    watch = open_watch(carpeld)
    with Client(carpeld) as api:
        answer = api.post(PODS, body)
    if answer.status != 201:
        fail("%s", answer.body)
    await_events(watch, [name], is_running)
    return watch


def attach(client, name):
    return Socket(client, "%s/%s/attach?stdin=true&stdout=true&container=c" % (PODS, name))


def is_succeeded(change):
    return change["object"]["status"]["phase"] == "Succeeded"


def pids_of(carpeld, command):
    for folder in carpeld.cgroups():
        with open(os.path.join(folder, "cgroup.procs")) as procs:
            for pid in map(int, procs.read().split()):
                with open("/proc/%d/cmdline" % pid, "rb") as line:
                    if line.read().rstrip(b"\0") == command:
                        yield pid


def pid_of(carpeld, program, *words):
    """It runs as soon as exec has closed what is to be closed; its words are there a moment later."""
    command = b"\0".join(word.encode() for word in (program, *words))
    found = []
    wait_for(command, lambda: found.extend(pids_of(carpeld, command)) or found)
    return found[0]


def has_answered(pid):
    """Whether there is something of its standard output that nobody has read."""
    size = array.array("i", [0])
    with open("/proc/%d/fd/1" % pid, "rb", opener=lambda path, _: os.open(path, os.O_RDONLY | os.O_NONBLOCK)) as pipe:
        fcntl.ioctl(pipe, termios.FIONREAD, size)
    return size[0] > 0


def attach_early(carpeld, client, name):
    """Speaks while carpel-log does not know of the attaching yet: the answer must not be missed."""
    log, echo = pid_of(carpeld, "carpel-log"), pid_of(carpeld, "/bin/guest", "echo")
    os.kill(log, signal.SIGSTOP)
    try:
        said = attach(client, name)
        said.message(STDIN, b"hello\n")
        for _ in range(20):
            client.get("/healthz")  # behind it, on the same connection
            if has_answered(echo):
                fail("what it answers is lost")
    finally:
        os.kill(log, signal.SIGCONT)
    return said


def once(carpeld):
    """What a client says last is the end of what the container reads; another client's end too."""
    watch = make(carpeld, "once", ["echo"], stdinOnce=True)
    with Client(carpeld) as client, Client(carpeld) as other:
        attach(other, "once")
        said = attach_early(carpeld, client, "once")
        client.wait(lambda: b"hello\n" in said.answer.body)
        said.end_stdin()
        await_events(watch, ["once"], is_succeeded)


def gone(carpeld):
    """A client that goes away has said its last."""
    watch = make(carpeld, "gone", ["echo"], stdinOnce=True)
    with Client(carpeld) as client:
        said = attach(client, "gone")
        said.message(STDIN, b"hello\n")
        client.wait(lambda: b"hello\n" in said.answer.body)
    await_events(watch, ["gone"], is_succeeded)


def slow(carpeld):
    """A client that does not read outlives the pod, and what it says then reaches nobody."""
    watch = make(carpeld, "slow", ["echo"])
    with Client(carpeld, window=1024) as client, Client(carpeld) as api:
        client.takes = False
        said = attach(client, "slow")
        for i in range(CHUNKS):
            said.message(STDIN, CHUNK)
            wait_for("the echo", lambda: logged(carpeld) >= (i + 1) * len(CHUNK))
        api.delete(PODS + "/slow?gracePeriodSeconds=0")
        await_events(watch, ["slow"], is_deleted)
        said.message(STDIN, b"too late\n")
        said.end_stdin()
        client.get("/healthz")  # behind it, on the same connection
    before = carpeld.process.pid
    carpeld.look()
    if carpeld.process.pid != before:
        fail("carpeld did not survive it")


if __name__ == "__main__":
    {"once": once, "gone": gone, "slow": slow}[sys.argv[2]](Carpeld(sys.argv[1]))
