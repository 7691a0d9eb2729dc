#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The shipped fronts against a scripted agent: one that is wrong, mute or gone never lets a request through."""
import time

from setting import FOLDER, PROGRAM, Client, Haproxy, Tests, ask, equal, fronts, full_fronts, main, make_pki, start_origin
from spop import Spop, header_block, name_block

tests = Tests()
pki = make_pki()
origin = start_origin()
answer = {}
agent = Spop(lambda arguments: answer.get("is"))
proxies = {name: Haproxy(PROGRAM, FOLDER / name, name, pki, f"127.0.0.1:{agent.port}", origin.port) for name in fronts()}
ALICE = pki.both("alice")


def says(variables):
    answer["is"] = variables


def never_reaches_origin(names, variables, status, **kwargs):
    says(variables)
    for name in names:
        before = origin.requests
        got = ask(proxies[name].port, ALICE, **kwargs)
        equal(got.status, status, f"{name} {variables}")
        equal(origin.requests, before, f"{name} {variables}: requests at the origin")
        yield name, got


@tests
def haproxy_accepts_the_shipped_files():
    for name, proxy in proxies.items():
        status, output = proxy.check()
        equal(status, 0, name + output)
        if "WARNING" in output or "ALERT" in output:
            raise AssertionError(output)
        proxy.start()


@tests
def an_allow_goes_on():
    says({"verdict": "allow"})
    for proxy in proxies.values():
        equal(ask(proxy.port, ALICE, "/a?b=c").json["path"], "/a?b=c")


@tests
def no_allow_no_way_on():
    wrong = [{"reason": "allowed", "status": 200}, {"verdict": "ALLOW"}, {"verdict": "allow "}, {"verdict": ""}, {"verdict": 1},
             {"verdict": True}, {"verdict": None}, {"verdict": "deny"}, {"verdict": "deny", "status": 0},
             {"verdict": "deny", "status": 99}, {"verdict": "respond", "status": 600}, {"verdict": "respond", "status": "x"}]
    for variables in wrong:
        for name, got in never_reaches_origin(proxies, variables, 503):
            if name != "haproxy-vars.cfg":
                equal(got.reason, "policy_unavailable", f"{name} {variables}")


@tests
def malformed_blocks_are_refused():
    """A fault of ours in a block must never be a half-edited request."""
    lua = [name for name in proxies if name in ("haproxy.cfg", "haproxy-connection.cfg")]
    for block in (b"\x05ab", b"\x01a\x01b", b"\xff\xff\xff\xff\xff\xff", b"\xf0", b"\x01a"):
        for _, got in never_reaches_origin(lua, {"verdict": "allow", "req_headers": block}, 503):
            equal(got.reason, "policy_unavailable")
        for _, got in never_reaches_origin(lua, {"verdict": "allow", "req_del": b"\x7fabc"}, 503):
            equal(got.reason, "policy_unavailable")


@tests
def a_mute_agent_denies_when_its_time_is_up():
    for name in proxies:
        started = time.monotonic()
        list(never_reaches_origin([name], None, 503))
        took = time.monotonic() - started
        if not 0.8 < took < 2.5:
            raise AssertionError(f"{name}: {took:.2f} s")


@tests
def an_agent_that_hangs_up_denies():
    list(never_reaches_origin(proxies, "close", 503))


@tests
def request_headers_are_removed_then_added():
    block = header_block([("x-role", "one"), ("x-role", "two"), ("X-Mixed", "Case"), ("x-empty", "")])
    says({"verdict": "allow", "req_del": name_block(["x-role", "x-gone", "x-never-sent"]), "req_headers": block})
    for name in full_fronts():
        got = ask(proxies[name].port, ALICE, headers=[("X-Role", "forged"), ("X-Gone", "1"), ("X-Gone", "2"), ("X-Stays", "here")])
        equal(got.origin("x-role"), ["one", "two"], name)
        equal(got.origin("x-gone"), [], name)
        equal(got.origin("x-stays"), ["here"], name)
        equal(got.origin("x-mixed"), ["Case"], name)


@tests
def an_added_header_stands_behind_the_clients_own():
    says({"verdict": "allow", "req_headers": header_block([("x-list", "ours")])})
    for name in full_fronts():
        equal(ask(proxies[name].port, ALICE, headers=[("x-list", "theirs")]).origin("x-list"), ["theirs", "ours"], name)


@tests
def client_cert_is_haproxys_own_copy():
    import base64
    says({"verdict": "allow", "client_cert": True})
    expected = ":" + base64.b64encode(pki.der("alice")).decode() + ":"
    for name, proxy in proxies.items():
        got = ask(proxy.port, ALICE, headers=[("Client-Cert", "forged"), ("Client_Cert", "forged")])
        equal(got.origin("client-cert"), [expected], name)
        equal(got.origin("client_cert"), [], name)
    says({"verdict": "allow", "client_cert": False})
    for name, proxy in proxies.items():
        equal(ask(proxy.port, ALICE).origin("client-cert"), [], name)


@tests
def what_clients_send_under_owned_names_never_arrives():
    says({"verdict": "allow"})
    forged = ["Cf-Cert-Verified", "cf_cert_verified", "CF-CERT_Presented", "client-cert", "Client_Cert_Chain", "client-cert-chain",
              "cf-client-cert-der-base64", "Cf_Client-Cert_Sha256", "cf-access-jwt-assertion", "cf_access_jwt_assertion", "x-mtls-id",
              "X_MTLS_Anything"]
    for name, proxy in proxies.items():
        got = ask(proxy.port, ALICE, headers=[(header, "forged") for header in forged])
        left = [key for key, value in got.json["headers"] if value == "forged"]
        equal(left, [], name)


