#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Envoy with the shipped docker/envoy/http.yaml in front of the agent: who passes, what the origin sees, what a client can't forge."""
from stand import Client, Stand, Tests, common, equal, run

tests = Tests()
stand = Stand("http", {}, """local M = {}
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
""")


@tests
def refusals_say_their_reason_in_a_header():
    equal(stand.denied(None, "certificate_required").header("x-mtls-reason"), "certificate_required")


@tests
def a_forged_tls_name_hides_no_misdirected_request():
    """Without a name in the handshake Envoy makes no header of it: the client's own must not stand in."""
    forged = [("X-SSL-SNI", "api.example.com")]
    stand.denied("foreign", "misdirected_request", 421, sni="www.example.com", headers=forged)
    stand.denied("foreign", "certificate_invalid", headers=[("X-SSL-SNI", "www.example.com")])
    # An address is no name, so the handshake has none.
    with Client(stand.front.port, "api.example.com", stand.pki.both("foreign"), sni="127.0.0.1") as client:
        equal(client.request(headers=[("X-SSL-SNI", "www.example.com")]).reason, "certificate_invalid")


@tests
def workers_edit_both_ways_and_answer():
    answer = stand.ask("alice", host="worker.example.com", headers=[("x-client-name", "root"), ("x-client-list", "client"), ("x-secret", "1")])
    equal(answer.status, 200)
    equal(len(answer.origin("x-client-name")), 1)
    assert "alice" in answer.origin("x-client-name")[0]
    equal(answer.origin("x-client-list"), ["a, b"])
    equal(answer.origin("x-secret"), [])
    equal((answer.header("x-checked-by"), answer.header("x-client-name")), ("mtlsguard", None))
    # A 2xx would be an allow, and a 5xx what failure_mode_allow lets pass.
    for said, status in ((418, 418), (302, 302), (200, 403), (206, 403), (500, 403), (503, 403)):
        answer = stand.ask("alice", host="worker.example.com", headers=[("x-stop", str(said))])
        equal((answer.status, answer.body, answer.header("x-why")), (status, b"stopped by the worker\n", "asked"))
        equal(answer.header("x-mtls-status"), None if said == status else str(said))


common(tests, stand)
if __name__ == "__main__":
    run(tests, stand)
