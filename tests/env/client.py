# SPDX-License-Identifier: Apache-2.0
"""An HTTPS client that presents a certificate or none, resumes TLS sessions, and keeps connections open."""
import copy
import http.client
import json
import socket
import ssl
import subprocess

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def reason(self):
        """The reason code of a refusal, or None."""
        try:
            return self.json.get("reason")
        except (ValueError, AttributeError):
            return None

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name), None)

    def origin(self, name):
        """Values of a header as the origin got it."""
        return [value for key, value in self.json["headers"] if key.lower() == name]

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Client:
    """certificate is a PEM file with certificates and key. Connections of one Client can resume each other's sessions."""

    def __init__(self, port, host="api.example.com", certificate=None, tls=None, timeout=10, sni=None):
        self.port, self.host, self.timeout, self.sni = port, host, timeout, sni or host
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        if tls:
            self.context.minimum_version = self.context.maximum_version = VERSIONS[tls]
        if certificate:
            self.context.load_cert_chain(certificate)
        self.connection, self.session = None, None

    def connect(self, resume=False):
        self.close()
        raw = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wrapped = self.context.wrap_socket(raw, server_hostname=self.sni, session=self.session if resume else None)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        self.connection.sock = wrapped
        self.connection.auto_open = False
        return self

    def sibling(self):
        """One more client with the same certificate, which may resume this one's session; this one's connection stays as it is."""
        other = copy.copy(self)
        other.connection = None
        return other

    @property
    def resumed(self):
        return self.connection.sock.session_reused

    def request(self, path="/", method="GET", headers=(), body=None, host=None):
        """One request on the open connection, or on a new one. headers: pairs."""
        if self.connection is None or self.connection.sock is None:
            self.connect()
        self.connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        self.connection.putheader("Host", host or self.host)
        for name, value in headers:
            self.connection.putheader(name, value)
        if body is not None:
            self.connection.putheader("Content-Length", str(len(body)))
        self.connection.endheaders(body)
        response = self.connection.getresponse()
        answer = Answer(response.status, response.getheaders(), response.read())
        if self.connection.sock:
            # A TLS 1.3 ticket has come with the answer by now.
            self.session = self.connection.sock.session
        return answer

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ask(port, certificate=None, path="/", host="api.example.com", **kwargs):
    """One request on a connection of its own."""
    options = {key: kwargs.pop(key) for key in ("tls", "timeout", "sni") if key in kwargs}
    with Client(port, host, certificate, **options) as client:
        return client.request(path, **kwargs)


def curl(port, *args, host="api.example.com", path="/", certificate=None, key=None):
    """curl with HTTP/2; returns its standard output."""
    command = ["curl", "-sS", "-k", "--http2", "--max-time", "15", "--resolve", f"{host}:{port}:127.0.0.1"]
    if certificate:
        command += ["--cert", str(certificate), "--key", str(key)]
    command += [*map(str, args), f"https://{host}:{port}{path}"]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=True).stdout
