"""CRI from outside: an instance of carpel that a bats file has started (its root is in $ROOT), driven by
python3-grpcio with stubs made from our proto, and questions about what of it is left in the system."""

import contextlib
import glob
import os
import re
import signal
import socket
import time
import unittest

import grpc

from client import IS_SANITIZED, LIMIT_S
from grpc_client import cri, cri_grpc

ROOT = os.environ["ROOT"]
RUN = ROOT + "/run/carpel"
LIB = ROOT + "/var/lib/carpel"
SOCKET = RUN + "/carpel.sock"
LOGS = ROOT + "/logs"
# How long the slowest machine may take for what should be done at once.
WAIT_S = int(os.environ.get("CRI_TEST_WAIT_S", LIMIT_S * 3))
SIZE = 1 if IS_SANITIZED else int(os.environ.get("CRI_TEST_SIZE", "4"))

READY, NOTREADY = cri.SANDBOX_READY, cri.SANDBOX_NOTREADY
CREATED, RUNNING, EXITED = cri.CONTAINER_CREATED, cri.CONTAINER_RUNNING, cri.CONTAINER_EXITED
POD, CONTAINER, NODE, TARGET = cri.POD, cri.CONTAINER, cri.NODE, cri.TARGET
GUEST = "/bin/guest"


def until(what, condition, limit_s=WAIT_S):
    """The first true value of condition()."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("waited in vain for %s" % what)
        time.sleep(0.01)


def read(path):
    with open(path, errors="surrogateescape") as file:
        return file.read()


# ---- the client ----


class Cri:
    """One connection.  The methods are the calls, with short names and the ids as results."""

    def __init__(self, path=SOCKET):
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        self.channel = grpc.insecure_channel("unix:" + path, options)
        self.runtime = cri_grpc.RuntimeServiceStub(self.channel)
        self.images = cri_grpc.ImageServiceStub(self.channel)

    def close(self):
        self.channel.close()

    def call(self, name, deadline_s=WAIT_S, **fields):
        """Any unary call of either service by its name."""
        stub = getattr(self.runtime, name, None) or getattr(self.images, name)
        return stub(request_of(name)(**fields), timeout=deadline_s, wait_for_ready=True)

    def begin(self, name, deadline_s=WAIT_S, **fields):
        """The same, not waited for."""
        stub = getattr(self.runtime, name, None) or getattr(self.images, name)
        return stub.future(request_of(name)(**fields), timeout=deadline_s, wait_for_ready=True)

    def stream(self, name, deadline_s=WAIT_S, **fields):
        stub = getattr(self.runtime, name, None) or getattr(self.images, name)
        return stub(request_of(name)(**fields), timeout=deadline_s)

    def run(self, config, **more):
        return self.call("RunPodSandbox", config=config, **more).pod_sandbox_id

    def stop_pod(self, id_, **more):
        self.call("StopPodSandbox", pod_sandbox_id=id_, **more)

    def remove_pod(self, id_, **more):
        self.call("RemovePodSandbox", pod_sandbox_id=id_, **more)

    def pod(self, id_, **more):
        return self.call("PodSandboxStatus", pod_sandbox_id=id_, **more).status

    def pods(self, **filter_):
        return list(self.call("ListPodSandbox", filter=cri.PodSandboxFilter(**filter_)).items)

    def create(self, sandbox, config, sandbox_config=None, **more):
        q = {"pod_sandbox_id": sandbox, "config": config, "sandbox_config": sandbox_config}
        return self.call("CreateContainer", **q, **more).container_id

    def start(self, id_, **more):
        self.call("StartContainer", container_id=id_, **more)

    def stop(self, id_, timeout_s=0):
        return self.call("StopContainer", deadline_s=WAIT_S + timeout_s, container_id=id_, timeout=timeout_s)

    def remove(self, id_, **more):
        self.call("RemoveContainer", container_id=id_, **more)

    def status(self, id_, **more):
        return self.call("ContainerStatus", container_id=id_, **more).status

    def containers(self, **filter_):
        return list(self.call("ListContainers", filter=cri.ContainerFilter(**filter_)).containers)

    def exec(self, id_, *words, timeout_s=0, deadline_s=WAIT_S):
        return self.call("ExecSync", deadline_s=deadline_s, container_id=id_, cmd=words, timeout=timeout_s)

    def wait_exited(self, id_):
        def exited():
            status = self.status(id_)
            return status if status.state == EXITED else None

        return until("the end of " + id_, exited)


def request_of(method):
    name = {"GetContainerEvents": "GetEvents"}.get(method, method)
    return getattr(cri, name + "Request")


# ---- configs ----


def state(value):
    return cri.ContainerStateValue(state=value)


def pod_state(value):
    return cri.PodSandboxStateValue(state=value)


def pod_config(name, uid=None, attempt=0, namespace="default", options=None, parent="", **fields):
    metadata = cri.PodSandboxMetadata(name=name, uid=uid or "uid-" + name, namespace=namespace, attempt=attempt)
    linux = cri.LinuxPodSandboxConfig(cgroup_parent=parent)
    if options:
        linux.security_context.namespace_options.CopyFrom(cri.NamespaceOption(**options))
    fields.setdefault("log_directory", LOGS)
    return cri.PodSandboxConfig(metadata=metadata, linux=linux, **fields)


def container_config(name, *words, attempt=0, image="guest", options=None, security=None, resources=None, **fields):
    """Runs the guest with these words."""
    metadata = cri.ContainerMetadata(name=name, attempt=attempt)
    context = cri.LinuxContainerSecurityContext(**(security or {}))
    if options:
        context.namespace_options.CopyFrom(cri.NamespaceOption(**options))
    linux = cri.LinuxContainerConfig(security_context=context)
    if resources:
        linux.resources.CopyFrom(cri.LinuxContainerResources(**resources))
    fields.setdefault("command", [GUEST, *words])
    return cri.ContainerConfig(metadata=metadata, image=cri.ImageSpec(image=image), linux=linux, **fields)


# ---- what is left in the system ----


def carpeld_pid():
    """Who holds the instance's lock; its starter is a fork of it."""
    pids = set()
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = read(path).split("\0")
        except OSError:
            continue
        if words[0].endswith("/carpeld") and ROOT in words and "--keep" not in words:
            pids.add(int(path.split("/")[2]))
    return next((pid for pid in pids if parent_of(pid) not in pids), None)


