#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mtlsguard run, and the commands that talk to it: status, reload, drain; signals."""
import os
import signal
import socket
import threading
import time

from cmdlib import HOSTS, Agent, Spop, certificates, config, contains, equal, folder, main, mtlsguard, write



def test_life():
    """it decides, tells its status and real ports, and ends with 0 on SIGTERM"""
    agent = Agent(config("run-life"))
    connection = agent.spop()
    equal(connection.ask(cert=None)["reason"], "certificate_required")
    equal(connection.ask(cert=certificates().der("bob"))["verdict"], "allow")
    status = agent.status()
    equal((status["pid"], status["threads"], status["connections"], status["draining"]), (agent.process.pid, 2, 1, False))
    connection.close()
    agent.wait(lambda: agent.status()["connections"] == 0)
    equal(agent.status()["decisions"], {"deny": 1, "allow": 1, "respond": 0})
    ports = {item["kind"]: item.get("port") for item in status["listeners"]}
    equal(ports["spop"], agent.port("spop"))
    equal(len(status["generation"]), 32)
    code, out, _ = agent.command("status")
    equal(code, 0)
    contains(out, status["generation"], "1 allowed, 1 denied", f"127.0.0.1:{agent.port('admin')}")
    agent.stop()
    assert not (agent.path.parent / "control.sock").exists()


def test_many():
    """connections are spread over the loops, and each is answered"""
    agent = Agent(config("run-many"))
    connections = [agent.spop() for _ in range(10)]
    for connection in connections:
        for _ in range(5):
            equal(connection.ask()["verdict"], "deny")
    page = agent.get("/metrics")[1]
    loops = [line for line in page.splitlines() if line.startswith("mtlsguard_loop_connections{")]
    equal([line.split()[1] for line in loops], ["5", "5"])
    contains(page, 'mtlsguard_loop_stall_seconds_bucket{le="0.001"} ', 'mtlsguard_loop_stall_seconds_bucket{le="+Inf"} ',
             "mtlsguard_loop_stall_seconds_sum ")
    longest = [float(line.split()[1]) for line in page.splitlines() if line.startswith("mtlsguard_loop_stall_max_seconds{")]
    assert len(longest) == 2 and min(longest) > 0, longest
    agent.stop()


def test_reload():
    """reload returns when the new configuration decides; an open connection goes on"""
    path = config("run-reload")
    agent = Agent(path)
    connection = agent.spop()
    equal(connection.ask(host="new.example.com")["reason"], "host_unknown")
    before = agent.status()["generation"]
    config("run-reload", hosts='["new.example.com"] = { authorities = { "partners" } }')
    code, out, err = agent.command("reload")
    equal((code, err), (0, ""))
    after = agent.status()
    assert after["generation"] != before and after["generation"] in out
    equal(after["reloads"], {"succeeded": 1, "failed": 0})
    equal(connection.ask(host="new.example.com")["reason"], "certificate_required")
    equal(connection.ask(host="api.example.com")["reason"], "host_unknown")
    agent.stop()


def verified(agent):
    """How many chains it has verified."""
    lines = [line for line in agent.get("/metrics")[1].splitlines() if line.startswith("mtlsguard_certificate_verifications_total ")]
    return int(lines[0].split()[1])


def test_reload_verifies_what_changed():
    """a reload that leaves the authorities alone verifies nothing again; one that revokes denies with the next request"""
    path, bob = config("run-verified"), certificates().der("bob")
    agent = Agent(path)
    connection = agent.spop()
    equal(connection.ask(cert=bob)["verdict"], "allow")
    equal(verified(agent), 1)
    config("run-verified", hosts=HOSTS + ', ["zoo.example.com"] = { authorities = { "partners" } }', more="deadline = 0.4,")
    equal(agent.command("reload")[0], 0)
    equal(connection.ask(cert=bob, host="zoo.example.com")["verdict"], "allow")
    equal(connection.ask(cert=bob)["verdict"], "allow")
    equal(verified(agent), 1)
    config("run-verified", deny=f', revocation = {{ deny = {{ "{certificates().serial("bob")}" }} }}')
    equal(agent.command("reload")[0], 0)
    equal(connection.ask(cert=bob)["reason"], "certificate_revoked")
    equal(verified(agent), 2)
    config("run-verified")
    equal(agent.command("reload")[0], 0)
    equal(connection.ask(cert=bob)["verdict"], "allow")
    equal(verified(agent), 3)
    agent.stop()


