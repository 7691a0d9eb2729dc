#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Lua worker decides: its answers, its edits of request and response, its faults."""
import pathlib
import time

from setting import (FOLDER, OWNED_LINE, PROGRAM, Agent, Client, Haproxy, Tests, ask, curl, equal, full_fronts, main, make_pki, settings,
                     start_origin)
from load import Load

tests = Tests()
pki = make_pki()
origin = start_origin()
WORKER = pathlib.Path(__file__).with_name("worker.lua")
HOST = "worker.example.com"
agent = Agent(FOLDER / "agent", settings(pki, workers=[{"name": "e2e", "script": WORKER, "routes": [f"{HOST}/*"], "vars": {"TEAM": "edge"}}])).start()
address = f"127.0.0.1:{agent.port}"
USER_AGENT = ("    #args headers=req.hdrs_bin", "    args hdr_user_agent=req.fhdr(user-agent)")
fronts = [Haproxy(PROGRAM, FOLDER / name, name, pki, address, origin.port, edits=[OWNED_LINE], spoe_edits=[USER_AGENT]).start()
          for name in full_fronts()]
ALICE, BOB = pki.both("alice"), pki.both("bob")


def each(path, who=ALICE, **kwargs):
    for front in fronts:
        yield front, ask(front.port, who, path, host=HOST, **kwargs)


def refused(path, status, reason, **kwargs):
    for front in fronts:
        before = origin.requests
        got = ask(front.port, ALICE, path, host=HOST, **kwargs)
        equal((got.status, got.reason, origin.requests), (status, reason, before), f"{front.path.name} {path} {got!r}")


@tests
def odd_statuses():
    for status in (200, 204, 226, 299, 300, 304, 402, 418, 451, 499, 500, 511, 599):
        for front, got in each(f"/status?status={status}"):
            equal((got.status, got.header("x-worker")), (status, "yes"), front.path.name)
            equal(got.body, b"" if status in (204, 304) else b"said so\n", f"{front.path.name} {status}")


@tests
def statuses_that_are_none():
    for status in (100, 199, 600, 0):
        refused(f"/status?status={status}", 503, "policy_error")


@tests
def redirects_and_cookies():
    for front, got in each("/redirect"):
        equal((got.status, got.header("location")), (307, "https://login.example.com/?from=a%20b&to=c"), front.path.name)
    for front, got in each("/cookies", who=None):
        equal((got.status, [v for k, v in got.headers if k.lower() == "set-cookie"]), (401, ["a=1; Path=/", "b=2; Path=/"]), front.path.name)


@tests
def an_answer_leaves_the_connection_usable():
    for front in fronts:
        with Client(front.port, HOST, ALICE) as client:
            for path in ("/status?status=204", "/status?status=403", "/role", "/status?status=304", "/redirect", "/role"):
                got = client.request(path, "POST" if "403" in path else "GET", body=b"b" * 3000 if "403" in path else None)
                equal(got.status, {"/role": 200, "/redirect": 307}.get(path) or int(path[-3:]), path)
            equal(client.request("/status?status=403", "HEAD").body, b"")
            equal(client.request("/role").status, 200)


@tests
def edits_of_the_request():
    for who, role in ((ALICE, "admin"), (BOB, "staff")):
        for front, got in each("/role", who=who, headers=[("X-Client-Role", "forged"), ("x_client_role", "forged"), ("X-Team", "forged"),
                                                         ("X-List", "theirs"), ("X-Secret", "s"), ("X-Other", "o")]):
            equal([got.origin(name) for name in ("x-client-role", "x_client_role", "x-team", "x-list", "x-secret", "x-other")],
                  [[role], [], ["edge"], ["theirs", "worker"], [], ["o"]], front.path.name)
            equal(got.origin("cf-cert-verified"), ["true"])


@tests
def edits_of_the_response():
    for front, got in each("/role?origin-header=X-Powered-By:php&origin-header=X-Kept:yes&origin-status=404"):
        equal((got.status, got.header("x-checked-by"), got.header("x-powered-by"), got.header("x-kept")), (404, "mtlsguard", None, "yes"),
              front.path.name)
    for front, got in each("/pass?origin-header=X-Powered-By:php"):
        equal((got.status, got.header("x-checked-by"), got.header("x-powered-by")), (200, None, "php"), front.path.name)


@tests
def a_worker_sees_who_it_is():
    for who, words in ((None, b"NONE"), (pki.both("expired"), b"FAILED:certificate has expired"), (pki.both("selfsigned"), b"FAILED:self signed certificate"),
                       (pki.both("foreign"), b"FAILED:unable to get local issuer certificate")):
        for front, got in each("/role", who=who):
            equal((got.status, got.body), (403, words + b"\n"), front.path.name)


