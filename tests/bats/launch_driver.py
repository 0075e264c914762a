#!/usr/bin/env python3
"""Drives carpel-launch as carpeld does: owns the result socket, hands over descriptors, reaps.

  launch_driver.py run [--wait SECONDS]     a plan on standard input, one record a line
  launch_driver.py each [N]                 plans, an empty line between two: each to its end, one after the
                                            other, N times; one line each: "started CODE" (128 and its number
                                            for a signal, "ended" of a container) or as below; with
                                            DRIVER_COST set a line of what carpel-launch took, too
  launch_driver.py end SIGNAL N             a sandbox's plan, N times; sends pause the signal at once, waits
  launch_driver.py raw                      bytes of a plan on standard input, as they are
  launch_driver.py exits PAUSE N            N records of pause's exit pipe: "PID exit=CODE|signal=N"
  launch_driver.py store PAUSE put TAG FILE | list
  launch_driver.py holds PID                "yes" when it still lives

A plan may name, beside carpel-launch's own keys: pause-pid=PID (becomes a pidfd and pause-fd),
pid-target-pid=PID (pid-target-fd),
stdin-file=, stdout-file=, stderr-file= (opened here), seccomp-file=, tty=1 (a pty whose output is
printed), result-closed=dead|unwanted (nobody listens), leak=N (descriptors 20…20+N stay open in carpel-launch),
own-oom=N (carpel-launch is started with that oom_score_adj).
Prints one line: "started pid=P user=UID:GID:GROUPS host=H" or "failed code=ERRNO exit=N TEXT", then, with --wait for an
exec, "exited N" or "signalled N".
"""
import array
import ctypes
import errno
import os
import pty
import select
import signal
import socket
import struct
import sys
import time

# A slow machine has WAIT_FACTOR times as long for everything.
FACTOR = int(os.environ.get("WAIT_FACTOR", "1"))
LIMIT_S = 60 * FACTOR
REPORT = struct.Struct("ii III512I i i240s")
GROUPS_MAX = 512
libc = ctypes.CDLL(None, use_errno=True)
SYS_PIDFD_GETFD = 438
PR_SET_CHILD_SUBREAPER = 36


def launch_path():
    return os.path.join(os.environ["CARPEL_BIN"], "carpel-launch")


def pidfd_getfd(pidfd, number):
    fd = libc.syscall(SYS_PIDFD_GETFD, pidfd, number, 0)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return fd


def host_pid(pidfd):
    with open(f"/proc/self/fdinfo/{pidfd}") as f:
        for line in f:
            if line.startswith("Pid:"):
                return int(line.split()[1])
    return -1


