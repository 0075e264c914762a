"""exec and attach: WebSocket frames in an extended CONNECT (RFC 8441), v5.channel.k8s.io inside."""

import json
import os
import struct
import subprocess
import time
import unittest
from urllib.parse import quote

from client import BIN, LIMIT_S, PODS, Answer, ApiTest

PROTOCOL = "v5.channel.k8s.io"
MASK = b"\x37\xfa\x21\x3d"


def frame(opcode, payload, mask=MASK, fin=True):
    length = len(payload)
    head = bytes([(0x80 if fin else 0) | opcode])
    masked = 0x80 if mask else 0
    if length < 126:
        head += bytes([masked | length])
    elif length < 1 << 16:
        head += bytes([masked | 126]) + struct.pack(">H", length)
    else:
        head += bytes([masked | 127]) + struct.pack(">Q", length)
    if not mask:
        return head + payload
    key = (mask * (length // 4 + 1))[:length]
    return head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")


def path(kind="exec", command=(), **options):
    query = ["%s=%s" % o for o in options.items()] + ["command=" + quote(w) for w in command]
    return PODS + "/a/%s?%s" % (kind, "&".join(query))


class Socket:
    """One WebSocket; frames come as (opcode, payload)."""

    def __init__(self, client, target, protocol=PROTOCOL, upgrade="websocket"):
        client.wait(lambda: client.h2.remote_settings.enable_connect_protocol)
        self.client = client
        self.stream = client.h2.get_next_available_stream_id()
        self.answer = client.answers[self.stream] = Answer()
        headers = [
            (":method", "CONNECT"),
            (":protocol", upgrade),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", target),
            ("sec-websocket-version", "13"),
        ]
        if protocol:
            headers.append(("sec-websocket-protocol", protocol))
        client.h2.send_headers(self.stream, headers)
        client.flush()
        client.wait(lambda: self.answer.headers)

    def send(self, data):
        self.client.send(self.stream, data)

    def message(self, channel, data):
        self.send(frame(2, bytes([channel]) + data))

    def end_stdin(self):
        self.message(255, b"\0")

    def is_whole(self):
        body = self.answer.body
        if len(body) < 2:
            return False
        length, head = body[1], 2
        if length == 126:
            head, length = 4, int.from_bytes(body[2:4], "big")
        elif length == 127:
            head, length = 10, int.from_bytes(body[2:10], "big")
        self.head, self.length = head, length
        return len(body) >= head + length

    def next(self):
        """None when the stream has ended."""
        self.client.wait(lambda: self.is_whole() or self.answer.is_ended or self.answer.reset is not None)
        if not self.is_whole():
            assert not self.answer.body
            return None
        body = self.answer.body
        assert not body[1] & 0x80, "the server masks"
        assert body[0] & 0x80, "the server sends whole messages"
        self.answer.body = body[self.head + self.length :]
        return body[0] & 0x0F, body[self.head : self.head + self.length]

    def rest(self):
        """Everything up to the end: {channel: bytes}, the status, the close code."""
        channels, close = {}, None
        while (got := self.next()) is not None:
            opcode, payload = got
            assert close is None, "something follows the close frame"
            if opcode == 8:
                close = int.from_bytes(payload[:2], "big")
            elif opcode == 2:
                assert 3 not in channels, "something follows the status"
                if payload[1:] or payload[0] == 3:
                    channels[payload[0]] = channels.get(payload[0], b"") + payload[1:]
        status = json.loads(channels.pop(3)) if 3 in channels else None
        return channels, status, close


SUCCESS = {"metadata": {}, "status": "Success"}


class StreamTest(ApiTest):
    def setUp(self):
        super().setUp()
        self.make("a")

    def open(self, target, **options):
        return Socket(self.api, target, **options)

    def state(self):
        return self.api.get("/apis/carpel/v1/state").json

    def wait_for(self, is_met):
        """Until what the server says of itself is so."""
        end = time.monotonic() + LIMIT_S
        while not is_met(self.state()):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)


class Streams(StreamTest):
    def test_output_and_success(self):
        ws = self.open(path(command=("echo", "hello", "world & co"), stdout="true", stderr="true"))
        self.assertEqual(ws.answer.status, 200)
        self.assertEqual(ws.answer.header("sec-websocket-protocol"), PROTOCOL)
        self.assertEqual(ws.next(), (2, b"\x01"))  # it is open
        self.assertEqual(ws.rest(), ({1: b"hello world & co\n"}, SUCCESS, 1000))

    def test_both_outputs(self):
        ws = self.open(path(command=("both",), stdout="true", stderr="true"))
        self.assertEqual(ws.rest()[0], {1: b"to stdout\n", 2: b"to stderr\n"})
        only = self.open(path(command=("exit", "0"), stderr="true"))
        self.assertEqual(only.next(), (2, b"\x02"))

    def test_exit_code(self):
        ws = self.open(path(command=("exit", "3"), stdout="true"))
        self.assertEqual(
            ws.rest(),
            (
                {},
                {
                    "metadata": {},
                    "status": "Failure",
                    "message": "command terminated with non-zero exit code: command terminated with exit code 3",
                    "reason": "NonZeroExitCode",
                    "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
                },
                1000,
            ),
        )

    def test_not_runnable(self):
        words = "Internal error occurred: error executing command in container: exec broken: "
        channels, status, close = self.open(path(command=("broken",), stdout="true")).rest()
        self.assertEqual((status["status"], status["reason"], status["code"]), ("Failure", "InternalError", 500))
        self.assertTrue(status["message"].startswith(words), status)
        self.assertEqual((channels, close), ({}, 1000))

    def test_ends_within_the_start(self):
        ws = self.open(path(command=("now", "x"), stdout="true"))
        self.assertEqual(ws.rest(), ({1: b"x\n"}, SUCCESS, 1000))

    def test_stdin(self):
        ws = self.open(path(command=("cat",), stdin="true", stdout="true"))
        ws.message(0, b"one ")
        ws.send(frame(2, b"\0t", fin=False) + frame(9, b"are you there"))
        ws.send(frame(0, b"w", fin=False) + frame(0, b"o", fin=True))
        ws.message(7, b"no channel of ours")
        ws.send(frame(2, b""))
        ws.end_stdin()
        ws.message(0, b"too late")
        pong, output = None, b""
        while (got := ws.next())[0] != 8:
            if got[0] == 10:
                pong = got[1]
            elif got[1][0] == 1:
                output += got[1][1:]
        self.assertEqual((pong, output), (b"are you there", b"one two"))

    def test_stdin_that_was_not_asked_for(self):
        deaf = self.open(path(command=("deaf",), stdout="true"))
        deaf.message(0, b"ignored")
        self.assertEqual(self.state()["inputNow"], 0)
        ws = self.open(path(command=("size",), stdout="true", tty="true"))
        ws.end_stdin()
        ws.message(4, b'{"Width":1,"Height":1}')
        self.assertEqual(ws.next(), (2, b"\x01"))
        self.assertEqual(ws.next(), (2, b"\x011x1\n"))

    def test_resize(self):
        ws = self.open(path(command=("size",), stdin="true", stdout="true", tty="true"))
        ws.message(4, b'{"Width":80,"Height":24}')
        for nonsense in (b"", b"{", b'{"Width":0,"Height":24}', b'{"Width":80}', b"x" * 5000, b'{"Width":70000,"Height":1}'):
            ws.message(4, nonsense)
        ws.send(frame(2, b'\4{"Width":132,', fin=False) + frame(0, b'"Height":50}'))
        ws.end_stdin()
        self.assertEqual(ws.rest()[0], {1: b"80x24\n132x50\n"})

    def test_attach(self):
        ws = self.open(path("attach", stdin="true", stdout="true", stderr="true"))
        ws.message(0, b"to the container")
        ws.end_stdin()
        self.assertEqual(ws.rest(), ({1: b"to the container"}, SUCCESS, 1000))

    def test_refused(self):
        def refusal(target, **options):
            return self.api.finish(self.open(target, **options).stream)

        good = path(command=("cat",), stdout="true")
        self.refused(
            refusal(path(command=("cat",))),
            400,
            "BadRequest",
            "you must specify at least 1 of stdin, stdout, stderr",
        )
        self.refused(refusal(path(stdout="true")), 422, "Invalid")
        self.refused(refusal(path(command=("cat",), stdout="1", container="zz")), 400, "BadRequest")
        self.refused(refusal(good.replace("/a/", "/zz/")), 404, "NotFound", 'pods "zz" not found')
        self.refused(
            refusal(path(command=("busy",), stdout="1")), 500, "InternalError", 'container not found ("c")'
        )
        self.refused(refusal(good, upgrade="other"), 400, "BadRequest", "Upgrade request required")
        for protocol in (None, "v4.channel.k8s.io, base64.channel.k8s.io", "xv5.channel.k8s.io"):
            answer = refusal(good, protocol=protocol)
            self.assertEqual((answer.status, answer.body), (403, b""))
        offered = self.open(good, protocol="v6.channel.k8s.io,  %s" % PROTOCOL)
        self.assertEqual(offered.answer.status, 200)
        for method in ("GET", "POST"):
            self.refused(self.api.request(method, good), 400, "BadRequest", "Upgrade request required")

    def test_violations(self):
        for data, code in (
            (frame(2, b"\0x", mask=None), 1002),  # not masked
            (frame(1, b"\0x"), 1003),  # text
            (frame(0, b"x"), 1002),  # continues nothing
            (frame(11, b""), 1002),
            (frame(2, b"\xff\0\0"), 1002),
            (frame(8, b"\x03"), 1002),
        ):
            cancelled = self.state()["cancelled"]
            ws = self.open(path(command=("cat",), stdin="true", stdout="true"))
            ws.send(data)
            self.assertEqual(ws.rest(), ({}, None, code))
            self.assertEqual(self.state()["cancelled"], cancelled + 1)

    def test_client_leaves(self):
        for leave in (
            lambda ws: ws.send(frame(8, b"\x03\xe8")),
            lambda ws: self.api.cancel(ws.stream),
            lambda ws: (self.api.h2.end_stream(ws.stream), self.api.flush()),
        ):
            before = self.state()
            ws = self.open(path(command=("cat",), stdin="true", stdout="true"))
            leave(ws)
            self.wait_for(lambda s: s["cancelled"] == before["cancelled"] + 1)
            self.assertEqual(self.state()["running"], before["running"])
        ws = self.open(path(command=("cat",), stdin="true", stdout="true"))
        ws.send(frame(8, b"\x0f\xa0bye"))
        self.assertEqual(ws.rest(), ({}, None, 4000))

    def test_connection_lost(self):
        before = self.state()
        other = self.client()
        Socket(other, path(command=("deaf",), stdin="true", stdout="true"))
        other.close()
        self.wait_for(lambda s: s["cancelled"] == before["cancelled"] + 1 and s["running"] == before["running"])


class Flow(StreamTest):
    """Flow control in both directions."""

    def test_slow_client(self):
        """The client takes nothing: the program waits, little is held, others are served."""
        slow = self.client(window=65535)
        ws = Socket(slow, path(command=("flood", "50000000"), stdout="true"))
        slow.takes = False
        self.wait_for(lambda s: s["outputMax"] > 256 * 1024)
        resident = self.settled_kib()
        for _ in range(50):
            self.make_and_drop()
        self.assertLess(self.state()["outputMax"], 300 * 1024)
        self.assert_resident(resident + 4096, self.settled_kib())
        slow.takes = True
        slow.h2.increment_flow_control_window(1 << 26, ws.stream)
        total = 0
        while (got := ws.next()) is not None:
            total += len(got[1]) - 1 if got[0] == 2 and got[1][0] == 1 else 0
        self.assertEqual(total, 50000000)

    def make_and_drop(self):
        self.make("other")
        self.api.delete(PODS + "/other?gracePeriodSeconds=0")

    def test_deaf_program(self):
        """The program reads nothing: the client's window closes, little is held."""
        ws = self.open(path(command=("deaf",), stdin="true", stdout="true"))
        data = frame(2, b"\0" + b"x" * 32000)
        sent = 0
        while self.api.window(ws.stream) > len(data):
            ws.send(data)
            sent += len(data)
            self.assertLess(sent, 2 << 20)
            self.state()  # window updates have come by then, if there are any
        self.assertLess(self.state()["inputMax"], 512 * 1024)
        self.api.cancel(ws.stream)

    def test_slow_program(self):
        """The program reads slowly: everything arrives."""
        ws = self.open(path(command=("count",), stdin="true", stdout="true"))
        data = frame(2, b"\0" + b"x" * 65536)
        for _ in range(200):
            ws.send(data)
        ws.end_stdin()
        self.assertEqual(ws.rest(), ({1: b"%d\n" % (200 * 65536)}, SUCCESS, 1000))
        self.assertLess(self.state()["inputMax"], 512 * 1024)

    def test_ping_flood(self):
        """Pings of a client that reads nothing are held back or dropped, never kept."""
        slow = self.client(window=100)
        ws = Socket(slow, path(command=("deaf",), stdout="true"))
        slow.takes = False
        resident = self.settled_kib()
        for _ in range(400):
            ws.send(frame(9, b"p" * 125) * 100)
        self.assert_resident(resident + 2048, self.settled_kib())

    def test_many_at_once(self):
        sockets = [self.open(path(command=("cat",), stdin="true", stdout="true")) for _ in range(80)]
        for i, ws in enumerate(sockets):
            ws.message(0, b"%d" % i)
        for i, ws in enumerate(sockets):
            ws.end_stdin()
            self.assertEqual(ws.rest()[0], {1: b"%d" % i})


class OurClient(ApiTest):
    """runtime/api/client.c against the same server."""

    def setUp(self):
        super().setUp()
        self.make("a")

    def run_client(self, *args, stdin=b""):
        return subprocess.run(
            [os.path.join(BIN, "test", "apiclient"), self.server.path, *args],
            input=stdin,
            capture_output=True,
            timeout=LIMIT_S,
        )

    def test_request(self):
        got = self.run_client("request", "GET", PODS)
        self.assertEqual((got.returncode, got.stderr), (0, b"200\n"))
        self.assertEqual(got.stdout, self.api.get(PODS).body)
        warned = self.run_client("request", "POST", PODS, '{"metadata":{"name":"w"},"x\\"y":1,"spec":{"containers":[{"name":"c","image":"i"}]}}')
        self.assertEqual(warned.stderr, b'201 [unknown field "x"y"]\n')
        gone = self.run_client("request", "GET", PODS + "/zz")
        self.assertEqual(gone.stderr, b"404\n")
        self.assertEqual(json.loads(gone.stdout)["reason"], "NotFound")

    def test_refused_while_it_sends(self):
        """The answer comes before the body is sent; it is the answer all the same."""
        body = os.path.join(self.server.folder, "body")
        with open(body, "w") as file:
            json.dump({"x": "y" * (3 << 20)}, file)
        got = self.run_client("request", "POST", PODS, "@" + body)
        self.assertEqual((got.returncode, got.stderr), (0, b"413\n"))
        self.assertEqual(json.loads(got.stdout)["message"], "Request entity too large: limit is 1048576")

    def test_timeout(self):
        got = self.run_client("timeout", "/apis/carpel/v1/never", "50")
        self.assertEqual((got.returncode, got.stderr), (0, b"timed out\n"))

    def test_request_within_a_watch(self):
        got = self.run_client("nested")
        self.assertEqual(got.returncode, 0)
        self.assertTrue(got.stdout.startswith(b'200 while told {"type":"ADDED"'), got)

    def test_streams(self):
        data = os.urandom(3000000)
        for target, stdin, out in (
            (path(command=("echo", "hi"), stdout="true"), b"", b"hi\n"),
            (path(command=("cat",), stdin="true", stdout="true"), data, data),
            (path(command=("count",), stdin="true", stdout="true"), data, b"3000000\n"),
            (path(command=("flood", "2000000"), stdout="true"), b"", bytes(2000000)),
            (path(command=("size",), stdin="true", stdout="true", tty="true"), b"", b"100x30\n"),
        ):
            got = self.run_client("stream", target, stdin=stdin)
            self.assertEqual((got.returncode, got.stderr), (0, b'{"metadata":{},"status":"Success"}'))
            self.assertEqual(got.stdout, out)

    def test_stream_refused(self):
        got = self.run_client("stream", path(command=("busy",), stdout="true"))
        self.assertEqual(got.returncode, 1)
        self.assertTrue(got.stderr.startswith(b'500 {"kind":"Status"'), got)
        self.assertIn(b"apiclient: stream: the server answered 500", got.stderr)

    def test_nobody_there(self):
        got = subprocess.run(
            [os.path.join(BIN, "test", "apiclient"), self.server.path + "x", "nested"], capture_output=True
        )
        self.assertIn(b"No such file or directory", got.stderr)
        deep = os.path.join(self.server.folder, *["d" * 60] * 3)
        os.makedirs(deep)
        os.symlink(self.server.path, os.path.join(deep, "s"))
        got = subprocess.run(
            [os.path.join(BIN, "test", "apiclient"), os.path.join(deep, "s"), "request", "GET", "/healthz"],
            capture_output=True,
        )
        self.assertEqual(got.stdout, b"ok")


if __name__ == "__main__":
    unittest.main()
