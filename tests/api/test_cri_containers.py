"""Containers by CRI: their life, repeats of each call, errors, filters, stops, and what their status says."""

import os
import time

import grpc

import cri_client
from cri_client import (CONTAINER, CREATED, EXITED, GUEST, LIB, LOGS, NODE, ROOT, RUNNING, CriTest, cgroup_v2,
                        container_config, cri, pids_of, state, until)
from test_cri_pods import ODD


class InSandbox(CriTest):
    def setUp(self):
        super().setUp()
        self.pod, self.config = self.sandbox("p")

    def make(self, name, *words, **fields):
        return self.container(self.pod, name, *words, **fields)

    def begin(self, name, *words, **fields):
        return self.started(self.pod, name, *words, **fields)

    def ready(self, name, *words, says, **fields):
        """One that has said that: a signal that comes earlier finds no handler yet."""
        id_ = self.begin(name, *words, log_path=name + ".log", **fields)
        until("it to be ready", lambda: says in cri_client.read("%s/%s.log" % (LOGS, name)))
        return id_


class Life(InSandbox):
    def test_whole_life(self):
        config = container_config("c", "sleepy", "x", attempt=3, labels=ODD, annotations=ODD, log_path="c/3.log")
        config.image.user_specified_image = "docker.io/library/guest:latest"
        config.image.annotations["a"] = "b"
        os.makedirs(LOGS + "/c", exist_ok=True)
        before = time.time_ns()
        id_ = self.cri.create(self.pod, config, self.config)
        self.assertRegex(id_, "^[0-9a-f]{64}$")
        made = self.cri.status(id_)
        image = self.cri.call("ImageStatus", image=cri.ImageSpec(image="guest")).image
        self.assertEqual((made.id, made.state, made.metadata), (id_, CREATED, config.metadata))
        self.assertTrue(before <= made.created_at <= time.time_ns())
        self.assertEqual((made.started_at, made.finished_at, made.exit_code, made.reason), (0, 0, 0, ""))
        self.assertEqual((made.image_id, made.image_ref), (image.id, image.id))
        self.assertIn(made.image.image, image.repo_tags)
        self.assertEqual(made.image.user_specified_image, config.image.user_specified_image)
        self.assertEqual(dict(made.image.annotations), {"a": "b"})
        self.assertEqual((dict(made.labels), dict(made.annotations)), (ODD, ODD))
        self.assertEqual(made.log_path, LOGS + "/c/3.log")
        self.assertEqual(made.stop_signal, cri.SIGNAL_SIGTERM)
        self.assertEqual(pids_of(id_), set())
        self.cri.start(id_)
        running = self.cri.status(id_)
        self.assertEqual((running.state, running.finished_at), (RUNNING, 0))
        self.assertTrue(made.created_at <= running.started_at <= time.time_ns())
        self.assertEqual(len(pids_of(id_)), 1)
        (item,) = self.cri.containers()
        self.assertEqual(item.pod_sandbox_id, self.pod)
        for field in ("id", "metadata", "image", "image_ref", "image_id", "state", "created_at", "labels", "annotations"):
            self.assertEqual(getattr(item, field), getattr(running, field), field)
        self.cri.stop(id_, 10)
        ended = self.cri.status(id_)
        self.assertEqual((ended.state, ended.exit_code, ended.reason, ended.message), (EXITED, 143, "Error", ""))
        self.assertTrue(running.started_at == ended.started_at <= ended.finished_at <= time.time_ns())
        self.assertEqual(ended.created_at, made.created_at)
        self.cri.remove(id_)
        self.assertEqual(self.cri.containers(), [])
        self.fails("NOT_FOUND", id_, of=lambda: self.cri.status(id_))

    def test_verbose_status(self):
        id_ = self.begin("c", "sleepy", "x")
        self.assertTrue(self.cri.call("ContainerStatus", container_id=id_, verbose=True).info)
        self.assertEqual(dict(self.cri.call("ContainerStatus", container_id=id_).info), {})

    def test_repeats(self):
        id_ = self.make("c", "sleepy", "x")
        for _ in range(3):
            self.cri.start(id_)
        self.assertEqual(len(pids_of(id_)), 1)
        for _ in range(3):
            self.cri.stop(id_)
        self.fails("FAILED_PRECONDITION", id_, "started once", of=lambda: self.cri.start(id_))
        for _ in range(3):
            self.cri.remove(id_)
        for unknown in (id_, "0" * 64, "nobody"):
            self.cri.stop(unknown)
            self.cri.remove(unknown)
            self.fails("NOT_FOUND", unknown, of=lambda: self.cri.start(unknown))
            self.fails("NOT_FOUND", unknown, of=lambda: self.cri.status(unknown))
            self.fails("NOT_FOUND", unknown, of=lambda: self.cri.exec(unknown, GUEST, "env"))
            self.fails("NOT_FOUND", unknown, of=lambda: self.cri.call("ReopenContainerLog", container_id=unknown))
            self.fails("NOT_FOUND", unknown, of=lambda: self.cri.call("ContainerStats", container_id=unknown))
        for name in ("StartContainer", "StopContainer", "RemoveContainer", "ContainerStatus", "ExecSync",
                     "ReopenContainerLog", "UpdateContainerResources", "ContainerStats"):
            self.fails("INVALID_ARGUMENT", "id: Required", of=lambda: self.cri.call(name))

    def test_one_name(self):
        config = container_config("c", "sleepy", "x")
        id_ = self.cri.create(self.pod, config)
        self.fails("ALREADY_EXISTS", id_, of=lambda: self.cri.create(self.pod, config))
        self.cri.stop(id_)
        again = container_config("c", "sleepy", "x", attempt=1)
        self.assertNotEqual(self.cri.create(self.pod, again), id_)
        self.cri.remove(id_)
        self.assertNotEqual(self.cri.create(self.pod, config), id_)

    def test_unknown_sandbox_and_image(self):
        config = container_config("c", "sleepy", "x")
        self.fails("NOT_FOUND", "nowhere", of=lambda: self.cri.create("nowhere", config))
        self.fails("NOT_FOUND", "no-such-image", of=lambda: self.make("c", "x", image="no-such-image"))
        self.assertEqual(self.cri.containers(), [])
        id_ = self.cri.create(self.pod[:20], config)
        self.assertEqual(self.cri.status(id_[:20]).id, id_)

    def test_image_by_every_reference(self):
        image = self.cri.call("ImageStatus", image=cri.ImageSpec(image="guest")).image
        for n, name in enumerate([image.id, *image.repo_tags, *image.repo_digests]):
            id_ = self.make("i%d" % n, "sleepy", "x", image=name)
            self.assertEqual(self.cri.status(id_).image_id, image.id, name)

    def test_starts_in_a_row(self):
        """In a sandbox one start is under way at a time; the others wait and lose nothing."""
        ids = [self.make("c%d" % n, "sleepy", "x") for n in range(8)]
        calls = [self.cri.begin("StartContainer", container_id=id_) for id_ in ids for _ in range(2)]
        for call in calls:
            call.result()
        self.assertEqual({c.state for c in self.cri.containers()}, {RUNNING})
        for id_ in ids:
            self.assertEqual(len(pids_of(id_)), 1)

    def test_stops_while_starting(self):
        for n in range(6):
            id_ = self.make("c%d" % n, "sleepy", "x")
            call = self.cri.begin("StartContainer", container_id=id_)
            time.sleep(0.0005 * n)
            self.cri.stop(id_)
            error = call.exception()
            if error:
                self.assertEqual(error.code(), grpc.StatusCode.CANCELLED, error.details())
            status = self.cri.status(id_)
            self.assertIn((status.state, status.exit_code), ((CREATED, 0), (EXITED, 137)))
            until("its processes to end", lambda: not pids_of(id_))

    def test_remove_of_a_running_one(self):
        ids = [self.begin("a", "stubborn", "x"), self.begin("b", "family", "4")]
        self.audit.note()
        for id_ in ids:
            self.cri.remove(id_)
            until("its processes to end", lambda: not pids_of(id_))
        self.assertEqual(self.cri.containers(), [])
        self.assertEqual(os.listdir("%s/sandboxes/%s" % (LIB, self.pod)), ["etc"])

    def test_filters(self):
        other, _ = self.sandbox("other")
        ids = [self.begin("r", "sleepy", "x", labels={"app": "a", "n": "0"}),
               self.make("w", "sleepy", "x", labels={"app": "a", "n": "1"}),
               self.started(other, "o", "exit", "0", labels={"app": "a", "n": "1"}),
               self.container(other, "x", "sleepy", "x", labels={"app": "b"})]
        self.cri.wait_exited(ids[2])

        def numbers(**filter_):
            return sorted(ids.index(container.id) for container in self.cri.containers(**filter_))

        self.assertEqual(numbers(), [0, 1, 2, 3])
        self.assertEqual(len(self.cri.call("ListContainers").containers), 4)
        self.assertEqual([container.id for container in self.cri.containers()], ids[::-1])
        self.assertEqual(numbers(id=ids[1]), [1])
        self.assertEqual(numbers(id=ids[1][:20]), [1])
        self.assertEqual(numbers(id="none"), [])
        self.assertEqual(numbers(pod_sandbox_id=self.pod), [0, 1])
        self.assertEqual(numbers(pod_sandbox_id=other[:20]), [2, 3])
        self.assertEqual(numbers(state=state(RUNNING)), [0])
        self.assertEqual(numbers(state=state(CREATED)), [1, 3])
        self.assertEqual(numbers(state=state(EXITED)), [2])
        self.assertEqual(numbers(label_selector={"app": "a"}), [0, 1, 2])
        self.assertEqual(numbers(label_selector={"app": "a", "n": "1"}), [1, 2])
        self.assertEqual(numbers(label_selector={"app": "a", "n": "1"}, pod_sandbox_id=other), [2])
        self.assertEqual(numbers(label_selector={"app": "a"}, pod_sandbox_id=other, state=state(CREATED)), [])
        self.assertEqual(numbers(id=ids[0], pod_sandbox_id=other), [])


