#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP listeners from outside: dialects, TLS, sockets, hostile bytes, slow peers, reload and drain under load."""
import json
import os
import signal
import socket
import ssl
import threading
import time
import urllib.parse

from cmdlib import Agent, certificates, config, contains, equal, main, write

CONTROL = 'admin = { "127.0.0.1:0" }, control = { "unix:control.sock" }'
PASS = "api.example.com"
HOSTS = ('["api.example.com"] = { authorities = { "partners" }, require = "none" }, ["v.example.com"] = { authorities = { "partners" } }, '
         '["w.example.com"] = { authorities = { "partners" }, require = "none" }')


class Http:
    """A proxy's connection: says bytes, reads answers."""

    def __init__(self, address, tls=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(20)
        self.socket.connect(address)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="agent.test")
        self.file = self.socket.makefile("rb")

    def say(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def answer(self, head=False):
        """(status, {name: [values]}, body), or None when the agent closed."""
        try:
            line = self.file.readline()
        except ConnectionResetError:
            return None
        if not line:
            return None
        headers = {}
        for row in iter(self.file.readline, b"\r\n"):
            if not row:
                return None
            name, _, value = row.decode("latin1").partition(":")
            headers.setdefault(name.lower(), []).append(value.strip())
        body = b"" if head else self.file.read(int(headers["content-length"][0]))
        return int(line.split()[1]), headers, body

    def ask(self, data):
        return self.say(data).answer()

    def ended(self):
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def request(target="/auth/envoy/", host=PASS, method="GET", more=b"", body=b""):
    text = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 192.0.2.7\r\n".encode("latin1")
    return text + more + b"\r\n" + body


def nginx(host=PASS, certificate=None, uri="/", more=b""):
    text = (f"GET /auth/nginx HTTP/1.0\r\nHost: authz\r\nConnection: keep-alive\r\nX-Original-Method: GET\r\nX-Original-URI: {uri}\r\n"
            f"X-Original-Host: {host}\r\nX-Real-IP: 192.0.2.7\r\nX-SSL-SNI: {host}\r\n")
    if certificate:
        text += f"X-SSL-Cert: {urllib.parse.quote(certificate, safe='*-._')}\r\n"
    return text.encode() + more + b"\r\n"


def reason(answer):
    return answer[0], answer[1].get("x-mtls-reason", ["?"])[0]


AGENT = None


def agent():
    """One agent for the tests that do not end theirs."""
    global AGENT
    if AGENT is None:
        AGENT = Agent(config("http", hosts=HOSTS, more='decisions = { level = "all" }, headers = { managed_transform = true },',
                             listen='spop = { "127.0.0.1:0" }, http = { "127.0.0.1:0", { "127.0.0.1:0", dialect = "nginx" }, '
                                    f'{{ "unix:http.sock", dialect = "caddy", mode = "0600", peers = {{ {os.getuid()} }} }}, '
                                    f'{{ "unix:other.sock", peers = {{ {os.getuid() + 1} }} }} }}, ' + CONTROL))
    return AGENT


def envoy_port():
    return ("127.0.0.1", agent().port("http of envoy"))


def nginx_port():
    return ("127.0.0.1", agent().port("http of nginx"))


SLOW = []


def drip(connection, data):
    """A byte a second, which never becomes a request."""
    for byte in data:
        try:
            connection.socket.sendall(bytes([byte]))
        except OSError:
            return
        time.sleep(1)


def test_slow_peers_begin():
    """peers that never come to the end of their first request; others are served meanwhile (see the last test)"""
    for text in (b"", b"GET /au", b"GET /auth/envoy/ HTTP/1.1\r\nHost: a", request(more=b"Content-Length: 9\r\n", body=b"12")):
        SLOW.append((Http(envoy_port()).say(text), time.monotonic()))
    for text in (b"GET /auth/envoy/aaaaaaaaaaaaaaaaaaaaaaaaaaaa", request()[:-2] + b"X: aaaaaaaaaaaaaaaaaaaaaaaaaaaa"):
        connection = Http(envoy_port())
        SLOW.append((connection, time.monotonic()))
        threading.Thread(target=drip, args=(connection.say(text[:-28]), text[-28:]), daemon=True).start()


def test_answers():
    """a connection carries one question after the other, pipelined ones too, and answers by its dialect"""
    with Http(envoy_port()) as proxy:
        for _ in range(50):
            equal(reason(proxy.ask(request())), (200, "allowed"))
            answer = proxy.ask(request(host="v.example.com"))
            equal(reason(answer), (403, "certificate_required"))
            equal(json.loads(answer[2])["id"], answer[1]["x-mtls-id"][0])
        proxy.say(request() * 200)
        for _ in range(200):
            equal(proxy.answer()[0], 200)
        equal(reason(proxy.ask(request(method="PROPFIND"))), (200, "allowed"))
        equal(proxy.say(request(method="HEAD", host="v.example.com")).answer(head=True)[0], 403)
        equal(reason(proxy.ask(request(more=b"Content-Length: 60000\r\n", body=b"x" * 60000))), (200, "allowed"))
    pki = certificates()
    with Http(nginx_port()) as proxy:
        answer = proxy.ask(nginx("v.example.com", pki.path("bob").read_text()))
        equal(reason(answer), (200, "allowed"))
        equal(answer[1]["cf-cert-verified"], ["true"])
        answer = proxy.ask(nginx("w.example.org"))
        equal((*reason(answer), answer[1].get("x-mtls-status")), (403, "host_unknown", None))
        answer = proxy.ask(nginx("v.example.com", pki.path("foreign").read_text()))
        equal(reason(answer), (403, "certificate_invalid"))
        answer = proxy.ask(nginx("v.example.com", "rubbish"))
        equal((*reason(answer), answer[1]["x-mtls-status"]), (403, "bad_request", ["400"]))
        equal(reason(proxy.ask(nginx())), (200, "allowed"))


def test_sockets():
    """unix sockets with permissions and peers"""
    here = agent().path.parent
    equal(os.stat(here / "http.sock").st_mode & 0o777, 0o600)
    text = (b"GET /auth/caddy HTTP/1.1\r\nHost: x\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Uri: /\r\nX-Forwarded-Host: api.example.com\r\n"
            b"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\r\n")
    with Http(str(here / "http.sock")) as proxy:
        for _ in range(3):
            equal(reason(proxy.ask(text)), (200, "allowed"))
    with Http(str(here / "other.sock")) as proxy:
        equal(proxy.ask(request()), None)


def test_wrong_questions():
    """what is HTTP and no question of this dialect is a denial, and the connection goes on"""
    questions = [request("/"), request("/auth/nginx"), request("/auth/envoyx"), request("/AUTH/ENVOY/"), request("//auth/envoy/"),
                 request("/%61uth/envoy/"), request("/auth/./envoy/"), request("*"), request("*", method="OPTIONS"),
                 request("http://api.example.com/auth/envoy/"), request("api.example.com:443", method="CONNECT"), request("auth/envoy/"),
                 request("/auth/envoy/a%00b"), request("/auth/envoy/a%2fb"), request("/auth/envoy/../../x"),
                 request(host="\xff\xfe"), request(host=""), request(host="a,b"), request(host="api.example.com@evil"),
                 request(more=b"Host: api.example.com\r\n"), request(more=b"X-Forwarded-Client-Cert: Hash=00\r\n" * 2),
                 request(more=b"x_forwarded_client_cert: Hash=00\r\n"), request(more=b"Client-Cert: :AAAA:\r\nX-Forwarded-Client-Cert: Hash=00\r\n"),
                 request(more=b"X-Forwarded-Client-Cert: \xff\r\n"), request(more=b"X: a\x01b\r\n"), request(more=b"X-SSL-SNI: a\r\nX-SSL-SNI: a\r\n")]
    with Http(envoy_port()) as proxy:
        for question in questions:
            answer = proxy.ask(question)
            assert answer and 400 <= answer[0] < 500, (question, answer)
            assert answer[1]["x-mtls-id"], question
            if question.startswith(b"CONNECT"):
                assert proxy.ended()
                proxy.__init__(envoy_port())
        equal(reason(proxy.ask(request())), (200, "allowed"))


def test_no_http():
    """bytes that are no HTTP/1.x, or of doubtful length, end the connection with a refusal, or without a word"""
    big = b"X: " + b"x" * 300000
    for text in (b"\x00", b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET\r\n\r\n", b"\r\n" * 50000 + b"x\r\n\r\n",
                 request("/auth/envoy/a\0b"), request(more=b"X: a\0b\r\n"), request(more=b"X: a\r\n b\r\n"), request().replace(b"\r\n", b"\n"),
                 request(more=b"Content-Length: 1\r\nContent-Length: 2\r\n", body=b"ab"), request(more=big + b"\r\n"), request("/auth/envoy/" + "x" * 300000),
                 request(more=b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", body=b"0\r\n\r\n"), request(more=b"a: b\r\n" * 30000),
                 request(more=b"Content-Length: 99999999\r\n", body=b"x" * 70000), b"GET /auth/envoy/ HTTP/1.1\r\n" + b"A" * 300000):
        with Http(envoy_port()) as proxy:
            # Behind all of these stands a request that must not be taken for one.
            answer = proxy.say(text + request()).say(b"\r\n\r\n").answer()
            assert answer is None or 400 <= answer[0] <= 505, (text[:60], answer)
            assert answer is None or proxy.ended(), text[:60]
    with Http(envoy_port()) as proxy:
        proxy.say(request(method="POST", more=b"Transfer-Encoding: chunked\r\n"))
        for _ in range(40):
            proxy.say(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        equal(proxy.answer()[0], 403)
        assert proxy.ended()


def test_half_closed():
    """who closes its own half still gets its answer"""
    with Http(envoy_port()) as proxy:
        proxy.say(request())
        proxy.socket.shutdown(socket.SHUT_WR)
        equal(proxy.answer()[0], 200)
        # It is noticed soon, though no packet tells of it any more.
        proxy.socket.settimeout(3)
        assert proxy.ended()


def test_flood():
    """a thousand connections that come and go, and as many with rubbish, leave nothing behind"""
    for i in range(1000):
        connection = Http(envoy_port())
        if i % 2:
            connection.say(b"x" + os.urandom(40).replace(b"\n", b"x") + b"\r\n\r\n")
        connection.close()
    with Http(envoy_port()) as proxy:
        equal(reason(proxy.ask(request())), (200, "allowed"))
    agent().wait(lambda: agent().status()["connections"] <= len(SLOW))


def test_told():
    """status, metrics and the decision log tell of HTTP as of the other fronts"""
    status = agent().status()
    equal([(row["kind"], row.get("dialect")) for row in status["listeners"]][:3], [("spop", None), ("http", "envoy"), ("http", "nginx")])
    page = agent().get("/metrics")[1]
    contains(page, 'mtlsguard_http_requests_total{dialect="nginx"} 5', 'mtlsguard_http_answers_total{dialect="nginx",verdict="deny"} 3',
             "mtlsguard_http_malformed_total")
    connection = agent().spop()
    connection.ask()
    connection.close()
    with Http(nginx_port()) as proxy:
        proxy.ask(nginx("v.example.com", certificates().path("bob").read_text()))
    agent().wait(lambda: '"v.example.com"' in agent().out().splitlines()[-1])
    rows = [json.loads(line) for line in agent().out().splitlines()]
    equal(rows[-1]["verdict"], "allow")
    equal(rows[-1]["src"], "192.0.2.7")
    assert set(rows[-2]) <= set(rows[-1]), (rows[-2], rows[-1])


def tls_context(pki, name):
    context = ssl.create_default_context(cafile=str(pki.path("partners")))
    context.check_hostname = False
    context.set_alpn_protocols(["http/1.1"])
    if name:
        context.load_cert_chain(pki.path(name), pki.key(name))
    return context


def test_tls():
    """TLS with client certificates: the same questions; nobody without a certificate, nobody without TLS"""
    pki = certificates()
    path = config("http-tls", hosts=HOSTS, listen=f'http = {{ {{ "127.0.0.1:0", tls = {{ certificate = "{pki.path("server")}", '
                  f'key = "{pki.key("server")}", client_authorities = "{pki.path("partners")}" }} }} }}, spop = {{}}, {CONTROL}')
    own = Agent(path)
    address = ("127.0.0.1", own.port("http"))
    with Http(address, tls_context(pki, "bob")) as proxy:
        equal(proxy.socket.selected_alpn_protocol(), "http/1.1")
        for _ in range(20):
            equal(reason(proxy.ask(request())), (200, "allowed"))
            equal(reason(proxy.ask(request(host="v.example.com"))), (403, "certificate_required"))
        # More than the buffers on the way hold, by a proxy that does not read.
        sender = threading.Thread(target=proxy.say, args=(request(more=b"X: " + b"x" * 4000 + b"\r\n") * 3000,))
        sender.start()
        time.sleep(0.5)
        for _ in range(3000):
            equal(proxy.answer()[0], 200)
        sender.join()
    for bad in (tls_context(pki, None), None):
        try:
            with Http(address, bad) as proxy:
                equal(proxy.ask(request()), None)
        except OSError:
            pass
    contains(own.log(), "the TLS handshake failed")
    agent_wait = own.wait(lambda: own.status()["connections"] == 0 or None)
    assert agent_wait
    with Http(address, tls_context(pki, "bob")) as proxy:
        equal(proxy.ask(request())[0], 200)
        own.signal(signal.SIGTERM)
        own.wait_log("draining")
        answer = proxy.ask(request())
        equal((answer[0], answer[1]["connection"]), (200, ["close"]))
        assert proxy.ended()
    equal(own.ended(), 0)


def test_cap():
    """at limits.connections the next proxy waits until another leaves"""
    own = Agent(config("http-cap", hosts=HOSTS, listen=f'spop = {{}}, http = {{ "127.0.0.1:0" }}, {CONTROL}', more="limits = { connections = 2 },"))
    address = ("127.0.0.1", own.port("http"))
    first = [Http(address), Http(address)]
    for proxy in first:
        equal(proxy.ask(request())[0], 200)
    third = Http(address).say(request())
    third.socket.settimeout(0.3)
    try:
        third.answer()
        raise AssertionError("served above the cap")
    except TimeoutError:
        pass
    first[0].close()
    # A file is of no use after it has run out of time.
    third.socket.settimeout(10)
    third.file = third.socket.makefile("rb")
    equal(third.answer()[0], 200)
    for proxy in (first[1], third):
        proxy.close()
    own.stop()


SPIN = """local M = {}
function M.fetch(request) local n = 0 for i = 1, 20000 do n = n + i end return fetch(request) end
return M
"""


class Load(threading.Thread):
    """Asks as fast as it can until told to stop, connecting again where the agent says close; notes what was wrong."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.good, self.wrong, self.over = address, 0, [], False
        self.proxy = Http(address)
        self.start()

    def run(self):
        while not self.over:
            try:
                answer = self.proxy.ask(request(host="w.example.com"))
                if answer is None or answer[0] != 200:
                    self.wrong.append(answer)
                    return
                self.good += 1
                if answer[1].get("connection") == ["close"]:
                    return
            except OSError as why:
                self.wrong.append(why)
                return


def test_reload_and_drain_under_load():
    """SIGHUP while requests and calls of workers are under way loses none of them; draining answers what comes and ends"""
    here = config("http-load").parent
    write(here / "spin.lua", SPIN)
    path = config("http-load", hosts=HOSTS, listen=f'spop = {{}}, http = {{ "127.0.0.1:0" }}, {CONTROL}',
                  more='workers = { { name = "spin", script = "spin.lua", routes = { "w.example.com/*" } } },')
    own = Agent(path)
    address = ("127.0.0.1", own.port("http"))
    threads = [Load(address) for _ in range(8)]
    for i in range(1, 6):
        before = sum(thread.good for thread in threads)
        own.signal(signal.SIGHUP)
        own.wait(lambda: own.status()["reloads"]["succeeded"] >= i)
        own.wait(lambda: sum(thread.good for thread in threads) > before + 20)
    equal([thread.wrong for thread in threads if thread.wrong], [])
    own.signal(signal.SIGTERM)
    for thread in threads:
        thread.join(10)
        thread.over = True
    equal([thread.wrong for thread in threads if thread.wrong], [])
    for thread in threads:
        assert thread.proxy.ended()
    equal(own.ended(), 0)


def test_slow_peers_end():
    """ten seconds after they came, slow peers are closed; nobody got an allow"""
    for connection, begun in SLOW:
        connection.socket.settimeout(max(0.1, begun + 12.5 - time.monotonic()))
        assert connection.ended()
    contains(agent().get("/metrics")[1], f"mtlsguard_http_timeouts_total {len(SLOW)}")
    agent().stop()


if __name__ == "__main__":
    main(globals())
