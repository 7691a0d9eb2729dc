#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults of the agent's own machine: a clock that jumps, a disk that is full, a kill in the midst of a refresh. Nothing is allowed that was
denied. What comes out is the second table in the README ("How to revoke"). UPDATE=1 puts it there."""
import pathlib
import subprocess
import sys
import time

from rig import FOLDER, Clock, Setting, came_out, host, in_readme, settings_of
import revocable  # the path to it comes from rig
from faulty import Faulty
from process import wait_for
from tap import Skip, Tests, equal, main

tests = Tests()
WORDS = ("deny", "allow")
DAY = 86400
REVOKED = ("certificate_revoked", "certificate_revoked")
GOOD = ("allowed", "allowed")
ROWS = []
SET = "the clock was set: when lists are looked for is planned again"


def words(name, ca, source):
    return {f"{name}-{word}": (ca, {**source, "when_unknown": word}) for word in WORDS}


def row(fault, good, revoked, logged):
    ROWS.append((fault, good, revoked, logged))


def old_ca(name):
    """A CA whose certificates are good since ten days, so that they are with a clock that is a day behind."""
    return revocable.Ca(FOLDER / name, clock=-10 * DAY)


@tests
def a_clock_that_jumps():
    ca = old_ca("clock-ca")
    responder = revocable.Responder(ca, minutes=60)
    good, bad, late = ca.issue("good"), ca.issue("bad"), ca.issue("late", ocsp=responder.url)
    asked_good, asked_bad = ca.issue("ocsp-good", ocsp=responder.url), ca.issue("ocsp-bad", ocsp=responder.url)
    ca.clock = None
    for name in ("bad", "ocsp-bad"):
        ca.revoke(name)
    path = FOLDER / "clock.crl"
    ca.publish(path)
    clock = Clock(FOLDER / "clock.now")
    over, to_come = ("revocation_stale", "allowed"), ("revocation_unknown", "allowed")
    authorities = {**words("file", ca, {"crl": [path]}), **words("ocsp", ca, {"ocsp": True})}
    with responder.start(), Setting("clock", settings_of(authorities), env=clock.env) as this:
        for jump, want in ((0, GOOD), (DAY, over), (0, GOOD), (-30, GOOD), (-90, to_come), (-DAY, to_come), (DAY, over), (-DAY, to_come), (0, GOOD)):
            clock.set(jump)
            time.sleep(0.02)
            equal((this.both("file", good), this.both("file", bad)), (want, REVOKED), f"list, {jump} s")
            equal((this.both("ocsp", asked_good), this.both("ocsp", asked_bad)), (want, REVOKED), f"OCSP, {jump} s")
        # The clock is looked at once a second: it has been seen to be right, then to be wrong.
        time.sleep(2.5)
        told = this.agent.output().count(SET)
        # Nobody is asked in vain for a day because the clock was ahead for a moment.
        clock.set(DAY)
        equal(this.both("ocsp", late), to_come)
        wait_for("the jump to be told", lambda: this.agent.output().count(SET) > told, 10)
        clock.set(0)
        this.wait_reason(late, "allowed", 15, host("ocsp-deny"))
    row("clock a day ahead", over, REVOKED, SET)
    row("clock a day behind", to_come, REVOKED, SET)


@tests
def a_clock_that_is_set_makes_lists_be_looked_for():
    """As after a night in which the machine slept: the list that is in use has ended, the next one was not due for an hour."""
    ca = revocable.Ca(FOLDER / "slept-ca")
    good, _ = ca.issue("good"), ca.issue("other")
    clock = Clock(FOLDER / "slept.now")
    with revocable.Nginx(FOLDER / "slept-nginx").start() as nginx:
        ca.publish(nginx.root / "s.crl", seconds=3600)
        with Setting("slept", settings_of(words("url", ca, {"crl": [nginx.url("s.crl")]})), env=clock.env) as this:
            equal(this.both("url", good), GOOD)
            ca.revoke("other")  # so that the next list is another one to nginx, too, which goes by size and second
            ca.publish(nginx.root / "s.crl", seconds=3 * 3600, age=-2 * 3600)
            clock.set(2 * 3600 + 60)
            this.wait_reason(good, "revocation_stale", name=host("url-deny"))
            this.wait_reason(good, "allowed", 5, host("url-deny"))


@tests
def a_start_with_a_clock_that_is_behind():
    ca = old_ca("behind-ca")
    good, bad = ca.issue("good"), ca.issue("bad")
    ca.clock = None
    ca.revoke("bad")
    clock = Clock(FOLDER / "behind.now")
    clock.set(-DAY)
    to_come = ("revocation_unknown", "allowed")
    with revocable.Nginx(FOLDER / "behind-nginx").start() as nginx:
        ca.publish(nginx.root / "b.crl")
        authorities = words("url", ca, {"crl": [nginx.url("b.crl")]})
        with Setting("behind", settings_of(authorities), env=clock.env) as this:
            for _ in range(2):
                equal((this.both("url", good), this.both("url", bad)), (to_come, REVOKED))
                this.restart()
            clock.set(0)
            this.wait_reason(good, "allowed", name=host("url-deny"))
            equal(this.both("url", bad), REVOKED)
            logged = "thisUpdate of the list lies in the future; see the clocks"
            assert logged in this.agent.output(), this.agent.output()
    row("started with a clock a day behind", to_come, REVOKED, logged)


class SmallDisk:
    """A file system of a megabyte, which can be full."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.mkdir()

    def __enter__(self):
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", self.path], capture_output=True, text=True, check=False)
        if made.returncode:
            raise Skip(f"no file system of its own: {made.stderr.strip()}")
        return self

    def fill(self):
        with (self.path / "fill").open("wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                return

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=True)


