"""What a hostile container, a hostile image or a careless client of CRI tries, and what it gets."""

import contextlib
import os
import resource
import socket
import time

import grpc

from cri_client import (GUEST, IS_SANITIZED, LIB, LOGS, ROOT, RUNNING, WAIT_S, carpeld_pid, cri, frozen, instance_cgroup,
                        launcher, pod_config, read, request_of, resident_kib, until)
from test_cri_containers import InSandbox
from test_cri_exec import BUSYBOX, shell


class Attack(InSandbox):
    def soon(self, name, **fields):
        """A call that must not hang, whatever comes of it."""
        return getattr(self.cri.runtime, name)(request_of(name)(**fields), timeout=WAIT_S, wait_for_ready=True)

    def refused(self, text, name, **fields):
        with self.assertRaises(grpc.RpcError) as caught:
            self.soon(name, **fields)
        self.assertIn(caught.exception.code(), (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNKNOWN))
        self.assertIn(text, caught.exception.details())


def plant(path, kind):
    """Something that is no regular file, as a container with a log's directory could put there."""
    if os.path.lexists(path):
        os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        os.mkdir(path)
    elif kind == "socket":
        # The name is longer than an address may be.
        here = os.open(os.path.dirname(path), os.O_PATH)
        with socket.socket(socket.AF_UNIX) as s:
            s.bind("/proc/self/fd/%d/%s" % (here, os.path.basename(path)))
        os.close(here)
    elif kind == "zero":
        os.mknod(path, 0o20666, os.makedev(1, 5))
    else:
        os.symlink(kind, path)


class Hunted(Attack):
    def test_what_enters_a_container_is_not_to_be_had_by_it(self):
        """The hunter is tests/bin/guest_attack.c."""
        times = 1000 if os.environ.get("SECURITY_FULL") else 15
        c = self.begin("h", "hunt", "ptrace", "vm", "mem", "fd", "root", "cwd", "environ", "exe", "maps",
                       image="quiet", log_path="h.log", security={"capabilities": {"drop_capabilities": ["ALL"]}})
        until("the hunter", lambda: "hunting" in read(LOGS + "/h.log"))
        for n in range(100 * times):
            self.assertEqual(self.cri.exec(c, GUEST + "-quiet", "exit", "0").exit_code, 0)
            if n >= times and "met" in read(LOGS + "/h.log"):
                break
        self.cri.stop(c, timeout_s=10)
        said = until("what it says", lambda: read(LOGS + "/h.log") if "seen" in read(LOGS + "/h.log") else None)
        self.assertNotIn("caught", said)
        self.assertNotIn("seen 0", said)


class Changed(Attack):
    """Containers that change what an exec looks at; the image is made by tests/bats/security_pods.bats."""

    def changed(self, name, act):
        return self.begin(name, image="changing", log_path=name + ".log",
                          command=[BUSYBOX, "sh", "-c", act + " && exec /bin/guest sleepy up"])

    def test_an_exec_is_refused(self):
        for name, act, text in (("passwd", "B rm /etc/passwd && B mkfifo /etc/passwd", "etc/passwd is no regular file"),
                                ("dir", "B rmdir /w/d && B ln -s /proc/self/fd/5 /w/d", "working directory: open /w/d")):
            id_ = self.changed(name, act.replace("B", BUSYBOX))
            until("its change", lambda name=name: "up" in read(LOGS + "/%s.log" % name))
            self.refused(text, "ExecSync", container_id=id_, cmd=[GUEST, "report"])