class Stops(InSandbox):
    def deaf(self):
        """By a name whose log no other test has."""
        return self.ready("deaf-" + self._testMethodName, "stubborn", "ready", says=" F ready\n")

    def test_signal_then_kill(self):
        polite, deaf = self.begin("polite", "sleepy", "x"), self.deaf()
        self.cri.stop(polite, 60)
        self.assertEqual(self.cri.status(polite).exit_code, 143)
        began = time.monotonic()
        self.cri.stop(deaf, 1)
        self.assertGreaterEqual(time.monotonic() - began, 1)
        status = self.cri.status(deaf)
        self.assertEqual((status.exit_code, status.reason), (137, "Error"))
        now = self.begin("now", "sleepy", "x")
        self.cri.stop(now, 0)
        self.assertEqual(self.cri.status(now).exit_code, 137)
        self.cri.stop(self.make("unborn", "sleepy", "x"), 60)

    def test_signal_of_its_own(self):
        id_ = self.ready("signal", "catch", says="listening", stop_signal=cri.SIGNAL_SIGUSR1)
        self.assertEqual(self.cri.status(id_).stop_signal, cri.SIGNAL_SIGUSR1)
        self.cri.stop(id_, 60)
        self.assertEqual(self.cri.status(id_).exit_code, 0)
        self.assertIn("signal %d\n" % 10, cri_client.read(LOGS + "/signal.log"))

    def test_signal_only_once(self):
        """However many ask for its end."""
        id_ = self.ready("once", "catch", "all", says="listening")
        calls = [self.cri.begin("StopContainer", container_id=id_, timeout=n) for n in (600, 500, 2, 2, 300)]
        for call in calls:
            call.result(cri_client.WAIT_S)
        self.assertEqual(self.cri.status(id_).exit_code, 137)
        self.assertEqual(cri_client.read(LOGS + "/once.log").count("signal 15\n"), 1)

    def test_shorter_timeout_wins(self):
        id_ = self.deaf()
        long = self.cri.begin("StopContainer", container_id=id_, timeout=600)
        time.sleep(0.2)
        self.assertFalse(long.done(), long.done() and long.exception())
        self.cri.stop(id_, 1)
        long.result(cri_client.WAIT_S)
        self.assertEqual(self.cri.status(id_).exit_code, 137)

    def test_longer_timeout_does_not(self):
        id_ = self.deaf()
        short = self.cri.begin("StopContainer", container_id=id_, timeout=1)
        self.cri.call("StopContainer", container_id=id_, timeout=600)
        short.result(cri_client.WAIT_S)
        self.assertEqual(self.cri.status(id_).exit_code, 137)

    def test_cancelled_stop_goes_on(self):
        id_ = self.ready("goes", "catch", "all", says="listening")
        call = self.cri.begin("StopContainer", container_id=id_, timeout=1)
        until("the stop to begin", lambda: "signal 15" in cri_client.read(LOGS + "/goes.log"))
        call.cancel()
        self.assertEqual(self.cri.wait_exited(id_).exit_code, 137)

    def test_all_of_it_ends(self):
        for n, options in enumerate(({"pid": CONTAINER}, {}, {"pid": NODE})):
            id_ = self.begin("c%d" % n, "family", "5", options=options) if n < 2 else self.in_node()
            until("the family", lambda: len(pids_of(id_)) == 6)
            self.audit.note()
            self.cri.stop(id_, 10)
            until("the family to end", lambda: not pids_of(id_))

    def in_node(self):
        pod, _ = self.sandbox("node", options={"pid": NODE})
        return self.started(pod, "n", "family", "5", options={"pid": NODE})


