#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Envoy with the shipped docker/envoy/grpc.yaml in front of the agent: who passes, what the origin sees, what a client can't forge."""
from stand import QUESTION, Stand, Tests, common, equal, run, wait_for

tests = Tests()
stand = Stand("grpc", {"chain": "xfcc"}, """local M = {}
function M.fetch(request, env, ctx)
  if request.headers:get("x-stop") then
    return Response.new("stopped by the worker\\n", { status = 418, headers = { ["x-why"] = "asked" } })
  end
  local to_origin = Request.new(request)
  to_origin.headers:set("x-client-name", request.cf.tlsClientAuth.certSubjectDN)
  to_origin.headers:set("x-client-tls", request.cf.tlsVersion)
  to_origin.headers:append("x-list", "agent")
  to_origin.headers:delete("x-secret")
  local response = fetch(to_origin)
  response.headers:set("x-checked-by", "mtlsguard")
  return response
end
return M
""")


@tests
def workers_edit_both_ways_and_answer():
    answer = stand.ask("alice", host="worker.example.com", headers=[("x-client-name", "root"), ("x-list", "client"), ("x-secret", "1")])
    equal(answer.status, 200)
    equal(len(answer.origin("x-client-name")), 1)
    assert "alice" in answer.origin("x-client-name")[0]
    equal(answer.origin("x-list"), ["client,agent"])
    equal(answer.origin("x-secret"), [])
    equal(answer.header("x-checked-by"), "mtlsguard")
    answer = stand.ask("alice", host="worker.example.com", headers=[("x-stop", "1")])
    equal((answer.status, answer.body, answer.header("x-why")), (418, b"stopped by the worker\n", "asked"))


@tests
def workers_know_the_tls_version():
    for tls in ("1.2", "1.3"):
        equal(stand.ask("alice", host="worker.example.com", tls=tls, headers=QUESTION).origin("x-client-tls"), [f"TLSv{tls}"])


@tests
def checks_and_health_checks_are_counted():
    wait_for("a health check", lambda: "mtlsguard_grpc_healthchecks_total 0" not in stand.agent.get("/metrics")[1], 15)
    text = stand.agent.get("/metrics")[1]
    checks = next(line for line in text.splitlines() if line.startswith("mtlsguard_grpc_checks_total"))
    assert float(checks.split()[1]) >= 5, checks
    assert "mtlsguard_grpc_errors_total 0" in text


common(tests, stand)
if __name__ == "__main__":
    run(tests, stand)
