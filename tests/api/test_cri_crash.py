"""kill -9 of carpeld at each step of each call of CRI: whatever was there is there afterwards, what was half
made is finished or gone, and the call repeated succeeds."""

import glob
import os
import random
import re
import signal
import threading
import time

import grpc

import cri_client
from cri_client import (CREATED, EXITED, GUEST, IS_SANITIZED, LIB, LOGS, NOTREADY, READY, ROOT, RUN, RUNNING, Cri, CriTest,
                        container_config, cri, pids_of, pod_config, processes, read, until)
from cri_crash import Daemon

# Every so many steps, from a random one; 1: at each.
STRIDE = int(os.environ.get("CRI_CRASH_STRIDE", "12" if IS_SANITIZED else "1"))
FIRST = int(os.environ.get("CRI_CRASH_FIRST", "0"))  # 0: a random one
SEED = int(os.environ.get("CRI_CRASH_SEED", time.time()))
LOAD_S = float(os.environ.get("CRI_CRASH_LOAD_S", "5"))
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE


class CrashTest(CriTest):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        super().setUpClass()
        cls.audit.settle = cls.daemon.reap
        os.makedirs(ROOT + "/data", exist_ok=True)

    def restart(self):
        self.cri.close()
        self.cri = self.daemon.restart()


