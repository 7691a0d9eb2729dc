# SPDX-License-Identifier: Apache-2.0
"""A server that speaks a little MQTT 3.1.1, and a client for it: CONNECT is acknowledged, what is published comes back.

It counts every connection and every byte, so that a test can say that nothing at all got through.
"""
import socket
import socketserver
import ssl
import threading

from client import VERSIONS

CONNECT, CONNACK, PUBLISH = 1, 2, 3


def text(value):
    return len(value).to_bytes(2, "big") + value.encode()


def packet(kind, body):
    assert len(body) < 128
    return bytes([kind << 4, len(body)]) + body


def read(receive, count):
    got = b""
    while len(got) < count:
        piece = receive(count - len(got))
        if not piece:
            raise ConnectionError("the connection ended")
        got += piece
    return got


def read_packet(receive):
    kind, size = read(receive, 2)
    return kind >> 4, read(receive, size)


class Handler(socketserver.BaseRequestHandler):
    def receive(self, count):
        got = self.request.recv(count)
        self.server.count(0, len(got))
        return got

    def handle(self):
        self.server.count(1, 0)
        if self.server.greeting:
            self.request.sendall(self.server.greeting)
        try:
            while True:
                kind, body = read_packet(self.receive)
                if kind == CONNECT:
                    self.request.sendall(packet(CONNACK, b"\0\0"))
                elif kind == PUBLISH:
                    self.request.sendall(packet(PUBLISH, body))
        except OSError:
            pass


class Broker(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    greeting = b""   # what it says before the client has said anything

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        self.lock = threading.Lock()
        self.connections = self.received = 0

    def count(self, connections, received):
        with self.lock:
            self.connections += connections
            self.received += received

    def seen(self):
        with self.lock:
            return self.connections, self.received

    def start(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self


class Refused(Exception):
    """The other end closed the connection before anything came back."""


class Session:
    """A TLS connection to a front. certificate: a PEM file with certificates and key; sni None: no name is sent."""

    def __init__(self, port, sni, certificate=None, tls=None, resume=None, timeout=10):
        self.context = resume.context if resume else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        if tls:
            self.context.minimum_version = self.context.maximum_version = VERSIONS[tls]
        if certificate and not resume:
            self.context.load_cert_chain(certificate)
        raw = socket.create_connection(("127.0.0.1", port), timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.socket = self.context.wrap_socket(raw, server_hostname=sni, session=resume.session if resume else None)
        except (ConnectionError, ssl.SSLError) as why:
            raise Refused(str(why)) from why

    @property
    def session(self):
        return self.socket.session

    @property
    def resumed(self):
        return self.socket.session_reused

    def ask(self, kind, body):
        try:
            self.socket.sendall(packet(kind, body))
            return read_packet(self.socket.recv)
        except (ConnectionError, ssl.SSLError) as why:
            raise Refused(str(why)) from why

    def connect(self):
        kind, body = self.ask(CONNECT, text("MQTT") + b"\4\2\0\x3c" + text("device-1"))
        assert (kind, body) == (CONNACK, b"\0\0"), (kind, body)

    def publish(self, words):
        kind, body = self.ask(PUBLISH, text("a/b") + words.encode())
        assert (kind, body) == (PUBLISH, text("a/b") + words.encode()), (kind, body)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def talk(port, sni, certificate=None, **kwargs):
    """A connection of its own with some traffic. Raises Refused."""
    with Session(port, sni, certificate, **kwargs) as session:
        session.connect()
        session.publish("hello")
