#!/usr/bin/env python3
"""carpel-log from both sides: log_driver.py CARPEL-LOG SCENARIO DIRECTORY."""
import fcntl
import itertools
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import time

from log_peer import (ADD, ATTACH, DIR, DONE, DRAIN, EXE, KILLS_MAX, LIMIT_S, LIST, MESSAGE, RECORD, REOPENED, Log, Set,
                      end, endless_writer, hold, make_it_call, message, pattern, reap, reap_times, until, writer)

F_SETPIPE_SZ = 1031
ENOUGH = f"{DIR}/enough"


def killed():
    """kill -9 again and again under load, the same descriptors to the next one: each byte exactly once."""
    rng, log, sets, want, alive = random.Random(SEED), Log(), [], {}, {}
    for i in range(4):
        s = Set(f"killed{i}", is_tty=i == 3)
        if i == 1:
            fcntl.fcntl(s.out, F_SETPIPE_SZ, 1 << 20)  # a container may do that
        want[s] = pattern(2 * i, 6 << 20), b"" if s.is_tty else pattern(2 * i + 1, 2 << 20)
        log.add(s)
        sets.append(s)
    for i, s in enumerate(sets):
        others = [fd for other in sets for fd in (other.out, other.err) if fd is not None]
        alive[s, 0] = writer(s.out, want[s][0], [fd for fd in others if fd != s.out], 0.002, i == 2, ENOUGH)
        if not s.is_tty:
            alive[s, 1] = writer(s.err, want[s][1], [fd for fd in others if fd != s.err], 0.002, enough=ENOUGH)
    for s in sets:
        s.close_writers()
    kills = torn = 0
    while kills < 40 or torn == 0:
        time.sleep(0.01 + rng.random() * 0.02)
        log.kill()
        kills += 1
        torn += any(s.staged() for s in sets)
        log.restart(sets)
        assert kills < KILLS_MAX, f"none of {kills} kills is between the steps of a chunk"
    with open(ENOUGH, "wb"):
        pass
    times = {of: reap_times(pid) for of, pid in alive.items()}
    log.wait_done(*sets)
    for s in sets:
        for i, bytes_ in enumerate(s.bytes()):
            assert bytes_ == want[s][i] * times.get((s, i), 0), f"{s.id} differs after {kills} kills, seed {SEED}"
    print(f"{kills} kills, {torn} of them between the steps of a chunk")


def killed_at_each_call():
    """Killed before and after each system call on the way of the first chunks of both streams."""
    out, err = pattern(1, 150000), pattern(2, 70000)
    for stop in itertools.count(1):
        log, s = Log(), Set("each")
        assert log.list() == set()
        hold(log.process.pid)
        pids = [writer(s.out, out, [s.err]), writer(s.err, err, [s.out])]
        s.close_writers()
        log.add(s)
        is_over = not log.run_calls(stop)
        log.kill()
        log.restart([s])
        log.wait_done(s)
        for pid in pids:
            reap(pid)
        assert s.bytes() == (out, err), f"stop {stop}"
        log.kill()
        s.drop()
        os.unlink(s.path)
        if is_over:
            break
    print(f"{stop} stops")
    assert stop > 50


def order():
    """Lines of both streams stand in the file in the order in which they were taken, stamps grow."""
    log, s = Log(), Set("order")
    log.add(s)
    for i in range(50):
        os.write(s.out if i % 2 else s.err, b"%d\n" % i)
        until("the line", lambda: open(s.path, "rb").read().count(b"\n") == i + 1)
    with open(s.path, "rb") as file:
        records = [RECORD.fullmatch(line).groups() for line in file.read().split(b"\n")[:-1]]
    assert [int(r[3]) for r in records] == list(range(50))
    assert [r[1] for r in records] == [b"stderr", b"stdout"] * 25
    assert [r[0] for r in records] == sorted(r[0] for r in records)


def without_carpeld():
    """carpeld goes; all is read on, and the next carpeld hears what is done."""
    log, one, two = Log(), Set("one"), Set("two")
    log.add(one)
    log.add(two)
    assert log.list() == {"one", "two"}
    log.sock.close()
    os.write(one.out, b"nobody is there\n")
    until("the line", lambda: one.bytes()[0] == b"nobody is there\n")
    one.close_writers()
    until("the end of one", lambda: os.fstat(one.fds[0]).st_size > 0 and is_closed(log, one))
    log.connect()
    log.wait_done(one)
    assert log.list() == {"two"}
    log.add(one)  # a carpeld that has not read it hands it over again
    log.done.clear()
    log.wait_done(one)
    two.close_writers()
    log.wait_done(two)
    log.tell(DRAIN, "unknown")
    assert log.next() == (DONE, "unknown")


