#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Workers in the running agent: one that never ends keeps nobody waiting, faults stay with their request, reloads meet running calls."""
import threading
import time

from cmdlib import Agent, config, contains, equal, folder, main, write

HOST = "www.example.com"
WORKER = """
local M = {}
function M.fetch(request)
  local path = URL.new(request.url).pathname
  if path == "/spin" then
    while true do end
  elseif path == "/eat" then
    local t = {}
    while true do t[#t + 1] = string.rep("x", 1000) .. #t end
  elseif path == "/fault" then
    error("on purpose")
  end
  return Response.new("%s", { status = 200 })
end
return M
"""
MORE = """workers = { { name = "w", script = "w.lua", routes = { "www.example.com/*" } } },
  limits = { worker_cpu = %s }, threads = 1,"""


def start(name, cpu="0.05", answer="one"):
    write(folder(name) / "w.lua", WORKER % answer)
    path = config(name, more=MORE % cpu)
    write(path, path.read_text().replace("  threads = 2,\n", ""))
    return Agent(path)



def ask(connection, path):
    return connection.ask(host=HOST, path=path)


def test_faults():
    """time, memory and errors deny with their own reasons, and the next request is served"""
    agent = start("workers-faults")
    connection = agent.spop()
    for path, reason in (("/spin", "policy_timeout"), ("/eat", "policy_memory"), ("/fault", "policy_error")):
        answer = ask(connection, path)
        equal((path, answer["verdict"], answer["reason"], answer["status"]), (path, "deny", reason, 503))
        equal(ask(connection, "/")["body"], "one")
    connection.close()
    agent.stop()


def test_spinner_keeps_nobody_waiting():
    """calls that never end, many of them, and the other connection of the same loop is answered in between"""
    agent = start("workers-spin", cpu="0.1")
    bad, good = agent.spop(), agent.spop()
    bad.send(200, host=HOST, path="/spin")
    asked, end = 0, time.monotonic() + 0.4
    while time.monotonic() < end:
        equal(ask(good, "/")["body"], "one")
        asked += 1
    # Calls that ran to their end would keep it for 100 ms each.
    assert asked > 20, asked
    bad.socket.settimeout(20)
    for _ in range(200):
        _, reader = bad.receive()
        contains(reader.data.decode(errors="replace"), "policy_timeout")
    bad.close()
    good.close()
    agent.stop()


def test_peer_leaves():
    """a peer that leaves in the middle of its calls takes them along"""
    agent = start("workers-leave", cpu="0.1")
    for _ in range(5):
        bad = agent.spop()
        bad.send(50, host=HOST, path="/spin")
        time.sleep(0.03)
        bad.close()
    good = agent.spop()
    equal(ask(good, "/")["body"], "one")
    agent.wait(lambda: agent.status()["pending"] == 0)
    equal(agent.status()["connections"], 1)
    good.close()
    agent.stop()


def test_reload_meets_running_calls():
    """calls that run when the configuration changes end under the old one"""
    agent = start("workers-reload", cpu="0.1")
    bad, good = agent.spop(), agent.spop()
    bad.send(4, host=HOST, path="/spin")
    bad.send(1, host=HOST, path="/")
    write(folder("workers-reload") / "w.lua", WORKER % "two")
    equal(agent.command("reload")[0], 0)
    equal(ask(good, "/")["body"], "two")
    for _ in range(5):
        assert bad.receive()
    for connection in (bad, good):
        connection.close()
    agent.stop()


def test_drain_with_running_calls():
    """draining goes on until running calls are answered"""
    agent = start("workers-drain", cpu="0.1")
    bad = agent.spop()
    bad.send(3, host=HOST, path="/spin")
    thread = threading.Thread(target=agent.command, args=("drain",))
    thread.start()
    for _ in range(3):
        assert bad.receive()
    bad.close()
    thread.join()
    equal(agent.ended(), 0)


main(globals())
