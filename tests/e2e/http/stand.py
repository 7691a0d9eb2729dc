# SPDX-License-Identifier: Apache-2.0
"""An agent with an HTTP listener of one dialect behind a real front, and the tests that every such front has to pass."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ.setdefault("HAPROXY", "none")

from setting import FOLDER, Agent, Client, ask, equal, free_port, make_pki, settings, start_origin, wait_for  # noqa: E402,F401

WORKER = """local M = {}
function M.fetch(request, env, ctx)
  local stop = request.headers:get("x-stop")
  if stop == "redirect" then
    return Response.redirect("https://login.example.com/", 302)
  elseif stop == "fault" then
    error("on purpose")
  elseif stop then
    return Response.new("fine\\n", { status = 200 })
  end
  local to_origin = Request.new(request)
  to_origin.headers:set("x-client-name", request.cf.tlsClientAuth.certSubjectDN)
  return fetch(to_origin)
end
return M
"""
FORGED = [("CF-Cert-Verified", "true"), ("Cf-Cert-Subject-DN", "CN=root"), ("Client-Cert", ":AAAA:"), ("Client-Cert-Chain", ":AAAA:"),
          ("X-Mtls-Id", "1"), ("Cf-Access-Jwt-Assertion", "e30.e30.AA"), ("X-Forwarded-Client-Cert", "Hash=00;Cert=\"x\""), ("X-SSL-Cert", "x"), ("X-Forwarded-Tls-Client-Cert", "x"),
          ("X-Original-URI", "/"), ("X-Original-Host", "www.example.com"), ("X-Forwarded-Host", "www.example.com"),
          ("X-Forwarded-Uri", "/"), ("X-Forwarded-Method", "GET"), ("X-Forwarded-For", "10.9.9.9"), ("X-Real-IP", "10.9.9.9")]
UNDERSCORES = [("cf_cert_verified", "true"), ("Client_Cert", ":AAAA:"), ("x_mtls_id", "1"), ("X_SSL_Cert", "x"), ("cf-cert_verified", "true")]


class Stand:
    """front: a class of tests/env/webs.py. statuses: whether a refusal's own status reaches the client."""

    def __init__(self, dialect, front, edits=()):
        self.pki = make_pki()
        self.origin = start_origin()
        self.port = free_port()
        (FOLDER / "worker.lua").write_text(WORKER)
        config = settings(self.pki, listen={"spop": [], "http": [{1: f"127.0.0.1:{self.port}", "dialect": dialect}]},
                          workers=[{"name": "w", "script": FOLDER / "worker.lua", "routes": ["worker.example.com/*"]}])
        # What these proxies can't hand over.
        config["authorities"]["partners"]["intermediates"] = self.pki.path("partners-sub")
        self.agent = Agent(FOLDER / "agent", config).start()
        self.front = front(FOLDER / "front", self.pki, self.port, self.origin.port, edits).start()

    def ask(self, name=None, **kwargs):
        return ask(self.front.port, self.pki.both(name) if name else None, **kwargs)

    def denied(self, name, reason, status=403, **kwargs):
        answer = self.ask(name, **kwargs)
        equal((answer.status, answer.reason), (status, reason), f"{name} {kwargs}")
        return answer

    def stop(self):
        self.front.stop()
        self.agent.stop()


