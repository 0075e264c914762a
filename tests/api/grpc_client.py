"""The test program grpcserver, and two clients that are not ours: python3-grpcio with stubs made from our protos,
and python3-h2 for requests that no gRPC library would send."""

import atexit
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import grpc
import grpc_tools.protoc
import h2.events

import client
from client import BIN, HERE, LIMIT_S, Client, Server

PROTOS = ("cri", "health", "reflection", "reflection_v1alpha")
SPEC = os.path.join(HERE, "..", "..", "runtime", "spec")


def make_stubs():
    """Compiles the protos into a folder of this run."""
    folder = tempfile.mkdtemp(prefix="carpel-grpc-")
    atexit.register(shutil.rmtree, folder, True)
    out = ["--python_out=" + folder, "--grpc_python_out=" + folder]
    code = grpc_tools.protoc.main(["protoc", "-I" + SPEC, *out, *(name + ".proto" for name in PROTOS)])
    if code != 0:
        raise RuntimeError("protoc: %d" % code)
    sys.path.insert(0, folder)


make_stubs()
cri, cri_grpc = importlib.import_module("cri_pb2"), importlib.import_module("cri_pb2_grpc")
health, health_grpc = importlib.import_module("health_pb2"), importlib.import_module("health_pb2_grpc")
reflection, reflection_grpc = importlib.import_module("reflection_pb2"), importlib.import_module("reflection_pb2_grpc")
v1alpha_grpc = importlib.import_module("reflection_v1alpha_pb2_grpc")
v1alpha = importlib.import_module("reflection_v1alpha_pb2")

RUNTIME = "/runtime.v1.RuntimeService/"


def framed(message, flag=0):
    """A message with its prefix."""
    data = message if isinstance(message, bytes) else message.SerializeToString()
    return bytes([flag]) + len(data).to_bytes(4, "big") + data


class GrpcServer(Server):
    def __init__(self, *args):
        self.folder = tempfile.mkdtemp(prefix="carpel-api-")
        self.path = os.path.join(self.folder, "sock")
        self.errors = open(os.path.join(self.folder, "stderr"), "w+b")
        self.process = subprocess.Popen(
            [os.path.join(BIN, "test", "grpcserver"), self.path, *args], stdout=subprocess.PIPE, stderr=self.errors
        )
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError("the server did not start: " + self.complaints())


class GrpcClient(Client):
    """Raw requests; an answer's trailers are added to its headers."""

    def take(self, event):
        super().take(event)
        answer = self.answers.get(getattr(event, "stream_id", None))
        if answer and isinstance(event, h2.events.TrailersReceived):
            answer.headers = answer.headers + list(event.headers)

    def start(self, path, *more, method="POST", kind="application/grpc", te=True):
        headers = [("content-type", kind)] if kind else []
        headers += [("te", "trailers")] if te else []
        return self.begin(method, path, headers + list(more), has_body=True)

    def call(self, path, data, *more, **options):
        """One whole request in one go."""
        stream = self.start(path, *more, **options)
        if data:
            self.send(stream, data, end=True)
        else:
            self.h2.end_stream(stream)
            self.flush()
        return self.finish(stream)


class GrpcTest(unittest.TestCase):
    server_args = ()

    @classmethod
    def setUpClass(cls):
        cls.server = GrpcServer(*cls.server_args)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        self.channel = self.connect()
        self.runtime = cri_grpc.RuntimeServiceStub(self.channel)
        self.images = cri_grpc.ImageServiceStub(self.channel)
        self.before = self.counts()

    def connect(self):
        """Each channel has a connection of its own."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
        channel = grpc.insecure_channel("unix:" + self.server.path, options)
        self.addCleanup(channel.close)
        return channel

    def raw(self, **options):
        raw = GrpcClient(self.server, **options)
        self.addCleanup(raw.close)
        return raw

    def version(self, text="x", stub=None):
        return (stub or self.runtime).Version(cri.VersionRequest(version=text), timeout=LIMIT_S).version

    def start(self, words, timeout=LIMIT_S):
        return self.runtime.StartContainer(cri.StartContainerRequest(container_id=words), timeout=timeout)

    def stream(self, words, stub=None):
        filter_ = cri.ContainerFilter(id=words)
        return (stub or self.runtime).StreamContainers(cri.StreamContainersRequest(filter=filter_), timeout=LIMIT_S)

    def counts(self):
        """What the fake face has seen."""
        answer = self.images.ListImages(cri.ListImagesRequest(), timeout=LIMIT_S)
        return {image.id: image.size for image in answer.images}

    def wait_counts(self, **wanted):
        """Until so much has happened since the test began; each look is a call."""
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            counts = {name: n - self.before[name] for name, n in self.counts().items()}
            if all(counts[name] == n for name, n in wanted.items()):
                return
        self.fail("%s never became %s" % (counts, wanted))

    def fails(self, code, call, text=None):
        """The error's text."""
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        self.assertEqual(caught.exception.code(), code, caught.exception)
        if text is not None:
            self.assertEqual(caught.exception.details(), text)
        return caught.exception.details()

    def settled_kib(self):
        with Client(self.server) as api:
            api.get("/apis/carpel/v1/state")
        return self.server.resident_kib()

    def assert_resident(self, limit_kib):
        kib = self.settled_kib()
        if not client.IS_SANITIZED:
            self.assertLess(kib, limit_kib)
