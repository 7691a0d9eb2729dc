#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Revocation with real lists of `openssl ca`, a real `openssl ocsp` responder and a real nginx. What a front asks goes straight
over SPOP, so that a second counts as one; that HAProxy then answers 403 is the business of the other tests here."""
import pathlib
import shutil
import signal
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "env"), str(ROOT / "tests" / "cmd")]
import revocable  # noqa: E402
from agent import Agent  # noqa: E402
from cmdlib import Spop  # noqa: E402
from process import free_port, wait_for  # noqa: E402
from tap import Tests, equal, main  # noqa: E402

tests = Tests()
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="mtlsguard-revocation-"))
HOST = "api.example.com"
LIMIT = 2.0


def settings(ca, **revocation):
    return {"threads": 2, "authorities": {"partners": {"certificates": ca.cert, "revocation": revocation}},
            "hosts": {HOST: {"authorities": ["partners"]}}}


class Setting:
    """A CA, an agent and a connection to it that stays open, as a front's does."""

    def __init__(self, name, **revocation):
        self.folder = FOLDER / name
        self.ca = revocation.pop("ca", None) or revocable.Ca(self.folder / "ca")
        self.agent = Agent(self.folder / "agent", settings(self.ca, **revocation)).start()
        self.spop = Spop(("127.0.0.1", self.agent.port)).hello()

    def reason(self, cert, **more):
        return self.spop.ask(cert=cert, host=HOST, **more)["reason"]

    def wait_reason(self, cert, reason, seconds=LIMIT):
        """Asks until that is the answer; returns how long it took."""
        started = time.monotonic()
        wait_for(f"the answer {reason}, {self.reason(cert)} is given; {self.agent.output()[-2000:]}",
                 lambda: self.reason(cert) == reason, seconds)
        return time.monotonic() - started

    def restart(self, number=signal.SIGKILL):
        self.spop.close()
        self.agent.stop(number)
        self.agent.start()
        self.spop = Spop(("127.0.0.1", self.agent.port)).hello()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.spop.close()
        self.agent.stop()


@tests
def a_list_renamed_into_place_revokes_at_once():
    ca = revocable.Ca(FOLDER / "file-ca")
    path = FOLDER / "file.crl"
    ca.publish(path)
    with Setting("file", ca=ca, crl=[path]) as this:
        slowest = 0
        for trial in range(25):
            cert = ca.issue(f"client{trial}")
            equal(this.reason(cert), "allowed")
            ca.revoke(f"client{trial}")
            ca.publish(path, der=trial % 2 == 1)
            slowest = max(slowest, this.wait_reason(cert, "certificate_revoked"))
            equal(this.reason(cert, resumed=True), "certificate_revoked")
        print(f"# slowest of 25: {slowest * 1000:.0f} ms")


