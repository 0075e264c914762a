"""The runtime as a whole, images, statistics, streamed lists and events."""

import os
import subprocess
import time

import grpc

import client
import cri_client
from cri_client import (CREATED, EXITED, GUEST, LIB, NODE, READY, ROOT, RUN, RUNNING, SIZE, At, CriTest,
                        container_config, cri, until)
from grpc_client import RUNTIME, GrpcClient, framed
from test_cri_containers import InSandbox

EVENT = cri.ContainerEventType.Value
MISSING = {
    "Exec": "streaming", "Attach": "streaming", "PortForward": "streaming", "PullImage": "pulling",
    "CheckpointContainer": "checkpoints", "CheckpointPod": "checkpoints", "RestorePod": "checkpoints",
    "ListMetricDescriptors": "metrics", "ListPodSandboxMetrics": "metrics", "UpdatePodSandboxResources": "resources",
}
STREAMS = ("GetContainerEvents", "StreamPodSandboxes", "StreamContainers", "StreamContainerStats", "StreamPodSandboxStats",
           "StreamImages", "StreamPodSandboxMetrics")


class Runtime(CriTest):
    def test_version(self):
        for asked in ("", "0.1.0", "grüße"):
            answer = self.cri.call("Version", version=asked)
            self.assertEqual((answer.version, answer.runtime_name, answer.runtime_api_version), ("0.1.0", "carpel", "v1"))
            self.assertRegex(answer.runtime_version, r"^\d+(\.\d+)+")

    def test_status(self):
        answer = self.cri.call("Status")
        self.assertEqual({c.type: c.status for c in answer.status.conditions}, {"RuntimeReady": True, "NetworkReady": True})
        self.assertEqual(dict(answer.info), {})
        (handler,) = answer.runtime_handlers
        self.assertEqual(handler.name, "")
        self.assertTrue(handler.features.recursive_read_only_mounts)
        self.assertTrue(handler.features.user_namespaces)
        self.assertTrue(answer.features.supplemental_groups_policy)
        info = client.json.loads(self.cri.call("Status", verbose=True).info["config"])
        self.assertEqual((info["stateDir"], info["sandboxes"]), (RUN, 0))

    def test_config(self):
        self.assertTrue(self.cri.call("RuntimeConfig").HasField("linux"))
        self.assertEqual(self.cri.call("RuntimeConfig").linux.cgroup_driver, cri.CGROUPFS)
        self.cri.call("UpdateRuntimeConfig")
        network = cri.NetworkConfig(pod_cidr="10.0.0.0/16")
        self.cri.call("UpdateRuntimeConfig", runtime_config=cri.RuntimeConfig(network_config=network))

    def test_what_is_not_served_says_why(self):
        for name, word in MISSING.items():
            self.fails("UNIMPLEMENTED", word, of=lambda: self.cri.call(name))
        self.fails("UNIMPLEMENTED", "metrics", of=lambda: list(self.cri.stream("StreamPodSandboxMetrics")))

    def test_every_call_of_the_proto_is_served_or_missing(self):
        """None is forgotten, here or there."""
        served = {}
        for service in cri.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                call = self.cri.stream if method.name in STREAMS else self.cri.call
                try:
                    answer = call(method.name)
                    if method.name == "GetContainerEvents":  # which has no end
                        answer.initial_metadata()
                        answer.cancel()
                    served[method.name] = list(answer) if method.name in STREAMS else answer
                except grpc.RpcError as error:
                    served[method.name] = error.code()
        refused = {name for name, result in served.items() if result == grpc.StatusCode.UNIMPLEMENTED}
        self.assertEqual(refused, set(MISSING) | {"StreamPodSandboxMetrics"})
        self.assertEqual(len(served), 43)
        self.assertEqual(served["GetContainerEvents"], grpc.StatusCode.CANCELLED)