def test_bad_reload():
    """a reload with faults exits 1, tells all of them, and leaves the old configuration running"""
    path = config("run-bad")
    agent = Agent(path)
    generation = agent.status()["generation"]
    control = f"unix:{path.parent}/control.sock"
    write(path, "return {\n  thraeds = 2,\n  deadline = true,\n}\n")
    code, out, err = mtlsguard("reload", "--control", control)
    equal((code, out), (1, ""))
    contains(err, f"{path}:2: error:", f"{path}:3: error:", "stays in use")
    code, out, _ = mtlsguard("reload", "--control", control, "--json")
    equal(code, 1)
    contains(out, '"faults"', "thraeds")
    equal(agent.command("reload")[0], 1)
    equal(agent.spop().ask()["reason"], "certificate_required")
    contains(agent.log(), f"{path}:2:")
    config("run-bad")
    equal(agent.command("reload")[0], 0)
    equal(agent.status()["generation"], generation)
    agent.stop()


def test_bad_worker():
    """a worker that does not compile leaves the running ones in place"""
    here = folder("run-worker")
    write(here / "w.lua", 'return { fetch = function() return Response.new("one", { status = 200 }) end }\n')
    path = config("run-worker", more='workers = { { name = "w", script = "w.lua", routes = { "www.example.com/*" } } },')
    agent = Agent(path)
    connection = agent.spop()
    equal(connection.ask(host="www.example.com")["body"], "one")
    write(here / "w.lua", "return { fetch = function( end }\n")
    code, _, err = agent.command("reload")
    equal(code, 1)
    contains(err, "w.lua:1: error:")
    equal(connection.ask(host="www.example.com")["body"], "one")
    write(here / "w.lua", 'return { fetch = function() return Response.new("two", { status = 200 }) end }\n')
    equal(agent.command("reload")[0], 0)
    equal(connection.ask(host="www.example.com")["body"], "two")
    agent.stop()


def test_listeners_change():
    """a reload opens new listeners, closes removed ones, keeps the others; one that cannot be opened is a fault"""
    path = config("run-listen", listen='spop = { "127.0.0.1:0" }, control = { "unix:control.sock" }, admin = {}')
    agent = Agent(path)
    connection = agent.spop()
    config("run-listen", listen='spop = { "127.0.0.1:0", "unix:spop.sock" }, control = { "unix:control.sock" }, admin = {}')
    equal(agent.command("reload")[0], 0)
    equal(agent.spop(str(path.parent / "spop.sock")).ask()["verdict"], "deny")
    equal(agent.spop().ask()["verdict"], "deny")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config("run-listen", listen=f'spop = {{ "127.0.0.1:{port}" }}, control = {{ "unix:control.sock" }}, admin = {{}}')
        code, _, err = agent.command("reload")
        equal(code, 1)
        contains(err, f"127.0.0.1:{port}")
    equal(agent.spop().ask()["verdict"], "deny")
    config("run-listen", listen='spop = { "unix:spop.sock" }, control = { "unix:control.sock" }, admin = {}')
    equal(agent.command("reload")[0], 0)
    try:
        Spop(("127.0.0.1", agent.port("spop")))
        raise AssertionError("the removed listener still accepts")
    except ConnectionRefusedError:
        pass
    equal(connection.ask()["verdict"], "deny")
    agent.stop()


def test_restart_needed():
    """what a reload cannot change is a warning"""
    path = config("run-restart")
    agent = Agent(path)
    write(path, path.read_text().replace("threads = 2", "threads = 3"))
    code, _, err = agent.command("reload")
    equal(code, 0)
    contains(err, "warning", "threads")
    equal(agent.status()["threads"], 2)
    assert any("threads" in warning["message"] for warning in agent.status()["warnings"])
    contains(agent.command("reload")[2], "threads")
    write(path, path.read_text().replace("threads = 3", "threads = 2"))
    equal(agent.command("reload")[2], "")
    equal(agent.status()["warnings"], [])
    agent.stop()


