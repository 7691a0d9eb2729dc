#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent comes, goes, reloads and drains while requests come in. Whatever happens, nobody passes who may not."""
import signal
import time

from setting import FOLDER, OWNED_LINE, PROGRAM, Agent, Haproxy, Tests, ask, equal, full_fronts, main, make_pki, settings, start_origin, wait_for
from load import Load

tests = Tests()
pki = make_pki()
origin = start_origin()
ALICE = pki.both("alice")
WHO = [("alice", ALICE), ("nobody", None), ("foreign", pki.both("foreign")), ("denied", pki.both("denied"))]
REFUSED = {"nobody": (403, "certificate_required"), "foreign": (403, "certificate_invalid"), "denied": (403, "certificate_revoked")}
GONE = (503, "policy_unavailable")
agent = Agent(FOLDER / "agent", settings(pki))
address = f"127.0.0.1:{agent.port}"
front = Haproxy(PROGRAM, FOLDER / "front", full_fronts()[-1], pki, address, origin.port, edits=[OWNED_LINE])


def only(load, name, allowed):
    seen = set(load.verdicts(name))
    if not seen <= set(allowed):
        raise AssertionError(f"{name}: {load.verdicts(name)}, allowed {allowed}")


@tests
def an_agent_that_is_not_there_yet_costs_milliseconds():
    front.start()
    time.sleep(2)
    for who in (ALICE, None):
        started = time.monotonic()
        got = ask(front.port, who)
        took = time.monotonic() - started
        equal((got.status, got.reason), GONE)
        if took > 0.25:
            raise AssertionError(f"{took:.2f} s")


@tests
def an_agent_that_comes_is_asked():
    agent.start()
    wait_for("HAProxy to see the agent", lambda: ask(front.port, ALICE).status == 200, 5)
    for name, certificate in WHO[1:]:
        got = ask(front.port, certificate)
        equal((got.status, got.reason), REFUSED[name])


@tests
def a_killed_agent_denies_and_comes_back():
    with Load(front.port, WHO * 2) as load:
        time.sleep(0.7)
        agent.stop(signal.SIGKILL)
        time.sleep(1.2)
        agent.start()
        wait_for("a pass", lambda: ask(front.port, ALICE).status == 200, 5)
        back = time.monotonic() + 0.5
        time.sleep(1.5)
    equal(load.errors, [])
    only(load, "alice", [(200, None), GONE])
    for name, refusal in REFUSED.items():
        only(load, name, [refusal, GONE])
    equal(set(load.verdicts("alice", back)), {(200, None)}, "after it came back")
    if not load.verdicts("alice")[GONE]:
        raise AssertionError("nobody noticed that it was gone")


@tests
def a_reload_changes_no_verdict():
    generation = []
    with Load(front.port, WHO * 2) as load:
        for i in range(12):
            agent.settings["decisions"] = {"level": "off" if i % 2 else "denials", "log": str(FOLDER / "decisions.log")}
            agent.write()
            status, out, err = agent.command("reload")
            equal(status, 0, out + err)
            generation.append(agent.command("status", "--json")[1])
            time.sleep(0.1)
    equal(load.errors, [])
    only(load, "alice", [(200, None)])
    for name, refusal in REFUSED.items():
        only(load, name, [refusal])
    if len(load.samples) < 200:
        raise AssertionError(f"only {len(load.samples)} requests")


@tests
def a_broken_configuration_leaves_the_old_one_running():
    good = agent.config.read_text()
    agent.config.write_text(good.replace("require", "requires"))
    status, out, err = agent.command("reload")
    equal(status, 1, out + err)
    if "requires" not in out + err:
        raise AssertionError(out + err)
    agent.send(signal.SIGHUP)
    time.sleep(0.3)
    equal(ask(front.port, ALICE).status, 200)
    agent.config.write_text(good)
    equal(agent.command("reload")[0], 0)


@tests
def a_drain_loses_no_request():
    """Its successor listens already; requests in flight are answered, later ones go there."""
    if not agent.running():
        agent.start()
    successor = Agent(FOLDER / "successor", settings(pki))
    both = Haproxy(PROGRAM, FOLDER / "both", full_fronts()[-1], pki, address, origin.port,
                   edits=[OWNED_LINE, ("    server agent 127.0.0.1:9640 check inter 500ms fall 2 rise 1\n",
                                       "    balance roundrobin\n    server agent 127.0.0.1:9640 check inter 200ms fall 1 rise 1\n"
                                       f"    server successor 127.0.0.1:{successor.port} check inter 200ms fall 1 rise 1\n")])
    with successor.start(), both.start():
        with Load(both.port, WHO * 3) as load:
            time.sleep(0.7)
            agent.send(signal.SIGTERM)
            equal(agent.wait(10), 0, "exit status")
            time.sleep(0.7)
        equal(load.errors, [])
        for name, refusal in REFUSED.items():
            only(load, name, [refusal, GONE])
        only(load, "alice", [(200, None), GONE])
        lost = sum(load.verdicts(name)[GONE] for name, _ in WHO)
        print(f"# drain: {len(load.samples)} requests, {lost} unavailable, {len(load.slow(0.9))} slow")
        if lost > 6 or len(load.slow(0.9)) > 4:
            raise AssertionError(f"{lost} unavailable, {len(load.slow(0.9))} slow of {len(load.samples)}")
        equal(set(load.verdicts("alice", time.monotonic() - 0.6)), {(200, None)})


@tests
def the_drain_command_ends_it_too():
    agent.start()
    wait_for("a pass", lambda: ask(front.port, ALICE).status == 200, 5)
    status, out, err = agent.command("drain")
    equal(status, 0, out + err)
    equal(agent.wait(10), 0)
    time.sleep(1.2)
    equal(ask(front.port, ALICE).reason, "policy_unavailable")


if __name__ == "__main__":
    try:
        result = main(tests)
    finally:
        for process in (front, agent):
            process.stop()
    raise SystemExit(result)
