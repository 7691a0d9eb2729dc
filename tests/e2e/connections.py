# SPDX-License-Identifier: Apache-2.0
"""Connections without requests: an agent, a broker that speaks first or second, and the tests that a front of any proxy has to pass."""
import json
import signal
import time

from setting import FOLDER, Agent, equal, make_pki, settings, wait_for
from broker import Broker, Refused, Session, talk

MQTT, DEVICES, WORKER, L4, WATCH = "mqtt.example.com", "a.b.devices.example.com", "worker.example.com", "l4.example.com", "watch.example.com"


class Stand:
    """Whoever makes it starts front, for all names below example.com. chain: whether it hands the chain over. more: of the configuration."""

    def __init__(self, chain=True, **more):
        self.pki, self.broker, self.front = make_pki(), Broker().start(), None
        self.pki.issue("leaver", "/O=Example/OU=staff/CN=leaver", issuer="partners-sub")
        self.pki.issue("ed25519", "/O=Example/OU=staff/CN=ed", issuer="partners", algorithm="ed25519")
        self.denied, self.log = FOLDER / "denied.txt", FOLDER / "decisions.log"
        self.denied.write_text("# nobody yet\n")
        (FOLDER / "worker.lua").write_text("return { fetch = function(request) return fetch(request) end }\n")
        partners = {"certificates": self.pki.path("partners"), "revocation": {"deny": [self.pki.serial("denied"), f"file:{self.denied}"]}}
        if not chain:
            partners["intermediates"] = self.pki.path("partners-sub")
        host = {"authorities": ["partners"]}
        self.agent = Agent(FOLDER / "agent", settings(
            self.pki, authorities={"partners": partners},
            hosts={MQTT: host, "*.devices.example.com": host, WORKER: host, "api.example.com": host, L4: {**host, "l4": True},
                   WATCH: {**host, "enforce": "observe"}},
            workers=[{"name": "w", "script": FOLDER / "worker.lua", "routes": [f"{WORKER}/*", f"{L4}/only/here"]}],
            decisions={"log": self.log, "level": "all"}, **more)).start()

    def certificate(self, who):
        return self.pki.both(who) if who else None

    def talk(self, who, sni=MQTT, port=None, **kwargs):
        talk(port or self.front.port, sni, self.certificate(who), **kwargs)

    def session(self, who, **kwargs):
        return Session(self.front.port, MQTT, self.certificate(who), **kwargs)

    def passes(self, who, *args, **kwargs):
        try:
            self.talk(who, *args, **kwargs)
        except Refused:
            return False
        return True

    def start(self, front):
        self.front = front.start()
        wait_for("the first connection", lambda: self.passes("alice"), 10)

    def decisions(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def refused(self, who, reason, sni=MQTT, **kwargs):
        """Closed for that reason, and the broker has not even seen a connection."""
        before, count = self.broker.seen(), len(self.decisions())
        equal(self.passes(who, sni, **kwargs), False, f"{who} at {sni}")
        wait_for("the record", lambda: len(self.decisions()) > count, 5)
        record = self.decisions()[-1]
        equal((record["verdict"], record["reason"], record["connection"]), ("deny", reason, True), f"{who} at {sni}")
        equal(self.broker.seen(), before, "what the broker saw")

    def run(self, main, tests):
        try:
            result = main(tests)
        finally:
            for process in (self.front, self.agent):
                process.stop()
        raise SystemExit(result)


def common(tests, stand):
    """Adds what is the same behind each proxy."""

    @tests
    def good_certificates_pass():
        for who, sni in (("alice", MQTT), ("bob", MQTT), ("ed25519", MQTT), ("alice", DEVICES.title()), ("bob", MQTT.title()), ("alice", L4)):
            for tls in ("1.2", "1.3"):
                before = stand.broker.seen()[0]
                stand.talk(who, sni, tls=tls)
                equal(stand.broker.seen()[0] - before, 1, "connections at the broker")
        wait_for("the record", lambda: (stand.decisions()[-1]["src"], stand.decisions()[-1]["sni"]) == ("127.0.0.1", L4), 5)

    @tests
    def bad_certificates_are_closed_before_a_byte_passes():
        for tls in ("1.2", "1.3"):
            stand.refused(None, "certificate_required", tls=tls)
            for who in ("foreign", "expired", "early", "selfsigned", "serveronly", "rsa"):
                stand.refused(who, "certificate_invalid", tls=tls)
            stand.refused("denied", "certificate_revoked", tls=tls)

    @tests
    def names_that_are_not_served():
        for sni in ("other.example.com", "devices.example.com"):
            stand.refused("alice", "host_unknown", sni)
        before, asked = stand.broker.seen(), stand.decisions()
        # What the front is not for is closed without a question.
        for sni in ("localhost", None):
            equal(stand.passes("alice", sni), False, sni)
        equal((stand.broker.seen(), stand.decisions()), (before, asked), "what was asked, and what the broker saw")

    @tests
    def hosts_with_workers_say_l4_or_refuse():
        stand.refused("alice", "policy_error", WORKER)
        stand.talk("alice", L4)
        stand.refused(None, "certificate_required", L4)

    @tests
    def observed_hosts_let_pass():
        for who, reason in (("alice", None), (None, "certificate_required"), ("foreign", "certificate_invalid")):
            stand.talk(who, WATCH)
            wait_for("the record", lambda: (stand.decisions()[-1]["host"], stand.decisions()[-1].get("observed")) == (WATCH, reason), 5)

    @tests
    def who_is_revoked_meanwhile_does_not_come_back():
        with stand.session("leaver") as session:
            session.connect()
            new = stand.denied.with_suffix(".new")
            new.write_text(stand.pki.serial("leaver") + "\n")
            new.rename(stand.denied)
            wait_for("the revocation", lambda: not stand.passes("leaver"), 2)
            stand.refused("leaver", "certificate_revoked")
            stand.talk("alice")
            # One that was let in stays: nobody asks again.
            session.publish("still here")


def without_an_agent(tests, stand):
    """Added last, since it stops the agent."""

    @tests
    def an_agent_that_hangs_or_is_gone_lets_nobody_in():
        before = stand.broker.seen()
        stand.agent.freeze()
        started = time.monotonic()
        try:
            equal(stand.passes("alice"), False, "a slow agent")
            equal(stand.broker.seen(), before, "what the broker saw")
        finally:
            took = time.monotonic() - started
            stand.agent.send(signal.SIGCONT)
        assert 0.5 < took < 4, took
        wait_for("the agent's return", lambda: stand.passes("alice"), 20)
        before = stand.broker.seen()
        stand.agent.stop()
        for who in ("alice", None):
            equal(stand.passes(who), False, "a dead agent")
        equal(stand.broker.seen(), before, "what the broker saw")
