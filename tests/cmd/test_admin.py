#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The admin listener: health, readiness, metrics; what clients may do to it."""
import re
import socket
import time

from cmdlib import Agent, config, contains, equal, main

AGENT = Agent(config("admin", more='limits = { connections = 100 },'))


def raw(data, seconds=20):
    with socket.create_connection(("127.0.0.1", AGENT.port("admin")), timeout=seconds) as connection:
        connection.sendall(data)
        answer = b""
        while True:
            piece = connection.recv(65536)
            if not piece:
                return answer
            answer += piece


def test_health():
    """/healthz and /readyz are 200, by GET and HEAD"""
    for path in ("/healthz", "/readyz"):
        status, body, headers = AGENT.get(path)
        equal((status, body), (200, "ok\n"))
        contains(headers["content-type"], "text/plain")
        status, body, headers = AGENT.get(path, "HEAD")
        equal((status, body, headers["content-length"]), (200, "", "3"))


def test_others():
    """other paths are 404, other methods 405"""
    for path in ("/", "/metricsx", "/healthz/", "/..", "//healthz"):
        equal((path, AGENT.get(path)[0]), (path, 404))
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        status, _, headers = AGENT.get("/metrics", method)
        equal((status, headers["allow"]), (405, "GET, HEAD"))


def test_metrics_format():
    """/metrics is OpenMetrics 1.0: type, families declared once, counters with _total, # EOF last"""
    connection = AGENT.spop()
    connection.ask()
    connection.ask(host="nobody.example")
    status, body, headers = AGENT.get("/metrics")
    equal(status, 200)
    equal(headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert body.endswith("\n# EOF\n"), body[-200:]
    families, current = {}, None
    for line in body.splitlines()[:-1]:
        if line.startswith("# TYPE "):
            _, _, current, kind = line.split(" ")
            assert current not in families, current
            families[current] = kind
        elif line.startswith("# HELP "):
            equal(line.split(" ")[2], current)
        else:
            name = re.match(r"[a-z0-9_]+", line).group()
            suffix = {"counter": r"_total|_created", "info": "_info", "histogram": "_bucket|_count|_sum"}.get(families[current], "")
            assert re.fullmatch(f"{current}({suffix})", name), line
            float(line.rsplit(" ", 1)[1])
            assert name.startswith("mtlsguard"), line
    contains(body, 'mtlsguard_decisions_total{verdict="deny",reason="certificate_required"} 1',
             'mtlsguard_decisions_total{verdict="deny",reason="host_unknown"} 1',
             f'generation="{AGENT.status()["generation"]}"', "mtlsguard_loops 2", "mtlsguard_connections 1",
             'mtlsguard_authority_expiry_seconds{authority="partners"} ', "mtlsguard_config_reloads_total 0")
    connection.close()


def test_rubbish():
    """rubbish, endless lines and endless headers are refused or closed"""
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET /healthz FTP/9\r\n\r\n", b"\r\n" * 20 + b"X\r\n\r\n",
                 b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 40000 + b"\r\n\r\n"):
        try:
            answer = raw(data)
        except ConnectionError:
            answer = b""
        assert b" 200 " not in answer.split(b"\r\n")[0], answer[:100]
    equal(AGENT.get("/healthz")[0], 200)


def test_body():
    """a body is not read, however long it says it is"""
    answer = raw(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\nConnection: close\r\n\r\nabc")
    contains(answer.decode(), " 405 ")


def test_slow_clients():
    """a crowd of clients that say nothing keeps nobody out"""
    idle = [socket.create_connection(("127.0.0.1", AGENT.port("admin"))) for _ in range(100)]
    for connection in idle[::2]:
        try:
            connection.sendall(b"GET /met")
        except ConnectionError:
            pass
    start = time.monotonic()
    for _ in range(5):
        equal(AGENT.get("/readyz")[0], 200)
    assert time.monotonic() - start < 3
    for connection in idle:
        connection.close()


def test_keepalive():
    """one connection can ask many times"""
    answer = raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 5 + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    equal(answer.count(b"HTTP/1.1 200"), 6)


def test_end():
    """the agent ends in order after all that"""
    AGENT.stop()


main(globals())
