#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Envoy told to let pass whatever looks like the agent's own fault (failure_mode_allow): no verdict does, whatever a client sends."""
import sys

from stand import FOLDER, Agent, Tests, ask, equal, free_port, main, make_pki, settings, start_envoy, start_origin, wait_for

WORKER = """local M = {}
function M.fetch(request, env, ctx)
  if request.headers:get("x-stop") == "spin" then
    while true do end
  end
  error("on purpose")
end
return M
"""

tests = Tests()
pki = make_pki()
origin = start_origin()
grpc, http = free_port(), free_port()
(FOLDER / "worker.lua").write_text(WORKER)
agent = Agent(FOLDER / "agent", settings(
    pki, listen={"spop": [], "http": [f"127.0.0.1:{http}"], "grpc": [{1: f"127.0.0.1:{grpc}", "chain": "xfcc"}]},
    workers=[{"name": "w", "script": FOLDER / "worker.lua", "routes": ["worker.example.com/*"]}]))
agent.start()
fronts = {}
for name, port, edits in (("grpc", grpc, []), ("http", http, [("port_value: 9643", f"port_value: {agent.admin}")])):
    fronts[name] = start_envoy(f"{name}.yaml", FOLDER / name, pki, port, origin, [("failure_mode_allow: false", "failure_mode_allow: true"), *edits])
for front in fronts.values():
    wait_for("an answer", lambda front=front: ask(front.port, pki.both("alice")).origin("cf-cert-verified") == ["true"], 10)


def denied(front, name, reason, status=403, **kwargs):
    answer = ask(fronts[front].port, pki.both(name) if name else None, **kwargs)
    equal((answer.status, answer.reason), (status, reason), f"{front} {name} {kwargs}")
    return answer


@tests
def refusals_stay_refusals():
    for front in fronts:
        for name, reason in ((None, "certificate_required"), ("foreign", "certificate_invalid"), ("denied", "certificate_revoked")):
            denied(front, name, reason)
        denied(front, "alice", "host_unknown", host="other.example.com")


@tests
def so_do_faults_of_workers():
    for stop, reason in (("error", "policy_error"), ("spin", "policy_timeout")):
        denied("grpc", "alice", reason, 503, host="worker.example.com", headers=[("x-stop", stop)])
        answer = denied("http", "alice", reason, 403, host="worker.example.com", headers=[("x-stop", stop)])
        equal(answer.header("x-mtls-status"), "503")


@tests
def nothing_that_a_client_sends_is_too_much():
    """What fills the memory of a connection to the agent, up to what Envoy itself takes."""
    for front in fronts:
        for count in (1, 300, 500, 520, 540, 560, 580, 600, 900, 5000, 20000):
            for kwargs in ({"headers": [("Cookie", ";".join(["a"] * count)), ("X", "x" * max(0, 40000 - 2 * count))]},
                           {"headers": [(f"x{i}", "y" * 200) for i in range(min(count, 180))]}, {"path": "/?" + "a&" * min(count, 5000)},
                           {"path": "/" + "%2e/" * min(count, 5000)}, {"path": "/" + "a/" * min(count, 5000)}):
                answer = ask(fronts[front].port, None, **kwargs)
                assert 400 <= answer.status < 500, (front, count, list(kwargs), answer.status)


@tests
def without_an_agent_all_pass():
    """This is what failure_mode_allow is for, and why the shipped files have it off."""
    equal(agent.stop(), 0)
    for front in fronts.values():
        equal(ask(front.port, None).status, 200)


if __name__ == "__main__":
    code = main(tests)
    for front in fronts.values():
        front.stop()
    agent.stop()
    sys.exit(code)
