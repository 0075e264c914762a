#!/usr/bin/env python3
"""carpel-log is told to go on in another file: log_reopen.py CARPEL-LOG SCENARIO DIRECTORY."""
import itertools
import os
import random
import socket
import sys
import time

from log_peer import (DIR, DONE, DRAIN, FULL, KILLS_MAX, LIMIT_S, MESSAGE, REOPEN, REOPENED, Log, Set, end, hold,
                      pattern, reap, reap_times, until, writer)

ENOUGH = f"{DIR}/enough"
FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
CHUNK_RECORDS_MAX = 512 << 10  # what held()'s lines make of 64 KiB


def life(log, s, calls, is_deaf):
    """From its rename on, s is handed to carpel-log, which then lives for that many entries and ends of system calls;
    with is_deaf carpeld is dead, too, and reads no answer. Whether the log's end came before."""
    log.add(s)
    if is_deaf:
        s.serial = None
    return not log.run_calls(calls, lambda: log.next()[0] == REOPENED)


def killed_at_each_call():
    """Killed before and after each system call from the rename on, with the answer read and unread; the next, too."""
    rng, out, err = random.Random(SEED), pattern(1, 150000), pattern(2, 70000)
    answered, is_over = 0, {}
    for stop, is_deaf in ((n // 2, bool(n % 2)) for n in itertools.count(2)):
        log, s = Log(), Set("each")
        assert log.list() == set()
        hold(log.process.pid)
        pids = [writer(s.out, out, [s.err]), writer(s.err, err, [s.out])]
        s.close_writers()
        log.add(s)
        assert log.run_calls(20 + rng.randrange(40)), "it is done before the file is renamed"
        s.rotate()
        is_over[is_deaf] = life(log, s, stop, is_deaf)
        answered += s.next_file is None
        log.kill()
        log.restart([])
        assert log.list() == set()
        hold(log.process.pid)
        life(log, s, rng.randrange(60), rng.random() < 0.5)
        log.kill()
        log.restart([s])
        log.wait_done(s)
        for pid in pids:
            reap(pid)
        assert s.next_file is None, "it was never answered"
        assert s.bytes() == (out, err), f"stop {stop}, deaf {is_deaf}, seed {SEED}"
        log.kill()
        s.drop()
        for name in (*s.former, s.path):
            os.unlink(name)
        if len(is_over) == 2 and all(is_over.values()):
            break
    print(f"{stop} stops, {answered} times after an answer")
    assert stop > 50 and answered > 10


def killed_under_load():
    """Renamed again and again under load while either side is killed: each byte once, in order, in either file."""
    rng, log, sets, want, alive = random.Random(SEED), Log(), [], {}, {}
    for i in range(3):
        s = Set(f"load{i}", is_tty=i == 2)
        want[s] = pattern(2 * i, 6 << 20), b"" if s.is_tty else pattern(2 * i + 1, 2 << 20)
        log.add(s)
        sets.append(s)
    ends = [fd for s in sets for fd in (s.out, s.err) if fd is not None]
    for s in sets:
        for i, fd in enumerate((s.out, s.err)):
            if fd is not None:
                alive[s, i] = writer(fd, want[s][i], [other for other in ends if other != fd], 0.001, enough=ENOUGH)
    for s in sets:
        s.close_writers()
    kills = torn = 0
    while kills < 40 or torn == 0 or any(len(s.former) <= 20 for s in sets):
        assert kills < KILLS_MAX, f"none of {kills} kills is between the steps of a chunk"
        time.sleep(rng.random() * 0.01)
        for s in sets:
            if s.next_file is None and len(s.former) < 200:
                s.rotate()
                log.add(s)
                s.serial = s.serial if rng.random() < 0.5 else None  # carpeld dies before it reads the answer
        time.sleep(rng.random() * 0.002)
        if rng.random() < 0.5:
            log.kill()
            kills += 1
            torn += any(s.staged() for s in sets)
            log.restart(sets)
        else:
            log.sock.close()
            log.connect()
            for s in sets:
                log.add(s)
        log.list()  # reads all answers
    with open(ENOUGH, "wb"):
        pass
    times = {of: reap_times(pid) for of, pid in alive.items()}
    log.wait_done(*sets)
    for s in sets:
        for i, bytes_ in enumerate(s.bytes()):
            assert bytes_ == want[s][i] * times.get((s, i), 0), f"{s.id} differs after {kills} kills, seed {SEED}"
    print(f"{kills} kills, {torn} of them between the steps of a chunk, {[len(s.former) for s in sets]} files")


def pieces():
    """A line that the former file has a piece of goes on in the new one; what was there stays; attached copies go on."""
    log, s = Log(), Set("pieces")
    log.add(s)
    ours = log.attach(s.id)
    os.write(s.out, b"one\nbegin")
    until("the piece", lambda: s.bytes()[0] == b"one\nbegin")
    with open(f"{s.path}.new", "wb") as file:
        file.write(b"2026-11-24T14:20:05.123456789Z stderr F was there\n")
    s.rotate(f"{s.path}.new")
    assert s.bytes() == (b"one\nbegin", b"was there\n")
    log.add(s)
    assert log.next() == (REOPENED, s.id)
    os.write(s.out, b" end\ntwo\n")
    until("the lines", lambda: s.bytes()[0] == b"one\nbegin end\ntwo\n")
    records = [line[31:] for line in s.lines()]
    assert records == [b"stdout F one", b"stdout P begin", b"stderr F was there", b"stdout F  end", b"stdout F two"]
    assert ours.recv(100) == b"\1one\nbegin" and ours.recv(100) == b"\1 end\ntwo\n"
    log.add(s)
    assert log.list() == {"pieces"}


def unknown():
    """One that is not there is added; one that is done is told to be done; wrong descriptors are refused."""
    log, s, tty = Log(), Set("unknown"), Set("tty", is_tty=True)
    assert log.list() == set()  # it is set up
    count = len(os.listdir(f"/proc/{log.process.pid}/fd"))
    log.tell(REOPEN, s.id, fds=s.fds)
    log.tell(REOPEN, tty.id, flags=1, fds=s.fds)
    log.sock.send(MESSAGE.pack(1, REOPENED, 0, 0, b"unknown", 0))
    assert log.list() == set()
    for some in (s, tty):
        os.write(some.out, b"late\n")
        some.rotate()
        log.add(some)
        assert log.next() == (REOPENED, some.id)
    until("the lines", lambda: all(some.bytes() == (b"late\n", b"") for some in (s, tty)))
    assert s.sizes == [0]
    for i in range(100):  # keeps nothing of them
        s.rotate()
        log.add(s)
        assert log.next() == (REOPENED, s.id)
    assert len(os.listdir(f"/proc/{log.process.pid}/fd")) == count + len(s.fds) + len(tty.fds)
    os.write(s.out, b"last\n")
    s.close_writers()
    log.wait_done(s)
    assert s.bytes() == (b"late\nlast\n", b"")
    s.rotate()
    log.add(s)
    told = {log.next(), log.next()}
    assert told == {(DONE, s.id), (REOPENED, s.id)}, told
    until("all to be closed", lambda: len(os.listdir(f"/proc/{log.process.pid}/fd")) == count + len(tty.fds))
    assert s.bytes() == (b"late\nlast\n", b"")


def full_disk():
    """DIR/small is full and so a chunk waits: it goes on in a file elsewhere, and the former one is whole."""
    log = Log()
    for is_killed in (False, True):
        s = Set(f"full{is_killed}", directory=f"{DIR}/small")
        with open(f"{DIR}/small/filler", "wb") as file:
            file.write(b"f" * (512 << 10))
        log.add(s)
        want = pattern(11, 3 << 20)
        pid = writer(s.out, want, [s.err])
        until("the disk to be full", lambda s=s: f"ctr={s.id} its log waits" in log.stderr())
        if is_killed:
            log.kill()
            log.restart([])
        s.rotate(f"{DIR}/{s.id}.elsewhere")
        log.add(s)
        assert log.next() == (REOPENED, s.id)
        reap(pid)
        s.close_writers()
        log.wait_done(s)
        assert s.sizes[0] > 100000 and s.bytes() == (want, b"")
        os.unlink(s.former[0])


def no_file():
    """/dev/null for a container without a log: read and shown like any other, never waited for."""
    log, s, other = Log(), Set("null", path="/dev/null"), Set("other", path="/dev/null")
    os.write(s.fds[3], b"left by a predecessor\n")  # a full stage
    log.add(s)
    log.add(other)
    assert log.list() == {"null", "other"}
    ours = log.attach(s.id)
    want, got = pattern(5, 4 << 20), b""
    for at in range(0, len(want), 65536):
        os.write(s.out, want[at:at + 65536])
        while len(got) < min(at + 65536, len(want)):
            bytes_ = ours.recv(1 << 20)
            got += bytes_[1:]
    assert got == want
    assert s.staged() == 0
    begin = ticks(log)
    time.sleep(0.5)
    assert ticks(log) - begin < 20, "it spins"
    log.kill()
    log.restart([s, other])
    s.next_file = os.open(f"{DIR}/file", FLAGS)  # it gets a log, and loses it again
    log.add(s)
    s.former.append("/dev/null")
    s.path = f"{DIR}/file"
    assert log.next() == (REOPENED, s.id)
    os.write(s.err, b"kept\n")
    until("the line", lambda: s.bytes() == (b"", b"kept\n"))
    s.former, s.sizes = [s.path], []
    s.path, s.next_file = "/dev/null", os.open("/dev/null", FLAGS)
    log.add(s)
    assert log.next() == (REOPENED, s.id)
    os.write(s.err, b"lost\n")
    s.close_writers()
    log.wait_done(s)
    assert s.bytes() == (b"", b"kept\n")
    log.tell(DRAIN, other.id)
    log.wait_done(other)
    assert "log waits" not in log.stderr() and "cannot" not in log.stderr(), log.stderr()


def limited(s, max_kib):
    s.max_kib = max_kib
    return s


def until_full(log, s, before=0):
    """Until it is told; nothing more comes into the file, which has grown by the limit."""
    assert log.next() == (FULL, s.id)
    size = os.stat(s.path).st_size
    assert s.max_kib << 10 <= size - before < (s.max_kib << 10) + CHUNK_RECORDS_MAX, size
    return size


def held():
    """A full file is told of and not written until there is another one, or for some seconds; others go on."""
    for i in range(20):
        log = Log()
        try:
            return held_in_time(log, f"{i}")
        except AssertionError:
            if "nobody rotates it" not in log.stderr():
                raise
            print("too late for carpel-log, which waits for some seconds only")
            log.kill()
            os.truncate(f"{DIR}/stderr", 0)
    raise AssertionError("it never waits for as long as this takes")


def held_in_time(log, i):
    s, tty, other = limited(Set(f"held{i}"), 256), limited(Set(f"tty{i}", is_tty=True), 64), Set(f"other{i}")
    lines = b"".join(b"line %d\n" % i for i in range(1 << 17))
    pid = writer(s.out, lines, [s.err])
    for some in (s, tty, other):
        log.add(some)
    size = until_full(log, s)
    os.write(s.err, b"waits too\n")
    os.write(other.out, b"goes on\n")
    until("the other's line", lambda: other.bytes() == (b"goes on\n", b""))
    assert os.stat(s.path).st_size == size and ticks(log) < 100
    log.add(s)  # a carpeld that comes anew
    assert until_full(log, s) == size
    log.kill()  # a successor writes no more into it either
    log.restart([s, tty, other])
    assert until_full(log, s) == size
    for _ in range(3):
        s.rotate()
        begin = time.monotonic()
        log.add(s)
        assert log.next() == (REOPENED, s.id)
        size = until_full(log, s)
    assert "nobody rotates it" not in log.stderr()
    until_full(log, s, size)  # nobody comes
    assert 5 <= time.monotonic() - begin < LIMIT_S
    assert "nobody rotates it" in log.stderr()
    os.truncate(f"{DIR}/stderr", 0)  # from here it is no excuse
    log.add(limited(s, 0))  # nobody will
    reap(pid)
    log.tell(DRAIN, s.id)
    log.wait_done(s)
    assert s.bytes() == (lines, b"waits too\n")
    pid = writer(tty.out, lines, [])
    until_full(log, tty)
    log.tell(DRAIN, tty.id)  # the container is dead
    log.wait_done(tty)
    end(pid)
    assert os.stat(tty.path).st_size > 65 << 10


def ticks(log):
    with open(f"/proc/{log.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


SCENARIOS = (killed_at_each_call, killed_under_load, pieces, unknown, full_disk, no_file, held)
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
{f.__name__: f for f in SCENARIOS}[sys.argv[2]]()
