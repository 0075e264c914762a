"""An independent HTTP/2 client for the API's tests, and the server that they drive.

The protocol is python3-h2's; nothing of carpel's own client is used.  Each test class has a server of
its own, with its own socket, so that any number of them run side by side.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import h2.config
import h2.connection
import h2.events
import h2.settings

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get("CARPEL_BIN", os.path.join(HERE, "..", "..", "build", "bin"))
LIMIT_S = 60 * int(os.environ.get("WAIT_FACTOR", "1"))  # for whatever should come at once

with open(os.path.join(BIN, "test", "apiserver"), "rb") as program:
    IS_SANITIZED = b"__asan_init" in program.read()

PODS = "/api/v1/namespaces/default/pods"
EVENTS = "/api/v1/namespaces/default/events"


class Server:
    """The test program apiserver in a folder of its own."""

    def __init__(self, *args):
        self.folder = tempfile.mkdtemp(prefix="carpel-api-")
        self.path = os.path.join(self.folder, "sock")
        self.logs = os.path.join(self.folder, "logs")
        os.mkdir(self.logs)
        self.errors = open(os.path.join(self.folder, "stderr"), "w+b")
        self.process = subprocess.Popen(
            [os.path.join(BIN, "test", "apiserver"), self.path, self.logs, *args],
            stdout=subprocess.PIPE,
            stderr=self.errors,
        )
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError("the server did not start: " + self.complaints())

    def complaints(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def wait(self):
        """Its exit code, once it has ended by itself."""
        return self.process.wait(LIMIT_S)

    def stop(self):
        """Ends it; a sanitizer's report is an exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(LIMIT_S)
        self.process.stdout.close()
        said = self.complaints()
        self.errors.close()
        shutil.rmtree(self.folder)
        if code != 0:
            raise RuntimeError("the server ended with %d: %s" % (code, said))

    def resident_kib(self):
        with open("/proc/%d/status" % self.process.pid) as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        raise RuntimeError("no VmRSS")

    def cpu_s(self):
        with open("/proc/%d/stat" % self.process.pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connect(self):
        """A plain socket."""
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(LIMIT_S)
        s.connect(self.path)
        return s


class Answer:
    def __init__(self):
        self.headers = []
        self.body = b""
        self.is_ended = False
        self.reset = None  # HTTP/2's error code

    @property
    def status(self):
        return int(self.header(":status") or 0)

    def header(self, name):
        return next((v for n, v in self.headers if n == name), None)

    def all(self, name):
        return [v for n, v in self.headers if n == name]

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """One connection.  Windows open as the body is taken, unless told otherwise."""

    def __init__(self, server, window=1 << 20):
        self.socket = server.connect()
        self.h2 = h2.connection.H2Connection(
            config=h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False)
        )
        self.h2.initiate_connection()
        self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.h2.increment_flow_control_window(1 << 26)
        self.takes = True  # gives windows back
        self.answers = {}
        self.goaway = None
        self.pongs = 0
        self.is_closed = False
        self.flush()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            try:
                self.socket.sendall(data)
            except (BrokenPipeError, ConnectionResetError):
                self.is_closed = True

    def take(self, event):
        answer = self.answers.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event
        elif isinstance(event, h2.events.PingAckReceived):
            self.pongs += 1
        elif answer is None:
            return
        elif isinstance(event, h2.events.ResponseReceived):
            answer.headers = list(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            if self.takes and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            answer.is_ended = True
        elif isinstance(event, h2.events.StreamReset):
            answer.reset = event.error_code

    def turn(self, limit=LIMIT_S):
        """Handles what comes next; False when nothing came in time or the server has left."""
        self.flush()
        self.socket.settimeout(limit)
        try:
            data = self.socket.recv(1 << 18)
        except (socket.timeout, BlockingIOError):
            return False
        except ConnectionResetError:
            data = b""
        if not data:
            self.is_closed = True
            return False
        for event in self.h2.receive_data(data):
            self.take(event)
        self.flush()
        return True

    def wait(self, is_met, limit=LIMIT_S):
        """Until is_met(); an AssertionError when it is not in time."""
        end = time.monotonic() + limit
        while not is_met():
            left = end - time.monotonic()
            if left <= 0 or (not self.turn(left) and not is_met()):
                raise AssertionError("what was waited for did not come: %s" % self.state())

    def state(self):
        return "closed %s, goaway %s, answers %s" % (
            self.is_closed,
            self.goaway,
            {i: (a.status, len(a.body), a.reset) for i, a in self.answers.items()},
        )

    def begin(self, method, path, headers=(), has_body=False):
        """Sends a request's head; returns its stream."""
        stream = self.h2.get_next_available_stream_id()
        self.answers[stream] = Answer()
        self.h2.send_headers(
            stream,
            [
                (":method", method),
                (":scheme", "http"),
                (":authority", "localhost"),
                (":path", path),
                *headers,
            ],
            end_stream=not has_body,
        )
        self.flush()
        return stream

    def send(self, stream, data, end=False):
        """Sends a body as the server's windows allow; stops when the server has answered."""
        answer = self.answers[stream]
        while data:
            self.wait(lambda: answer.is_ended or answer.reset is not None or self.window(stream) > 0)
            if answer.is_ended or answer.reset is not None:
                return
            n = min(len(data), self.window(stream), self.h2.max_outbound_frame_size)
            self.h2.send_data(stream, data[:n], end_stream=end and n == len(data))
            self.flush()
            data = data[n:]

    def window(self, stream):
        return self.h2.local_flow_control_window(stream)

    def finish(self, stream):
        answer = self.answers[stream]
        self.wait(lambda: answer.is_ended or answer.reset is not None)
        return self.answers.pop(stream)

    def request(self, method, path, body=None, headers=(), kind="application/json"):
        data = body
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
        if data is not None:
            headers = [("content-type", kind), *headers] if kind else headers
        stream = self.begin(method, path, headers, has_body=data is not None)
        if data is not None:
            if data:
                self.send(stream, data, end=True)
            else:
                self.h2.end_stream(stream)
                self.flush()
        return self.finish(stream)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body, **options):
        return self.request("POST", path, body, **options)

    def put(self, path, body, **options):
        return self.request("PUT", path, body, **options)

    def delete(self, path, body=None, **options):
        return self.request("DELETE", path, body, **options)

    def patch(self, path, body, kind="application/merge-patch+json"):
        return self.request("PATCH", path, body, kind=kind)

    def cancel(self, stream):
        self.h2.reset_stream(stream, 8)
        self.answers.pop(stream)
        self.flush()


