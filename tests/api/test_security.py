"""T15-T18 and T24 of the security specification by CRI: requests and images that try to be more than they are."""

import os
import resource
import threading

import grpc

from cri_client import (GUEST, LOGS, ROOT, RUNNING, At, Cri, CriTest, carpeld_pid, container_config, cri, pod_config, read,
                        resident_kib, until)
from test_abuse import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, RST, SETTINGS, Raw, frame, literal,
                        text)
from test_cri_containers import InSandbox

REFUSED = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNIMPLEMENTED)
NODE = cri.NODE


class Security(InSandbox):
    def refused(self, of, *codes):
        """The text of the refusal; None: it was not refused."""
        try:
            of()
        except grpc.RpcError as error:
            self.assertIn(error.code(), codes or REFUSED, error.details())
            return error.details()
        except (ValueError, UnicodeError):  # no client can say it
            return "protobuf"
        return None


class Sysctls(Security):
    """T15: what is not of the pod's own namespaces, or no value."""
    VALUES = ("1+1", "1=1", "1\n2", "1\r2", "\x01", "\x7f", "", "9" * 65536, "1\0", "é")
    KEYS = ("kernel.core_pattern", "kernel.modprobe", "vm.overcommit_memory", "fs.file-max", "kernel.hostname", "kernel.panic",
            "net", "net.", "net..ipv4.ip_forward", "net/../kernel/core_pattern", "net.ipv4/../../kernel.panic",
            "kernel.shm_rmid_forced/../core_pattern", "kernel/../kernel/shmmax", "/net/ipv4/ip_forward", "../net.ipv4.ip_forward",
            "net.ipv4.ip_forward\n", "kernel.shmmax\0", "KERNEL.SHMMAX", "kernel.msg*", "fs.mqueue", "fs.mqueue.", "kernel.sem.x", "", ".", "n" * 5000)

    def run_with(self, sysctls, **options):
        config = pod_config("s", options=options or None)
        config.linux.sysctls.update(sysctls)
        return self.cri.run(config)

    def test_keys_and_values(self):
        watched = ["/proc/sys/" + name for name in ("kernel/core_pattern", "kernel/panic", "kernel/shmmax", "net/ipv4/ip_forward",
                                                    "kernel/hostname", "kernel/shm_rmid_forced")]
        before = [read(path) for path in watched]
        for value in self.VALUES:
            self.assertTrue(self.refused(lambda: self.run_with({"net.ipv4.ip_unprivileged_port_start": value})), repr(value[:9]))
        for key in self.KEYS:
            self.assertTrue(self.refused(lambda: self.run_with({key: "1"})), repr(key[:40]))
        for key in ("net.ipv4.ip_forward", "net/ipv4/ip_forward", "net.ipv4.conf.all/forwarding"):
            self.assertTrue(self.refused(lambda: self.run_with({key: "1"}, network=NODE)), key)
        self.assertTrue(self.refused(lambda: self.run_with({"kernel.shmmax": "1"}, ipc=NODE)))
        self.assertEqual([read(path) for path in watched], before)

    def test_the_pods_own(self):
        """Both spellings, in force and only there."""
        before = read("/proc/sys/kernel/shm_rmid_forced"), read("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        pod = self.run_with({"kernel.shm_rmid_forced": "1", "net/ipv4/ip_unprivileged_port_start": "81"})
        id_ = self.started(pod, "c", "sleepy", "x")
        seen = self.cri.exec(id_, GUEST, "cat", "/proc/sys/kernel/shm_rmid_forced", "/proc/sys/net/ipv4/ip_unprivileged_port_start")
        self.assertEqual(seen.stdout, b"1\n81\n")
        self.assertEqual((read("/proc/sys/kernel/shm_rmid_forced"), read("/proc/sys/net/ipv4/ip_unprivileged_port_start")), before)


class Injection(Security):
    """T16: what is given is delivered byte for byte, or refused."""

    def make(self, name, *words, **fields):
        return super().make(name, *words, options={"pid": cri.CONTAINER}, **fields)

    def begin(self, name, *words, **fields):
        id_ = self.make(name, *words, **fields)
        self.cri.start(id_)
        return id_

    def words_of(self, id_, file):
        return self.cri.exec(id_, GUEST, "cat", "/proc/1/" + file).stdout.split(b"\0")[:-1]

    def test_environment(self):
        values = [b"a\nb", b"a=b=c", b"", b" lead and trail ", b"$(X) ${X} `x` \\", "é€".encode(), b"\x01\x7f", b"x" * 60000,
                  b"\r\n\r\n"]
        envs = [cri.KeyValue(key="K%d" % i, value=v) for i, v in enumerate(values)]
        id_ = self.begin("env", "sleepy", "x", envs=envs)
        seen = self.words_of(id_, "environ")
        for i, value in enumerate(values):
            self.assertIn(b"K%d=" % i + value, seen)
        self.assertIn("CARPEL_TEST_SECRET", os.environ)  # carpeld has it too
        self.assertEqual([w for w in seen if b"SECRET" in w], [])
        other = self.begin("other", "sleepy", "x", envs=[cri.KeyValue(key="ONLY", value=b"mine")])
        self.assertIn(b"ONLY=mine", self.words_of(other, "environ"))
        self.assertEqual([w for w in self.words_of(other, "environ") if w.startswith(b"K")], [])
        for key, value in (("", b"x"), ("A=B", b"x"), ("A\0B", b"x"), ("A", b"x\0y"), ("A", b"x" * (2 << 20))):
            self.assertTrue(self.refused(lambda: self.make("bad", "x", envs=[cri.KeyValue(key=key, value=value)])), (key, value[:5]))

    def test_arguments(self):
        words = ["a\nb", "", "--", "$(X)", "é", "\x01", "x" * 65000, "y" * 5000]  # past what 16 bits count
        id_ = self.make("args", "sleepy", "x", args=words)
        self.cri.start(id_)
        self.assertEqual(self.words_of(id_, "cmdline"), [GUEST.encode(), b"sleepy", b"x", *(w.encode() for w in words)])
        self.assertTrue(self.refused(lambda: self.make("nul", "x", args=["a\0b"])))

    def test_lists_beyond_16_bits(self):
        envs = [cri.KeyValue(key="V%04d" % i, value=b"v" * 50) for i in range(1250)]  # 70,000 bytes of them
        id_ = self.begin("many", "sleepy", "x", envs=envs)
        seen = self.words_of(id_, "environ")
        self.assertEqual(sorted(w for w in seen if w.startswith(b"V")), sorted(b"V%04d=" % i + b"v" * 50 for i in range(1250)))

    def test_names_and_directories(self):
        for name in ("a\nb", "a\0b", "a b", "x" * 1000):
            self.assertTrue(self.refused(lambda: self.cri.run(pod_config(name, uid="u"))), repr(name[:5]))
            self.assertTrue(self.refused(lambda: self.cri.run(pod_config("p2", hostname=name))), repr(name[:5]))
        for host in ("-a", "a_b", "a=b", "a\tb"):
            self.assertTrue(self.refused(lambda: self.cri.run(pod_config("p2", hostname=host))), host)
        # A line break in a directory is a line nowhere: it is that directory, or nothing.
        id_ = self.make("cwd", "sleepy", "x", working_dir="/tmp/a\nroot2:x:0:0::/:/bin/sh")
        self.cri.start(id_)
        seen = self.cri.exec(id_, GUEST, "all", "cat /etc/passwd /etc/group /etc/hosts", "readlink /proc/1/cwd").stdout
        self.assertIn(b"/tmp/a\nroot2:x:0:0::/:/bin/sh\n", seen)
        self.assertEqual(seen.count(b"root2"), 1)
        self.assertTrue(self.refused(lambda: self.make("nul", "x", working_dir="/a\0b")))

    def test_a_record_reads_back_as_it_was(self):
        odd = {"a": "line\nbreak", "b": 'quote " and \\ and \t', "c": "", "d": "é\u2028", "e" * 60: "=" * 3000, "f": "]}, {"}
        config = container_config("noted", "sleepy", "x", annotations=odd, labels=odd, log_path="noted.log",
                                  envs=[cri.KeyValue(key="A", value=b"b\nc")])
        id_ = self.cri.create(self.pod, config)
        self.cri.start(id_)
        before = self.cri.status(id_), self.cri.pod(self.pod)
        self.assertEqual(dict(before[0].annotations), odd)
        self.kill_carpeld()
        after = self.cri.status(id_), self.cri.pod(self.pod)
        self.assertEqual(after[0], before[0])
        self.assertEqual(after[1], before[1])
        self.assertEqual(after[0].state, RUNNING)


class Names(Security):
    """T17: identifiers that would be paths."""
    BAD = ("../x", "/x", "a/../../b", ".", "..", "", "a/b", "x" * 4096, "../../../../../../../../etc")

    def setUp(self):
        super().setUp()
        self.sentinel = ROOT + "/sentinel-names"
        os.makedirs(self.sentinel + "/keep", exist_ok=True)
        with open(self.sentinel + "/keep/file", "w") as file:
            file.write("untouched")

    def tearDown(self):
        self.assertEqual(read(self.sentinel + "/keep/file"), "untouched")
        super().tearDown()

    def test_names(self):
        for bad in self.BAD:
            for field in ("name", "uid", "namespace"):
                config = pod_config("n")
                setattr(config.metadata, field, bad)
                self.assertTrue(self.refused(lambda: self.cri.run(config), grpc.StatusCode.INVALID_ARGUMENT), (field, bad[:9]))
            config = container_config("n", "x")
            config.metadata.name = bad
            self.assertTrue(self.refused(lambda: self.cri.create(self.pod, config), grpc.StatusCode.INVALID_ARGUMENT), bad[:9])
            if bad:
                self.assertTrue(self.refused(lambda: self.cri.run(pod_config("n"), runtime_handler=bad)), bad[:9])

    def test_log_paths(self):
        for bad in ("../x", "a/../../b", "..", "x/" + "../" * 20 + "etc/x", "/" + "x" * 4096, "a\0b"):
            self.assertTrue(self.refused(lambda: self.make("log", "x", log_path=bad)), bad[:9])
        for bad in ("relative", "../x", "a/../../b", "/a/../../etc"):
            self.assertTrue(self.refused(lambda: self.cri.run(pod_config("l", log_directory=bad))), bad[:9])
        # And what a refusal says is the same whether or not there is such a file.
        there, missing = (self.refused(lambda: self.make("log", "x", log_path="../../../.." + p)) for p in ("/etc/passwd", "/etc/no"))
        self.assertEqual(there.replace("passwd", "no"), missing)

    def test_targets(self):
        """Of a mount: below the container's root or refused, and nothing is made elsewhere."""
        source = self.sentinel + "/keep"
        for i, bad in enumerate(("", ".", "/", "..", "/..", "/../..", "a/b", "/proc/x", "/proc/self/root/x", "/" + "x" * 4096,
                                 "/a/../../../b")):
            config = container_config("t%d" % i, "sleepy", "x", mounts=[cri.Mount(container_path=bad, host_path=source)])

            def start(config=config):
                self.cri.start(self.cri.create(self.pod, config))
            self.assertTrue(self.refused(start, *REFUSED, grpc.StatusCode.UNKNOWN), bad[:9])
        self.assertEqual(os.listdir(self.sentinel), ["keep"])

    def test_ids(self):
        """Nothing has such an id, so that it is gone already, or is not found."""
        up = "../" * 12 + self.sentinel.lstrip("/")
        for bad in (up, up + "/keep", "../cri", "..", ".", "/", "*", self.pod + "/../" + self.pod, self.pod[:-1] + "/"):
            for call, field in (("StopPodSandbox", "pod_sandbox_id"), ("RemovePodSandbox", "pod_sandbox_id"),
                                ("StopContainer", "container_id"), ("RemoveContainer", "container_id")):
                self.refused(lambda: self.cri.call(call, **{field: bad}), *REFUSED, grpc.StatusCode.NOT_FOUND)
            for call, field in (("PodSandboxStatus", "pod_sandbox_id"), ("ContainerStatus", "container_id"),
                                ("StartContainer", "container_id"), ("ReopenContainerLog", "container_id")):
                self.assertTrue(self.refused(lambda: self.cri.call(call, **{field: bad}), *REFUSED, grpc.StatusCode.NOT_FOUND), bad)
            self.assertTrue(self.refused(lambda: self.cri.exec(bad, "x"), *REFUSED, grpc.StatusCode.NOT_FOUND))
            for call in ("ImageStatus", "RemoveImage"):
                self.refused(lambda: self.cri.call(call, image=cri.ImageSpec(image=bad)), *REFUSED, grpc.StatusCode.NOT_FOUND)
        self.assertEqual(self.cri.pod(self.pod).state, cri.SANDBOX_READY)


class Protocol(CriTest):
    """T24 against the supervisor itself; each kind alone, and our client: test_abuse.py, test_grpc_abuse.py."""

    def call_head(self, path=b"/runtime.v1.RuntimeService/Version", more=b""):
        pairs = ((b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"x"), (b":path", path),
                 (b"content-type", b"application/grpc"), (b"te", b"trailers"))
        return b"".join(literal(n, v) for n, v in pairs) + more

    def floods(self):
        head = self.call_head()
        listing = self.call_head(b"/runtime.v1.RuntimeService/ListContainers")
        yield "rapid reset", (frame(HEADERS, END_HEADERS, 2 * i + 1, listing) + frame(RST, 0, 2 * i + 1, b"\0\0\0\x08")
                              for i in range(20000))
        yield "continuations", [frame(HEADERS, 0, 1, head)] + [frame(CONTINUATION, 0, 1) * 500] * 200
        yield "head bomb", [frame(HEADERS, END_HEADERS, 1, self.call_head(
            more=b"\x40" + text(b"x") + text(b"y" * 3900) + b"\xbe" * 12000))]
        yield "pings", [frame(PING, 0, 0, b"x" * 8) * 1000] * 200
        yield "settings", [frame(SETTINGS) * 1000] * 200
        yield "empty data", [frame(HEADERS, END_HEADERS, 1, head)] + [frame(DATA, 0, 1) * 500] * 200
        yield "huge frame", [b"\xff\xff\xff" + bytes([DATA, 0]) + b"\0\0\0\1" + b"x" * 65536]
        yield "cut message", [frame(HEADERS, END_HEADERS, 1, head), frame(DATA, END_STREAM, 1, b"\0\0\0\0\x09\x0a\xff")]
        deep = b""
        for _ in range(2000):
            deep = b"\x0a" + bytes([len(deep) & 0x7f | 0x80, len(deep) >> 7 & 0x7f]) + deep
        yield "deep message", [frame(HEADERS, END_HEADERS, 1, self.call_head(b"/runtime.v1.RuntimeService/RunPodSandbox")),
                               frame(DATA, END_STREAM, 1, b"\0" + len(deep).to_bytes(4, "big") + deep)]

    def test_floods(self):
        other, answers, errors, ends = Cri(), [], [], threading.Event()
        self.addCleanup(other.close)
        pid, before = carpeld_pid(), resident_kib(carpeld_pid())

        def ask():
            try:
                while not ends.is_set():
                    answers.append(other.call("Version").runtime_name)
            except Exception as error:  # told by the test
                errors.append(error)
        thread = threading.Thread(target=ask)
        thread.start()
        try:
            for name, pieces in self.floods():
                raw = Raw(At)
                for piece in pieces:
                    if not raw.send(piece):
                        break
                raw.read(0.2)
                seen = len(answers)
                until("an answer for the other during " + name, lambda: errors or len(answers) > seen + 1)
                raw.close()
                self.assertEqual((carpeld_pid(), errors), (pid, []), name)
        finally:
            ends.set()
            thread.join()
        self.assertLess(resident_kib(pid) - before, 64 << 10)

    def idle(self):
        try:
            return Raw(At)
        except BlockingIOError:
            return None

    def test_idle_connections(self):
        """More of them than there may be: those are refused, who is there already is served."""
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        pid, before, held = carpeld_pid(), resident_kib(carpeld_pid()), []
        self.cri.call("Version")
        try:
            for _ in range(1500):
                held.append(until("a place in the queue", self.idle))
            held[-1].read()
            self.assertIn(b"too many connections", held[-1].got)
            self.assertEqual(self.cri.call("Version").runtime_name, "carpel")
            self.assertLess(resident_kib(pid) - before, 64 << 10)
        finally:
            for raw in held:
                raw.close()
        until("room for a new client", lambda: Cri().call("Version"))
        self.assertEqual(carpeld_pid(), pid)
