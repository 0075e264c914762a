#!/usr/bin/env python3
"""A server that misbehaves on request: the path says how. Writes its port to the file named by argv[1]."""
import os
import socket
import sys
import threading
import time

OK = b"HTTP/1.1 200 OK\r\n"


def answer(path, request, port):
    """Pieces to send; a number is a pause in seconds."""
    words = path.strip("/").split("?")[0].split("/")
    name, arg = words[0], words[1] if len(words) > 1 else ""
    if name == "status":
        return [b"HTTP/1.1 %s Word\r\nContent-Length: 4\r\n\r\nbody" % arg.encode()]
    if name == "hops":  # /hops/N: N redirects, then an answer
        n = int(arg)
        if n == 0:
            return [OK + b"Content-Length: 7\r\n\r\narrived"]
        return [b"HTTP/1.1 302 Found\r\nLocation: /hops/%d\r\nContent-Length: 0\r\n\r\n" % (n - 1)]
    return {
        "ok": [OK + b"Content-Length: 2\r\n\r\nok"],
        "echo": [OK + b"\r\n" + request],
        "chunked": [OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nchu\r\n", 0.05, b"4;x=y\r\nnked\r\n0\r\n\r\n"],
        "slow": [OK[:5], 0.05, OK[5:] + b"Content-", 0.05, b"Length: 4\r\n\r\nsl", 0.05, b"ow"],
        "early": [b"HTTP/1.1 103 Hints\r\nLocation: /no\r\n\r\n" * 3 + OK + b"Content-Length: 4\r\n\r\nlate"],
        "storm": [b"HTTP/1.1 100 Continue\r\n\r\n" * 5000],
        "headers": [OK] + [b"X-Filler: 0123456789\r\n" * 500] * 10,
        "big": [OK + b"Content-Length: 99999\r\n\r\n" + b"x" * 99999],
        "endless": [OK + b"\r\n"] + [b"y" * 65536] * 1000,
        "binary": [OK + b"Content-Length: 5\r\n\r\na\0\xff\x1bb"],
        "stall": [OK + b"Content-Length: 100\r\n\r\nsome", 30],
        "stall500": [b"HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nsome", 30],
        "short": [OK + b"Content-Length: 100\r\n\r\nsome"],
        "hang": [30],
        "close": [],
        "garbage": [b"SSH-2.0-OpenSSH_9.2\r\n"],
        "away": [b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 4\r\n\r\naway"],
        "badurl": [b"HTTP/1.1 302 Found\r\nLocation: http://a b/\r\nContent-Length: 0\r\n\r\n"],
        "tls": [b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n" % port],
    }.get(name, [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"])


def serve(conn, port):
    try:
        request = b""
        while b"\r\n\r\n" not in request:
            got = conn.recv(65536)
            if not got:
                return
            request += got
        for piece in answer(request.split(b" ")[1].decode("latin-1"), request, port):
            if isinstance(piece, bytes):
                conn.sendall(piece)
            else:
                time.sleep(piece)
    except OSError:
        pass  # the probe went away: that is its right
    finally:
        conn.close()


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port = listener.getsockname()[1]
    with open(sys.argv[1] + ".new", "w", encoding="ascii") as file:
        file.write(str(port))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=serve, args=(conn, port), daemon=True).start()


main()
