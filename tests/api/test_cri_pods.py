"""Sandboxes by CRI: their life, repeats of each call, errors, filters, and calls that are given up."""

import glob
import os
import time

import grpc

import cri_client
from cri_client import (CONTAINER, CREATED, EXITED, GUEST, NODE, NOTREADY, POD, READY, TARGET, Cri, CriTest, cri,
                        frozen, launcher, pids_of, pod_config, pod_state, processes, until)

ODD = {"plain": "x", "empty": "", "unicode": "grüße-日本-\U0001f331", "long": "v" * 5000, "k/ä": "line\nbreak\ttab"}


def namespaces(pid):
    return {name: os.readlink("/proc/%s/ns/%s" % (pid, name)) for name in ("net", "pid", "ipc", "mnt", "uts", "cgroup")}


class Life(CriTest):
    def test_whole_life(self):
        config = pod_config("web", uid="u-1", attempt=7, hostname="box", labels=ODD, annotations=ODD)
        before = time.time_ns()
        id_ = self.cri.run(config)
        self.assertRegex(id_, "^[0-9a-f]{64}$")
        status = self.cri.pod(id_)
        self.assertEqual((status.id, status.state), (id_, READY))
        self.assertEqual(status.metadata, config.metadata)
        self.assertTrue(before <= status.created_at <= time.time_ns())
        self.assertEqual(dict(status.labels), ODD)
        self.assertEqual(dict(status.annotations), ODD)
        # A kubelet would replace a sandbox that has a network without an address, again and again.
        self.assertFalse(status.HasField("network"))
        self.assertEqual(status.linux.namespaces.options.network, POD)
        self.assertEqual(status.runtime_handler, "")
        (item,) = self.cri.pods()
        for field in ("id", "metadata", "state", "created_at", "labels", "annotations"):
            self.assertEqual(getattr(item, field), getattr(status, field), field)
        self.assertEqual(len(pids_of(id_)), 1)  # pause
        self.cri.stop_pod(id_)
        self.assertEqual(self.cri.pod(id_).state, NOTREADY)
        self.assertEqual(pids_of(id_), set())
        self.assertEqual([p.state for p in self.cri.pods()], [NOTREADY])
        self.assertEqual(self.cri.pod(id_).created_at, status.created_at)
        self.cri.remove_pod(id_)
        self.assertEqual(self.cri.pods(), [])
        self.fails("NOT_FOUND", id_, of=lambda: self.cri.pod(id_))

    def test_verbose_status(self):
        id_, _ = self.sandbox()
        answer = self.cri.call("PodSandboxStatus", pod_sandbox_id=id_, verbose=True)
        self.assertTrue(answer.info)
        self.assertEqual(dict(self.cri.call("PodSandboxStatus", pod_sandbox_id=id_).info), {})
        self.assertEqual((answer.timestamp, list(answer.containers_statuses)), (0, []))

    def test_repeats(self):
        id_, _ = self.sandbox()
        for _ in range(3):
            self.cri.stop_pod(id_)
        for _ in range(3):
            self.cri.remove_pod(id_)
        self.cri.stop_pod(id_)
        for unknown in ("0" * 64, "no-such-sandbox"):
            self.cri.stop_pod(unknown)
            self.cri.remove_pod(unknown)
            self.fails("NOT_FOUND", unknown, of=lambda: self.cri.pod(unknown))
        for call in (self.cri.stop_pod, self.cri.remove_pod, self.cri.pod):
            self.fails("INVALID_ARGUMENT", "id", of=lambda: call(""))

    def test_one_name(self):
        config = pod_config("one")
        id_ = self.cri.run(config)
        self.fails("ALREADY_EXISTS", id_, of=lambda: self.cri.run(config))
        self.cri.stop_pod(id_)
        self.fails("ALREADY_EXISTS", id_, of=lambda: self.cri.run(config))
        others = [pod_config("one", attempt=1), pod_config("one", uid="other"), pod_config("one", namespace="n")]
        self.assertEqual(len({self.cri.run(other) for other in others}), 3)
        self.cri.remove_pod(id_)
        self.assertNotEqual(self.cri.run(config), id_)

    def test_many_of_one_name_at_once(self):
        calls = [self.cri.begin("RunPodSandbox", config=pod_config("same")) for _ in range(10)]
        results = [call.exception() or call.result() for call in calls]
        (made,) = [result for result in results if not isinstance(result, Exception)]
        for error in results:
            if error is not made:
                self.assertEqual(error.code(), grpc.StatusCode.ALREADY_EXISTS)
                self.assertIn(made.pod_sandbox_id, error.details())

    def test_filters(self):
        ids = {}
        for n, labels in enumerate(({"app": "a", "n": "0"}, {"app": "a", "n": "1"}, {"app": "b", "n": "1"})):
            ids[n], _ = self.sandbox("p%d" % n, labels=labels)
        self.cri.stop_pod(ids[1])

        def numbers(**filter_):
            found = [pod.id for pod in self.cri.pods(**filter_)]
            return sorted(n for n in ids if ids[n] in found) if len(set(found)) == len(found) else found

        self.assertEqual(numbers(), [0, 1, 2])
        self.assertEqual(len(self.cri.call("ListPodSandbox").items), 3)
        self.assertEqual(numbers(id=ids[0]), [0])
        self.assertEqual(numbers(id=ids[0][:20]), [0])
        self.assertEqual(numbers(id="x"), [])
        self.assertEqual(numbers(state=pod_state(READY)), [0, 2])
        self.assertEqual(numbers(state=pod_state(NOTREADY)), [1])
        self.assertEqual(numbers(label_selector={"app": "a"}), [0, 1])
        self.assertEqual(numbers(label_selector={"app": "a", "n": "1"}), [1])
        self.assertEqual(numbers(label_selector={"app": ""}), [])
        self.assertEqual(numbers(label_selector={"no": "a"}), [])
        self.assertEqual(numbers(state=pod_state(READY), label_selector={"n": "1"}), [2])
        self.assertEqual(numbers(id=ids[0], state=pod_state(NOTREADY)), [])

    def test_order_and_prefixes(self):
        ids = [self.sandbox("o%d" % n)[0] for n in range(20)]
        self.assertEqual([pod.id for pod in self.cri.pods()], ids[::-1])
        created = [pod.created_at for pod in self.cri.pods()]
        self.assertEqual(created, sorted(created, reverse=True))
        first = {}
        for id_ in ids:
            first.setdefault(id_[0], []).append(id_)
        several = next(digit for digit, those in first.items() if len(those) > 1)  # 20 ids, 16 digits
        self.fails("INVALID_ARGUMENT", '"%s"' % several, "several", of=lambda: self.cri.pod(several))
        self.assertEqual(self.cri.pod(ids[0][:30]).id, ids[0])