class Steps(CrashTest):
    """The calls.  Each test makes what its call needs, kills at one step after the other, and judges."""

    def setUp(self):
        super().setUp()
        self.serial = 0
        self.random = random.Random("%d %s" % (SEED, self.id()))

    def pod(self):
        self.serial += 1
        self.config = pod_config("p%d" % self.serial, labels={"a": "grüße"})
        self.pod_id = self.cri.run(self.config)
        self.ran = "%s/data/ran%d-%s" % (ROOT, self.serial, self._testMethodName)
        return self.pod_id

    def config_of(self, name, *lines, **fields):
        """A container that notes each run of its program."""
        note = "append /data/%s x" % os.path.basename(self.ran)
        mount = cri.Mount(container_path="/data", host_path=ROOT + "/data")
        return container_config(name, "all", note, *lines, mounts=[mount], log_path=self.log_of(name), **fields)

    def log_of(self, name):
        """All tests have one directory of logs."""
        return "%s%d-%s" % (name, self.serial, self._testMethodName)

    def has_run(self):
        return len(read(self.ran)) if os.path.exists(self.ran) else 0

    def at_each_step(self, prepare, name, request, judge, killed=lambda: None):
        """request(): the call's fields; judge(made): made is its answer where it came before the kill; killed(): while
        there is no carpeld."""
        number = FIRST or self.random.randrange(1, STRIDE + 1)
        places = []
        while True:
            prepare()
            fields = request()
            self.daemon.hold()
            call = self.cri.begin(name, **fields)
            place = self.daemon.run_to_step(number, call.done)
            if place is None:
                call.result()
                break
            places.append(place)
            try:
                made = call.result()
            except grpc.RpcError as error:
                self.assertEqual(error.code(), UNAVAILABLE, error.details())
                made = None
            self.cri.close()
            with self.subTest("killed at step %d, %s, seed %d" % (number, place, SEED)):
                killed()
                self.cri = self.daemon.start()
                judge(made, fields)
            self.remove_all()
            until("its processes to end", lambda: not processes())
            number += STRIDE
        print("%s: %d kills in %d steps" % (name, len(places), number), flush=True)
        self.assertGreater(self.daemon.steps, 4)
        if os.environ.get("CRI_CRASH_VERBOSE"):
            print("\n".join(places))

    def repeat(self, name, fields):
        """The call once more, to a carpeld that must not end of it."""
        call = self.cri.begin(name, **fields)
        until("the answer of " + name, lambda: call.done() or not self.daemon.listens())
        return call.result()

    # ---- sandboxes ----

    def test_run_sandbox(self):
        def judge(made, fields):
            there = [pod for pod in self.cri.pods() if pod.state == READY]
            self.assertLessEqual(len(there), 1)
            id_ = self.repeat("RunPodSandbox", fields).pod_sandbox_id
            for known in [pod.id for pod in there] + ([made.pod_sandbox_id] if made else []):
                self.assertEqual(id_, known)
            self.assertEqual([(pod.id, pod.state) for pod in self.cri.pods()], [(id_, READY)])
            self.assertEqual(len(processes()), 1)
            self.assertEqual(dict(self.cri.pod(id_).labels), {"a": "grüße"})
            self.assertEqual(os.listdir(LIB + "/sandboxes"), [id_])
            self.assertEqual(self.cri.exec(self.started(id_, "c", "sleepy", "x"), GUEST, "print", "y").stdout, b"y\n")

        def request():
            self.serial += 1
            return {"config": pod_config("p%d" % self.serial, labels={"a": "grüße"})}

        self.at_each_step(lambda: None, "RunPodSandbox", request, judge)

    def full_pod(self):
        """With a running container, an ended one and one that never ran."""
        self.pod()
        self.ids = [self.started(self.pod_id, "a", "sleepy", "x"), self.started(self.pod_id, "b", "exit", "3"),
                    self.container(self.pod_id, "c", "sleepy", "x")]
        self.cri.wait_exited(self.ids[1])

    def test_stop_sandbox(self):
        def judge(_, fields):
            self.assertEqual(len(self.cri.containers()), 3)
            self.repeat("StopPodSandbox", fields)
            self.assertEqual([pod.state for pod in self.cri.pods()], [NOTREADY])
            status = [self.cri.status(id_) for id_ in self.ids]
            self.assertEqual([s.state for s in status], [EXITED, EXITED, CREATED])
            self.assertEqual(status[1].exit_code, 3)
            self.assertIn((status[0].exit_code, status[0].reason), ((137, "Error"), (255, "Unknown")))
            self.assertEqual(pids_of(self.pod_id), set())

        self.at_each_step(self.full_pod, "StopPodSandbox", lambda: {"pod_sandbox_id": self.pod_id}, judge)

    def test_remove_sandbox(self):
        def judge(_, fields):
            self.repeat("RemovePodSandbox", fields)
            self.assertEqual((self.cri.pods(), self.cri.containers()), ([], []))
            self.assertEqual(os.listdir(LIB + "/sandboxes") + os.listdir(LIB + "/images/leases"), [])
            self.cri.run(self.config)

        self.at_each_step(self.full_pod, "RemovePodSandbox", lambda: {"pod_sandbox_id": self.pod_id}, judge)

    # ---- containers ----

    def test_create(self):
        def request():
            return {"pod_sandbox_id": self.pod_id, "config": self.config_of("c", "sleepy on")}

        def judge(made, fields):
            there = [c.id for c in self.cri.containers()]
            id_ = self.repeat("CreateContainer", fields).container_id
            for known in there + ([made.container_id] if made else []):
                self.assertEqual(id_, known)
            self.assertEqual([(c.id, c.state) for c in self.cri.containers()], [(id_, CREATED)])
            self.assertEqual(os.listdir(LIB + "/images/leases"), [id_ + ".cri"])
            self.cri.start(id_)
            until("its run", self.has_run)

        self.at_each_step(self.pod, "CreateContainer", request, judge)

    def one(self, *lines, **fields):
        self.pod()
        self.c = self.cri.create(self.pod_id, self.config_of("c", *lines, **fields))

    def await_line(self):
        """A signal that comes earlier ends the program before it has said anything."""
        log = self.cri.status(self.c).log_path
        until("its line", lambda: os.path.exists(log) and read(log).endswith(" F on\n"))

    def running(self):
        self.one("sleepy on")
        self.cri.start(self.c)
        self.await_line()
        self.before = self.cri.status(self.c)

    def by_id(self):
        return {"container_id": self.c}

    def test_start(self):
        def judge(made, fields):
            state = self.cri.status(self.c).state
            self.assertIn(state, [RUNNING] if made else [CREATED, RUNNING])
            self.repeat("StartContainer", fields)
            self.assertEqual(self.cri.status(self.c).state, RUNNING)
            until("its run", self.has_run)
            self.assertEqual(self.has_run(), 1)
            self.assertEqual(self.cri.exec(self.c, GUEST, "print", "y").stdout, b"y\n")
            self.await_line()
            self.cri.stop(self.c, 20)
            self.assertEqual(self.cri.status(self.c).exit_code, 143)
            self.assertEqual(read(self.cri.status(self.c).log_path).split(" F ")[-1], "on\n")

        self.at_each_step(lambda: self.one("sleepy on"), "StartContainer", self.by_id, judge)

    def test_start_of_one_that_ends_at_once(self):
        def judge(made, fields):
            if not made:
                self.repeat("StartContainer", fields)
            status = self.cri.wait_exited(self.c)
            self.assertEqual((status.exit_code, status.reason), (3, "Error"))
            self.assertEqual(self.has_run(), 1)

        self.at_each_step(lambda: self.one("exit 3"), "StartContainer", self.by_id, judge)

    def test_start_of_one_whose_end_is_told_late(self):
        """Pause is held from before the start until the next carpeld has looked: nothing shows that it has run."""
        pause = None

        def prepare():
            nonlocal pause
            self.one("exit 3")
            pause, = pids_of(self.pod_id)
            os.kill(pause, signal.SIGSTOP)

        def go_on_soon():
            threading.Timer(0.4, os.kill, (pause, signal.SIGCONT)).start()

        def judge(made, fields):
            if not made:
                self.repeat("StartContainer", fields)
            self.assertEqual(self.cri.wait_exited(self.c).exit_code, 3)
            self.assertEqual(self.has_run(), 1)

        self.at_each_step(prepare, "StartContainer", self.by_id, judge, go_on_soon)
        os.kill(pause, signal.SIGCONT)

    def test_stop(self):
        def judge(made, fields):
            if made:
                self.assertEqual(self.cri.status(self.c).state, EXITED)
            self.repeat("StopContainer", dict(fields))
            status = self.cri.status(self.c)
            self.assertEqual((status.state, status.exit_code, status.reason), (EXITED, 143, "Error"))
            self.assertEqual(status.started_at, self.before.started_at)
            self.assertEqual(pids_of(self.c), set())
            self.assertEqual(read(status.log_path).split(" F ")[-1], "on\n")

        self.at_each_step(self.running, "StopContainer", lambda: {"container_id": self.c, "timeout": 30}, judge)

    def test_remove(self):
        def judge(_, fields):
            self.repeat("RemoveContainer", fields)
            self.assertEqual(self.cri.containers(), [])
            until("its processes to end", lambda: not pids_of(self.c))
            self.assertEqual(os.listdir("%s/sandboxes/%s" % (LIB, self.pod_id)), ["etc"])
            self.assertEqual(os.listdir(LIB + "/images/leases"), [])
            self.cri.start(self.cri.create(self.pod_id, self.config_of("c", "sleepy on")))

        self.at_each_step(self.running, "RemoveContainer", self.by_id, judge)

    def test_update(self):
        def request():
            resources = cri.LinuxContainerResources(memory_limit_in_bytes=32 << 20, cpu_shares=512)
            return {"container_id": self.c, "linux": resources}

        def judge(_, fields):
            self.repeat("UpdateContainerResources", fields)
            told = self.cri.status(self.c).resources.linux
            self.assertEqual((told.memory_limit_in_bytes, told.cpu_shares), (32 << 20, 512))
            self.assertEqual(self.cri.status(self.c).started_at, self.before.started_at)

        self.at_each_step(self.running, "UpdateContainerResources", request, judge)

    def test_exec(self):
        def judge(made, fields):
            if made:
                self.assertEqual(made.stdout, b"y\n")
            self.assertEqual(self.repeat("ExecSync", fields).stdout, b"y\n")
            self.assertEqual(self.cri.status(self.c).started_at, self.before.started_at)
            until("what was run before to end", lambda: len(pids_of(self.c)) == 1)

        words = [GUEST, "print", "y"]
        self.at_each_step(self.running, "ExecSync", lambda: {"container_id": self.c, "cmd": words}, judge)

    def test_reopen_log(self):
        def lines(path):
            return [int(text) for text in re.findall(r"(?m) stdout F (\d+)$", read(path))]

        def prepare():
            self.pod()
            script = "i=0; while [ ! -e {0}.stop ]; do i=$((i+1)); echo $i; done; echo $i >{0}.last".format(
                self.ran.replace(ROOT, ""))
            mounts = [cri.Mount(container_path="/bin/busybox", host_path="/bin/busybox"),
                      cri.Mount(container_path="/data", host_path=ROOT + "/data")]
            self.c = self.started(self.pod_id, "c", mounts=mounts, log_path=self.log_of("c"),
                                  command=["/bin/busybox", "sh", "-c", script])
            self.log = self.cri.status(self.c).log_path
            until("some lines", lambda: len(lines(self.log)) > 10)
            os.rename(self.log, self.log + ".old")

        def judge(made, fields):
            if made:
                self.assertTrue(os.path.exists(self.log))
            self.repeat("ReopenContainerLog", fields)
            until("it to go on in its new file", lambda: lines(self.log))
            with open(self.ran + ".stop", "w"):
                pass
            self.assertEqual(self.cri.wait_exited(self.c).exit_code, 0)
            both = lines(self.log + ".old") + lines(self.log)
            self.assertEqual(both, list(range(1, int(read(self.ran + ".last")) + 1)))

        self.at_each_step(prepare, "ReopenContainerLog", self.by_id, judge)

    def test_exit_by_itself(self):
        """No call is under way: steps are counted while an exit becomes known."""
        def judge(_, fields):
            status = self.cri.wait_exited(self.c)
            self.assertEqual((status.exit_code, status.reason), (7, "Error"))
            self.assertEqual(read(status.log_path).count(" stdout F last\n"), 1)
            self.assertEqual(status.started_at, self.before.started_at)

        def prepare():
            self.pod()
            self.c = self.started(self.pod_id, "c", "all", "print last", "nap 100", "exit 7", log_path=self.log_of("c"))
            self.before = self.cri.status(self.c)

        number, kills, late = self.random.randrange(1, STRIDE + 1), 0, 0
        while True:
            prepare()
            end = time.monotonic() + 0.6
            self.daemon.hold()
            place = self.daemon.run_to_step(number, lambda: time.monotonic() > end)
            with self.subTest("killed at step %d, %s, seed %d" % (number, place, SEED)):
                if place:
                    self.cri.close()
                    self.cri = self.daemon.start()
                judge(None, None)
            self.remove_all()
            if place is None:
                if self.daemon.steps:
                    break
                late += 1  # it had ended before carpeld was held
                self.assertLess(late, 20)
                continue
            kills += 1
            number += STRIDE
        print("exit: %d kills in %d steps" % (kills, number), flush=True)


