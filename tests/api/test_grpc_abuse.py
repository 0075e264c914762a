"""gRPC clients that are slow, wrong or hostile, beside an honest one that keeps getting answers."""

import struct
import threading
import time
import unittest

import hpack

from client import LIMIT_S
from grpc_client import RUNTIME, GrpcTest, cri, cri_grpc, framed
from test_abuse import DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST, WINDOW, Raw, frame, head, literal, text

MIB = 1 << 20
GRPC = literal(b"content-type", b"application/grpc") + literal(b"te", b"trailers")
ENHANCE_YOUR_CALM = b"\0\0\0\x0b"


def request(method, more=b""):
    return head(b"POST", (RUNTIME + method).encode(), GRPC + more)


def part(message, length):
    """The first bytes of a message that is said to be longer."""
    return struct.pack(">BI", 0, length) + message


def answers(raw):
    """The grpc-message (or status) of each stream that was answered, from all frames that came."""
    decoder, out = hpack.Decoder(), {}
    for kind, _, stream, payload in raw.frames():
        if kind == HEADERS:
            lines = dict(decoder.decode(payload))
            out[stream] = lines.get("grpc-message", lines.get("grpc-status", out.get(stream, "")))
    return out


def count(raw, words):
    return sum(1 for message in answers(raw).values() if words in message)


def read_until_quiet(raw):
    """All that the server has to say for now: it answers the PING behind the rest."""
    raw.send(frame(PING, 0, 0, b"are you "))
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end and not any(f[0] == PING and f[1] == 1 for f in raw.frames()) and raw.read():
        pass


class Honest(threading.Thread):
    """Calls without a pause on a connection of its own; keeps the slowest answer's time."""

    def __init__(self, test):
        super().__init__()
        self.stub = cri_grpc.RuntimeServiceStub(test.connect())
        self.is_over = False
        self.calls, self.worst, self.error = 0, 0, None

    def run(self):
        while not self.is_over and not self.error:
            began = time.monotonic()
            try:
                self.stub.Version(cri.VersionRequest(version="honest"), timeout=LIMIT_S)
            except Exception as error:
                self.error = error
            self.worst = max(self.worst, time.monotonic() - began)
            self.calls += 1
            time.sleep(0.002)


