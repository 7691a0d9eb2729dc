# SPDX-License-Identifier: Apache-2.0
"""What measurements stand on: a folder with certificates and configurations, agents pinned to a core, load on another."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "env"))
from process import free_port  # noqa: E402,F401

CORES = sorted(os.sched_getaffinity(0))
AGENT_CORE, LOAD_CORE = CORES[0], CORES[-1]
HOST = "bench.example.com"

# Reads three fields, sets two headers: the worker that the aims of the design speak of.
WORKER = """
local M = {}
function M.fetch(request)
  local tls = request.cf.tlsClientAuth
  if tls.certVerified ~= "SUCCESS" then
    return Response.new("client certificate required\\n", { status = 403 })
  end
  local to_origin = Request.new(request)
  to_origin.headers:set("x-client-name", tls.certSubjectDN)
  to_origin.headers:set("x-client-print", tls.certFingerprintSHA256)
  return fetch(to_origin)
end
return M
"""

SPIN = """
local M = {}
function M.fetch(request)
  while true do end
end
return M
"""


class Unfit(Exception):
    """The measurement can't be made; the text says why."""


def pinned(core, args):
    """On that core; and, where that is permitted, in front of what else this machine does."""
    first = ["nice", "-n", "-15"] if os.geteuid() == 0 else []
    return first + (["taskset", "-c", str(core)] if core is not None else []) + list(map(str, args))


class Process:
    """A program that runs until stop(); its output goes to a file that a failure shows."""

    def __init__(self, args, log, core=None):
        self.log = pathlib.Path(log)
        with open(log, "wb") as out:
            self.popen = subprocess.Popen(pinned(core, args), stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.pid = self.popen.pid

    def wait_for(self, path, seconds=10.0):
        """Until something accepts on a unix socket or port. Returns the seconds that it took."""
        begin = time.monotonic()
        while time.monotonic() - begin < seconds:
            if self.popen.poll() is not None:
                break
            kind, address = (socket.AF_UNIX, str(path)) if isinstance(path, (str, pathlib.Path)) else (socket.AF_INET, path)
            with socket.socket(kind) as probe:
                if probe.connect_ex(address) == 0:
                    return time.monotonic() - begin
            time.sleep(0.005)
        self.stop()
        raise Unfit(f"{self.popen.args} did not start:\n{self.log.read_text(errors='replace')[-2000:]}")

    def rss_mb(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def stop(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(6)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Stand:
    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mtlsguard-bench-"))
        self.count = 0

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def tool(self, name):
        path = self.build / "tests" / "bench" / name
        if not path.exists():
            raise Unfit(f"{path} is missing: make bench-tools")
        return path

    def log(self, name):
        self.count += 1
        return self.folder / f"{name}-{self.count}.log"

    def material(self, authorities, leaves):
        """A folder of certificates (tests/bench/material.c), made once."""
        folder = self.folder / f"pki-{authorities}-{leaves}"
        if not folder.exists():
            subprocess.run([self.tool("material"), folder, str(authorities), str(leaves)], check=True, timeout=300)
        return folder

    def mix(self, pki, leaves, hosts, name="mix", expect="allow", first=0):
        """Leaf N asks for host N modulo their number."""
        path = pki / name
        lines = [f"{expect} {hosts[n % len(hosts)]} GET /bench/{n} leaf-{n}.der" for n in range(first, first + leaves)]
        path.write_text("\n".join(lines) + "\n")
        return path

    def config(self, pki, authorities, hosts, threads=1, spin=False, extra="", listen="", admin="", revocation=""):
        """Writes a configuration; hosts maps names to lists of authority numbers, revocation is the first authority's.
        Returns (file, unix socket, TCP port)."""
        self.count += 1
        folder = self.folder / f"agent-{self.count}"
        folder.mkdir()
        (folder / "worker.lua").write_text(WORKER)
        (folder / "spin.lua").write_text(SPIN)
        port = free_port()
        lines = ["return {", f"  threads = {threads}, state = 'state',",
                 f"  listen = {{ spop = {{ 'unix:{folder}/spop.sock', '127.0.0.1:{port}' }}, admin = {{{admin}}},",
                 f"    control = {{ 'unix:{folder}/control.sock' }}, {listen} }},", "  authorities = {"]
        lines += [f"    a{n} = {{ certificates = '{pki}/ca-{n}.pem'" +
                  (f", revocation = {{ {revocation} }} }}," if revocation and n == 0 else " },") for n in range(authorities)]
        lines += ["  },", "  hosts = {"]
        for name, numbers in hosts.items():
            trusted = ", ".join(f"'a{number}'" for number in numbers)
            lines.append(f"    ['{name}'] = {{ authorities = {{ {trusted} }} }},")
        lines += ["  },", "  workers = {", "    { name = 'bench', script = 'worker.lua', routes = { '*/bench/*' } },"]
        if spin:
            lines.append("    { name = 'spin', script = 'spin.lua', routes = { '*/spin/*' } },")
        lines += ["  },", "  headers = { managed_transform = true, owned = { 'x-client-' } },", extra, "}"]
        path = folder / "mtlsguard.lua"
        path.write_text("\n".join(lines) + "\n")
        return path, folder / "spop.sock", port

    def agent(self, config, core=AGENT_CORE):
        return Process([self.build / "mtlsguard", "run", "-c", config], self.log("agent"), core)

    def idle(self, address, ack=None, core=AGENT_CORE):
        args = [self.tool("idle_agent"), "--listen", address]
        return Process(args + (["--ack", ack] if ack else []), self.log("idle"), core)

    def idle_authz(self, address, answer, core=AGENT_CORE):
        return Process([self.tool("idle_authz"), "--listen", address, "--answer", answer], self.log("idle"), core)

    def load(self, address, mix, core=LOAD_CORE, tool="load", **options):
        """One run of a load generator. Wrong or missing verdicts are in the result."""
        args = [self.tool(tool), "--connect", address, "--mix", mix]
        for key, value in options.items():
            args += [f"--{key.replace('_', '-')}", str(value)]
        result = subprocess.run(pinned(core, args), capture_output=True, text=True, timeout=120, check=False)
        if not result.stdout.startswith("{"):
            raise Unfit(f"{tool}: {result.stderr.strip()[-500:]}")
        answer = json.loads(result.stdout)
        if result.stderr:
            answer["stderr"] = result.stderr.strip()
        return answer