@tests
def headers_that_are_not_a_workers_to_forge():
    for front, got in each("/forge"):
        equal([value for _, value in got.json["headers"] if value == "forged"], [], front.path.name)
        equal(got.origin("cf-cert-verified"), ["true"])


@tests
def faults_of_a_worker_deny():
    for path, reason in (("/fault", "policy_error"), ("/nothing", "policy_error"), ("/unknown", "policy_error"), ("/spin", "policy_timeout"),
                         ("/hungry", "policy_memory"), ("/inject", "policy_error")):
        refused(path, 503, reason)


@tests
def arguments_that_a_worker_reads():
    for front, got in each("/agent", headers=[("User-Agent", "tests/1")]):
        equal(got.body, b"tests/1\n", front.path.name)
    for front, got in each("/agent"):
        equal(got.body, b"none\n", front.path.name)
    status, args, err = agent.command("haproxy", "args")
    equal(status, 0, err)
    for word in ("hdr_user_agent=req.fhdr(user-agent)", "query=query"):
        if word not in args.split():
            raise AssertionError(f"{word} is not in {args}")
    if "headers=req.hdrs_bin" in args:
        raise AssertionError(args)
    for front in fronts:
        status, out, err = agent.command("check", "--haproxy", front.path)
        equal(status, 0, out + err)
    bare = Haproxy(PROGRAM, FOLDER / "bare", "haproxy.cfg", pki, address, origin.port, edits=[OWNED_LINE])
    with bare.start():
        equal(ask(bare.port, ALICE, "/agent", host=HOST).reason, "bad_request", "a header that was not sent is not an empty one")
        status, out, err = agent.command("check", "--haproxy", bare.path)
        equal(status, 1, out + err)
        if "lacks the argument hdr_user_agent" not in err:
            raise AssertionError(err)


@tests
def large_answers():
    for front, got in each("/large?size=4000"):
        equal((got.status, len(got.body)), (200, 4000), front.path.name)
    for front, got in each("/large?size=100000"):
        equal((got.status, got.reason), (503, "answer_too_large"), front.path.name)
    for front in fronts:
        with Load(front.port, [("large", ALICE)] * 20, host=HOST, path="/large?size=4000") as load:
            time.sleep(1)
        equal(load.errors, [])
        equal(set(load.verdicts("large")), {(200, None)}, front.path.name)


@tests
def http_2():
    for front in fronts:
        out = curl(front.port, "-o", "/dev/null", "-w", "%{http_version} %{http_code}", host=HOST, path="/status?status=418",
                   certificate=pki.path("alice"), key=pki.key("alice"))
        equal(out, "2 418")


@tests
def a_spinning_worker_stops_nobody_else():
    front = fronts[-1]
    with Load(front.port, [("spin", ALICE)] * 2, host=HOST, path="/spin") as spin, Load(front.port, [("alice", ALICE)] * 4) as others:
        time.sleep(2)
    equal(spin.errors + others.errors, [])
    equal(set(spin.verdicts("spin")), {(503, "policy_timeout")})
    equal(set(others.verdicts("alice")), {(200, None)})
    if len(others.slow(0.5)) > 2:
        raise AssertionError(f"slow: {others.slow(0.5)}")


@tests
def once_a_connection_asks_every_time_where_a_worker_decides():
    once = Haproxy(PROGRAM, FOLDER / "once", "haproxy-connection.cfg", pki, address, origin.port, edits=[OWNED_LINE], spoe_edits=[USER_AGENT])
    with once.start(), Client(once.port, HOST, ALICE) as client:
        for status in (403, 418):
            equal(client.request("/role").status, 200)
            equal(client.request(f"/status?status={status}").status, status)


@tests
def a_broken_worker_does_not_replace_a_good_one():
    broken = FOLDER / "broken.lua"
    broken.write_text("local M = {}\nfunction M.fetch(request)\n  return (\nend\nreturn M\n")
    before = agent.settings["workers"]
    agent.settings["workers"] = [{**before[0], "script": broken}]
    agent.write()
    status, out, err = agent.command("reload")
    equal(status, 1, out + err)
    if "broken.lua:4" not in out + err:
        raise AssertionError(out + err)
    for _, got in each("/role"):
        equal(got.status, 200)
    agent.settings["workers"] = before
    agent.write()
    equal(agent.command("reload")[0], 0)


if __name__ == "__main__":
    try:
        result = main(tests)
    finally:
        for process in [*fronts, agent]:
            process.stop()
    raise SystemExit(result)
