"""carpeld's side of carpel-log, for tests, and what containers do on the other.

It holds what the pods' descriptor stores hold, so a killed carpel-log is replaced and given the same
descriptors again."""
import array
import atexit
import ctypes
import fcntl
import itertools
import os
import pty
import random
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import tty

ADD, LIST, ITEM, LIST_END, DONE, ATTACH, DRAIN, REOPEN, REOPENED, FULL = range(1, 11)
IS_TTY = 1
MESSAGE = struct.Struct("=IIII68sI")
RECORD = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z) (stdout|stderr) ([FP]) (.*)", re.DOTALL)
PIECE_MAX = 16384
EXE, DIR = os.path.abspath(sys.argv[1]), sys.argv[3]
KILLS_MAX = 1000  # of a scenario: on a loaded machine one that was just started may have read nothing yet
LIMIT_S = 60  # how long a loaded machine may take; nothing is expected to be that slow


def until(what, condition):
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.01)


def message(op, id_="", flags=0, serial=0, max_kib=0):
    return MESSAGE.pack(1, op, flags, serial, id_.encode(), max_kib)


class Log:
    """A carpel-log and the connection to it."""

    def __init__(self, fds_max=None, uid=0):
        self.path = f"{DIR}/log.sock"
        self.fds_max, self.uid = fds_max, uid
        self.process = self.sock = None
        self.done = set()
        self.reopenings = {}  # serial: the set
        self.serials = itertools.count(1)
        atexit.register(lambda: self.process.kill())  # whichever it is then
        self.start()
        self.connect()

    def start(self):
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.path.exists(self.path):
            os.unlink(self.path)
        listening.bind(self.path)
        listening.listen(8)

        def place():
            os.dup2(listening.fileno(), 3)
            if self.fds_max:
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.fds_max, self.fds_max))
            os.setresuid(self.uid, self.uid, self.uid)

        # By descriptor: what is above the program need not be open to that user.
        with open(f"{DIR}/stderr", "ab") as err, open(EXE, "rb") as exe:
            # pylint: disable-next=subprocess-popen-preexec-fn,consider-using-with
            self.process = subprocess.Popen([EXE], executable=f"/proc/self/fd/{exe.fileno()}", preexec_fn=place,
                                            pass_fds=[3, exe.fileno()], close_fds=True,
                                            stdin=subprocess.DEVNULL, stdout=err, stderr=err)
        listening.close()

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.connect(self.path)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.sock.close()

    def restart(self, sets):
        self.start()
        self.connect()
        for s in sets:
            self.add(s)

    def tell(self, op, id_="", flags=0, fds=(), serial=0, max_kib=0):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.sock.sendmsg([message(op, id_, flags, serial, max_kib)], rights)

    def add(self, s):
        flags = IS_TTY if s.is_tty else 0
        if s.next_file is None:
            self.tell(ADD, s.id, flags, s.fds, max_kib=s.max_kib)
            return
        s.serial = next(self.serials)
        self.reopenings[s.serial] = s
        self.tell(REOPEN, s.id, flags, [*s.fds, s.next_file], s.serial, s.max_kib)

    def next(self):
        ready, _, _ = select.select([self.sock], [], [], LIMIT_S)
        assert ready, "carpel-log says nothing"
        bytes_ = self.sock.recv(4096)
        if not bytes_:
            return None, None
        version, op, _, serial, id_, _ = MESSAGE.unpack(bytes_)
        assert version == 1
        if op == REOPENED:
            self.reopenings.pop(serial).reopened(serial)
        return op, id_.rstrip(b"\0").decode()

    def run_calls(self, stops, goes_on=lambda: False):
        """On to that many entries and ends of system calls; whether it was not done before.

        A message of carpel-log's is what ends it, unless goes_on(), which may read it, says no."""
        for _ in range(stops):
            ptrace(ON_TO_CALL, self.process.pid)
            while os.waitpid(self.process.pid, os.WNOHANG)[0] == 0:
                if select.select([self.sock], [], [], 0)[0] and not goes_on():
                    return False
        return True

    def wait_done(self, *sets):
        while not {s.id for s in sets} <= self.done:
            op, id_ = self.next()
            assert op in (DONE, REOPENED), op
            if op == DONE:
                self.done.add(id_)

    def attach(self, id_):
        """The socket of who is attached: nothing that is written from now on is missed there."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.tell(ATTACH, id_, fds=[theirs.fileno()])
        theirs.close()
        ours.settimeout(LIMIT_S)
        assert ours.recv(100) == b"\0"
        return ours

    def list(self):
        self.tell(LIST)
        ids = set()
        while True:
            op, id_ = self.next()
            if op == LIST_END:
                return ids
            if op == ITEM:
                ids.add(id_)
            elif op == DONE:
                self.done.add(id_)
            else:
                assert op == REOPENED

    def proc(self, name, key):
        with open(f"/proc/{self.process.pid}/{name}", encoding="ascii") as file:
            return next(line.split(":", 1)[1].split() for line in file if line.startswith(key + ":"))

    def stderr(self):
        with open(f"{DIR}/stderr", encoding="utf-8") as file:
            return file.read()


class Set:
    """The streams of one container: what carpeld makes and a pod's store keeps."""

    def __init__(self, id_, is_tty=False, directory=None, path=None):
        self.id, self.is_tty = id_, is_tty
        self.path = path or f"{directory or DIR}/{id_}.log"
        self.former, self.sizes = [], []  # renamed files, and what they had when carpel-log went on in another one
        self.next_file = None  # while it does so
        self.serial = 0
        self.max_kib = 0
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        if is_tty:
            master, self.out = pty.openpty()
            tty.setraw(self.out)
            self.fds = [file, master, *self.stage()]
            self.err = None
        else:
            out, self.out = os.pipe()
            err, self.err = os.pipe()
            self.fds = [file, out, *self.stage(), err, *self.stage()]

    @staticmethod
    def stage():
        return os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def close_writers(self):
        for fd in (self.out, self.err):
            if fd is not None:
                os.close(fd)
        self.out = self.err = None

    def staged(self):
        """Bytes that were on their way when carpel-log was killed."""
        size, total = array.array("i", [0]), 0
        for fd in self.fds[2::3]:
            fcntl.ioctl(fd, termios.FIONREAD, size)
            total += size[0]
        return total

    def rotate(self, path=None):
        """Kubelet's half of a reopening, and what carpeld does before it tells carpel-log."""
        name = f"{self.path}.{len(self.former)}"
        os.rename(self.path, name)
        self.former.append(name)
        self.path = path or self.path
        self.next_file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        os.lseek(self.next_file, 0, os.SEEK_END)

    def reopened(self, serial):
        """From now on nothing may come into the former file."""
        if serial != self.serial:
            return
        os.close(self.fds[0])
        self.fds[0], self.next_file = self.next_file, None
        self.sizes.append(os.stat(self.former[-1]).st_size)

    def drop(self):
        for fd in self.fds:
            os.close(fd)

    def lines(self):
        """Those of all its files."""
        for name in (*self.former, self.path):
            with open(name, "rb") as file:
                whole = file.read()
            assert not whole or whole.endswith(b"\n"), "the last record is not whole"
            yield from whole.split(b"\n")[:-1]

    def bytes(self):
        """What each stream got, with the form of every record checked."""
        for name, size in zip(self.former, self.sizes):
            assert os.stat(name).st_size == size, f"{name} was written on"
        got = {b"stdout": [], b"stderr": []}
        for line in self.lines():
            record = RECORD.fullmatch(line)
            assert record, line[:100]
            _, stream, tag, text = record.groups()
            assert len(text) <= PIECE_MAX
            got[stream].append(text + (b"\n" if tag == b"F" else b""))
        return b"".join(got[b"stdout"]), b"".join(got[b"stderr"])