class Watch:
    """A watch's events, in order."""

    def __init__(self, client, path):
        self.client = client
        self.stream = client.begin("GET", path)
        self.answer = client.answers[self.stream]

    def head(self):
        self.client.wait(lambda: self.answer.headers)
        return self.answer

    def next(self, limit=LIMIT_S):
        """The next event; None when the stream has ended behind the last one."""
        self.client.wait(lambda: b"\n" in self.answer.body or self.answer.is_ended, limit)
        line, newline, rest = self.answer.body.partition(b"\n")
        if not newline:
            assert not line, line
            return None
        self.answer.body = rest
        return json.loads(line)

    def is_silent(self):
        """Nothing has come up to an answer that the server gave later."""
        assert self.client.get("/healthz").body == b"ok"
        return not self.answer.body and not self.answer.is_ended

    def expect(self, *wanted):
        """The next events as (type, name); returns them."""
        events = [self.next() for _ in wanted]
        got = [(e["type"], e["object"]["metadata"].get("name")) for e in events]
        assert got == list(wanted), got
        return events

    def cancel(self):
        self.client.cancel(self.stream)


def pod(name, labels=None, image="busybox:1", **members):
    metadata = {"name": name}
    if labels:
        metadata["labels"] = labels
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "c", "image": image}], **members},
    }


def event(name, about="p", **members):
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": about},
        "reason": "Tested",
        "type": "Normal",
        **members,
    }


class ApiTest(unittest.TestCase):
    """A server a class, a connection a test."""

    server_args = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.server_args)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        self.api = self.client()
        self.api.delete(PODS + "?gracePeriodSeconds=0")
        self.api.delete(EVENTS)

    def client(self, **options):
        client = Client(self.server, **options)
        self.addCleanup(client.close)
        return client

    def watch(self, path):
        return Watch(self.api, path)

    def make(self, name, labels=None, **members):
        answer = self.api.post(PODS, pod(name, labels, **members))
        self.assertEqual(answer.status, 201, answer.body)
        return answer.json

    def version(self):
        return self.api.get(PODS).json["metadata"]["resourceVersion"]

    def settled_kib(self):
        """What the server holds, once it has given back what it does not."""
        self.api.get("/apis/carpel/v1/state")
        return self.server.resident_kib()

    def assert_resident(self, limit_kib, kib):
        """A sanitizer keeps what is freed for a while: it measures nothing of ours."""
        if not IS_SANITIZED:
            self.assertLess(kib, limit_kib)

    def refused(self, answer, code, reason, message=None):
        """Checks a v1.Status failure; returns its details."""
        status = answer.json
        self.assertEqual(answer.header("content-type"), "application/json")
        self.assertEqual(answer.status, code, status)
        self.assertEqual(
            (status["kind"], status["apiVersion"], status["status"]), ("Status", "v1", "Failure")
        )
        self.assertEqual(status["code"], code)
        self.assertEqual(status["metadata"], {})
        self.assertEqual(status.get("reason"), reason)
        if message is not None:
            self.assertEqual(status["message"], message)
        return status.get("details")
