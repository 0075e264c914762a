"""gRPC as python3-grpcio sees it, and as requests that no library sends are answered."""

import struct
import threading
import unittest

import grpc

from client import LIMIT_S, PODS, pod
from grpc_client import (
    RUNTIME,
    GrpcServer,
    GrpcTest,
    cri,
    cri_grpc,
    framed,
    health,
    health_grpc,
    reflection,
    reflection_grpc,
    v1alpha,
    v1alpha_grpc,
)

Code = grpc.StatusCode
MESSAGE_MAX = 16 * 1024 * 1024


class Unary(GrpcTest):
    def test_answers(self):
        self.assertEqual(self.version("h\u00e9llo \u2713"), "h\u00e9llo \u2713")
        self.assertEqual(self.version(""), "")
        self.assertEqual(self.start(""), cri.StartContainerResponse())

    def test_many_at_once(self):
        calls = [self.runtime.Version.future(cri.VersionRequest(version=str(i)), timeout=LIMIT_S) for i in range(500)]
        self.assertEqual([c.result().version for c in calls], [str(i) for i in range(500)])

    def test_errors(self):
        self.fails(Code.NOT_FOUND, lambda: self.start("fail 5 no such"), "no such")
        self.fails(Code.UNKNOWN, lambda: self.start("fail 2"), "")
        self.fails(Code.ABORTED, lambda: self.start("fail 10 100%\nof \u2713"), "100%\nof \u2713")
        self.fails(Code.ALREADY_EXISTS, lambda: self.start("errno 17"), "start errno 17")

    def test_long_texts(self):
        """Clients bound the head of an answer to 8 KiB."""
        text = self.fails(Code.UNKNOWN, lambda: self.start("fail 2 " + "x" * 100000))
        self.assertEqual(text.strip("x"), "")
        self.assertTrue(4000 < len(text) <= 4096, len(text))
        text = self.fails(Code.UNKNOWN, lambda: self.start("fail 2 " + "\u2713" * 10000))
        self.assertEqual(text.strip("\u2713"), "")

    def test_unknown(self):
        known = "runtime.v1.RuntimeService"
        for path, text in (
            ("/runtime.v1alpha2.RuntimeService/Version", "unknown service runtime.v1alpha2.RuntimeService"),
            (RUNTIME + "Nix", "unknown method Nix for service " + known),
            (RUNTIME + "RuntimeConfig", "unimplemented method RuntimeConfig for service " + known),
            (RUNTIME + "PortForward", "PortForward: port forwarding comes with streaming"),
            ("/x", "malformed method name: /x"),
            ("/", "malformed method name: /"),
        ):
            call = self.channel.unary_unary(path, lambda x: x, lambda x: x)
            self.fails(Code.UNIMPLEMENTED, lambda: call(b"", timeout=LIMIT_S), text)

    def test_large(self):
        def create(n):
            config = cri.ContainerConfig(labels={"k": "v" * n})
            return self.runtime.CreateContainer(cri.CreateContainerRequest(config=config), timeout=LIMIT_S).container_id

        self.assertEqual(create(MESSAGE_MAX - 100), str(MESSAGE_MAX - 99))
        self.fails(
            Code.RESOURCE_EXHAUSTED,
            lambda: create(MESSAGE_MAX),
            "the message is larger than max (16777234 vs. 16777216)",
        )
        answer = self.runtime.ExecSync(cri.ExecSyncRequest(timeout=MESSAGE_MAX - 100), timeout=LIMIT_S)
        self.assertEqual(len(answer.stdout), MESSAGE_MAX - 100)
        self.fails(
            Code.RESOURCE_EXHAUSTED,
            lambda: self.runtime.ExecSync(cri.ExecSyncRequest(timeout=MESSAGE_MAX), timeout=LIMIT_S),
            "the answer is larger than a message may be",
        )
        self.assertEqual(self.version(), "x")

    def test_answers_are_utf8(self):
        """grpcio, as Go, refuses a message with a text that is none."""
        request = cri.ListContainersRequest(filter=cri.ContainerFilter(id="a"))
        answer = self.runtime.ListContainers(request, timeout=LIMIT_S)
        self.assertEqual(answer.containers[0].id, "a\ufffd")

    def test_beside_rest(self):
        raw = self.raw()
        self.assertEqual(raw.post(PODS, pod("a")).status, 201)
        self.assertEqual(raw.call(RUNTIME + "Version", framed(b"")).header("grpc-status"), "0")
        self.assertEqual(raw.get(PODS + "/a").json["metadata"]["name"], "a")
        self.assertEqual(raw.post(PODS, b"x" * (2 << 20)).status, 413)


