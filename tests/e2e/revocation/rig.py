# SPDX-License-Identifier: Apache-2.0
"""What the tests of revocation share. What a front asks goes straight over SPOP, so that a second counts as one and a hundred authorities
need no front each; that a front then answers 403 is the business of test_revoked_in_time.py."""
import atexit
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "env"), str(ROOT / "tests" / "cmd")]
from agent import BUILD, Agent  # noqa: E402
from cmdlib import Spop  # noqa: E402
import pki  # noqa: E402
from process import wait_for  # noqa: E402

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="mtlsguard-revocation-"))
if "KEEP" not in os.environ:
    atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
HOST = "api.example.com"
LIMIT = 2.0


def settings(ca, **revocation):
    return {"threads": 2, "authorities": {"partners": {"certificates": ca.cert, "revocation": revocation}},
            "hosts": {HOST: {"authorities": ["partners"]}}}


def host(name):
    return f"{name}.example.com"


def settings_of(authorities):
    """authorities: {name: (CA, revocation)}; each has a host of its name."""
    return {"threads": 2,
            "authorities": {name: {"certificates": ca.cert, "revocation": revocation} for name, (ca, revocation) in authorities.items()},
            "hosts": {host(name): {"authorities": [name]} for name in authorities}}


def came_out(name, text):
    """Shows a table that a test has found, and keeps it for in_readme."""
    (BUILD / f"{name.replace(' ', '-')}.md").write_text(text)
    for line in text.splitlines():
        print(f"# {line}")


def in_readme(name):
    """The README shows the table of that name as it came out. With UPDATE=1 in the environment it is put there."""
    came, readme = (BUILD / f"{name.replace(' ', '-')}.md").read_text(), ROOT / "README.md"
    begin, end = f"<!-- {name}: UPDATE=1 tests/e2e/revocation/{pathlib.Path(sys.argv[0]).name} writes this table -->\n", "<!-- end of the table -->"
    before, found, rest = readme.read_text().partition(begin)
    shown, ends, after = rest.partition(end)
    if not found or not ends:
        raise AssertionError(f"README.md has no place between {begin!r} and {end!r}")
    if os.environ.get("UPDATE"):
        readme.write_text(f"{before}{begin}\n{came}\n{end}{after}")
    elif shown.strip() != came.strip():
        wrong = sorted(set(shown.splitlines()) ^ set(came.splitlines()))
        raise AssertionError("README.md shows something else than what came out: " + "\n".join(wrong) + "\nUPDATE=1 puts the table there")


class Clock:
    """The wall clock of one program, set while it runs; its monotonic one stays as it is."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.set(0)
        self.env = pki.faked(FAKETIME_TIMESTAMP_FILE=str(self.path), FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1",
                             DONT_FAKE_MONOTONIC="1", NO_FAKE_STAT="1")

    def set(self, seconds):
        draft = self.path.with_suffix(".draft")
        draft.write_text(f"{seconds:+d}\n")
        draft.rename(self.path)


class Setting:
    """An agent and a connection to it that stays open, as a front's does."""

    def __init__(self, name, configured, env=None, until="/readyz"):
        self.agent = Agent(FOLDER / name, configured)
        self.agent.env = env
        self.agent.start(until)
        self.connect()

    def connect(self):
        self.spop = Spop(("127.0.0.1", self.agent.port)).hello()

    def reason(self, cert, name=HOST, **more):
        return self.spop.ask(cert=cert, host=name, **more)["reason"]

    def both(self, name, cert):
        """The reasons of two authorities that differ in when_unknown only."""
        return tuple(self.reason(cert, host(f"{name}-{word}")) for word in ("deny", "allow"))

    def wait_reason(self, cert, reason, seconds=LIMIT, name=HOST):
        """Asks until that is the answer; returns how long it took."""
        started = time.monotonic()
        wait_for(f"the answer {reason}, {self.reason(cert, name)} is given; {self.agent.output()[-2000:]}",
                 lambda: self.reason(cert, name) == reason, seconds)
        return time.monotonic() - started

    def lists(self):
        """{(authority, source): row} of `status --lists`."""
        code, out, err = self.agent.command("status", "--lists", "--json")
        if code:
            raise AssertionError(err)
        return {(row["authority"], row["source"]): row for row in json.loads(out)["lists"]}

    def metric(self, name):
        """The value of a metric without labels."""
        lines = self.agent.get("/metrics")[1].splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(name + " "))

    def kill(self):
        self.spop.close()
        self.agent.stop(signal.SIGKILL)

    def restart(self):
        self.kill()
        self.agent.start()
        self.connect()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.spop.close()
        self.agent.stop()
