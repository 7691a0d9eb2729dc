#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks HAProxy with good, missing and bad certificates and says whether each got what it must. Exit 0 when all did.

usage: scenario.py ADDRESS PORT PKI-FOLDER [--tap] [--envoy]

--envoy: what answers is Envoy with docker/envoy/grpc.yaml, which refuses headers with "_" and resumes no sessions.
"""
import http.client
import json
import socket
import ssl
import sys


def context(pki, name):
    """One client: trusts the server's authority, presents certificate NAME unless that is None."""
    tls = ssl.create_default_context(cafile=f"{pki}/partners.pem")
    if name:
        tls.load_cert_chain(f"{pki}/{name}.pem", f"{pki}/{name}.key")
    return tls


class Answer:
    def __init__(self, response, sock):
        self.status, self.headers, body = response.status, response.headers, response.read()
        self.resumed, self.session = sock.session_reused, sock.session
        try:
            self.json = json.loads(body)
        except ValueError:
            self.json = {}

    @property
    def reason(self):
        return self.json.get("reason")

    def origin(self, name):
        """A header as the origin saw it; None when it did not come."""
        return next((value for key, value in self.json.get("headers", []) if key.lower() == name), None)


def ask(target, tls, host, path="/", headers=None, session=None, sni=None):
    raw = socket.create_connection(target, timeout=10)
    sock = tls.wrap_socket(raw, server_hostname=sni or host, session=session)
    connection = http.client.HTTPConnection(host)
    connection.sock = sock
    try:
        connection.request("GET", path, headers={"Host": host, **(headers or {})})
        return Answer(connection.getresponse(), sock)
    finally:
        sock.close()


def refused(answer, status, reason):
    return answer.status == status and answer.reason == reason


def requests(target, pki, envoy=False):
    """(what, whether it went as it must) of each."""
    def get(name, host, path="/", **kwargs):
        return ask(target, context(pki, name), host, path, **kwargs)

    good = get("alice", "api.example.com", "/v1")
    yield "good certificate: allowed", good.status == 200
    yield "  the worker's headers reach the origin", "CN=alice" in (good.origin("x-client-name") or "") and good.origin("x-client-team") == "edge"
    yield "  cf-cert-verified: true, Client-Cert", good.origin("cf-cert-verified") == "true" and (good.origin("client-cert") or "").startswith(":")
    yield "  the worker's header is on the response", good.headers["x-checked-by"] == "mtlsguard"
    yield "RSA certificate of another authority: allowed at its host", get("rsa", "one.iot.example.com").status == 200
    yield "  and refused elsewhere", refused(get("rsa", "api.example.com"), 403, "certificate_invalid")
    yield "no certificate: refused", refused(get(None, "api.example.com"), 403, "certificate_required")
    yield "foreign authority: refused", refused(get("foreign", "api.example.com"), 403, "certificate_invalid")
    yield "expired: refused", refused(get("expired", "api.example.com"), 403, "certificate_invalid")
    yield "self-signed: refused", refused(get("selfsigned", "api.example.com"), 403, "certificate_invalid")
    yield "on the deny list: refused", refused(get("denied", "api.example.com"), 403, "certificate_revoked")
    yield "host that nobody configured: refused", refused(get("alice", "other.example.com"), 403, "host_unknown")
    yield "certificate required, other SNI: misdirected", refused(
        get(None, "api.example.com", sni="www.example.com"), 421, "misdirected_request")
    forgery = {"Cf-Cert-Verified": "true", "X_Client_Name": "CN=root", "X-Client-Name": "CN=root"}
    if envoy:
        yield "forged header with an underscore: refused", get(None, "www.example.com", headers={"X_Client_Name": forgery.pop("X_Client_Name")}).status == 400
    forged = get(None, "www.example.com", headers=forgery)
    yield "no certificate where none is required: allowed", forged.status == 200
    yield "  forged headers do not reach the origin", (forged.origin("cf-cert-verified"), forged.origin("x-client-name"),
                                                        forged.origin("x_client_name")) == ("false", None, None)
    yield "observed host, no certificate: passes", get(None, "new.example.com").status == 200
    yield "worker refuses by OU", get("bob", "api.example.com", "/admin").status == 403
    redirect = get("alice", "api.example.com", "/old")
    yield "worker redirects", (redirect.status, redirect.headers["location"]) == (308, "https://api.example.com/new")
    if not envoy:
        yield from resumption(target, pki)


def resumption(target, pki):
    for name, status in (("alice", 200), ("denied", 403)):
        tls = context(pki, name)
        first = ask(target, tls, "api.example.com")
        again = ask(target, tls, "api.example.com", session=first.session)
        yield f"resumed TLS session of {name}: {status} again", again.resumed and (first.status, again.status) == (status, status)


def main():
    arguments = [argument for argument in sys.argv[1:] if argument not in ("--tap", "--envoy")]
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    results = list(requests((arguments[0], int(arguments[1])), arguments[2], "--envoy" in sys.argv))
    for number, (what, good) in enumerate(results, 1):
        mark = ("ok" if good else "not ok") + f" {number} -" if "--tap" in sys.argv else ("  ok  " if good else " FAIL ")
        print(f"{mark} {what}", flush=True)
    if "--tap" in sys.argv:
        print(f"1..{len(results)}")
    bad = sum(not good for _, good in results)
    print(f"# {len(results) - bad} as they must be, {bad} not", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
