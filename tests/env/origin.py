#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A test origin: answers each request with what it got, as JSON.

    origin.py [ADDRESS:]PORT

    {"method": …, "path": …, "headers": [[name, value]…] as received, "body": length of the body}

The query tells it what to answer with: origin-header=NAME:VALUE (any number), origin-status=N, origin-size=N (that many bytes instead).
"""
import http.server
import json
import socketserver
import sys
import threading
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes; the second would wait for the first one's acknowledgement.
    disable_nagle_algorithm = True

    def read_body(self):
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            total = 0
            while size := int(self.rfile.readline().split(b";")[0], 16):
                total += len(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return total
        left = total = int(self.headers.get("content-length", 0))
        while left:
            piece = self.rfile.read(min(left, 65536))
            if not piece:
                raise ConnectionError("the body ends early")
            left -= len(piece)
        return total

    def answer(self):
        try:
            size = self.read_body()
        except (ValueError, ConnectionError):
            self.close_connection = True
            return
        self.server.count()
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        seen = {"method": self.command, "path": self.path, "headers": [[k, v] for k, v in self.headers.items()], "body": size}
        body = json.dumps(seen).encode()
        if "origin-size" in query:
            body = b"x" * int(query["origin-size"][0])
        self.send_response(int(query.get("origin-status", ["200"])[0]))
        for header in query.get("origin-header", []):
            name, _, value = header.partition(":")
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_PROPFIND = do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = answer

    def log_message(self, *args):
        pass


class Origin(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 512
    allow_reuse_address = True

    def __init__(self, address=("127.0.0.1", 0)):
        super().__init__(address, Handler)
        self.port = self.server_address[1]
        self.requests = 0
        self.lock = threading.Lock()

    def count(self):
        with self.lock:
            self.requests += 1

    def handle_error(self, request, client_address):
        """A connection that the proxy closes is no news."""

    def start(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        return self

    def stop(self):
        self.shutdown()
        self.server_close()


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    host, _, port = sys.argv[1].rpartition(":")
    Origin((host or "0.0.0.0", int(port))).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
