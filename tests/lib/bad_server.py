#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP server on loopback that is slow, lies or goes away, as the path says. Prints its port, serves until stdin ends."""
import base64
import functools
import http.server
import os
import pathlib
import socket
import struct
import sys
import threading
import time
import urllib.parse
import zlib

FOLDER = pathlib.Path(sys.argv[1]) if __name__ == "__main__" and len(sys.argv) > 1 else None
COUNTS = {}
LOCK = threading.Lock()


@functools.cache
def bomb():
    """200 MB of zeros that take no time to pack: blocks that need nothing of those before. The checksum at the end is missing."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    return head + (packer.compress(b"\0" * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)) * 200


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, body, status=200, headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def ok(self):
        self.answer(b"hello")

    def env(self):
        self.answer("\n".join(f"{k}: {v}" for k, v in self.headers.items()).encode())

    def slow(self):
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        for _ in range(200):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.1)

    def mute(self):
        time.sleep(20)

    def lie(self):
        self.answer(b"half", length=100)
        self.close_connection = True

    def endless(self):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        while True:
            self.wfile.write(b"x" * 65536)

    def large(self):
        self.send_response(200)
        self.send_header("Content-Length", str(500 << 20))
        self.end_headers()
        for _ in range(8000):
            self.wfile.write(b"x" * 65536)

    def bomb(self):
        self.answer(bomb(), headers=[("Content-Encoding", "gzip")])

    def zipped(self):
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        self.answer(packer.compress(b"hello" * 1000) + packer.flush(), headers=[("Content-Encoding", "gzip")])

    def loop(self):
        self.answer(b"", 302, [("Location", "/loop")])

    def hop(self):
        self.answer(b"", 302, [("Location", "/ok"), ("ETag", '"of the hop"')])

    def to_file(self):
        self.answer(b"", 302, [("Location", "file:///etc/passwd")])

    def to_ftp(self):
        self.answer(b"", 302, [("Location", "ftp://127.0.0.1/x")])

    def to_metadata(self):
        self.answer(b"", 302, [("Location", "http://169.254.169.254/latest/")])

    def missing(self):
        self.answer(b"no", 404)

    def tagged(self):
        if self.headers.get("If-None-Match") == '"one"':
            self.send_response(304)
            self.end_headers()
            return
        self.answer(b"tagged", headers=[("ETag", '"one"'), ("Last-Modified", "Sat, 01 Jan 2022 00:00:00 GMT")])

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
        self.close_connection = True

    def wait(self):
        with LOCK:
            COUNTS["now"] = COUNTS.get("now", 0) + 1
            COUNTS["most"] = max(COUNTS.get("most", 0), COUNTS["now"])
        time.sleep(0.2)
        with LOCK:
            COUNTS["now"] -= 1
        self.answer(str(COUNTS["most"]).encode())

    def served(self, name):
        path = FOLDER / name
        body = path.read_bytes()
        tag = f'"{os.stat(path).st_mtime_ns}"'
        with LOCK:
            COUNTS[name] = COUNTS.get(name, 0) + 1
        if self.headers.get("If-None-Match") == tag:
            self.send_response(304)
            self.end_headers()
        else:
            self.answer(body, headers=[("ETag", tag)])

    def ocsp(self, body):
        """/ocsp/MODE/FILE: MODE (told: the file "mode") says which requests get the file. Each request is a line in the file "requests"."""
        mode, name = self.path.split("/")[2:4]
        nonce = bytes.fromhex("2b0601050507300102")
        if self.command == "GET":
            body = base64.b64decode(urllib.parse.unquote(self.path.split("/", 4)[4]))
        with LOCK, open(FOLDER / "requests", "a") as out:
            print(self.command, mode, name, "nonce" if nonce in body else "plain", file=out)
        if mode == "told":
            mode = (FOLDER / "mode").read_text()
        if mode == "both" or mode == self.command.lower():
            self.answer((FOLDER / name).read_bytes())
        elif mode == "html":
            self.answer(b"<html>" if self.command == "POST" else (FOLDER / name).read_bytes())
        elif mode == "unauthorized":
            self.answer(bytes.fromhex("30030a0106") if self.command == "POST" else (FOLDER / name).read_bytes())
        else:
            self.answer(b"", 405)

    def do_GET(self):
        name = self.path[1:].replace("-", "_")
        try:
            if self.path.startswith("/ocsp/"):
                self.ocsp(b"")
            elif self.path.startswith("/count/"):
                self.answer(str(COUNTS.get(self.path[7:], 0)).encode())
            elif FOLDER and (FOLDER / self.path[1:]).is_file():
                self.served(self.path[1:])
            elif name in ("answer", "served") or name.startswith(("do_", "send_", "_")) or name not in vars(Handler):
                self.missing()
            else:
                getattr(self, name)()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/ocsp/"):
            self.ocsp(body)
        else:
            self.answer(self.headers.get("Content-Type", "").encode() + b":" + body)


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        """Clients that go away are what this is for."""


def main():
    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