class Ends(InSandbox):
    """Exit codes and reasons."""

    def end(self, name, *words, **fields):
        return self.cri.wait_exited(self.begin(name, *words, **fields))

    def test_codes(self):
        for code in (0, 1, 3, 127, 255):
            status = self.end("e%d" % code, "exit", str(code))
            self.assertEqual((status.exit_code, status.reason), (code, "Error" if code else "Completed"))
            self.assertTrue(0 < status.started_at <= status.finished_at)

    def test_signal(self):
        id_ = self.begin("c", "stubborn", "x")
        (pid,) = pids_of(id_)
        os.kill(pid, 9)
        status = self.cri.wait_exited(id_)
        self.assertEqual((status.exit_code, status.reason), (137, "Error"))

    def test_out_of_memory(self):
        status = self.end("c", "eat", "200", resources={"memory_limit_in_bytes": 20 << 20})
        self.assertEqual((status.exit_code, status.reason), (137, "OOMKilled"))

    def test_what_cannot_start(self):
        for n, command in enumerate((["/no/such/program"], ["/etc"], ["not-in-path"])):
            id_ = self.make("c%d" % n, command=command)
            text = self.fails("UNKNOWN", command[0], of=lambda: self.cri.start(id_))
            status = self.cri.status(id_)
            self.assertEqual((status.state, status.reason), (EXITED, "StartError"))
            self.assertNotEqual(status.exit_code, 0)
            self.assertEqual(status.message, text)
            self.assertTrue(0 < status.started_at <= status.finished_at)
            self.assertEqual(pids_of(id_), set())
            self.fails("FAILED_PRECONDITION", id_, of=lambda: self.cri.start(id_))


