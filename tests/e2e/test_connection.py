#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HAProxy in TCP mode: connections without requests, to a server of a protocol that is no HTTP."""
import json
import signal
import time

from setting import FOLDER, OWNED_LINE, PROGRAM, Agent, Haproxy, Tests, ask, equal, free_port, main, make_pki, settings, start_origin, wait_for
from broker import Broker, Refused, Session, talk
from haproxy import SHIPPED

MQTT, WORKER, L4, WATCH = "mqtt.example.com", "worker.example.com", "l4.example.com", "watch.example.com"
TCP_FRONT = """frontend mqtt
    mode tcp
    bind 127.0.0.1:PORT ssl crt /etc/haproxy/server.pem ca-file /etc/haproxy/any-ca.pem verify optional crt-ignore-err all ca-ignore-err all no-ca-names
    tcp-request inspect-delay 2s
    tcp-request content reject unless { ssl_fc_sni -i mqtt.example.com worker.example.com }
    filter spoe engine mtlsguard config /etc/haproxy/spoe-mtlsguard.conf
    tcp-request content send-spoe-group mtlsguard connection
    tcp-request content reject if { var(txn.mtls.error) -m found }
    tcp-request content reject unless { var(txn.mtls.verdict) -m str allow }
    default_backend broker

backend broker
    mode tcp
    server broker 127.0.0.1:BROKER

"""

tests = Tests()
pki = make_pki()
pki.issue("leaver", "/O=Example/OU=staff/CN=leaver", issuer="partners-sub")
broker, origin = Broker().start(), start_origin()
DENIED, LOG = FOLDER / "denied.txt", FOLDER / "decisions.log"
DENIED.write_text("# nobody yet\n")
(FOLDER / "worker.lua").write_text("return { fetch = function(request) return fetch(request) end }\n")


def configuration():
    partners = {"authorities": ["partners"]}
    return settings(
        pki,
        authorities={"partners": {"certificates": pki.path("partners"),
                                  "revocation": {"deny": [pki.serial("denied"), f"file:{DENIED}"]}}},
        hosts={MQTT: partners, "*.devices.example.com": partners, WORKER: partners, L4: {**partners, "l4": True},
               WATCH: {**partners, "enforce": "observe"}, "api.example.com": partners},
        workers=[{"name": "w", "script": FOLDER / "worker.lua", "routes": [f"{WORKER}/*", f"{L4}/only/here"]}],
        decisions={"log": str(LOG), "level": "all"})


agent = Agent(FOLDER / "agent", configuration()).start()
front = Haproxy(PROGRAM, FOLDER / "tcp", "haproxy-tcp.cfg", pki, f"127.0.0.1:{agent.port}", broker.port,
                edits=[("ssl_fc_sni -i mqtt.example.com }\n    # The question", "ssl_fc_sni -i -m end example.com }\n    # The question")]).start()


def certificate(who):
    return pki.both(who) if who else None


def passes(who, sni=MQTT, port=None, **kwargs):
    try:
        talk(port or front.port, sni, certificate(who), **kwargs)
    except Refused:
        return False
    return True


wait_for("the first connection", lambda: passes("alice"), 5)


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
    for who, sni in (("alice", MQTT), ("bob", MQTT), ("alice", "A.b.devices.example.com"), ("bob", "MQTT.Example.com")):
        for tls in ("1.2", "1.3"):
            before = broker.seen()[0]
            talk(front.port, sni, certificate(who), tls=tls)
            equal(broker.seen()[0] - before, 1, "connections at the broker")


@tests
def bad_certificates_are_closed_before_a_byte_passes():
    for tls in ("1.2", "1.3"):
        refused(None, "certificate_required", tls=tls)
        for who in ("foreign", "expired", "early", "selfsigned", "serveronly", "rsa"):
            refused(who, "certificate_invalid", tls=tls)
        refused("denied", "certificate_revoked", tls=tls)


@tests
def names_that_are_not_served():
    for sni in ("other.example.com", "devices.example.com"):
        refused("alice", "host_unknown", sni)
    before, asked = broker.seen(), LOG.read_text()
    # What the front is not for is closed without a question.
    for sni in ("localhost", None):
        equal(passes("alice", sni), False, sni)
    equal((broker.seen(), LOG.read_text()), (before, asked), "what was asked, and what the broker saw")


@tests
def hosts_with_workers_say_l4_or_refuse():
    refused("alice", "policy_error", WORKER)
    talk(front.port, L4, certificate("alice"))
    refused(None, "certificate_required", L4)


@tests
def observed_hosts_let_pass():
    for who, reason in (("alice", None), (None, "certificate_required"), ("foreign", "certificate_invalid")):
        talk(front.port, WATCH, certificate(who))
        wait_for("the record", lambda: last_decision()["host"] == WATCH and last_decision().get("observed") == reason, 5)


