# SPDX-License-Identifier: Apache-2.0
"""A source of lists or OCSP answers that works until it is told to have a fault. Everything under /had/ works till then."""
import http.client
import http.server
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import bad_server  # noqa: E402

PAGE = b"<html><body>Please log in to this network</body></html>"


class Handler(bad_server.Handler):
    def answer(self, body, *args, **kwargs):
        super().answer(body, *args, **kwargs)
        self.close_connection = True

    def serve(self, body):
        source = self.server.source
        if self.path.startswith("/had/") and not source.broken:
            self.answer(source.good(body))
            return
        source.hits += 1
        try:
            if source.fault in vars(bad_server.Handler):
                getattr(self, source.fault)()
            elif source.fault == "half":
                whole = source.good(body)
                self.answer(whole[:len(whole) // 2])
            elif source.fault == "page":
                self.answer(PAGE)
            else:
                self.answer(source.bad(body))
        except OSError:
            self.close_connection = True

    def do_GET(self):
        self.serve(None)

    def do_POST(self):
        self.serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))


class Faulty:
    """fault: a method of tests/lib/bad_server.py, "dead" (nobody listens), "half", "page", or a word for what bad() answers. good and bad
    take the request's body (None with GET) and return the answer's."""

    def __init__(self, fault, good, bad=None):
        self.fault, self.good, self.bad = fault, good, bad
        self.broken, self.hits = False, 0
        self.server = bad_server.Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.source = self
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def fail(self):
        self.broken = True
        if self.fault == "dead":
            self.stop()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.server = None


def responder(port):
    """Passes questions on to the responder at that port, one at a time, which is how `openssl ocsp` takes them."""
    lock = threading.Lock()

    def forward(body):
        with lock:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("POST", "/", body, {"Content-Type": "application/ocsp-request"})
            answer = connection.getresponse().read()
            connection.close()
            return answer
    return forward
