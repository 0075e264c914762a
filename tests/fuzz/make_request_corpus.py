#!/usr/bin/python3
"""Writes the seeds of fuzz_request, see there: whole connections as python3-h2 makes them, and
requests as text.  usage: make_request_corpus.py DIRECTORY
"""

import json
import os
import struct
import sys

import h2.config
import h2.connection

PODS = "/api/v1/namespaces/default/pods"
EVENTS = "/api/v1/namespaces/default/events"
JSON = "application/json"
MERGE = "application/merge-patch+json"
POD = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
EVENT = {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default", "name": "a"}, "reason": "R", "count": 1}
EXEC = PODS + "/a/exec?stdin=1&stdout=1&command="


def message(channel, data):
    """A masked WebSocket message; the mask is zero, so mutations stay readable."""
    payload = bytes([channel]) + data
    assert len(payload) < 126
    return b"\x82" + bytes([0x80 | len(payload)]) + bytes(4) + payload


REQUESTS = {
    "health": [("GET", "/healthz?verbose&exclude=ping", "", b"")],
    "version": [("GET", "/version", "", b"")],
    "get": [("GET", PODS + "/a", "", b"")],
    "list": [("GET", "/api/v1/pods?limit=1&pretty=1", "", b"")],
    "labels": [("GET", PODS + "?labelSelector=app+in+(x,y),!n,k!%3Dv", "", b"")],
    "fields": [("GET", PODS + "?fieldSelector=status.phase%3DRunning,metadata.name!%3Db", "", b"")],
    "match": [("GET", PODS + "?resourceVersion=102&resourceVersionMatch=Exact", "", b"")],
    "continue": [
        ("GET", PODS + "?limit=1", "", b""),
        ("GET", PODS + "?continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MTAyLCJzdGFydCI6ImRlZmF1bHQvYSJ9", "", b""),
    ],
    "watch": [("GET", PODS + "?watch=1&allowWatchBookmarks=1&timeoutSeconds=1", "", b"")],
    "watch-initial": [
        ("GET", PODS + "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1", "", b""),
        ("POST", PODS, JSON, json.dumps(POD).encode()),
        ("DELETE", PODS + "/p?gracePeriodSeconds=0", "", b""),
    ],
    "watch-old": [("GET", PODS + "?watch=1&resourceVersion=1", "", b"")],
    "create": [("POST", PODS + "?fieldValidation=Strict&dryRun=All", JSON, json.dumps(POD).encode())],
    "generate": [("POST", PODS, JSON, b'{"metadata":{"generateName":"x-"},"spec":{"containers":[{"name":"c","image":"i"}]}}')],
    "replace": [
        ("POST", PODS, JSON, json.dumps(POD).encode()),
        ("PUT", PODS + "/p", JSON, json.dumps({**POD, "metadata": {"name": "p", "labels": {"k": "v"}}}).encode()),
    ],
    "patch": [("PATCH", PODS + "/a", MERGE, b'{"metadata":{"labels":{"app":null,"k":"v"},"annotations":{"n":"v"}}}')],
    "patch-other": [("PATCH", PODS + "/a", "application/json-patch+json", b"[]")],
    "delete": [
        ("DELETE", PODS + "/a", JSON, b'{"gracePeriodSeconds":3,"propagationPolicy":"Orphan","preconditions":{"uid":"u"},"dryRun":["All"]}')
    ],
    "delete-all": [("DELETE", PODS + "?labelSelector=app", "", b"")],
    "event": [
        ("POST", EVENTS, JSON, json.dumps(EVENT).encode()),
        ("PATCH", EVENTS + "/e", MERGE, b'{"count":2,"message":"m"}'),
        ("GET", EVENTS + "?fieldSelector=involvedObject.name%3Da", "", b""),
        ("DELETE", EVENTS + "/e", "", b""),
    ],
    "log": [("GET", PODS + "/a/log?tailLines=3&timestamps=1&sinceTime=2026-01-01T00:00:00Z&limitBytes=9", "", b"")],
    "log-choice": [("GET", PODS + "/b/log?sinceSeconds=1&previous=1&follow=1&container=y", "", b"")],
    "exec": [
        (
            "CONNECT",
            EXEC + "cat&tty=1",
            "",
            message(0, b"in") + message(4, b'{"Width":80,"Height":24}') + b"\x89\x81\0\0\0\0p" + message(255, b"\0"),
        )
    ],
    "exec-close": [("CONNECT", EXEC + "deaf", "", message(0, b"x") + b"\x88\x82\0\0\0\0\x03\xe8")],
    "exec-pieces": [("CONNECT", EXEC + "now&command=x", "", b"\x02\x82\0\0\0\0\0a" + b"\x80\x81\0\0\0\0b")],
    "attach": [("CONNECT", PODS + "/a/attach?stdin=1&stdout=1", "", message(0, b"in") + message(255, b"\0"))],
    "call": [("POST", "/apis/carpel/v1/state?a=b", JSON, b'{"a":[1,{"b":null}]}')],
    "calls": [("GET", "/apis/carpel/v1/later", "", b""), ("GET", "/apis/carpel/v1/never", "", b"")],
    "stop": [("POST", "/apis/carpel/v1/stop?grace=1", "", b""), ("GET", PODS + "?watch=1", "", b"")],
    "grpc": [("POST", "/runtime.v1.RuntimeService/Version", "application/grpc", b"\0\0\0\0\0")],
}


def connection(requests):
    """As an HTTP/2 library writes it."""
    c = h2.connection.H2Connection(config=h2.config.H2Configuration(validate_outbound_headers=False))
    c.initiate_connection()
    for method, path, kind, body in requests:
        stream = c.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "http"), (":authority", "x"), (":path", path), ("user-agent", "curl/7")]
        if method == "CONNECT":
            head[1:1] = [(":protocol", "websocket")]
            head.append(("sec-websocket-protocol", "v5.channel.k8s.io"))
        if kind:
            head.append(("content-type", kind))
        c.send_headers(stream, head, end_stream=not body)
        if body:
            c.send_data(stream, body, end_stream=method != "CONNECT")
    return c.data_to_send()


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)

    def write(name, data):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)

    for name, requests in REQUESTS.items():
        text = [("%s %s\n%s\n" % (m, p, k)).encode() + b for m, p, k, b in requests]
        write("text-" + name, b"R" + b"\x1e".join(text))
    for name in ("watch-initial", "event", "exec", "replace"):
        write("h2-" + name, connection(REQUESTS[name]))
    write("http1", b"GET /healthz HTTP/1.1\r\n\r\n")
    # Control frames: SETTINGS, PING, WINDOW_UPDATE, PRIORITY, RST_STREAM, GOAWAY, an unknown one.
    write(
        "frames",
        frame(4, 0, 0, struct.pack(">HI", 4, 100))
        + frame(6, 0, 0, bytes(8))
        + frame(8, 0, 0, struct.pack(">I", 1000))
        + frame(2, 0, 1, bytes(5))
        + connection([REQUESTS["list"][0]])[24:]
        + frame(3, 0, 1, struct.pack(">I", 8))
        + frame(0x77, 0, 0, b"x")
        + frame(7, 0, 0, bytes(8)),
    )


if __name__ == "__main__":
    main()