class Times(GrpcTest):
    def test_deadline(self):
        self.fails(Code.DEADLINE_EXCEEDED, lambda: self.start("watched", 0.05))
        self.wait_counts(running=0)  # the client takes it back at the same moment
        self.before = self.counts()
        answer = self.raw().call(
            RUNTIME + "StartContainer",
            framed(cri.StartContainerRequest(container_id="watched")),
            ("grpc-timeout", "30m"),
        )
        self.assertEqual(answer.header("grpc-status"), "4")
        self.wait_counts(running=0, overdue=1, cancelled=0)

    def test_late_answer_goes_nowhere(self):
        self.fails(Code.DEADLINE_EXCEEDED, lambda: self.start("careless 4000", 0.02))
        call = self.runtime.StartContainer.future(cri.StartContainerRequest(container_id="careless 4000"))
        self.wait_counts(running=2)
        call.cancel()
        self.wait_counts(running=0, late=2)
        self.assertEqual(self.version(), "x")

    def test_answer_before_its_deadline(self):
        self.start("later 20", 10)
        self.start("careless 20", 10)

    def test_cancel(self):
        call = self.runtime.StartContainer.future(cri.StartContainerRequest(container_id="watched"))
        self.wait_counts(running=1)
        call.cancel()
        self.wait_counts(running=0, cancelled=1)

    def test_lost_connection(self):
        channel = self.connect()
        stub = cri_grpc.RuntimeServiceStub(channel)
        calls = [stub.StartContainer.future(cri.StartContainerRequest(container_id="watched")) for _ in range(5)]
        calls.append(stub.GetContainerEvents(cri.GetEventsRequest()))
        self.wait_counts(running=6)
        channel.close()
        self.wait_counts(running=0)

    def test_deadline_of_a_stream(self):
        stream = self.runtime.GetContainerEvents(cri.GetEventsRequest(), timeout=0.05)
        self.fails(Code.DEADLINE_EXCEEDED, lambda: next(stream))
        self.wait_counts(running=0)

    def test_malformed(self):
        for text in ("1", "S", "-1S", "1s", "123456789S", "1.5S"):
            answer = self.raw().call(RUNTIME + "Version", framed(b""), ("grpc-timeout", text))
            self.assertEqual((answer.status, answer.header("grpc-status")), (400, "13"), text)
            self.assertIn("malformed grpc-timeout", answer.header("grpc-message"))
        answer = self.raw().call(RUNTIME + "Version", framed(b""), ("grpc-timeout", "99999999H"))
        self.assertEqual(answer.header("grpc-status"), "0")