class Status(InSandbox):
    def test_user(self):
        security = {"run_as_user": cri.Int64Value(value=1000), "run_as_group": cri.Int64Value(value=3000),
                    "supplemental_groups": [50000, 1234]}
        user = self.cri.status(self.begin("a", "sleepy", "x", security=security)).user.linux
        self.assertEqual((user.uid, user.gid, list(user.supplemental_groups)), (1000, 3000, [1234, 3000, 50000]))
        strict = dict(security, supplemental_groups_policy=cri.Strict)
        user = self.cri.status(self.begin("b", "sleepy", "x", security=strict)).user.linux
        self.assertEqual(list(user.supplemental_groups), [1234, 3000, 50000])
        user = self.cri.status(self.begin("c", "sleepy", "x")).user.linux
        self.assertEqual((user.uid, user.gid), (0, 0))
        self.assertFalse(self.cri.status(self.make("d", "sleepy", "x")).HasField("user"))

    def test_mounts(self):
        os.makedirs(ROOT + "/data", exist_ok=True)
        with open(ROOT + "/data/file", "w") as file:
            file.write("grüße\n")
        mounts = [cri.Mount(container_path="/data", host_path=ROOT + "/data", readonly=True),
                  cri.Mount(container_path="/dev/termination-log", host_path=ROOT + "/data/file"),
                  cri.Mount(container_path="/deep/new", host_path=ROOT + "/data")]
        id_ = self.begin("c", "sleepy", "x", mounts=mounts)
        self.assertEqual(list(self.cri.status(id_).mounts), mounts)
        self.assertEqual(self.cri.exec(id_, GUEST, "cat", "/deep/new/file").stdout, "grüße\n".encode())
        self.assertEqual(self.cri.exec(id_, GUEST, "write", "/data/no", "x").stdout, b"/data/no EROFS\n")
        self.cri.exec(id_, GUEST, "write", "/dev/termination-log", "last words")
        self.assertEqual(cri_client.read(ROOT + "/data/file"), "last words")
        self.fails("INVALID_ARGUMENT", "mounts[0].container_path",
                   of=lambda: self.make("d", "x", mounts=[cri.Mount(host_path="/tmp")]))

    def test_resources(self):
        resources = {"cpu_period": 100000, "cpu_quota": 50000, "cpu_shares": 512, "memory_limit_in_bytes": 64 << 20,
                     "oom_score_adj": 500, "cpuset_cpus": "0"}
        id_ = self.make("c", "sleepy", "x", resources=resources)
        for _ in range(2):
            told = self.cri.status(id_).resources.linux
            for field, value in resources.items():
                self.assertEqual(getattr(told, field), value, field)
            self.cri.start(id_)
        (pid,) = pids_of(id_)
        self.assertEqual(cri_client.read("/proc/%d/oom_score_adj" % pid).strip(), "500")

    def test_environment(self):
        envs = [cri.KeyValue(key="A", value=b"b=c"), cri.KeyValue(key="U", value="grüße".encode()), cri.KeyValue(key="E")]
        id_ = self.begin("c", "sleepy", "x", envs=envs, working_dir="/tmp")
        lines = self.cri.exec(id_, GUEST, "env").stdout.decode().splitlines()
        for line in ("A=b=c", "U=grüße", "E="):
            self.assertIn(line, lines)
        self.assertIn("cwd /tmp", self.cri.exec(id_, GUEST, "report").stdout.decode())


