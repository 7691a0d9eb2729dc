#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real `openssl ocsp` responder with a delegated certificate, seen through a real nginx where it matters what was asked."""
import signal
import sys
import time

from rig import FOLDER, HOST, Clock, Setting, settings
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


@tests
def who_takes_no_post_is_asked_by_get():
    ca = revocable.Ca(FOLDER / "get-ca")
    responder = revocable.Responder(ca)
    nginx = revocable.Nginx(FOLDER / "get-nginx", responder.port)
    certs = [ca.issue(name, ocsp=nginx.get_only) for name in ("good", "bad", "third", "fourth", "fifth")]
    ca.revoke("bad")
    with responder.start(), nginx.start():
        with Setting("get", dict(settings(ca, ocsp=True), deadline=10)) as this:
            equal([this.reason(cert) for cert in certs], ["allowed", "certificate_revoked", "allowed", "allowed", "allowed"])
            # What a responder takes is remembered.
            equal((nginx.requests(r"GET \S+ 200", 5), nginx.requests(r"POST / 403")), (5, 1), nginx.logged())


@tests
def an_answer_in_use_is_refreshed_and_nobody_waits():
    """An hour of an answer's life passes by the agent's clock."""
    ca = revocable.Ca(FOLDER / "use-ca")
    responder = revocable.Responder(ca, minutes=60)
    cert = ca.issue("used", ocsp=responder.url)
    clock = Clock(FOLDER / "use.now")
    with responder.start():
        with Setting("use", dict(settings(ca, ocsp=True), deadline=10), env=clock.env) as this:
            equal(this.reason(cert), "allowed")
            ca.revoke("used")
            responder.stop()
            responder.start()
            clock.set(40 * 60)
            time.sleep(0.1)
            equal([this.reason(cert) for _ in range(20)], ["allowed"] * 20)
            equal(this.metric("mtlsguard_revocation_ocsp_queries_total"), 1, "before 70 % of its life")
            waits = this.metric("mtlsguard_revocation_waits_total")
            responder.send(signal.SIGSTOP)
            clock.set(55 * 60)
            time.sleep(0.1)
            equal([this.reason(cert) for _ in range(20)], ["allowed"] * 20)
            wait_for("a question", lambda: this.metric("mtlsguard_revocation_ocsp_queries_total") == 2, 5)
            responder.send(signal.SIGCONT)
            this.wait_reason(cert, "certificate_revoked")
            equal(this.metric("mtlsguard_revocation_waits_total"), waits)


@tests
def only_a_responder_that_the_ca_made_one_is_believed():
    ca = revocable.Ca(FOLDER / "purpose-ca")
    responder = revocable.Responder(ca, section="leaf")
    cert = ca.issue("one", ocsp=responder.url)
    with responder.start():
        with Setting("purpose", dict(settings(ca, ocsp=True), deadline=10)) as this:
            equal(this.reason(cert), "revocation_unknown")
            wait_for("the reason", lambda: "is not for OCSP signing" in this.agent.output(), 5)


if __name__ == "__main__":
    sys.exit(main(tests))