class Streams(GrpcTest):
    def test_messages(self):
        got = [a.containers[0].created_at for a in self.stream("1000 10")]
        self.assertEqual(got, list(range(1000, 0, -1)))
        self.assertEqual(list(self.stream("0")), [])
        self.assertEqual(sum(len(a.containers[0].id) for a in self.stream("200 100000")), 20000000)

    def test_errors(self):
        got = []
        self.fails(Code.NOT_FOUND, lambda: got.extend(self.stream("fail 3")), "no more containers")
        stream = self.stream("fail 3")
        self.assertEqual([next(stream).containers[0].created_at for _ in range(3)], [3, 2, 1])
        self.fails(Code.NOT_FOUND, lambda: next(stream))
        self.fails(Code.FAILED_PRECONDITION, lambda: next(self.stream("now")), "not now")

    def test_head_comes_at_once(self):
        stream = self.runtime.GetContainerEvents(cri.GetEventsRequest(), timeout=LIMIT_S)
        self.assertEqual(list(stream.initial_metadata()), [])  # waits for the head
        self.assertTrue(stream.is_active())
        stream.cancel()
        self.wait_counts(running=0)

    def test_slow_reader(self):
        """What a client does not take is not made: the server's memory stays, and all comes in the end."""
        before = self.settled_kib()
        stream = self.stream("600 100000")
        next(stream)
        for _ in range(300):  # turns, in which it could pile up
            self.assertEqual(self.counts()["running"], 1)
        self.assert_resident(before + 12 * 1024)
        self.assertEqual(sum(1 for _ in stream), 599)
        self.wait_counts(running=0)

    def test_frames(self):
        """Head, data, trailers, and nothing else."""
        raw = self.raw()
        data = framed(cri.StreamContainersRequest(filter=cri.ContainerFilter(id="2 3")))
        answer = raw.call(RUNTIME + "StreamContainers", data)
        one = framed(cri.StreamContainersResponse(containers=[cri.Container(id="xxx", created_at=2)]))
        two = framed(cri.StreamContainersResponse(containers=[cri.Container(id="xxx", created_at=1)]))
        self.assertEqual(answer.body, one + two)
        self.assertEqual(
            answer.headers, [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "0")]
        )
        answer = raw.call(RUNTIME + "StartContainer", framed(cri.StartContainerRequest(container_id="fail 9 x")))
        self.assertEqual(answer.body, b"")
        self.assertEqual(answer.headers[2:], [("grpc-status", "9"), ("grpc-message", "x")])


