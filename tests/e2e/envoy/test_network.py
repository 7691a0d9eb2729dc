#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Envoy with the shipped docker/envoy/network.yaml: connections without requests, to a server of a protocol that is no HTTP."""
import json
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ.setdefault("HAPROXY", "none")

from setting import FOLDER, Agent, Tests, equal, free_port, main, make_pki, settings, wait_for  # noqa: E402
import envoy  # noqa: E402
from broker import Broker, Refused, Session, talk  # noqa: E402

MQTT, WORKER, L4, WATCH = "mqtt.example.com", "worker.example.com", "l4.example.com", "watch.example.com"

tests = Tests()
pki = make_pki()
pki.issue("leaver", "/O=Example/OU=staff/CN=leaver", issuer="partners")
broker = Broker().start()
DENIED, LOG, grpc = FOLDER / "denied.txt", FOLDER / "decisions.log", free_port()
DENIED.write_text("# nobody yet\n")
(FOLDER / "worker.lua").write_text("return { fetch = function(request) return fetch(request) end }\n")
PARTNERS = {"authorities": ["partners"]}
agent = Agent(FOLDER / "agent", settings(
    pki, listen={"spop": [], "grpc": [f"127.0.0.1:{grpc}"]},
    # Envoy's network filter hands no chain over: the intermediate is known here.
    authorities={"partners": {"certificates": pki.path("partners"), "intermediates": pki.path("partners-sub"),
                              "revocation": {"deny": [pki.serial("denied"), f"file:{DENIED}"]}}},
    hosts={MQTT: PARTNERS, WORKER: PARTNERS, L4: {**PARTNERS, "l4": True}, WATCH: {**PARTNERS, "enforce": "observe"}},
    workers=[{"name": "w", "script": FOLDER / "worker.lua", "routes": [f"{WORKER}/*", f"{L4}/only/here"]}],
    decisions={"log": str(LOG), "level": "all"})).start()
front = envoy.Envoy(os.environ["ENVOY"], "network.yaml", FOLDER / "envoy", pki.path("server").parent, grpc, broker.port,
                    edits=[("server_names: [mqtt.example.com]", 'server_names: ["*.example.com"]')]).start()


def certificate(who):
    return pki.both(who) if who else None


def passes(who, sni=MQTT, **kwargs):
    try:
        talk(front.port, sni, certificate(who), **kwargs)
    except Refused:
        return False
    return True


wait_for("the first connection", lambda: passes("alice"), 10)


def last_decision():
    return json.loads(LOG.read_text().splitlines()[-1])


def refused(who, reason, sni=MQTT, **kwargs):
    """Closed for that reason, and the broker has not even seen a connection."""
    before, lines = broker.seen(), LOG.read_text().count("\n")
    equal(passes(who, sni, **kwargs), False, f"{who} at {sni}")
    wait_for("the record", lambda: LOG.read_text().count("\n") > lines, 5)
    record = last_decision()
    equal((record["verdict"], record["reason"], record["connection"]), ("deny", reason, True), f"{who} at {sni}")
    equal(broker.seen(), before, "what the broker saw")


@tests
def good_certificates_pass():
    for who, sni in (("alice", MQTT), ("bob", MQTT), ("bob", "MQTT.Example.com"), ("alice", L4)):
        for tls in ("1.2", "1.3"):
            before = broker.seen()[0]
            talk(front.port, sni, certificate(who), tls=tls)
            equal(broker.seen()[0] - before, 1, "connections at the broker")
    wait_for("the record", lambda: (last_decision()["src"], last_decision()["sni"]) == ("127.0.0.1", L4), 5)


@tests
def bad_ones_are_closed_before_a_byte_passes():
    for tls in ("1.2", "1.3"):
        refused(None, "certificate_required", tls=tls)
        for who in ("foreign", "expired", "early", "selfsigned", "serveronly", "rsa"):
            refused(who, "certificate_invalid", tls=tls)
        refused("denied", "certificate_revoked", tls=tls)
    refused("alice", "host_unknown", "other.example.com")
    before, asked = broker.seen(), LOG.read_text()
    # What the front is not for is closed without a question.
    for sni in ("localhost", None):
        equal(passes("alice", sni), False, sni)
    equal((broker.seen(), LOG.read_text()), (before, asked), "what was asked, and what the broker saw")
    refused("alice", "policy_error", WORKER)


@tests
def observed_hosts_let_pass():
    for who, reason in ((None, "certificate_required"), ("foreign", "certificate_invalid")):
        talk(front.port, WATCH, certificate(who))
        wait_for("the record", lambda: last_decision().get("observed") == reason, 5)


@tests
def a_server_that_speaks_first_says_nothing_to_strangers():
    broker.greeting = b"welcome\n"
    before = broker.seen()
    try:
        for who in ("foreign", None):
            with Session(front.port, MQTT, certificate(who), timeout=0.5) as session:
                try:
                    equal(session.socket.recv(100), b"")
                except TimeoutError:
                    pass
    finally:
        broker.greeting = b""
    equal(broker.seen(), before, "what the broker saw")


@tests
def who_is_revoked_meanwhile_does_not_come_back():
    talk(front.port, MQTT, certificate("leaver"))
    new = DENIED.with_suffix(".new")
    new.write_text(pki.serial("leaver") + "\n")
    new.rename(DENIED)
    wait_for("the revocation", lambda: not passes("leaver"), 2)
    refused("leaver", "certificate_revoked")
    talk(front.port, MQTT, certificate("alice"))


@tests
def an_agent_that_hangs_or_is_gone_lets_nobody_in():
    """Last: the agent is stopped."""
    before = broker.seen()
    agent.freeze()
    started = time.monotonic()
    try:
        equal(passes("alice"), False, "a slow agent")
        equal(broker.seen(), before, "what the broker saw")
    finally:
        took = time.monotonic() - started
        agent.send(signal.SIGCONT)
    assert 0.5 < took < 5, took
    wait_for("the agent's return", lambda: passes("alice"), 20)
    before = broker.seen()
    agent.stop()
    for who in ("alice", None):
        equal(passes(who), False, "a dead agent")
    equal(broker.seen(), before, "what the broker saw")


if __name__ == "__main__":
    try:
        result = main(tests)
    finally:
        front.stop()
        agent.stop()
    raise SystemExit(result)