def name_of(pid):
    with contextlib.suppress(OSError):
        return read("/proc/%d/comm" % pid).strip()
    return None


def parent_of(pid):
    with contextlib.suppress(OSError, IndexError):
        return int(read("/proc/%d/stat" % pid).rsplit(")", 1)[1].split()[1])
    return None


def children_of(pid):
    with contextlib.suppress(OSError):
        return [int(word) for word in read("/proc/%d/task/%d/children" % (pid, pid)).split()]
    return []


def launcher():
    """The resident carpel-launch: not one of its copies, which carry orders out and end."""
    for pid in pids_in(cgroup_v2() + "/daemons"):
        if name_of(pid) == "carpel-launch" and name_of(parent_of(pid) or 0) != "carpel-launch":
            return pid
    return None


@contextlib.contextmanager
def frozen(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def instance_cgroup():
    """The name of the instance's cgroup, by the layout's rule."""
    number = 2166136261
    for byte in ROOT.encode():
        number = ((number ^ byte) * 16777619) & 0xFFFFFFFF
    return "carpel-%08x" % number


def cgroup_roots():
    """The instance's directory in each hierarchy."""
    return sorted(set(glob.glob("/sys/fs/cgroup/" + instance_cgroup()) +
                      glob.glob("/sys/fs/cgroup/*/" + instance_cgroup())))


def cgroup_v2():
    top = "/sys/fs/cgroup"
    return (top + "/unified" if os.path.isdir(top + "/unified") else top) + "/" + instance_cgroup()


def started_at(pid):
    try:
        return read("/proc/%d/stat" % pid).rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return None


def pids_in(cgroup):
    """Of one cgroup and all below it."""
    pids = set()
    for directory, _, _ in os.walk(cgroup):
        try:
            pids.update(int(word) for word in read(directory + "/cgroup.procs").split())
        except OSError:
            pass
    return pids


def processes():
    """(pid, start) of all that live in sandboxes of CRI."""
    pids = pids_in(cgroup_v2() + "/cri")
    return {(pid, started_at(pid)) for pid in pids} - {(pid, None) for pid in pids}


def pids_of(id_):
    """The processes of one container or sandbox, as the host numbers them."""
    found = glob.glob(cgroup_v2() + "/cri/" + id_) + glob.glob(cgroup_v2() + "/cri/*/" + id_)
    return set().union(*(pids_in(path) for path in found)) if found else set()


def cgroups():
    found = set()
    for root in cgroup_roots():
        for directory, _, _ in os.walk(root):
            if "/cri/" in directory:
                found.add(directory)
    return found


def mounts(pid):
    try:
        return sorted(line.split()[4] for line in read("/proc/%s/mountinfo" % pid).splitlines() if ROOT in line)
    except OSError:
        return []


def files():
    """Below RUN and LIB, without what images, helpers and the Pod's side keep."""
    found = set()
    for top in (RUN, LIB):
        for directory, names, others in os.walk(top):
            found.update(os.path.join(directory, name) for name in names + others)
    ours = ("/cri/", "/sandboxes", "/images/leases", "/trash")
    return {path for path in found if any(word in path for word in ours)}


def descriptors(pid):
    """What carpeld holds open, by kind; connections of clients are left out."""
    kinds = {}
    for path in glob.glob("/proc/%d/fd/*" % pid):
        try:
            to = re.sub(r"[0-9]+", "N", os.readlink(path))
        except OSError:
            continue
        if not to.startswith("socket:"):
            kinds[to] = kinds.get(to, 0) + 1
    return kinds


def resident_kib(pid, key="Pss"):
    for line in read("/proc/%d/smaps_rollup" % pid).splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    raise RuntimeError("no " + key)


class At:
    """For raw requests of client.Client."""

    @staticmethod
    def connect():
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(WAIT_S)
        s.connect(SOCKET)
        return s


# The children that carpeld always has, by name; each pod's pause is another.  carpel-log is one of the carpeld that
# began it, and outlives that.
RESIDENTS = ["carpel-launch", "carpel-probe", "carpel-start"]


class Audit:
    """What there is of CRI in the system now; check() is for when nothing more of it should be there."""

    def __init__(self):
        self.pid = carpeld_pid()
        self.before = {"descriptors": None}
        until("what was before to be removed", self.is_quiet)
        self.seen = set()
        self.settle = lambda: None  # what has to be done before a look
        self.ignored = None  # descriptors to these are left out

    def is_quiet(self):
        """Nothing is being removed, measured or started, and two looks see the same."""
        last, self.before = self.before, self.look()
        children = sorted(name_of(pid) or "" for pid in children_of(self.pid))
        is_idle = [name for name in children if name not in ("carpel-pause", "carpel-log")] == RESIDENTS
        has_log = "carpel-log" in map(name_of, pids_in(cgroup_v2() + "/daemons"))
        return last == self.before and is_idle and has_log and not glob.glob(LIB + "/trash*/*")

    def look(self):
        pid = carpeld_pid()
        return {
            "processes": processes(),
            "cgroups": cgroups(),
            "mounts": mounts("self") + mounts(pid),
            "files": files(),
            "descriptors": descriptors(pid) if pid == self.pid else self.before["descriptors"],
        }

    def note(self):
        """The processes of now are to be gone at the end, wherever they will be then."""
        self.seen |= processes()

    def left(self):
        self.settle()
        now, before = self.look(), self.before
        if self.ignored:
            now, before = ({**look, "descriptors": self.without_ignored(look["descriptors"])} for look in (now, before))
        left = {key: (now[key], value) for key, value in before.items() if now[key] != value}
        alive = {(pid, at) for pid, at in self.seen if started_at(pid) == at} - self.before["processes"]
        if alive:
            left["survivors"] = alive
        return left

    def without_ignored(self, kinds):
        return {to: n for to, n in kinds.items() if self.ignored not in to}

    def check(self):
        left = {}

        def is_clean():
            nonlocal left
            left = self.left()
            return not left

        try:
            until("nothing to be left", is_clean)
        except AssertionError:
            raise AssertionError("left behind: %s" % left) from None


class CriTest(unittest.TestCase):
    """Each test begins and ends without sandboxes; what the class leaves in the system is a failure."""

    @classmethod
    def setUpClass(cls):
        os.makedirs(LOGS, exist_ok=True)
        cls.audit = Audit()

    @classmethod
    def tearDownClass(cls):
        cls.audit.check()

    def setUp(self):
        self.cri = Cri()
        self.addCleanup(lambda: self.cri.close())
        self.addCleanup(self.remove_all)

    def connect(self):
        connection = Cri()
        self.addCleanup(connection.close)
        return connection

    def kill_carpeld(self):
        pid = carpeld_pid()
        at = started_at(pid)
        os.kill(pid, signal.SIGKILL)
        until("it to be dead", lambda: started_at(pid) != at)
        self.reconnect()

    def reconnect(self):
        """After a carpeld was killed."""
        def answers():
            self.cri.close()
            self.cri = Cri()
            try:
                return self.cri.call("Version")
            except grpc.RpcError as error:
                self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE, error.details())
                return None

        until("the next carpeld", answers)

    def remove_all(self):
        self.audit.note()
        for pod in self.cri.pods():
            self.cri.remove_pod(pod.id)

    def sandbox(self, name="p", **fields):
        """The id and the config of a new one."""
        config = pod_config(name, **fields)
        return self.cri.run(config), config

    def container(self, sandbox, name, *words, **fields):
        return self.cri.create(sandbox, container_config(name, *words, **fields))

    def started(self, sandbox, name, *words, **fields):
        id_ = self.container(sandbox, name, *words, **fields)
        self.cri.start(id_)
        return id_

    def fails(self, code, *texts, of=None):
        """of() is refused with that code and a text that holds the others."""
        with self.assertRaises(grpc.RpcError) as caught:
            of()
        error = caught.exception
        self.assertEqual(error.code(), getattr(grpc.StatusCode, code), error.details())
        for text in texts:
            self.assertIn(text, error.details())
        return error.details()