class Logs(Attack):
    KINDS = ("fifo", "directory", "socket", "zero", ROOT + "/sentinel")

    def setUp(self):
        super().setUp()
        with open(ROOT + "/sentinel", "w") as file:
            file.write("untouched")

    def test_a_log_that_is_no_file_starts_nothing(self):
        for i, kind in enumerate(self.KINDS):
            plant(LOGS + "/planted.log", kind)
            id_ = self.make("c%d" % i, "sleepy", "x", log_path="planted.log")
            self.refused("planted.log", "StartContainer", container_id=id_)
        self.assertEqual(read(ROOT + "/sentinel"), "untouched")

    def test_a_directory_of_logs_that_is_a_link(self):
        """As a container that collects logs could make it; the client's own directory may be one."""
        os.makedirs(ROOT + "/elsewhere")
        os.symlink(ROOT + "/elsewhere", LOGS + "/link")
        id_ = self.make("c", "print", "x", log_path="link/c.log")
        self.refused("link/c.log", "StartContainer", container_id=id_)
        id_ = self.make("d", "print", "x", log_path="a/b/c/c.log")
        self.soon("StartContainer", container_id=id_)
        self.cri.wait_exited(id_)
        self.assertIn(" x", read(LOGS + "/a/b/c/c.log"))
        self.assertEqual(os.listdir(ROOT + "/elsewhere"), [])
        pod, _ = self.sandbox("q", log_directory=LOGS + "/link")
        id_ = self.started(pod, "c", "print", "x", log_path="c.log")
        self.cri.wait_exited(id_)
        self.assertEqual(os.listdir(ROOT + "/elsewhere"), ["c.log"])

    def test_a_log_that_becomes_no_file_is_not_reopened(self):
        id_ = self.begin("c", "echo", log_path="c.log", command=[BUSYBOX, "sh", "-c", "while echo tick; do sleep 0.1; done"],
                         **shell())
        os.rename(LOGS + "/c.log", LOGS + "/c.old")
        for kind in self.KINDS:
            plant(LOGS + "/c.log", kind)
            self.refused("c.log", "ReopenContainerLog", container_id=id_)
        os.unlink(LOGS + "/c.log")
        self.soon("ReopenContainerLog", container_id=id_)
        until("the log to go on", lambda: "tick" in read(LOGS + "/c.log"))
        self.assertEqual(read(ROOT + "/sentinel"), "untouched")


class Cgroups(Attack):
    def test_a_parent_that_can_be_none(self):
        """An answer at once, and no sandbox that cannot end."""
        for parent in ("/a" * 1500, "/x\ny", "/" + "x" * 256, "/" + "a/" * 200):
            self.refused("cgroup_parent", "RunPodSandbox", config=pod_config("odd", parent=parent))
        for parent in ("/cgroup.procs", "/%s/cgroup.procs/a" % instance_cgroup(), "/%s/tasks" % instance_cgroup()):
            self.refused("Not a directory", "RunPodSandbox", config=pod_config("file", parent=parent))


class Seccomp(Attack):
    PROFILE = ROOT + "/profile.json"

    def write(self, text):
        with open(self.PROFILE + ".new", "w") as file:
            file.write(text)
        os.rename(self.PROFILE + ".new", self.PROFILE)

    def confined(self, name):
        profile = cri.SecurityProfile(profile_type=cri.SecurityProfile.Localhost, localhost_ref=self.PROFILE)
        return self.make(name, "sleepy", "x", security={"seccomp": profile})

    def test_a_profile_that_is_no_file_holds_nobody(self):
        for i, kind in enumerate(("fifo", "zero", "directory", "socket")):
            plant(self.PROFILE, kind)
            id_ = self.confined("c%d" % i)
            self.refused(self.PROFILE, "StartContainer", container_id=id_)
            self.soon("Version")
        os.rmdir(self.PROFILE) if os.path.isdir(self.PROFILE) else os.unlink(self.PROFILE)

    def test_an_exec_has_the_filter_of_the_start(self):
        """Whatever became of the profile's file: a probe must not fail, or be freer, by that."""
        deny = '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], ' \
            '"action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}'
        self.write(deny)
        id_ = self.confined("c")
        self.cri.start(id_)
        blocked = lambda: self.cri.exec(id_, GUEST, "mkdir", "/tmp/x").stdout
        self.assertIn(b"ENOSPC", blocked())
        for text in ('{"defaultAction": "SCMP_ACT_ALLOW"}', "no profile", None):
            if text:
                self.write(text)
            else:
                os.unlink(self.PROFILE)
            self.assertIn(b"ENOSPC", blocked())
        self.kill_carpeld()
        self.assertIn(b"ENOSPC", blocked())