@tests
def a_half_written_list_keeps_the_old_one():
    ca = revocable.Ca(FOLDER / "half-ca")
    path = FOLDER / "half.crl"
    good, bad = ca.issue("good"), ca.issue("bad")
    ca.revoke("bad")
    ca.publish(path)
    with Setting("half", ca=ca, crl=[path]) as this:
        equal(this.reason(bad), "certificate_revoked")
        whole = path.read_bytes()
        path.write_bytes(whole[:len(whole) // 2])
        time.sleep(0.5)
        equal((this.reason(bad), this.reason(good)), ("certificate_revoked", "allowed"))
        path.write_bytes(whole)
        path.unlink()
        time.sleep(0.5)
        equal((this.reason(bad), this.reason(good)), ("certificate_revoked", "allowed"))


@tests
def a_deny_list_is_in_force_when_the_reload_returns():
    ca = revocable.Ca(FOLDER / "deny-ca")
    path = FOLDER / "deny.txt"
    path.write_text("# nobody yet\n")
    with Setting("deny", ca=ca, deny=[f"file:{path}"]) as this:
        for trial in range(10):
            cert = ca.issue(f"client{trial}")
            equal(this.reason(cert), "allowed")
            path.write_text(path.read_text() + ca.serial(f"client{trial}") + "\n")
            equal(this.agent.command("reload")[0], 0)
            equal(this.reason(cert), "certificate_revoked")
        # The file is watched, too.
        cert = ca.issue("last")
        path.write_text(path.read_text() + ca.serial("last") + "\n")
        this.wait_reason(cert, "certificate_revoked")


@tests
def a_list_of_nginx_is_refreshed():
    ca = revocable.Ca(FOLDER / "url-ca")
    with revocable.Nginx(FOLDER / "url-nginx").start() as nginx:
        ca.publish(nginx.root / "a.crl", seconds=2)
        with Setting("url", ca=ca, crl=[nginx.url("a.crl")], grace=60) as this:
            for trial in range(4):
                cert = ca.issue(f"client{trial}")
                this.wait_reason(cert, "allowed", 5)
                ca.revoke(f"client{trial}")
                ca.publish(nginx.root / "a.crl", seconds=2)
                this.wait_reason(cert, "certificate_revoked", 5)
            assert nginx.requests("/a.crl") >= 4


@tests
def a_distribution_point_is_followed():
    ca = revocable.Ca(FOLDER / "point-ca")
    with revocable.Nginx(FOLDER / "point-nginx").start() as nginx:
        good, bad = ca.issue("good", crl=nginx.url("p.crl")), ca.issue("bad", crl=nginx.url("p.crl"))
        ca.revoke("bad")
        ca.publish(nginx.root / "p.crl", der=True)
        with Setting("point", ca=ca, distribution_points=True) as this:
            equal((this.reason(good), this.reason(bad)), ("allowed", "certificate_revoked"))
            equal(nginx.requests("/p.crl"), 1)


@tests
def a_start_after_a_kill_knows_what_was_revoked():
    ca = revocable.Ca(FOLDER / "kill-ca")
    good, bad = ca.issue("good"), ca.issue("bad")
    ca.revoke("bad")
    with revocable.Nginx(FOLDER / "kill-nginx").start() as nginx:
        ca.publish(nginx.root / "k.crl")
        with Setting("kill", ca=ca, crl=[nginx.url("k.crl")]) as this:
            this.wait_reason(good, "allowed", 5)
            equal(this.reason(bad), "certificate_revoked")
            nginx.stop()
            this.restart()
            this.wait_reason(good, "allowed", 5)
            equal(this.reason(bad), "certificate_revoked")


@tests
def a_kill_during_a_refresh_loses_nothing():
    ca = revocable.Ca(FOLDER / "kills-ca")
    path = FOLDER / "kills.crl"
    bad = ca.issue("bad")
    ca.revoke("bad")
    ca.publish(path)
    with Setting("kills", ca=ca, crl=[path]) as this:
        equal(this.reason(bad), "certificate_revoked")
        for trial in range(6):
            ca.publish(path)
            time.sleep(0.005 * trial)
            this.restart()
            equal(this.reason(bad), "certificate_revoked")


@tests
def a_responder_says_good_revoked_and_nothing():
    ca = revocable.Ca(FOLDER / "ocsp-ca")
    # It reads the database anew after the next question only, so all is in it before the first.
    responder = revocable.Responder(ca, seconds=60)
    good, bad = ca.issue("good", ocsp=responder.url), ca.issue("bad", ocsp=responder.url)
    ca.revoke("bad")
    with responder.start():
        with Setting("ocsp", ca=ca, ocsp=True) as this:
            equal((this.reason(good), this.reason(bad)), ("allowed", "certificate_revoked"))
            responder.stop()
            # What it has said holds to nextUpdate.
            equal((this.reason(good), this.reason(bad)), ("allowed", "certificate_revoked"))
            late = ca.issue("late", ocsp=responder.url)
            equal(this.reason(late), "revocation_unknown")


@tests
def a_hundred_who_wait_ask_once():
    ca = revocable.Ca(FOLDER / "once-ca")
    responder = revocable.Responder(ca, seconds=60)
    nginx = revocable.Nginx(FOLDER / "once-nginx", responder.port)
    cert = ca.issue("one", ocsp=nginx.url("ocsp"))
    with responder.start(), nginx.start():
        with Setting("once", ca=ca, ocsp=True) as this:
            this.spop.send(count=100, cert=cert, host=HOST)
            for _ in range(100):
                assert this.spop.receive() is not None
            equal(this.reason(cert), "allowed")
            equal(nginx.requests("POST /ocsp"), 1)


MATRIX = [
    # source, what it does, reason when when_unknown = "deny"
    ("list", "dead", "revocation_unknown"),
    ("list", "missing", "revocation_unknown"),
    ("list", "mute", "revocation_unknown"),
    ("list", "slow", "revocation_unknown"),
    ("list", "lie", "revocation_unknown"),
    ("list", "reset", "revocation_unknown"),
    ("list", "loop", "revocation_unknown"),
    ("list", "bomb", "revocation_unknown"),
    ("list", "large", "revocation_unknown"),
    ("list", "endless", "revocation_unknown"),
    ("list", "forged", "revocation_unknown"),
    ("ocsp", "dead", "revocation_unknown"),
    ("ocsp", "mute", "revocation_unknown"),
    ("ocsp", "lie", "revocation_unknown"),
    ("ocsp", "reset", "revocation_unknown"),
]


def matrix_settings(ca, bad, forged):
    """One agent with an authority and a host for each row and each when_unknown."""
    authorities, hosts, certs = {}, {}, {}
    dead = f"http://127.0.0.1:{free_port()}/"
    for number, (kind, what, _) in enumerate(MATRIX):
        url = {"dead": dead, "forged": forged}.get(what) or bad.url(what)
        if kind == "ocsp":
            certs[number] = ca.issue(f"m{number}", ocsp=url)
        for word in ("deny", "allow"):
            name = f"row{number}-{word}"
            source = {"ocsp": True} if kind == "ocsp" else {"crl": [url]}
            authorities[name] = {"certificates": ca.cert, "revocation": {**source, "when_unknown": word}}
            hosts[f"{name}.example.com"] = {"authorities": [name]}
    return {"threads": 2, "authorities": authorities, "hosts": hosts}, certs


@tests
def the_fault_matrix():
    ca, stranger = revocable.Ca(FOLDER / "matrix-ca"), revocable.Ca(FOLDER / "matrix-other", "Revoking CA")
    bad = revocable.BadServer()
    try:
        with revocable.Nginx(FOLDER / "matrix-nginx").start() as nginx:
            stranger.publish(nginx.root / "forged.crl")
            configured, certs = matrix_settings(ca, bad, nginx.url("forged.crl"))
            plain = ca.issue("plain")
            with Agent(FOLDER / "matrix", configured).start() as agent:
                time.sleep(1)
                spop = Spop(("127.0.0.1", agent.port)).hello()
                print("# | source | fault | deny | allow |")
                for number, (kind, what, reason) in enumerate(MATRIX):
                    cert = certs.get(number, plain)
                    got = [spop.ask(cert=cert, host=f"row{number}-{word}.example.com")["reason"]
                           for word in ("deny", "allow")]
                    print(f"# | {kind} | {what} | {got[0]} | {got[1]} |")
                    equal((kind, what, *got), (kind, what, reason, "allowed"))
                spop.close()
    finally:
        bad.stop()


if __name__ == "__main__":
    try:
        code = main(tests)
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    sys.exit(code)