class Ends(CriTest):
    def test_stop_with_running_containers(self):
        id_, _ = self.sandbox()
        ids = [self.started(id_, "c%d" % n, "stubborn", "here") for n in range(3)]
        waits = self.container(id_, "waits", "sleep", "9")
        self.cri.stop_pod(id_)
        for container in ids:
            status = self.cri.status(container)
            self.assertEqual((status.state, status.exit_code, status.reason), (EXITED, 137, "Error"))
        self.assertEqual(self.cri.status(waits).state, CREATED)
        self.fails("FAILED_PRECONDITION", "not ready", of=lambda: self.cri.start(waits))
        self.fails("FAILED_PRECONDITION", "not ready", of=lambda: self.container(id_, "more", "sleep", "9"))
        self.assertEqual(pids_of(id_), set())

    def test_remove_of_a_ready_one(self):
        id_, _ = self.sandbox()
        ids = [self.started(id_, "c%d" % n, "family", "3") for n in range(2)] + [self.container(id_, "no", "sleep", "9")]
        self.audit.note()
        self.cri.remove_pod(id_)
        self.assertEqual((self.cri.pods(), self.cri.containers()), ([], []))
        for container in ids:
            self.fails("NOT_FOUND", container, of=lambda: self.cri.status(container))
        self.assertEqual(processes(), set())

    def test_stops_and_removals_at_once(self):
        id_, _ = self.sandbox()
        self.started(id_, "c", "stubborn", "here")
        calls = [self.cri.begin("StopPodSandbox", pod_sandbox_id=id_) for _ in range(5)]
        calls += [self.cri.begin("RemovePodSandbox", pod_sandbox_id=id_) for _ in range(5)]
        for call in calls:
            call.result()
        self.assertEqual(self.cri.pods(), [])

    def test_pause_dies(self):
        id_, _ = self.sandbox()
        container = self.started(id_, "c", "sleepy", "x")
        pause = int(self.cri_pause(id_))
        os.kill(pause, 9)
        until("the sandbox to be not ready", lambda: self.cri.pod(id_).state == NOTREADY)
        status = self.cri.wait_exited(container)
        self.assertEqual(status.exit_code == 137 and status.reason == "Error", status.exit_code != 255, status)
        self.cri.remove_pod(id_)

    def cri_pause(self, id_):
        return next(pid for pid in pids_of(id_) if cri_client.read("/proc/%d/comm" % pid).strip() == "carpel-pause")

    def test_cancelled_run_leaves_nothing(self):
        done = cancelled = 0
        for n in range(20 * cri_client.SIZE):
            config = pod_config("gone", uid="u%d" % n)
            call = self.cri.begin("RunPodSandbox", config=config)
            time.sleep(0.0004 * n)  # from before it has come to after it is done
            if call.cancel():
                cancelled += 1
            else:
                done += 1
            id_ = until("its name to be free", lambda: self.run_again(config))
            self.assertEqual([pod.id for pod in self.cri.pods()], [id_])
            self.cri.remove_pod(id_)
        self.assertGreater(cancelled, 0)
        self.assertEqual((self.cri.pods(), processes()), ([], set()))

    def run_again(self, config):
        """The id, of one that is made now or was made before; None while the other is being undone."""
        try:
            return self.cri.run(config)
        except grpc.RpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.ALREADY_EXISTS)
            there = [pod.id for pod in self.cri.pods() if pod.id in error.details()]
            return there[0] if there and self.is_up(there[0]) else None

    def is_up(self, id_):
        try:
            return self.cri.pod(id_).state == READY
        except grpc.RpcError:
            return False

    def test_deadline_of_run_leaves_nothing(self):
        expired = 0
        for n in range(5):
            call = self.cri.begin("RunPodSandbox", deadline_s=0.001, config=pod_config("late", uid="u%d" % n))
            error = call.exception()
            if error:
                self.assertEqual(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED, error)
                expired += 1
        self.assertGreater(expired, 0)
        # One whose answer was on its way when its time was up is there, and can be found; the others are gone.
        until("the half made to be gone", lambda: all(pod.state == READY for pod in self.cri.pods()))
        self.assertLess(len(self.cri.pods()), 5)

    def test_lost_connection_undoes_run(self):
        for n in range(10):
            connection = Cri()
            connection.call("Version")
            connection.begin("RunPodSandbox", config=pod_config("lost", uid="u%d" % n))
            time.sleep(0.001 * n)
            connection.close()
        until("the half made to be gone", lambda: all(pod.state == READY for pod in self.cri.pods()))

    def test_given_up_while_it_is_made(self):
        """By a cancellation, a deadline and the end of its connection, while the launcher is held."""
        connection = Cri()
        with frozen(launcher()):
            call = self.cri.begin("RunPodSandbox", config=pod_config("cancelled"))
            connection.begin("RunPodSandbox", config=pod_config("lost"))
            for client in (self.cri, connection):
                client.call("Version")  # so they have arrived
            late = self.cri.begin("RunPodSandbox", deadline_s=1, config=pod_config("late"))
            self.assertTrue(call.cancel())
            connection.close()
            self.assertEqual(late.exception().code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.cri.remove_pod(self.cri.run(pod_config("next")))  # the launcher has come to them
        until("all to be gone", lambda: not self.cri.pods() and not processes())

    def test_removed_while_it_is_made(self):
        for n in range(10):
            call = self.cri.begin("RunPodSandbox", config=pod_config("quick", uid="u%d" % n))
            there = until("it to be listed", lambda: self.cri.pods() or call.done() and self.cri.pods())
            self.cri.remove_pod(there[0].id)
            self.assertEqual(self.cri.pods(), [])
            error = call.exception()
            if error:
                self.assertEqual(error.code(), grpc.StatusCode.CANCELLED)


class Namespaces(CriTest):
    def inside(self, container):
        lines = self.cri.exec(container, GUEST, "ns").stdout.decode().splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def test_network_of_the_node(self):
        ours = namespaces("self")
        options = {"network": NODE}
        id_, _ = self.sandbox("host", options=options)
        self.assertEqual(self.cri.pod(id_).linux.namespaces.options.network, NODE)
        container = self.started(id_, "c", "sleepy", "x", options=options)
        inside = self.inside(container)
        self.assertEqual(inside["net"], ours["net"])
        for name in ("pid", "ipc", "mnt", "uts", "cgroup"):
            self.assertNotEqual(inside[name], ours[name], name)

    def test_pid_of_the_pod(self):
        id_, _ = self.sandbox()
        first, second = (self.started(id_, name, "sleepy", "x") for name in ("a", "b"))
        self.assertEqual(self.inside(first)["pid"], self.inside(second)["pid"])
        self.assertIn("carpel-pause", self.cri.exec(first, GUEST, "procs").stdout.decode())

    def test_pid_of_its_own(self):
        options = {"pid": CONTAINER}
        id_, _ = self.sandbox(options=options)
        first, second = (self.started(id_, name, "sleepy", "x", options=options) for name in ("a", "b"))
        one, two = self.inside(first), self.inside(second)
        self.assertNotEqual(one["pid"], two["pid"])
        for name in ("net", "ipc", "uts"):
            self.assertEqual(one[name], two[name])
        self.assertNotIn("carpel-pause", self.cri.exec(first, GUEST, "procs").stdout.decode())

    def test_pid_and_ipc_of_the_node(self):
        ours = namespaces("self")
        options = {"pid": NODE, "ipc": NODE}
        id_, _ = self.sandbox(options=options)
        told = self.cri.pod(id_).linux.namespaces.options
        self.assertEqual((told.pid, told.ipc, told.network), (NODE, NODE, POD))
        container = self.started(id_, "c", "sleepy", "x", options=options)
        inside = self.inside(container)
        self.assertEqual((inside["pid"], inside["ipc"]), (ours["pid"], ours["ipc"]))
        self.assertIn("\n%d " % os.getpid(), self.cri.exec(container, GUEST, "procs").stdout.decode())
        family = self.started(id_, "f", "family", "3", options=options)
        self.audit.note()
        self.cri.stop(family)
        until("the family to end", lambda: not pids_of(family))
        self.cri.stop_pod(id_)
        self.assertEqual(self.cri.status(container).exit_code, 137)

    def test_pid_of_a_target(self):
        options = {"pid": CONTAINER}
        id_, _ = self.sandbox(options=options)
        first = self.started(id_, "a", "sleepy", "x", options=options)
        target = {"pid": TARGET, "target_id": first}
        second = self.started(id_, "b", "sleepy", "y", options=target)
        self.assertEqual(self.inside(second)["pid"], self.inside(first)["pid"])
        self.cri.stop(first)
        self.cri.wait_exited(second)  # the namespace's first process is gone, and so are the others
        third = self.container(id_, "c", "sleepy", "z", options=target)
        self.fails("UNKNOWN", first, of=lambda: self.cri.start(third))
        self.assertEqual(self.cri.status(third).state, EXITED)
        self.fails("INVALID_ARGUMENT", "target_id", of=lambda: self.container(id_, "d", "sleep", "1", options={"pid": TARGET}))

    def test_absolute_cgroup_parent(self):
        parent = "/carpel-test-%d" % os.getpid()
        tops = ["/sys/fs/cgroup"] if os.path.exists("/sys/fs/cgroup/cgroup.procs") else [
            "/sys/fs/cgroup/" + name for name in ("cpu", "memory", "pids")]  # a kubelet makes no other
        # Parents that are made are left to the client, too.
        self.addCleanup(lambda: [os.removedirs(path) for path in glob.glob("/sys/fs/cgroup/*%s/sub" % parent)])
        for top in tops:
            os.makedirs(top + parent + "/sub")
            self.addCleanup(os.rmdir, top + parent)
            self.addCleanup(os.rmdir, top + parent + "/sub")
        id_, _ = self.sandbox(parent=parent + "/sub")
        container = self.started(id_, "c", "sleepy", "x", resources={"memory_limit_in_bytes": 64 << 20})
        for top in tops:
            self.assertTrue(os.path.isdir("%s%s/sub/%s/%s" % (top, parent, id_, container)), top)
        pids = {int(word) for word in cri_client.read(
            "%s%s/sub/%s/%s/cgroup.procs" % (tops[-1], parent, id_, container)).split()}
        self.assertEqual(len(pids), 1)
        self.cri.remove_pod(id_)
        for top in tops:  # the client's own stay
            until("ours to be gone", lambda: [e for e in os.scandir(top + parent + "/sub") if e.is_dir()] == [])
        self.doCleanups()


class Refusals(CriTest):
    def refused(self, code, field, change):
        config = pod_config("bad")
        change(config)
        self.fails(code, field, of=lambda: self.cri.run(config))

    def test_required(self):
        self.fails("INVALID_ARGUMENT", "config", of=lambda: self.cri.call("RunPodSandbox"))
        self.fails("INVALID_ARGUMENT", "config.metadata", of=lambda: self.cri.run(cri.PodSandboxConfig()))
        for field in ("name", "uid", "namespace"):
            self.refused("INVALID_ARGUMENT", "config.metadata." + field, lambda c: c.metadata.ClearField(field))
            self.refused("INVALID_ARGUMENT", "config.metadata." + field,
                lambda c: setattr(c.metadata, field, "../../etc"))

    def test_values(self):
        def options(config):
            return config.linux.security_context.namespace_options

        self.refused("INVALID_ARGUMENT", "config.hostname", lambda c: setattr(c, "hostname", "no/good"))
        self.refused("INVALID_ARGUMENT", "config.log_directory", lambda c: setattr(c, "log_directory", "relative"))
        self.refused("INVALID_ARGUMENT", "namespace_options.network", lambda c: setattr(options(c), "network", 77))
        self.refused("INVALID_ARGUMENT", "namespace_options.network", lambda c: setattr(options(c), "network", TARGET))
        self.refused("INVALID_ARGUMENT", "config.linux.sysctls", lambda c: c.linux.sysctls.update({"kernel.panic": "1"}))
        self.refused("INVALID_ARGUMENT", "config.linux.cgroup_parent",
            lambda c: setattr(c.linux, "cgroup_parent", "/a/../../b"))

    def test_what_is_not_there_yet(self):
        self.refused("UNIMPLEMENTED", "port_mappings", lambda c: c.port_mappings.add(container_port=80, host_port=8080))
        self.refused("UNIMPLEMENTED", "selinux_options",
            lambda c: setattr(c.linux.security_context.selinux_options, "type", "t"))
        self.fails("INVALID_ARGUMENT", "runtime_handler", "kata",
            of=lambda: self.cri.run(pod_config("bad"), runtime_handler="kata"))

    def test_sizes(self):
        big = {"a%d" % n: "x" * 100000 for n in range(30)}
        text = self.fails("RESOURCE_EXHAUSTED", "config", of=lambda: self.cri.run(pod_config("big", annotations=big)))
        self.assertRegex(text, "[0-9]{7}")
