#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What reaches the origin: Cloudflare's headers, RFC 9440's, and nothing that a client made up."""
import base64
import re

from setting import (ALL_HEADERS, FOLDER, OWNED_LINE, PROGRAM, Agent, Haproxy, Tests, ask, curl, equal, full_fronts, main, make_pki,
                     settings, start_origin)

tests = Tests()
pki = make_pki()
origin = start_origin()
agent = Agent(FOLDER / "agent", settings(pki)).start()
address = f"127.0.0.1:{agent.port}"
fronts = [Haproxy(PROGRAM, FOLDER / name, name, pki, address, origin.port, edits=[OWNED_LINE]).start() for name in full_fronts()]
ALICE = pki.both("alice")
STRINGS = ("issuer-dn", "subject-dn", "issuer-dn-rfc2253", "subject-dn-rfc2253", "issuer-dn-legacy", "subject-dn-legacy", "serial",
           "issuer-serial", "fingerprint-sha256", "fingerprint-sha1", "not-before", "not-after", "ski", "issuer-ski")


def b64(data):
    return base64.b64encode(data).decode()


@tests
def seventeen_headers_of_a_verified_certificate():
    for front in fronts:
        got = ask(front.port, ALICE)
        names = sorted(key.lower() for key, _ in got.json["headers"] if key.lower().startswith("cf-cert-"))
        equal(names, sorted([f"cf-cert-{name}" for name in STRINGS] + ["cf-cert-presented", "cf-cert-revoked", "cf-cert-verified"]))
        values = {name: got.origin(f"cf-cert-{name}")[0] for name in STRINGS}
        equal([got.origin(f"cf-cert-{name}") for name in ("presented", "verified", "revoked")], [["true"], ["true"], ["false"]])
        equal(values["serial"], pki.serial("alice"))
        equal(values["issuer-serial"], pki.serial("partners-sub"))
        equal(values["fingerprint-sha256"], pki.fingerprint("alice"))
        equal(values["subject-dn-rfc2253"], "OU=admin,O=Example,CN=alice")
        equal(values["issuer-dn-rfc2253"], "O=Example Partners,CN=Partners Issuing CA")
        if not re.fullmatch(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT", values["not-after"]):
            raise AssertionError(values["not-after"])


@tests
def three_headers_without_a_certificate():
    for front in fronts:
        got = ask(front.port, host="www.example.com")
        left = {key.lower(): value for key, value in got.json["headers"] if key.lower().startswith(("cf-", "client-cert"))}
        equal(left, {"cf-cert-presented": "false", "cf-cert-verified": "false", "cf-cert-revoked": "false"}, front.path.name)


@tests
def headers_of_certificates_that_do_not_verify():
    for front in fronts:
        for who, revoked in (("expired", "false"), ("foreign", "false")):
            got = ask(front.port, pki.both(who), host="www.example.com")
            equal([got.origin(f"cf-cert-{name}") for name in ("presented", "verified", "revoked")], [["true"], ["false"], [revoked]], who)
            equal(got.origin("cf-cert-fingerprint-sha256"), [pki.fingerprint(who)])
            equal(got.origin("client-cert") + got.origin("client-cert-chain"), [], who)
        got = ask(front.port, pki.both("denied"), host="www.example.com")
        equal(got.origin("cf-cert-revoked"), ["true"])
        equal(got.origin("client-cert"), [], "revoked")


@tests
def rfc_9440_headers():
    for front in fronts:
        got = ask(front.port, ALICE)
        equal(got.origin("client-cert"), [f":{b64(pki.der('alice'))}:"], front.path.name)
        equal(got.origin("client-cert-chain"), [f":{b64(pki.der('partners-sub'))}:"], front.path.name)
        got = ask(front.port, pki.both("bob"))
        equal(got.origin("client-cert"), [f":{b64(pki.der('bob'))}:"])
        equal(got.origin("client-cert-chain"), [], "without intermediates")


@tests
def the_forwarded_certificate():
    for front in fronts:
        got = ask(front.port, ALICE)
        equal(got.origin("cf-client-cert-der-base64"), [b64(pki.der("alice"))])
        equal([value.lower() for value in got.origin("cf-client-cert-sha256")], [pki.fingerprint("alice")])


@tests
def forged_headers_in_every_spelling():
    forged = ["Cf-Cert-Verified", "cf_cert_verified", "CF-CERT_Presented", "Cf_Cert_Subject_Dn", "Client-Cert", "client_cert", "Client_Cert_Chain",
              "client-cert-chain", "cf-client-cert-der-base64", "Cf_Client_Cert_Sha256", "Cf-Access-Jwt-Assertion", "x-mtls-id",
              "X_Mtls_Role", "x-client-name", "X_Client_Name", "x-client_name"]
    for front in fronts:
        for who, host in ((ALICE, "api.example.com"), (None, "www.example.com"), (pki.both("foreign"), "www.example.com")):
            got = ask(front.port, who, host=host, headers=[(name, "forged") for name in forged] + [("X-Other", "forged")])
            equal([key for key, value in got.json["headers"] if value == "forged"], ["x-other"], front.path.name)


@tests
def forged_headers_over_http_2():
    import json
    for front in fronts:
        out = curl(front.port, "-H", "cf-cert-verified: forged", "-H", "Client_Cert: forged", "-H", "x-client-a: forged",
                   certificate=pki.path("alice"), key=pki.key("alice"))
        headers = json.loads(out)["headers"]
        equal([key for key, value in headers if value == "forged"], [])
        equal([value for key, value in headers if key == "cf-cert-verified"], ["true"])


@tests
def forged_headers_when_all_headers_are_sent():
    front = Haproxy(PROGRAM, FOLDER / "all", "haproxy.cfg", pki, address, origin.port, edits=[OWNED_LINE], spoe_edits=[ALL_HEADERS])
    with front.start():
        got = ask(front.port, ALICE, headers=[("Cf_Cert_Verified", "forged"), ("client-cert", "forged"), ("X-Other", "forged")])
        equal([key for key, value in got.json["headers"] if value == "forged"], ["x-other"])


@tests
def an_upload_loses_no_header():
    """Beyond 15 kB the body fills HAProxy's buffer, and only tune.maxrewrite is left for what is added."""
    extra = [(f"x-filler-{i}", "f" * 60) for i in range(40)]
    for front in fronts:
        for size in (14000, 15500, 16384, 100000, 1000000):
            got = ask(front.port, ALICE, "/upload", method="POST", body=b"u" * size, headers=extra)
            equal((got.status, got.json["body"]), (200, size), front.path.name)
            equal(got.origin("client-cert"), [f":{b64(pki.der('alice'))}:"])
            equal(got.origin("cf-cert-verified"), ["true"])
            equal(len([key for key, _ in got.json["headers"] if key.lower().startswith("cf-")]), 19)
            equal(got.origin("x-filler-39"), ["f" * 60])


if __name__ == "__main__":
    try:
        result = main(tests)
    finally:
        for process in [*fronts, agent]:
            process.stop()
    raise SystemExit(result)
