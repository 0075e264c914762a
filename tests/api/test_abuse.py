"""Clients that are slow, wrong or hostile: they cost themselves, and nobody else."""

import json
import os
import socket
import struct
import subprocess
import time
import unittest

from client import BIN, LIMIT_S, PODS, ApiTest, Watch, pod

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PING, GOAWAY, WINDOW, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 1, 4
ENHANCE_YOUR_CALM = 11


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def text(value):
    """An HPACK string without Huffman coding."""
    length = len(value)
    if length < 127:
        return bytes([length]) + value
    out, length = b"\x7f", length - 127
    while length >= 128:
        out, length = out + bytes([length & 127 | 128]), length >> 7
    return out + bytes([length]) + value


def literal(name, value):
    return b"\0" + text(name) + text(value)


def head(method=b"GET", path=b"/healthz", more=b""):
    pairs = ((b":method", method), (b":scheme", b"http"), (b":authority", b"x"), (b":path", path))
    return b"".join(literal(n, v) for n, v in pairs) + more


class Raw:
    """A socket to which anything may be written."""

    def __init__(self, server, settings=b""):
        self.socket = server.connect()
        self.got = b""
        self.is_closed = False
        self.send(PREFACE + frame(SETTINGS, payload=settings))

    def send(self, data):
        """False when the server has left, or takes no more for now."""
        self.socket.settimeout(5)
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError, socket.timeout):
            return False

    def read(self, limit=LIMIT_S):
        self.socket.settimeout(limit)
        try:
            data = self.socket.recv(1 << 18)
        except (socket.timeout, BlockingIOError):
            return False
        except ConnectionResetError:
            data = b""
        self.got += data
        self.is_closed = not data
        return bool(data)

    def read_to_the_end(self):
        end = time.monotonic() + LIMIT_S
        while not self.is_closed and time.monotonic() < end:
            self.read()
        return self.frames()

    def frames(self):
        """(type, flags, stream, payload) of the whole frames that came."""
        out, data = [], self.got
        while len(data) >= 9:
            length = int.from_bytes(data[:3], "big")
            if len(data) < 9 + length:
                break
            out.append((data[3], data[4], int.from_bytes(data[5:9], "big"), data[9 : 9 + length]))
            data = data[9 + length :]
        return out

    def close(self):
        self.socket.close()