# ---- what containers write ----

def pattern(seed, size):
    """Bytes of every awkward kind: lines of all lengths about the limits, none at all, NUL, CR, any byte."""
    rng = random.Random(seed)
    parts, total = [], 0
    while total < size:
        kind = rng.randrange(8)
        if kind == 0:
            part = b"\n" * rng.randrange(1, 3000)
        elif kind == 1:
            part = rng.randbytes(rng.randrange(1, 100000))
        elif kind == 2:
            part = b"\0\r\n\r\0"[: rng.randrange(1, 6)] * rng.randrange(1, 500)
        elif kind == 3:
            part = b"x" * (PIECE_MAX + rng.randrange(-2, 3)) + b"\n"
        elif kind == 4:
            part = b"y" * rng.randrange(1, 300000)
        elif kind == 5:
            part = b"2026-11-24T14:20:05.123456789Z stdout F not a record\n"
        else:
            part = b"".join(b"line %d of %d\n" % (i, seed) for i in range(rng.randrange(1, 2000)))
        parts.append(part)
        total += len(part)
    return b"".join(parts)[:size]


def write_all(fd, bytes_, rng, pause_s):
    view, at = memoryview(bytes_), 0
    while at < len(bytes_):
        size = rng.choice((1, 7, 100, 1000, 4096, 5000, 65536))
        at += os.write(fd, view[at:at + size])
        time.sleep(rng.random() * pause_s)


