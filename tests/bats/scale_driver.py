#!/usr/bin/env python3
"""Many pods, many clients, many rounds, and what carpeld has of them afterwards.

    scale_driver.py ROOT burst N          N pods at once, until they run; then none, and nothing left
    scale_driver.py ROOT rounds N EACH    N rounds of EACH pods: descriptors and memory stay as they are
    scale_driver.py ROOT lists N          N lists, each with a watch behind it
    scale_driver.py ROOT watchers N       N idle watchers, a connection each
    scale_driver.py ROOT many N           N pods: rates, times, memory and idle CPU, as text

The instance below ROOT runs and has the image "guest".  Ends with 1 and a reason when something is
not as it must be.
"""

import glob
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "api"))

from client import BIN, EVENTS, IS_SANITIZED, LIMIT_S, PODS, Client, Server, Watch, event

STREAMS = 80  # at once on a connection; the server allows 100
CONNECTIONS = 4
SLACK_KIB = 512  # what a heap may wander without growing
SLACK_POD_KIB = 6  # a pod: texts of events are remembered for ten minutes
BURST_S = 120
BATCH = 50
HISTORY = 4200  # changes and events: a few more than the server keeps; a new event then costs two changes


class Carpeld(Server):
    """The carpeld of an instance, seen through its socket and /proc."""

    class Process:
        def __init__(self, pid):
            self.pid = pid

    def __init__(self, root):
        self.root = root
        self.path = os.path.join(root, "run/carpel/carpel.sock")
        self.look()

    def look(self):
        with Client(self) as api:
            self.info = api.get("/apis/carpel/v1/info").json
        self.process = self.Process(self.info["pid"])
        self.name = os.path.basename(self.info["cgroup"]["root"])

    def kib(self, field):
        with open("/proc/%d/smaps_rollup" % self.process.pid) as smaps:
            return next(int(line.split()[1]) for line in smaps if line.startswith(field + ":"))

    def fds(self):
        folder = "/proc/%d/fd" % self.process.pid
        kinds = {}
        for fd in os.listdir(folder):
            try:
                what = os.readlink(os.path.join(folder, fd)).split(":")[0]
            except FileNotFoundError:
                continue
            kinds[what] = kinds.get(what, 0) + 1
        return kinds

    def cgroups(self):
        """Every cgroup of this instance, in every hierarchy."""
        tops = glob.glob("/sys/fs/cgroup/%s" % self.name) + glob.glob("/sys/fs/cgroup/*/%s" % self.name)
        return sorted(folder for top in tops for folder, _, _ in os.walk(os.path.realpath(top)))

    def processes(self):
        """Names of all that runs in them, and of all children of carpeld, dead ones too."""
        pids = set()
        for folder in self.cgroups():
            try:
                with open(os.path.join(folder, "cgroup.procs")) as procs:
                    pids.update(int(pid) for pid in procs)
            except OSError:
                continue
        with open("/proc/%d/task/%d/children" % (2 * (self.process.pid,))) as children:
            pids.update(int(pid) for pid in children.read().split())
        return sorted(filter(None, (comm(pid) for pid in pids)))

    def mounts(self):
        """Of this instance; other tests mount too."""
        with open("/proc/%d/mountinfo" % self.process.pid) as mounts:
            points = [line.split()[4] for line in mounts]
        return sorted(point for point in points if point.startswith(self.root + "/"))

    def files(self):
        """What it keeps of pods on disk."""
        folders = ["run/carpel/pods", "var/lib/carpel/pods", "var/lib/carpel/trash", "var/log/pods"]
        folders.append("var/lib/carpel/images/leases")
        found = []
        for folder in folders:
            path = os.path.join(self.root, folder)
            if os.path.isdir(path):
                found += [os.path.join(folder, name) for name in os.listdir(path)]
        return sorted(found)

    def holdings(self):
        return {
            "descriptors": self.fds(),
            "cgroups": self.cgroups(),
            "processes": self.processes(),
            "mounts": self.mounts(),
            "files": self.files(),
        }


def comm(pid):
    try:
        with open("/proc/%d/comm" % pid) as f:
            return f.read().strip()
    except OSError:
        return None


def fail(text, *args):
    sys.exit("scale_driver: " + text % args)


def wait_for(what, is_met, limit=LIMIT_S):
    end = time.monotonic() + limit
    while not is_met():
        if time.monotonic() > end:
            fail("waited in vain for %s", what)
        time.sleep(0.02)


def differences(before, after):
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}


