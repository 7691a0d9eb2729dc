#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The two other shipped forms: once a connection, and variables without Lua."""
import base64
import time

from setting import (BRANCH, FOLDER, OWNED_LINE, PROGRAM, Agent, Client, Haproxy, Tests, ask, curl, equal, main, make_pki, settings, start_origin)

tests = Tests()
pki = make_pki()
pki.issue("short", "/O=Example/OU=admin/CN=short", issuer="partners", days=(-1, 5 / 86400))
ISSUED = time.monotonic()
origin = start_origin()
LOG = FOLDER / "decisions.log"
agent = Agent(FOLDER / "agent", settings(pki, decisions={"log": str(LOG), "level": "all"})).start()
address = f"127.0.0.1:{agent.port}"
once = Haproxy(PROGRAM, FOLDER / "once", "haproxy-connection.cfg", pki, address, origin.port, edits=[OWNED_LINE]).start()
variables = Haproxy(PROGRAM, FOLDER / "vars", "haproxy-vars.cfg", pki, address, origin.port, edits=[OWNED_LINE]).start()
ALICE, RSA, IOT = pki.both("alice"), pki.both("rsa"), "a.iot.example.com"


def questions():
    time.sleep(0.15)
    return len(LOG.read_text().splitlines()) if LOG.exists() else 0


def asked(function):
    before = questions()
    function()
    return questions() - before


@tests
def a_connection_asks_once():
    def requests():
        with Client(once.port, IOT, RSA) as client:
            for i in range(6):
                got = client.request(f"/{i}")
                equal(got.status, 200)
                equal(got.origin("cf-cert-verified"), ["true"])
                equal(got.origin("client-cert"), [f":{base64.b64encode(pki.der('rsa')).decode()}:"])
                equal(len(got.origin("cf-cert-subject-dn")), 1)
    equal(asked(requests), 1, "questions")
    equal(asked(requests), 1, "questions of the next connection")


@tests
def forged_headers_go_on_every_request():
    with Client(once.port, certificate=ALICE) as client:
        for _ in range(3):
            got = client.request(headers=[("Cf_Cert_Verified", "forged"), ("client-cert", "forged"), ("x-mtls-a", "forged")])
            equal([key for key, value in got.json["headers"] if value == "forged"], [])


@tests
def another_host_is_asked_about():
    def requests():
        with Client(once.port, certificate=ALICE) as client:
            for host, status in (("api.example.com", 200), ("api.example.com", 200), ("a.iot.example.com", 200), ("a.iot.example.com", 200),
                                 ("other.example.net", 403), ("other.example.net", 403), ("api.example.com", 200), ("API.example.com", 200)):
                equal(client.request(host=host).status, status, host)
    # One for each change, one for each denial, one for a Host that is written otherwise.
    equal(asked(requests), 6, "questions")


@tests
def denials_are_not_remembered():
    def requests():
        for who in (None, pki.both("foreign"), pki.both("denied")):
            with Client(once.port, certificate=who) as client:
                for _ in range(3):
                    equal(client.request().status, 403)
    equal(asked(requests), 9, "questions")


@tests
def an_allow_of_one_host_is_none_for_another():
    with Client(once.port, "www.example.com") as client:
        equal(client.request().status, 200)
        equal(client.request(host="api.example.com").status, 421)
        equal(client.request().status, 200)
        equal(client.request(host="api.example.com").status, 421)


@tests
def what_is_observed_is_not_remembered():
    def requests():
        with Client(once.port, "new.example.com") as client:
            for _ in range(3):
                equal(client.request().status, 200)
    equal(asked(requests), 3, "questions")


@tests
def no_allow_outlives_its_certificate():
    left = 5 - (time.monotonic() - ISSUED)
    with Client(once.port, certificate=pki.both("short")) as client:
        if left > 0.7:
            equal(client.request().status, 200)
        time.sleep(max(0, left + 1.1))
        got = client.request()
        equal((got.status, got.reason), (403, "certificate_invalid"))


@tests
def http_2_streams_share_it():
    def requests():
        out = curl(once.port, "-o", "/dev/null", "-w", "%{http_code} ", f"https://api.example.com:{once.port}/1", "-o", "/dev/null",
                   f"https://api.example.com:{once.port}/2", "-o", "/dev/null", certificate=pki.path("alice"), key=pki.key("alice"))
        equal(out.split(), ["200", "200", "200"])
    equal(asked(requests), 1, "questions")


@tests
def variables_alone_decide():
    for who, host, status, reason in (("alice", "api.example.com", 200, None), (None, "api.example.com", 403, "certificate_required"),
                                      ("foreign", "api.example.com", 403, "certificate_invalid"), ("denied", "api.example.com", 403, "certificate_revoked"),
                                      ("rsa", "a.iot.example.com", 200, None), ("alice", "other.example.net", 403, "host_unknown"),
                                      (None, "www.example.com", 200, None)):
        got = ask(variables.port, pki.both(who) if who else None, host=host)
        equal((got.status, got.reason), (status, reason), f"{who} at {host}")
        if status != 200:
            equal(got.header("content-type"), "application/problem+json")
    equal(ask(variables.port, None, sni="www.example.com").reason, "misdirected_request")
    equal(ask(variables.port, ALICE, "/a%2fb").status, 400)
    equal(ask(variables.port, None, headers=[("Accept", "text/html")]).header("content-type").split(";")[0], "text/html")


@tests
def variables_tell_the_origin_who_it_is():
    got = ask(variables.port, ALICE, headers=[("X-Mtls-Cn", "forged"), ("x_mtls_serial", "forged")])
    equal([got.origin(f"x-mtls-{name}") for name in ("cn", "serial", "fingerprint", "verified")],
          [["alice"], [pki.serial("alice")], [pki.fingerprint("alice")], ["SUCCESS"]])
    equal(got.origin("client-cert"), [f":{base64.b64encode(pki.der('alice')).decode()}:"])
    equal(got.origin("x_mtls_serial"), [])
    equal(got.origin("cf-cert-verified"), ["true"] if BRANCH >= "3.4" else [])


@tests
def check_haproxy_finds_both_clean():
    for front in (once, variables):
        status, out, err = agent.command("check", "--haproxy", front.path)
        equal(status, 0, out + err)


@tests
def without_the_agent_nothing_is_remembered_for_new_connections():
    """Last: the agent stops. What a connection holds may go on until its time is up (30 s where nothing can be revoked); a new one is denied."""
    with Client(once.port, IOT, RSA) as client:
        equal(client.request().status, 200)
        agent.stop()
        time.sleep(1.5)
        equal(client.request().status, 200, "within its time")
        equal(client.request(host="b.iot.example.com").reason, "policy_unavailable")
    equal(ask(once.port, RSA, host=IOT).reason, "policy_unavailable")
    equal(ask(variables.port, ALICE).status, 503)


if __name__ == "__main__":
    try:
        result = main(tests)
    finally:
        for process in (once, variables, agent):
            process.stop()
    raise SystemExit(result)
