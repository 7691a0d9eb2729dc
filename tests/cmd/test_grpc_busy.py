#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check calls on all loops at once, while configurations are replaced, metrics are read, connections come and go, and at the end it drains."""
import threading
import time

from cmdlib import Agent, config, equal, main

import h2
from h2 import CHECK, Peer, field, message

ASKING, ROUNDS, CALLS = 6, 15, 8

path = config("busy", listen='spop = {}, grpc = { "127.0.0.1:0" }, admin = { "127.0.0.1:0" }, control = { "unix:control.sock" }',
              more='workers = { { name = "w", script = "w.lua", routes = { "www.example.com/*" } } },')
(path.parent / "w.lua").write_text("return { fetch = function(request) return fetch(request) end }\n")
agent = Agent(path)
port = agent.port("grpc")


def question(host):
    return message(field(1, field(4, field(2, field(2, b"GET") + field(4, b"/") + field(5, host) + field(6, b"https")))))


class Asking(threading.Thread):
    """Asks in batches, on a new connection now and then; what is wrong with an answer stays in faults."""

    def __init__(self):
        super().__init__(daemon=True)
        self.faults, self.answered = [], 0
        self.start()

    def run(self):
        try:
            for _ in range(ROUNDS):
                peer = Peer(port)
                for host, code in ((b"api.example.com", b"\x0a\x02\x08\x07"), (b"www.example.com", b"\x0a\x00")) * 2:
                    for stream in [peer.call(question(host), path=CHECK) for _ in range(CALLS)]:
                        answer = peer.wait(stream)
                        if answer.headers.get("grpc-status") != "0" or not answer.data[5:].startswith(code):
                            self.faults.append((host, answer.headers, answer.data))
                        self.answered += 1
                peer.close()
        except OSError as why:
            self.faults.append(why)


def test_all_at_once():
    """every call is answered as it must be, whatever else happens"""
    threads = [Asking() for _ in range(ASKING)]
    reloads = 0
    while any(thread.is_alive() for thread in threads):
        code, out, err = agent.command("reload")
        equal(code, 0, out + err)
        reloads += 1
        equal(agent.get("/metrics")[0], 200)
        time.sleep(0.05)
    faults = [fault for thread in threads for fault in thread.faults]
    equal(faults[:3], [], f"{len(faults)} answers")
    equal(sum(thread.answered for thread in threads), ASKING * ROUNDS * 4 * CALLS)
    assert reloads >= 2, reloads
    print(f"# {reloads} reloads", flush=True)


def test_it_drains():
    """a connection that is open is told, and the end comes in order"""
    peer = Peer(port)
    equal(peer.wait(peer.call(message(b""), path="/grpc.health.v1.Health/Check")).data[5:], b"\x08\x01")
    agent.signal(15)
    for _ in range(100):
        stream = peer.call(message(b""), path="/grpc.health.v1.Health/Check")
        if peer.wait(stream).data[5:] == b"\x08\x02":
            break
        time.sleep(0.01)
    equal(peer.wait(stream).data[5:], b"\x08\x02", "NOT_SERVING")
    equal(peer.wait(peer.call(question(b"www.example.com"), path=h2.CHECK)).headers.get("grpc-status"), "0")
    equal(peer.wait_end(), 0)
    peer.close()
    equal(agent.ended(), 0)
    assert "Sanitizer" not in agent.log(), agent.log()


if __name__ == "__main__":
    main(dict(globals()))