def writer(fd, bytes_, others, pause_s=0.0, packets=False, enough=None):
    """A process that writes bytes_ and dies of SIGPIPE like any other program.

    With a path in enough it writes them again and again until that is there, and ends with how often it did."""
    pid = os.fork()
    if pid:
        return pid
    LIBC.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a failed scenario leaves nobody behind
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for other in others:
        os.close(other)
    if packets:
        fcntl.fcntl(fd, fcntl.F_SETFL, os.O_WRONLY | os.O_DIRECT)
    rng, times = random.Random(len(bytes_)), 0
    while not times or enough and not os.path.exists(enough):
        write_all(fd, bytes_, rng, pause_s)
        times += 1
    os._exit(min(times, 255) if enough else 0)


def endless_writer(fd, text):
    pid = os.fork()
    if pid == 0:
        LIBC.prctl(1, signal.SIGKILL)
    while pid == 0:
        os.write(fd, text)
    return pid


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def reap(pid):
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, "a writer got a signal"


def reap_times(pid):
    """How often one of those with enough has written all."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code > 0, "a writer got a signal"
    return code


# ---- what only a debugger can do ----

ATTACH_TO, DETACH, GET_REGISTERS, SET_REGISTERS, ON_TO_CALL = 16, 17, 12, 13, 24
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in
                "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
                "fs_base gs_base ds es fs gs".split()]


def ptrace(request, pid, data=None):
    if LIBC.ptrace(request, pid, None, data) == 0:
        return
    why = os.strerror(ctypes.get_errno())
    with open(f"/proc/{pid}/status") as status:
        raise AssertionError(f"ptrace {request}: {why}\n{status.read()}")


def hold(pid):
    end_s = time.monotonic() + LIMIT_S
    while LIBC.ptrace(ATTACH_TO, pid, None, None) != 0:
        if time.monotonic() > end_s:
            ptrace(ATTACH_TO, pid)
        time.sleep(0.01)  # somebody else on this machine traces it
    os.waitpid(pid, 0)


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


def make_it_call(pid, number, *args):
    """Lets the process, which waits in the loop or is about to, make another system call in its place."""
    registers = Registers()
    until("it to wait", lambda: state(pid) == "S")
    hold(pid)
    ptrace(GET_REGISTERS, pid, ctypes.byref(registers))
    registers.rip -= 2  # the instruction that brought it there
    registers.orig_rax = ctypes.c_ulonglong(-1).value  # nothing is to be restarted
    registers.rax = number
    for name, value in zip(("rdi", "rsi", "rdx", "r10"), args):
        setattr(registers, name, value)
    ptrace(SET_REGISTERS, pid, ctypes.byref(registers))
    ptrace(DETACH, pid)