def still(carpeld, is_right=lambda held: True):
    """What it holds, once nothing changes any more."""
    looks = [None, carpeld.holdings()]

    def is_still():
        time.sleep(0.3)
        looks[:] = [looks[1], carpeld.holdings()]
        return looks[0] == looks[1] and is_right(looks[1])

    wait_for("the instance to be still", is_still)
    return looks[1]


def settled(carpeld):
    """The same without pods: what was theirs has been thrown away."""
    return still(carpeld, lambda held: not held["files"] and "rm" not in held["processes"])


def assert_back(carpeld, before):
    """What is cleaned up behind the answer may take a moment."""
    last = {}

    def is_back():
        last["differences"] = differences(before, carpeld.holdings())
        return not last["differences"]

    try:
        wait_for("what the pods took to be back", is_back)
    except SystemExit:
        fail("left behind, before and after: %s", json.dumps(last["differences"]))


def pod(name):
    container = {"name": "c", "image": "guest", "command": ["/bin/guest", "sleepy", name]}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 1}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def names(count):
    return ["p%d" % i for i in range(count)]


class Together:
    """Requests that are all under way at once, as far as connections have room for them."""

    def __init__(self, carpeld):
        self.clients = [Client(carpeld) for _ in range(CONNECTIONS)]
        self.open = [[] for _ in self.clients]
        self.at = 0

    def settle(self, code, n, streams):
        for stream in streams:
            answer = self.clients[n].finish(stream)
            if answer.status != code:
                fail("%d instead of %d: %s", answer.status, code, answer.body)

    def send(self, code, method, path, body=None):
        n = self.at = (self.at + 1) % len(self.clients)
        if len(self.open[n]) >= STREAMS:
            self.settle(code, n, self.open[n])
            self.open[n] = []
        data = json.dumps(body).encode() if body else None
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = [("content-type", kind)] if data else []
        stream = self.clients[n].begin(method, path, headers, has_body=data is not None)
        if data:
            self.clients[n].send(stream, data, end=True)
        self.open[n].append(stream)

    def finish(self, code):
        for n, streams in enumerate(self.open):
            self.settle(code, n, streams)
        for client in self.clients:
            client.close()


def create_all(carpeld, wanted):
    together = Together(carpeld)
    for name in wanted:
        together.send(201, "POST", PODS, pod(name))
    together.finish(201)


def delete_all(carpeld, wanted):
    together = Together(carpeld)
    for name in wanted:
        together.send(200, "DELETE", "%s/%s?gracePeriodSeconds=0" % (PODS, name))
    together.finish(200)


def open_watch(carpeld):
    client = Client(carpeld, window=1 << 24)
    version = client.get(PODS + "?limit=1").json["metadata"]["resourceVersion"]
    return Watch(client, PODS + "?watch=1&resourceVersion=" + version)


def await_events(watch, wanted, is_it):
    """Until each name had an event that is it; at which time each had its own."""
    missing, when = set(wanted), {}
    while missing:
        change = watch.next(BURST_S)
        if change is None or change["type"] == "ERROR":
            fail("the watch ended: %s", change)
        name = change["object"]["metadata"]["name"]
        if name in missing and is_it(change):
            missing.discard(name)
            when[name] = time.monotonic()
    return when


def is_running(change):
    status = change["object"]["status"]
    states = [c["state"] for c in status.get("containerStatuses", [])]
    return status.get("phase") == "Running" and all("running" in state for state in states)


def is_deleted(change):
    return change["type"] == "DELETED"


def round_of(carpeld, wanted):
    with open_watch(carpeld).client as client:
        watch = Watch(client, PODS + "?watch=1")
        create_all(carpeld, wanted)
        await_events(watch, wanted, is_running)
        delete_all(carpeld, wanted)
        await_events(watch, wanted, is_deleted)


def warm_up(carpeld):
    """What may be there once is made: profiles, buffers, the helpers' connections."""
    round_of(carpeld, names(2))


# ---- scenarios ----


def burst(carpeld, count):
    warm_up(carpeld)
    before = settled(carpeld)
    wanted = names(count)
    watch = open_watch(carpeld)
    began = time.monotonic()
    create_all(carpeld, wanted)
    answered = time.monotonic()
    await_events(watch, wanted, is_running)
    ran = time.monotonic()
    processes = carpeld.processes()
    if (processes.count("guest"), processes.count("carpel-pause")) != (count, count):
        fail("not one guest and one pause a pod: %s", processes)
    with Client(carpeld) as api:
        items = api.get(PODS).json["items"]
        if sorted(item["metadata"]["name"] for item in items) != sorted(wanted):
            fail("the list has other pods")
        if any(c["restartCount"] for item in items for c in item["status"]["containerStatuses"]):
            fail("a container was started twice")
    deleting = time.monotonic()
    delete_all(carpeld, wanted)
    await_events(watch, wanted, is_deleted)
    gone = time.monotonic()
    watch.client.close()
    assert_back(carpeld, before)
    print(
        "%d pods: answered in %.2f s, running in %.2f s, gone in %.2f s"
        % (count, answered - began, ran - began, gone - deleting)
    )