@tests
def resumed_sessions_are_decided_again():
    with Session(front.port, MQTT, certificate("alice"), tls="1.2") as first:
        first.connect()
        with Session(front.port, MQTT, resume=first) as second:
            second.connect()
            equal(second.resumed, True)
            second.publish("again")
    wait_for("the record", lambda: last_decision()["certificate"]["resumed"], 5)


@tests
def a_server_that_speaks_first_says_nothing_to_strangers():
    broker.greeting = b"welcome\n"
    try:
        with Session(front.port, MQTT, certificate("alice")) as session:
            equal(session.socket.recv(100), b"welcome\n")
        with Session(front.port, MQTT, certificate("foreign")) as session:
            equal(session.socket.recv(100), b"")
    finally:
        broker.greeting = b""


@tests
def who_is_revoked_meanwhile_does_not_come_back():
    with Session(front.port, MQTT, certificate("leaver")) as session:
        session.connect()
        new = DENIED.with_suffix(".new")
        new.write_text(pki.serial("leaver") + "\n")
        new.rename(DENIED)
        wait_for("the revocation", lambda: not passes("leaver"), 2)
        refused("leaver", "certificate_revoked")
        talk(front.port, MQTT, certificate("alice"))
        # One that was let in stays: nobody asks again.
        session.publish("still here")


@tests
def eval_says_the_same_offline():
    for who, sni, reason in (("alice", MQTT, "allowed"), ("foreign", MQTT, "certificate_invalid"), ("alice", WORKER, "policy_error"),
                             ("alice", L4, "allowed"), ("leaver", MQTT, "certificate_revoked"), ("alice", None, "host_unknown")):
        args = ["--connection", "--cert", pki.path(who), "--json"] + (["--sni", sni] if sni else [])
        status, out, err = agent.command("eval", *args)
        equal((status, json.loads(out)["reason"], json.loads(out)["connection"]), (0 if reason == "allowed" else 10, reason, True), err)


@tests
def check_haproxy_finds_it_clean_and_broken_ones_not():
    equal(front.check()[0], 0, front.check()[1])
    status, out, err = agent.command("check", "--haproxy", front.path)
    equal((status, [line for line in err.splitlines() if str(front.path.parent) in line]), (0, []), out + err)
    broken = front.path.parent / "broken.cfg"
    broken.write_text(front.path.read_text().replace("    tcp-request content reject unless { var(", "    #"))
    status, out, err = agent.command("check", "--haproxy", broken)
    equal(status, 1, out + err)
    assert "no rule rejects when the verdict is absent" in err, err


@tests
def haproxy_args_and_front_print_what_is_shipped():
    shipped, spoe = (SHIPPED / "haproxy-tcp.cfg").read_text(), (SHIPPED / "spoe-mtlsguard.conf").read_text()
    spoe = spoe[spoe.index("spoe-message check-client-connection"):]
    status, args, err = agent.command("haproxy", "args", "--tcp")
    equal(status, 0, err)
    for word in args.splitlines()[-1].split()[1:]:
        assert word in spoe, word
    status, lines, err = agent.command("haproxy", "front", "--tcp")
    equal(status, 0, err)
    for line in lines.splitlines():
        if line.split()[:1] and line.split()[0] in ("tcp-request", "option", "timeout", "mode", "unique-id-format"):
            assert line in shipped, line


@tests
def one_haproxy_serves_requests_and_connections():
    port = free_port()
    text = TCP_FRONT.replace("PORT", str(port)).replace("BROKER", str(broker.port))
    with Haproxy(PROGRAM, FOLDER / "both", "haproxy.cfg", pki, f"127.0.0.1:{agent.port}", origin.port,
                 edits=[OWNED_LINE, ("\nbackend origin\n", "\n" + text + "backend origin\n")]).start() as both:
        equal(both.check()[0], 0, both.check()[1])
        wait_for("an answer", lambda: ask(both.port, pki.both("alice")).status == 200, 5)
        equal(ask(both.port, pki.both("foreign")).reason, "certificate_invalid")
        equal(ask(both.port, pki.both("alice"), host=WORKER).status, 200)
        equal([passes(who, sni, port=port) for who, sni in (("alice", MQTT), ("foreign", MQTT), ("alice", WORKER), ("alice", WATCH))],
              [True, False, False, False])
        status, out, err = agent.command("check", "--haproxy", both.path)
        equal((status, [line for line in err.splitlines() if str(both.path.parent) in line]), (0, []), out + err)


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
    assert 0.5 < took < 4, took
    wait_for("the agent's return", lambda: passes("alice"), 10)
    before = broker.seen()
    agent.stop()
    for who in ("alice", None):
        equal(passes(who), False, "a dead agent")
    equal(broker.seen(), before, "what the broker saw")


if __name__ == "__main__":
    try:
        result = main(tests)
    finally:
        for process in (front, agent):
            process.stop()
    raise SystemExit(result)