def is_closed(log, s):
    file = os.fstat(s.fds[0])
    for name in os.listdir(f"/proc/{log.process.pid}/fd"):
        try:
            other = os.stat(f"/proc/{log.process.pid}/fd/{name}")
        except FileNotFoundError:
            continue
        if (other.st_dev, other.st_ino) == (file.st_dev, file.st_ino):
            return False
    return True


def attach():
    log, s = Log(), Set("attach")
    log.add(s)
    os.write(s.out, b"before\n")
    until("the first line", lambda: s.bytes()[0] == b"before\n")
    ours, slow = log.attach(s.id), log.attach(s.id)
    want = pattern(3, 8 << 20)
    got = {1: b"", 2: b""}
    os.write(s.err, b"other\n")
    for at in range(0, len(want), 65536):  # no more than the socket holds: a full one is let go
        os.write(s.out, want[at:at + 65536])
        while len(got[1]) < min(at + 65536, len(want)):
            bytes_ = ours.recv(1 << 20)
            assert 1 < len(bytes_) <= 32768
            got[bytes_[0]] += bytes_[1:]
    assert got == {1: want, 2: b"other\n"}
    s.close_writers()
    assert ours.recv(100) == b"", "the end of the container ends the copy"
    log.wait_done(s)
    assert s.bytes() == (b"before\n" + want, b"other\n"), "a copy takes nothing away"
    shown = 0
    while bytes_ := slow.recv(1 << 20):
        shown += len(bytes_) - 1
    assert shown < len(want), "who does not read is let go"
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    log.tell(ATTACH, "unknown", fds=[theirs.fileno()])
    theirs.close()
    assert ours.recv(100) == b""


def tty_mode():
    log, s = Log(), Set("tty", is_tty=True)
    log.add(s)
    os.write(s.out, b"one\r\ntwo\0")
    until("the bytes", lambda: s.bytes() == (b"one\r\ntwo\0", b""))
    os.close(s.out)
    s.out = None
    log.wait_done(s)


def drain():
    """A grandchild holds the pipes and writes on; the log ends all the same, with all of before."""
    log, s, full = Log(), Set("drain"), Set("full")
    log.add(s)
    os.write(s.out, b"last words\n")
    log.tell(DRAIN, s.id)
    log.wait_done(s)
    assert s.bytes() == (b"last words\n", b"")
    log.add(full)
    flood = [subprocess.Popen(["cat", "/dev/zero"], stdout=full.out) for _ in range(2)]
    until("the flood", lambda: os.fstat(full.fds[0]).st_size > 1 << 20)
    hold(log.process.pid)
    log.tell(DRAIN, full.id)
    # From call to call it is so slow that it never finds the pipe empty.
    assert not log.run_calls(10000), "it reads on for ever"
    log.wait_done(full)
    for process in flood:
        process.kill()
        process.wait()
    assert full.bytes()[0].strip(b"\0") == b""


def confined():
    log = Log()
    assert log.list() == set()  # it is set up
    assert log.proc("status", "Uid") == ["1892331521"] * 4
    assert log.proc("status", "Gid") == ["1892331521"] * 4
    assert log.proc("status", "Groups") == []
    for caps in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert log.proc("status", caps) == ["0" * 16], caps
    assert log.proc("status", "NoNewPrivs") == ["1"]
    assert log.proc("status", "Seccomp") == ["2"]
    assert os.stat(f"/proc/{log.process.pid}/mem").st_uid == 0, "it can be looked into"
    with open(f"/proc/{log.process.pid}/limits", encoding="ascii") as file:
        assert re.search(r"Max core file size +0 +0 ", file.read())
    log.kill()
    os.chmod(DIR, 0o755)
    log = Log(uid=1234)  # somebody's own instance
    assert log.list() == set()
    assert log.proc("status", "Uid") == ["1234"] * 4
    assert log.proc("status", "NoNewPrivs") == ["1"]
    assert log.proc("status", "Seccomp") == ["2"]
    assert os.stat(f"/proc/{log.process.pid}/mem").st_uid == 0, "it can be looked into"


