#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Envoy with the shipped docker/envoy/http.yaml in front of the agent: who passes, what the origin sees, what a client can't forge."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import os  # noqa: E402

os.environ.setdefault("HAPROXY", "none")

from setting import FOLDER, Agent, Client, Tests, ask, equal, free_port, main, make_pki, settings, start_origin, wait_for  # noqa: E402
import envoy  # noqa: E402

WORKER = """local M = {}
function M.fetch(request, env, ctx)
  local stop = math.tointeger(tonumber(request.headers:get("x-stop")))
  if stop then
    return Response.new("stopped by the worker\\n", { status = stop, headers = { ["x-why"] = "asked" } })
  end
  local to_origin = Request.new(request)
  to_origin.headers:set("x-client-name", request.cf.tlsClientAuth.certSubjectDN)
  to_origin.headers:append("x-client-list", "a")
  to_origin.headers:append("x-client-list", "b")
  to_origin.headers:delete("x-secret")
  local response = fetch(to_origin)
  response.headers:set("x-checked-by", "mtlsguard")
  response.headers:set("x-client-name", "not for the request")
  return response
end
return M
"""

tests = Tests()
pki = make_pki()
origin = start_origin()
port = free_port()
(FOLDER / "worker.lua").write_text(WORKER)
agent = Agent(FOLDER / "agent", settings(
    pki, listen={"spop": [], "http": [f"127.0.0.1:{port}"]},
    workers=[{"name": "w", "script": FOLDER / "worker.lua", "routes": ["worker.example.com/*"]}]))
agent.start()
front = envoy.Envoy(os.environ["ENVOY"], "http.yaml", FOLDER / "envoy", pki.path("server").parent, port, origin.port,
                    [("port_value: 9643", f"port_value: {agent.admin}")]).start()
wait_for("an answer", lambda: ask(front.port, pki.both("alice")).status == 200, 10)


def denied(name, reason, status=403, **kwargs):
    answer = ask(front.port, pki.both(name) if name else None, **kwargs)
    equal((answer.status, answer.reason), (status, reason), f"{name} {kwargs}")
    return answer


@tests
def good_certificates_reach_the_origin():
    for name in ("alice", "bob"):
        answer = ask(front.port, pki.both(name), path="/a/b?c=d")
        equal((answer.status, answer.json["path"]), (200, "/a/b?c=d"))
        equal(answer.origin("cf-cert-verified"), ["true"])
        equal(len(answer.origin("client-cert")), 1)
        for gone in ("x-forwarded-client-cert", "x-mtls-id", "x-mtls-reason", "x-ssl-sni"):
            equal(answer.origin(gone), [], gone)
    equal(ask(front.port, pki.both("rsa"), host="a.iot.example.com").status, 200)


@tests
def every_bad_one_is_refused_with_its_reason():
    answer = denied(None, "certificate_required")
    equal(answer.header("content-type"), "application/problem+json")
    equal(answer.header("x-mtls-reason"), "certificate_required")
    for name in ("foreign", "expired", "early", "selfsigned", "serveronly"):
        denied(name, "certificate_invalid")
    denied("denied", "certificate_revoked")
    denied("alice", "host_unknown", host="other.example.com")
    denied("foreign", "misdirected_request", 421, sni="www.example.com")


@tests
def what_clients_forge_does_not_arrive():
    forged = [("CF-Cert-Verified", "true"), ("X-Client-Name", "root"), ("Client-Cert", ":AAAA:"), ("Client-Cert-Chain", ":AAAA:"), ("X-Mtls-Id", "1"),
              ("X-Mtls-Reason", "allowed"), ("X-Mtls-Forged", "1"), ("X-Forwarded-Client-Cert", "Hash=00;Cert=\"x\""), ("X-SSL-Cert", "x"),
              ("X-Forwarded-Tls-Client-Cert", "x"), ("X-Envoy-Auth-Headers-To-Remove", "cf-cert-verified")]
    for name in (None, "foreign"):
        denied(name, "certificate_invalid" if name else "certificate_required", headers=forged)
        answer = ask(front.port, pki.both(name) if name else None, host="www.example.com", headers=forged)
        equal(answer.status, 200)
        equal(answer.origin("cf-cert-verified"), ["false"])
        for gone in ("x-client-name", "client-cert", "client-cert-chain", "x-mtls-id", "x-mtls-reason", "x-mtls-forged", "x-forwarded-client-cert"):
            equal(answer.origin(gone), [], gone)
    equal(ask(front.port, None, host="www.example.com", headers=[("cf_cert_verified", "true")]).status, 400)
    equal(ask(front.port, pki.both("alice"), headers=[("x_forwarded_client_cert", "x")]).status, 400)


@tests
def a_forged_tls_name_hides_no_misdirected_request():
    """Without a name in the handshake Envoy makes no header of it: the client's own must not stand in."""
    forged = [("X-SSL-SNI", "api.example.com")]
    denied("foreign", "misdirected_request", 421, sni="www.example.com", headers=forged)
    denied("foreign", "certificate_invalid", headers=[("X-SSL-SNI", "www.example.com")])
    # An address is no name, so the handshake has none.
    with Client(front.port, "api.example.com", pki.both("foreign"), sni="127.0.0.1") as client:
        equal(client.request(headers=[("X-SSL-SNI", "www.example.com")]).reason, "certificate_invalid")


@tests
def workers_edit_both_ways_and_answer():
    alice = pki.both("alice")
    answer = ask(front.port, alice, host="worker.example.com", headers=[("x-client-name", "root"), ("x-client-list", "client"), ("x-secret", "1")])
    equal(answer.status, 200)
    equal(len(answer.origin("x-client-name")), 1)
    assert "alice" in answer.origin("x-client-name")[0]
    equal(answer.origin("x-client-list"), ["a, b"])
    equal(answer.origin("x-secret"), [])
    equal(answer.header("x-checked-by"), "mtlsguard")
    # A 2xx would be an allow, and a 5xx what failure_mode_allow lets pass.
    for said, status in ((418, 418), (302, 302), (200, 403), (206, 403), (500, 403), (503, 403)):
        answer = ask(front.port, alice, host="worker.example.com", headers=[("x-stop", str(said))])
        equal((answer.status, answer.body, answer.header("x-why")), (status, b"stopped by the worker\n", "asked"))
        equal(answer.header("x-mtls-status"), None if said == status else str(said))


@tests
def connections_stay_and_bodies_pass():
    with Client(front.port, certificate=pki.both("alice")) as client:
        for _ in range(20):
            answer = client.request("/up", "POST", body=b"x" * 100000)
            equal((answer.status, answer.json["body"], answer.json["method"]), (200, 100000, "POST"))


@tests
def no_agent_is_no_access():
    equal(agent.stop(), 0)
    for name in ("alice", None):
        equal(ask(front.port, pki.both(name) if name else None).status, 503)
    agent.start()
    wait_for("an answer", lambda: ask(front.port, pki.both("alice")).status == 200, 20)


if __name__ == "__main__":
    code = main(tests)
    front.stop()
    agent.stop()
    sys.exit(code)