def event_of_a_pod(n):
    """As large as carpeld's own are."""
    about = {"kind": "Pod", "namespace": "default", "name": "history", "apiVersion": "v1"}
    about.update(uid="0" * 36, resourceVersion="1" * 16, fieldPath="spec.containers{c}")
    return event(
        "history.%016x" % n,
        involvedObject=about,
        message="Container image \"guest\" already present on machine" + "." * 100,
        source={"component": "carpeld", "host": "x" * 16},
        firstTimestamp="2000-01-01T00:00:00Z",
        lastTimestamp="2000-01-01T00:00:00Z",
        count=1,
        reportingComponent="carpeld",
        reportingInstance="x" * 16,
    )


def fill_histories(carpeld):
    """Both kinds' last changes are kept, and the last events: from here on each new one replaces one."""
    watch = open_watch(carpeld)
    create_all(carpeld, ["history"])
    await_events(watch, ["history"], is_running)
    watch.client.close()
    together = Together(carpeld)
    for i in range(HISTORY):
        together.send(200, "PATCH", PODS + "/history", {"metadata": {"labels": {"n": "%d" % i}}})
    together.finish(200)
    together = Together(carpeld)
    for i in range(2 * HISTORY):
        together.send(201, "POST", EVENTS, event_of_a_pod(i))
    together.finish(201)
    delete_all(carpeld, ["history"])


def memory(carpeld):
    return {"Rss": carpeld.kib("Rss"), "Anonymous": carpeld.kib("Anonymous")}


def assert_flat(before, after, what, pods=0):
    """A sanitizer keeps what is freed for a while: it measures nothing of ours, and finds leaks itself."""
    slack = SLACK_KIB + pods * SLACK_POD_KIB
    print("%s: %s before, %s after (KiB)" % (what, before, after))
    if not IS_SANITIZED and any(after[k] > before[k] + slack for k in before):
        fail("memory has grown over %s: %s, then %s", what, before, after)


def rounds(carpeld, count, each):
    fill_histories(carpeld)
    for i in range(2):
        round_of(carpeld, names(each))
    held, before = settled(carpeld), memory(carpeld)
    for i in range(count):
        round_of(carpeld, names(each))
    assert_back(carpeld, held)
    pods = count * each
    assert_flat(before, memory(carpeld), "%d pods in %d rounds" % (pods, count), pods)


def lists(carpeld, count):
    wanted = names(20)
    with open_watch(carpeld).client as client:
        watch = Watch(client, PODS + "?watch=1")
        create_all(carpeld, wanted)
        await_events(watch, wanted, is_running)

    def some(n):
        got = subprocess.run(
            [os.path.join(BIN, "test", "apiclient"), carpeld.path, "rounds", str(n)],
            capture_output=True,
            timeout=10 * LIMIT_S,
        )
        if (got.returncode, got.stdout) != (0, b"%d\n" % n):
            fail("%d rounds: %s %s", n, got.stdout, got.stderr)

    some(500)
    held = still(carpeld)
    before = memory(carpeld)
    some(count)
    assert_back(carpeld, held)
    assert_flat(before, memory(carpeld), "%d rounds of list and watch" % count)


def watchers(carpeld, count):
    warm_up(carpeld)
    held = settled(carpeld)
    rss = memory(carpeld)["Rss"]
    clients = [Client(carpeld) for _ in range(count)]
    watches = [Watch(client, PODS + "?watch=1") for client in clients]
    for watch in watches:
        watch.head()
    each = (memory(carpeld)["Rss"] - rss) / count
    cpu, since = carpeld.cpu_s(), time.monotonic()
    time.sleep(1)
    idle = (carpeld.cpu_s() - cpu) / (time.monotonic() - since)
    print("%d watchers: %.1f KiB each, %.2f s of CPU in an idle second" % (count, each, idle))
    if not IS_SANITIZED and each > 24:
        fail("an idle watcher costs %.1f KiB", each)
    if idle > 0.05:
        fail("idle watchers take %.2f s of CPU a second", idle)
    # All of them see the same life, in the same order.
    create_all(carpeld, ["seen"])
    seen = []
    for watch in watches:
        events = []
        while not events or not is_running(events[-1]):
            events.append(watch.next())
        seen.append([(e["type"], e["object"]["metadata"]["resourceVersion"]) for e in events])
    if any(one != seen[0] for one in seen):
        fail("watchers saw different lives: %s", seen)
    delete_all(carpeld, ["seen"])
    for watch in watches:
        while not is_deleted(watch.next()):
            pass
    for client in clients:
        client.close()
    assert_back(carpeld, held)


