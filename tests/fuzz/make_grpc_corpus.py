#!/usr/bin/python3
"""Writes the seeds of fuzz_grpc_request, see there.  usage: make_grpc_corpus.py DIRECTORY"""

import os
import sys

RUNTIME = b"/runtime.v1.RuntimeService/"
IMAGES = b"/runtime.v1.ImageService/ListImages"
REFLECTION = b"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
HEALTH = b"/grpc.health.v1.Health/"


def field(number, value):
    """A text, bytes or a message."""
    assert number < 16 and len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


def framed(message, flag=0):
    return bytes([flag]) + len(message).to_bytes(4, "big") + message


def start(words):
    return (RUNTIME + b"StartContainer", b"", field(1, words))


def stream(words):
    return (RUNTIME + b"StreamContainers", b"", field(1, field(1, words)))


ENVS = field(6, field(1, b"k") + field(2, b"v"))
LABELS = field(8, field(1, b"k") + field(2, b"v\xc3\xa9"))
CALLS = {
    "version": [(RUNTIME + b"Version", b"1S", field(1, b"v"))],
    "unknown": [(RUNTIME + b"Nix", b"", b""), (b"/x", b"", b""), (RUNTIME + b"PortForward", b"5m", b"")],
    "create": [(RUNTIME + b"CreateContainer", b"", field(1, b"p") + field(2, field(3, b"sh") + ENVS + LABELS))],
    "fail": [start(b"fail 5 no such"), start(b"errno 17"), start(b"later 1"), start(b"careless 1")],
    "wait": [start(b"watched"), start(b"never"), (RUNTIME + b"StartContainer", b"1m", field(1, b"watched"))],
    "exec": [(RUNTIME + b"ExecSync", b"", b"\x18\x80\x20")],
    "mend": [(RUNTIME + b"ListContainers", b"", field(1, field(1, b"a")))],
    "stream": [stream(b"20 3000"), stream(b"fail 2"), stream(b"now"), (RUNTIME + b"GetContainerEvents", b"", b"")],
    "images": [(IMAGES, b"", b"")],
    "health": [(HEALTH + b"Check", b"", field(1, b"x")), (HEALTH + b"Watch", b"9u", b"")],
    "reflect": [
        (REFLECTION, b"", field(1, b"h") + field(7, b"")),
        (REFLECTION, b"", field(3, b"spec/cri.proto")),
        (b"+" + REFLECTION, b"", field(4, b"grpc.health.v1.HealthCheckResponse.ServingStatus.SERVING")),
    ],
    "questions": [(b"!" + REFLECTION, b"", framed(field(7, b"")) * 3 + framed(field(4, b"runtime.v1.Mount.image"))[:9])],
    "two": [(b"!" + RUNTIME + b"Version", b"", framed(b"") * 2)],
    "compressed": [(b"!" + RUNTIME + b"Version", b"", framed(b"x", 1))],
    "promise": [(b"!+" + RUNTIME + b"Version", b"1H", b"\0\0\xff\xff\xff" + b"y" * 2000)],
    "broken": [(RUNTIME + b"Version", b"x", b"\x0a\xff"), (RUNTIME + b"Version", b"", field(1, b"a\0\xff"))],
}


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for name, calls in CALLS.items():
        with open(os.path.join(folder, "call-" + name), "wb") as out:
            out.write(b"R" + b"\x1e".join(b"\n".join(call) for call in calls))
    frame = len(framed(b"")).to_bytes(3, "big") + b"\0\1\0\0\0\1" + framed(b"")
    # HEADERS of a POST with literal lines, DATA, and a reset.
    block = b"\x83\x86" + b"\0\x05:path" + bytes([len(RUNTIME) + 7]) + RUNTIME + b"Version"
    block += b"\0\x0ccontent-type\x10application/grpc"
    head = len(block).to_bytes(3, "big") + b"\1\4\0\0\0\1" + block
    with open(os.path.join(folder, "frames"), "wb") as out:
        out.write(head + frame + b"\0\0\4\3\0\0\0\0\1\0\0\0\x08")


if __name__ == "__main__":
    main(sys.argv[1])