@tests
def a_disk_that_is_full():
    ca = revocable.Ca(FOLDER / "disk-ca")
    good, before, after = (ca.issue(name) for name in ("good", "before", "after"))
    nginx = revocable.Nginx(FOLDER / "disk-nginx")
    ca.revoke("before")
    ca.publish(nginx.root / "d.crl", seconds=600, age=6000)
    configured = settings_of(words("url", ca, {"crl": [nginx.url("d.crl")]}))
    with SmallDisk(FOLDER / "small") as disk, nginx.start():
        configured["state"] = disk.path / "state"
        with Setting("disk", configured) as this:
            equal((this.both("url", good), this.both("url", before), this.both("url", after)), (GOOD, REVOKED, GOOD))
            disk.fill()
            ca.revoke("after")
            ca.publish(nginx.root / "d.crl", seconds=600, age=6000)
            this.wait_reason(after, "certificate_revoked", 10, host("url-allow"))
            equal((this.both("url", good), this.both("url", before), this.both("url", after)), (GOOD, REVOKED, REVOKED))
            wait_for("the failure to be told", lambda: "cannot be kept for the next start" in this.agent.output(), 5)
            assert "No space left on device" in this.agent.output()
            assert this.metric("mtlsguard_revocation_keep_failures_total") >= 1
            # The list that was kept is not the last one: what it revokes stays so, and nobody is good by it.
            nginx.stop()
            this.restart()
            late = ("revocation_stale", "allowed")
            equal((this.both("url", good), this.both("url", before)), (late, REVOKED), "started without the server")
            equal(this.reason(after, host("url-deny")), "revocation_stale")
            nginx.start()
            this.wait_reason(good, "allowed", 10, host("url-deny"))
            equal(this.both("url", after), REVOKED)
            (disk.path / "fill").unlink()
            this.restart()
            wait_for("the last list", lambda: not any(row["stale"] for row in this.lists().values()), 10)
            nginx.stop()
            this.restart()
            equal((this.both("url", good), this.both("url", before), this.both("url", after)), (GOOD, REVOKED, REVOKED), "with room again")
    row("disk full", GOOD, REVOKED, "the list of … cannot be kept for the next start: No space left on device")
    row("disk full, then killed, then the list's server down: by the list before", late, REVOKED, "Couldn't connect to server")


@tests
def a_kill_in_the_midst_of_a_refresh():
    ca = revocable.Ca(FOLDER / "slow-ca")
    good, bad = ca.issue("good"), ca.issue("bad")
    ca.revoke("bad")
    path = FOLDER / "slow.crl"
    ca.publish(path, seconds=600, age=6000)
    server = Faulty("slow", lambda body: path.read_bytes())
    try:
        with Setting("slow", settings_of(words("url", ca, {"crl": [server.url("had/list")]}))) as this:
            equal((this.both("url", good), this.both("url", bad)), (GOOD, REVOKED))
            server.fail()
            wait_for("a refresh", lambda: server.hits >= 1, 10)
            this.kill()
            this.agent.start("/healthz")
            this.connect()
            for _ in range(20):
                equal((this.both("url", good), this.both("url", bad)), (GOOD, REVOKED))
                time.sleep(0.02)
    finally:
        server.stop()
    row("`kill -9` in the midst of a refresh", GOOD, REVOKED, "–")


@tests
def a_kill_and_a_responder_that_is_down():
    ca = revocable.Ca(FOLDER / "killed-ca")
    responder = revocable.Responder(ca)
    good, bad = ca.issue("good", ocsp=responder.url), ca.issue("bad", ocsp=responder.url)
    ca.revoke("bad")
    unknown = ("revocation_unknown", "allowed")
    with responder.start(), Setting("killed", settings_of(words("ocsp", ca, {"ocsp": True}))) as this:
        for cert, want in ((good, "allowed"), (bad, "certificate_revoked")):
            for word in WORDS:
                this.wait_reason(cert, want, 10, host(f"ocsp-{word}"))
        responder.stop()
        this.restart()
        equal((this.both("ocsp", bad), this.both("ocsp", good), this.both("ocsp", bad)), (REVOKED, unknown, REVOKED))
        # Its answer is known to be old, so it is asked for as soon as there is somebody to ask.
        responder.start()
        this.wait_reason(good, "allowed", 10, host("ocsp-deny"))
    row("`kill -9`, then the OCSP responder down", unknown, REVOKED, "Couldn't connect to server")


@tests
def the_readme_has_what_came_out():
    def cell(pair):
        return " / ".join(reason if reason == "allowed" else f"`{reason}`" for reason in dict.fromkeys(pair))

    lines = ["| what happens | a good certificate | a revoked one | what is logged |", "|---|---|---|---|"]
    lines += [f"| {fault} | {cell(good)} | {cell(revoked)} | {logged} |" for fault, good, revoked, logged in ROWS]
    came_out("faults of the machine", "\n".join(lines) + "\n")
    in_readme("faults of the machine")


if __name__ == "__main__":
    sys.exit(main(tests))