class Abuse(ApiTest):
    def setUp(self):
        super().setUp()
        self.make("a")
        self.resident = self.settled_kib()

    def raw(self, settings=b""):
        raw = Raw(self.server, settings)
        self.addCleanup(raw.close)
        return raw

    def unharmed(self, kib=6 * 1024):
        """Somebody else is served, and the server has not grown."""
        self.assertEqual(self.api.get(PODS + "/a").status, 200)
        other = self.client()
        self.assertEqual(other.get("/healthz").body, b"ok")
        self.assert_resident(self.resident + kib, self.settled_kib())

    def ended(self, raw, code=ENHANCE_YOUR_CALM):
        """The server has said goodbye for that reason, and left."""
        goodbyes = [f[3] for f in raw.read_to_the_end() if f[0] == GOAWAY]
        self.assertTrue(raw.is_closed)
        self.assertTrue(goodbyes)
        if code is not None:
            self.assertEqual(int.from_bytes(goodbyes[-1][4:8], "big"), code)
        self.unharmed()

    # ---- not HTTP/2 ----

    def test_http1(self):
        s = self.server.connect()
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b""
        while data := s.recv(4096):
            answer += data
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), answer)
        self.assertIn(b"--http2-prior-knowledge", answer)
        s.close()
        self.unharmed()

    def test_garbage(self):
        for data in (b"\0" * 100, PREFACE[:10] + b"x" * 50, PREFACE + b"\xff" * 100, PREFACE + frame(HEADERS, 4, 1, b"\xff\xff\xff")):
            s = self.server.connect()
            s.sendall(data)
            try:
                while s.recv(4096):
                    pass
            except ConnectionResetError:
                pass
            s.close()
        self.unharmed()

    def test_half_frames(self):
        for n in range(1, 60):
            self.raw().send((frame(HEADERS, END_HEADERS | END_STREAM, 1, head()) * 2)[:n])
        self.unharmed()

    def test_leaving_at_every_byte(self):
        bytes_ = PREFACE + frame(SETTINGS) + frame(HEADERS, END_HEADERS, 1, head(b"POST", PODS.encode()))
        bytes_ += frame(DATA, 0, 1, b"{") + frame(DATA, END_STREAM, 1, b"}")
        for n in range(0, len(bytes_), 3):
            s = self.server.connect()
            s.sendall(bytes_[:n])
            s.close()
        self.unharmed()

    # ---- what is too much of something ----

    def test_large_head(self):
        answer = self.api.get("/healthz", headers=[("x-fill", "y" * 20000)])
        self.refused(answer, 431, None, "request header fields too large: limit is 16384")
        raw = self.raw()
        block = head(more=b"".join(literal(b"x-%d" % i, b"y" * 16000) for i in range(80)))
        raw.send(frame(HEADERS, END_STREAM, 1, block[:16000]))
        for at in range(16000, len(block), 16000):
            if not raw.send(frame(CONTINUATION, 0, 1, block[at : at + 16000])):
                break
        self.ended(raw, None)

    def test_head_bomb(self):
        """A few bytes that HPACK unpacks to megabytes: one large entry, said again and again."""
        raw = self.raw()
        bomb = head(more=b"\x40" + text(b"x") + text(b"y" * 3900) + b"\xbe" * 12000)
        raw.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, bomb))
        self.ended(raw, None)

    def test_continuation_flood(self):
        raw = self.raw()
        raw.send(frame(HEADERS, END_STREAM, 1, head()))
        while raw.send(frame(CONTINUATION, 0, 1) * 500):
            pass
        self.ended(raw, None)

    def test_frame_floods(self):
        """Frames that cost the server an answer, or work, and the client nothing."""
        for flood in (
            frame(PING, 0, 0, b"x" * 8),
            frame(SETTINGS),
            frame(PRIORITY, 0, 1, b"\0\0\0\0\1"),
        ):
            raw = self.raw()
            while raw.send(flood * 1000):
                pass
            self.ended(raw)

    def test_empty_data_flood(self):
        raw = self.raw()
        raw.send(frame(HEADERS, END_HEADERS, 1, head(b"POST", PODS.encode())))
        while raw.send(frame(DATA, 0, 1) * 500):
            pass
        self.ended(raw)

    def test_cheap_floods(self):
        """Frames that cost no more to read than to send need not end anything."""
        for flood in (
            frame(WINDOW, 0, 0, b"\0\0\0\1"),
            frame(0x77, 0, 0, b"unknown"),
            frame(RST, 0, 1, b"\0\0\0\x08"),  # of what is closed already
        ):
            raw = self.raw()
            raw.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, head()))
            for _ in range(200):
                if not raw.send(flood * 1000):
                    break
            self.unharmed()

    def test_reset_of_what_was_not_opened(self):
        """As gRPC's C core sends it for a call that is given up at once; a flood of it is one."""
        raw = self.raw()
        raw.send(frame(RST, 0, 1, b"\0\0\0\x08"))
        raw.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, head(path=PODS.encode())))
        end = time.monotonic() + LIMIT_S
        while (HEADERS, 3) not in {f[:3:2] for f in raw.frames()} and time.monotonic() < end and raw.read():
            pass
        self.assertIn((HEADERS, 3), {f[:3:2] for f in raw.frames()})
        for i in range(200):
            if not raw.send(frame(RST, 0, 5, b"\0\0\0\x08") * 1000):
                break
        self.ended(raw)

    def test_rapid_reset(self):
        raw = self.raw()
        block = head(path=b"/api/v1/pods")
        for i in range(20000):
            if not raw.send(
                frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, block)
                + frame(RST, 0, 2 * i + 1, b"\0\0\0\x08")
            ):
                break
        self.ended(raw)

    def test_cancelled_watches_are_no_abuse(self):
        for _ in range(1500):
            watch = Watch(self.api, PODS + "?watch=1")
            watch.next()
            watch.cancel()
        self.unharmed()

    def test_too_many_streams(self):
        """Before it knows the limit, a client may try; the rest is refused, the first are served."""
        raw = self.raw()
        block = head(path=PODS.encode() + b"?watch=1")
        raw.send(b"".join(frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, block) for i in range(150)))
        end = time.monotonic() + LIMIT_S
        refused, begun = set(), set()
        while len(refused) + len(begun) < 150 and time.monotonic() < end and raw.read():
            refused = {f[2] for f in raw.frames() if f[0] == RST and f[3] == b"\0\0\0\x07"}
            begun = {f[2] for f in raw.frames() if f[0] == HEADERS}
        self.assertEqual((len(begun), len(refused)), (100, 50))
        self.unharmed()

    # ---- who takes nothing ----

    def test_window_zero(self):
        """A hundred lists are asked for and never taken."""
        for i in range(40):
            self.api.post(PODS, pod("big%d" % i))
            self.api.patch(PODS + "/big%d" % i, {"metadata": {"annotations": {"fill": "f" * 20000}}})
        self.resident = self.settled_kib()
        for _ in range(10):
            raw = self.raw(struct.pack(">HI", 4, 0))
            block = head(path=b"/api/v1/pods")
            for i in range(100):
                raw.send(frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, block))
        self.unharmed()

    def test_never_reads(self):
        """Asks and asks, and leaves the answers in the socket."""
        self.api.patch(PODS + "/a", {"metadata": {"annotations": {"fill": "f" * 200000}}})
        self.resident = self.settled_kib()
        raw = self.raw(struct.pack(">HI", 4, 0x7FFFFFFF))
        raw.send(frame(WINDOW, 0, 0, b"\x70\0\0\0"))
        block = head(path=b"/api/v1/pods")
        for i in range(0, 200000, 100):
            ids = range(2 * i + 1, 2 * i + 201, 2)
            if not raw.send(b"".join(frame(HEADERS, END_HEADERS | END_STREAM, s, block) for s in ids)):
                break
        self.unharmed()

    def test_slow_bodies(self):
        """A hundred clients send their bodies a byte at a time."""
        slow = [self.raw() for _ in range(100)]
        start = frame(HEADERS, END_HEADERS, 1, head(b"POST", PODS.encode(), literal(b"content-type", b"application/json")))
        for raw in slow:
            raw.send(start)
        for byte in b"{}{}{":
            for raw in slow:
                raw.send(frame(DATA, 0, 1, bytes([byte])))
            self.assertEqual(self.api.get(PODS + "/a").status, 200)
        self.unharmed()

    # ---- bodies ----

    def test_body_limit(self):
        sent = pod("large")
        sent["metadata"]["annotations"] = {}
        room = (1 << 20) - len(json.dumps(sent)) - 40
        sent["metadata"]["annotations"] = {"k": "v" * room}
        body = json.dumps(sent).encode()
        exact = body + b" " * ((1 << 20) - len(body))
        # As a body it fits; Kubernetes' own limit of annotations is lower.
        self.refused(self.api.post(PODS, exact), 422, "Invalid")
        self.refused(
            self.api.post(PODS, exact + b" "),
            413,
            "RequestEntityTooLarge",
            "Request entity too large: limit is 1048576",
        )
        # The same connection goes on, and what is left of a long body is not read.
        self.refused(self.api.post(PODS, b"x" * (8 << 20)), 413, "RequestEntityTooLarge")
        self.unharmed()

    def test_many_bodies(self):
        """Unfinished bodies of one connection share a limit."""
        client = self.client()
        streams = [client.begin("POST", PODS, [("content-type", "application/json")], has_body=True) for _ in range(6)]
        for stream in streams:
            client.send(stream, b"x" * 900000)
        client.wait(lambda: client.answers[streams[-1]].is_ended)
        answer = client.finish(streams[-1])
        self.assertEqual((answer.status, answer.header("retry-after")), (429, "1"))
        self.unharmed()


class Connections(ApiTest):
    def test_limit(self):
        """Beyond the limit a connection is told so; when others leave there is room again."""
        held, refused = [], None
        while refused is None and len(held) < 600:
            raw = Raw(self.server)
            raw.read()
            if any(f[0] == GOAWAY for f in raw.frames()):
                refused = raw
            else:
                held.append(raw)
        self.assertIsNotNone(refused)
        self.assertIn(b"too many connections", refused.got)
        ours = subprocess.run(
            [os.path.join(BIN, "test", "apiclient"), self.server.path, "request", "GET", "/healthz"],
            capture_output=True,
        )
        self.assertEqual(ours.stderr, b"apiclient: request: too many connections\n")
        self.assertEqual(self.api.get("/healthz").body, b"ok")
        for raw in held + [refused]:
            raw.close()
        end = time.monotonic() + LIMIT_S
        while self.api.get("/apis/carpel/v1/state").json["connections"] > 1:
            self.assertLess(time.monotonic(), end)
        self.assertEqual(self.client().get("/healthz").body, b"ok")


if __name__ == "__main__":
    unittest.main()