class Images(CriTest):
    def image(self, name):
        answer = self.cri.call("ImageStatus", image=cri.ImageSpec(image=name))
        return answer.image if answer.HasField("image") else None

    def listed(self, name=""):
        filter_ = cri.ImageFilter(image=cri.ImageSpec(image=name)) if name else None
        return [image.id for image in self.cri.call("ListImages", filter=filter_).images]

    def bring(self, name, text):
        """An image of its own: the guest's files and one more."""
        rootfs = ROOT + "/rootfs-" + text
        subprocess.run(["cp", "-r", ROOT + "/guest-rootfs", rootfs], check=True)
        with open(rootfs + "/etc/word", "w") as file:
            file.write(text)
        self.tag(name, text)

    def tag(self, name, text):
        command = [client.BIN + "/carpel", "--root", ROOT, "image", "import", name, ROOT + "/rootfs-" + text]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def test_status_by_every_reference(self):
        image = self.image("guest")
        self.assertRegex(image.id, "^sha256:[0-9a-f]{64}$")
        self.assertEqual(image.repo_tags, ["docker.io/library/guest:latest"])
        self.assertGreater(image.size, 10000)
        digits = image.id.split(":")[1]
        for name in ("guest:latest", "docker.io/library/guest", image.id, digits, digits[:12], "sha256:" + digits[:10],
                     *image.repo_digests):
            self.assertEqual(self.image(name), image, name)
            self.assertEqual(self.listed(name), [image.id], name)
        for name in ("nobody", "guest:other", "sha256:" + "0" * 64, "0" * 12):
            self.assertIsNone(self.image(name), name)
            self.assertEqual(self.listed(name), [], name)
        self.fails("INVALID_ARGUMENT", "image.image", of=lambda: self.image(""))
        self.assertTrue(self.cri.call("ImageStatus", image=cri.ImageSpec(image="guest"), verbose=True).info)
        self.assertEqual([i.id for i in self.cri.call("ListImages").images], [image.id])

    def test_remove(self):
        self.bring("one", "one")
        self.tag("two:tag", "one")
        image = self.image("one")
        self.assertEqual(self.image("two:tag"), image)
        self.assertEqual(sorted(image.repo_tags), ["docker.io/library/one:latest", "docker.io/library/two:tag"])
        self.assertEqual(sorted(self.listed()), sorted([image.id, self.image("guest").id]))
        calls = [self.cri.begin("RemoveImage", image=cri.ImageSpec(image="two:tag")) for _ in range(5)]
        for call in calls:
            call.result()
        for name in ("one", "two:tag", image.id):
            self.assertIsNone(self.image(name), name)
            self.cri.call("RemoveImage", image=cri.ImageSpec(image=name))
        self.assertEqual(self.listed(), [self.image("guest").id])
        self.fails("INVALID_ARGUMENT", "image.image", of=lambda: self.cri.call("RemoveImage"))

    def test_removed_under_a_container(self):
        self.bring("three", "three")
        image = self.image("three").id
        pod, _ = self.sandbox()
        running = self.started(pod, "r", "sleepy", "x", image="three")
        self.cri.call("RemoveImage", image=cri.ImageSpec(image="three"))
        self.assertEqual(self.cri.exec(running, GUEST, "cat", "/etc/word").stdout, b"three")
        self.assertEqual(self.cri.status(running).image_id, image)
        self.assertIsNone(self.image("three"))

    def test_file_systems(self):
        def told():
            answer = self.cri.call("ImageFsInfo")
            return answer if answer.image_filesystems[0].used_bytes.value > 10000 else None

        # Counted when it starts, and not again for a minute.
        began = time.time_ns()
        self.kill_carpeld()
        answer = until("the images to be counted", told)
        for usage in (*answer.image_filesystems, *answer.container_filesystems):
            self.assertTrue(os.path.isdir(usage.fs_id.mountpoint))
            self.assertTrue(usage.HasField("used_bytes") and usage.HasField("inodes_used"))
            self.assertTrue(began <= usage.timestamp <= time.time_ns())
        self.assertTrue(answer.image_filesystems[0].fs_id.mountpoint.startswith(LIB))
        self.assertGreater(answer.image_filesystems[0].inodes_used.value, 3)