def filtered():
    """open, socket, fork, exec, a foreign fcntl, executable memory, a path behind fstat: each kills."""
    calls = {"openat": (257, 0), "socket": (41, 1, 1, 0), "clone": (56, 17, 0, 0), "execve": (59, 0, 0, 0),
             "fcntl": (72, 2, 0, 0), "mmap": (9, 0, 4096, 7), "newfstatat": (262, 0, 0, 0, 0), "kill": (62, 1, 0),
             "ioctl": (16, 2, 0x5412, 0), "getsockopt": (55, 3, 1, 3)}
    for name, call in calls.items():
        log = Log()
        assert log.list() == set()
        make_it_call(log.process.pid, *call)
        assert log.process.wait(LIMIT_S) == -signal.SIGSYS, name
        log.sock.close()
    log = Log()
    assert log.list() == set()
    make_it_call(log.process.pid, 72, 3, fcntl.F_SETFL, os.O_NONBLOCK)  # what is allowed goes on as it was
    assert log.list() == set()
    log.kill()


def full_disk():
    """DIR/small is a small file system: nothing is lost when it is full, nobody spins, others go on."""
    log, s, other = Log(), Set("full", directory=f"{DIR}/small"), Set("other")
    filler = f"{DIR}/small/filler"
    with open(filler, "wb") as file:
        file.write(b"f" * (512 << 10))
    log.add(s)
    log.add(other)
    want = pattern(11, 3 << 20)
    pid = writer(s.out, want, [s.err])
    until("the disk to be full", lambda: "its log waits" in log.stderr())
    assert "No space left" in log.stderr()
    s.bytes()  # no half record stays
    begin, calls = time.monotonic(), int(log.proc("io", "syscw")[0])
    until("more attempts", lambda: int(log.proc("io", "syscw")[0]) >= calls + 4)
    calls = int(log.proc("io", "syscw")[0]) - calls
    assert calls < 8 * (time.monotonic() - begin + 1), "it spins"
    os.write(other.out, b"not my disk\n")
    until("the other's line", lambda: other.bytes()[0] == b"not my disk\n")
    for _ in range(3):  # killed while it waits
        log.kill()
        log.restart([s, other])
        assert log.list() == {"full", "other"}
    assert os.waitpid(pid, os.WNOHANG)[0] == 0, "it waits, too"
    os.unlink(filler)
    subprocess.run(["mount", "-o", "remount,size=64m", f"{DIR}/small"], check=True)
    reap(pid)
    s.close_writers()
    log.wait_done(s)
    assert s.bytes() == (want, b"")
    assert "its log goes on" in log.stderr() or "full" in log.done


def cut():
    """Who empties the file to make room gets no hole; not for a successor either."""
    log, s = Log(), Set("cut")
    log.add(s)
    for text in (b"one\n", b"two\n", b"three\n"):
        os.truncate(s.path, 0)
        os.write(s.out, text)
        until("the line", lambda: s.bytes()[0] == text)
    os.truncate(s.path, 0)
    log.kill()
    log.restart([s])
    os.write(s.out, b"four\n")
    until("the line", lambda: s.bytes()[0] == b"four\n")


def fair():
    """Others write as fast as they can, some of them a line that never ends; every line arrives."""
    log, loud, quiet, pids = Log(), [], Set("quiet"), []
    for i in range(3):
        s = Set(f"loud{i}")
        loud.append(s)
        log.add(s)
        pids.append(endless_writer(s.out, b"a line\n" * 9000 if i == 0 else b"w" * 65536))
    log.add(quiet)
    for i in range(20):
        os.write(quiet.out, b"%d\n" % i)
        until("a quiet line", lambda: quiet.bytes()[0].endswith(b"%d\n" % i))
    memory_kb = int(log.proc("status", "VmRSS")[0])
    until("each loud one's first MiB", lambda: all(os.stat(s.path).st_size > 1 << 20 for s in loud))
    for pid in pids:
        end(pid)
    log.kill()
    assert memory_kb < 16384 or IS_SANITIZED, memory_kb


