#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Envoy with the shipped docker/envoy/grpc.yaml in front of the agent: who passes, what the origin sees, what a client can't forge."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import os  # noqa: E402

os.environ.setdefault("HAPROXY", "none")

from setting import FOLDER, Agent, Client, Tests, ask, equal, free_port, main, make_pki, settings, start_origin, wait_for  # noqa: E402
import envoy  # noqa: E402

WORKER = """local M = {}
function M.fetch(request, env, ctx)
  if request.headers:get("x-stop") then
    return Response.new("stopped by the worker\\n", { status = 418, headers = { ["x-why"] = "asked" } })
  end
  local to_origin = Request.new(request)
  to_origin.headers:set("x-client-name", request.cf.tlsClientAuth.certSubjectDN)
  to_origin.headers:append("x-list", "agent")
  to_origin.headers:delete("x-secret")
  local response = fetch(to_origin)
  response.headers:set("x-checked-by", "mtlsguard")
  return response
end
return M
"""

tests = Tests()
pki = make_pki()
origin = start_origin()
grpc = free_port()
(FOLDER / "worker.lua").write_text(WORKER)
agent = Agent(FOLDER / "agent", settings(
    pki, listen={"spop": [], "grpc": [{1: f"127.0.0.1:{grpc}", "chain": "xfcc"}]},
    workers=[{"name": "w", "script": FOLDER / "worker.lua", "routes": ["worker.example.com/*"]}]))
agent.start()
front = envoy.Envoy(os.environ["ENVOY"], "grpc.yaml", FOLDER / "envoy", pki.path("server").parent, grpc, origin.port).start()
wait_for("an answer", lambda: ask(front.port, pki.both("alice")).status == 200, 10)


def denied(name, reason, status=403, **kwargs):
    answer = ask(front.port, pki.both(name) if name else None, **kwargs)
    equal((answer.status, answer.reason), (status, reason), str(name))
    return answer


@tests
def good_certificates_reach_the_origin():
    for name in ("alice", "bob"):
        answer = ask(front.port, pki.both(name))
        equal(answer.status, 200)
        equal(answer.origin("cf-cert-verified"), ["true"])
        equal(len(answer.origin("client-cert")), 1)
        equal(answer.origin("x-forwarded-client-cert"), [])
    equal(ask(front.port, pki.both("rsa"), host="a.iot.example.com").status, 200)


@tests
def every_bad_one_is_refused_with_its_reason():
    answer = denied(None, "certificate_required")
    equal(answer.header("content-type"), "application/problem+json")
    for name in ("foreign", "expired", "early", "selfsigned", "serveronly"):
        denied(name, "certificate_invalid")
    denied("denied", "certificate_revoked")
    denied("alice", "host_unknown", host="other.example.com")
    denied("foreign", "misdirected_request", 421, sni="www.example.com")


@tests
def what_clients_forge_does_not_arrive():
    forged = [("CF-Cert-Verified", "true"), ("X-Client-Name", "root"), ("Client-Cert", ":AAAA:"), ("X-Mtls-Id", "1"),
              ("X-Forwarded-Client-Cert", "Hash=00;Cert=\"x\""), ("X-Tls-Version", "TLSv1.3")]
    denied(None, "certificate_required", headers=forged)
    answer = ask(front.port, None, host="www.example.com", headers=forged)
    equal(answer.status, 200)
    equal(answer.origin("cf-cert-verified"), ["false"])
    for name in ("x-client-name", "client-cert", "x-mtls-id", "x-forwarded-client-cert"):
        equal(answer.origin(name), [], name)
    equal(ask(front.port, None, host="www.example.com", headers=[("cf_cert_verified", "true")]).status, 400)


@tests
def workers_edit_both_ways_and_answer():
    answer = ask(front.port, pki.both("alice"), host="worker.example.com",
                 headers=[("x-client-name", "root"), ("x-list", "client"), ("x-secret", "1")])
    equal(answer.status, 200)
    equal(len(answer.origin("x-client-name")), 1)
    assert "alice" in answer.origin("x-client-name")[0]
    equal(answer.origin("x-list"), ["client,agent"])
    equal(answer.origin("x-secret"), [])
    equal(answer.header("x-checked-by"), "mtlsguard")
    answer = ask(front.port, pki.both("alice"), host="worker.example.com", headers=[("x-stop", "1")])
    equal((answer.status, answer.body, answer.header("x-why")), (418, b"stopped by the worker\n", "asked"))


@tests
def sessions_and_metrics():
    with Client(front.port, certificate=pki.both("alice")) as client:
        for _ in range(20):
            equal(client.request().status, 200)
    status, text = agent.get("/metrics")
    equal(status, 200)
    checks = next(line for line in text.splitlines() if line.startswith("mtlsguard_grpc_checks_total"))
    assert float(checks.split()[1]) > 20, checks
    assert "mtlsguard_grpc_errors_total 0" in text


@tests
def no_agent_is_no_access():
    wait_for("a health check", lambda: "mtlsguard_grpc_healthchecks_total 0" not in agent.get("/metrics")[1], 15)
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
