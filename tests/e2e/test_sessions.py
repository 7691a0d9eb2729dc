#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Resumed TLS sessions, which bring no chain, and connections that stay open."""
import base64
import time

from setting import (FOLDER, OWNED_LINE, PROGRAM, Agent, Client, Haproxy, Tests, equal, full_fronts, main, make_pki, settings,
                     start_origin)

tests = Tests()
pki = make_pki()
pki.issue("short", "/O=Example/OU=admin/CN=short", issuer="partners-sub", days=(-1, 6 / 86400))
origin = start_origin()
agent = Agent(FOLDER / "agent", settings(pki)).start()
fronts = [Haproxy(PROGRAM, FOLDER / name, name, pki, f"127.0.0.1:{agent.port}", origin.port, edits=[OWNED_LINE]).start()
          for name in full_fronts()]
SHORT_ISSUED = time.monotonic()


def resumes(front, who, version, host="api.example.com"):
    """A full handshake and one that resumes it; both answers."""
    with Client(front.port, host, pki.both(who) if who else None, tls=version) as client:
        first = client.request()
        equal(client.resumed, False, "first handshake")
        client.connect(resume=True)
        second = client.request()
        equal(client.resumed, True, f"{who} TLS {version}: resumed")
        return first, second


@tests
def resumed_sessions_are_decided_like_full_ones():
    for front in fronts:
        for version in ("1.2", "1.3"):
            for who in ("alice", "bob", "foreign", "selfsigned", "expired", "denied", None):
                first, second = resumes(front, who, version)
                equal((second.status, second.reason), (first.status, first.reason), f"{who} TLS {version}")
                equal(first.status, 200 if who in ("alice", "bob") else 403)


@tests
def a_resumed_session_has_the_chain_of_the_full_one():
    chain = f":{base64.b64encode(pki.der('partners-sub')).decode()}:"
    for front in fronts:
        for version in ("1.2", "1.3"):
            first, second = resumes(front, "alice", version)
            for got in (first, second):
                equal(got.origin("client-cert-chain"), [chain], f"TLS {version}")
                equal(got.origin("cf-cert-verified"), ["true"])
                equal(got.origin("cf-cert-issuer-serial"), [pki.serial("partners-sub")])


@tests
def the_chain_is_known_on_every_loop():
    """Two loops, and HAProxy's connections spread over them: whichever is asked verifies."""
    for front in fronts:
        with Client(front.port, certificate=pki.both("alice"), tls="1.3") as client:
            client.request()
            for _ in range(20):
                client.connect(resume=True)
                equal(client.request().status, 200)
                equal(client.resumed, True)


@tests
def a_session_outlives_its_certificate_but_not_its_verdict():
    front = fronts[0]
    with Client(front.port, certificate=pki.both("short"), tls="1.3") as client:
        if time.monotonic() - SHORT_ISSUED < 4:
            equal(client.request().status, 200)
            time.sleep(max(0, 6.5 - (time.monotonic() - SHORT_ISSUED)))
            got = client.request()
            equal((got.status, got.reason), (403, "certificate_invalid"), "the same connection")
            client.connect(resume=True)
            got = client.request()
            equal((client.resumed, got.status, got.reason), (True, 403, "certificate_invalid"))
        else:
            equal(client.request().reason, "certificate_invalid")


@tests
def each_request_of_a_connection_is_decided():
    for front in fronts:
        with Client(front.port, certificate=pki.both("alice")) as client:
            for i in range(30):
                got = client.request(f"/{i}")
                equal((got.status, got.json["path"]), (200, f"/{i}"))
            equal(client.request(host="other.example.net").reason, "host_unknown")
            equal(client.request("/a%2fb").reason, "bad_request")
            equal(client.request().status, 200)
        with Client(front.port, certificate=None, host="www.example.com") as client:
            equal(client.request().status, 200)
            equal(client.request(host="api.example.com").reason, "misdirected_request")
            equal(client.request().status, 200)


@tests
def a_changed_deny_list_counts_at_once():
    front = fronts[0]
    with Client(front.port, certificate=pki.both("bob")) as client:
        equal(client.request().status, 200)
        agent.settings["authorities"]["partners"]["revocation"]["deny"].append(f"sha256:{pki.fingerprint('bob')}")
        agent.write()
        status, out, err = agent.command("reload")
        equal(status, 0, out + err)
        equal(client.request().reason, "certificate_revoked", "the same connection")
        client.connect(resume=True)
        equal(client.request().reason, "certificate_revoked", "a resumed one")


if __name__ == "__main__":
    try:
        result = main(tests)
    finally:
        for process in [*fronts, agent]:
            process.stop()
    raise SystemExit(result)
