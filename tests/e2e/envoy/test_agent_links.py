#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a real Envoy reaches the agent: a unix socket, TLS, TLS with certificates; and an agent that drains or tells Envoy to move."""
import signal
import sys
import time

from stand import FOLDER, Agent, Client, Tests, ask, equal, free_port, main, make_pki, settings, start_envoy, start_origin, wait_for

TCP = "address: { socket_address: { address: 127.0.0.1, port_value: 9641 } }"
UPSTREAM = """    type: STATIC
    connect_timeout: 0.2s
"""
TLS = """    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context:
          alpn_protocols: [h2]
          validation_context: {{ trusted_ca: {{ filename: {pki}/partners.pem }} }}
{own}"""
OWN = "          tls_certificates: [ {{ certificate_chain: {{ filename: {pki}/{name}.pem }}, private_key: {{ filename: {pki}/{name}.key }} }} ]\n"

tests = Tests()
pki = make_pki()
pki.issue("proxy", "/O=Example/CN=envoy", issuer="devices")
pki.issue("ed25519", "/O=Example/OU=admin/CN=ed", issuer="partners", algorithm="ed25519")
origin = start_origin()


class Setting:
    """One agent with that entry as its only gRPC listener, and an Envoy that reaches it so."""

    def __init__(self, name, entry, edits, port, **more):
        folder = FOLDER / name
        self.agent = Agent(folder / "agent", settings(pki, listen={"spop": [], "grpc": [entry]}, **more))
        self.agent.start()
        self.front = start_envoy("grpc.yaml", folder / "envoy", pki, port, origin, edits)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.front.stop()
        self.agent.stop()

    def ask(self, name):
        return ask(self.front.port, pki.both(name) if name else None)

    def works(self):
        wait_for("an answer", lambda: self.ask("alice").status == 200, 10)
        equal((self.ask("foreign").status, self.ask("foreign").reason), (403, "certificate_invalid"))
        equal(self.ask(None).reason, "certificate_required")


def tls(own=None):
    text = TLS.format(pki=pki.path("server").parent, own=OWN.format(pki=pki.path("server").parent, name=own) if own else "")
    return [(UPSTREAM, UPSTREAM + text)]


@tests
def by_a_unix_socket():
    path = FOLDER / "grpc.sock"
    with Setting("unix", {1: f"unix:{path}", "chain": "xfcc"}, [(TCP, f"address: {{ pipe: {{ path: {path} }} }}")], None) as this:
        equal(path.stat().st_mode & 0o777, 0o660)
        this.works()
        equal(this.ask("ed25519").status, 200)


@tests
def over_tls():
    port = free_port()
    entry = {1: f"127.0.0.1:{port}", "chain": "xfcc", "tls": {"certificate": pki.path("server"), "key": pki.key("server")}}
    with Setting("tls", entry, tls(), port) as this:
        this.works()
    with Setting("plain", entry, [], port) as this:
        # In the clear nobody gets through.
        for name in ("alice", None):
            equal(this.ask(name).status, 503)


@tests
def over_tls_with_certificates():
    port = free_port()
    entry = {1: f"127.0.0.1:{port}", "chain": "xfcc", "tls": {"certificate": pki.path("server"), "key": pki.key("server"),
                                                               "client_authorities": pki.path("devices")}}
    with Setting("mtls", entry, tls("proxy"), port) as this:
        this.works()
    # None at all, and one of an authority that is not for proxies.
    for name in (None, "bob"):
        with Setting(f"mtls-{name}", entry, tls(name), port) as this:
            equal(this.ask("alice").status, 503)
            equal(this.ask(None).status, 503)
            wait_for("a complaint", lambda: "the TLS handshake failed" in this.agent.output(), 5)


def questions(client, until, most=10.0):
    """Asks until that holds; every answer must be an allow. Returns how many."""
    count, end = 0, time.monotonic() + most
    while not until():
        equal(client.request().status, 200)
        count += 1
        assert time.monotonic() < end, "it takes too long"
    return count


@tests
def a_draining_agent_is_left_for_another():
    ports = [free_port(), free_port()]
    one = "{ endpoint: { " + TCP + " } }"
    other = Agent(FOLDER / "drain" / "other", settings(pki, listen={"spop": [], "grpc": [{1: f"127.0.0.1:{ports[1]}", "chain": "xfcc"}]})).start()
    entry = {1: f"127.0.0.1:{ports[0]}", "chain": "xfcc"}
    try:
        with Setting("drain", entry, [(f"[ {one} ]", f"[ {one}, {one.replace('9641', str(ports[1]))} ]")], ports[0]) as this, \
                Client(this.front.port, certificate=pki.both("alice")) as client:
            asked = f"mtlsguard::127.0.0.1:{ports[0]}::rq_total::"

            def total():
                return next(int(line.rpartition("::")[2]) for line in this.front.get("/clusters")[1].splitlines() if line.startswith(asked))

            wait_for("both", lambda: this.front.get("/clusters")[1].count("::health_flags::healthy") >= 2 and
                     client.request().status == 200 and total() > 0, 10)
            this.agent.send(signal.SIGTERM)
            # Envoy hears that it does not serve, or sees it go; until then and after that it is answered.
            count = questions(client, lambda: not this.agent.running())
            equal(this.agent.wait(1), 0)
            for _ in range(50):
                equal(client.request().status, 200)
            print(f"# {count} questions while it drained", flush=True)
    finally:
        other.stop()


@tests
def an_old_connection_is_told_to_end():
    port = free_port()
    with Setting("age", {1: f"127.0.0.1:{port}", "chain": "xfcc"}, [], port, limits={"connection_age": 1}) as this:
        wait_for("an answer", lambda: this.ask("alice").status == 200, 10)

        def stat(name):
            return int(this.front.get(f"/stats?filter={name}$")[1].split(f"{name}: ")[1].split()[0])

        with Client(this.front.port, certificate=pki.both("alice")) as client:
            # Envoy asks over another one each time, and nobody notices.
            count = questions(client, lambda: stat("cluster.mtlsguard.upstream_cx_total") >= 3)
        equal(stat("http.edge.ext_authz.error"), 0)
        assert "mtlsguard_grpc_aged_total 0" not in this.agent.get("/metrics")[1]
        print(f"# {count} questions over three connections", flush=True)


if __name__ == "__main__":
    sys.exit(main(tests))
