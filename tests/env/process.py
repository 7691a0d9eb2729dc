# SPDX-License-Identifier: Apache-2.0
"""What the agent and HAProxy have in common when a test runs them: free ports, starting, waiting, ending by their process id."""
import atexit
import pathlib
import random
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Below those that Linux gives to outgoing connections, one of which could take a port before the server that is to have it;
# none begins like one of the ports that the shipped files name.
PORTS = range(20000, 32768)
claims = []


def free_port():
    """One that nothing uses, and that no other test gets while this process runs: a name of the same network namespace stands for it."""
    for port in random.sample(PORTS, 1000):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0mtlsguard-test-port-{port}")
            with socket.socket() as probe:
                probe.bind(("", port))
        except OSError:
            claim.close()
            continue
        claims.append(claim)
        return port
    raise OSError("no free port")


def wait_for(what, condition, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise TimeoutError(f"waited {seconds:g} s for {what}")


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
        return True
    except OSError:
        return False


class Process:
    """A program in the foreground whose output goes to a file."""

    def __init__(self, args, log, env=None):
        self.args, self.log, self.env = [str(a) for a in args], pathlib.Path(log), env
        self.process = None

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def launch(self, ready, what, seconds=20):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env,
                                            start_new_session=True)
        # Where the test itself ends early.
        atexit.register(self.process.kill)
        try:
            wait_for(what, lambda: not self.running() or ready(), seconds)
        except TimeoutError:
            self.stop(signal.SIGKILL)
            raise
        if not self.running():
            raise RuntimeError(f"{what}: ended with {self.process.returncode}\n{self.output()[-4000:]}")

    def output(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def send(self, number):
        if self.running():
            self.process.send_signal(number)

    def freeze(self):
        """Stops it until SIGCONT; none of its threads runs any more when this returns."""
        self.send(signal.SIGSTOP)
        tasks = list(pathlib.Path(f"/proc/{self.pid}/task").iterdir())
        wait_for("its threads to stop", lambda: all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks))

    def wait(self, seconds=10):
        return self.process.wait(seconds)

    def stop(self, number=signal.SIGTERM, seconds=10):
        """Ends it; returns the exit status."""
        if self.process is None:
            return None
        self.send(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
