# SPDX-License-Identifier: Apache-2.0
"""What the command-line tests share: TAP, configurations, the program, a running agent, a small SPOP client."""
import atexit
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "env"))
import pki  # noqa: E402
from spop import ACK, AGENT_DISCONNECT, AGENT_HELLO, HELLO, NOTIFY, Reader, frame, text, typed  # noqa: E402
from tap import Tests, equal  # noqa: E402,F401

BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
PROGRAM = (BUILD if BUILD.is_absolute() else ROOT / BUILD) / "mtlsguard"
SECONDS = 20
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="mtlsguard-cmd-"))
RUNNING = []


def clean_up():
    for agent in list(RUNNING):
        agent.kill()
    shutil.rmtree(FOLDER, ignore_errors=True)


atexit.register(clean_up)


def main(names):
    """Runs every function of the module that is called test_…; an argument picks those whose names hold it."""
    tests = Tests()
    for name, value in names.items():
        if name.startswith("test_"):
            tests(value)
    sys.exit(tests.run(sys.argv[1] if len(sys.argv) > 1 else None))


def contains(text, *words):
    for word in words:
        assert word in text, f"{word!r} is not in:\n{text}"


def mtlsguard(*args, env=None):
    """Runs a command; returns (exit code, stdout, stderr)."""
    result = subprocess.run([str(PROGRAM), *map(str, args)], capture_output=True, text=True, timeout=SECONDS,
                            env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, check=False)
    return result.returncode, result.stdout, result.stderr


CERTIFICATES = None


def certificates():
    """The PKI of tests/env/pki.py, made once."""
    global CERTIFICATES
    if CERTIFICATES is None:
        CERTIFICATES = pki.make(FOLDER / "pki")
    return CERTIFICATES


def subject(name):
    """The certificate's subject as RFC 2253, by OpenSSL."""
    line = pki.openssl("x509", "-in", certificates().path(name), "-noout", "-subject", "-nameopt", "RFC2253").decode()
    return line.strip().partition("=")[2]


def folder(name):
    path = FOLDER / name
    path.mkdir(exist_ok=True)
    return path


def write(path, text):
    path.write_text(text)
    return path


HOSTS = '["api.example.com"] = { authorities = { "partners" } }, ["www.example.com"] = { authorities = { "partners" }, require = "none" }'


def config(name, hosts=HOSTS, listen=None, more="", deny=""):
    """Writes a configuration with an authority "partners"; `more` is further directives. Returns its path."""
    here = folder(name)
    if listen is None:
        listen = 'spop = { "127.0.0.1:0" }, admin = { "127.0.0.1:0" }, control = { "unix:control.sock" }'
    return write(here / "mtlsguard.lua", f"""return {{
  listen = {{ {listen} }},
  state = "state",
  threads = 2,
  authorities = {{
    partners = {{ certificates = "{certificates().path("partners")}"{deny} }},
  }},
  hosts = {{ {hosts} }},
  {more}
}}
""")


class Agent:
    """`mtlsguard run`, its log, its ports."""

    def __init__(self, path, ready=True, preexec=None, prefix=()):
        self.path = path
        self.log_path = path.parent / "log"
        self.out_path = path.parent / "out"
        with open(self.log_path, "wb") as log, open(self.out_path, "wb") as out:
            self.process = subprocess.Popen([*prefix, str(PROGRAM), "run", "-c", str(path)], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=log, cwd=path.parent, preexec_fn=preexec)
        RUNNING.append(self)
        self.connections = []
        if ready:
            self.wait_log("decides on")

    def log(self):
        return self.log_path.read_text(errors="replace")

    def out(self):
        return self.out_path.read_text(errors="replace")

    def wait(self, what, seconds=SECONDS):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = what()
            if value:
                return value
            if self.process.poll() is not None and not what():
                break
            time.sleep(0.02)
        raise AssertionError(f"waited in vain; the log:\n{self.log()}")

    def wait_log(self, word, times=1):
        self.wait(lambda: self.log().count(word) >= times)

    def port(self, kind, index=0):
        return int(re.findall(rf"listening on \S+:(\d+) for {kind}", self.log())[index])

    def spop(self, address=None):
        """A connection that has said hello, and is closed when the agent is stopped."""
        connection = Spop(address or ("127.0.0.1", self.port("spop"))).hello()
        self.connections.append(connection)
        return connection

    def command(self, name, *args):
        return mtlsguard(name, "-c", self.path, *args)

    def status(self):
        code, out, err = self.command("status", "--json")
        equal((code, err), (0, ""))
        return json.loads(out)

    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port("admin"), timeout=SECONDS)
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response.status, body, response.headers

    def signal(self, number):
        self.process.send_signal(number)

    def ended(self, seconds=SECONDS):
        code = self.process.wait(seconds)
        if self in RUNNING:
            RUNNING.remove(self)
        return code

    def stop(self):
        """Ends it in order: it waits two seconds for peers that stay."""
        for connection in self.connections:
            connection.close()
        self.signal(signal.SIGTERM)
        equal(self.ended(), 0)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.ended()


class Spop:
    """One SPOP connection, as HAProxy makes it, that asks one question after the other."""

    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(SECONDS)
        # An abstract name fills the whole address, as with HAProxy's abns@.
        self.socket.connect(address.ljust(108, "\0") if family == socket.AF_UNIX and address[0] == "\0" else address)
        self.stream = 0

    def hello(self):
        self.socket.sendall(frame(HELLO, 0, 0, text("supported-versions") + typed("2.0") + text("max-frame-size") + typed(16380) +
                                  text("capabilities") + typed("pipelining")))
        equal(self.receive()[0], AGENT_HELLO)
        return self

    def receive(self):
        """(type, Reader over the payload), or None at the end."""
        head = self.read(4)
        if not head:
            return None
        reader = Reader(self.read(int.from_bytes(head, "big")))
        kind = reader.take(5)[0]
        reader.varint()
        reader.varint()
        return kind, reader

    def read(self, size):
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                return b""
            data += piece
        return data

    def send(self, count=1, **args):
        """Sends that many check-client-cert without waiting for an answer."""
        args = {"cert": None, "host": "api.example.com", "method": "GET", "scheme": "https", "path": "/", "query": "", **args}
        payload = text("check-client-cert") + bytes([len(args)])
        payload += b"".join(text(name) + typed(value) for name, value in args.items())
        frames = [frame(NOTIFY, self.stream + number, 1, payload) for number in range(1, count + 1)]
        self.stream += count
        self.socket.sendall(b"".join(frames))

    def ask(self, **args):
        """Sends check-client-cert and returns the variables set."""
        self.send(**args)
        return self.answer()

    def answer(self):
        """The variables that the next answer sets."""
        kind, reader = self.receive()
        if kind == AGENT_DISCONNECT:  # a draining agent has announced that it goes, and goes on deciding
            kind, reader = self.receive()
        equal(kind, ACK)
        values = {}
        while reader.at < len(reader.data):
            reader.take(3)  # action, count of arguments, scope
            name = reader.text().decode()
            values[name] = reader.typed()
        return values

    def closed(self):
        """True when the agent closes, whatever it says before."""
        while True:
            try:
                if self.receive() is None:
                    return True
            except ConnectionError:
                return True

    def close(self):
        self.socket.close()