class Plan:
    def __init__(self, text):
        self.fds = {}
        self.next = 5
        self.records = []
        self.master = -1
        self.deaf = None
        self.leaks = 0
        self.own_oom = None
        for line in text.splitlines():
            if line and not line.startswith("#"):
                self.add(*line.split("=", 1))

    def give(self, fd):
        number = self.next
        self.next += 1
        self.fds[number] = fd
        return number

    def add(self, key, value):
        if key in ("pause-pid", "pid-target-pid"):
            key, value = key[:-3] + "fd", self.give(os.pidfd_open(int(value)))
        elif key == "tty":
            self.master, slave = pty.openpty()
            key, value = "tty-fd", self.give(slave)
        elif key == "result-closed":
            self.deaf = value
            return
        elif key == "leak":
            self.leaks = int(value)
            return
        elif key == "own-oom":
            self.own_oom = value
            return
        elif key in ("stdin-file", "seccomp-file"):
            key, value = key[:-4] + "fd", self.give(os.open(value, os.O_RDONLY))
        elif key in ("stdout-file", "stderr-file"):
            fd = os.open(value, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            key, value = key[:-4] + "fd", self.give(fd)
        self.records.append(f"{key}={value}".encode())

    def bytes(self):
        return b"".join(r + b"\0" for r in self.records + [b"result-fd=4"])


def spawn(plan_bytes, fds, result, leaks=0, own_oom=None):
    plan_fd = os.memfd_create("plan", 0)
    os.write(plan_fd, plan_bytes)
    os.lseek(plan_fd, 0, os.SEEK_SET)
    wanted = {3: plan_fd, 4: result.fileno(), **fds}
    for i in range(leaks):
        wanted[20 + i] = os.open("/", os.O_RDONLY)
    high = {n: os.dup2(fd, 100 + n, inheritable=False) for n, fd in wanted.items()}
    pid = os.fork()
    if pid == 0:
        if own_oom:
            with open("/proc/self/oom_score_adj", "w") as f:
                f.write(own_oom)
        for number, fd in high.items():
            os.dup2(fd, number)
        os.execve(launch_path(), ["carpel-launch"], {})
    for fd in high.values():
        os.close(fd)
    os.close(plan_fd)
    return pid


def reports(ours):
    """Yields (kind, pid, exit code, errno, text, pidfd, user) until the other end closes."""
    while True:
        if not select.select([ours], [], [], LIMIT_S)[0]:
            sys.exit("no report in time")
        data, control, _, _ = ours.recvmsg(REPORT.size, socket.CMSG_SPACE(4))
        if not data:
            return
        fields = REPORT.unpack(data)
        if fields[0] == 5:  # a hook begins
            continue
        kind, pid, code, number, text = fields[:2] + fields[-3:]
        uid, gid, count = fields[2:5]
        user = f"{uid}:{gid}:{','.join(map(str, fields[5:5 + min(count, GROUPS_MAX)]))}"
        if count > GROUPS_MAX:
            user += f"+{count - GROUPS_MAX}"
        fds = array.array("i")
        for level, what, content in control:
            if level == socket.SOL_SOCKET and what == socket.SCM_RIGHTS:
                fds.frombytes(content[:4])
        yield kind, pid, code, number, text.split(b"\0")[0].decode(), fds[0] if fds else -1, user


def print_pty(master, pidfd):
    """What the terminal shows until the process has ended."""
    shown = b""
    while True:
        ready = select.select([master, pidfd], [], [], LIMIT_S)[0]
        if master in ready:
            try:
                chunk = os.read(master, 4096)
            except OSError:
                break
            if not chunk:
                break
            shown += chunk
        elif pidfd in ready or not ready:
            break
    sys.stdout.write(shown.decode().replace("\r\n", "\n"))


def wait_for(pid, pidfd, limit):
    if not select.select([pidfd], [], [], limit)[0]:
        sys.exit(f"process {pid} has not ended in {limit} s")
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        print("signalled", os.WTERMSIG(status))
    else:
        print("exited", os.WEXITSTATUS(status))


def check_nothing_left():
    """After a failed start no child, dead or alive, may have come to us as its subreaper."""
    try:
        sys.exit(f"a failed start left a process behind: {os.waitpid(-1, os.WNOHANG)}")
    except ChildProcessError:
        pass


def start(plan):
    """Gives carpel-launch the plan; returns its only report, None when nobody listens."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    launch = spawn(plan.bytes(), plan.fds, theirs, plan.leaks, plan.own_oom)
    theirs.close()
    for fd in plan.fds.values():
        os.close(fd)
    if plan.deaf:
        if plan.deaf == "unwanted":
            ours.send(b"\0")
        ours.close()
        print("launch", os.waitpid(launch, 0)[1] >> 8)
        return None
    seen = list(reports(ours))
    ours.close()
    _, status, usage = os.wait4(launch, 0)
    plan.cost = f"cost cpu_ms={int((usage.ru_utime + usage.ru_stime) * 1000)} rss_kib={usage.ru_maxrss}"
    if len(seen) != 1:
        sys.exit(f"{len(seen)} reports; carpel-launch ended with {status}")
    kind, _, code, number, text, _, _ = seen[0]
    if kind == 2:
        print(f"failed code={errno.errorcode.get(number, number)} exit={code} {text}")
        check_nothing_left()
        if status >> 8 != code:
            sys.exit(f"carpel-launch exited {status >> 8}, reported {code}")
        return None
    return seen[0]


def run(plan, limit, sig=0):
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    report = start(plan)
    if not report:
        return
    _, pid, _, _, _, pidfd, user = report
    print(f"started pid={pid} user={user} host={host_pid(pidfd)}")
    sys.stdout.flush()
    if sig:
        signal.pidfd_send_signal(pidfd, sig)
    if plan.master >= 0:
        print_pty(plan.master, pidfd)
    if limit:
        wait_for(pid, pidfd, limit)


def wait_as_parent_or_pause(pidfd):
    """The exit code of an exec, which is our child, or "ended" for pause's."""
    if not select.select([pidfd], [], [], LIMIT_S)[0]:
        sys.exit(f"process {host_pid(pidfd)} has not ended in {LIMIT_S} s")
    try:
        info = os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
    except ChildProcessError:
        return "ended"
    return info.si_status + (0 if info.si_code == os.CLD_EXITED else 128)


def each(plans, times):
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for text in plans.strip().split("\n\n"):
        for _ in range(times):
            signal.alarm(2 * LIMIT_S)
            plan = Plan(text)
            report = start(plan)
            if "DRIVER_COST" in os.environ:
                print(plan.cost)
            if report:
                print("started", wait_as_parent_or_pause(report[5]))
                os.close(report[5])


def raw(data):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    launch = spawn(data, {}, theirs)
    theirs.close()
    for _, _, code, number, text, _, _ in reports(ours):
        print(f"failed code={errno.errorcode.get(number, number)} exit={code} {text}")
    print("launch", os.waitpid(launch, 0)[1] >> 8)


def exits(pause, count):
    fd = pidfd_getfd(os.pidfd_open(pause), 3)
    for _ in range(count):
        if not select.select([fd], [], [], LIMIT_S)[0]:
            sys.exit("no exit record in time")
        pid, status = struct.unpack("ii", os.read(fd, 8))
        if os.WIFSIGNALED(status):
            print(f"{pid} signal={os.WTERMSIG(status)}")
        else:
            print(f"{pid} exit={os.WEXITSTATUS(status)}")


def store(pause, verb, *args):
    pidfd = os.pidfd_open(pause)
    if verb == "put":
        sock = socket.socket(fileno=pidfd_getfd(pidfd, 5))
        file = os.open(args[1], os.O_RDONLY)
        socket.send_fds(sock, [args[0].encode()], [file])
        return
    sock = socket.socket(fileno=pidfd_getfd(pidfd, 6))
    sock.setblocking(False)
    while True:
        try:
            tag, fds, _, _ = socket.recv_fds(sock, 72, 4)
        except BlockingIOError:
            return
        print(tag.decode(), os.read(fds[0], 100).decode())


def until(what, condition):
    end = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"{what}: not in {LIMIT_S} s")
        time.sleep(0.005)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def main():
    verb, args = sys.argv[1], sys.argv[2:]
    signal.alarm(2 * LIMIT_S)
    if verb == "run":
        run(Plan(sys.stdin.read()), int(args[1]) * FACTOR if args else 0)
    elif verb == "each":
        each(sys.stdin.read(), int(args[0]) if args else 1)
    elif verb == "end":
        text = sys.stdin.read()
        for _ in range(int(args[1])):
            run(Plan(text), LIMIT_S, signal.Signals["SIG" + args[0]])
    elif verb == "raw":
        raw(sys.stdin.buffer.read())
    elif verb == "exits":
        exits(int(args[0]), int(args[1]))
    elif verb == "store":
        store(int(args[0]), *args[1:])
    elif verb == "holds":
        print("yes" if is_alive(int(args[0])) else "no")
    else:
        sys.exit(__doc__)


main()
