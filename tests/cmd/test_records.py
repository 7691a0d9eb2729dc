#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Decision records: levels, targets, one JSON line each, rotation, a reader that does not read."""
import json
import os
import signal
import threading

from cmdlib import Agent, certificates, config, contains, equal, main, subject


def decisions(log, level="all"):
    return f'decisions = {{ log = "{log}", level = "{level}" }},'



def records(content):
    return [json.loads(line) for line in content.splitlines()]


def test_stdout():
    """records go to stdout, one JSON object a line, flushed before the end"""
    agent = Agent(config("records-out", more=decisions("stdout")))
    connection = agent.spop()
    answer = connection.ask(cert=certificates().der("bob"), path="/a?b", id="req-1")
    denial = connection.ask(host="nobody.example")
    connection.close()
    agent.stop()
    allowed, denied = records(agent.out())
    equal((allowed["verdict"], allowed["reason"], allowed["id"], allowed["request_id"]), ("allow", "allowed", answer["id"], "req-1"))
    equal(allowed["certificate"]["subject"], subject("bob"))
    equal((denied["verdict"], denied["reason"], denied["id"]), ("deny", "host_unknown", denial["id"]))
    assert "generation" in denied


def test_levels():
    """denials: allowed requests leave none; off: nothing does"""
    for level, wanted in (("denials", ["deny"]), ("off", [])):
        agent = Agent(config(f"records-{level}", more=decisions("stdout", level)))
        connection = agent.spop()
        connection.ask(cert=certificates().der("bob"))
        connection.ask()
        connection.close()
        agent.stop()
        equal([record["verdict"] for record in records(agent.out())], wanted)


def test_whole_lines():
    """many connections on several loops never mix lines"""
    agent = Agent(config("records-many", more=decisions("stdout")))

    def hammer():
        connection = agent.spop()
        for number in range(300):
            connection.ask(path="/" + "x" * (number * 7 % 900))
        connection.close()

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    metrics = agent.get("/metrics")[1]
    contains(metrics, "mtlsguard_decision_records_dropped_total 0")
    agent.stop()
    found = records(agent.out())
    equal(len(found), 1200)
    equal(len({record["id"] for record in found}), 1200)


def test_rotation():
    """a file that was moved away is opened again on SIGUSR1 and on SIGHUP"""
    path = config("records-file", more=decisions("decisions.log"))
    here = path.parent
    agent = Agent(path)
    connection = agent.spop()
    for number, sign in enumerate((signal.SIGUSR1, signal.SIGHUP)):
        connection.ask()
        agent.wait((here / "decisions.log").read_text)
        os.rename(here / "decisions.log", here / f"old.{number}")
        agent.signal(sign)
        agent.wait((here / "decisions.log").exists)
        equal(len(records((here / f"old.{number}").read_text())), 1)
    equal((here / "decisions.log").stat().st_mode & 0o777, 0o640)
    connection.close()
    agent.stop()


def test_reload_target():
    """a reload moves records to another file; one that cannot be opened is a fault and changes nothing"""
    path = config("records-move", more=decisions("one.log"))
    here = path.parent
    agent = Agent(path)
    connection = agent.spop()
    connection.ask()
    config("records-move", more=decisions("/nonexistent/folder/x.log"))
    code, _, err = agent.command("reload")
    equal(code, 1)
    contains(err, "/nonexistent/folder/x.log")
    connection.ask()
    config("records-move", more=decisions("two.log"))
    equal(agent.command("reload")[0], 0)
    connection.ask()
    agent.stop()
    equal(len(records((here / "one.log").read_text())), 2)
    equal(len(records((here / "two.log").read_text())), 1)


def test_blocked_reader():
    """nobody reads the pipe: requests are answered all the same, what is lost is counted, the end comes"""
    path = config("records-pipe", more=decisions("pipe"))
    os.mkfifo(path.parent / "pipe")
    reader = os.open(path.parent / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    agent = Agent(path)
    connection = agent.spop()
    for _ in range(3000):
        connection.ask(path="/" + "x" * 2000)
    contains(agent.get("/metrics")[1], "mtlsguard_decision_records_dropped_total ")
    lost = [line for line in agent.get("/metrics")[1].splitlines() if line.startswith("mtlsguard_decision_records_dropped_total ")]
    assert int(lost[0].split()[1]) > 0, lost
    connection.close()
    agent.stop()
    os.close(reader)


main(globals())