class Stats(InSandbox):
    def test_container(self):
        c = self.begin("c", "spin", labels={"a": "b"}, resources={"memory_limit_in_bytes": 64 << 20})
        self.addCleanup(lambda: None)
        self.cri.exec(c, GUEST, "write", "/tmp/file", "x" * 10000)
        began = time.monotonic_ns()
        first = self.cri.call("ContainerStats", container_id=c).stats
        self.assertEqual((first.attributes.id, first.attributes.metadata.name), (c, "c"))
        self.assertEqual(dict(first.attributes.labels), {"a": "b"})

        def more():
            stats = self.cri.call("ContainerStats", container_id=c[:20]).stats
            return stats if used(stats) > used(first) else None

        def used(stats):
            return stats.cpu.usage_core_nano_seconds.value

        second = until("it to have spun", more)
        self.assertTrue(0 < first.cpu.timestamp < second.cpu.timestamp <= time.time_ns())
        self.assertLessEqual(used(second) - used(first), time.monotonic_ns() - began + 10 ** 8)  # and a tick or two
        memory = second.memory
        self.assertGreater(memory.timestamp, 0)
        self.assertTrue(0 < memory.working_set_bytes.value <= memory.usage_bytes.value < 64 << 20)
        self.assertTrue(0 < memory.available_bytes.value <= (64 << 20) - memory.working_set_bytes.value)
        self.assertTrue(memory.HasField("rss_bytes") and memory.page_faults.value > 0)

        def layer():
            stats = self.cri.call("ContainerStats", container_id=c).stats
            return stats.writable_layer if stats.HasField("writable_layer") else None

        layer = until("the layer to be counted", layer)
        self.assertGreaterEqual(layer.used_bytes.value, 10000)
        self.assertGreaterEqual(layer.inodes_used.value, 1)
        self.assertTrue(layer.timestamp > 0 and os.path.isdir(layer.fs_id.mountpoint))

    def test_lists_and_filters(self):
        other, _ = self.sandbox("other", labels={"pod": "o"})
        ids = [self.begin("a", "sleepy", "x", labels={"n": "0"}), self.begin("b", "sleepy", "x", labels={"n": "1"}),
               self.started(other, "c", "sleepy", "x", labels={"n": "1"})]
        self.cri.wait_exited(self.begin("gone", "exit", "0", labels={"n": "1"}))
        self.make("waits", "sleepy", "x", labels={"n": "1"})

        def numbers(**filter_):
            answers = self.cri.call("ListContainerStats", filter=cri.ContainerStatsFilter(**filter_)).stats
            parts = self.cri.stream("StreamContainerStats", filter=cri.ContainerStatsFilter(**filter_))
            found = [stats.attributes.id for stats in answers]
            self.assertEqual([stats.attributes.id for part in parts for stats in part.container_stats], found)
            return sorted(ids.index(id_) for id_ in found)

        self.assertEqual(numbers(), [0, 1, 2])
        self.assertEqual(numbers(id=ids[0]), [0])
        self.assertEqual(numbers(pod_sandbox_id=self.pod), [0, 1])
        self.assertEqual(numbers(label_selector={"n": "1"}), [1, 2])
        self.assertEqual(numbers(label_selector={"n": "1"}, pod_sandbox_id=other), [2])
        self.assertGreaterEqual(len(self.cri.call("ListContainerStats").stats), 3)

        def pods(**filter_):
            answers = self.cri.call("ListPodSandboxStats", filter=cri.PodSandboxStatsFilter(**filter_)).stats
            parts = self.cri.stream("StreamPodSandboxStats", filter=cri.PodSandboxStatsFilter(**filter_))
            found = [stats.attributes.id for stats in answers]
            self.assertEqual([stats.attributes.id for part in parts for stats in part.pod_sandbox_stats], found)
            return found

        self.assertEqual(sorted(pods()), sorted([self.pod, other]))
        self.assertEqual(pods(id=other[:20]), [other])
        self.assertEqual(pods(label_selector={"pod": "o"}), [other])

    def test_sandbox(self):
        c = self.begin("c", "family", "2")
        host, _ = self.sandbox("host", options={"network": NODE})
        stats = self.cri.call("PodSandboxStats", pod_sandbox_id=self.pod).stats
        self.assertEqual((stats.attributes.id, stats.attributes.metadata.name), (self.pod, "p"))
        self.assertEqual([one.attributes.id for one in stats.linux.containers], [c])
        self.assertEqual(stats.linux.process.process_count.value, 4)  # pause, and the family
        self.assertGreater(stats.linux.memory.usage_bytes.value, 0)
        self.assertGreaterEqual(stats.linux.cpu.usage_core_nano_seconds.value,
                                stats.linux.containers[0].cpu.usage_core_nano_seconds.value)
        self.assertEqual(stats.linux.network.default_interface.name, "lo")
        self.assertFalse(self.cri.call("PodSandboxStats", pod_sandbox_id=host).stats.linux.HasField("network"))
        self.fails("NOT_FOUND", "nobody", of=lambda: self.cri.call("PodSandboxStats", pod_sandbox_id="nobody"))
        self.fails("INVALID_ARGUMENT", "id", of=lambda: self.cri.call("PodSandboxStats"))
        self.cri.stop_pod(self.pod)
        self.fails("FAILED_PRECONDITION", self.pod, of=lambda: self.cri.call("PodSandboxStats", pod_sandbox_id=self.pod))
        self.fails("FAILED_PRECONDITION", c, of=lambda: self.cri.call("ContainerStats", container_id=c))


