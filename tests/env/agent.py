# SPDX-License-Identifier: Apache-2.0
"""Runs the agent of this tree for a test."""
import http.client
import json
import os
import pathlib
import signal
import subprocess

from process import ROOT, Process, accepts, free_port

BUILD = pathlib.Path(ROOT, os.environ.get("BUILD", "build"))
PROGRAM = BUILD / "mtlsguard"


def lua(value, depth=1):
    """A Python value as a Lua literal; Raw stays as it is."""
    pad = "  " * depth
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (str, pathlib.Path)):
        return json.dumps(str(value))
    if isinstance(value, dict):
        rows = [f"{pad}[{k if isinstance(k, int) else json.dumps(str(k))}] = {lua(v, depth + 1)},\n" for k, v in value.items()]
        return "{\n" + "".join(rows) + "  " * (depth - 1) + "}"
    return "{ " + ", ".join(lua(v, depth + 1) for v in value) + " }"


class Raw:
    def __init__(self, text):
        self.text = text


class Agent(Process):
    """settings is the configuration as a dict; listeners are filled in where it has none."""

    def __init__(self, folder, settings):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.admin = free_port(), free_port()
        self.settings = dict(settings)
        listen = {"spop": [f"127.0.0.1:{self.port}"], "admin": [f"127.0.0.1:{self.admin}"],
                  "control": [f"unix:{self.folder}/control.sock"]}
        listen.update(self.settings.get("listen", {}))
        self.settings["listen"] = listen
        self.settings.setdefault("state", self.folder / "state")
        self.config = self.folder / "mtlsguard.lua"
        self.write()
        super().__init__([PROGRAM, "run", "-c", self.config], self.folder / "agent.log")

    def write(self):
        self.config.write_text("return " + lua(self.settings) + "\n")

    def is_ready(self, path="/readyz"):
        try:
            return self.get(path)[0] == 200
        except OSError:
            return False

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def start(self, path="/readyz"):
        """path "/healthz": until it runs, whether or not its lists were tried."""
        self.launch(lambda: self.is_ready(path), "the agent")
        return self

    def command(self, *args, seconds=20):
        """A subcommand with -c; returns (exit status, stdout, stderr)."""
        result = subprocess.run([PROGRAM, args[0], "-c", self.config, *map(str, args[1:])], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, timeout=seconds, check=False)
        return result.returncode, result.stdout, result.stderr

    def accepts(self):
        return accepts(self.port)

    def stop(self, number=signal.SIGTERM, seconds=10):
        """Drains it; one that does not end well is a failure of the test that ran it."""
        was_running = self.running()
        status = super().stop(number, seconds)
        if "Sanitizer" in self.output() or (was_running and number == signal.SIGTERM and status != 0):
            raise AssertionError(f"the agent ended with {status}\n{self.output()[-4000:]}")
        return status