class Updates(InSandbox):
    def update(self, id_, **resources):
        self.cri.call("UpdateContainerResources", container_id=id_, linux=cri.LinuxContainerResources(**resources))

    def file(self, id_, hierarchy, name_v1, name_v2):
        """What the kernel has."""
        if os.path.isdir("/sys/fs/cgroup/" + hierarchy):
            path = "/sys/fs/cgroup/%s/%s" % (hierarchy, os.path.basename(cgroup_v2()))
            return cri_client.read("%s/cri/%s/%s/%s" % (path, self.pod, id_, name_v1)).strip()
        return cri_client.read("%s/cri/%s/%s/%s" % (cgroup_v2(), self.pod, id_, name_v2)).strip()

    def memory(self, id_):
        return self.file(id_, "memory", "memory.limit_in_bytes", "memory.max")

    def test_running(self):
        id_ = self.begin("c", "sleepy", "x", resources={"memory_limit_in_bytes": 64 << 20, "cpu_shares": 100})
        self.assertEqual(self.memory(id_), str(64 << 20))
        self.update(id_, memory_limit_in_bytes=32 << 20)
        self.assertEqual(self.memory(id_), str(32 << 20))
        self.update(id_, cpu_period=50000, cpu_quota=20000, cpu_shares=2048)
        if os.path.isdir("/sys/fs/cgroup/cpu"):
            self.assertEqual(self.file(id_, "cpu", "cpu.shares", ""), "2048")
            self.assertEqual(self.file(id_, "cpu", "cpu.cfs_quota_us", ""), "20000")
            self.assertEqual(self.file(id_, "cpu", "cpu.cfs_period_us", ""), "50000")
        else:
            self.assertEqual(self.file(id_, "cpu", "", "cpu.max"), "20000 50000")
        self.update(id_, cpuset_cpus="0")
        told = self.cri.status(id_).resources.linux
        self.assertEqual((told.memory_limit_in_bytes, told.cpu_quota, told.cpu_period, told.cpu_shares, told.cpuset_cpus),
                         (32 << 20, 20000, 50000, 2048, "0"))
        self.assertEqual(self.memory(id_), str(32 << 20))

    def test_created(self):
        id_ = self.make("c", "sleepy", "x")
        self.update(id_, memory_limit_in_bytes=48 << 20)
        self.assertEqual(self.cri.status(id_).resources.linux.memory_limit_in_bytes, 48 << 20)
        self.cri.start(id_)
        self.assertEqual(self.memory(id_), str(48 << 20))

    def test_refused(self):
        id_ = self.begin("c", "sleepy", "x", resources={"memory_limit_in_bytes": 64 << 20})
        self.fails("INVALID_ARGUMENT", "linux: Required",
                   of=lambda: self.cri.call("UpdateContainerResources", container_id=id_))
        self.fails("INVALID_ARGUMENT", "linux.cpuset_cpus", of=lambda: self.update(id_, cpuset_cpus="zero"))
        self.fails("INVALID_ARGUMENT", "linux.memory_limit_in_bytes",
                   of=lambda: self.update(id_, memory_limit_in_bytes=-5))
        self.fails("UNIMPLEMENTED", "linux.oom_score_adj", of=lambda: self.update(id_, oom_score_adj=7))
        with self.assertRaises(grpc.RpcError):
            self.update(id_, memory_limit_in_bytes=32 << 20, cpuset_cpus="4000")
        self.assertEqual(self.memory(id_), str(64 << 20))
        self.assertEqual(self.cri.status(id_).resources.linux.memory_limit_in_bytes, 64 << 20)
        self.cri.stop(id_)
        self.fails("FAILED_PRECONDITION", id_, "exited", of=lambda: self.update(id_, cpu_shares=7))


