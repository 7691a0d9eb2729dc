#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real `openssl ocsp` responder with a delegated certificate, seen through a real nginx where it matters what was asked."""
import signal
import sys

from rig import FOLDER, HOST, Setting, settings
import revocable  # the path to it comes from rig
from process import wait_for
from tap import Tests, equal, main

tests = Tests()


@tests
def a_responder_says_good_revoked_and_nothing():
    ca = revocable.Ca(FOLDER / "ocsp-ca")
    # It reads the database anew after the next question only, so all is in it before the first.
    responder = revocable.Responder(ca)
    good, bad = ca.issue("good", ocsp=responder.url), ca.issue("bad", ocsp=responder.url)
    ca.revoke("bad")
    with responder.start():
        with Setting("ocsp", settings(ca, ocsp=True)) as this:
            equal((this.reason(good), this.reason(bad)), ("allowed", "certificate_revoked"))
            responder.stop()
            # What it has said holds to nextUpdate.
            equal((this.reason(good), this.reason(bad)), ("allowed", "certificate_revoked"))
            late = ca.issue("late", ocsp=responder.url)
            equal(this.reason(late), "revocation_unknown")


@tests
def a_hundred_who_wait_ask_once():
    """The responder's answer is held back until all of them have come in, however slow the machine is."""
    ca = revocable.Ca(FOLDER / "once-ca")
    responder = revocable.Responder(ca)
    nginx = revocable.Nginx(FOLDER / "once-nginx", responder.port)
    cert = ca.issue("one", ocsp=nginx.url("ocsp"))
    with responder.start(), nginx.start():
        with Setting("once", dict(settings(ca, ocsp=True), deadline=30)) as this:
            responder.send(signal.SIGSTOP)
            this.spop.send(count=100, cert=cert, host=HOST)
            wait_for("a hundred that wait", lambda: this.metric("mtlsguard_pending") == 100, 10)
            responder.send(signal.SIGCONT)
            equal([this.spop.answer()["reason"] for _ in range(100)], ["allowed"] * 100)
            equal(nginx.requests("POST /ocsp"), 1)


if __name__ == "__main__":
    sys.exit(main(tests))
