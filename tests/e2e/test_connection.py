#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HAProxy in TCP mode: connections without requests, to a server of a protocol that is no HTTP."""
import json

from setting import FOLDER, OWNED_LINE, PROGRAM, Haproxy, Tests, ask, equal, free_port, main, start_origin, wait_for
from broker import Session
from connections import L4, MQTT, WATCH, WORKER, Stand, common, without_an_agent
from haproxy import SHIPPED

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
origin = start_origin()
stand = Stand()
pki, agent = stand.pki, stand.agent
stand.start(Haproxy(PROGRAM, FOLDER / "tcp", "haproxy-tcp.cfg", pki, f"127.0.0.1:{agent.port}", stand.broker.port,
                    edits=[("ssl_fc_sni -i mqtt.example.com }\n    # The question", "ssl_fc_sni -i -m end example.com }\n    # The question")]))
front = stand.front
common(tests, stand)


@tests
def resumed_sessions_are_decided_again():
    with stand.session("alice", tls="1.2") as first:
        first.connect()
        with Session(front.port, MQTT, resume=first) as second:
            second.connect()
            equal(second.resumed, True)
            second.publish("again")
    wait_for("the record", lambda: stand.decisions()[-1]["certificate"]["resumed"], 5)


@tests
def a_server_that_speaks_first_says_nothing_to_strangers():
    stand.broker.greeting = b"welcome\n"
    try:
        with stand.session("alice") as session:
            equal(session.socket.recv(100), b"welcome\n")
        with stand.session("foreign") as session:
            equal(session.socket.recv(100), b"")
    finally:
        stand.broker.greeting = b""


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
    text = TCP_FRONT.replace("PORT", str(port)).replace("BROKER", str(stand.broker.port))
    with Haproxy(PROGRAM, FOLDER / "both", "haproxy.cfg", pki, f"127.0.0.1:{agent.port}", origin.port,
                 edits=[OWNED_LINE, ("\nbackend origin\n", "\n" + text + "backend origin\n")]).start() as both:
        equal(both.check()[0], 0, both.check()[1])
        wait_for("an answer", lambda: ask(both.port, pki.both("alice")).status == 200, 5)
        equal(ask(both.port, pki.both("foreign")).reason, "certificate_invalid")
        equal(ask(both.port, pki.both("alice"), host=WORKER).status, 200)
        equal([stand.passes(who, sni, port) for who, sni in (("alice", MQTT), ("foreign", MQTT), ("alice", WORKER), ("alice", WATCH))],
              [True, False, False, False])
        status, out, err = agent.command("check", "--haproxy", both.path)
        equal((status, [line for line in err.splitlines() if str(both.path.parent) in line]), (0, []), out + err)


without_an_agent(tests, stand)
if __name__ == "__main__":
    stand.run(main, tests)
