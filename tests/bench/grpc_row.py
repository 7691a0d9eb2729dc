# SPDX-License-Identifier: Apache-2.0
"""Check calls by gRPC, beside a server on the same library that does nothing; and what a connection costs that says nothing."""
import subprocess

from stand import LOAD_CORE, Unfit, free_port, pinned

# connections, in flight, aim for the agent, most times the do-nothing server, aim above it (µs a verdict)
ROWS = [(4, 64, 6.5, 3.0, None), (32, 1, None, None, 5.0)]
# Connections that were opened, asked one question and now wait: KB each.
QUIET, QUIET_KB = 1000, 32.0


def measure(bench, leaves, host):
    stand = bench.stand
    pki, port, idle_port = stand.material(2, leaves), free_port(), free_port()
    config, path, _ = stand.config(pki, 2, {host: [0, 1]}, listen=f"grpc = {{ '127.0.0.1:{port}' }}")
    mix, answer = stand.mix(pki, leaves, [host]), stand.folder / "answer"
    with stand.agent(config) as agent:
        agent.wait_for(path)
        first = stand.load(f"127.0.0.1:{port}", mix, tool="grpc_load", count=2000, save_answer=answer)
        bench.check(first, "first calls")
        with stand.idle_authz(f"127.0.0.1:{idle_port}", answer) as idle:
            idle.wait_for(("127.0.0.1", idle_port))
            for row in ROWS:
                compare(bench, mix, row, (port, agent.pid), (idle_port, idle.pid))
    quiet(bench, mix, config, path, port)


def compare(bench, mix, row, ours, nothing):
    """The best of some rounds of each, in turns."""
    connections, inflight, most, times, above = row
    best = {}
    for _ in range(bench.mode["rounds"]):
        for kind, (port, pid) in (("agent", ours), ("idle", nothing)):
            result = bench.stand.load(f"127.0.0.1:{port}", mix, tool="grpc_load", connections=connections, inflight=inflight,
                                      pid=pid, seconds=bench.mode["seconds"], warmup=0.2)
            bench.check(result, f"grpc {connections}x{inflight}, {kind}")
            if kind not in best or result["agent_cpu_us"] < best[kind]["agent_cpu_us"]:
                best[kind] = result
    agent, idle = best["agent"], best["idle"]
    limits = [limit for limit in (most, times and times * idle["agent_cpu_us"], above and idle["agent_cpu_us"] + above) if limit]
    note = f"<= {most} us, <= {times:g} x idle" if most else f"<= idle + {above:g} us"
    bench.add(f"grpc tcp {connections}x{inflight}", {
        "us": agent["agent_cpu_us"], "idle_us": idle["agent_cpu_us"], "ratio": agent["agent_cpu_us"] / max(idle["agent_cpu_us"], 1e-3),
        "rate": agent["rate"], "p50": agent["p50_us"], "p99": agent["p99_us"]},
        agent["agent_cpu_us"] <= min(limits) * bench.slack, note)


def quiet(bench, mix, config, path, port):
    """In an agent of its own: what earlier rows needed would hide it."""
    with bench.stand.agent(config) as agent:
        agent.wait_for(path)
        bench.check(bench.stand.load(f"127.0.0.1:{port}", mix, tool="grpc_load", count=2000), "first calls")
        before = agent.rss_mb()
        args = [bench.stand.tool("grpc_load"), "--connect", f"127.0.0.1:{port}", "--mix", mix, "--connections", QUIET,
                "--inflight", 1, "--count", QUIET, "--seconds", 20, "--hold"]
        with subprocess.Popen(pinned(LOAD_CORE, args), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
            if not load.stdout.readline().startswith("{"):
                raise Unfit("grpc_load opened no connections")
            each = (agent.rss_mb() - before) * 1024 / QUIET
            load.stdin.close()
    bench.add(f"grpc, {QUIET} quiet ones", {"kb_each": each, "rss_mb": before}, each < QUIET_KB, f"< {QUIET_KB:g} KB each")
