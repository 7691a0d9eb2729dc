#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Envoy with the shipped docker/envoy/network.yaml: connections without requests, to a server of a protocol that is no HTTP."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
os.environ.setdefault("HAPROXY", "none")

from setting import FOLDER, Tests, equal, free_port, main  # noqa: E402
from broker import Refused, Session  # noqa: E402
from connections import MQTT, Stand, common, without_an_agent  # noqa: E402
import envoy  # noqa: E402

tests = Tests()
grpc = free_port()
stand = Stand(chain=False, listen={"spop": [], "grpc": [f"127.0.0.1:{grpc}"]})
stand.start(envoy.Envoy(os.environ["ENVOY"], "network.yaml", FOLDER / "envoy", stand.pki.path("server").parent, grpc, stand.broker.port,
                        edits=[("server_names: [mqtt.example.com]", 'server_names: ["*.example.com"]')]))
common(tests, stand)


@tests
def the_client_learns_why():
    said = ""
    try:
        stand.talk("foreign")
    except Refused as why:
        said = str(why).lower()
    assert "access denied" in said, said


@tests
def sessions_are_not_resumed():
    for tls in ("1.2", "1.3"):
        with stand.session("alice", tls=tls) as first:
            first.connect()
            with Session(stand.front.port, MQTT, resume=first) as second:
                second.connect()
                equal(second.resumed, False, tls)


@tests
def a_server_that_speaks_first_says_nothing_to_strangers():
    stand.broker.greeting = b"welcome\n"
    before = stand.broker.seen()
    try:
        for who in ("foreign", None):
            with stand.session(who, timeout=0.5) as session:
                try:
                    equal(session.socket.recv(100), b"")
                except TimeoutError:
                    pass
    finally:
        stand.broker.greeting = b""
    equal(stand.broker.seen(), before, "what the broker saw")


without_an_agent(tests, stand)
if __name__ == "__main__":
    stand.run(main, tests)
