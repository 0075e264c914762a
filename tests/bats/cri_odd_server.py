#!/usr/bin/python3
"""A server that speaks HTTP/2 but not gRPC as it should: what no gRPC library would send.

usage: cri_odd_server.py SOCKET CASE      answers one connection's first request, as the case says
"""
import os
import socket
import struct
import sys

import h2.config
import h2.connection
import h2.events

SOCKET, CASE = sys.argv[1:3]
HEAD = [(":status", "200"), ("content-type", "application/grpc")]
VERSION = b"\x0a\x050.1.0"  # version: "0.1.0"


def frame(body, flag=0, length=None):
    return struct.pack("!BI", flag, len(body) if length is None else length) + body


# Head, body in pieces, trailers; None: they do not come.
CASES = {
    "whole": (HEAD, [frame(VERSION)], [("grpc-status", "0")]),
    "pieces": (HEAD, [bytes([b]) for b in frame(VERSION)], [("grpc-status", "0")]),
    "json": ([(":status", "404"), ("content-type", "application/json")], [b'{"kind": "Status"}'], None),
    "no-status": (HEAD, [frame(VERSION)], None),
    "odd-status": (HEAD, [frame(VERSION)], [("grpc-status", "fine")]),
    "new-status": (HEAD, [], [("grpc-status", "4711"), ("grpc-message", "from the%20future")]),
    "none": (HEAD, [], [("grpc-status", "0")]),
    "two": (HEAD, [frame(VERSION), frame(VERSION)], [("grpc-status", "0")]),
    "cut": (HEAD, [frame(VERSION)[:-1]], [("grpc-status", "0")]),
    "half-head": (HEAD, [b"\0\0"], [("grpc-status", "0")]),
    "compressed": (HEAD, [frame(VERSION, flag=1)], [("grpc-status", "0")]),
    "huge": (HEAD, [frame(VERSION, length=0xffffffff)], [("grpc-status", "0")]),
    "garbage": (HEAD, [frame(b"\xff\xff\xff\xff")], [("grpc-status", "0")]),
    "trailers-only": ([*HEAD, ("grpc-status", "5"), ("grpc-message", "nothing%20here")], [], None),
    "reset": (HEAD, [frame(VERSION)], "reset"),
    "gone": (HEAD, [frame(VERSION)], "gone"),
}


def answer(c, stream):
    head, body, trailers = CASES[CASE]
    c.send_headers(stream, head, end_stream=trailers is None and not body)
    for i, piece in enumerate(body):
        c.send_data(stream, piece, end_stream=trailers is None and i + 1 == len(body))
    if trailers == "reset":
        c.reset_stream(stream, 2)
    elif isinstance(trailers, list):
        c.send_headers(stream, trailers, end_stream=True)


def main():
    s = socket.socket(socket.AF_UNIX)
    s.bind(SOCKET + ".new")
    s.listen()
    os.rename(SOCKET + ".new", SOCKET)  # whoever sees it may connect
    peer = s.accept()[0]
    c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    c.initiate_connection()
    peer.sendall(c.data_to_send())
    while data := peer.recv(65536):
        for event in c.receive_data(data):
            if isinstance(event, h2.events.StreamEnded):
                answer(c, event.stream_id)
        peer.sendall(c.data_to_send())
        if CASE == "gone" and c.highest_inbound_stream_id:
            break


main()