class Floods(Attack):
    def test_output_of_many_commands_shares_a_bound(self):
        id_ = self.begin("c", "sleepy", "x", **shell())
        pid = carpeld_pid()
        text = "head -c 9000000 /dev/zero; head -c 9000000 /dev/zero >&2; sleep 1"
        calls = [self.cri.begin("ExecSync", container_id=id_, cmd=[BUSYBOX, "sh", "-c", text]) for _ in range(10)]
        before = most = resident_kib(pid)
        while not any(call.done() for call in calls):
            most = max(most, resident_kib(pid))
            time.sleep(0.1)
        self.assertGreater(most, before + (8 << 10))
        if not IS_SANITIZED:  # it keeps what is freed for a while
            self.assertLess(most, 128 << 10)
        for call in calls:
            call.exception()
        # What one keeps is nothing of what the next may.
        answer = self.cri.exec(id_, BUSYBOX, "head", "-c", "8000000", "/dev/zero")
        self.assertEqual(len(answer.stdout), 8000000)


class FullDisk(Attack):
    """All of the instance is on one small file system."""

    def fill(self):
        with open(LIB + "/fill", "wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(b"x" * 4096):
                    pass

    def test_every_call_says_so_or_works(self):
        full = "No space left on device"
        runs = self.begin("a", "sleepy", "x", log_path="a.log", **shell())
        waits = self.make("b", "sleepy", "x")
        self.fill()
        self.fails("RESOURCE_EXHAUSTED", full, of=lambda: self.cri.run(pod_config("q")))
        self.fails("RESOURCE_EXHAUSTED", full, of=lambda: self.container(self.pod, "c", "sleepy", "x"))
        self.fails("UNKNOWN", full, of=lambda: self.cri.start(waits))
        self.assertEqual({c.id for c in self.cri.containers()}, {runs, waits})
        self.assertEqual(self.cri.exec(runs, BUSYBOX, "echo", "x").stdout, b"x\n")
        resources = cri.LinuxContainerResources(memory_limit_in_bytes=100 << 20)
        update = lambda: self.cri.call("UpdateContainerResources", container_id=runs, linux=resources)
        self.fails("RESOURCE_EXHAUSTED", full, of=update)
        self.assertFalse(self.cri.status(runs).resources.linux.memory_limit_in_bytes)
        self.kill_carpeld()
        self.assertEqual(self.cri.status(runs).state, RUNNING)
        self.cri.stop(runs)
        self.assertEqual(self.cri.status(runs).exit_code, 137)
        self.cri.remove(runs)
        self.cri.stop_pod(self.pod)
        self.cri.remove_pod(self.pod)
        self.assertEqual(self.cri.pods(), [])
        os.unlink(LIB + "/fill")
        pod, _ = self.sandbox("q")
        self.started(pod, "c", "sleepy", "x")


class Queues(Attack):
    def test_many_starts_that_fail_at_once(self):
        """They wait for the first, and fail one after the other: with a small stack, so that few are enough."""
        keeper = int(read("/proc/%d/stat" % carpeld_pid()).rsplit(")", 1)[1].split()[1])
        resource.prlimit(keeper, resource.RLIMIT_STACK, (192 << 10, 192 << 10))
        self.kill_carpeld()
        pid = carpeld_pid()
        with open(LOGS + "/file", "w"):
            pass
        first = self.make("first", "sleepy", "x")
        others = [self.make("c%d" % i, "sleepy", "x", log_path="file/x.log") for i in range(300)]
        clients = [self.connect() for _ in range(10)]
        with frozen(until("the launcher", launcher)):
            calls = [self.cri.begin("StartContainer", container_id=first)]
            self.cri.status(first)  # so it has come, and waits
            calls += [clients[i % 10].begin("StartContainer", container_id=id_) for i, id_ in enumerate(others)]
            for client in clients:
                client.call("Version")
            self.assertFalse(any(call.done() for call in calls))
        for call in calls[1:]:
            self.assertIn("Not a directory", call.exception().details())
        self.assertEqual(carpeld_pid(), pid)


class Paths(Attack):
    def test_a_deep_working_directory_takes_no_time(self):
        id_ = self.make("c", "sleepy", "x", working_dir="/a" * 800)
        self.soon("StartContainer", container_id=id_)
        self.assertEqual(self.cri.status(id_).state, RUNNING)
