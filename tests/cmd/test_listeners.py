#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Listeners: modes, peers, the connection cap, TLS, sockets in the way; the control protocol."""
import json
import os
import socket
import ssl
import stat
import time

from cmdlib import Agent, Spop, certificates, config, contains, equal, main

CONTROL = 'admin = { "127.0.0.1:0" }, control = { "unix:control.sock" }'


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def refused(address):
    """Whether the agent closes without a word."""
    try:
        Spop(address).hello()
        return False
    except (ConnectionError, TypeError):
        return True


def test_modes():
    """unix sockets are 0660, the control socket 0600, or as the configuration says; abstract ones work"""
    name = f"mtlsguard-test-{os.getpid()}"
    path = config("listen-modes", listen=f'spop = {{ "unix:a.sock", {{ "unix:b.sock", mode = "0606" }}, "unix:@{name}" }}, {CONTROL}')
    agent = Agent(path)
    here = path.parent
    equal((mode(here / "a.sock"), mode(here / "b.sock"), mode(here / "control.sock")), (0o660, 0o606, 0o600))
    equal(agent.spop(f"\0{name}").ask()["verdict"], "deny")
    equal(agent.spop(str(here / "a.sock")).ask()["verdict"], "deny")
    agent.stop()
    assert not (here / "a.sock").exists()


def test_peers():
    """peers that are not listed are closed and logged; listed ones are served"""
    uid = os.getuid()
    path = config("listen-peers", listen=f'spop = {{ {{ "unix:mine.sock", peers = {{ {uid} }} }}, {{ "unix:other.sock", peers = {{ {uid + 1} }} }}, '
                                         '{ "127.0.0.1:0", peers = { "127.0.0.0/8" } }, { "127.0.0.2:0", peers = { "10.0.0.0/8" } } }, ' + CONTROL)
    agent = Agent(path)
    here = path.parent
    equal(agent.spop(str(here / "mine.sock")).ask()["verdict"], "deny")
    assert refused(str(here / "other.sock"))
    equal(agent.spop().ask()["verdict"], "deny")
    assert refused(("127.0.0.2", agent.port("spop", 1)))
    contains(agent.log(), "not among its peers")
    contains(agent.get("/metrics")[1], "mtlsguard_peers_turned_away_total 2")
    agent.stop()


def test_cap():
    """at limits.connections accepting pauses and refuses nobody: who waits is served when another leaves"""
    path = config("listen-cap", more="limits = { connections = 3 },")
    agent = Agent(path)
    address = ("127.0.0.1", agent.port("spop"))
    first = [agent.spop(address) for _ in range(3)]
    for connection in first:
        connection.ask()
    waiting = [Spop(address) for _ in range(2)]
    for connection in waiting:
        connection.socket.settimeout(0.5)
        try:
            connection.hello()
            raise AssertionError("served above the cap")
        except socket.timeout:
            pass
    equal(agent.status()["connections"], 3)
    equal(agent.status()["accepting"], False)
    contains(agent.get("/metrics")[1], "mtlsguard_accept_paused 1")
    for connection, leaver in zip(waiting, first):
        leaver.close()
        connection.socket.settimeout(20)
        equal(connection.receive()[0], 101)
        equal(connection.ask()["verdict"], "deny")
    equal(agent.status()["connections"], 3)
    for connection in waiting + first:
        connection.close()
    agent.wait(lambda: agent.status()["connections"] == 0)
    equal(agent.status()["accepting"], True)
    equal(agent.spop(address).ask()["verdict"], "deny")
    agent.stop()


def test_cap_raised():
    """a reload that raises the cap lets in who waits"""
    path = config("listen-raise", more="limits = { connections = 1 },")
    agent = Agent(path)
    address = ("127.0.0.1", agent.port("spop"))
    first = agent.spop(address)
    second = Spop(address)
    config("listen-raise", more="limits = { connections = 2 },")
    equal(agent.command("reload")[0], 0)
    equal(second.hello().ask()["verdict"], "deny")
    equal(first.ask()["verdict"], "deny")
    agent.stop()


