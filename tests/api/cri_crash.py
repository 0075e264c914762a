"""carpeld without its keeper, so that nothing delays the next one; and killed at a chosen step, by ptrace.

A step is the end of a system call that changes something outside carpeld's memory, and for records on disk
also its beginning, when nothing has happened yet."""

import ctypes
import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import time

import client
from cri_client import ROOT, SOCKET, Cri, carpeld_pid, read, until

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.restype = ctypes.c_long
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
ATTACH, DETACH, ON_TO_CALL, SET_OPTIONS, GET_CALL = 16, 17, 24, 0x4200, 0x420E
MARK_CALLS, KILL_WITH_TRACER, ALL_KINDS = 1, 1 << 20, 0x40000000
CALL_TRAP = signal.SIGTRAP | 0x80
BEGINS, ENDS = 1, 2
SET_CHILD_SUBREAPER = 36
# Numbers of x86-64, and which argument is a path.
CALLS = {82: ("rename", 0), 264: ("renameat", 1), 87: ("unlink", 0), 263: ("unlinkat", 1), 83: ("mkdir", 0),
         258: ("mkdirat", 1), 84: ("rmdir", 0), 46: ("sendmsg", None), 44: ("sendto", None), 1: ("write", None),
         424: ("pidfd_send_signal", None), 276: ("tee", None)}
RECORD = re.compile(r"^\.?[0-9a-f]{64}(\..*)?$")


def ptrace(request, pid, address=None, data=None):
    result = LIBC.ptrace(request, pid, address, data)
    if result < 0:
        raise OSError(ctypes.get_errno(), "ptrace %#x" % request)
    return result


def text_at(pid, address):
    with open("/proc/%d/mem" % pid, "rb", 0) as memory:
        memory.seek(address)
        return memory.read(256).split(b"\0")[0].decode(errors="replace")


class Daemon:
    """The instance's carpeld, as a child of ours."""

    def __init__(self):
        LIBC.prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # as its keeper is
        self.end_keeper()
        self.process = None
        self.steps = 0  # of what was over before its step had come
        self.start()

    def end_keeper(self):
        pid = carpeld_pid()
        if not pid:
            return
        keeper = int(re.search(r"(?m)^PPid:\s(\d+)", read("/proc/%d/status" % pid)).group(1))
        os.kill(keeper, signal.SIGTERM)
        until("carpeld and its keeper to leave", lambda: not carpeld_pid() and self.is_free())

    def is_free(self):
        """Who is on the way out has no arguments any more, but still its files."""
        with open(ROOT + "/run/carpel/lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def start(self):
        with open(ROOT + "/var/log/carpel/carpeld.log", "ab") as log:
            self.process = subprocess.Popen(
                [client.BIN + "/carpeld", "--root", ROOT], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        self.pid = self.process.pid
        until("carpeld to listen", self.listens)
        connection = Cri()
        connection.call("Version")
        self.reap()
        return connection

    def listens(self):
        if self.process.poll() is not None:
            raise AssertionError("carpeld ended with %s" % self.process.returncode)
        self.reap()  # what it has just found and killed, too: pause waits for it
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(SOCKET)
                return True
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.reap()

    def restart(self):
        """A connection to the next one."""
        self.kill()
        return self.start()

    def reap(self):
        """What was left to us by those that were killed."""
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    # ---- step by step ----

    def hold(self):
        ptrace(ATTACH, self.pid)
        os.waitpid(self.pid, ALL_KINDS)
        ptrace(SET_OPTIONS, self.pid, None, MARK_CALLS | KILL_WITH_TRACER)

    def run_to_step(self, number, is_over):
        """After hold(): on to that step, counted from 1, and kills; its name, or None when all was over before.

        is_over() is asked while carpeld waits."""
        call, signal_, count = None, 0, 0
        while True:
            ptrace(ON_TO_CALL, self.pid, None, signal_)
            status = self.wait_stop(is_over)
            if status is None:
                self.steps = count
                return None
            signal_ = 0
            if os.WSTOPSIG(status) != CALL_TRAP:
                signal_ = os.WSTOPSIG(status)
                continue
            begins, found = self.look()
            if begins:
                call = found
            name = call if call and (not begins or call[1]) else None
            if not begins:
                call = None
            count += name is not None
            if count == number:
                self.kill()
                return "%s %s" % ("before" if begins else "after", name[0])

    def wait_stop(self, is_over):
        """None: it was over, and carpeld runs on untouched."""
        idle = 0
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG | ALL_KINDS)
            if pid:
                break
            idle += 1
            if idle > 50:
                time.sleep(0.0005)
            if idle > 20 and is_over():
                return self.let_go()
        if not os.WIFSTOPPED(status):
            self.process.returncode = -1
            raise AssertionError("carpeld ended by itself: %#x" % status)
        return status

    def let_go(self):
        os.kill(self.pid, signal.SIGSTOP)
        while True:
            _, status = os.waitpid(self.pid, ALL_KINDS)
            if os.WSTOPSIG(status) == signal.SIGSTOP:
                break
            ptrace(ON_TO_CALL, self.pid, None, 0 if os.WSTOPSIG(status) == CALL_TRAP else os.WSTOPSIG(status))
        ptrace(DETACH, self.pid)

    def look(self):
        """Whether a call begins; its name and whether it is about a record, or None."""
        info = ctypes.create_string_buffer(96)
        ptrace(GET_CALL, self.pid, len(info), ctypes.cast(info, ctypes.c_void_p))
        if info.raw[0] != BEGINS:
            return False, None
        number, *words = struct.unpack_from("<7Q", info.raw, 24)
        if number not in CALLS:
            return True, None
        name, at = CALLS[number]
        path = text_at(self.pid, words[at]) if at is not None else ""
        return True, ("%s %s" % (name, path), bool(RECORD.match(path)))