class Abuse(GrpcTest):
    server_args = ("conn_bytes=%d" % (8 * MIB), "all_bytes=%d" % (20 * MIB))

    def setUp(self):
        super().setUp()
        self.version()
        self.resident = self.settled_kib()
        self.honest = Honest(self)
        self.honest.start()
        self.addCleanup(self.stop_honest)

    def stop_honest(self):
        self.honest.is_over = True
        self.honest.join()

    def hostile(self, settings=b""):
        raw = Raw(self.server, settings)
        self.addCleanup(raw.close)
        return raw

    def unharmed(self, mib=30):
        """The honest client has got its answers, in time, and the server holds what it may."""
        before = self.honest.calls
        self.version()
        self.assert_resident(self.resident + mib * 1024)
        end = time.monotonic() + LIMIT_S
        while self.honest.calls < before + 5 and not self.honest.error:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        self.stop_honest()
        self.assertIsNone(self.honest.error)
        self.assertLess(self.honest.worst, 15)

    def upload(self, n=MIB):
        """An honest large request."""
        config = cri.ContainerConfig(labels={"k": "v" * n})
        answer = self.runtime.CreateContainer(cri.CreateContainerRequest(config=config), timeout=LIMIT_S)
        self.assertEqual(answer.container_id, str(n + 1))

    # ---- requests ----

    def test_leaving_at_every_byte(self):
        block = request("Version", literal(b"grpc-timeout", b"10S"))
        bytes_ = frame(HEADERS, END_HEADERS, 1, block) + frame(DATA, 0, 1, b"\0\0\0")
        bytes_ += frame(DATA, END_STREAM, 1, b"\0\3\x0a\1x")
        for n in range(len(bytes_) + 1):
            raw = Raw(self.server)
            raw.send(bytes_[:n])
            raw.close()
        self.unharmed()

    def test_half_messages(self):
        """A hundred streams of one client; above its share they are refused."""
        raw = self.hostile()
        chunk = b"x" * 16384
        for stream in range(1, 200, 2):
            raw.send(frame(HEADERS, END_HEADERS, stream, request("CreateContainer")))
            raw.send(frame(DATA, 0, stream, part(b"", 16 * MIB)))
        for _ in range(7):  # 11 MiB; the windows were widened
            for stream in range(1, 200, 2):
                raw.send(frame(DATA, 0, stream, chunk))
        read_until_quiet(raw)
        refused = count(raw, "this connection's requests take more memory")
        self.assertTrue(20 <= refused < 60, refused)
        self.assertFalse(raw.is_closed)
        self.upload()
        self.unharmed(10)

    def test_half_messages_of_many(self):
        """Many clients fill the memory together: the largest make room, the small ones stay."""
        raws = [self.hostile() for _ in range(8)]
        for raw in raws:
            for stream in range(1, 200, 2):
                raw.send(frame(HEADERS, END_HEADERS, stream, request("CreateContainer")))
                raw.send(frame(DATA, 0, stream, part(b"x" * 16000, 16 * MIB)))
                for _ in range(2):
                    raw.send(frame(DATA, 0, stream, b"x" * 16000))
        # 38 MiB were sent; 20 may be held.
        self.upload()
        cut = 0
        for raw in raws:
            while raw.read(0.05):
                pass
            cut += sum(1 for f in raw.frames() if f[0] == RST and f[3] == ENHANCE_YOUR_CALM)
        self.assertGreater(cut, 100)
        self.unharmed()

    def test_promises(self):
        """A length costs nothing until its bytes come."""
        for _ in range(20):
            raw = self.hostile()
            for stream in range(1, 200, 2):
                raw.send(frame(HEADERS, END_HEADERS, stream, request("CreateContainer")))
                raw.send(frame(DATA, 0, stream, part(b"", 16 * MIB)))
        self.upload(7 * MIB)
        self.unharmed(8)

    def test_bytes_behind_the_end(self):
        """What comes for an answered call is not kept."""
        raw = self.raw()
        for _ in range(20):
            raw.call("/no.Such/Call", b"x" * 200000)
        self.unharmed(4)

    def test_heads(self):
        bomb = request("Version", b"\x40" + text(b"x") + text(b"y" * 3900) + b"\xbe" * 12000)
        raw = self.hostile()
        raw.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, bomb))
        self.assertTrue([f for f in raw.read_to_the_end() if f[0] == GOAWAY])
        answer = self.raw().call("/" + "%s/" % ("s" * 14000) + "m", framed(b""))
        self.assertEqual(answer.header("grpc-status"), "12")
        self.assertLess(len(answer.header("grpc-message")), 300)
        answer = self.raw().call(RUNTIME + "Version", framed(b""), ("grpc-timeout", "9" * 14000))
        self.assertEqual(answer.header("grpc-status"), "13")
        self.assertLess(len(answer.header("grpc-message")), 300)
        answer = self.raw().call(RUNTIME + "Version", framed(b""), ("x-fill", "y" * 20000))
        self.assertEqual(answer.header("grpc-status"), "8")
        self.unharmed(4)

    # ---- who takes calls back ----

    def test_rapid_reset(self):
        raw = self.hostile()
        block, message = request("StartContainer"), framed(cri.StartContainerRequest(container_id="watched"))
        for stream in range(1, 40000, 2):
            one = frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, END_STREAM, stream, message)
            if not raw.send(one + frame(RST, 0, stream, b"\0\0\0\x08")):
                break
        goodbyes = [f[3] for f in raw.read_to_the_end() if f[0] == GOAWAY]
        self.assertEqual(goodbyes[-1][4:8], ENHANCE_YOUR_CALM)
        self.wait_counts(running=0)
        self.unharmed(4)

    def test_work_that_is_left(self):
        """Calls whose handlers cannot be stopped go on when their clients leave, but not without end."""
        block, message = request("StartContainer"), framed(cri.StartContainerRequest(container_id="careless 1500"))
        refused = 0
        for _ in range(60):
            raw = Raw(self.server)
            for stream in range(1, 200, 2):
                raw.send(frame(HEADERS, END_HEADERS, stream, block) + frame(DATA, END_STREAM, stream, message))
            read_until_quiet(raw)
            refused += count(raw, "whose clients have left")
            raw.close()
        self.assertGreater(refused, 0)
        self.stop_honest()  # it may have been refused, too: nobody can tell them apart
        self.honest = Honest(self)
        self.wait_left()
        self.honest.start()
        self.unharmed(8)

    def wait_left(self):
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            try:
                if self.counts()["running"] == 0:
                    return
            except Exception:
                pass
            time.sleep(0.05)
        self.fail("the work never ended")

    # ---- who takes nothing ----

    def test_window_zero(self):
        """Answers that are not read: above its share a client gets an error instead."""
        message = framed(cri.ExecSyncRequest(timeout=MIB))
        for _ in range(4):
            raw = self.hostile(struct.pack(">HI", 4, 0))
            for stream in range(1, 200, 2):
                raw.send(
                    frame(HEADERS, END_HEADERS, stream, request("ExecSync"))
                    + frame(DATA, END_STREAM, stream, message)
                )
            read_until_quiet(raw)
            # Seven of them are its share; less where the others hold the rest.
            self.assertTrue(93 <= count(raw, "answers take more memory") < 100)
        self.upload()
        self.unharmed()

    def test_streams_unread(self):
        """Endless streams that nobody reads, with and without a window."""
        for settings in (struct.pack(">HI", 4, 0), struct.pack(">HI", 4, 0x7FFFFFFF)):
            raw = self.hostile(settings)
            raw.send(frame(WINDOW, 0, 0, b"\x70\0\0\0"))
            for stream in range(1, 200, 2):
                words = cri.ContainerFilter(id="9999999 1000")
                raw.send(
                    frame(HEADERS, END_HEADERS, stream, request("StreamContainers"))
                    + frame(DATA, END_STREAM, stream, framed(cri.StreamContainersRequest(filter=words)))
                )
        self.upload()
        self.unharmed()

    def test_events_unread(self):
        raws = [self.hostile() for _ in range(20)]
        for raw in raws:
            for stream in range(1, 200, 2):
                raw.send(
                    frame(HEADERS, END_HEADERS, stream, request("GetContainerEvents"))
                    + frame(DATA, END_STREAM, stream, framed(b""))
                )
        self.wait_counts(running=2000)
        for raw in raws:
            raw.close()
        self.wait_counts(running=0)
        self.unharmed(8)

    # ---- who is honest ----

    def test_pings_of_a_busy_client(self):
        """gRPC clients measure the line: a PING for each answer, at any rate."""
        raw = self.hostile()
        block, done = request("Version"), 0
        for stream in range(1, 8000, 2):
            raw.send(
                frame(HEADERS, END_HEADERS, stream, block)
                + frame(DATA, END_STREAM, stream, framed(b""))
                + frame(PING, 0, 0, b"measured")
            )
            if stream % 100 == 99:
                done += 50
                while raw.got.count(b"measured") < 50:
                    self.assertTrue(raw.read(), "the server has left")
                raw.got = b""
        self.assertEqual(done, 4000)
        self.assertFalse(raw.is_closed)
        self.unharmed(4)


if __name__ == "__main__":
    unittest.main()