class Load(CrashTest):
    """Kills at random moments while clients make, fill and remove sandboxes."""

    def client(self, number, end, failures):
        """Whole lives, each call repeated until it is answered."""
        connection = Cri()

        def call(name, **fields):
            nonlocal connection
            while True:
                try:
                    return connection.call(name, **fields)
                except grpc.RpcError as error:
                    if error.code() != UNAVAILABLE:
                        raise
                    connection.close()
                    time.sleep(0.02)
                    connection = Cri()

        try:
            serial = 0
            while time.monotonic() < end:
                serial += 1
                config = pod_config("l%d-%d" % (number, serial))
                pod = call("RunPodSandbox", config=config).pod_sandbox_id
                ended, c = (call("CreateContainer", pod_sandbox_id=pod, config=one).container_id for one in (
                    container_config("e", "exit", "5"), container_config("s", "sleepy", "x")))
                try:
                    call("StartContainer", container_id=ended)
                except grpc.RpcError as error:
                    # Its answer was on the way when its program ended and carpeld was killed.
                    if "has exited" not in error.details():
                        raise
                call("StartContainer", container_id=c)
                until("the exit", lambda: call("ContainerStatus", container_id=ended).status.state == EXITED)
                status = call("ContainerStatus", container_id=ended).status
                if status.exit_code != 5:
                    failures.append("an exit that is none: %s" % status)
                other = call("ContainerStatus", container_id=c).status
                if other.state != RUNNING:
                    failures.append("the other container does not run: %s" % other)
                call("StopContainer", container_id=c, timeout=20)
                if serial % 2:
                    call("StopPodSandbox", pod_sandbox_id=pod)
                call("RemovePodSandbox", pod_sandbox_id=pod)
        except Exception as error:  # told by the test
            failures.append(repr(error)[:500])
        connection.close()

    def test_random_kills(self):
        chance, failures = random.Random(SEED), []
        end = time.monotonic() + LOAD_S
        clients = [threading.Thread(target=self.client, args=(n, end, failures)) for n in range(4)]
        for one in clients:
            one.start()
        kills = 0
        while any(one.is_alive() for one in clients):
            time.sleep(chance.uniform(0.05, 0.7))
            self.daemon.restart().close()
            kills += 1
        for one in clients:
            one.join()
        self.cri.close()
        self.cri = Cri()
        print("%d kills under load, seed %d" % (kills, SEED), flush=True)
        self.assertEqual(failures, [])
        self.assertEqual((self.cri.pods(), self.cri.containers()), ([], []))