@tests
def refusals_carry_status_body_and_headers():
    block = header_block([("content-type", "text/plain"), ("x-why", "because"), ("set-cookie", "a=1"), ("set-cookie", "b=2")])
    for status in (200, 299, 403, 418, 451, 503, 599):
        says({"verdict": "respond", "status": status, "body": "line one\nline two\n", "content_type": "text/plain", "res_headers": block})
        for name in full_fronts():
            got = ask(proxies[name].port, ALICE)
            equal((got.status, got.body), (status, b"line one\nline two\n"), name)
            equal(got.header("x-why"), "because", name)
            equal([v for k, v in got.headers if k.lower() == "set-cookie"], ["a=1", "b=2"], name)
            equal([v for k, v in got.headers if k.lower() == "content-type"], ["text/plain"], name)


@tests
def variables_stand_in_for_missing_headers():
    says({"verdict": "deny", "status": 403, "body": "{}", "content_type": "application/problem+json"})
    for name, proxy in proxies.items():
        got = ask(proxy.port, ALICE)
        equal((got.status, got.body, got.header("content-type")), (403, b"{}", "application/problem+json"), name)
    says({"verdict": "respond", "status": 302, "location": "https://login.example.com/?a=b&c=%20"})
    for name, proxy in proxies.items():
        got = ask(proxy.port, ALICE)
        equal((got.status, got.header("location")), (302, "https://login.example.com/?a=b&c=%20"), name)


@tests
def a_refusal_keeps_the_connection():
    says({"verdict": "deny", "status": 403, "body": "no\n", "content_type": "text/plain"})
    for name in full_fronts():
        with Client(proxies[name].port, certificate=ALICE) as client:
            for method, path in (("GET", "/"), ("HEAD", "/"), ("POST", "/"), ("GET", "/again")):
                got = client.request(path, method, body=b"x" * 100 if method == "POST" else None)
                equal(got.status, 403, f"{name} {method}")
                equal(got.body, b"" if method == "HEAD" else b"no\n", f"{name} {method}")


@tests
def response_headers_are_removed_then_added():
    says({"verdict": "allow", "res_del": name_block(["x-powered-by"]),
          "res_headers": header_block([("x-checked-by", "mtlsguard"), ("x-two", "1"), ("x-two", "2")])})
    for name in full_fronts():
        got = ask(proxies[name].port, ALICE, "/?origin-header=X-Powered-By:php&origin-header=X-Kept:yes")
        equal((got.header("x-powered-by"), got.header("x-kept"), got.header("x-checked-by")), (None, "yes", "mtlsguard"), name)
        equal([v for k, v in got.headers if k == "x-two"], ["1", "2"], name)


@tests
def headers_have_room_behind_an_upload():
    pairs = [(f"x-big-{i}", "v" * 190) for i in range(20)]
    says({"verdict": "allow", "req_headers": header_block(pairs), "client_cert": True})
    for name in full_fronts():
        got = ask(proxies[name].port, ALICE, "/up", method="POST", body=b"u" * 200000)
        equal(got.status, 200, name)
        equal(got.json["body"], 200000, name)
        for header, value in pairs:
            equal(got.origin(header), [value], name)


def upload(port):
    """HAProxy may answer and close while the body is still being sent, and its answer may then be lost: asked again."""
    for _ in range(5):
        try:
            return ask(port, ALICE, "/up", method="POST", body=b"u" * 60000)
        except OSError:
            continue
    raise AssertionError("never an answer")


@tests
def headers_without_room_are_never_dropped_silently():
    says({"verdict": "allow", "req_headers": header_block([(f"x-big-{i}", "v" * 900) for i in range(14)])})
    for name in full_fronts():
        before = origin.requests
        got = upload(proxies[name].port)
        if got.status == 200:
            # The body came late, so there was room: then every header must have got through.
            for i in range(14):
                equal(got.origin(f"x-big-{i}"), ["v" * 900], f"{name} x-big-{i}")
            continue
        equal(got.status, 503 if name == "haproxy.cfg" else 500, name)
        equal(origin.requests, before, name)


@tests
def every_argument_arrives():
    seen = {}

    def script(arguments):
        seen.update(arguments)
        return {"verdict": "allow"}

    agent.script = script
    try:
        ask(proxies["haproxy.cfg"].port, ALICE, "/p/a?q=1", host="API.example.com:8443", headers=[("Accept", "text/html")])
    finally:
        agent.script = lambda arguments: answer.get("is")
    wanted = {"used": True, "resumed": False, "sni": "API.example.com:8443", "tls_version": "TLSv1.3", "early": False, "method": "GET",
              "scheme": "https", "host": "API.example.com:8443", "path": "/p/a", "query": "q=1", "version": "1.1", "hdr_accept": "text/html"}
    wanted.pop("sni")
    for name, value in wanted.items():
        equal(seen.get(name), value, name)
    equal(seen["cert"], pki.der("alice"))
    equal(seen["chain"], pki.der("partners-sub"))
    equal(len(seen["src"]), 4)
    for name in ("sni", "tls_cipher", "src_port", "id"):
        if not seen.get(name):
            raise AssertionError(f"{name}: {seen.get(name)!r}")


@tests
def an_agent_that_is_gone_costs_milliseconds():
    """Last: the scripted agent stops."""
    agent.stop()
    time.sleep(2.5)
    for name in proxies:
        started = time.monotonic()
        list(never_reaches_origin([name], {"verdict": "allow"}, 503))
        took = time.monotonic() - started
        if took > 0.25:
            raise AssertionError(f"{name}: {took:.2f} s")


if __name__ == "__main__":
    try:
        status = main(tests)
    finally:
        for proxy in proxies.values():
            proxy.stop()
    raise SystemExit(status)