class Framing(GrpcTest):
    """Requests that no library sends."""

    def setUp(self):
        super().setUp()
        self.api = self.raw()
        self.message = framed(cri.VersionRequest(version="v" * 300))

    def refused(self, code, text, answer):
        self.assertEqual((answer.status, answer.header("grpc-status")), (200, str(code)), answer.headers)
        self.assertIn(text, answer.header("grpc-message"))
        self.assertEqual(answer.body, b"")

    def test_any_cut(self):
        """Prefix and message are not aligned to frames."""
        for size in (1, 2, 3, 4, 5, 6, 100):
            stream = self.api.start(RUNTIME + "Version")
            for at in range(0, len(self.message), size):
                self.api.h2.send_data(stream, self.message[at : at + size])
            self.api.h2.end_stream(stream)  # on a frame of its own
            answer = self.api.finish(stream)
            self.assertEqual(answer.header("grpc-status"), "0")
            self.assertEqual(answer.body, self.message)

    def test_content_types(self):
        for kind in ("application/grpc+proto", "application/grpc;x=y", "application/grpc+proto;x=y"):
            self.assertEqual(self.api.call(RUNTIME + "Version", self.message, kind=kind).body, self.message)
        answer = self.api.call(RUNTIME + "Version", self.message, kind="application/grpc+json")
        self.refused(12, "application/grpc+json", answer)
        for kind in ("application/grpc-web", "application/json"):  # not ours: REST has no such path
            self.assertEqual(self.api.call(RUNTIME + "Version", self.message, kind=kind).status, 404)

    def test_method_and_te(self):
        answer = self.api.call(RUNTIME + "Version", self.message, method="PUT")
        self.assertEqual((answer.status, answer.header("grpc-status")), (405, "13"))
        self.assertEqual(self.api.call(RUNTIME + "Version", self.message, te=False).body, self.message)

    def test_not_one_message(self):
        for data, text in (
            (b"", "no message in the request"),
            (self.message * 2, "more than one message"),
            (self.message + b"\0", "more than one message"),
            (self.message[:-1], "ends within a message"),
            (self.message[:3], "ends within a message"),
        ):
            self.refused(13, text, self.api.call(RUNTIME + "Version", data))

    def test_compressed(self):
        data = framed(b"x", flag=1)
        self.refused(13, "without grpc-encoding", self.api.call(RUNTIME + "Version", data))
        answer = self.api.call(RUNTIME + "Version", data, ("grpc-encoding", "identity"))
        self.refused(13, "without grpc-encoding", answer)
        answer = self.api.call(RUNTIME + "Version", data, ("grpc-encoding", "gzip"))
        self.refused(12, '"gzip" is not supported', answer)
        self.assertEqual(answer.header("grpc-accept-encoding"), "identity")
        # An encoding that is named and not used is none.
        answer = self.api.call(RUNTIME + "Version", self.message, ("grpc-encoding", "gzip"))
        self.assertEqual(answer.body, self.message)
        self.refused(13, "unexpected flags 2", self.api.call(RUNTIME + "Version", framed(b"", flag=2)))

    def test_bad_messages(self):
        for data, code, text in (
            (b"\xff", 13, "no runtime.v1.VersionRequest"),
            (b"\x0a\x05abc", 13, "no runtime.v1.VersionRequest"),
            (b"\x08\x01", 13, "no runtime.v1.VersionRequest"),
            (b"\x0a\x02a\xff", 13, "version: the text is not valid UTF-8"),
            (b"\x0a\x03a\0b", 3, "version: the text holds a NUL"),
        ):
            self.refused(code, text, self.api.call(RUNTIME + "Version", framed(data)))
        # Fields of a newer client are no fault.
        self.assertEqual(self.api.call(RUNTIME + "Version", framed(b"\x7a\x01x")).header("grpc-status"), "0")

    def test_too_large_before_it_is_sent(self):
        stream = self.api.start(RUNTIME + "Version")
        self.api.h2.send_data(stream, struct.pack(">BI", 0, MESSAGE_MAX + 1))
        self.refused(8, "larger than max (16777217 vs. 16777216)", self.api.finish(stream))
        stream = self.api.start(RUNTIME + "Version")
        self.api.h2.send_data(stream, struct.pack(">BI", 0, 0xFFFFFFFF))
        self.refused(8, "larger than max", self.api.finish(stream))

    def test_what_it_unpacks_to(self):
        """Sixteen megabytes of empty texts would become half a gigabyte."""
        before = self.settled_kib()
        config = b"\x1a\x00" * (4 * 1024 * 1024)  # ContainerConfig.command
        length = b""
        n = len(config)
        while n >= 128:
            length, n = length + bytes([n & 127 | 128]), n >> 7
        data = framed(b"\x12" + length + bytes([n]) + config)
        self.refused(8, "more memory", self.api.call(RUNTIME + "CreateContainer", data))
        self.assert_resident(before + 4 * 1024)

    def test_window_grows_with_the_message(self):
        """Only for a length that was admitted."""
        stream = self.api.start(RUNTIME + "CreateContainer")
        self.api.flush()
        self.assertEqual(self.api.window(stream), 65535)
        self.api.h2.send_data(stream, struct.pack(">BI", 0, 8 << 20))
        self.api.flush()
        self.api.wait(lambda: self.api.window(stream) > 900000)
        self.api.cancel(stream)

    def test_early_answer_ends_the_upload(self):
        raw = self.raw()
        answer = raw.call("/no.Service/Method", b"x" * (4 << 20))
        self.assertEqual(answer.header("grpc-status"), "12")
        self.assertEqual(raw.call(RUNTIME + "Version", self.message).body, self.message)


