# SPDX-License-Identifier: Apache-2.0
"""HAProxy with the shipped SPOE and Lua files, in front of the agent and in front of the do-nothing agent, in turns."""
import json
import os
import shutil
import subprocess

from stand import LOAD_CORE, AGENT_CORE, ROOT, Process, Unfit, free_port, pinned

FRONT = """
global
    nbthread 1
    tune.maxrewrite 8192
    lua-load-per-thread {shipped}/mtlsguard.lua
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    unique-id-format %{{+X}}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid
frontend https
    bind 127.0.0.1:{port} ssl crt {pki}/server.pem ca-file {pki}/ca-0.pem verify optional crt-ignore-err all ca-ignore-err all no-ca-names
    http-request del-header ^cf[-_]cert[-_] -m reg
    http-request del-header ^client[-_]cert$ -m reg
    http-request del-header ^client[-_]cert[-_]chain$ -m reg
    http-request del-header ^x[-_]mtls[-_] -m reg
    http-request del-header ^x[-_]client[-_] -m reg
    filter spoe engine mtlsguard config {shipped}/spoe-mtlsguard.conf
    http-request send-spoe-group mtlsguard check
    http-request lua.mtlsguard
    http-request deny deny_status 503 unless {{ var(txn.mtls.verdict) -m str allow }}
    http-request return status 200 content-type text/plain string ok
backend mtlsguard
    mode tcp
    option spop-check
    timeout connect 500ms
    timeout server 1m
    server agent unix@{socket} check inter 500ms fall 2 rise 1
"""


def start(stand, haproxy, pki, socket):
    port = free_port()
    config = stand.folder / f"front-{port}.cfg"
    config.write_text(FRONT.format(shipped=ROOT / "haproxy-conf", pki=pki, port=port, socket=socket))
    front = Process([haproxy, "-db", "-f", config], stand.log("haproxy"), AGENT_CORE)
    front.wait_for(("127.0.0.1", port))
    return front, port


def run_load(stand, pki, leaves, host, front, port, seconds):
    args = [stand.tool("http_load"), "--connect", f"127.0.0.1:{port}", "--leaves", pki, "--leaf-count", leaves, "--host", host,
            "--seconds", seconds, "--warmup", 0.3, "--pid", front.pid]
    result = subprocess.run(pinned(LOAD_CORE, args), capture_output=True, text=True, timeout=60, check=False)
    if not result.stdout.startswith("{"):
        raise Unfit(f"http_load: {result.stderr.strip()[-500:]}\n{front.log.read_text(errors='replace')[-1000:]}")
    return json.loads(result.stdout)


def measure(stand, pki, leaves, host, sockets, pairs, seconds):
    """Pairs of results: (in front of sockets[0], in front of sockets[1])."""
    haproxy = os.environ.get("HAPROXY") or shutil.which("haproxy") or "/usr/sbin/haproxy"
    if not os.path.exists(haproxy):
        raise Unfit("no haproxy is installed")
    fronts, results = [], []
    try:
        for socket in sockets:
            fronts.append(start(stand, haproxy, pki, socket))
        for _ in range(pairs):
            results.append(tuple(run_load(stand, pki, leaves, host, front, port, seconds) for front, port in fronts))
    finally:
        for front, _ in fronts:
            front.stop()
    return results
