#!/usr/bin/python3
"""A CRI runtime that only says what it is told to: an independent peer for `carpel cri`.

usage: cri_fake_server.py SOCKET FOLDER PROTOSET

Both services of the protoset, with its own messages and gRPC's own JSON mapping, none of it ours. For the
N-th call of an RPC (from 1) the answer is FOLDER/RPC.N.json, else FOLDER/RPC.json, else an empty message:
    {"answer": {...}}                      one message
    {"answers": [{...}, ...]}              a stream's messages
    {"code": "NOT_FOUND", "details": "…"}  how the call ends, behind the answers; OK when left out
    {"padding": N, "field": "stdout"}      that bytes field of the answer gets N bytes more
    {"delay": S}                           seconds before the answer; {"hold": true}: until cancelled
What came is written to FOLDER/log, one JSON object a line: the RPC, the request, the time left, and a
line with "cancelled" when a call ended by its client's will. FOLDER/ready appears when it listens.
"""
import json
import os
import signal
import sys
import threading
import time
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

SOCKET, FOLDER, PROTOSET = sys.argv[1:4]
lock = threading.Lock()
counts = {}


def log(**line):
    with lock, open(os.path.join(FOLDER, "log"), "a", encoding="utf-8") as f:
        f.write(json.dumps(line) + "\n")


def script_of(rpc):
    with lock:
        counts[rpc] = counts.get(rpc, 0) + 1
        names = [f"{rpc}.{counts[rpc]}.json", f"{rpc}.json"]
    for name in names:
        path = os.path.join(FOLDER, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                return json.load(f)
    return {}


def answers_of(script, kind, is_stream):
    texts = script.get("answers", [script.get("answer", {})] if "answer" in script or not is_stream else [])
    for text in texts:
        m = json_format.ParseDict(text, kind())
        if "padding" in script:
            setattr(m, script["field"], getattr(m, script["field"]) + b"x" * script["padding"])
        yield m


def wait(script, rpc, context):
    gone = threading.Event()
    if not context.add_callback(gone.set):
        gone.set()
    end = time.monotonic() + script.get("delay", 0)
    while not gone.is_set() and (script.get("hold") or time.monotonic() < end):
        gone.wait(0.05)
    if gone.is_set():
        log(rpc=rpc, cancelled=True)


def finish(script, context):
    if "code" in script:
        context.abort(grpc.StatusCode[script["code"]], script.get("details", ""))


def note(rpc, request, context):
    left = context.time_remaining()
    log(rpc=rpc, request=json_format.MessageToDict(request, preserving_proto_field_name=True),
        timeout=None if left is None or left > 1e6 else left)


def unary(rpc, kind):
    def handle(request, context):
        note(rpc, request, context)
        script = script_of(rpc)
        wait(script, rpc, context)
        finish(script, context)
        return next(answers_of(script, kind, False))
    return handle


def stream(rpc, kind):
    def handle(request, context):
        note(rpc, request, context)
        script = script_of(rpc)
        yield from answers_of(script, kind, True)
        wait(script, rpc, context)
        finish(script, context)
    return handle


def handlers():
    files = descriptor_pb2.FileDescriptorSet()
    with open(PROTOSET, "rb") as f:
        files.ParseFromString(f.read())
    pool = descriptor_pool.DescriptorPool()
    factory = message_factory.MessageFactory(pool)
    for file in files.file:
        pool.Add(file)
    for file in files.file:
        for service in file.service:
            calls = {}
            for m in service.method:
                asked, said = (factory.GetPrototype(pool.FindMessageTypeByName(name.lstrip(".")))
                               for name in (m.input_type, m.output_type))
                make, handler = ((grpc.unary_stream_rpc_method_handler, stream) if m.server_streaming
                                 else (grpc.unary_unary_rpc_method_handler, unary))
                calls[m.name] = make(handler(m.name, said), request_deserializer=asked.FromString,
                                     response_serializer=said.SerializeToString)
            yield grpc.method_handlers_generic_handler(f"{file.package}.{service.name}", calls)


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), handlers=list(handlers()),
                         options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)])
    server.add_insecure_port(f"unix:{SOCKET}")
    server.start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with open(os.path.join(FOLDER, "ready"), "w", encoding="utf-8"):
        pass
    ended.wait()
    server.stop(0).wait()


main()
