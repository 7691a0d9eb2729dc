# SPDX-License-Identifier: Apache-2.0
"""An agent with an HTTP listener of one dialect behind a real front, and the tests that every such front has to pass."""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ.setdefault("HAPROXY", "none")

from setting import FOLDER, Agent, equal, free_port, make_pki, settings, start_origin, wait_for  # noqa: E402,F401
import fronts  # noqa: E402

WORKER = """local M = {}
function M.fetch(request, env, ctx)
  local stop = request.headers:get("x-stop")
  if stop == "redirect" then
    return Response.redirect("https://login.example.com/", 302)
  elseif stop == "fault" then
    error("on purpose")
  elseif stop then
    return Response.new("fine\\n", { status = math.tointeger(tonumber(stop)) })
  end
  local to_origin = Request.new(request)
  to_origin.headers:set("x-client-name", request.cf.tlsClientAuth.certSubjectDN)
  return fetch(to_origin)
end
return M
"""
FORGED = [("CF-Cert-Verified", "true"), ("Cf-Cert-Subject-DN", "CN=root"), ("Client-Cert", ":AAAA:"), ("Client-Cert-Chain", ":AAAA:"),
          ("Cf-Client-Cert-Der-Base64", "AAAA"), ("X-Mtls-Id", "1"), ("X-Mtls-Reason", "allowed"), ("X-Mtls-Status", "200"),
          ("Cf-Access-Jwt-Assertion", "e30.e30.AA"), ("X-Client-Name", "root")]
# What these proxies say to an agent, each in its own words.
QUESTION = [("X-Forwarded-Client-Cert", "Hash=00;Cert=\"x\""), ("X-SSL-Cert", "x"), ("X-Forwarded-Tls-Client-Cert", "x"), ("X-SSL-SNI", "other.example.com"),
            ("X-Original-URI", "/"), ("X-Original-Host", "other.example.com"), ("X-Forwarded-Host", "other.example.com"),
            ("X-Forwarded-Uri", "/"), ("X-Forwarded-Method", "GET"), ("X-Forwarded-For", "10.9.9.9"), ("X-Real-IP", "10.9.9.9")]
UNDERSCORES = [("cf_cert_verified", "true"), ("Client_Cert", ":AAAA:"), ("cf_client_cert_sha256", "00"), ("cf_access_jwt_assertion", "e30.e30.AA"),
               ("x_mtls_id", "1"), ("x_client_name", "root"), ("cf-cert_verified", "true"), ("X_SSL_Cert", "x")]


class Stand(fronts.Front):
    """front: a class of tests/env/webs.py. gone: what a client gets without an agent."""

    def __init__(self, dialect, front, gone):
        self.gone, self.log = gone, FOLDER / "decisions.log"
        self.pki = make_pki()
        # As large as one may be that is passed on.
        self.pki.issue("large", "/O=Example/OU=admin/CN=large", issuer="partners", san=",".join(f"DNS:h{i:04}.a-rather-long-name.example.com" for i in range(180)))
        self.origin = start_origin()
        self.port = free_port()
        (FOLDER / "worker.lua").write_text(WORKER)
        config = settings(self.pki, listen={"spop": [], "http": [{1: f"127.0.0.1:{self.port}", "dialect": dialect}]},
                          workers=[{"name": "w", "script": FOLDER / "worker.lua", "routes": ["worker.example.com/*"]}],
                          decisions={"log": self.log, "level": "all"})
        # What these proxies can't hand over.
        config["authorities"]["partners"]["intermediates"] = self.pki.path("partners-sub")
        self.agent = Agent(FOLDER / "agent", config).start()
        self.front = front(FOLDER / "front", self.pki, self.port, self.origin.port, ["x-client-name"]).start()


def common(tests, stand):
    """Adds what is the same behind each of them."""

    @tests
    def good_certificates_reach_the_origin():
        for name in ("alice", "bob", "large"):
            answer = stand.ask(name, path="/a/b?c=d")
            equal(answer.status, 200, answer)
            equal(answer.json["path"], "/a/b?c=d")
            equal(answer.origin("cf-cert-verified"), ["true"])
            equal(answer.origin("cf-cert-revoked"), ["false"])
            equal(len(answer.origin("client-cert")), 1)
            assert name in answer.origin("cf-cert-subject-dn")[0], answer
        equal(stand.ask("rsa", host="a.iot.example.com").status, 200)

    @tests
    def paths_that_could_be_read_twice_are_refused():
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
        for name, _ in FORGED[1:]:
            equal(answer.origin(name.lower()), [], name)

    @tests
    def the_question_is_the_proxys_own():
        for name, verified in (("alice", "true"), ("foreign", "false"), (None, "false")):
            answer = stand.ask(name, host="www.example.com", path="/a?b", headers=FORGED + QUESTION)
            equal((answer.status, answer.json["path"]), (200, "/a?b"), answer)
            equal(answer.origin("cf-cert-verified"), [verified])
            equal((answer.origin("host"), answer.origin("x-forwarded-for")), (["www.example.com"], ["127.0.0.1"]))
        answer = stand.denied("foreign", "certificate_invalid", headers=FORGED + QUESTION)
        wait_for("the record", lambda: answer.json["id"] in stand.log.read_text(), 5)
        equal({json.loads(line)["src"] for line in stand.log.read_text().splitlines()}, {"127.0.0.1"})

    @tests
    def nor_under_another_spelling():
        stand.denied(None, "certificate_required", headers=UNDERSCORES)
        answer = stand.ask(None, host="www.example.com", headers=UNDERSCORES)
        equal(answer.status, 200, answer)
        for name, _ in UNDERSCORES:
            equal(answer.origin(name.lower()), [], name)

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

    fronts.common(tests, stand, stand.gone)