def test_hup():
    """SIGHUP reloads and logs; a bad configuration leaves the old one"""
    path = config("run-hup")
    agent = Agent(path)
    config("run-hup", hosts='["new.example.com"] = { authorities = { "partners" } }')
    agent.signal(signal.SIGHUP)
    agent.wait(lambda: agent.status()["reloads"]["succeeded"] == 1)
    write(path, "return {\n  nonsense = 1,\n}\n")
    agent.signal(signal.SIGHUP)
    agent.wait_log(f"{path}:2:")
    equal(agent.spop().ask(host="new.example.com")["reason"], "certificate_required")
    agent.stop()


def test_storm():
    """many reloads at once are all answered, and requests go on"""
    agent = Agent(config("run-storm"))
    connection = agent.spop()
    codes = []
    threads = [threading.Thread(target=lambda: codes.append(agent.command("reload")[0])) for _ in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        equal(connection.ask()["verdict"], "deny")
    equal(codes, [0] * 6)
    agent.stop()


def test_drain():
    """SIGTERM stops accepting and goes on deciding until the peer closes"""
    agent = Agent(config("run-drain"))
    connection = agent.spop()
    connection.ask()
    agent.signal(signal.SIGTERM)
    agent.wait_log("draining")
    try:
        Spop(("127.0.0.1", agent.port("spop")))
        raise AssertionError("accepts while draining")
    except ConnectionRefusedError:
        pass
    status, body, _ = agent.get("/readyz")
    equal((status, body), (503, "draining\n"))
    equal(agent.get("/healthz")[0], 200)
    equal(agent.status()["draining"], True)
    code, _, err = agent.command("reload")
    equal(code, 1)
    contains(err, "draining")
    equal(connection.ask()["verdict"], "deny")
    connection.close()
    equal(agent.ended(), 0)


def test_drain_bound():
    """a peer that never closes holds it for two seconds after the last answer"""
    agent = Agent(config("run-bound"))
    connection = agent.spop()
    connection.ask()
    start = time.monotonic()
    agent.signal(signal.SIGTERM)
    equal(agent.ended(), 0)
    took = time.monotonic() - start
    assert 1.0 < took < 4.0, took
    assert connection.closed()


def test_drain_command():
    """drain returns when it has drained; with --no-wait at once"""
    agent = Agent(config("run-command"))
    connection = agent.spop()
    connection.ask()
    code, out, _ = agent.command("drain", "--no-wait")
    equal((code, out), (0, "draining\n"))
    equal(agent.process.poll(), None)
    equal(connection.ask()["verdict"], "deny")
    threading.Timer(0.3, connection.close).start()
    code, out, err = agent.command("drain")
    equal((code, out, err), (0, "drained\n", ""))
    equal(agent.ended(), 0)


def test_second_signal():
    """a second SIGTERM ends it at once"""
    agent = Agent(config("run-second"))
    connection = agent.spop()
    connection.ask()
    agent.signal(signal.SIGTERM)
    agent.wait_log("draining")
    agent.signal(signal.SIGINT)
    agent.ended()
    contains(agent.log(), "ended before 1 connection")
    assert not (agent.path.parent / "control.sock").exists()


def test_refuses_to_start():
    """it does not start with faults, tells them with file and line, and exits 1"""
    path = write(folder("run-refuse") / "mtlsguard.lua", "return {\n  thraeds = 2,\n}\n")
    agent = Agent(path, ready=False)
    equal(agent.ended(), 1)
    contains(agent.log(), f"{path}:2:", "threads")
    path = config("run-state")
    state = path.parent / "state"
    state.mkdir()
    state.chmod(0o777)
    agent = Agent(path, ready=False)
    equal(agent.ended(), 1)
    contains(agent.log(), "can be written by others")
    state.rmdir()
    agent = Agent(path)
    equal(state.stat().st_mode & 0o777, 0o750)
    agent.stop()


def test_notify():
    """systemd is told: ready, reloading, stopping"""
    path = config("run-notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        address = str(path.parent / "notify")
        notify.bind(address)
        notify.settimeout(20)
        os.environ["NOTIFY_SOCKET"] = address
        try:
            agent = Agent(path)
        finally:
            del os.environ["NOTIFY_SOCKET"]
        contains(notify.recv(4096).decode(), "READY=1")
        agent.signal(signal.SIGHUP)
        contains(notify.recv(4096).decode(), "RELOADING=1", "MONOTONIC_USEC=")
        contains(notify.recv(4096).decode(), "READY=1")
        agent.stop()
        contains(notify.recv(4096).decode(), "STOPPING=1")


main(globals())