def common(tests, stand):
    """Adds what is the same behind each of them."""

    @tests
    def good_certificates_reach_the_origin():
        for name in ("alice", "bob"):
            answer = stand.ask(name, path="/a/b?c=d")
            equal(answer.status, 200, answer)
            equal(answer.json["path"], "/a/b?c=d")
            equal(answer.origin("cf-cert-verified"), ["true"])
            equal(answer.origin("cf-cert-revoked"), ["false"])
            equal(len(answer.origin("client-cert")), 1)
            assert name in answer.origin("cf-cert-subject-dn")[0], answer
        equal(stand.ask("rsa", host="a.iot.example.com").status, 200)

    @tests
    def every_bad_one_is_refused_with_its_reason():
        answer = stand.denied(None, "certificate_required")
        equal(answer.header("content-type"), "application/problem+json")
        for name in ("foreign", "expired", "early", "selfsigned", "serveronly"):
            stand.denied(name, "certificate_invalid")
        stand.denied("denied", "certificate_revoked")
        stand.denied("alice", "host_unknown", host="other.example.com")
        stand.denied("alice", "bad_request", 400, path="/a%2f..%2fb")
        stand.denied("alice", "bad_request", 400, path="/a#b")

    @tests
    def a_host_that_requires_none_gets_the_facts():
        for name, verified in ((None, "false"), ("foreign", "false"), ("expired", "false"), ("alice", "true")):
            answer = stand.ask(name, host="www.example.com")
            equal(answer.status, 200, answer)
            equal(answer.origin("cf-cert-presented"), ["true" if name else "false"])
            equal(answer.origin("cf-cert-verified"), [verified], str(name))

    @tests
    def what_clients_forge_does_not_arrive():
        stand.denied(None, "certificate_required", headers=FORGED)
        answer = stand.ask(None, host="www.example.com", headers=FORGED)
        equal(answer.status, 200, answer)
        equal(answer.origin("cf-cert-verified"), ["false"])
        for name in ("cf-cert-subject-dn", "client-cert", "client-cert-chain", "x-mtls-id", "cf-access-jwt-assertion"):
            equal(answer.origin(name), [], name)

    @tests
    def nor_under_another_spelling():
        stand.denied(None, "certificate_required", headers=UNDERSCORES)
        answer = stand.ask(None, host="www.example.com", headers=UNDERSCORES)
        equal(answer.status, 200, answer)
        for name in ("cf_cert_verified", "client_cert", "x_mtls_id", "cf-cert_verified"):
            equal(answer.origin(name), [], name)

    @tests
    def clients_cannot_take_away_what_the_agent_says():
        answer = stand.ask("foreign", host="www.example.com",
                           headers=[("Connection", "Cf-Cert-Verified, Client-Cert"), ("Connection", "cf-cert-presented, close")])
        equal(answer.status, 200, answer)
        equal(answer.origin("cf-cert-verified"), ["false"])
        equal(answer.origin("cf-cert-presented"), ["true"])

    @tests
    def a_worker_decides_too():
        answer = stand.ask("alice", host="worker.example.com", headers=[("x-client-name", "root")])
        equal(answer.status, 200, answer)
        equal(len(answer.origin("x-client-name")), 1)
        assert "alice" in answer.origin("x-client-name")[0]
        # A worker's own 200 would be an allow to the proxy.
        equal(stand.ask("alice", host="worker.example.com", headers=[("x-stop", "200")]).status, 403)
        answer = stand.ask("alice", host="worker.example.com", headers=[("x-stop", "redirect")])
        equal((answer.status, answer.header("location")), (302, "https://login.example.com/"))
        equal(stand.ask("alice", host="worker.example.com", headers=[("x-stop", "fault")]).status, 503)

    @tests
    def connections_stay_and_bodies_pass():
        with Client(stand.front.port, certificate=stand.pki.both("alice")) as client:
            for _ in range(10):
                answer = client.request("/up", "POST", body=b"x" * 100000)
                equal((answer.status, answer.json["body"], answer.json["method"]), (200, 100000, "POST"))
        with Client(stand.front.port) as client:
            equal(client.request("/up", "PUT", body=b"x" * 1000).status, 403)

    @tests
    def no_agent_is_no_access():
        equal(stand.agent.stop(), 0)
        for name in ("alice", None):
            status = stand.ask(name).status
            assert status in (500, 502, 503), status
        stand.agent.start()
        wait_for("an answer", lambda: stand.ask("alice").status == 200, 20)