class Refusals(InSandbox):
    def refused(self, code, field, **fields):
        config = container_config("bad", "sleepy", "x", **fields)
        self.fails(code, field, of=lambda: self.cri.create(self.pod, config))

    def test_required(self):
        self.fails("INVALID_ARGUMENT", "config", of=lambda: self.cri.call("CreateContainer", pod_sandbox_id=self.pod))
        self.fails("INVALID_ARGUMENT", "config.metadata",
                   of=lambda: self.cri.create(self.pod, cri.ContainerConfig(image=cri.ImageSpec(image="guest"))))
        self.fails("INVALID_ARGUMENT", "config.image",
                   of=lambda: self.cri.create(self.pod, cri.ContainerConfig(metadata=cri.ContainerMetadata(name="x"))))
        self.fails("INVALID_ARGUMENT", "sandbox id",
                   of=lambda: self.cri.call("CreateContainer", config=container_config("c", "x")))

    def test_values(self):
        self.refused("INVALID_ARGUMENT", "config.log_path", log_path="../../escape.log")
        self.refused("INVALID_ARGUMENT", "config.envs[0].key", envs=[cri.KeyValue(key="a=b", value=b"c")])
        self.refused("INVALID_ARGUMENT", "config.stop_signal", stop_signal=4711)
        self.refused("INVALID_ARGUMENT", "capabilities", security={"capabilities": cri.Capability(add_capabilities=["no/good"])})
        self.refused("INVALID_ARGUMENT", "run_as_group", security={"run_as_group": cri.Int64Value(value=5)})
        self.refused("INVALID_ARGUMENT", "network", options={"network": NODE})
        self.refused("INVALID_ARGUMENT", "recursive_read_only",
                     mounts=[cri.Mount(container_path="/a", host_path="/tmp", recursive_read_only=True)])

    def test_devices(self):
        self.refused("INVALID_ARGUMENT", "config.CDI_devices[0].name", CDI_devices=[cri.CDIDevice(name="a")])
        self.refused("INVALID_ARGUMENT", "unresolvable CDI device a/b=c", CDI_devices=[cri.CDIDevice(name="a/b=c")])
        self.refused("INVALID_ARGUMENT", "unresolvable CDI device a/b=c", annotations={"cdi.k8s.io/x": "a/b=c"})
        self.refused("INVALID_ARGUMENT", "config.devices[0].permissions",
                     devices=[cri.Device(host_path="/dev/null", container_path="/dev/x", permissions="rwx")])

    def test_what_is_not_there_yet(self):
        self.refused("UNIMPLEMENTED", "selinux_options", security={"selinux_options": cri.SELinuxOption(type="t")})
        self.refused("UNIMPLEMENTED", "image", mounts=[cri.Mount(container_path="/a", image=cri.ImageSpec(image="guest"))])

    def test_sizes(self):
        big = {"a%d" % n: "x" * 100000 for n in range(30)}
        self.refused("RESOURCE_EXHAUSTED", "config", annotations=big)