class Streams(InSandbox):
    def test_each_item_once(self):
        count = 300 * SIZE
        config = container_config("c", "sleepy", "x", labels={"all": "yes"})
        calls = []
        for n in range(count):
            config.metadata.name = "c%d" % n
            config.labels["odd"] = str(n % 2)
            calls.append(self.cri.begin("CreateContainer", pod_sandbox_id=self.pod, config=config))
            if len(calls) >= 50:
                calls.pop(0).result()
        for call in calls:
            call.result()

        def collect(**filter_):
            parts = list(self.cri.stream("StreamContainers", filter=cri.ContainerFilter(**filter_)))
            self.assertTrue(all(part.containers for part in parts))
            return [container for part in parts for container in part.containers], len(parts)

        items, parts = collect()
        self.assertEqual(items, self.cri.containers())
        self.assertEqual(len({item.id for item in items}), count)
        self.assertGreater(parts, 1)
        self.assertEqual(len(collect(label_selector={"odd": "1"})[0]), count // 2)
        self.assertEqual(collect(label_selector={"odd": "2"}), ([], 0))
        self.assertEqual(collect(id=items[7].id)[0], [items[7]])
        # Some go while it is being sent: the others are there, once each.
        stream = self.cri.stream("StreamContainers")
        first = next(stream)
        for item in items[-100:]:
            self.cri.remove(item.id)
        ids = [c.id for part in (first, *stream) for c in part.containers]
        self.assertEqual(len(set(ids)), len(ids))
        self.assertTrue({item.id for item in items[:-100]} <= set(ids) <= {item.id for item in items})
        self.cri.remove_pod(self.pod)
        self.assertEqual(collect(), ([], 0))

    def test_sandboxes_and_images(self):
        for n in range(5):
            self.sandbox("s%d" % n, labels={"n": str(n % 2)})
        parts = list(self.cri.stream("StreamPodSandboxes"))
        self.assertEqual([pod for part in parts for pod in part.pod_sandboxes], self.cri.pods())
        filter_ = cri.PodSandboxFilter(label_selector={"n": "1"})
        parts = list(self.cri.stream("StreamPodSandboxes", filter=filter_))
        self.assertEqual(len([pod for part in parts for pod in part.pod_sandboxes]), 2)
        parts = list(self.cri.stream("StreamImages"))
        self.assertEqual([image for part in parts for image in part.images], list(self.cri.call("ListImages").images))


class Watch:
    """One listener; it is there when this returns."""

    def __init__(self, connection):
        self.stream = connection.runtime.GetContainerEvents(cri.GetEventsRequest(), timeout=cri_client.WAIT_S)
        self.stream.initial_metadata()

    def take(self, count):
        return [next(self.stream) for _ in range(count)]


class Events(CriTest):
    def life(self):
        """The events that one life makes: (id, type)."""
        pod, _ = self.sandbox("p", annotations={"a": "grüße"})
        c = self.started(pod, "c", "sleepy", "x")
        self.cri.stop(c, 10)
        self.cri.remove(c)
        self.cri.stop_pod(pod)
        self.cri.remove_pod(pod)
        names = ["CREATED", "STARTED", "STOPPED", "DELETED"]
        numbers = [EVENT("CONTAINER_%s_EVENT" % name) for name in names]
        return [(pod, n) for n in numbers[:2]] + [(c, n) for n in numbers] + [(pod, n) for n in numbers[2:]]

    def test_whole_life_for_two(self):
        watches = [Watch(self.connect()), Watch(self.connect())]
        before = time.time_ns()
        wanted = self.life()
        pod, c = wanted[0][0], wanted[2][0]
        told = [watch.take(len(wanted)) for watch in watches]
        self.assertEqual(told[0], told[1])
        self.assertEqual([(e.container_id, e.container_event_type) for e in told[0]], wanted)
        times = [e.created_at for e in told[0]]
        self.assertEqual(times, sorted(times))
        self.assertTrue(before <= times[0] <= times[-1] <= time.time_ns())
        for event in told[0]:
            self.assertEqual((event.pod_sandbox_status.id, event.pod_sandbox_status.metadata.uid), (pod, "uid-p"))
            self.assertEqual(dict(event.pod_sandbox_status.annotations), {"a": "grüße"})
        states = [[(s.id, s.state, s.exit_code) for s in e.containers_statuses] for e in told[0]]
        self.assertEqual(states, [[], [], [(c, CREATED, 0)], [(c, RUNNING, 0)], [(c, EXITED, 143)], [], [], []])
        self.assertEqual([e.pod_sandbox_status.state for e in told[0]], [READY] * 6 + [cri.SANDBOX_NOTREADY] * 2)

    def test_end_by_itself(self):
        pod, _ = self.sandbox()
        watch = Watch(self.connect())
        self.started(pod, "c", "exit", "3")
        last = watch.take(3)[-1]
        self.assertEqual(last.container_event_type, EVENT("CONTAINER_STOPPED_EVENT"))
        self.assertEqual(last.containers_statuses[0].exit_code, 3)

    def test_who_does_not_read_is_ended_and_nobody_waits(self):
        pod, _ = self.sandbox()
        for n in range(8):
            self.container(pod, "c%d" % n, "sleepy", "x", annotations={"big": "x" * 60000})
        raw = GrpcClient(At, window=1 << 16)
        self.addCleanup(raw.close)
        stream = raw.begin("POST", RUNTIME + "GetContainerEvents",
                           [("content-type", "application/grpc"), ("te", "trailers")], has_body=True)
        raw.send(stream, framed(cri.GetEventsRequest()), end=True)
        raw.wait(lambda: raw.answers[stream].headers)  # it is there
        good = Watch(self.connect())
        for n in range(20):
            self.cri.remove(self.container(pod, "d", "sleepy", "x", attempt=n))
            good.take(2)
        answer = raw.finish(stream)  # reads now: what was queued, and why it is over
        self.assertEqual(answer.header("grpc-status"), "8")