class Own(GrpcTest):
    """Health and reflection."""

    def test_health(self):
        stub = health_grpc.HealthStub(self.channel)
        serving = health.HealthCheckResponse.SERVING
        for name in ("", "runtime.v1.RuntimeService", "runtime.v1.ImageService", "grpc.health.v1.Health"):
            answer = stub.Check(health.HealthCheckRequest(service=name), timeout=LIMIT_S)
            self.assertEqual(answer.status, serving)
        request = health.HealthCheckRequest(service="nix")
        self.fails(Code.NOT_FOUND, lambda: stub.Check(request, timeout=LIMIT_S), "unknown service")
        watch = stub.Watch(request, timeout=LIMIT_S)
        self.assertEqual(next(watch).status, health.HealthCheckResponse.SERVICE_UNKNOWN)
        self.assertTrue(watch.is_active())
        watch.cancel()
        self.assertEqual(next(stub.Watch(health.HealthCheckRequest(), timeout=LIMIT_S)).status, serving)

    def ask(self, *questions, messages=reflection, stubs=reflection_grpc):
        requests = [messages.ServerReflectionRequest(host="h", **q) for q in questions]
        stub = stubs.ServerReflectionStub(self.channel)
        answers = list(stub.ServerReflectionInfo(iter(requests), timeout=LIMIT_S))
        self.assertEqual([a.original_request for a in answers], requests)
        self.assertEqual({a.valid_host for a in answers}, {"h"})
        return answers

    def test_reflection_lists(self):
        for messages, stubs in ((reflection, reflection_grpc), (v1alpha, v1alpha_grpc)):
            (answer,) = self.ask({"list_services": ""}, messages=messages, stubs=stubs)
            self.assertEqual(
                [s.name for s in answer.list_services_response.service],
                [
                    "runtime.v1.RuntimeService",
                    "runtime.v1.ImageService",
                    "grpc.health.v1.Health",
                    "grpc.reflection.v1.ServerReflection",
                    "grpc.reflection.v1alpha.ServerReflection",
                ],
            )

    def test_reflection_finds(self):
        """Each file is found by its name and by what it holds, and can be used."""
        from google.protobuf import descriptor_pb2

        symbols = {
            "spec/cri.proto": ("RuntimeService", "RuntimeService.Version", "VersionRequest", "ContainerState"),
            "spec/health.proto": ("Health.Check", "HealthCheckResponse.ServingStatus", "HealthCheckRequest.service"),
            "spec/reflection.proto": ("ServerReflection", "ServerReflectionRequest.host"),
            "spec/reflection_v1alpha.proto": ("ServerReflection",),
        }
        packages = ("runtime.v1.", "grpc.health.v1.", "grpc.reflection.v1.", "grpc.reflection.v1alpha.")
        for (name, words), package in zip(symbols.items(), packages):
            questions = [{"file_by_filename": name}] + [{"file_containing_symbol": package + w} for w in words]
            for answer in self.ask(*questions):
                (data,) = answer.file_descriptor_response.file_descriptor_proto
                file = descriptor_pb2.FileDescriptorProto.FromString(data)
                self.assertEqual((file.name, file.package + "."), (name, package))

    def test_reflection_refuses(self):
        missing = ["", "nix"] + ["runtime.v1" + word for word in ("", ".", ".Nix", ".VersionRequestX", ".VersionRequest.")]
        for answer in self.ask(*({"file_containing_symbol": m} for m in missing)):
            self.assertEqual(answer.error_response.error_code, 5, answer.original_request)
        for answer in self.ask({"file_by_filename": "cri.proto"}, {"file_by_filename": "spec/cri.proto."}):
            self.assertEqual(answer.error_response.error_code, 5, answer.original_request)
        (answer,) = self.ask({"all_extension_numbers_of_type": "runtime.v1.VersionRequest"})
        self.assertEqual(answer.error_response.error_code, 12)

    def test_reflection_unread(self):
        """Questions without end, whose answers are not read, end by themselves."""
        raw = self.raw(window=0)
        stream = raw.start("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        question = framed(reflection.ServerReflectionRequest(file_by_filename="spec/cri.proto"))
        answer = raw.answers[stream]
        raw.wait(lambda: answer.status == 200)
        for _ in range(200):
            raw.send(stream, question * 10)
        raw.h2.increment_flow_control_window(1 << 24, stream)
        answer = raw.finish(stream)
        self.assertEqual(answer.header("grpc-status"), "8")
        self.assertEqual(self.version(), "x")


class Leaving(GrpcTest):
    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        self.server = GrpcServer()
        super().setUp()

    def tearDown(self):
        self.server.stop()

    def test_stop(self):
        """Streams end, calls that run may finish, and nothing new begins."""
        events = self.runtime.GetContainerEvents(cri.GetEventsRequest())
        watch = health_grpc.HealthStub(self.channel).Watch(health.HealthCheckRequest())
        self.assertEqual(next(watch).status, health.HealthCheckResponse.SERVING)
        call = self.runtime.StartContainer.future(cri.StartContainerRequest(container_id="later 300"))
        self.wait_counts(running=2)
        self.server.process.terminate()
        self.fails(Code.UNAVAILABLE, lambda: next(events), "the server is shutting down")
        self.fails(Code.UNAVAILABLE, lambda: next(watch), "the server is shutting down")
        self.assertEqual(call.result(LIMIT_S), cri.StartContainerResponse())
        self.assertEqual(self.server.process.stdout.readline(), b"drained\n")
        self.fails(Code.UNAVAILABLE, lambda: self.version())

    def test_goodbye(self):
        """The first GOAWAY turns no stream away, and the call that runs is answered."""
        raw = self.raw()
        waiting = raw.start(RUNTIME + "StartContainer")
        raw.send(waiting, framed(cri.StartContainerRequest(container_id="watched")), end=True)
        self.wait_counts(running=1)
        self.server.process.terminate()
        raw.wait(lambda: raw.goaway)
        self.assertEqual((raw.goaway.last_stream_id, raw.goaway.error_code), (2**31 - 1, 0))

    def test_running_call_is_cut(self):
        self.server.stop()
        self.server = GrpcServer("grace_ms=100")
        GrpcTest.setUp(self)
        call = self.runtime.StartContainer.future(cri.StartContainerRequest(container_id="watched"))
        self.wait_counts(running=1)
        self.server.process.terminate()
        self.fails(Code.UNAVAILABLE, call.result)
        self.assertEqual(self.server.process.stdout.readline(), b"drained\n")


class Limits(GrpcTest):
    server_args = ("request_ms=300", "ping_ms=100", "ping_wait_ms=20000")

    def test_slow_request(self):
        raw = self.raw()
        stream = raw.start(RUNTIME + "Version")
        raw.h2.send_data(stream, b"\0\0\0")
        answer = raw.finish(stream)
        self.assertEqual(answer.header("grpc-status"), "4")
        self.assertIn("did not come to its end", answer.header("grpc-message"))

    def test_half_a_question(self):
        raw = self.raw()
        stream = raw.start("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
        question = framed(reflection.ServerReflectionRequest(list_services=""))
        raw.send(stream, question + question[:-1])
        self.assertEqual(raw.finish(stream).header("grpc-status"), "4")

    def test_waiting_is_no_fault(self):
        """A stream without news, a slow answer, a reflection without questions: only pings are seen."""
        stream = self.runtime.GetContainerEvents(cri.GetEventsRequest())
        asked, more = threading.Event(), reflection.ServerReflectionRequest(list_services="")

        def questions():
            yield more
            asked.wait(LIMIT_S)
            yield more

        answers = reflection_grpc.ServerReflectionStub(self.channel).ServerReflectionInfo(questions())
        next(answers)
        self.start("later 900")
        self.assertTrue(stream.is_active())
        asked.set()
        next(answers)
        stream.cancel()


if __name__ == "__main__":
    unittest.main()