# ---- by hand ----


def pss_kib(pids):
    total = {}
    for pid in pids:
        try:
            with open("/proc/%d/smaps_rollup" % pid) as smaps:
                kib = next(int(line.split()[1]) for line in smaps if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
        name = comm(pid)
        total[name] = total.get(name, 0) + kib
    return total


def all_pids(carpeld):
    pids = {carpeld.process.pid}
    for folder in carpeld.cgroups():
        with open(os.path.join(folder, "cgroup.procs")) as procs:
            pids.update(int(pid) for pid in procs)
    return pids


def batches(carpeld, wanted):
    """How many a second, batch by batch."""
    rates = []
    with open_watch(carpeld).client as client:
        watch = Watch(client, PODS + "?watch=1")
        for at in range(0, len(wanted), BATCH):
            batch = wanted[at : at + BATCH]
            began = time.monotonic()
            create_all(carpeld, batch)
            await_events(watch, batch, is_running)
            rates.append(len(batch) / (time.monotonic() - began))
    return rates


def timed(action):
    began = time.monotonic()
    action()
    return (time.monotonic() - began) * 1000


def cpu_over(carpeld, seconds):
    cpu = carpeld.cpu_s()
    time.sleep(seconds)
    return (carpeld.cpu_s() - cpu) / seconds


def is_up(carpeld):
    try:
        carpeld.look()
        return True
    except (OSError, AssertionError):
        return False


def recovery_ms(carpeld):
    """From the kill to an answer; the socket is the keeper's, so a request only waits."""
    old = carpeld.process.pid
    began = time.monotonic()
    os.kill(old, signal.SIGKILL)
    while not is_up(carpeld) or carpeld.process.pid == old:
        pass
    return (time.monotonic() - began) * 1000, carpeld.cpu_s() * 1000


def many(carpeld, count):
    warm_up(carpeld)
    wanted = names(count)
    none = sum(pss_kib(all_pids(carpeld)).values())
    cpu = carpeld.cpu_s()
    began = time.monotonic()
    rates = batches(carpeld, wanted)
    took = time.monotonic() - began
    print("%d pods running in %.2f s, %.1f a second" % (count, took, count / took))
    print("of each %d: %s a second" % (BATCH, " ".join("%.0f" % rate for rate in rates)))
    print("carpeld's CPU a pod: %.2f ms" % ((carpeld.cpu_s() - cpu) * 1000 / count))
    with Client(carpeld, window=1 << 24) as api:
        print("list of all: %.1f ms" % min(timed(lambda: api.get(PODS)) for _ in range(5)))
        print("list of 20: %.2f ms" % min(timed(lambda: api.get(PODS + "?limit=20")) for _ in range(5)))
    print("idle CPU: %.4f" % cpu_over(carpeld, 5))
    pss = pss_kib(all_pids(carpeld))
    guests = pss.pop("guest", 0)
    print("PSS: %s; guests %d; of ours %.1f KiB a pod" % (pss, guests, (sum(pss.values()) - none) / count))
    for _ in range(3):
        print("recovery after kill -9: %.0f ms, %.0f of them on a processor" % recovery_ms(carpeld))
        time.sleep(1)
    print("idle CPU after it: %.4f" % cpu_over(carpeld, 5))
    with open_watch(carpeld).client as client:
        watch = Watch(client, PODS + "?watch=1")
        began = time.monotonic()
        delete_all(carpeld, wanted)
        await_events(watch, wanted, is_deleted)
        print("gone in %.2f s" % (time.monotonic() - began))
    wait_for("the trash to be empty", lambda: not carpeld.files(), 120)


SCENARIOS = {"burst": burst, "rounds": rounds, "lists": lists, "watchers": watchers, "many": many}


def main():
    root, scenario, *numbers = sys.argv[1:]
    SCENARIOS[scenario](Carpeld(root), *map(int, numbers))


if __name__ == "__main__":
    main()