def test_tls():
    """TLS with client certificates on a TCP listener"""
    pki = certificates()
    path = config("listen-tls", listen=f'spop = {{ {{ "127.0.0.1:0", tls = {{ certificate = "{pki.path("server")}", key = "{pki.key("server")}", '
                                       f'client_authorities = "{pki.path("partners")}" }} }} }}, {CONTROL}')
    agent = Agent(path)
    context = ssl.create_default_context(cafile=str(pki.path("partners")))
    context.check_hostname = False
    context.load_cert_chain(pki.path("bob"), pki.key("bob"))
    connection = Spop(("127.0.0.1", agent.port("spop")))
    connection.socket = context.wrap_socket(connection.socket)
    equal(connection.hello().ask()["verdict"], "deny")
    nobody = ssl.create_default_context(cafile=str(pki.path("partners")))
    nobody.check_hostname = False
    connection = Spop(("127.0.0.1", agent.port("spop")))
    try:
        connection.socket = nobody.wrap_socket(connection.socket)
        connection.hello()
        raise AssertionError("served without a client certificate")
    except (OSError, AssertionError, TypeError) as why:
        assert "served" not in str(why), why
    assert refused(("127.0.0.1", agent.port("spop")))
    agent.stop()


def test_in_the_way():
    """a dead socket file is replaced, a live one and another file are not"""
    path = config("listen-way", listen='spop = { "unix:s.sock" }, ' + CONTROL)
    here = path.parent
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(here / "s.sock"))
    agent = Agent(path)
    equal(agent.spop(str(here / "s.sock")).ask()["verdict"], "deny")
    log = agent.log()
    second = Agent(path, ready=False)
    equal(second.ended(), 1)
    contains(second.log(), "s.sock")
    assert log
    equal(agent.spop(str(here / "s.sock")).ask()["verdict"], "deny")
    agent.stop()
    (here / "s.sock").write_text("mine")
    third = Agent(path, ready=False)
    equal(third.ended(), 1)
    equal((here / "s.sock").read_text(), "mine")


def ask_control(path, data, end=False):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        try:
            connection.sendall(data)
            if end:
                connection.shutdown(socket.SHUT_WR)
            answer = b""
            while True:
                piece = connection.recv(65536)
                if not piece:
                    return answer
                answer += piece
        except ConnectionError:
            return b""


def test_control():
    """the control socket: one line asks, one answers; rubbish is told, too much is closed"""
    path = config("listen-control")
    agent = Agent(path)
    control = path.parent / "control.sock"
    answer = ask_control(control, b'{"command":"status"}\n')
    equal(answer.count(b"\n"), 1)
    equal(json.loads(answer)["status"]["pid"], agent.process.pid)
    for data in (b"\n", b"rubbish\n", b"[]\n", b'{"command":7}\n', b'{"command":"status"', b'{"command":"eat"}\n', b"{" * 5000 + b"\n"):
        answer = ask_control(control, data, end=True)
        assert not answer or json.loads(answer)["ok"] is False, (data, answer)
    equal(ask_control(control, b"x" * 200000), b"")
    # A client that goes away in the middle of a reload harms nobody.
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(control))
        connection.sendall(b'{"command":"reload"}\n')
    agent.wait(lambda: agent.status()["reloads"]["succeeded"] == 1)
    agent.stop()


def test_control_crowd():
    """a crowd on the control socket that says nothing does not keep it from ending"""
    path = config("listen-crowd")
    agent = Agent(path)
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(10)]
    for connection in crowd:
        connection.connect(str(path.parent / "control.sock"))
    equal(agent.command("status")[0], 0)
    start = time.monotonic()
    agent.stop()
    assert time.monotonic() - start < 4
    for connection in crowd:
        connection.close()


main(globals())