def many():
    """A thousand containers."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    log, sets = Log(), [Set(f"many{i}") for i in range(1000)]
    for s in sets:
        log.add(s)
    for s in sets:
        os.write(s.out, s.id.encode())
        os.write(s.err, b"error\n")
        s.close_writers()
    until("all to be closed", lambda: all(is_closed(log, s) for s in (sets[0], sets[-1])))
    log.tell(LIST)  # more than the connection holds is waiting now, and this after it
    log.sock.close()
    log.connect()
    told = log.next()
    assert told[0] == DONE, "what was not told is told to the next carpeld"
    log.done.add(told[1])
    assert log.list() == set()
    for s in sets:  # the others were on the way
        if s.id not in log.done:
            log.add(s)
    log.wait_done(*sets)
    for s in sets:
        assert s.bytes() == (s.id.encode(), b"error\n")
    until("all descriptors to be closed", lambda: len(os.listdir(f"/proc/{log.process.pid}/fd")) < 20)


def limited():
    """No descriptors left: it says so, those that it has go on, the others come when there is room."""
    log, sets = Log(fds_max=256), [Set(f"limited{i:02}") for i in range(60)]
    for s in sets:
        log.add(s)
    taken = log.list()
    assert 20 < len(taken) < 40, taken
    assert log.stderr().count("is not read, nor are others after it") == 1
    refused = next(s for s in sets if s.id not in taken)
    refused.rotate()
    log.tell(DRAIN, refused.id)
    log.add(refused)
    assert log.list() == taken and not log.done and refused.next_file is not None, "what it has not read is not done"
    for _ in range(2):  # nor does that keep anybody else out
        ours = log.attach(sets[0].id)
        os.write(sets[0].err, b"x")
        assert ours.recv(100) == b"\2x"
    former = log.sock
    log.connect()
    assert log.list() == taken
    assert former.recv(100) == b""
    for s in sets:
        os.write(s.out, b"all of it\n")
        s.close_writers()
    log.wait_done(*(s for s in sets if s.id in taken))
    while len(log.done) < len(sets):
        op, id_ = log.next()
        if op == DONE:
            log.done.add(id_)
        if op in (DONE, REOPENED):
            continue
        assert op is None  # it hung up, which makes carpeld hand over all that are not done
        log.sock.close()
        log.connect()
        for s in sets:
            if s.id not in log.done:
                log.add(s)
    for s in sets:
        assert s.bytes() == (b"all of it\n", b"xx" if s is sets[0] else b"")


def nonsense():
    """What is no message is ignored; sets that are none are refused; the connection lives on."""
    log, s = Log(), Set("good")
    other, _ = os.pipe()
    assert log.list() == set()  # it is set up
    count = len(os.listdir(f"/proc/{log.process.pid}/fd"))
    for bytes_ in (b"x", b"x" * 200, MESSAGE.pack(2, ADD, 0, 0, b"id", 0), MESSAGE.pack(1, 99, 0, 0, b"id", 0),
                   MESSAGE.pack(1, ADD, 0, 0, b"", 0), MESSAGE.pack(1, ADD, 0, 0, b"i" * 72, 0)):
        socket.send_fds(log.sock, [bytes_], [other] * 3)
    log.tell(ADD, "few", fds=[other] * 3)
    log.tell(ADD, "many", fds=[other] * 12)
    log.tell(ATTACH, "good", fds=[other] * 2)
    assert log.list() == set()
    assert len(os.listdir(f"/proc/{log.process.pid}/fd")) == count, "none of it is kept"
    log.add(s)
    log.add(s)
    assert log.list() == {"good"}
    assert len(os.listdir(f"/proc/{log.process.pid}/fd")) == count + len(s.fds)
    os.write(s.out, b"once\n")
    s.close_writers()
    log.wait_done(s)
    assert s.bytes() == (b"once\n", b"")


def strangers():
    """Only root and who started it may connect; the newest carpeld is the one."""
    log = Log()
    os.chmod(log.path, 0o777)
    os.chmod(DIR, 0o755)
    pid = os.fork()
    if pid == 0:
        os.chdir(DIR)  # what is above need not be open to it
        os.setresuid(1234, 1234, 1234)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.connect("log.sock")
        try:
            sock.send(message(LIST))
            os._exit(0 if sock.recv(100) == b"" else 1)
        except OSError:
            os._exit(0)
    reap(pid)
    assert log.list() == set()
    old = log.sock
    log.connect()
    assert log.list() == set()
    assert old.recv(100) == b""


def ends():
    """SIGTERM ends it at once; alone with nothing to do it ends by itself, but not while there is."""
    log, s = Log(), Set("ends")
    log.add(s)
    assert log.list() == {"ends"}
    log.process.terminate()
    assert log.process.wait(LIMIT_S) == -signal.SIGTERM
    log.sock.close()
    log.start()
    log.connect()
    log.add(s)
    assert log.list() == {"ends"}
    log.sock.close()
    time.sleep(12)  # longer than it waits
    assert log.process.poll() is None
    s.close_writers()
    assert log.process.wait(LIMIT_S) == 0
    assert s.bytes() == (b"", b"")


SCENARIOS = (killed, killed_at_each_call, order, without_carpeld, attach, tty_mode, drain, confined, filtered, full_disk, cut,
             fair, many, limited, nonsense, strangers, ends)
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
with open(EXE, "rb") as program:
    IS_SANITIZED = b"__asan_init" in program.read()
{f.__name__: f for f in SCENARIOS}[sys.argv[2]]()
