#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How a real Envoy reaches the agent: a unix socket, TLS, TLS with certificates; and an agent that drains or tells Envoy to move."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import os  # noqa: E402

os.environ.setdefault("HAPROXY", "none")

from setting import FOLDER, Agent, Client, Tests, ask, equal, free_port, main, make_pki, settings, start_origin, wait_for  # noqa: E402
import envoy  # noqa: E402

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

    def __init__(self, name, entry, edits, port):
        folder = FOLDER / name
        self.agent = Agent(folder / "agent", settings(pki, listen={"spop": [], "grpc": [entry]}))
        self.agent.start()
        self.front = envoy.Envoy(os.environ["ENVOY"], "grpc.yaml", folder / "envoy", pki.path("server").parent, port, origin.port, edits=edits)
        self.front.start()

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


if __name__ == "__main__":
    sys.exit(main(tests))
